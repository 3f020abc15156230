//! Redaction: places in the answers of some URLs, cut before the guest sees the body and before anything
//! is digested or kept. What a rule covers exists nowhere in Exhibit.
//!
//! A rule is written `URL PLACE`, for example `https://*.okta.com/api/v1/users** /*/credentials`:
//!
//! - URL is a pattern ([`pattern`]): `*` within one segment, `**` over any; query and case do not count.
//! - PLACE is a JSON pointer in which `*` is any member or element, or a path of XML elements in which `*`
//!   is any element and a name without an index all of that name; or a CSV column's name. Which of the
//!   first two it is depends on the body. No place at all: the whole body.
//!
//! Each value found is replaced by `[redacted]`; every other byte stays (a CSV is written anew). A body that
//! claims a rule's form but cannot be read in it is redacted whole: what cannot be searched is not shown.

pub mod pattern;

use crate::pointer::xml::{self, XmlPath};
use crate::pointer::{Format, PlaceError, Pointer, ProbeError, json};
use pattern::{PatternError, UrlPattern};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use url::Url;

/// What stands where something was cut.
pub const MARK: &str = "[redacted]";

/// A rule that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedactionError {
    /// Its URL pattern.
    #[error("redaction rule `{rule}`: {source}")]
    Url {
        /// The rule.
        rule: String,
        /// What is wrong.
        source: PatternError,
    },
    /// Its place.
    #[error("redaction rule `{rule}`: {source}")]
    Place {
        /// The rule.
        rule: String,
        /// What is wrong.
        source: PlaceError,
    },
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    url: UrlPattern,
    place: Place,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Whole,
    /// Good for at least one of the two.
    Path {
        json: Option<Pointer>,
        xml: Option<XmlPath>,
    },
    Column(String),
}

impl Rule {
    /// A rule from its two parts; `url` with all its templates filled in.
    ///
    /// # Errors
    /// [`RedactionError`] names the rule and what is wrong.
    pub fn new(url: &str, place: &str) -> Result<Self, RedactionError> {
        let text = if place.is_empty() { url.to_owned() } else { format!("{url} {place}") };
        let rule = || text.chars().take(200).collect::<String>();
        let pattern =
            UrlPattern::parse(url).map_err(|source| RedactionError::Url { rule: rule(), source })?;
        let place = if place.is_empty() {
            Place::Whole
        } else if place.starts_with('/') {
            let json = Pointer::parse(place).map_err(|source| RedactionError::Place { rule: rule(), source });
            let xml = XmlPath::parse(place).ok();
            Place::Path { json: if xml.is_some() { json.ok() } else { Some(json?) }, xml }
        } else {
            Place::Column(place.to_owned())
        };
        Ok(Self { url: pattern, place, text })
    }
}

impl FromStr for Rule {
    type Err = RedactionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (url, place) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        Self::new(url, place.trim_start())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// All rules in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redactions(Vec<Rule>);

impl Redactions {
    /// These rules.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// Reads rules, one a text.
    ///
    /// # Errors
    /// [`RedactionError`] names the first rule that cannot be read.
    pub fn parse<T: AsRef<str>>(rules: &[T]) -> Result<Self, RedactionError> {
        rules.iter().map(|rule| rule.as_ref().parse()).collect::<Result<_, _>>().map(Self)
    }

    /// The rules as texts that [`Redactions::parse`] reads.
    pub fn lines(&self) -> Vec<String> {
        self.0.iter().map(Rule::to_string).collect()
    }

    /// The body of the answer to `url` as the guest may see it, and whether that is another one.
    pub fn apply(&self, url: &Url, content_type: Option<&str>, body: Vec<u8>) -> (Vec<u8>, bool) {
        let rules: Vec<&Place> = self.0.iter().filter(|r| r.url.matches(url)).map(|r| &r.place).collect();
        if rules.is_empty() || body.is_empty() {
            return (body, false);
        }
        let kind = content_type.unwrap_or_default().to_ascii_lowercase();
        let format = match Format::of(&body) {
            Format::Other if kind.contains("json") => Format::Json,
            Format::Other if kind.contains("xml") => Format::Xml,
            format => format,
        };
        if rules.iter().any(|place| matches!(place, Place::Whole)) {
            return (whole(format), true);
        }
        let new = match format {
            Format::Json => cut_json(&body, &rules).map_err(|_| ()),
            Format::Xml => cut_xml(&body, &rules).map_err(|_| ()),
            Format::Other => cut_csv(&body, &rules).map_err(|_| ()),
            Format::Empty => Ok(None),
        };
        match new {
            Ok(None) => (body, false),
            Ok(Some(new)) => (new, true),
            Err(()) => (whole(format), true),
        }
    }
}

fn whole(format: Format) -> Vec<u8> {
    match format {
        Format::Json => format!("\"{MARK}\"").into_bytes(),
        _ => MARK.as_bytes().to_vec(),
    }
}

fn cut_json(body: &[u8], rules: &[&Place]) -> Result<Option<Vec<u8>>, ProbeError> {
    let patterns: Vec<&Pointer> = rules
        .iter()
        .filter_map(|place| match place {
            Place::Path { json, .. } => json.as_ref(),
            _ => None,
        })
        .collect();
    let mut spans = Vec::new();
    for some in patterns.chunks(json::MAX_POINTERS) {
        spans.extend(json::spans(body, some)?);
    }
    Ok(splice(body, spans, &format!("\"{MARK}\"")))
}

fn cut_xml(body: &[u8], rules: &[&Place]) -> Result<Option<Vec<u8>>, ProbeError> {
    let patterns: Vec<&XmlPath> = rules
        .iter()
        .filter_map(|place| match place {
            Place::Path { xml, .. } => xml.as_ref(),
            _ => None,
        })
        .collect();
    if patterns.is_empty() {
        return Ok(None);
    }
    Ok(splice(body, xml::spans(body, &patterns)?, MARK))
}

/// `body` with each span replaced; of two that overlap the outer one counts.
fn splice(body: &[u8], mut spans: Vec<Range<usize>>, with: &str) -> Option<Vec<u8>> {
    if spans.is_empty() {
        return None;
    }
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut out = Vec::with_capacity(body.len());
    let mut at = 0;
    for span in spans.into_iter() {
        if span.start < at {
            continue;
        }
        out.extend_from_slice(&body[at..span.start]);
        out.extend_from_slice(with.as_bytes());
        at = span.end;
    }
    out.extend_from_slice(&body[at..]);
    Some(out)
}

fn cut_csv(body: &[u8], rules: &[&Place]) -> Result<Option<Vec<u8>>, csv::Error> {
    let columns: Vec<&str> = rules
        .iter()
        .filter_map(|place| match place {
            Place::Column(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    if columns.is_empty() {
        return Ok(None);
    }
    let body = crate::pointer::skip_mark(body);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(body);
    let header = reader.byte_headers()?.clone();
    let is_cut = |name: &[u8]| columns.iter().any(|c| c.as_bytes().eq_ignore_ascii_case(name.trim_ascii()));
    let cut: Vec<usize> = header.iter().enumerate().filter(|(_, h)| is_cut(h)).map(|(i, _)| i).collect();
    if cut.is_empty() {
        return Ok(None);
    }
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::with_capacity(body.len()));
    writer.write_byte_record(&header)?;
    let mut changed = false;
    for record in reader.byte_records() {
        let record = record?;
        let fields = record.iter().enumerate().map(|(i, field)| {
            // A row longer than the header has columns without a name: they may be anyone's.
            if cut.contains(&i) || i >= header.len() { MARK.as_bytes() } else { field }
        });
        writer.write_record(fields)?;
        changed = true;
    }
    if !changed {
        return Ok(None);
    }
    writer.into_inner().map(Some).map_err(|e| csv::Error::from(e.into_error()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn apply(rule: &str, content_type: &str, body: &str) -> (String, bool) {
        let url = Url::parse("https://example.okta.com/api/v1/users?limit=2").unwrap();
        let rules = Redactions::parse(&[rule]).unwrap();
        assert_eq!(rules.lines(), [rule]);
        let (body, redacted) = rules.apply(&url, Some(content_type), body.as_bytes().to_vec());
        (String::from_utf8(body).unwrap(), redacted)
    }

    const USERS: &str = "https://*.okta.com/api/v1/users**";

    #[test]
    fn json_keeps_every_other_byte() {
        let body =
            r#"[ {"id": "u1", "n": 1.50, "credentials": {"password": {}}},{"id":"u2","credentials":null} ]"#;
        let expected = r#"[ {"id": "u1", "n": 1.50, "credentials": "[redacted]"},{"id":"u2","credentials":"[redacted]"} ]"#;
        let rule = format!("{USERS} /*/credentials");
        assert_eq!(apply(&rule, "application/json", body), (expected.into(), true));
        assert_eq!(apply(&rule, "application/json", r#"{"id":1}"#), (r#"{"id":1}"#.into(), false));
    }

    #[test]
    fn xml_loses_content_and_attributes() {
        let body = "<R><U><Key a=\"1\">s<b/></Key><N>n</N></U><U><Key>t</Key></U></R>";
        let expected =
            "<R><U><Key a=\"[redacted]\">[redacted]</Key><N>n</N></U><U><Key>[redacted]</Key></U></R>";
        assert_eq!(apply(&format!("{USERS} /R/U/Key"), "text/xml", body), (expected.into(), true));
    }

    #[test]
    fn csv_loses_a_column_and_what_has_no_column() {
        let body = "user,arn,mfa\r\nada,\"arn,1\",true\r\nbob,arn2,false,stray\r\n";
        let expected = "user,arn,mfa\nada,[redacted],true\nbob,[redacted],false,[redacted]\n";
        assert_eq!(apply(&format!("{USERS} ARN"), "text/csv", body), (expected.into(), true));
        assert_eq!(apply(&format!("{USERS} none"), "text/csv", body), (body.into(), false));
    }

    #[test]
    fn what_cannot_be_searched_is_not_shown() {
        let rule = format!("{USERS} /*/credentials");
        let all = ("\"[redacted]\"".to_owned(), true);
        assert_eq!(apply(&rule, "application/json", r#"[{"credentials":"s"#), all);
        assert_eq!(apply(&rule, "application/json", ")]}'\n[]"), all);
        assert_eq!(apply(&format!("{USERS} /R/K"), "", "<R><K>s</R>"), ("[redacted]".into(), true));
        assert_eq!(apply(USERS, "text/plain", "anything"), ("[redacted]".into(), true));
    }

    #[test]
    fn other_urls_and_other_forms_are_left_alone() {
        let other = "https://*.okta.com/api/v1/groups** /*/credentials";
        assert!(!apply(other, "application/json", r#"[{"credentials":1}]"#).1);
        assert!(!apply(&format!("{USERS} password"), "application/json", r#"{"password":1}"#).1);
        assert!(!apply(&format!("{USERS} /*/credentials"), "text/csv", "credentials\ns\n").1);
    }

    #[test]
    fn nested_rules_cut_the_outer_value() {
        let url = Url::parse("https://a.example/").unwrap();
        let rules = Redactions::parse(&["https://a.example/ /a", "https://a.example/** /a/b"]).unwrap();
        let (body, _) = rules.apply(&url, None, br#"{"a":{"b":1},"c":2}"#.to_vec());
        assert_eq!(body, br#"{"a":"[redacted]","c":2}"#);
    }

    fn json(depth: u32) -> impl Strategy<Value = Value> {
        let plain = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            "[a-c\"\\\\é]{0,3}".prop_map(Value::from)
        ];
        plain.prop_recursive(depth, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-c/]", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// The same on a tree: what a rule's steps lead to is replaced.
    fn cut(value: &mut Value, steps: &[&str]) {
        let Some((step, rest)) = steps.split_first() else {
            *value = Value::from(MARK);
            return;
        };
        match value {
            Value::Object(members) => {
                members.iter_mut().filter(|(k, _)| *step == "*" || k == step).for_each(|(_, v)| cut(v, rest));
            }
            Value::Array(items) => {
                let fits = |i: usize| *step == "*" || i.to_string() == *step;
                items.iter_mut().enumerate().filter(|(i, _)| fits(*i)).for_each(|(_, v)| cut(v, rest));
            }
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn json_is_cut_as_a_tree_would_be(
            value in json(4),
            steps in proptest::collection::vec("[abc01*]", 1..4),
            pretty in any::<bool>(),
        ) {
            prop_assume!(value.is_object() || value.is_array());
            let body = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
            let rules = Redactions::parse(&[format!("https://a.example/** /{}", steps.join("/"))]).unwrap();
            let url = Url::parse("https://a.example/").unwrap();
            let (new, redacted) = rules.apply(&url, None, body.clone());
            let mut expected = value.clone();
            cut(&mut expected, &steps.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(serde_json::from_slice::<Value>(&new).unwrap(), expected);
            prop_assert_eq!(redacted, new != body);
        }
    }

    #[test]
    fn rules_that_cannot_be_read_say_why() {
        for (bad, part) in [
            ("https://{settings.domain}/** /a", "fill in"),
            ("users /a", "scheme"),
            ("https://a.example/** /a~2", "RFC 6901"),
        ] {
            let error = Redactions::parse(&[bad]).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains(bad), "{error}");
        }
    }
}
