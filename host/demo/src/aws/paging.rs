//! Lists in pages: an opaque marker that names where the next page begins.

use super::{Call, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The names of a service's paging parameters, and its page sizes.
#[derive(Clone, Copy)]
pub(crate) struct Paging {
    pub(crate) size: &'static str,
    pub(crate) marker: &'static str,
    pub(crate) usual: usize,
    pub(crate) most: usize,
}

/// IAM: `MaxItems` and `Marker`, 100 unless told otherwise.
pub(crate) const IAM: Paging = Paging { size: "MaxItems", marker: "Marker", usual: 100, most: 1000 };
/// EC2: `MaxResults` and `NextToken`.
pub(crate) const EC2: Paging = Paging { size: "MaxResults", marker: "NextToken", usual: 1000, most: 1000 };
/// RDS: `MaxRecords` and `Marker`.
pub(crate) const RDS: Paging = Paging { size: "MaxRecords", marker: "Marker", usual: 100, most: 100 };
/// S3's list of buckets.
pub(crate) const BUCKETS: Paging =
    Paging { size: "max-buckets", marker: "continuation-token", usual: 10_000, most: 10_000 };
/// KMS: `Limit` and `Marker`, in the JSON body.
pub(crate) const KMS: Paging = Paging { size: "Limit", marker: "Marker", usual: 100, most: 1000 };
/// AWS Backup and GuardDuty, in the query.
pub(crate) const REST: Paging = Paging { size: "maxResults", marker: "nextToken", usual: 100, most: 1000 };

/// One page, and the marker of the next where there is one.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

impl Paging {
    /// The page of `items` that the request's parameters ask for.
    pub(crate) fn page<T>(self, call: &Call<'_>, items: Vec<T>) -> Result<Page<T>, Refusal> {
        self.cut(call.param(self.size), call.param(self.marker), items)
    }

    /// The page that the request's JSON body asks for.
    pub(crate) fn page_of_json<T>(self, body: &Value, items: Vec<T>) -> Result<Page<T>, Refusal> {
        let size = body[self.size].as_u64().map(|n| n.to_string());
        self.cut(size.as_deref(), body[self.marker].as_str(), items)
    }

    fn cut<T>(self, size: Option<&str>, marker: Option<&str>, mut items: Vec<T>) -> Result<Page<T>, Refusal> {
        let size = match size {
            None => self.usual,
            Some(text) => match text.parse::<usize>() {
                Ok(n) if n > 0 && n <= self.most => n,
                _ => {
                    let message = format!("{} must be a number from 1 to {}.", self.size, self.most);
                    return Err(Refusal::new(400, "ValidationError", message));
                }
            },
        };
        let start = match marker {
            None => 0,
            Some(text) => decode(text)
                .filter(|start| *start < items.len())
                .ok_or_else(|| Refusal::new(400, "ValidationError", format!("Invalid {}.", self.marker)))?,
        };
        let end = start + size;
        let next = (end < items.len()).then(|| encode(end));
        items.truncate(end);
        Ok(Page { items: items.split_off(start), next })
    }
}

fn encode(start: usize) -> String {
    STANDARD.encode(format!("simulated page at {start}"))
}

fn decode(marker: &str) -> Option<usize> {
    let text = String::from_utf8(STANDARD.decode(marker).ok()?).ok()?;
    text.strip_prefix("simulated page at ")?.parse().ok()
}
