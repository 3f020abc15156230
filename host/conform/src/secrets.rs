//! Secrets that can be looked for: put where systems answer with real ones.

use exhibit_broker::transport::Incoming;
use serde_json::Value;

/// What stands in the place of a secret that the system's answers have. It may be nowhere, not even in what is kept of
/// the answer: the manifest redacts it.
pub(crate) const OWN: &str = "EXAMPLE-SECRET-OF-THE-ANSWER";
/// A secret that is added to objects, as systems add members to their answers. It may be kept, and be in nothing that
/// the connector gives out.
pub(crate) const ADDED: &str = "EXAMPLE-SECRET-THAT-WAS-ADDED";

/// Names of members whose values are secrets, or hashes of them, without case, `_` and `-`.
const NAMES: [&str; 17] = [
    "password",
    "passwordhash",
    "secret",
    "clientsecret",
    "sharedsecret",
    "secretkey",
    "secretaccesskey",
    "privatekey",
    "privatekeydata",
    "accesstoken",
    "refreshtoken",
    "hashedtoken",
    "tokenlasteight",
    "apikey",
    "recoveryquestion",
    "recoveryanswer",
    "connectionstring",
];
/// How deep members are added.
const DEPTH: usize = 6;

fn is_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| !matches!(c, '_' | '-')).collect();
    NAMES.contains(&plain.to_ascii_lowercase().as_str())
}

/// The answer with its secrets replaced by [`OWN`], and [`ADDED`] in each item of its lists; what is no JSON stays.
pub(crate) fn plant(mut answer: Incoming) -> Incoming {
    if let Ok(mut value) = serde_json::from_slice::<Value>(&answer.body) {
        plant_in(&mut value, DEPTH);
        answer.body = value.to_string().into_bytes();
    }
    answer
}

fn plant_in(value: &mut Value, depth: usize) {
    match value {
        Value::Array(items) => {
            for item in items {
                plant_in(item, depth);
                // What is in a list has members; elsewhere an object may be a map by name, and a member one more name.
                if let Value::Object(members) = item {
                    for name in ["password", "client_secret", "privateKey"].into_iter().filter(|_| depth > 0)
                    {
                        members.entry(name).or_insert_with(|| ADDED.into());
                    }
                }
            }
        }
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match member {
                    Value::String(text) if is_secret(name) => OWN.clone_into(text),
                    Value::Object(_) | Value::Array(_) => plant_in(member, depth.saturating_sub(1)),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_replaced_and_added() {
        let item = json!({"id": "1", "Secret_Access-Key": "s", "secret_scanning": {"on": true}});
        let mut value = json!({"items": [item], "labels": {"a": "b"}});
        plant_in(&mut value, DEPTH);
        let item = &value["items"][0];
        assert_eq!(item["Secret_Access-Key"], OWN);
        assert_eq!((&item["id"], &item["password"]), (&json!("1"), &json!(ADDED)));
        assert_eq!(item["secret_scanning"], json!({"on": true}));
        assert_eq!(value["labels"], json!({"a": "b"}));
    }
}
