//! The one byte form that is digested: RFC 8785 (JSON Canonicalization Scheme), cut to what needs no
//! number formatting. One line, no white space, keys sorted, keys in ASCII, and only objects, arrays,
//! strings, booleans and integers of magnitude below 2^53. No `null` and no fractions: a value that a
//! source does not report is absent, and listed as unknown.
//!
//! Because keys are ASCII, sorting by bytes is RFC 8785's sorting by UTF-16 code units.

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Integers of greater magnitude are refused: 2^53 - 1, the last that every JSON reader keeps exact.
pub const MAX_INTEGER: i64 = 9_007_199_254_740_991;

/// Objects and arrays may be nested this deep.
pub const MAX_DEPTH: usize = 64;

/// A JSON value that has a canonical form. Object keys are sorted and unique.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// An integer of magnitude up to [`MAX_INTEGER`].
    Integer(i64),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Value>),
    /// Members, sorted by key, keys unique and in ASCII.
    Object(Vec<(String, Value)>),
}

/// Why a text or value has no canonical form.
#[derive(Debug, thiserror::Error)]
#[error("no canonical form: {0}")]
pub struct CanonicalError(#[from] serde_json::Error);

impl Value {
    /// Reads JSON text; refuses duplicate keys, fractions, `null`, large integers and non-ASCII keys.
    pub fn parse(json: &[u8]) -> Result<Self, CanonicalError> {
        Ok(serde_json::from_slice(json)?)
    }

    /// The canonical form of anything serialisable. `None` fields must be skipped by its `Serialize`.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, CanonicalError> {
        Self::parse(&serde_json::to_vec(value)?)
    }

    /// Appends the canonical bytes, without a newline.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Integer(n) => out.extend_from_slice(n.to_string().as_bytes()),
            Self::String(text) => write_string(text, out),
            Self::Array(items) => {
                out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (i, (key, value)) in members.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    write_string(key, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }

    /// The canonical bytes, without a newline.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.write(&mut out);
        out
    }

    /// An object of these members; sorts them. Of two with one key the later stays.
    pub fn object(members: impl IntoIterator<Item = (String, Value)>) -> Self {
        let sorted: std::collections::BTreeMap<String, Value> = members.into_iter().collect();
        Self::Object(sorted.into_iter().collect())
    }

    /// A member of an object, by key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Object(members) => {
                members.binary_search_by(|(k, _)| k.as_str().cmp(key)).ok().map(|i| &members[i].1)
            }
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

/// Canonical bytes of anything serialisable, without a newline.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    Ok(Value::of(value)?.to_bytes())
}

/// Whether `line` (without its newline) is exactly its own canonical form.
pub fn is_canonical(line: &[u8]) -> bool {
    Value::parse(line).is_ok_and(|value| value.to_bytes() == line)
}

/// Writes a string as RFC 8785 section 3.2.2.2 has it: the two-letter escapes where JSON has them, `\u00xx` in lower case for the
/// other control characters, everything else as it is.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    // Without leaving the loop early, so that it is compiled to vectors: most texts need no escape.
    if !bytes.iter().fold(false, |any, b| any | (*b < 0x20) | (*b == b'"') | (*b == b'\\')) {
        out.extend_from_slice(bytes);
        out.push(b'"');
        return;
    }
    let mut clean_from = 0;
    for (i, &b) in bytes.iter().enumerate() {
        let escape: &[u8] = match b {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            0x08 => b"\\b",
            0x09 => b"\\t",
            0x0a => b"\\n",
            0x0c => b"\\f",
            0x0d => b"\\r",
            0x00..=0x1f => b"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[clean_from..i]);
        if escape.is_empty() {
            out.extend_from_slice(format!("\\u{b:04x}").as_bytes());
        } else {
            out.extend_from_slice(escape);
        }
        clean_from = i + 1;
    }
    out.extend_from_slice(&bytes[clean_from..]);
    out.push(b'"');
}

impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Integer(n) => serializer.serialize_i64(*n),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(members) => serializer.collect_map(members.iter().map(|(k, v)| (k, v))),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Depth(0).deserialize(deserializer)
    }
}

/// Reads one value at this depth.
#[derive(Clone, Copy)]
struct Depth(usize);

impl<'de> DeserializeSeed<'de> for Depth {
    type Value = Value;
    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Depth {
    fn inside<E: de::Error>(self) -> Result<Self, E> {
        if self.0 < MAX_DEPTH { Ok(Self(self.0 + 1)) } else { Err(E::custom("nested deeper than 64")) }
    }
}

impl<'de> Visitor<'de> for Depth {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an object, array, string, boolean or integer (null and fractions have no canonical form)",
        )
    }

    fn visit_bool<E: de::Error>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Value, E> {
        if v.unsigned_abs() <= MAX_INTEGER.unsigned_abs() {
            Ok(Value::Integer(v))
        } else {
            Err(E::custom(format_args!("integer {v} is beyond 2^53; write it as a string")))
        }
    }

    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Value, E> {
        let small = i64::try_from(v).unwrap_or(i64::MAX);
        self.visit_i64(small)
    }

    fn visit_str<E: de::Error>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }

    fn visit_string<E: de::Error>(self, v: String) -> Result<Value, E> {
        Ok(Value::String(v))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inside)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut members: Vec<(String, Value)> = Vec::new();
        let mut sorted = true;
        while let Some(key) = map.next_key::<String>()? {
            if !key.is_ascii() {
                return Err(de::Error::custom(format_args!("key `{}` is not ASCII", key.escape_debug())));
            }
            let value = map.next_value_seed(inside)?;
            sorted &= members.last().is_none_or(|(last, _)| *last < key);
            members.push((key, value));
        }
        if !sorted {
            members.sort_by(|a, b| a.0.cmp(&b.0));
            if let Some(pair) = members.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                return Err(de::Error::custom(format_args!("key `{}` appears twice", pair[0].0)));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canon(text: &str) -> String {
        String::from_utf8(Value::parse(text.as_bytes()).unwrap().to_bytes()).unwrap()
    }

    #[test]
    fn sorts_and_escapes_as_rfc_8785() {
        // RFC 8785 section 3.2.3, cut to strings; the control characters of section 3.2.2.2.
        assert_eq!(
            canon(
                r#"{ "b":[1,true ,"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/"], "a":{"z":-5,"y":""} }"#
            ),
            "{\"a\":{\"y\":\"\",\"z\":-5},\"b\":[1,true,\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"]}"
        );
    }

    #[test]
    fn refuses_what_has_no_form() {
        for bad in [
            "null",
            "1.5",
            "1e3",
            "9007199254740992",
            "-9007199254740992",
            r#"{"a":1,"a":2}"#,
            r#"{"é":1}"#,
            r#"{"b":1,"a":2,"b":3}"#,
        ] {
            assert!(Value::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Value::parse(("[".repeat(66) + &"]".repeat(66)).as_bytes()).is_err());
        assert_eq!(canon("9007199254740991"), "9007199254740991");
    }

    #[test]
    fn canonical_form_is_a_fixed_point() {
        let line = canon(r#"{"k":["v",{"z":1,"a":false}]}"#);
        assert!(is_canonical(line.as_bytes()));
        assert!(!is_canonical(format!("{line} ").as_bytes()));
        assert_eq!(canon(&line), line);
    }
}
