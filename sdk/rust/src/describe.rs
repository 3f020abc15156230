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

    /// Scheme, host and port without a path, `https://example.okta.com`: where a system may be anywhere.
    pub fn origin(name: &str, title: &str) -> Self {
        Self::text(name, title).with("format", json!("origin"))
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
        match self.word("format") {
            "hostname" if !is_host(text) => Some(format!(
                "`{text}` is not a host name: write it without https://, path or port, in lower case"
            )),
            "origin" if !is_origin(text) => Some(format!(
                "`{text}` is not an address without a path: write it like https://example.com, in lower case"
            )),
            _ => None,
        }
    }
}

/// `https://` (or `http://`, which only a test or a system of one's own has), a host, and perhaps a port.
fn is_origin(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| match rest.rsplit_once(':') {
        Some((host, port)) => is_host(host) && port.parse::<u16>().is_ok_and(|port| port > 0),
        None => is_host(rest),
    })
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

    /// A setting.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Account;

    fn description() -> Description {
        Description::new("Example", "Accounts of an example")
            .setting(Setting::host("domain", "Domain").help("As in the browser").example("example.com"))
            .setting(Setting::origin("url", "Address").optional())
            .setting(Setting::list("regions", "Regions").default(json!(["eu"])))
            .setting(Setting::choice("plan", "Plan", &["free", "paid"]).default("free"))
            .setting(Setting::integer("days", "Days").optional())
            .setting(Setting::flag("deep", "Deep").default(false))
            .kind::<Account>("Which accounts exist?")
            .permission("users.read", "Users", &[Account::KIND])
    }

    #[test]
    fn describes_itself_as_the_contract_says() {
        let said: Value = serde_json::from_str(&description().to_json()).unwrap();
        assert_eq!(said["title"], "Example");
        assert_eq!(
            said["kinds"],
            json!([{"kind": "identity.account@1", "question": "Which accounts exist?"}])
        );
        assert_eq!(
            said["permissions"],
            json!([{"permission": "users.read", "reads": "Users", "kinds": ["identity.account@1"]}])
        );
        let settings = &said["settings"];
        assert_eq!(settings["required"], json!(["domain"]));
        assert_eq!(settings["additionalProperties"], json!(false));
        assert_eq!(
            settings["properties"]["domain"],
            json!({"title": "Domain", "type": "string", "format": "hostname", "description": "As in the browser",
                "examples": ["example.com"]})
        );
        assert_eq!(settings["properties"]["plan"]["enum"], json!(["free", "paid"]));
        assert_eq!(settings["properties"]["regions"]["items"], json!({"type": "string"}));
    }

    #[test]
    fn every_problem_is_found_at_once() {
        let fine = json!({"domain": "a-1.example.com", "url": "http://127.0.0.1:8080", "regions": [], "days": 3, "deep": true});
        assert_eq!(description().problems(&fine), []);
        let wrong = json!({
            "domain": "https://Example.com/", "url": "https://example.com/x", "regions": ["eu", 1], "plan": "gold",
            "days": 1.5, "deep": "yes", "extra": 1
        });
        let pointers: Vec<String> = description().problems(&wrong).into_iter().map(|p| p.pointer).collect();
        assert_eq!(pointers, ["/extra", "/domain", "/url", "/regions", "/plan", "/days", "/deep"]);
        assert_eq!(description().problems(&json!([]))[0].pointer, "");
    }

    #[test]
    fn addresses_have_no_path() {
        for fine in ["https://example.okta.com", "http://localhost:5000", "https://a.example:443"] {
            assert!(is_origin(fine), "{fine}");
        }
        for bad in [
            "example.com",
            "https://",
            "https://a.example/",
            "https://u@a.example",
            "https://a.example:0",
            "ftp://a.example",
            "https://a.example?x",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
