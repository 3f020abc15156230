//! Claims more than it did: that it read everything, that there was more, that it has records of its own.

use crate::bindings::exhibit::connector::evidence::{Item, Origin, Population};
use crate::bindings::exhibit::connector::fetch::Pages;
use crate::{Failure, Settings, fail, get};

/// Opens the list at `base`, three items a page and then another page, and lies about it as `how` says.
pub fn collect(settings: &Settings) -> Result<(), Failure> {
    let accounts = Population::new("identity.account@1", "all accounts");
    let mut request = get(&format!("{}/api/two-pages", settings.text("base")));
    request.paging = Some(r#"{"scheme":"link-header","items":""}"#.to_owned());
    let pages = Pages::new(&request);
    let first = pages.next().map_err(fail::fetch)?.expect("a first page").exchange_id;
    let emit = |numbers: std::ops::Range<u64>, exchange: &str| {
        let items: Vec<Item> = numbers.map(|number| account(number, exchange)).collect();
        accounts.emit(&items)
    };
    match settings.text("how") {
        // Half of what came, and the rest is not mentioned.
        "half" => {
            while pages.next().map_err(fail::fetch)?.is_some() {}
            emit(0..2, &first).map_err(fail::text)?;
        }
        // The first page only.
        "stop" => {
            emit(0..3, &first).map_err(fail::text)?;
        }
        // Two items that the page does not have.
        "more" => {
            while pages.next().map_err(fail::fetch)?.is_some() {}
            emit(0..5, &first).map_err(fail::text)?;
        }
        // An exchange that there was not.
        "elsewhere" => {
            emit(0..1, "7.0.0").map_err(fail::text)?;
        }
        // Nothing at all; "there are none".
        "nothing" => return Population::new("identity.account@1", "all").seal(Some(0)).map_err(fail::text),
        // Everything is left out on purpose, and then some.
        "filtered" => {
            while pages.next().map_err(fail::fetch)?.is_some() {}
            accounts.from_exchange(&first).map_err(fail::text)?;
            accounts.filtered(u64::MAX, "not in scope").map_err(fail::text)?;
        }
        how => return Err(fail::config(how)),
    }
    accounts.seal(Some(4)).map_err(fail::text)
}

fn account(number: u64, exchange: &str) -> Item {
    let origin = Origin { exchange_id: exchange.to_owned(), pointer: format!("/{number}") };
    Item {
        key: format!("user-{number}"),
        occurred_at_ms: None,
        body_json: r#"{"attributes":{"login":"user@example.com"}}"#.to_owned(),
        origins: vec![origin],
    }
}
