//! Emits what it should not.

use crate::bindings::exhibit::connector::evidence::{Item, Origin, Population};
use crate::{Failure, Settings, say};

fn item(body_json: &str, exchange_id: &str) -> Item {
    let origin = Origin { exchange_id: exchange_id.to_owned(), pointer: "/0".to_owned() };
    Item {
        key: "one".to_owned(),
        occurred_at_ms: None,
        body_json: body_json.to_owned(),
        origins: vec![origin],
    }
}

fn users() -> Population {
    Population::new("identity.account@1", "all users")
}

pub fn malformed(_: &Settings) -> Result<(), Failure> {
    let users = users();
    for body in ["{", "", "[1,2", "\u{0}", r#"{"attributes":{"a":1,"a":2}}"#] {
        say(&format!("{:?}", users.emit(&[item(body, "0.0.0")])));
    }
    Ok(())
}

/// One record of `bytes`.
pub fn huge(settings: &Settings) -> Result<(), Failure> {
    let body = "x".repeat(settings.number("bytes") as usize);
    say(&format!("{:?}", users().emit(&[item(&body, "0.0.0")])));
    Ok(())
}

/// Many records in one call.
pub fn huge_call(settings: &Settings) -> Result<(), Failure> {
    let body = "x".repeat(1 << 20);
    let items: Vec<Item> = (0..settings.number("count")).map(|_| item(&body, "0.0.0")).collect();
    say(&format!("{:?}", users().emit(&items)));
    Ok(())
}

pub fn undeclared_kind(_: &Settings) -> Result<(), Failure> {
    let odd = Population::new("made.up@1", "everything");
    say(&format!("{:?}", odd.emit(&[item("{}", "0.0.0")])));
    say(&format!("{:?}", odd.seal(None)));
    Ok(())
}

pub fn foreign_origin(_: &Settings) -> Result<(), Failure> {
    let users = users();
    say(&format!("{:?}", users.emit(&[item("{}", "not-an-exchange")])));
    say(&format!("{:?}", users.from_exchange("1.2")));
    Ok(())
}
