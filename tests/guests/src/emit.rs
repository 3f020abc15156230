//! Emits what it should not. With the setting `base` it reads `BASE/api/users` first, so that there is something to cite.

use crate::bindings::exhibit::connector::evidence::{Item, Origin, Population};
use crate::bindings::exhibit::connector::fetch::send;
use crate::{Failure, Settings, fail, get, say};

fn item(key: &str, body_json: &str, exchange_id: &str) -> Item {
    let origin = Origin { exchange_id: exchange_id.to_owned(), pointer: "/0".to_owned() };
    Item { key: key.to_owned(), occurred_at_ms: None, body_json: body_json.to_owned(), origins: vec![origin] }
}

fn users(settings: &Settings) -> Result<Population, Failure> {
    let users = Population::new("identity.account@1", "all users");
    if !settings.text("base").is_empty() {
        send(&get(&settings.users())).map_err(fail::fetch)?;
    }
    Ok(users)
}

pub fn malformed(settings: &Settings) -> Result<(), Failure> {
    let users = users(settings)?;
    for body in ["{", "", "[1,2", "\u{0}", r#"{"attributes":{"a":1,"a":2}}"#] {
        say(&format!("{:?}", users.emit(&[item("one", body, "0.0.0")])));
    }
    Ok(())
}

/// Keys that would break a line, a terminal or a file's name.
pub fn odd_keys(settings: &Settings) -> Result<(), Failure> {
    let users = users(settings)?;
    let body = r#"{"attributes":{"login":"user@example.com"}}"#;
    let long = "k".repeat(100_000);
    for key in ["", "nul\0", "two\nlines", "\u{1b}[2J", "del\u{7f}", "c1\u{85}", &long, "../../etc/passwd"] {
        users.emit(&[item(key, body, "0.0.0")]).map_err(fail::text)?;
    }
    Ok(())
}

/// The same key `count` times: half of them with the same record, half with another each.
pub fn duplicates(settings: &Settings) -> Result<(), Failure> {
    let users = users(settings)?;
    let half = settings.number("count") / 2;
    let body = |login: u64| format!(r#"{{"attributes":{{"login":"user-{login}@example.com"}}}}"#);
    let same = body(0);
    for start in (0..half).step_by(1000) {
        let items: Vec<Item> =
            (start..half.min(start + 1000)).map(|_| item("same", &same, "0.0.0")).collect();
        users.emit(&items).map_err(fail::text)?;
    }
    for start in (0..half).step_by(1000) {
        let numbers = start..half.min(start + 1000);
        let items: Vec<Item> = numbers.map(|n| item("same", &body(n + 1), "0.0.0")).collect();
        users.emit(&items).map_err(fail::text)?;
    }
    users.seal(None).map_err(fail::text)
}

/// One record of `bytes`.
pub fn huge(settings: &Settings) -> Result<(), Failure> {
    let body = "x".repeat(settings.number("bytes") as usize);
    say(&format!("{:?}", users(settings)?.emit(&[item("one", &body, "0.0.0")])));
    Ok(())
}

/// Many records in one call.
pub fn huge_call(settings: &Settings) -> Result<(), Failure> {
    let body = "x".repeat(1 << 20);
    let items: Vec<Item> = (0..settings.number("count")).map(|_| item("one", &body, "0.0.0")).collect();
    say(&format!("{:?}", users(settings)?.emit(&items)));
    Ok(())
}

/// Populations without end.
pub fn populations(settings: &Settings) -> Result<(), Failure> {
    let query = "everything ".repeat(40);
    for number in 0..settings.number("count") {
        let kind = if number % 2 == 0 { "identity.account@1" } else { "made.up@1" };
        drop(Population::new(kind, &query));
    }
    Ok(())
}

pub fn undeclared_kind(_: &Settings) -> Result<(), Failure> {
    let odd = Population::new("made.up@1", "everything");
    say(&format!("{:?}", odd.emit(&[item("one", "{}", "0.0.0")])));
    say(&format!("{:?}", odd.seal(None)));
    Ok(())
}

pub fn foreign_origin(settings: &Settings) -> Result<(), Failure> {
    let users = users(settings)?;
    say(&format!("{:?}", users.emit(&[item("one", "{}", "not-an-exchange")])));
    say(&format!("{:?}", users.from_exchange("1.2")));
    Ok(())
}
