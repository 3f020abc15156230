//! Waits for the host, and reads lists.

use crate::bindings::exhibit::connector::fetch::{Pages, send, send_all};
use crate::{Failure, Settings, fail, get, say};

/// One request; the test's services let it wait.
pub fn collect(settings: &Settings) -> Result<(), Failure> {
    send(&get(settings.text("url"))).map_err(fail::fetch)?;
    Ok(())
}

/// A walked list, then several lists at once.
pub fn pages(_: &Settings) -> Result<(), Failure> {
    let pages = Pages::new(&get("https://api.example.com/list"));
    loop {
        match pages.next() {
            Ok(Some(page)) => say(&format!("{} {} bytes", page.exchange_id, page.body.len())),
            Ok(None) => break,
            Err(error) => return Err(fail::fetch(error)),
        }
    }
    drop(pages);
    let refused = Pages::new(&get("https://other.example.com/list"));
    say(&format!("{:?}", refused.next().map_err(|error| error.code).map(|page| page.is_some())));
    let urls = ["https://api.example.com/1", "https://other.example.com/2", "https://api.example.com/3"];
    for answer in send_all(&urls.map(get)) {
        say(&match answer {
            Ok(pages) => format!("{} pages, {}", pages.len(), pages[0].exchange_id),
            Err(error) => error.code,
        });
    }
    Ok(())
}
