//! The subset of JSON Schema (2020-12) that kinds are written in, compiled so that an item is checked and
//! normalised in one walk over its value.
//!
//! Taken: `type` (object, array, string, integer, boolean), `properties`, `required`,
//! `additionalProperties` (`true` or `false`, `false` when absent), `items`, `maxItems`, `enum` of strings,
//! `minLength` and `maxLength` (in characters), `minimum` and `maximum`, `format` `date-time` or `date`,
//! and the words that say nothing about a value (`title`, `description`, `examples`, `$schema`, `$id`,
//! `$comment`, `default`). Any other keyword is an error, never ignored: a rule that is not applied is a lie.
//!
//! Normalised: a `date-time` is rewritten in UTC with milliseconds, so that one instant has one form.

use exhibit_evidence::canonical::{MAX_INTEGER, Value};
use exhibit_evidence::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Characters of a string that has no `maxLength` of its own.
const DEFAULT_MAX_CHARS: usize = 65_536;
/// Items of an array that has no `maxItems` of its own.
const DEFAULT_MAX_ITEMS: usize = 10_000;

/// A compiled schema.
#[derive(Clone, Debug)]
pub struct Schema(Node);

#[derive(Clone, Debug)]
enum Node {
    Any,
    Boolean,
    Integer { least: i64, most: i64 },
    String { least: usize, most: usize, only: Option<BTreeSet<String>>, format: Format },
    Array { item: Box<Node>, most: usize },
    Object { properties: BTreeMap<String, Node>, required: Vec<String>, open: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Text,
    DateTime,
    Date,
}

/// A schema outside the subset: where, and what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at `{at}`: {what}")]
pub struct SchemaError {
    /// JSON pointer into the schema.
    pub at: String,
    /// What is wrong.
    pub what: String,
}

/// A value that breaks its schema. Printed as the pointer, a colon, and the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    at: String,
    what: String,
}

impl Problem {
    fn new(what: impl Into<String>) -> Self {
        Self { at: String::new(), what: what.into() }
    }

    fn below(mut self, step: &str) -> Self {
        self.at = format!("/{}{}", step.escape_debug(), self.at);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

impl Schema {
    /// Compiles a schema; its top must be an object.
    pub fn compile(schema: &serde_json::Value) -> Result<Self, SchemaError> {
        let node = compile(schema, "")?;
        if matches!(node, Node::Object { .. }) {
            Ok(Self(node))
        } else {
            Err(SchemaError { at: String::new(), what: "the top must have type object".into() })
        }
    }

    /// Whether the top object names this property.
    pub fn has_property(&self, name: &str) -> bool {
        matches!(&self.0, Node::Object { properties, .. } if properties.contains_key(name))
    }

    /// Checks `value` and rewrites what has more than one form.
    pub fn normalise(&self, value: &mut Value) -> Result<(), Problem> {
        self.0.normalise(value)
    }
}

fn compile(schema: &serde_json::Value, at: &str) -> Result<Node, SchemaError> {
    let fail = |what: String| SchemaError { at: at.to_owned(), what };
    let words = schema.as_object().ok_or_else(|| fail("a schema is an object".into()))?;
    let kind = words.get("type").and_then(|t| t.as_str()).unwrap_or_default();
    let allowed: &[&str] = match kind {
        "object" => &["properties", "required", "additionalProperties"],
        "array" => &["items", "maxItems"],
        "string" => &["enum", "minLength", "maxLength", "format"],
        "integer" => &["minimum", "maximum"],
        "boolean" => &[],
        other => {
            return Err(fail(format!(
                "type `{other}` is not one of object, array, string, integer, boolean"
            )));
        }
    };
    let silent = ["type", "title", "description", "examples", "$schema", "$id", "$comment", "default"];
    if let Some(word) = words.keys().find(|w| !allowed.contains(&w.as_str()) && !silent.contains(&w.as_str()))
    {
        return Err(fail(format!("keyword `{word}` is not taken for type {kind}")));
    }
    let count = |word: &str, default: usize| match words.get(word) {
        None => Ok(default),
        Some(n) => n
            .as_u64()
            .and_then(|n| usize::try_from(n).ok())
            .ok_or_else(|| fail(format!("`{word}` is not a count"))),
    };
    let integer = |word: &str, default: i64| match words.get(word) {
        None => Ok(default),
        Some(n) => n.as_i64().ok_or_else(|| fail(format!("`{word}` is not an integer"))),
    };
    Ok(match kind {
        "boolean" => Node::Boolean,
        "integer" => {
            Node::Integer { least: integer("minimum", -MAX_INTEGER)?, most: integer("maximum", MAX_INTEGER)? }
        }
        "string" => Node::String {
            least: count("minLength", 0)?,
            most: count("maxLength", DEFAULT_MAX_CHARS)?,
            only: words
                .get("enum")
                .map(|list| strings(list).ok_or_else(|| fail("`enum` holds only strings".into())))
                .transpose()?,
            format: match words.get("format").map(|f| f.as_str().unwrap_or_default()) {
                None => Format::Text,
                Some("date-time") => Format::DateTime,
                Some("date") => Format::Date,
                Some(other) => return Err(fail(format!("format `{other}` is not date-time or date"))),
            },
        },
        "array" => {
            let items = words.get("items").ok_or_else(|| fail("an array needs `items`".into()))?;
            Node::Array {
                item: Box::new(compile(items, &format!("{at}/items"))?),
                most: count("maxItems", DEFAULT_MAX_ITEMS)?,
            }
        }
        _ => compile_object(words, at)?,
    })
}

fn compile_object(words: &serde_json::Map<String, serde_json::Value>, at: &str) -> Result<Node, SchemaError> {
    let fail = |what: String| SchemaError { at: at.to_owned(), what };
    let mut properties = BTreeMap::new();
    if let Some(list) = words.get("properties") {
        let list = list.as_object().ok_or_else(|| fail("`properties` is an object".into()))?;
        for (name, schema) in list {
            properties.insert(name.clone(), compile(schema, &format!("{at}/properties/{name}"))?);
        }
    }
    let open = match words.get("additionalProperties") {
        None => false,
        Some(flag) => flag.as_bool().ok_or_else(|| fail("`additionalProperties` is true or false".into()))?,
    };
    let required = match words.get("required") {
        None => BTreeSet::new(),
        Some(list) => strings(list).ok_or_else(|| fail("`required` holds only strings".into()))?,
    };
    if let Some(name) = required.iter().find(|name| !properties.contains_key(*name)) {
        return Err(fail(format!("`{name}` is required, but not among the properties")));
    }
    Ok(Node::Object { properties, required: required.into_iter().collect(), open })
}

fn strings(list: &serde_json::Value) -> Option<BTreeSet<String>> {
    list.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

impl Node {
    fn normalise(&self, value: &mut Value) -> Result<(), Problem> {
        match (self, value) {
            (Self::Any, _) | (Self::Boolean, Value::Bool(_)) => Ok(()),
            (Self::Integer { least, most }, Value::Integer(n)) => {
                if (*least..=*most).contains(n) {
                    Ok(())
                } else {
                    Err(Problem::new(format!("{n} is not between {least} and {most}")))
                }
            }
            (Self::String { least, most, only, format }, Value::String(text)) => {
                normalise_text(text, *least, *most, only.as_ref(), *format)
            }
            (Self::Array { item, most }, Value::Array(items)) => {
                if items.len() > *most {
                    return Err(Problem::new(format!("{} items, at most {most} are taken", items.len())));
                }
                for (i, value) in items.iter_mut().enumerate() {
                    item.normalise(value).map_err(|p| p.below(&i.to_string()))?;
                }
                Ok(())
            }
            (Self::Object { properties, required, open }, Value::Object(members)) => {
                // Both are sorted by name.
                let mut known = properties.iter().peekable();
                for (name, value) in members.iter_mut() {
                    while known.next_if(|(property, _)| *property < name).is_some() {}
                    let node = match known.next_if(|(property, _)| *property == name) {
                        Some((_, node)) => node,
                        None if *open => &Self::Any,
                        None => return Err(Problem::new("the kind has no such attribute").below(name)),
                    };
                    node.normalise(value).map_err(|p| p.below(name))?;
                }
                match required.iter().find(|n| members.binary_search_by(|(k, _)| k.cmp(n)).is_err()) {
                    Some(name) => Err(Problem::new("is required, and missing").below(name)),
                    None => Ok(()),
                }
            }
            (node, value) => {
                Err(Problem::new(format!("is {}, the kind asks for {}", word(value), node.word())))
            }
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Boolean => "a boolean",
            Self::Integer { .. } => "an integer",
            Self::String { .. } => "a string",
            Self::Array { .. } => "an array",
            Self::Object { .. } => "an object",
        }
    }
}

fn word(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "a boolean",
        Value::Integer(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn normalise_text(
    text: &mut String,
    least: usize,
    most: usize,
    only: Option<&BTreeSet<String>>,
    format: Format,
) -> Result<(), Problem> {
    // Counting characters is needed only where bytes do not already decide.
    let outside = (text.len() > most && text.chars().count() > most)
        || (least > 0 && text.len() < least.saturating_mul(4) && text.chars().count() < least);
    if outside {
        let chars = text.chars().count();
        return Err(Problem::new(format!("{chars} characters, {least} to {most} are taken")));
    }
    if let Some(only) = only
        && !only.contains(text.as_str())
    {
        let known: Vec<&str> = only.iter().map(String::as_str).collect();
        let shown: String = text.escape_debug().take(60).collect();
        return Err(Problem::new(format!("`{shown}` is not one of {}", known.join(", "))));
    }
    let shown = |text: &str| text.escape_debug().take(60).collect::<String>();
    match format {
        Format::Text => {}
        Format::DateTime => {
            let at: Timestamp = text
                .parse()
                .map_err(|_| Problem::new(format!("`{}` is not an RFC 3339 instant", shown(text))))?;
            *text = at.to_string();
        }
        Format::Date => {
            let is_date = text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok();
            if !is_date {
                return Err(Problem::new(format!("`{}` is not a date such as 2026-03-04", shown(text))));
            }
        }
    }
    Ok(())
}
