//! Values as Google writes them: whole numbers as text, durations, labels, links to resources.

use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

/// A whole number, which JSON of Google's writes as text where it has 64 bits.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(from = "Written")]
pub(crate) struct Whole(pub(crate) Option<u64>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
    Other(serde::de::IgnoredAny),
}

impl From<Written> for Whole {
    fn from(written: Written) -> Self {
        Self(match written {
            Written::Number(number) => Some(number),
            Written::Text(text) => text.parse().ok(),
            Written::Other(_) => None,
        })
    }
}

/// Whole seconds of a duration, `7776000s`: <https://protobuf.dev/reference/protobuf/google.protobuf/#duration>.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let number = text.strip_suffix('s')?;
    number.split('.').next()?.parse().ok()
}

/// Labels as tags, in the order of their names.
pub(crate) fn tags(labels: &BTreeMap<String, String>) -> Option<Vec<String>> {
    (!labels.is_empty()).then(|| labels.iter().map(|(name, value)| format!("{name}={value}")).collect())
}

/// `projects/p/regions/r/subnetworks/s` of a link to it.
pub(crate) fn relative(link: &str) -> &str {
    match link.find("/projects/") {
        Some(at) => link.get(at + 1..).unwrap_or(link),
        None => link,
    }
}

/// The last part of a resource's name or link.
pub(crate) fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// What follows `/{part}/` in a resource's name or link: the region of `…/regions/r/…`.
pub(crate) fn part<'a>(name: &'a str, part: &str) -> Option<&'a str> {
    let mut parts = name.split('/');
    parts.find(|found| *found == part)?;
    parts.next()
}

/// A number for a text, the same for ever: FNV-1a of 64 bits, <https://www.rfc-editor.org/rfc/rfc9923>. It makes short
/// keys of long conditions.
pub(crate) fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_durations_and_names() {
        let whole = |text: &str| serde_json::from_str::<Whole>(text).unwrap().0;
        assert_eq!(
            (whole("7"), whole("\"604800\""), whole("\"x\""), whole("null")),
            (Some(7), Some(604_800), None, None)
        );
        assert_eq!((seconds("7776000s"), seconds("1.5s"), seconds("90")), (Some(7_776_000), Some(1), None));
        let link = "https://www.googleapis.com/compute/v1/projects/p/regions/r/subnetworks/s";
        assert_eq!(relative(link), "projects/p/regions/r/subnetworks/s");
        assert_eq!((last(link), part(link, "regions"), part(link, "zones")), ("s", Some("r"), None));
        // The specification's own vectors.
        assert_eq!(
            (fnv1a(""), fnv1a("a"), fnv1a("foobar")),
            (0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c, 0x8594_4171_f739_67e8)
        );
    }
}
