//! One line of egress: methods, a URL pattern, and operations where the path does not name them.
//!
//! ```text
//! GET https://example.okta.com/api/v1/**
//! GET,POST https://*.amazonaws.com/ only ec2:Describe*,iam:ListUsers
//! ```

use super::operation::{Operation, OperationListError, Operations};
use super::path::PathForms;
use super::pattern::{ParsePatternError, UrlPattern};
use crate::transport::Outgoing;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Methods that can be granted. CONNECT and TRACE have no place in collecting.
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// Requests of some methods to some URLs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct EgressRule {
    methods: BTreeSet<String>,
    url: UrlPattern,
    operations: Option<Operations>,
}

/// A text that is not a line of egress.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseRuleError {
    /// Not the right number of words.
    #[error("`{0}` is not a line of egress: write METHODS URL, or METHODS URL only OPERATIONS")]
    Form(String),
    /// A method that is none.
    #[error("method `{0}`: write one or more of DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")]
    Method(String),
    /// The URL pattern.
    #[error(transparent)]
    Url(#[from] ParsePatternError),
    /// The operations.
    #[error(transparent)]
    Operations(#[from] OperationListError),
}

/// Why a rule does not fit a request, from far to near.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Misfit {
    Url,
    Method,
    /// The operation that is missing, or what is wrong with the request.
    Operation(String),
}

impl EgressRule {
    /// A rule of these methods, this pattern and these operations.
    pub fn new<'a>(
        methods: impl IntoIterator<Item = &'a str>,
        url: UrlPattern,
        operations: Option<Operations>,
    ) -> Result<Self, ParseRuleError> {
        let methods: BTreeSet<String> = methods.into_iter().map(str::to_owned).collect();
        match methods.iter().find(|method| !METHODS.contains(&method.as_str())) {
            Some(method) => Err(ParseRuleError::Method(method.chars().take(40).collect())),
            None if methods.is_empty() => Err(ParseRuleError::Method(String::new())),
            None => Ok(Self { methods, url, operations }),
        }
    }

    /// The URLs that it is about.
    pub fn url(&self) -> &UrlPattern {
        &self.url
    }

    /// The operations that the request was found to do, empty where the rule names none.
    pub(super) fn check(&self, request: &Outgoing, path: &PathForms) -> Result<BTreeSet<Operation>, Misfit> {
        if !self.url.allows_forms(&request.url, path) {
            return Err(Misfit::Url);
        }
        if !self.methods.contains(&request.method) {
            return Err(Misfit::Method);
        }
        match &self.operations {
            None => Ok(BTreeSet::new()),
            Some(operations) => operations.check(request, path).map_err(Misfit::Operation),
        }
    }

    /// Whether this rule allows every request that `other` allows. Sound, not complete.
    pub fn covers(&self, other: &Self) -> bool {
        self.methods.is_superset(&other.methods)
            && self.url.covers(&other.url)
            && match (&self.operations, &other.operations) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(wide), Some(narrow)) => wide.covers(narrow),
            }
    }
}

impl FromStr for EgressRule {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (methods, url, operations) = match words[..] {
            [methods, url] => (methods, url, None),
            [methods, url, "only", list] => (methods, url, Some(Operations::parse(list.split(','))?)),
            _ => return Err(ParseRuleError::Form(text.chars().take(200).collect())),
        };
        Self::new(methods.split(','), url.parse()?, operations)
    }
}

impl fmt::Display for EgressRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, method) in self.methods.iter().enumerate() {
            write!(f, "{}{method}", if i > 0 { "," } else { "" })?;
        }
        write!(f, " {}", self.url)?;
        match &self.operations {
            Some(operations) => write!(f, " only {operations}"),
            None => Ok(()),
        }
    }
}

impl serde::Serialize for EgressRule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for EgressRule {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_and_print() {
        for line in [
            "GET https://example.okta.com/api/v1/**",
            "GET,POST https://*.amazonaws.com/ only ec2:Describe*,iam:ListUsers",
        ] {
            assert_eq!(line.parse::<EgressRule>().unwrap().to_string(), line);
        }
        for bad in [
            "https://a.test/",
            "get https://a.test/",
            "CONNECT https://a.test/",
            "GET, https://a.test/",
            "GET https://a.test/ only",
            "GET https://a.test/ with x",
            "GET https://a.test/ only x",
        ] {
            assert!(bad.parse::<EgressRule>().is_err(), "{bad}");
        }
    }

    #[test]
    fn covering() {
        let covers =
            |a: &str, b: &str| a.parse::<EgressRule>().unwrap().covers(&b.parse::<EgressRule>().unwrap());
        assert!(covers("GET,POST https://a.test/**", "GET https://a.test/x only iam:ListUsers"));
        assert!(!covers("GET https://a.test/**", "GET,POST https://a.test/x"));
        assert!(!covers("GET https://a.test/** only iam:ListUsers", "GET https://a.test/**"));
    }
}
