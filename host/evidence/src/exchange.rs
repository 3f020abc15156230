//! One HTTP request and its response, as the host saw it, and the walk over pages that it was part of.

use crate::digest::Digest;
use crate::fetch::FetchError;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Names an exchange within its run: the guest's call, the place in that call, the page.
///
/// It follows from what the guest asked and never from which answer came first, so a re-performed run
/// gives the same exchange the same name. Written `12.0.3`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ExchangeId {
    /// Number of the guest's call, from 0, over the whole run.
    pub call: u32,
    /// Place within a `send-all`, from 0.
    pub index: u32,
    /// Page within the walk, from 0.
    pub page: u32,
}

impl ExchangeId {
    /// The walk that this exchange is a page of.
    pub fn walk(self) -> WalkId {
        WalkId { call: self.call, index: self.index }
    }
}

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.call, self.index, self.page)
    }
}

/// A text that does not name an exchange or a walk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` does not name an exchange: write call.index.page, for example 12.0.3")]
pub struct ParseExchangeIdError(String);

impl FromStr for ExchangeId {
    type Err = ParseExchangeIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || ParseExchangeIdError(text.chars().take(80).collect());
        let numbers: Vec<u32> =
            text.split('.').map(|part| part.parse().map_err(|_| fail())).collect::<Result<_, _>>()?;
        match numbers[..] {
            [call, index, page] => Ok(Self { call, index, page }),
            _ => Err(fail()),
        }
    }
}

impl Serialize for ExchangeId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ExchangeId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Names one list that was read, page by page or at once: the guest's call and the place in it. Written `12.0`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct WalkId {
    /// Number of the guest's call.
    pub call: u32,
    /// Place within a `send-all`.
    pub index: u32,
}

impl fmt::Display for WalkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.call, self.index)
    }
}

impl FromStr for WalkId {
    type Err = ParseExchangeIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id: ExchangeId =
            format!("{text}.0").parse().map_err(|_| ParseExchangeIdError(text.to_owned()))?;
        Ok(id.walk())
    }
}

impl Serialize for WalkId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WalkId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One exchange as it is kept: everything but the body's bytes, which are stored under their digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Its name within the run.
    pub id: ExchangeId,
    /// HTTP method.
    pub method: String,
    /// URL as requested, known secret values and credential parameters replaced by `***`.
    pub url: String,
    /// Digest over everything that the guest asked: method, URL, headers, body, slot and parameters, page.
    pub request: Digest,
    /// Request headers as the guest set them; credentials are attached later and never kept.
    pub request_headers: Vec<(String, String)>,
    /// Digest of the request's body, where it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_body: Option<Digest>,
    /// The credential slot that was attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// What the guest was shown.
    pub answer: Answer,
    /// The server's own `Date`, where it sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_date: Option<Timestamp>,
    /// When the first attempt left, by the host's clock.
    pub sent_at: Timestamp,
    /// From the first attempt to the last byte, in milliseconds, waits for rate limits included.
    pub duration_ms: u64,
    /// Attempts made, at least 1 unless the request was refused before it left.
    pub attempts: u32,
}

/// What the guest was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// A response.
    Response {
        /// HTTP status.
        status: u16,
        /// Visible headers, names in lower case.
        headers: Vec<(String, String)>,
        /// Digest of the body that the guest saw, after redaction.
        body: Digest,
        /// Length of that body in bytes.
        body_bytes: u64,
        /// Whether redaction changed the body.
        redacted: bool,
    },
    /// No response, for this reason.
    Error(FetchError),
}

/// How one list was read, and why reading stopped: the host's own knowledge, not the connector's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Walk {
    /// Its name within the run.
    pub id: WalkId,
    /// First request's method and URL, redacted: `GET https://example.okta.com/api/v1/users?limit=200`.
    pub list: String,
    /// The paging scheme's name (`link-header`); `none` for a single request without a scheme.
    pub scheme: String,
    /// Where the items are in each page (JSON pointer, or XML path); none where the request named no place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<String>,
    /// Pages received.
    pub pages: u32,
    /// Items counted in those pages, where `items` says where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<u64>,
    /// Items of each page, in order, where `items` says where they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub received_by_page: Vec<u32>,
    /// The total that the source itself states, where it states one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_total: Option<u64>,
    /// Why reading stopped.
    pub stop: Stop,
}

/// Why the reading of a list stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why", deny_unknown_fields)]
pub enum Stop {
    /// The scheme says there is no further page. The only complete end.
    End,
    /// A single request, answered with success, that names no scheme: whether more exists is the connector's word.
    Single,
    /// The guest did not ask for the pages that were left.
    Abandoned,
    /// A page limit was reached, a page came again, or a next link was refused.
    Guard {
        /// Which guard, and where.
        reason: String,
    },
    /// A page was not answered, or answered with another status than success.
    Failed {
        /// Status or error code, and where.
        reason: String,
    },
}
