//! The credential report: the only place where IAM says what it knows of the root user, and of passwords.
//!
//! IAM makes it on request, at most every four hours; one that is younger is answered as it is.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>

use crate::api::{Api, code};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

/// How often to ask whether the report is ready. The host paces requests; it is usually there at the second.
const ASKED_AT_MOST: usize = 40;

/// What the report calls the root user.
pub(super) const ROOT: &str = "<root_account>";

/// The report: rows by user name, and where it stood.
pub(super) struct Report {
    rows: BTreeMap<String, Row>,
    pub(super) origin: Origin,
    pub(super) page: Page,
}

/// One row by column.
#[derive(Debug, Default)]
pub(super) struct Row(BTreeMap<String, String>);

impl Row {
    /// A column; none where it holds one of IAM's words for nothing.
    pub(super) fn text(&self, column: &str) -> Option<&str> {
        let nothing = ["", "N/A", "no_information", "not_supported"];
        self.0.get(column).map(String::as_str).filter(|text| !nothing.contains(text))
    }

    /// A column of `true` and `false`.
    pub(super) fn flag(&self, column: &str) -> Option<bool> {
        self.text(column)?.parse().ok()
    }

    /// A column with an instant.
    pub(super) fn instant(&self, column: &str) -> Option<Timestamp> {
        self.text(column)?.parse().ok()
    }
}

impl Report {
    pub(super) fn row(&self, user: &str) -> Option<&Row> {
        self.rows.get(user)
    }

    /// Has IAM make the report, and reads it.
    pub(super) fn obtain(api: &Api<'_>) -> Result<Self> {
        let mut ready = false;
        for _ in 0..ASKED_AT_MOST {
            let answer = api.iam("GenerateCredentialReport", &[]).send();
            let page = match answer {
                // Asked too often: an earlier report may be there.
                Err(failure) if code(&failure).as_deref() == Some("LimitExceeded") => break,
                answer => answer.map_err(|failure| failure.context("iam:GenerateCredentialReport"))?,
            };
            if page.xml()?.text("GenerateCredentialReportResult/State") == Some("COMPLETE") {
                ready = true;
                break;
            }
        }
        let page = api.iam("GetCredentialReport", &[]).send().map_err(|failure| {
            let failure = failure.context("iam:GetCredentialReport");
            if ready || failure.is_forbidden() { failure } else { failure.retryable() }
        })?;
        let path = "GetCredentialReportResult/Content";
        let xml = page.xml()?;
        let text = xml.text(path).and_then(decoded).and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| {
            Failure::upstream("iam:GetCredentialReport answered a report that is not base64 of text")
        })?;
        let origin = page.origin(&format!("/GetCredentialReportResponse/{path}"));
        Ok(Self { rows: rows(&text), origin, page })
    }
}

fn rows(csv: &str) -> BTreeMap<String, Row> {
    let mut lines = csv.lines().map(fields);
    let names = lines.next().unwrap_or_default();
    let row = |values: Vec<String>| {
        let row = Row(names.iter().cloned().zip(values).collect());
        Some((row.0.get("user")?.clone(), row))
    };
    lines.filter_map(row).collect()
}

/// Fields of a line of CSV (RFC 4180). User names may hold commas, but no line breaks.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.trim_end_matches('\r').chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                push(&mut fields, '"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => push(&mut fields, other),
        }
    }
    fields
}

fn push(fields: &mut [String], character: char) {
    if let Some(last) = fields.last_mut() {
        last.push(character);
    }
}

/// Base64 (RFC 4648 section 4), white space left out.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.bytes().filter(|b| !b.is_ascii_whitespace()) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => continue,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xff_ffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_rfc() {
        // RFC 4648 section 10.
        for (text, plain) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9v\nYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decoded(text).as_deref(), Some(plain.as_bytes()), "{text}");
        }
        assert_eq!(decoded("Zm9-"), None);
    }

    #[test]
    fn names_with_commas_and_quotes() {
        assert_eq!(fields("\"Example, A \"\"x\"\"\",,b\r"), ["Example, A \"x\"", "", "b"]);
        let rows = rows(
            "user,mfa_active,password_last_used\nada,true,no_information\n\"a,b\",false,2026-01-02T03:04:05+00:00\n",
        );
        assert_eq!(rows["ada"].flag("mfa_active"), Some(true));
        assert_eq!(rows["ada"].instant("password_last_used"), None);
        assert_eq!(
            rows["a,b"].instant("password_last_used").unwrap().to_string(),
            "2026-01-02T03:04:05.000Z"
        );
        assert_eq!(rows["a,b"].flag("password_enabled"), None);
    }
}
