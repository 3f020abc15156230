//! `{settings.x}` in URL patterns and hosts, filled in from a source's settings.
//!
//! | where | the value must be |
//! | --- | --- |
//! | the whole beginning, `{settings.base_url}/api/**` | an origin: scheme, host and port, without a path |
//! | within a host, `https://{settings.domain}/**` | a plain host name |
//! | within a path, `https://a.test/orgs/{settings.org}/**` | one plain path segment |
//!
//! So no value can reach beyond its place: not a wildcard, not a slash, not a user. A list of strings stands
//! for one entry each. A setting that is absent leaves its entry out, which allows nothing.

use serde_json::Value;
use url::Url;

/// A template or a setting that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The template itself.
    #[error("`{template}`: {problem}. Templates are written {{settings.name}}")]
    Template {
        /// The template.
        template: String,
        /// What is wrong.
        problem: String,
    },
    /// The value that a source gives.
    #[error("setting `{setting}` is {value}, and `{template}` needs {needs}")]
    Setting {
        /// The setting's name.
        setting: String,
        /// The value given.
        value: String,
        /// The template.
        template: String,
        /// What is needed there.
        needs: &'static str,
    },
}

/// What a place in a template needs.
#[derive(Clone, Copy)]
enum Place {
    Origin,
    Host,
    Path,
}

impl Place {
    fn needs(self) -> &'static str {
        match self {
            Self::Origin => "an origin without a path, such as https://example.com or http://127.0.0.1:5000",
            Self::Host => "a plain host name, such as example.okta.com",
            Self::Path => "one plain path segment (letters, digits and -._~)",
        }
    }

    /// The text to put in, or nothing where the value does not fit.
    fn accept(self, value: &str) -> Option<String> {
        match self {
            Self::Origin => {
                let url = Url::parse(value).ok()?;
                let bare = matches!(url.scheme(), "https" | "http")
                    && url.has_host()
                    && url.path() == "/"
                    && url.query().is_none()
                    && url.fragment().is_none()
                    && url.username().is_empty()
                    && url.password().is_none()
                    && !value.contains(['*', '@', '{', '}']);
                bare.then(|| url.origin().ascii_serialization())
            }
            Self::Host => {
                let label = |label: &str| {
                    !label.is_empty()
                        && label.len() <= 63
                        && !label.starts_with('-')
                        && !label.ends_with('-')
                        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                };
                (value.len() <= 253 && value.split('.').all(label)).then(|| value.to_ascii_lowercase())
            }
            Self::Path => {
                let fits = !value.is_empty()
                    && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
                    && !matches!(value, "." | "..");
                fits.then(|| value.to_owned())
            }
        }
    }
}

/// Every text that `template` stands for under these settings.
pub(super) fn fill(template: &str, settings: &Value) -> Result<Vec<String>, TemplateError> {
    let mut texts = vec![template.to_owned()];
    while let Some(text) = texts.first() {
        let Some(next) = find(text, template)? else { break };
        let values = values_of(&next.setting, settings);
        let mut filled = Vec::new();
        for text in &texts {
            for value in &values {
                let value_text = value.as_str().and_then(|value| next.place.accept(value));
                let value_text = value_text.ok_or_else(|| TemplateError::Setting {
                    setting: next.setting.clone(),
                    value: value.to_string().chars().take(200).collect(),
                    template: template.to_owned(),
                    needs: next.place.needs(),
                })?;
                filled.push(text.replacen(&next.written, &value_text, 1));
            }
        }
        texts = filled;
    }
    Ok(texts)
}

/// Checks a template without settings: every place is one that a value can fill.
pub(super) fn check(template: &str) -> Result<String, TemplateError> {
    let mut text = template.to_owned();
    while let Some(next) = find(&text, template)? {
        let example = match next.place {
            Place::Origin => "https://example.com",
            Place::Host | Place::Path => "example",
        };
        text = text.replacen(&next.written, example, 1);
    }
    Ok(text)
}

struct Found {
    written: String,
    setting: String,
    place: Place,
}

/// The first template in `text`.
fn find(text: &str, template: &str) -> Result<Option<Found>, TemplateError> {
    let fail = |problem: &str| TemplateError::Template {
        template: template.to_owned(),
        problem: problem.to_owned(),
    };
    let Some(open) = text.find('{') else {
        return if text.contains('}') { Err(fail("it closes a brace that is not open")) } else { Ok(None) };
    };
    let close = text[open..].find('}').ok_or_else(|| fail("it opens a brace that is not closed"))? + open;
    let written = &text[open..=close];
    let setting = written.trim_matches(['{', '}']).strip_prefix("settings.").unwrap_or_default();
    if setting.is_empty() || !setting.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(fail(&format!("`{written}` is no template")));
    }
    let before = &text[..open];
    let after = &text[close + 1..];
    let place = match before.find("://") {
        None if open == 0 && (after.is_empty() || after.starts_with('/')) => Place::Origin,
        None => return Err(fail(&format!("`{written}` stands in the scheme"))),
        Some(at) if before[at + 3..].contains('/') => Place::Path,
        Some(at) if before[at + 3..].contains(':') => {
            return Err(fail(&format!("`{written}` stands in the port")));
        }
        Some(_) => Place::Host,
    };
    Ok(Some(Found { written: written.to_owned(), setting: setting.to_owned(), place }))
}

/// A value, the values of a list, or nothing where the setting is absent.
fn values_of<'a>(setting: &str, settings: &'a Value) -> Vec<&'a Value> {
    match settings.get(setting) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.iter().collect(),
        Some(value) => vec![value],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fills_in() {
        let settings = json!({"domain": "Example.okta.com", "base": "http://127.0.0.1:5000/", "org": "acme", "regions": ["eu-west-1", "us-east-1"], "none": null});
        let fill = |template: &str| fill(template, &settings).unwrap();
        assert_eq!(fill("https://{settings.domain}/api/**"), ["https://example.okta.com/api/**"]);
        assert_eq!(fill("{settings.base}/api/**"), ["http://127.0.0.1:5000/api/**"]);
        assert_eq!(
            fill("https://{settings.org}.atlassian.net/{settings.org}/**"),
            ["https://acme.atlassian.net/acme/**"]
        );
        assert_eq!(
            fill("https://ec2.{settings.regions}.amazonaws.com/"),
            ["https://ec2.eu-west-1.amazonaws.com/", "https://ec2.us-east-1.amazonaws.com/"]
        );
        assert!(fill("https://{settings.none}/").is_empty() && fill("https://{settings.absent}/").is_empty());
        assert_eq!(fill("https://a.test/"), ["https://a.test/"]);
    }

    #[test]
    fn no_value_reaches_beyond_its_place() {
        let refused = |template: &str, value: Value| {
            matches!(fill(template, &json!({ "x": value })), Err(TemplateError::Setting { .. }))
        };
        for host in [
            "a.test/",
            "a.test:8443",
            "*.a.test",
            "*",
            "u@a.test",
            "a.test#",
            "a.test?",
            "a..test",
            ".a.test",
            "",
            "a b",
            "{settings.x}",
            "https://a.test",
            "a\\b",
            "é.test",
            "a%2etest",
            "[::1]",
        ] {
            assert!(refused("https://{settings.x}/**", json!(host)), "{host}");
            assert!(refused("https://b.{settings.x}.test/**", json!(host)), "{host}");
        }
        for origin in [
            "a.test",
            "https://a.test/x",
            "https://a.test/?q",
            "https://u@a.test",
            "ftp://a.test",
            "https://*.a.test",
            "file:///etc",
            "https://a.test/#f",
        ] {
            assert!(refused("{settings.x}/**", json!(origin)), "{origin}");
        }
        for segment in ["a/b", "..", ".", "*", "**", "a%2fb", "", "a?b", "a;b"] {
            assert!(refused("https://a.test/{settings.x}/**", json!(segment)), "{segment}");
        }
        assert!(refused("https://{settings.x}/**", json!(7)));
        assert!(refused("https://{settings.x}/**", json!(["a.test", "b/"])));
    }

    #[test]
    fn templates_that_mean_nothing() {
        for bad in [
            "https://{domain}/",
            "https://{settings.}/",
            "https://{settings.a b}/",
            "https://{settings.a/",
            "https://settings.a}/",
            "{settings.scheme}://a.test/",
            "{settings.a}x/",
            "https://a.test:{settings.port}/",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert_eq!(
            check("https://{settings.a}.okta.com/{settings.b}/**").unwrap(),
            "https://example.okta.com/example/**"
        );
    }
}
