//! Reads the accounts of {{Name}}.

mod api;
use api::{Settings, User};
use exhibit_sdk::prelude::*;

pub struct {{Name}};
exhibit_sdk::export!({{Name}});

impl Connector for {{Name}} {
    type Settings = Settings;
    fn describe() -> Description {
        Settings::describe()
    }

    fn check(ctx: &Context, s: &Settings) -> Result<String> {
        ctx.get(s.url("/api/me")).auth("{{name}}").send().map(|_| s.domain.clone())
    }

    fn collect(ctx: &Context, s: &Settings) -> Result<()> {
        let users = ctx.get(s.url("/api/users")).auth("{{name}}").paged(Paging::link_header().items(""));
        ctx.population::<Account>("all users in every status").fill(users, User::record)
    }
}
