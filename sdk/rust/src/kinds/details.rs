//! The open part of some kinds: settings that no other system has, in canonical values only.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings by name. Evidence knows no `null` and no fractions: what is `null` is left out, a fraction becomes
/// text.
///
/// ```
/// use exhibit_sdk::kinds::Details;
/// let details: Details = [("block_public_acls", true)].into_iter().collect();
/// assert_eq!(serde_json::to_string(&details).unwrap(), r#"{"block_public_acls":true}"#);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Details(BTreeMap<String, Detail>);

/// One value of [`Details`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Detail {
    /// Yes or no.
    Flag(bool),
    /// A whole number of magnitude below 2^53.
    Integer(i64),
    /// A text.
    Text(String),
    /// Several values.
    List(Vec<Detail>),
    /// Further settings.
    Group(Details),
}

/// 2^53 - 1: beyond it not every reader of JSON is exact.
const MAX_INTEGER: u64 = 9_007_199_254_740_991;

impl Details {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this one too.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Detail>) -> Self {
        self.insert(name, value);
        self
    }

    /// With this one too, where there is a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl Into<Detail>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds one. Other than ASCII in the name is written as `\u{e9}`.
    pub fn insert(&mut self, name: &str, value: impl Into<Detail>) {
        let ascii = |c: char| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() };
        self.0.insert(name.chars().map(ascii).collect(), value.into());
    }

    /// What a source answers, taken over.
    pub fn from_json(value: &serde_json::Value) -> Self {
        let mut details = Self::new();
        for (name, value) in value.as_object().into_iter().flatten() {
            if let Some(value) = Detail::from_json(value) {
                details.insert(name, value);
            }
        }
        details
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Itself, or nothing where there is none.
    pub fn some(self) -> Option<Self> {
        (!self.is_empty()).then_some(self)
    }
}

impl Detail {
    fn from_json(value: &serde_json::Value) -> Option<Self> {
        use serde_json::Value;
        Some(match value {
            Value::Null => return None,
            Value::Bool(flag) => Self::Flag(*flag),
            Value::Number(number) => match number.as_i64() {
                Some(number) => number.into(),
                None => Self::Text(number.to_string()),
            },
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().filter_map(Self::from_json).collect()),
            Value::Object(_) => Self::Group(Details::from_json(value)),
        })
    }
}

impl<N: AsRef<str>, V: Into<Detail>> FromIterator<(N, V)> for Details {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(iter: I) -> Self {
        let mut details = Self::new();
        for (name, value) in iter {
            details.insert(name.as_ref(), value);
        }
        details
    }
}

impl From<bool> for Detail {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i64> for Detail {
    fn from(number: i64) -> Self {
        if number.unsigned_abs() <= MAX_INTEGER {
            Self::Integer(number)
        } else {
            Self::Text(number.to_string())
        }
    }
}

impl From<u32> for Detail {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<&str> for Detail {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Detail {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Details> for Detail {
    fn from(details: Details) -> Self {
        Self::Group(details)
    }
}

impl<T: Into<Detail>> From<Vec<T>> for Detail {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_over_what_is_canonical() {
        let answer = serde_json::json!({
            "a": null, "b": [1, null, 2.5, {"é": "x"}], "c": 9_007_199_254_740_992_u64, "d": {"e": false}
        });
        assert_eq!(
            serde_json::to_string(&Details::from_json(&answer)).unwrap(),
            r#"{"b":[1,"2.5",{"\\u{e9}":"x"}],"c":"9007199254740992","d":{"e":false}}"#
        );
        assert_eq!(Details::from_json(&serde_json::json!([1])).some(), None);
        let details = Details::new().with_some("a", Some(true)).with_some("b", None::<i64>);
        assert_eq!(serde_json::to_string(&details).unwrap(), r#"{"a":true}"#);
    }
}
