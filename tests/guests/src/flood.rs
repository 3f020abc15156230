//! Floods the sink, the log, standard output, the record of requests; and talks too much without flooding.

use crate::bindings::exhibit::connector::evidence::{Item, Population};
use crate::bindings::exhibit::connector::fetch::send_all;
use crate::{Failure, Settings, get, say};

pub fn sink(settings: &Settings) -> Result<(), Failure> {
    let users = Population::new("identity.account@1", "all users");
    let body_json = "x".repeat(settings.number("bytes") as usize);
    loop {
        // A guest that does not listen.
        let item = Item {
            key: "same".to_owned(),
            occurred_at_ms: None,
            body_json: body_json.clone(),
            origins: Vec::new(),
        };
        let _ = users.emit(&[item]);
    }
}

pub fn log(_: &Settings) -> Result<(), Failure> {
    loop {
        say(&"log ".repeat(1000));
    }
}

pub fn chatter(settings: &Settings) -> Result<(), Failure> {
    for _ in 0..settings.number("count") {
        say(&"chatter ".repeat(16));
    }
    println!("this line is too much");
    Ok(())
}

pub fn stdout(_: &Settings) -> Result<(), Failure> {
    loop {
        println!("{}", "out ".repeat(1000));
    }
}

/// Asks and asks, each time for a URL of `bytes`, and does not care for the answer.
pub fn requests(settings: &Settings) -> Result<(), Failure> {
    let url = format!("{}?{}", settings.users(), "q".repeat(settings.number("bytes") as usize));
    loop {
        let _ = send_all(&[get(&url), get(&url)]);
    }
}
