//! Checks and normalises what a connector returns, and keeps what it refuses.
//!
//! Everything that leaves a guest passes here: an emitted item is bounded, read once, checked against its
//! kind's schema, normalised, and written in canonical bytes under the host's own envelope. What breaks a
//! rule becomes a [`Rejection`] that is kept with the run; nothing a source returned vanishes.
//!
//! | module | holds |
//! | --- | --- |
//! | [`schema`] | the subset of JSON Schema that kinds are written in, compiled for one pass |
//!
//! What is absent here: the store, the network, the guest. Intake decides over bytes alone, so a
//! re-performed run decides the same; [`INTAKE_VERSION`] changes when a rule does.

pub mod schema;

use exhibit_evidence::canonical::{Value, write_string};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::{Kind, KindSpec, Shape};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::{CanonicalRecord, Origin, RecordKey, Rejection};
use exhibit_evidence::time::Timestamp;
use schema::{Schema, SchemaError};
use std::collections::BTreeMap;

/// Version of these rules. A run names the version that took its records in.
pub const INTAKE_VERSION: u32 = 1;

/// A record's key is at most this long, in bytes.
pub const MAX_KEY_BYTES: usize = 512;
/// A record cites at most this many origins.
pub const MAX_ORIGINS: usize = 64;
/// An origin's pointer is at most this long, in bytes.
const MAX_POINTER_BYTES: usize = 512;
/// A subject key is at most this long, in bytes: ids of resources in Azure are longer than a key of most systems.
const MAX_SUBJECT_BYTES: usize = 512;
/// Bytes of a refused body that are kept as its excerpt.
const EXCERPT_BYTES: usize = 4096;

/// What the host knows of every record of a run.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The source.
    pub source: SourceName,
    /// The tenant, as the system names it.
    pub tenant: String,
    /// Bytes that one item may have.
    pub record_bytes: u64,
}

/// An item as the guest emitted it.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// The source's identifier of the thing.
    pub key: &'a str,
    /// When it happened, in milliseconds since the epoch.
    pub occurred_at_ms: Option<u64>,
    /// JSON: `{"attributes": {…}, "subject_key": "…"?, "unknown": ["…"]?}`.
    pub body: &'a [u8],
    /// Where its facts stood.
    pub origins: &'a [Origin],
}

/// The kinds that a run may emit, compiled.
#[derive(Clone, Debug)]
pub struct Intake {
    kinds: BTreeMap<Kind, Compiled>,
}

#[derive(Clone, Debug)]
struct Compiled {
    shape: Shape,
    attributes: Schema,
}

/// A kind that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KindError {
    /// Its schema is outside the subset.
    #[error("schema of {kind}: {error}")]
    Schema {
        /// The kind.
        kind: Kind,
        /// What is wrong with its schema.
        error: SchemaError,
    },
    /// Two descriptions of one kind differ.
    #[error(
        "{0} is described twice, differently; a connector's own kind needs a name that Exhibit does not have"
    )]
    Twice(Kind),
}

/// Why an item is refused: a code for programs, and words.
struct Refusal(&'static str, String);

impl Intake {
    /// Compiles `kinds`. Fails on a schema outside the subset, and on one kind described in two ways.
    pub fn new(kinds: impl IntoIterator<Item = KindSpec>) -> Result<Self, KindError> {
        let mut compiled = BTreeMap::new();
        for spec in kinds {
            let attributes = Schema::compile(&spec.schema)
                .map_err(|error| KindError::Schema { kind: spec.kind.clone(), error })?;
            let entry = Compiled { shape: spec.shape, attributes };
            if compiled.insert(spec.kind.clone(), entry).is_some() {
                return Err(KindError::Twice(spec.kind));
            }
        }
        Ok(Self { kinds: compiled })
    }

    /// How `kind` behaves over time; none: it is not one of the kinds of this run.
    pub fn shape(&self, kind: &Kind) -> Option<Shape> {
        self.kinds.get(kind).map(|k| k.shape)
    }

    /// Takes one item in, or says why not.
    pub fn accept(
        &self,
        envelope: &Envelope,
        kind: &Kind,
        item: &Item<'_>,
    ) -> Result<CanonicalRecord, Box<Rejection>> {
        self.decide(envelope, kind, item)
            .map_err(|Refusal(code, reason)| Box::new(refuse(kind, item, code, reason)))
    }

    fn decide(&self, envelope: &Envelope, kind: &Kind, item: &Item<'_>) -> Result<CanonicalRecord, Refusal> {
        let compiled =
            self.kinds.get(kind).ok_or_else(|| Refusal("kind", format!("{kind} is not declared")))?;
        if item.body.len() as u64 > envelope.record_bytes {
            let (len, most) = (item.body.len(), envelope.record_bytes);
            return Err(Refusal("too-large", format!("the item has {len} bytes, at most {most} are taken")));
        }
        check_text("key", item.key, 1, MAX_KEY_BYTES).map_err(|reason| Refusal("key", reason))?;
        check_origins(item.origins)?;
        let occurred_at = check_time(compiled.shape, item.occurred_at_ms)?;
        let Body { mut attributes, subject_key, unknown } = read_body(item.body)?;
        compiled
            .attributes
            .normalise(&mut attributes)
            .map_err(|problem| Refusal("schema", format!("attributes{problem}")))?;
        let unknown = check_unknown(unknown, &attributes, &compiled.attributes)?;
        if let Some(subject) = &subject_key {
            check_text("subject_key", subject, 1, MAX_SUBJECT_BYTES)
                .map_err(|reason| Refusal("subject", reason))?;
        }
        let line = write_line(envelope, kind, item.key, occurred_at, &attributes, subject_key, unknown);
        Ok(CanonicalRecord {
            kind: kind.clone(),
            key: RecordKey::new(item.key, occurred_at),
            line,
            origins: item.origins.to_vec(),
        })
    }
}

/// What is kept of a refused item. For the caller too, who knows rules that intake cannot: that an exchange
/// took place, that a key was not used before.
pub fn refuse(kind: &Kind, item: &Item<'_>, code: &str, reason: String) -> Rejection {
    Rejection {
        kind: kind.to_string(),
        key: item.key.chars().take(256).collect(),
        code: code.to_owned(),
        reason,
        origins: item.origins.iter().take(MAX_ORIGINS).cloned().collect(),
        body: Digest::of(item.body),
        excerpt: excerpt(item.body),
    }
}

struct Body {
    attributes: Value,
    subject_key: Option<String>,
    unknown: Vec<String>,
}

fn read_body(bytes: &[u8]) -> Result<Body, Refusal> {
    let refuse = |reason: String| Refusal("json", reason);
    let members = match Value::parse(bytes) {
        Ok(Value::Object(members)) => members,
        Ok(_) => return Err(refuse("the item's body is not a JSON object".into())),
        Err(error) => return Err(refuse(format!("the item's body has {error}"))),
    };
    let mut body = Body { attributes: Value::Object(Vec::new()), subject_key: None, unknown: Vec::new() };
    let mut has_attributes = false;
    for (name, value) in members {
        match (name.as_str(), value) {
            ("attributes", value @ Value::Object(_)) => {
                body.attributes = value;
                has_attributes = true;
            }
            ("subject_key", Value::String(text)) => body.subject_key = Some(text),
            ("unknown", Value::Array(items)) => {
                for item in items {
                    match item {
                        Value::String(text) => body.unknown.push(text),
                        _ => return Err(refuse("`unknown` holds something that is not a string".into())),
                    }
                }
            }
            (name, _) => {
                return Err(refuse(format!(
                    "`{}` is not one of attributes (object), subject_key (string), unknown (array)",
                    name.escape_debug()
                )));
            }
        }
    }
    if has_attributes { Ok(body) } else { Err(refuse("the item's body has no `attributes`".into())) }
}

fn check_text(what: &str, text: &str, least: usize, most: usize) -> Result<(), String> {
    if !(least..=most).contains(&text.len()) {
        return Err(format!("{what} has {} bytes, {least} to {most} are taken", text.len()));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(format!("{what} holds the control character U+{:04X}", u32::from(c))),
        None => Ok(()),
    }
}

fn check_origins(origins: &[Origin]) -> Result<(), Refusal> {
    let refuse = |reason: String| Err(Refusal("origins", reason));
    match origins.len() {
        0 => return refuse("no origin: a record cites the exchange that it was made from".into()),
        1..=MAX_ORIGINS => {}
        n => return refuse(format!("{n} origins, at most {MAX_ORIGINS} are taken")),
    }
    for origin in origins {
        if let Err(reason) = check_text("an origin's pointer", &origin.pointer, 0, MAX_POINTER_BYTES) {
            return refuse(reason);
        }
    }
    Ok(())
}

fn check_time(shape: Shape, occurred_at_ms: Option<u64>) -> Result<Option<Timestamp>, Refusal> {
    match (shape.is_timed(), occurred_at_ms) {
        (true, None) => Err(Refusal("time", "an event or act needs the time at which it occurred".into())),
        (false, Some(_)) => {
            Err(Refusal("time", "a state record has no time of its own; put the fact in an attribute".into()))
        }
        (_, Some(ms)) if Timestamp::from_ms(ms).as_ms() != ms => {
            Err(Refusal("time", format!("{ms} ms is beyond the year 9999; write milliseconds since 1970")))
        }
        (_, at) => Ok(at.map(Timestamp::from_ms)),
    }
}

fn check_unknown(
    mut unknown: Vec<String>,
    attributes: &Value,
    schema: &Schema,
) -> Result<Vec<String>, Refusal> {
    unknown.sort();
    unknown.dedup();
    for name in &unknown {
        if !schema.has_property(name) {
            let name = name.escape_debug();
            return Err(Refusal(
                "unknown",
                format!("`{name}` is listed as unknown, but the kind has no such attribute"),
            ));
        }
        if attributes.get(name).is_some() {
            return Err(Refusal("unknown", format!("`{name}` is listed as unknown, and given")));
        }
    }
    Ok(unknown)
}

/// The members of `evidence::record::Record`, in canonical order.
fn write_line(
    envelope: &Envelope,
    kind: &Kind,
    native_id: &str,
    occurred_at: Option<Timestamp>,
    attributes: &Value,
    subject_key: Option<String>,
    unknown: Vec<String>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let text = |out: &mut Vec<u8>, name: &str, value: &str| {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        write_string(value, out);
    };
    out.extend_from_slice(b"{\"attributes\":");
    attributes.write(&mut out);
    text(&mut out, "kind", &kind.to_string());
    text(&mut out, "native_id", native_id);
    if let Some(at) = occurred_at {
        text(&mut out, "occurred_at", &at.to_string());
    }
    text(&mut out, "source", envelope.source.as_str());
    if let Some(subject) = subject_key {
        text(&mut out, "subject_key", &subject);
    }
    text(&mut out, "tenant", &envelope.tenant);
    if !unknown.is_empty() {
        out.extend_from_slice(b",\"unknown\":");
        Value::Array(unknown.into_iter().map(Value::String).collect()).write(&mut out);
    }
    out.push(b'}');
    out
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(EXCERPT_BYTES)]);
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
