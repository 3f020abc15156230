//! Instants as AWS writes them.

use exhibit_sdk::Timestamp;
use serde_json::Value;

/// An instant of the JSON protocols: seconds since 1970, with a fraction, or RFC 3339.
pub(crate) fn instant(value: &Value) -> Option<Timestamp> {
    if let Some(text) = value.as_str() {
        return text.parse().ok();
    }
    let seconds = value.as_f64().filter(|s| s.is_finite() && *s >= 0.0)?;
    // Beyond milliseconds is cut; `as` saturates.
    Some(Timestamp::from_ms((seconds * 1000.0).round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn instants() {
        // `date -u -d @1700000000`: 2023-11-14 22:13:20.
        let text = |value: Value| instant(&value).map(|at| at.to_string());
        assert_eq!(text(json!(1_700_000_000)).as_deref(), Some("2023-11-14T22:13:20.000Z"));
        assert_eq!(text(json!(1_700_000_000.25)).as_deref(), Some("2023-11-14T22:13:20.250Z"));
        assert_eq!(text(json!("2023-11-14T22:13:20.5Z")).as_deref(), Some("2023-11-14T22:13:20.500Z"));
        assert_eq!((text(json!(null)), text(json!(-1)), text(json!("soon"))), (None, None, None));
    }
}
