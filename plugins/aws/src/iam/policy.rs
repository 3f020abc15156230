//! IAM policy documents: whether one makes its holder an administrator.
//!
//! Grammar: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.

use serde_json::Value;
use std::collections::BTreeSet;

/// AWS's own policies that make an administrator: everything; everything but IAM and Organizations; all of IAM,
/// with which one gives oneself the rest.
const ADMINISTRATIVE: [&str; 3] = ["AdministratorAccess", "PowerUserAccess", "IAMFullAccess"];

/// What a policy allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Document {
    /// It allows every action, all of IAM, or all but some, on every resource.
    pub(super) administrative: bool,
    /// Each statement that allows something has a condition.
    pub(super) conditional: bool,
    /// The actions that it allows, as it has them; `NotAction` stands before what is left out.
    pub(super) actions: Vec<String>,
}

/// Whether this ARN is of a policy that AWS makes.
pub(super) fn is_of_aws(arn: &str) -> bool {
    arn.contains(":iam::aws:policy/")
}

/// Whether AWS's policy of this name makes an administrator.
pub(super) fn is_administrative(name: &str) -> bool {
    ADMINISTRATIVE.contains(&name)
}

impl Document {
    /// Reads a document as IAM sends it: JSON, percent-encoded (RFC 3986).
    pub(super) fn read(text: &str) -> Option<Self> {
        let document: Value = serde_json::from_slice(&decoded(text)?).ok()?;
        let statements = one_or_many(document.get("Statement")?);
        let allowing: Vec<&Value> = statements
            .into_iter()
            .filter(|s| s.get("Effect").and_then(Value::as_str) == Some("Allow"))
            .collect();
        let mut actions = BTreeSet::new();
        for statement in &allowing {
            actions.extend(words(statement.get("Action")).into_iter().map(str::to_owned));
            actions
                .extend(words(statement.get("NotAction")).iter().map(|action| format!("NotAction {action}")));
        }
        Some(Self {
            administrative: allowing.iter().any(|statement| makes_administrator(statement)),
            conditional: !allowing.is_empty()
                && allowing.iter().all(|s| s.get("Condition").is_some_and(is_some)),
            actions: actions.into_iter().collect(),
        })
    }
}

fn is_some(condition: &Value) -> bool {
    condition.as_object().is_some_and(|tests| !tests.is_empty())
}

fn makes_administrator(statement: &Value) -> bool {
    let everywhere = words(statement.get("Resource")).contains(&"*");
    let all = |action: &&str| matches!(action.to_ascii_lowercase().as_str(), "*" | "*:*" | "iam:*");
    everywhere && (words(statement.get("Action")).iter().any(all) || statement.get("NotAction").is_some())
}

fn one_or_many(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |many| many.iter().collect())
}

fn words(value: Option<&Value>) -> Vec<&str> {
    value.into_iter().flat_map(one_or_many).filter_map(Value::as_str).collect()
}

/// Undoes percent-encoding. A document that is not encoded begins with a brace, and is taken as it is.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    if text.starts_with('{') {
        return Some(text.as_bytes().to_vec());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Document {
        Document::read(text).unwrap()
    }

    #[test]
    fn administrators() {
        // AdministratorAccess and PowerUserAccess, as AWS documents them.
        let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        let power = r#"{"Statement":[{"Effect":"Allow","NotAction":["iam:*","organizations:*"],"Resource":"*"},
            {"Effect":"Allow","Action":["iam:ListRoles"],"Resource":"*"}]}"#;
        assert!(read(all).administrative && read(power).administrative);
        assert_eq!(read(power).actions, ["NotAction iam:*", "NotAction organizations:*", "iam:ListRoles"]);
        assert!(
            read(r#"{"Statement":{"Effect":"Allow","Action":["s3:Get*","IAM:*"],"Resource":["*"]}}"#)
                .administrative
        );
        for narrow in [
            r#"{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::a/*"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#,
            r#"{"Statement":[]}"#,
        ] {
            assert!(!read(narrow).administrative, "{narrow}");
        }
    }

    #[test]
    fn conditions() {
        let with = r#"{"Effect":"Allow","Action":"a:B","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}"#;
        let without = r#"{"Effect":"Allow","Action":"a:C","Resource":"*"}"#;
        assert!(read(&format!(r#"{{"Statement":[{with}]}}"#)).conditional);
        assert!(!read(&format!(r#"{{"Statement":[{with},{without}]}}"#)).conditional);
    }

    #[test]
    fn encoded_as_iam_does() {
        // Python: urllib.parse.quote('{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}', safe='')
        let text = "%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D";
        assert!(read(text).administrative);
        for bad in ["%7", "%zz", "nothing", "%7B%7D", ""] {
            assert_eq!(Document::read(bad), None, "{bad}");
        }
    }
}
