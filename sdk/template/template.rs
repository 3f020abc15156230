//! The project that a new connector begins with. The command line and the SDK's tests both include this file:
//! `#[path = "…/sdk/template/template.rs"] mod template;`.
//!
//! In the files' texts `{{name}}` stands for the connector's name (`acme-hr`), `{{crate}}` for its crate (`acme_hr`),
//! `{{Name}}` for its type (`AcmeHr`), `{{sdk}}` for the folder that holds the SDK.

/// Every file: its path, and its text with the placeholders in it.
const FILES: &[(&str, &str)] = &[
    (".gitignore", include_str!("gitignore.in")),
    (".rustfmt.toml", include_str!("rustfmt.toml.in")),
    ("Cargo.toml", include_str!("Cargo.toml.in")),
    ("README.md", include_str!("README.md")),
    ("connector.toml", include_str!("connector.toml")),
    ("fixtures/basic.jsonl", include_str!("fixtures/basic.jsonl")),
    ("fixtures/basic.records.jsonl", include_str!("fixtures/basic.records.jsonl")),
    ("fixtures/whole.toml", include_str!("fixtures/whole.toml")),
    ("fixtures/no-token.jsonl", include_str!("fixtures/no-token.jsonl")),
    ("src/api.rs", include_str!("src/api.rs")),
    ("src/lib.rs", include_str!("src/lib.rs")),
    ("tests/replay.rs", include_str!("tests/replay.rs")),
];

/// The files of a connector called `name` (lower-case letters, digits, `-` and `_`), each with its path in the
/// project. `sdk` is the folder that holds `rust` and `testkit`, as Cargo is to find it.
pub(crate) fn project(name: &str, sdk: &str) -> Vec<(&'static str, String)> {
    let words = name.split(['-', '_']).filter(|word| !word.is_empty());
    let type_name: String = words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect();
    let sdk = sdk.replace('\\', "\\\\").replace('"', "\\\"");
    let fill = |text: &str| {
        text.replace("{{name}}", name)
            .replace("{{crate}}", &name.replace('-', "_"))
            .replace("{{Name}}", &type_name)
            .replace("{{sdk}}", &sdk)
    };
    FILES.iter().map(|(path, text)| (*path, fill(text))).collect()
}
