//! Who was given access, and from whom it was taken: in the ledger, also where it was done on the command line while
//! the service had the store.

use super::app::App;
use super::tokens::{Change, Entry, TokenError};
use exhibit_evidence::canonical::Value;
use exhibit_evidence::digest::Digest;
use exhibit_ledger::statement::{LeafKind, Statement};
use exhibit_pipeline::host::Host;
use std::time::Duration;

/// How soon a change is in the ledger.
const OFTEN: Duration = Duration::from_secs(2);

/// Puts changes of tokens into the ledger as long as the service runs. What fails is tried again.
pub(crate) async fn watch(app: App) {
    let mut often = tokio::time::interval(OFTEN);
    often.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        often.tick().await;
        if app.tokens().is_unrecorded().unwrap_or_default() {
            let app = app.clone();
            let _ = tokio::task::spawn_blocking(move || now(&app)).await;
        }
    }
}

/// Puts them there now.
///
/// # Errors
/// [`TokenError`]; it stays marked, and [`watch`] tries again.
pub(crate) fn now(app: &App) -> Result<(), TokenError> {
    let host = app.host();
    app.tokens().record(|entry, change| leaf(&host, entry, &change))
}

fn leaf(host: &Host, entry: &Entry, change: &Change) -> Result<u64, String> {
    let text = |text: &str| Value::String(text.to_owned());
    let (act, at, by) = match change {
        Change::Added => ("token-added", entry.created_at, entry.created_by.as_str()),
        Change::Revoked => (
            "token-revoked",
            entry.revoked_at.unwrap_or_default(),
            entry.revoked_by.as_deref().unwrap_or_default(),
        ),
    };
    let mut facts = vec![
        ("act".to_owned(), text(act)),
        ("at".to_owned(), text(&at.to_string())),
        ("by".to_owned(), text(by)),
        ("name".to_owned(), text(entry.name.as_str())),
        ("role".to_owned(), text(entry.role.word())),
    ];
    if let Some(engagement) = entry.role.engagement() {
        facts.push(("engagement".to_owned(), text(engagement.name())));
    }
    if let Some(end) = entry.expires_at {
        facts.push(("expires_at".to_owned(), text(&end.to_string())));
    }
    // The subject is the token, by a digest of the digest that is kept: neither opens anything.
    let subject = Digest::of(entry.hash.as_bytes());
    let statement =
        Statement::new(LeafKind::Settings, format!("tokens/{}", entry.name), subject, Value::object(facts));
    let leaf = statement.to_leaf(&host.signer).map_err(|error| error.to_string())?;
    Ok(host.store.append_leaf(&leaf, None).map_err(|error| error.to_string())?.leaf)
}
