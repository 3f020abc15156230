//! Guests for tests. The setting `behaviour` picks one; each is a file.

#[allow(warnings, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit/0.1", world: "connector", generate_all });
}

mod allocate;
mod crash;
mod emit;
mod fail;
mod flood;
mod forever;
mod good;
mod http;
mod lie;
mod list;
mod reach;
mod recurse;
mod sleep;
mod spy;
mod wait;

use bindings::exports::exhibit::connector::collector::{Failure, Guest, Problem};

/// What the behaviours are given.
struct Settings(serde_json::Value);

impl Settings {
    fn read(json: &str) -> Self {
        Self(serde_json::from_str(json).unwrap_or_default())
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(serde_json::Value::as_str).unwrap_or_default()
    }

    fn number(&self, name: &str) -> u64 {
        self.0.get(name).and_then(serde_json::Value::as_u64).unwrap_or_default()
    }

    /// Where a list of users is: below the setting `base`, or at a system that is not there.
    fn users(&self) -> String {
        match self.text("base") {
            "" => "https://api.example.com/users".to_owned(),
            base => format!("{base}/api/users"),
        }
    }
}

/// What `collect` does for one setting.
type Behaviour = fn(&Settings) -> Result<(), Failure>;

fn behaviours() -> Vec<(&'static str, Behaviour)> {
    vec![
        ("good", good::collect),
        ("forever", forever::collect),
        ("recurse", recurse::collect),
        ("allocate", allocate::collect),
        ("many-memories-worth", allocate::then_carry_on),
        ("flood-sink", flood::sink),
        ("flood-log", flood::log),
        ("flood-requests", flood::requests),
        ("chatter", flood::chatter),
        ("flood-stdout", flood::stdout),
        ("sleep", sleep::collect),
        ("panic-mid-page", crash::mid_page),
        ("exit", crash::exit),
        ("out-of-bounds", crash::out_of_bounds),
        ("reach", reach::collect),
        ("http", http::collect),
        ("http-together", http::together),
        ("http-post", http::post),
        ("http-abandon", http::abandon),
        ("http-timeout", http::with_timer),
        ("malformed", emit::malformed),
        ("odd-keys", emit::odd_keys),
        ("duplicates", emit::duplicates),
        ("populations", emit::populations),
        ("huge", emit::huge),
        ("huge-call", emit::huge_call),
        ("undeclared-kind", emit::undeclared_kind),
        ("foreign-origin", emit::foreign_origin),
        ("fail", fail::collect),
        ("wait", wait::collect),
        ("pages", wait::pages),
        ("list", list::collect),
        ("lie", lie::collect),
        ("spy", spy::collect),
    ]
}

struct Guests;

impl Guest for Guests {
    fn describe() -> String {
        r#"{"title":"Guests","kinds":[{"kind":"identity.account@1"}],"settings":{"type":"object"}}"#
            .to_owned()
    }

    fn validate_config(config_json: String) -> Vec<Problem> {
        let settings = Settings::read(&config_json);
        let name = settings.text("behaviour");
        if name == "call-in-validate" {
            return vec![fail::refused_call()];
        }
        if behaviours().iter().any(|(known, _)| *known == name) || name.starts_with("check-") {
            return Vec::new();
        }
        let message = format!("`{name}` is no behaviour");
        vec![Problem { pointer: "/behaviour".to_owned(), message }]
    }

    fn check(config_json: String) -> Result<String, Failure> {
        let settings = Settings::read(&config_json);
        match settings.text("behaviour") {
            "check-fails" => Err(fail::auth()),
            "check-without-tenant" => Ok(" ".to_owned()),
            "check-odd-tenant" => Ok("tenant\nwith lines".to_owned()),
            _ => Ok("tenant.example.com".to_owned()),
        }
    }

    fn collect(config_json: String) -> Result<(), Failure> {
        let settings = Settings::read(&config_json);
        let name = settings.text("behaviour").to_owned();
        match behaviours().iter().find(|(known, _)| *known == name) {
            Some((_, collect)) => collect(&settings),
            None => Err(fail::config(&name)),
        }
    }
}

bindings::export!(Guests with_types_in bindings);

/// A line in the run's log: how the behaviours tell the tests what they saw.
fn say(message: &str) {
    use bindings::exhibit::connector::log;
    log::write(log::Level::Info, message, &[]);
}

/// A request that asks for nothing special.
fn get(url: &str) -> bindings::exhibit::connector::fetch::Request {
    bindings::exhibit::connector::fetch::Request {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: None,
        auth: None,
        paging: None,
    }
}
