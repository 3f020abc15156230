//! Addresses of pages.

use exhibit_evidence::control::ControlId;
use exhibit_evidence::exchange::ExchangeId;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::CollectionPeriod;
use exhibit_evidence::run::RunId;

/// A path with a query. Values that are empty are left out.
pub(super) fn with(path: &str, query: &[(&str, &str)]) -> String {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        text.append_pair(name, value);
    }
    let text = text.finish();
    if text.is_empty() { path.to_owned() } else { format!("{path}?{text}") }
}

/// A control over a stretch of time.
pub(super) fn control(control: &ControlId, period: &str) -> String {
    with(&format!("/controls/{control}"), &[("period", period)])
}

/// One collection period of a control.
pub(super) fn period(control: &ControlId, period: &CollectionPeriod) -> String {
    format!("/controls/{control}/{period}")
}

/// A run.
pub(super) fn run(run: &RunId) -> String {
    format!("/runs/{run}")
}

/// An exchange of a run; `at` is a place in its body.
pub(super) fn exchange(run: &RunId, exchange: &ExchangeId, at: &str) -> String {
    let link = with(&format!("/runs/{run}/exchanges/{exchange}"), &[("at", at)]);
    if at.is_empty() { link } else { format!("{link}#fact") }
}

/// A dataset, as a run left it.
pub(super) fn population(source: &SourceName, kind: &Kind, run: Option<&RunId>) -> String {
    with(&format!("/evidence/{source}/{kind}"), &[("run", run.map_or("", RunId::as_str))])
}

/// A record, as a run saw it.
pub(super) fn record(source: &SourceName, kind: &Kind, key: &str, run: Option<&RunId>) -> String {
    let run = run.map_or("", RunId::as_str);
    with(&format!("/evidence/{source}/{kind}/record"), &[("key", key), ("run", run)])
}

/// A source.
pub(super) fn source(source: &SourceName) -> String {
    format!("/sources/{source}")
}

/// A leaf of the log.
pub(super) fn leaf(index: u64) -> String {
    format!("/ledger/{index}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_system_calls_its_things_an_address_is_one_address() {
        let source: SourceName = "okta-prod".parse().unwrap();
        let kind: Kind = "identity.account@1".parse().unwrap();
        let hostile = "a/../b?x=1&y=<script>#é \"'";
        let link = record(&source, &kind, hostile, None);
        let (path, query) = link.split_once('?').unwrap();
        assert_eq!(path, "/evidence/okta-prod/identity.account@1/record");
        assert!(!query.contains(['<', '#', '"', '\'', ' ', '/']), "{query}");
        let back: Vec<(String, String)> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        assert_eq!(back, [("key".to_owned(), hostile.to_owned())]);
    }
}
