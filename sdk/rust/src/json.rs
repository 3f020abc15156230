//! Reading JSON bodies: whole, or a list at a pointer, with the place of what does not fit.

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// Reads `text`; the error begins with the JSON pointer of what does not fit.
pub(crate) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    // Keeping track of the place costs more than reading, and is of use only where something does not fit.
    serde_json::from_slice(text).or_else(|_| read_watching(text))
}

fn read_watching<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| format!("{}: {}", pointer(error.path()), error.inner()))?;
    reader.end().map_err(|error| format!(": {error}"))?;
    Ok(value)
}

/// The JSON pointer of a path, without escapes: it is for people.
pub(crate) fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{key}"),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => "/?".to_owned(),
        })
        .collect()
}

/// The items of the list at `pointer`, in one pass over the text. None: not all of them fit, or it is no list;
/// [`list_at`] and [`read`] tell which, and why.
pub(crate) fn all_at<T: DeserializeOwned>(text: &[u8], pointer: &str) -> Option<Vec<T>> {
    let found: Option<Option<Vec<T>>> = locate(text, pointer).ok()?;
    Some(found.flatten().unwrap_or_default())
}

/// The texts of the items of the list at `pointer`. A list that is absent or `null` is empty: some vendors
/// leave out what is empty.
pub(crate) fn list_at<'a>(text: &'a [u8], pointer: &str) -> Result<Vec<&'a str>, String> {
    let found: Option<&'a RawValue> = locate(text, pointer)?;
    let Some(list) = found else { return Ok(Vec::new()) };
    let items: Option<Vec<&'a RawValue>> =
        serde_json::from_str(list.get()).map_err(|error| format!("{pointer} is not a list: {error}"))?;
    Ok(items.unwrap_or_default().into_iter().map(RawValue::get).collect())
}

/// The value at `pointer`; none: there is nothing.
fn locate<'a, T: Deserialize<'a>>(text: &'a [u8], pointer: &str) -> Result<Option<T>, String> {
    let steps: Vec<String> =
        pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    let mut reader = serde_json::Deserializer::from_slice(text);
    let found =
        Locate::below(&steps).deserialize(&mut reader).map_err(|error| format!("{pointer}: {error}"))?;
    reader.end().map_err(|error| format!(": {error}"))?;
    Ok(found)
}

/// Reads the value that these steps lead to, and skips the others.
struct Locate<'s, T> {
    steps: &'s [String],
    value: PhantomData<T>,
}

impl<'s, T> Locate<'s, T> {
    fn below(steps: &'s [String]) -> Self {
        Self { steps, value: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Locate<'_, T> {
    type Value = Option<T>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.steps.is_empty() {
            T::deserialize(deserializer).map(Some)
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Locate<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list on the way")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match self.steps.split_first() {
                Some((step, rest)) if *step == key => found = map.next_value_seed(Self::below(rest))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let Some((step, rest)) = self.steps.split_first() else { return Ok(None) };
        let wanted: Option<usize> = step.parse().ok();
        let mut found = None;
        let mut index = 0;
        loop {
            if Some(index) == wanted {
                let Some(value) = seq.next_element_seed(Self::below(rest))? else { break };
                found = value;
            } else if seq.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
            index += 1;
        }
        Ok(found)
    }
}

/// Where vendors put their words in an error's body.
const SAID: [&str; 10] = [
    "/error/message",
    "/errorSummary",
    "/error_description",
    "/message",
    "/Message",
    "/errorMessages/0",
    "/errors/0/message",
    "/errors/0/detail",
    "/errors/0",
    "/error",
];
/// Where they put their code.
const CODE: [&str; 5] = ["/error/code", "/errorCode", "/__type", "/code", "/error/status"];

pub(crate) fn vendor_message(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text =
        |places: &[&str]| places.iter().find_map(|place| value.pointer(place)?.as_str()).map(str::to_owned);
    match (text(&CODE), text(&SAID)) {
        (Some(code), Some(said)) => Some(format!("{code}: {said}")),
        (code, said) => said.or(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_lists_wherever_they_are() {
        let at = |text: &'static str, pointer| list_at(text.as_bytes(), pointer);
        assert_eq!(at(r#"[1, {"a":[ ]}]"#, "").unwrap(), ["1", r#"{"a":[ ]}"#]);
        assert_eq!(at(r#"{"x":{"a/b":[true]},"y":[3]}"#, "/x/a~1b").unwrap(), ["true"]);
        assert_eq!(at(r#"[[],["b"]]"#, "/1").unwrap(), [r#""b""#]);
        for empty in [r#"{}"#, r#"{"x":null}"#, r#"{"x":[]}"#] {
            assert!(at(empty, "/x").unwrap().is_empty(), "{empty}");
        }
        assert!(at(r#"{"x":null}"#, "/x/y").unwrap().is_empty());
        assert!(at(r#"{"x":{"id":1}}"#, "/x").unwrap_err().contains("/x is not a list"));
        assert!(at(r#"{"x":[1]"#, "/x").is_err());
        assert!(at("[1] [2]", "").is_err());
    }

    #[test]
    fn says_where_it_does_not_fit() {
        #[derive(Deserialize, Debug)]
        struct User {
            #[allow(dead_code)]
            names: Vec<String>,
        }
        let error = read::<User>(br#"{"names":["a",7]}"#).unwrap_err();
        assert!(error.starts_with("/names/1: invalid type: integer `7`, expected a string"), "{error}");
    }

    #[test]
    fn quotes_the_vendor() {
        // Okta's, Google's, AWS's and Jira's documented error bodies.
        for (body, said) in [
            (
                r#"{"errorCode":"E0000011","errorSummary":"Invalid token provided","errorLink":"E0000011","errorId":"x","errorCauses":[]}"#,
                "E0000011: Invalid token provided",
            ),
            (
                r#"{"error":{"code":403,"message":"The caller does not have permission","status":"PERMISSION_DENIED"}}"#,
                "PERMISSION_DENIED: The caller does not have permission",
            ),
            (
                r#"{"__type":"AccessDeniedException","Message":"not authorized"}"#,
                "AccessDeniedException: not authorized",
            ),
            (r#"{"errorMessages":["Issue does not exist"],"errors":{}}"#, "Issue does not exist"),
        ] {
            assert_eq!(vendor_message(body.as_bytes()).as_deref(), Some(said));
        }
        assert_eq!(vendor_message(b"{}"), None);
    }
}
