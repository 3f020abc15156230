//! Does what a connector should: reads facts, asks, emits `count` records, seals, keeps a cursor.

use crate::bindings::exhibit::connector::evidence::{Item, Origin, Population};
use crate::bindings::exhibit::connector::{fetch, log, run, state};
use crate::{Failure, Settings, fail, get};

pub fn collect(settings: &Settings) -> Result<(), Failure> {
    let window = run::window();
    let facts = format!(
        "{} {} {} {} {:?}",
        run::run_id(),
        run::started_at_ms(),
        window.start_ms,
        window.end_ms,
        run::kinds()
    );
    log::write(log::Level::Debug, &facts, &[("count".to_owned(), settings.number("count").to_string())]);
    let mut request = get("https://api.example.com/users");
    request.auth = Some(fetch::Auth { slot: "api".to_owned(), params: Vec::new() });
    let answer = fetch::send(&request).map_err(fail::fetch)?;
    let users = Population::new("identity.account@1", "all users");
    users.from_exchange(&answer.exchange_id).map_err(fail::text)?;
    for number in 0..settings.number("count") {
        let item = Item {
            key: format!("user-{number:06}"),
            occurred_at_ms: None,
            body_json: format!(
                r#"{{"attributes":{{"login":"user-{number}@example.com","seed":"{}"}}}}"#,
                random()
            ),
            origins: vec![Origin { exchange_id: answer.exchange_id.clone(), pointer: format!("/{number}") }],
        };
        users.emit(&[item]).map_err(fail::text)?;
    }
    users.filtered(1, "a service account").map_err(fail::text)?;
    users.incomplete("the audit log is closed").map_err(fail::text)?;
    users.seal(Some(settings.number("count"))).map_err(fail::text)?;
    let before = state::get("cursor").map(|bytes| bytes.len());
    state::set("cursor", b"here").map_err(fail::text)?;
    state::delete("old");
    crate::say(&format!("cursor before: {before:?}"));
    Ok(())
}

/// Two numbers that come from the host's random and the standard library's.
fn random() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{:016x}{:016x}", wasip2::random::random::get_random_u64(), RandomState::new().hash_one(1))
}
