//! Known secret values, replaced by `***` wherever they come back from outside: in answers' bodies and
//! headers, URLs, error messages, logs.
//!
//! Each secret is looked for as it is, percent-encoded, escaped as in JSON, in hex, and in base64 at all
//! three alignments, so that `Basic` credentials and tokens inside a longer encoded text are found too.
//! All of that in one pass over the text (Aho and Corasick), whatever the number of secrets.
//!
//! A secret of fewer than [`MIN_BYTES`] bytes is replaced only where it stands alone, between characters
//! that are neither letters nor digits, and not in its encodings: it would be found in every text. One of
//! fewer than [`MIN_WORD_BYTES`] is not looked for at all; [`Scrubber::too_short`] counts those.

use aho_corasick::packed::Searcher;
use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use exhibit_evidence::secret::Secret;
use std::collections::BTreeMap;
use std::fmt;

/// What stands where a secret stood.
pub const STARS: &str = "***";

/// Shorter secrets are replaced only where they stand alone.
pub const MIN_BYTES: usize = 6;

/// Shorter secrets are not looked for.
pub const MIN_WORD_BYTES: usize = 4;

/// A line of a longer secret (a private key in PEM) is a secret of its own from this length on.
const MIN_LINE_BYTES: usize = 24;

/// Finds known secrets.
#[derive(Clone)]
pub struct Scrubber {
    secrets: Vec<Secret>,
    finder: Option<AhoCorasick>,
    /// Finds out, by vectors of bytes, whether a text holds any of the patterns: most do not. It takes a few dozen
    /// patterns; where there are more, there is none.
    screen: Option<Searcher>,
    /// Of each pattern, whether it counts only where it stands alone.
    alone: Vec<bool>,
    too_short: usize,
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scrubber({} secrets)", self.secrets.len())
    }
}

impl Default for Scrubber {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Scrubber {
    /// Looks for these values from now on.
    pub fn new(secrets: Vec<Secret>) -> Self {
        let mut patterns: BTreeMap<Vec<u8>, bool> = BTreeMap::new();
        let mut too_short = 0;
        for secret in &secrets {
            let value = secret.expose();
            let trimmed = value.trim();
            if trimmed.len() < MIN_WORD_BYTES {
                too_short += usize::from(!trimmed.is_empty());
                continue;
            }
            if trimmed.len() < MIN_BYTES {
                patterns.entry(trimmed.as_bytes().to_vec()).or_insert(true);
                continue;
            }
            let lines = trimmed.lines().map(str::trim);
            let lines = lines.filter(|line| line.len() >= MIN_LINE_BYTES && !line.starts_with("-----"));
            for part in [value, trimmed].into_iter().chain(lines) {
                for form in forms(part) {
                    patterns.insert(form, false);
                }
            }
        }
        let (patterns, alone): (Vec<Vec<u8>>, Vec<bool>) = patterns.into_iter().unzip();
        // Building fails only beyond 2^31 states, gigabytes of secrets.
        let finder = if patterns.is_empty() {
            None
        } else {
            AhoCorasick::builder().match_kind(MatchKind::Standard).build(&patterns).ok()
        };
        let screen = Searcher::new(&patterns);
        Self { secrets, finder, screen, alone, too_short }
    }

    /// Looks for these values too: a token that was obtained in the course of a run.
    #[must_use]
    pub fn with(&self, more: impl IntoIterator<Item = Secret>) -> Self {
        Self::new(self.secrets.iter().cloned().chain(more).collect())
    }

    /// How many of the secrets are too short to be looked for: worth a warning to the operator.
    pub fn too_short(&self) -> usize {
        self.too_short
    }

    /// `bytes` without secrets, and whether there were any.
    pub fn scrub(&self, bytes: Vec<u8>) -> (Vec<u8>, bool) {
        let Some(finder) = &self.finder else { return (bytes, false) };
        if self.screen.as_ref().is_some_and(|screen| screen.find(&bytes).is_none()) {
            return (bytes, false);
        }
        // Overlapping, so that two secrets that share bytes both go, whole.
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for found in finder.find_overlapping_iter(&bytes) {
            let (start, end) = (found.start(), found.end());
            if self.alone[found.pattern().as_usize()] && !stands_alone(&bytes, start, end) {
                continue;
            }
            // Matches come by their ends, so all that overlap lie at the tail.
            let mut from = start;
            while let Some(&(s, e)) = spans.last() {
                if e <= from {
                    break;
                }
                from = from.min(s);
                spans.pop();
            }
            spans.push((from, end));
        }
        if spans.is_empty() {
            return (bytes, false);
        }
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for (start, end) in spans {
            out.extend_from_slice(&bytes[at..start]);
            out.extend_from_slice(STARS.as_bytes());
            at = end;
        }
        out.extend_from_slice(&bytes[at..]);
        (out, true)
    }

    /// `text` without secrets.
    pub fn scrub_text(&self, text: &str) -> String {
        let (bytes, _) = self.scrub(text.as_bytes().to_vec());
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn stands_alone(bytes: &[u8], start: usize, end: usize) -> bool {
    let word = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    !word(start.checked_sub(1).and_then(|i| bytes.get(i))) && !word(bytes.get(end))
}

/// Every form in which a value is looked for.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let bytes = value.as_bytes();
    let mut forms =
        vec![bytes.to_vec(), hex::encode(bytes).into_bytes(), hex::encode_upper(bytes).into_bytes()];
    // All but RFC 3986 unreserved; as JavaScript's encodeURIComponent and encodeURI leave them; as a form.
    for keep in ["-._~", "-._~!*'()", "-._~!*'();/?:@&=+$,#", "-._*"] {
        for upper in [true, false] {
            forms.push(percent(bytes, keep, upper));
        }
    }
    forms.push(percent(bytes, "-._* ", true).into_iter().map(|b| if b == b' ' { b'+' } else { b }).collect());
    forms.extend(json_escapes(value));
    for alignment in 0..3 {
        forms.extend(base64_core(bytes, alignment));
    }
    forms
}

fn percent(bytes: &[u8], keep: &str, upper: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for &b in bytes {
        if b.is_ascii_alphanumeric() || keep.as_bytes().contains(&b) {
            out.push(b);
        } else if upper {
            out.extend_from_slice(format!("%{b:02X}").as_bytes());
        } else {
            out.extend_from_slice(format!("%{b:02x}").as_bytes());
        }
    }
    out
}

/// As JSON writers put it: plainly; with `\/`; with everything beyond ASCII as `\u`; with `<`, `>` and `&`
/// as `\u` besides (Go).
fn json_escapes(value: &str) -> Vec<Vec<u8>> {
    let quoted = serde_json::Value::from(value).to_string();
    let plain = &quoted[1..quoted.len() - 1];
    let escape = |text: &str, which: &dyn Fn(char) -> bool| {
        let mut out = String::new();
        for c in text.chars() {
            if which(c) {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
            } else {
                out.push(c);
            }
        }
        out
    };
    let ascii = escape(plain, &|c| !c.is_ascii());
    let html = escape(plain, &|c| matches!(c, '<' | '>' | '&'));
    let all = [plain.to_owned(), plain.replace('/', "\\/"), ascii.replace('/', "\\/"), ascii, html];
    all.into_iter().map(String::into_bytes).collect()
}

/// The base64 characters that `bytes` alone decide, where `alignment` bytes of something else come before
/// them in their group of three (RFC 4648).
fn base64_core(bytes: &[u8], alignment: usize) -> [Vec<u8>; 2] {
    let padded: Vec<u8> = std::iter::repeat_n(0, alignment).chain(bytes.iter().copied()).collect();
    let first = (alignment * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)]
        .map(|text| text.as_bytes()[first..last].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scrubber(values: &[&str]) -> Scrubber {
        Scrubber::new(values.iter().map(|v| Secret::new((*v).to_owned())).collect())
    }

    // Made with printf, base64, xxd, jq and Python's urllib for the value `p&ss/wörd "1"<+>`.
    const SECRET: &str = "p&ss/w\u{f6}rd \"1\"<+>";

    #[test]
    fn common_encodings_are_found() {
        let scrubber = scrubber(&[SECRET]);
        for text in [
            SECRET,
            "p%26ss%2Fw%C3%B6rd%20%221%22%3C%2B%3E", // urllib.parse.quote(s, safe='')
            "p%26ss%2fw%c3%b6rd%20%221%22%3c%2b%3e", // the same in lower case
            "p%26ss%2Fw%C3%B6rd+%221%22%3C%2B%3E",   // urllib.parse.quote_plus(s)
            "p&ss/w%C3%B6rd%20%221%22%3C+%3E",       // encodeURI(s)
            r#"p&ss/wörd \"1\"<+>"#,                 // json.dumps(s, ensure_ascii=False)
            r#"p&ss/w\u00f6rd \"1\"<+>"#,            // json.dumps(s)
            r#"p\u0026ss/wörd \"1\"\u003c+\u003e"#,  // Go's encoding/json
            "702673732f77c3b67264202231223c2b3e",    // xxd -p
        ] {
            assert_eq!(scrubber.scrub_text(&format!("a {text} b")), "a *** b", "{text}");
        }
    }

    #[test]
    fn basic_credentials_are_found_at_every_alignment() {
        let scrubber = scrubber(&["correct-horse-battery"]);
        for (user, basic) in [
            // printf 'USER:correct-horse-battery' | base64
            ("ab", "YWI6Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5"),
            ("abc", "YWJjOmNvcnJlY3QtaG9yc2UtYmF0dGVyeQ=="),
            ("abcd", "YWJjZDpjb3JyZWN0LWhvcnNlLWJhdHRlcnk="),
        ] {
            let (out, hit) = scrubber.scrub(format!("Authorization: Basic {basic}").into_bytes());
            let out = String::from_utf8(out).unwrap();
            assert!(hit && out.contains("***"), "{user}: {out}");
            assert!(!out.contains(&basic[8..24]), "{user}: {out}");
        }
    }

    #[test]
    fn short_secrets_go_only_where_they_stand_alone() {
        let scrubber = scrubber(&["root1", "abc", ""]);
        assert_eq!(scrubber.scrub_text("root1 root12 xroot1 \"root1\" abc"), "*** root12 xroot1 \"***\" abc");
        assert_eq!(scrubber.too_short(), 1);
    }

    #[test]
    fn overlapping_secrets_go_whole() {
        let scrubber = scrubber(&["abcdefgh", "efghijkl", "cdefgh"]);
        assert_eq!(scrubber.scrub_text("-abcdefghijkl-"), "-***-");
        assert_eq!(scrubber.scrub_text("-abcdefghabcdefgh-"), "-******-");
    }

    #[test]
    fn a_private_key_goes_line_by_line() {
        let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{line}\nshort==\n-----END PRIVATE KEY-----\n");
        let scrubber = scrubber(&[&pem]);
        assert_eq!(scrubber.scrub_text(&format!("x{line}y")), "x***y");
        assert_eq!(scrubber.scrub_text(&format!("k={}", pem.trim_end())), "k=***");
        assert_eq!(scrubber.scrub_text("-----BEGIN PRIVATE KEY-----"), "-----BEGIN PRIVATE KEY-----");
    }

    #[test]
    fn nothing_to_find_leaves_the_bytes_and_debug_shows_nothing() {
        let scrubber = scrubber(&["correct-horse"]);
        assert_eq!(scrubber.scrub(b"\xff plain".to_vec()), (b"\xff plain".to_vec(), false));
        assert_eq!(format!("{scrubber:?}"), "Scrubber(1 secrets)");
        let more = scrubber.with([Secret::new("token-obtained-later".into())]);
        assert_eq!(more.scrub_text("correct-horse token-obtained-later"), "*** ***");
    }

    proptest! {
        /// Whatever surrounds it and however it is encoded, the secret cannot be decoded from what is left.
        #[test]
        fn base64_at_any_place_is_found(before in "[ -~]{0,9}", secret in "[a-zA-Z0-9+/&=]{6,40}", after in "[ -~]{0,9}") {
            let scrubber = scrubber(&[&secret]);
            let text = format!("{before}{secret}{after}");
            for encoded in [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                let (out, hit) = scrubber.scrub(encoded.into_bytes());
                prop_assert!(hit);
                prop_assert!(String::from_utf8(out).unwrap().contains(STARS));
            }
            prop_assert!(!scrubber.scrub_text(&text).contains(&secret));
        }
    }
}
