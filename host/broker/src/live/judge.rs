//! What an answer means for sending again: told by status, headers, and the error codes that AWS and Google
//! put into bodies.

use super::attempt::Answer;
use crate::pace;
use exhibit_evidence::time::Timestamp;
use std::time::Duration;

/// Codes that AWS uses for throttling: AWS SDKs and Tools Reference Guide, "Retry behavior".
const THROTTLING_CODES: [&str; 13] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottledException",
    "RequestThrottled",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "SlowDown",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
];

/// Reasons that Google puts into a 403: cloud.google.com, "Error messages", Admin SDK, "Limits and quotas".
const GOOGLE_REASONS: [&str; 4] =
    ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED"];

/// Error bodies are short; beyond this they are data.
const ERROR_BODY_BYTES_MAX: usize = 64 << 10;

/// What to do with an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is the answer.
    Keep,
    /// The server was too busy to look at the request; it says how long to wait, or not.
    Throttled(Option<Duration>),
    /// The server failed; the same request may succeed.
    Again,
}

pub(super) fn judge(answer: &Answer, now: Timestamp) -> Judgement {
    let asked = pace::retry_after(&answer.headers, now);
    let exhausted = pace::exhausted_for(&answer.headers, now);
    match answer.status {
        200..=399 | 401 | 404 => Judgement::Keep,
        429 => Judgement::Throttled(asked.or(exhausted).or_else(|| pace::reset_in(&answer.headers, now))),
        // GitHub answers 403 for both of its limits.
        403 if asked.is_some() || exhausted.is_some() => Judgement::Throttled(asked.or(exhausted)),
        503 if asked.is_some() => Judgement::Throttled(asked),
        _ if names_throttling(answer) => Judgement::Throttled(asked.or(exhausted)),
        408 | 500 | 502 | 503 | 504 => Judgement::Again,
        _ => Judgement::Keep,
    }
}

fn names_throttling(answer: &Answer) -> bool {
    if !matches!(answer.status, 400 | 403 | 500 | 503 | 509) {
        return false;
    }
    let in_header =
        answer.headers.iter().find(|(name, _)| name == "x-amzn-errortype").map(|(_, v)| v.as_str());
    let in_header = in_header.and_then(|value| value.split(':').next());
    if in_header.is_some_and(|code| THROTTLING_CODES.contains(&code)) {
        return true;
    }
    if answer.body.len() > ERROR_BODY_BYTES_MAX {
        return false;
    }
    let Ok(text) = str::from_utf8(&answer.body) else { return false };
    match text.trim_start().chars().next() {
        Some('{') => json_codes(text).iter().any(|code| {
            THROTTLING_CODES.contains(&code.as_str())
                || (answer.status == 403 && GOOGLE_REASONS.contains(&code.as_str()))
        }),
        Some('<') => xml_code(text).is_some_and(|code| THROTTLING_CODES.contains(&code)),
        _ => false,
    }
}

/// AWS: `__type` (after a `#`) or `code`. Google: `error.errors[].reason`, `error.details[].reason`.
fn json_codes(text: &str) -> Vec<String> {
    let Ok(body) = serde_json::from_str::<serde_json::Value>(text) else { return Vec::new() };
    let mut codes = Vec::new();
    for member in ["__type", "code", "Code"] {
        if let Some(code) = body.get(member).and_then(|value| value.as_str()) {
            codes.push(code.rsplit('#').next().unwrap_or_default().to_owned());
        }
    }
    for list in ["/error/errors", "/error/details"] {
        for item in body.pointer(list).and_then(|list| list.as_array()).into_iter().flatten() {
            codes.extend(item.get("reason").and_then(|reason| reason.as_str()).map(str::to_owned));
        }
    }
    codes
}

fn xml_code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, headers: &[(&str, &str)], body: &str) -> Judgement {
        let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        judge(&Answer { status, headers, body: body.into() }, Timestamp::from_ms(0))
    }

    #[test]
    fn vendors() {
        let seconds = |s| Judgement::Throttled(Some(Duration::from_secs(s)));
        let busy = Judgement::Throttled(None);
        assert_eq!(judged(429, &[("retry-after", "7")], ""), seconds(7));
        assert_eq!(judged(429, &[], ""), busy);
        assert_eq!(
            judged(429, &[("x-rate-limit-reset", "9"), ("x-rate-limit-remaining", "5")], ""),
            seconds(9)
        );
        assert_eq!(judged(503, &[("retry-after", "2")], ""), seconds(2));
        assert_eq!(judged(503, &[], ""), Judgement::Again);
        // GitHub REST API, "Rate limits for the REST API".
        assert_eq!(
            judged(403, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "60")], "{}"),
            seconds(60)
        );
        assert_eq!(judged(403, &[("x-ratelimit-remaining", "12")], "{}"), Judgement::Keep);
        // AWS IAM, query protocol, and CloudTrail, JSON protocol.
        let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";
        assert_eq!(judged(400, &[], xml), busy);
        assert_eq!(
            judged(400, &[], r#"{"__type":"com.amazon.coral.availability#ThrottlingException"}"#),
            busy
        );
        assert_eq!(
            judged(400, &[("x-amzn-errortype", "TooManyRequestsException:http://internal")], "{}"),
            busy
        );
        assert_eq!(judged(503, &[], "<Error><Code>SlowDown</Code></Error>"), busy);
        assert_eq!(
            judged(400, &[], "<ErrorResponse><Error><Code>ValidationError</Code></Error></ErrorResponse>"),
            Judgement::Keep
        );
        // Google Admin SDK.
        let google =
            r#"{"error":{"code":403,"errors":[{"domain":"usageLimits","reason":"rateLimitExceeded"}]}}"#;
        assert_eq!(judged(403, &[], google), busy);
        assert_eq!(judged(403, &[], r#"{"error":{"errors":[{"reason":"forbidden"}]}}"#), Judgement::Keep);
        for (status, judgement) in [
            (200, Judgement::Keep),
            (401, Judgement::Keep),
            (404, Judgement::Keep),
            (500, Judgement::Again),
            (501, Judgement::Keep),
        ] {
            assert_eq!(judged(status, &[], "Throttling"), judgement, "{status}");
        }
    }
}
