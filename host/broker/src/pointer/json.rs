//! What stands at some JSON pointers (RFC 6901), in one pass, and where some patterns match.
//!
//! Values that no pointer leads to are skipped without being built.

use super::{Found, MAX_TEXT_BYTES, Pointer, ProbeError, skip_mark};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::ops::Range;

/// At most this many pointers in one pass: they are the bits of a mask.
pub const MAX_POINTERS: usize = 64;

/// What stands at each of `pointers`, in their order. Of two members with one key the later counts.
///
/// # Errors
/// [`ProbeError`] where `body` is not one JSON value (RFC 8259), or a text at a pointer is too long.
pub fn probe(body: &[u8], pointers: &[&Pointer]) -> Result<Vec<Found>, ProbeError> {
    debug_assert!(pointers.len() <= MAX_POINTERS);
    let mut probe = Probe { pointers, found: vec![Found::Missing; pointers.len()], too_long: None };
    let mut reader = serde_json::Deserializer::from_slice(skip_mark(body));
    let all = mask_of(pointers.len());
    ProbeSeed { probe: &mut probe, mask: all, depth: 0 }
        .deserialize(&mut reader)
        .and_then(|()| reader.end())
        .map_err(malformed)?;
    match probe.too_long {
        Some(pointer) => Err(ProbeError::TooLong(pointer)),
        None => Ok(probe.found),
    }
}

/// Byte ranges in `body` of every value that one of `patterns` matches, sorted and disjoint. A step `*` is
/// any member or element.
///
/// # Errors
/// [`ProbeError`] where `body` is not one JSON value.
pub fn spans(body: &[u8], patterns: &[&Pointer]) -> Result<Vec<Range<usize>>, ProbeError> {
    debug_assert!(patterns.len() <= MAX_POINTERS);
    let text = std::str::from_utf8(skip_mark(body))
        .map_err(|e| ProbeError::Malformed { format: "JSON", reason: e.to_string() })?;
    let mut spans = Spans { patterns, base: body.as_ptr() as usize, found: Vec::new() };
    let mut reader = serde_json::Deserializer::from_str(text);
    let mask = mask_of(patterns.len());
    SpanSeed { spans: &mut spans, mask, depth: 0 }
        .deserialize(&mut reader)
        .and_then(|()| reader.end())
        .map_err(malformed)?;
    Ok(spans.found)
}

fn malformed(error: serde_json::Error) -> ProbeError {
    ProbeError::Malformed { format: "JSON", reason: error.to_string() }
}

fn mask_of(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

/// Those of `mask` whose pointer goes on, at `depth`, in a way that `fits`.
fn narrow(pointers: &[&Pointer], mask: u64, fits: impl Fn(&Pointer) -> bool) -> u64 {
    let mut left = 0;
    for (i, pointer) in pointers.iter().enumerate() {
        if mask & (1 << i) != 0 && fits(pointer) {
            left |= 1 << i;
        }
    }
    left
}

/// Reads a member's name as the mask of pointers that go on through it.
struct KeySeed<'a> {
    pointers: &'a [&'a Pointer],
    mask: u64,
    depth: usize,
    wild: bool,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = u64;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = u64;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }
    fn visit_str<E: de::Error>(self, key: &str) -> Result<u64, E> {
        let fits = |p: &Pointer| p.is_name(self.depth, key) || (self.wild && p.is_wild(self.depth));
        Ok(narrow(self.pointers, self.mask, fits))
    }
}

struct Probe<'a> {
    pointers: &'a [&'a Pointer],
    found: Vec<Found>,
    too_long: Option<String>,
}

struct ProbeSeed<'p, 'a> {
    probe: &'p mut Probe<'a>,
    mask: u64,
    depth: usize,
}

impl ProbeSeed<'_, '_> {
    /// Notes `found` for every pointer that ends here; one that goes on finds nothing so far.
    fn note(&mut self, found: &Found) {
        for (i, pointer) in self.probe.pointers.iter().enumerate() {
            if self.mask & (1 << i) != 0 {
                let ends = pointer.depth() == self.depth;
                self.probe.found[i] = if ends { found.clone() } else { Found::Missing };
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for ProbeSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.mask == 0 {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| ());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ProbeSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(mut self) -> Result<(), E> {
        self.note(&Found::Null);
        Ok(())
    }

    fn visit_bool<E: de::Error>(mut self, v: bool) -> Result<(), E> {
        self.note(&Found::Bool(v));
        Ok(())
    }

    fn visit_i64<E: de::Error>(mut self, v: i64) -> Result<(), E> {
        self.note(&Found::Number(v.to_string()));
        Ok(())
    }

    fn visit_u64<E: de::Error>(mut self, v: u64) -> Result<(), E> {
        self.note(&Found::Number(v.to_string()));
        Ok(())
    }

    fn visit_f64<E: de::Error>(mut self, v: f64) -> Result<(), E> {
        self.note(&Found::Number(v.to_string()));
        Ok(())
    }

    fn visit_str<E: de::Error>(mut self, v: &str) -> Result<(), E> {
        if v.len() > MAX_TEXT_BYTES {
            let ends = self.probe.pointers.iter().enumerate();
            let place = ends.into_iter().find(|(i, p)| self.mask & (1 << i) != 0 && p.depth() == self.depth);
            if let Some((_, pointer)) = place {
                self.probe.too_long = Some(pointer.to_string());
            }
            self.note(&Found::Missing);
        } else {
            self.note(&Found::Text(v.to_owned()));
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.note(&Found::Object);
        let (pointers, mask, depth) = (self.probe.pointers, self.mask, self.depth);
        while let Some(mask) = map.next_key_seed(KeySeed { pointers, mask, depth, wild: false })? {
            map.next_value_seed(ProbeSeed { probe: self.probe, mask, depth: depth + 1 })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        self.note(&Found::List(0));
        let depth = self.depth;
        let mut count: u64 = 0;
        loop {
            let mask = narrow(self.probe.pointers, self.mask, |p| p.is_index(depth, count));
            let seed = ProbeSeed { probe: self.probe, mask, depth: depth + 1 };
            if seq.next_element_seed(seed)?.is_none() {
                break;
            }
            count += 1;
        }
        for (i, pointer) in self.probe.pointers.iter().enumerate() {
            if self.mask & (1 << i) != 0 && pointer.depth() == depth {
                self.probe.found[i] = Found::List(count);
            }
        }
        Ok(())
    }
}

struct Spans<'a> {
    patterns: &'a [&'a Pointer],
    base: usize,
    found: Vec<Range<usize>>,
}

struct SpanSeed<'p, 'a> {
    spans: &'p mut Spans<'a>,
    mask: u64,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for SpanSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.mask == 0 {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| ());
        }
        if narrow(self.spans.patterns, self.mask, |p| p.depth() == self.depth) != 0 {
            let raw: &'de RawValue = de::Deserialize::deserialize(deserializer)?;
            let start = raw.get().as_ptr() as usize - self.spans.base;
            self.spans.found.push(start..start + raw.get().len());
            return Ok(());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for SpanSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (patterns, mask, depth) = (self.spans.patterns, self.mask, self.depth);
        while let Some(mask) = map.next_key_seed(KeySeed { pointers: patterns, mask, depth, wild: true })? {
            map.next_value_seed(SpanSeed { spans: self.spans, mask, depth: depth + 1 })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let depth = self.depth;
        for index in 0.. {
            let fits = |p: &Pointer| p.is_index(depth, index) || p.is_wild(depth);
            let mask = narrow(self.spans.patterns, self.mask, fits);
            let seed = SpanSeed { spans: self.spans, mask, depth: depth + 1 };
            if seq.next_element_seed(seed)?.is_none() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(body: &str, pointer: &str) -> Found {
        probe(body.as_bytes(), &[&Pointer::parse(pointer).unwrap()]).unwrap().remove(0)
    }

    #[test]
    fn the_examples_of_rfc_6901_section_5() {
        let body =
            r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;
        assert_eq!(one(body, ""), Found::Object);
        assert_eq!(one(body, "/foo"), Found::List(2));
        assert_eq!(one(body, "/foo/0"), Found::Text("bar".into()));
        let numbers = [
            ("/", 0),
            ("/a~1b", 1),
            ("/c%d", 2),
            ("/e^f", 3),
            ("/g|h", 4),
            ("/i\\j", 5),
            ("/k\"l", 6),
            ("/ ", 7),
            ("/m~0n", 8),
        ];
        for (pointer, number) in numbers {
            assert_eq!(one(body, pointer), Found::Number(number.to_string()), "{pointer}");
        }
        assert_eq!(one(body, "/foo/00"), Found::Missing);
        assert_eq!(one(body, "/foo/-"), Found::Missing);
        assert_eq!(one(body, "/foo/0/x"), Found::Missing);
    }

    #[test]
    fn finds_several_in_one_pass() {
        let body = r#"{"value":[{"id":1},{"id":2}],"@odata.nextLink":"https://graph.example/next","isLast":false,"n":null}"#;
        let pointers: Vec<Pointer> = ["/value", "/@odata.nextLink", "/isLast", "/n", "/value/1/id"]
            .map(|p| Pointer::parse(p).unwrap())
            .into();
        let found = probe(body.as_bytes(), &pointers.iter().collect::<Vec<_>>()).unwrap();
        let expected = [
            Found::List(2),
            Found::Text("https://graph.example/next".into()),
            Found::Bool(false),
            Found::Null,
            Found::Number("2".into()),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn of_two_members_with_one_key_the_later_counts() {
        assert_eq!(one(r#"{"a":{"b":1},"a":{"b":2}}"#, "/a/b"), Found::Number("2".into()));
        assert_eq!(one(r#"{"a":{"b":1},"a":{}}"#, "/a/b"), Found::Missing);
    }

    #[test]
    fn malformed_pages_are_errors() {
        let pointer = Pointer::parse("/a").unwrap();
        for bad in [&b"{\"a\":1"[..], b"{\"a\":1}{}", b"", b"<a/>", b"{\"a\":\"\xff\"}"] {
            let error = probe(bad, &[&pointer]).unwrap_err();
            assert!(error.to_string().contains("not well-formed JSON"), "{error}");
        }
    }

    #[test]
    fn deep_nesting_off_the_path_costs_nothing() {
        let body = format!("{{\"deep\":{}{},\"next\":\"t\"}}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(one(&body, "/next"), Found::Text("t".into()));
    }

    #[test]
    fn a_text_beyond_the_bound_is_an_error() {
        let body = format!("{{\"next\":\"{}\"}}", "x".repeat(MAX_TEXT_BYTES + 1));
        let error = probe(body.as_bytes(), &[&Pointer::parse("/next").unwrap()]).unwrap_err();
        assert_eq!(error, ProbeError::TooLong("/next".into()));
    }

    #[test]
    fn spans_cut_out_whole_values() {
        let body = br#" [ {"id":1,"credentials": {"p":[1]} }, {"id":2 , "credentials":"x"} , 3]"#;
        let pattern = Pointer::parse("/*/credentials").unwrap();
        let cut: Vec<&[u8]> = spans(body, &[&pattern]).unwrap().into_iter().map(|r| &body[r]).collect();
        assert_eq!(cut, [&br#"{"p":[1]}"#[..], br#""x""#]);
    }

    proptest! {
        /// serde_json's own pointer lookup is the oracle.
        #[test]
        fn agrees_with_serde_json(
            keys in proptest::collection::vec("[a-c~/0-9]{0,2}", 1..5),
            leaf in any::<u32>(),
            pointer in "(/([a-c]|~0|~1|[0-9]){0,2}){0,3}",
        ) {
            let mut value = serde_json::json!(leaf);
            for (i, key) in keys.iter().enumerate() {
                value = if i % 2 == 0 { serde_json::json!({key: value, "z": 1}) } else { serde_json::json!([0, value]) };
            }
            let body = serde_json::to_vec(&value).unwrap();
            let found = probe(&body, &[&Pointer::parse(&pointer).unwrap()]).unwrap().remove(0);
            let expected = match value.pointer(&pointer) {
                None => Found::Missing,
                Some(serde_json::Value::Number(n)) => Found::Number(n.to_string()),
                Some(serde_json::Value::Array(items)) => Found::List(items.len() as u64),
                Some(_) => Found::Object,
            };
            prop_assert_eq!(found, expected);
        }
    }
}
