//! A connector that breaks one rule at a time, so that the check of each rule is seen to find it. With the setting
//! `how` as `tidy` it breaks none.

use exhibit_sdk::kinds::{Account, Activity, Resource};
use exhibit_sdk::prelude::*;
use std::hash::{BuildHasher as _, RandomState};

const ORIGIN: &str = "https://careless.example";

/// A source's settings.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    how: String,
}

impl Settings {
    fn is(&self, how: &str) -> bool {
        self.how == how
    }
}

#[derive(Debug, Deserialize)]
struct User {
    id: String,
    login: String,
    password: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Event {
    id: String,
    at: Timestamp,
    action: String,
}

/// The connector.
pub struct Careless;

impl Connector for Careless {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("Careless", "Users and a log, with one rule broken")
            .setting(Setting::text("how", "Which rule is broken"))
            .kind::<Account>("Which accounts are there?")
            .kind::<Activity>("What happened?")
            .permission("read", "everything", &[Account::KIND, Activity::KIND])
    }

    fn check(ctx: &Context, _: &Settings) -> Result<String> {
        #[derive(Deserialize)]
        struct Me {
            tenant: String,
        }
        Ok(get(ctx, "/api/me").send()?.json::<Me>()?.tenant)
    }

    fn collect(ctx: &Context, settings: &Settings) -> Result<()> {
        match settings.how.as_str() {
            "opens another kind" => drop(ctx.population::<Resource>("what nobody asked for").seal()),
            "asks elsewhere" => drop(ctx.get("https://elsewhere.example/api/users").send()),
            "sets a credential" => drop(get(ctx, "/api/me").header("authorization", "Bearer mine").send()),
            "asks for ever" => ask_for_ever(ctx),
            "crashes" => crash(ctx),
            _ => {}
        }
        let all_kinds = settings.is("collects every kind");
        let users = if all_kinds || ctx.wants::<Account>() { users(ctx, settings) } else { Ok(()) };
        let log = if all_kinds || ctx.wants::<Activity>() { log(ctx, settings) } else { Ok(()) };
        all([users, log])
    }
}

exhibit_sdk::export!(Careless);

fn get(ctx: &Context, path: &str) -> Request {
    ctx.get(format!("{ORIGIN}{path}")).auth("careless")
}

fn users(ctx: &Context, settings: &Settings) -> Result<()> {
    let mut accounts = ctx.population::<Account>("all users and bots");
    let mut found = Vec::new();
    for path in ["/api/users", "/api/users/bots"] {
        for page in get(ctx, path).paged(Paging::link_header().items("")).pages() {
            match page {
                Ok(page) => found.extend(accounts.items::<User>(&page)?),
                Err(_) if settings.is("seals what was refused") => break,
                Err(failure) => return Err(failure),
            }
        }
    }
    if settings.is("emits in no order") {
        let state = RandomState::new();
        found.sort_by_key(|user| state.hash_one(&user.id));
    }
    for (place, user) in found.iter().enumerate() {
        if settings.is("forgets one") && user.id == "u1" {
            continue;
        }
        if settings.is("logs a secret") {
            debug!("{} signs in with {}", user.login, user.password.as_deref().unwrap_or("nothing"));
        }
        let key = if settings.is("counts for keys") { place.to_string() } else { user.id.clone() };
        let mut account = Account::new(&user.login);
        if settings.is("records the time") {
            account.created_at = Some(ctx.started_at());
        }
        if settings.is("keeps a secret") {
            account.display_name.clone_from(&user.password);
        }
        accounts.emit(user.record(key, account))?;
    }
    accounts.seal()
}

fn log(ctx: &Context, settings: &Settings) -> Result<()> {
    let mut activity = ctx.wanted::<Activity>("the log");
    let mut list = get(ctx, "/api/log");
    let mut window = ctx.window();
    if settings.is("forgets the window") {
        window = Span { start: Timestamp::from_ms(0), end: Timestamp::from_ms(u64::MAX) };
    } else {
        list = list.query("since", window.start.to_string()).query("until", window.end.to_string());
    }
    for page in list.paged(Paging::single().items("/events")).pages() {
        let record = |event: &Item<Event>| Some(event.record(&event.id, Activity::new(&event.action)));
        activity.events(&page?, window, |event: &Event| event.at, record, "")?;
    }
    activity.seal()
}

/// Looks for the last page by itself, and takes no error for an answer.
fn ask_for_ever(ctx: &Context) {
    for page in 0_u64.. {
        let answer = get(ctx, "/api/pages").query("page", page.to_string()).send();
        if answer.is_ok_and(|page| page.json::<Vec<u64>>().is_ok_and(|items| items.is_empty())) {
            break;
        }
    }
}

/// Takes what is answered for what it should be.
#[allow(clippy::unwrap_used, reason = "this is what is to be found")]
fn crash(ctx: &Context) {
    get(ctx, "/api/pages").query("page", "0").send().unwrap().json::<Vec<u64>>().unwrap();
}
