// Every file of a new connector: its path, and its text. In text and path these stand for:
// {{name}} the connector's name, {{crate}} the same with `_` for `-`, {{Name}} its type,
// {{sdk}} and {{testkit}} where Cargo finds the two crates: `version = "0.1"` or `path = "…"`.
[
    (".gitignore", include_str!("gitignore.in")),
    (".rustfmt.toml", include_str!("rustfmt.toml.in")),
    ("Cargo.toml", include_str!("Cargo.toml.in")),
    ("README.md", include_str!("README.md")),
    ("connector.toml", include_str!("connector.toml")),
    ("fixtures/basic.jsonl", include_str!("fixtures/basic.jsonl")),
    ("fixtures/basic.records.jsonl", include_str!("fixtures/basic.records.jsonl")),
    ("fixtures/no-token.jsonl", include_str!("fixtures/no-token.jsonl")),
    ("src/api.rs", include_str!("src/api.rs")),
    ("src/lib.rs", include_str!("src/lib.rs")),
    ("tests/replay.rs", include_str!("tests/replay.rs")),
]
