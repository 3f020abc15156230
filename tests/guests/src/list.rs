//! Reads one list as a connector should: every page, every item, its errors passed on. Whatever goes wrong is the
//! server's doing.

use crate::bindings::exhibit::connector::evidence::{Item, Origin, Population};
use crate::bindings::exhibit::connector::fetch::{Auth, Pages};
use crate::{Failure, Settings, fail, get};

/// Reads the list at `url`, or at `path` below `base`, with the scheme in `paging` and the slot in `auth`.
pub fn collect(settings: &Settings) -> Result<(), Failure> {
    let url = match settings.text("url") {
        "" => format!("{}{}", settings.text("base"), settings.text("path")),
        url => url.to_owned(),
    };
    let mut request = get(&url);
    request.paging = Some(settings.text("paging").to_owned()).filter(|scheme| !scheme.is_empty());
    let slot = settings.text("auth").to_owned();
    request.auth = Some(Auth { slot, params: Vec::new() }).filter(|auth| !auth.slot.is_empty());
    let header = settings.text("header");
    if !header.is_empty() {
        request.headers.push((header.to_owned(), "SSWS a-token-of-my-own".to_owned()));
    }
    let accounts = Population::new("identity.account@1", "all accounts");
    let pages = Pages::new(&request);
    while let Some(page) = pages.next().map_err(fail::fetch)? {
        accounts.from_exchange(&page.exchange_id).map_err(fail::text)?;
        if page.status >= 400 {
            let said = String::from_utf8_lossy(&page.body).into_owned();
            return Err(fail::text(format!("the system answered {}: {said}", page.status)));
        }
        let users: Vec<serde_json::Value> = serde_json::from_slice(&page.body)
            .map_err(|error| fail::text(format!("the answer is not a list in JSON: {error}")))?;
        for (index, user) in users.iter().enumerate() {
            accounts.emit(&[account(user, &page.exchange_id, index)]).map_err(fail::text)?;
        }
    }
    accounts.seal(None).map_err(fail::text)
}

fn account(user: &serde_json::Value, exchange_id: &str, index: usize) -> Item {
    let text = |name: &str| user.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    let origin = Origin { exchange_id: exchange_id.to_owned(), pointer: format!("/{index}") };
    let attributes = serde_json::json!({ "type": "human", "status": "active", "login": text("login") });
    Item {
        key: text("id").to_owned(),
        occurred_at_ms: None,
        body_json: serde_json::json!({ "attributes": attributes }).to_string(),
        origins: vec![origin],
    }
}
