//! What a connector says of itself: what it asks, which settings it takes, which permissions it needs.

use crate::connector::Problem;
use crate::population::EvidenceKind;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// What a connector says of itself. `exhibit source add` asks for its settings, `exhibit connector inspect` prints it.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    title: String,
    summary: String,
    kinds: Vec<KindAnswer>,
    #[serde(serialize_with = "as_schema")]
    settings: Vec<Setting>,
    permissions: Vec<Permission>,
}

#[derive(Clone, Debug, Serialize)]
struct KindAnswer {
    kind: &'static str,
    question: String,
}

#[derive(Clone, Debug, Serialize)]
struct Permission {
    permission: String,
    reads: String,
    kinds: Vec<&'static str>,
}

/// One setting of a source.
#[derive(Clone, Debug)]
pub struct Setting {
    name: String,
    schema: Map<String, Value>,
    required: bool,
}

impl Setting {
    fn new(name: &str, title: &str, kind: &str) -> Self {
        let mut schema = Map::new();
        schema.insert("title".into(), title.into());
        schema.insert("type".into(), kind.into());
        Self { name: name.to_owned(), schema, required: true }
    }

    /// A text.
    pub fn text(name: &str, title: &str) -> Self {
        Self::new(name, title, "string")
    }

    /// A host name without scheme, port or path, `example.okta.com`.
    pub fn host(name: &str, title: &str) -> Self {
        Self::text(name, title).with("format", json!("hostname"))
    }

    /// Yes or no.
    pub fn flag(name: &str, title: &str) -> Self {
        Self::new(name, title, "boolean")
    }

    /// A whole number.
    pub fn integer(name: &str, title: &str) -> Self {
        Self::new(name, title, "integer")
    }

    /// A list of texts.
    pub fn list(name: &str, title: &str) -> Self {
        Self::new(name, title, "array").with("items", json!({"type": "string"}))
    }

    /// A text that is one of these.
    pub fn choice(name: &str, title: &str, values: &[&str]) -> Self {
        Self::text(name, title).with("enum", json!(values))
    }

    /// What it means and where to find it.
    #[must_use]
    pub fn help(self, text: &str) -> Self {
        self.with("description", json!(text))
    }

    /// A value to show as an example.
    #[must_use]
    pub fn example(self, value: impl Into<Value>) -> Self {
        let value = value.into();
        self.with("examples", json!([value]))
    }

    /// It may be left out, and then has this value.
    #[must_use]
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.required = false;
        self.with("default", value.into())
    }

    /// It may be left out.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    fn with(mut self, keyword: &str, value: Value) -> Self {
        self.schema.insert(keyword.to_owned(), value);
        self
    }

    fn word(&self, keyword: &str) -> &str {
        self.schema.get(keyword).and_then(Value::as_str).unwrap_or_default()
    }

    /// What is wrong with this value of it.
    fn problem(&self, value: &Value) -> Option<String> {
        let fits = match self.word("type") {
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            _ => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
        };
        if !fits {
            let wanted = match self.word("type") {
                "array" => "list of texts",
                "integer" => "whole number",
                "boolean" => "yes or no (true or false)",
                _ => "text",
            };
            return Some(format!("`{}` is wanted as a {wanted}, and is {value}", self.name));
        }
        let text = value.as_str().unwrap_or_default();
        if let Some(Value::Array(choices)) = self.schema.get("enum")
            && !choices.contains(value)
        {
            let choices: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
            return Some(format!("`{text}` is not one of {}", choices.join(", ")));
        }
        (self.word("format") == "hostname" && !is_host(text)).then(|| {
            format!("`{text}` is not a host name: write it without https://, path or port, in lower case")
        })
    }
}

/// RFC 1123 section 2.1, lower case.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

impl Description {
    /// A connector's name for people and what it reads, in a sentence.
    pub fn new(title: &str, summary: &str) -> Self {
        Self {
            title: title.to_owned(),
            summary: summary.to_owned(),
            kinds: Vec::new(),
            settings: Vec::new(),
            permissions: Vec::new(),
        }
    }

    /// A kind that it emits, and the question that this answers: "which accounts exist, in which status?".
    #[must_use]
    pub fn kind<K: EvidenceKind>(mut self, question: &str) -> Self {
        self.kinds.push(KindAnswer { kind: K::KIND, question: question.to_owned() });
        self
    }

    /// A setting, asked for in this order.
    #[must_use]
    pub fn setting(mut self, setting: Setting) -> Self {
        self.settings.push(setting);
        self
    }

    /// A permission in the vendor's words, what it is for, and the kinds that are incomplete without it.
    #[must_use]
    pub fn permission(mut self, permission: &str, reads: &str, kinds: &[&'static str]) -> Self {
        let (permission, reads) = (permission.to_owned(), reads.to_owned());
        self.permissions.push(Permission { permission, reads, kinds: kinds.to_vec() });
        self
    }

    /// The kinds that it emits.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.iter().map(|k| k.kind)
    }

    /// As the contract's `describe` returns it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Everything that is wrong with these settings, by their schema.
    pub(crate) fn problems(&self, settings: &Value) -> Vec<Problem> {
        let Value::Object(given) = settings else {
            return vec![Problem::new("", "the settings must be an object")];
        };
        let mut problems = Vec::new();
        for name in given.keys().filter(|name| !self.settings.iter().any(|s| s.name == **name)) {
            let known: Vec<&str> = self.settings.iter().map(|s| s.name.as_str()).collect();
            let message = format!("there is no setting `{name}`; there are: {}", known.join(", "));
            problems.push(Problem::new(&format!("/{name}"), message));
        }
        for setting in &self.settings {
            let pointer = format!("/{}", setting.name);
            match given.get(&setting.name) {
                Some(value) => {
                    problems.extend(setting.problem(value).map(|message| Problem::new(&pointer, message)));
                }
                None if setting.required => {
                    let message = format!("`{}` is missing: {}", setting.name, setting.word("title"));
                    problems.push(Problem::new(&pointer, message));
                }
                None => {}
            }
        }
        problems
    }
}

fn as_schema<S: serde::Serializer>(settings: &[Setting], serializer: S) -> Result<S::Ok, S::Error> {
    let properties: Map<String, Value> =
        settings.iter().map(|s| (s.name.clone(), Value::Object(s.schema.clone()))).collect();
    let required: Vec<&str> = settings.iter().filter(|s| s.required).map(|s| s.name.as_str()).collect();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    schema.serialize(serializer)
}
