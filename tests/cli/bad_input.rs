//! Bad input, at every boundary that takes some: files that people write, arguments, components, packages.
//!
//! Each case damages a workspace that holds evidence, runs one command, and looks at the exit code and at what was
//! said: what is wrong, where, and what to do. Then it looks whether everything that was held is still held, byte
//! for byte.

use exhibit_tests::command::Exhibit;
use exhibit_tests::tools::{run, succeed, text};
use exhibit_tests::workspace::{PERIOD, Workspace, package};
use std::path::Path;
use std::process::Command;

/// The caller must correct something.
const USAGE: i32 = 2;
/// It did not work, or something is wrong with the evidence.
const FAILED: i32 = 1;

struct Case {
    name: &'static str,
    damage: fn(&Workspace),
    arguments: &'static [&'static str],
    code: i32,
    says: &'static [&'static str],
}

fn nothing(_: &Workspace) {}

/// Each in a fresh copy; what must be held afterwards is what was held before.
fn check(cases: &[Case]) {
    for case in cases {
        let workspace = Workspace::populated();
        let held = workspace.held();
        assert!(held.len() > 5, "the populated workspace holds packs and a log");
        (case.damage)(&workspace);
        let ran = workspace.exhibit().run(case.arguments);
        eprintln!("{}\n{ran}", case.name);
        ran.fails(case.code, case.says);
        assert_eq!(workspace.held(), held, "{}: what was held has changed", case.name);
    }
}

#[test]
fn files_that_people_write() {
    check(&[
        Case {
            name: "an unknown key in exhibit.toml",
            damage: |w| w.edit("exhibit.toml", "organisation", "organisatoin = \"x\"\norganisation"),
            arguments: &["status"],
            code: USAGE,
            says: &[
                "exhibit.toml:1: unknown field `organisatoin`",
                "expected",
                "hint: correct or remove that line",
            ],
        },
        Case {
            name: "exhibit.toml is not TOML",
            damage: |w| w.edit("exhibit.toml", "[signing]", "[signing"),
            arguments: &["evidence", "list"],
            code: USAGE,
            says: &["exhibit.toml:", "hint: "],
        },
        Case {
            name: "no workspace",
            damage: |w| std::fs::rename(w.file("exhibit.toml"), w.file("elsewhere.toml")).unwrap(),
            arguments: &["status"],
            code: USAGE,
            says: &[
                "is not an Exhibit workspace: it has no exhibit.toml",
                "exhibit init DIR",
                "--workspace DIR",
            ],
        },
        Case {
            name: "an unknown key in a source's file",
            damage: |w| w.edit("sources/okta-demo.toml", "connector =", "concurency = 3\nconnector ="),
            arguments: &["collect", "okta-demo"],
            code: USAGE,
            says: &[
                "sources/okta-demo.toml:2: unknown field `concurency`",
                "`concurrency`",
                "hint: correct or remove",
            ],
        },
        Case {
            name: "a bound that no manifest can hold",
            damage: |w| {
                w.edit(
                    "sources/okta-demo.toml",
                    "[credentials",
                    "[limits]\nrecords = 9007199254740992\n[credentials",
                );
            },
            arguments: &["collect", "okta-demo"],
            code: USAGE,
            says: &[
                "sources/okta-demo.toml:",
                "9007199254740992 is too large for a bound: write a number up to 9007199254740991",
                "hint: correct or remove",
            ],
        },
        Case {
            name: "a credential by an unknown scheme",
            damage: |w| w.edit("sources/okta-demo.toml", "\"ssws\"", "\"sws\""),
            arguments: &["collect", "okta-demo"],
            code: USAGE,
            says: &["sources/okta-demo.toml:", "`sws`", "hint: "],
        },
        Case {
            name: "a secret in the file itself, which is never repeated",
            damage: |w| {
                w.edit("sources/okta-demo.toml", "\"file:", "\"00TestTokenThatNobodyMaySee");
            },
            arguments: &["collect", "okta-demo"],
            code: USAGE,
            says: &["sources/okta-demo.toml:", "env:", "hint: "],
        },
        Case {
            name: "a control with a kind that nobody has",
            damage: |w| w.edit("controls/access.toml", "identity.account@1", "identity.acount@1"),
            arguments: &["status"],
            code: USAGE,
            says: &["controls/access.toml:15: ", "identity.acount@1", "hint: ", "identity.account@1"],
        },
        Case {
            name: "a control with a criterion that there is not",
            damage: |w| w.edit("controls/access.toml", "\"CC6.1\"", "\"CC6.9\""),
            arguments: &["status"],
            code: USAGE,
            says: &["controls/access.toml:", "`CC6.9`", "hint: "],
        },
        Case {
            name: "exhibit.lock is damaged",
            damage: |w| w.edit("exhibit.lock", "format = 1", "format = one"),
            arguments: &["collect", "okta-demo"],
            code: USAGE,
            says: &["exhibit.lock:", "hint: restore it from version control, or approve the sources again"],
        },
        Case {
            name: "the operator's key is gone",
            damage: |w| std::fs::remove_file(w.file("keys/operator.key")).unwrap(),
            arguments: &["evidence", "list"],
            code: FAILED,
            says: &["the age identity under [signing] cannot be read", "keys/operator.key", "No such file"],
        },
        Case {
            name: "the operator's key is another's",
            damage: |w| {
                let other = Workspace::fresh();
                std::fs::copy(other.file("keys/operator.key"), w.file("keys/operator.key")).unwrap();
            },
            arguments: &["evidence", "list"],
            code: FAILED,
            says: &["keys/signing.age does not open with the identity under [signing]"],
        },
    ]);
}

#[test]
fn sources_that_may_not_run() {
    check(&[
        Case {
            name: "a source that is not there",
            damage: nothing,
            arguments: &["collect", "okta-prod"],
            code: USAGE,
            says: &[
                "there is no source `okta-prod`; the sources are: aws-demo, okta-demo",
                "exhibit source add",
            ],
        },
        Case {
            name: "a missing credential",
            damage: |w| {
                let text = std::fs::read_to_string(w.file("sources/okta-demo.toml")).unwrap();
                let lines = text.lines().map(|line| match line.starts_with("token =") {
                    true => "token = \"env:EXHIBIT_TEST_UNSET\"",
                    false => line,
                });
                std::fs::write(w.file("sources/okta-demo.toml"), lines.collect::<Vec<_>>().join("\n"))
                    .unwrap();
            },
            arguments: &["collect", "okta-demo"],
            code: FAILED,
            says: &[
                "source `okta-demo`: credential `okta`, token: environment variable EXHIBIT_TEST_UNSET is not set",
                "[credentials.okta] in sources/okta-demo.toml",
            ],
        },
        Case {
            name: "never approved",
            damage: |w| std::fs::remove_file(w.file("exhibit.lock")).unwrap(),
            arguments: &["collect", "okta-demo"],
            code: FAILED,
            says: &["source `okta-demo` is not approved", "hint: ", "exhibit source approve okta-demo"],
        },
        Case {
            name: "nobody there to approve it",
            damage: |w| std::fs::remove_file(w.file("exhibit.lock")).unwrap(),
            arguments: &["source", "approve", "okta-demo"],
            code: USAGE,
            says: &[
                "+ GET http://127.0.0.1:",
                "nobody is here to approve this",
                "exhibit source approve okta-demo --yes",
            ],
        },
        Case {
            name: "a grant edited down",
            damage: |w| w.edit("exhibit.lock", "/.well-known/okta-organization", "/.well-known/other"),
            arguments: &["collect", "okta-demo"],
            code: FAILED,
            says: &[
                "source `okta-demo` asks for more than was approved",
                "+ GET http://127.0.0.1:",
                "/.well-known/okta-organization",
                "if that is right, approve it again: exhibit source approve okta-demo",
            ],
        },
        Case {
            name: "another host than was approved",
            damage: |w| w.edit("sources/okta-demo.toml", "http://127.0.0.1:", "http://localhost:"),
            arguments: &["collect", "okta-demo"],
            code: FAILED,
            says: &["source `okta-demo` asks for more than was approved", "+ GET http://localhost:"],
        },
        Case {
            name: "a component changed after it was approved",
            damage: |w| {
                let file = w.component("okta");
                let mut bytes = std::fs::read(&file).unwrap();
                bytes.push(0);
                std::fs::write(&file, bytes).unwrap();
            },
            arguments: &["collect", "okta-demo"],
            code: USAGE,
            says: &[
                "connectors/",
                ".wasm holds a component with digest",
                "changed after it was added",
                "hint: delete it",
            ],
        },
        Case {
            name: "an approved component that is gone",
            damage: |w| std::fs::remove_file(w.component("okta")).unwrap(),
            arguments: &["collect", "okta-demo"],
            code: FAILED,
            says: &[
                "source `okta-demo`: the approved component",
                "is not in this workspace",
                "exhibit connector add",
            ],
        },
        Case {
            name: "a credential for a slot that the connector has not",
            damage: |w| w.edit("sources/okta-demo.toml", "[credentials.okta]", "[credentials.octa]"),
            arguments: &["collect", "okta-demo"],
            code: FAILED,
            says: &["the connector has no credential slot `octa`", "its slots are: okta"],
        },
        Case {
            name: "a setting that the connector does not take",
            damage: |w| {
                w.edit(
                    "sources/okta-demo.toml",
                    "org_url = \"http://127.0.0.1",
                    "org_url = \"ftp://127.0.0.1",
                )
            },
            arguments: &["collect", "okta-demo"],
            code: USAGE,
            says: &["source `okta-demo`, settings", "hint: correct sources/okta-demo.toml"],
        },
    ]);
}

#[test]
fn arguments() {
    check(&[
        Case {
            name: "not a run's name",
            damage: nothing,
            arguments: &["evidence", "show", "yesterday"],
            code: USAGE,
            says: &["`yesterday` does not name a run", "20260304T100000Z-1f3a9c02"],
        },
        Case {
            name: "a run that there is not",
            damage: nothing,
            arguments: &["evidence", "show", "20260101T060000Z-00000000"],
            code: FAILED,
            says: &["there is no run 20260101T060000Z-00000000", "exhibit status"],
        },
        Case {
            name: "not a period",
            damage: nothing,
            arguments: &["status", "--period", "2026-H3"],
            code: USAGE,
            says: &["2026-H3", "--period"],
        },
        Case {
            name: "a record that was never held",
            damage: nothing,
            arguments: &["evidence", "history", "okta-demo", "identity.account@1", "nobody"],
            code: FAILED,
            says: &["okta-demo never held a identity.account@1 with the id `nobody`", "hint: "],
        },
        Case {
            name: "sealing a period that is not over",
            damage: nothing,
            arguments: &["seal", "2099"],
            code: FAILED,
            says: &["2099 is not over: it ends on 2100-01-01"],
        },
        Case {
            name: "sealing twice",
            damage: nothing,
            arguments: &["seal", PERIOD],
            code: FAILED,
            says: &["was sealed on 2026-01-04T12:00:00", "a seal is never edited"],
        },
        Case {
            name: "exporting before sealing",
            damage: nothing,
            arguments: &["export", "2026-Q1"],
            code: FAILED,
            says: &["2026-Q1 is not sealed", "seal it first: exhibit seal 2026-Q1"],
        },
        Case {
            name: "a source of that name already",
            damage: nothing,
            arguments: &["source", "add", "okta-demo", "--connector", "okta"],
            code: USAGE,
            says: &["there is a source `okta-demo` already", "sources/okta-demo.toml"],
        },
        Case {
            name: "a setting that the connector has not",
            damage: nothing,
            arguments: &[
                "source",
                "add",
                "second",
                "--connector",
                "okta",
                "--set",
                "url=https://example.okta.com",
            ],
            code: USAGE,
            says: &["the connector has no setting `url`", "its settings are: org_url"],
        },
        Case {
            name: "a setting left out, and nobody to ask",
            damage: nothing,
            arguments: &["source", "add", "second", "--connector", "okta"],
            code: USAGE,
            says: &["the setting `org_url` is missing", "--set org_url=VALUE"],
        },
        Case {
            name: "a workspace made where one is",
            damage: nothing,
            arguments: &["init", ".", "--organisation", "Example Ltd", "--origin", "exhibit.example.com"],
            code: USAGE,
            says: &[". is a workspace already", "nothing was changed"],
        },
        Case {
            name: "restoring over a store",
            damage: nothing,
            arguments: &["restore", "nowhere"],
            code: USAGE,
            says: &["data holds a store", "restoring never overwrites"],
        },
        Case {
            name: "a backup into a folder with something in it",
            damage: nothing,
            arguments: &["backup", "controls"],
            code: FAILED,
            says: &["controls: the folder is not empty"],
        },
        Case {
            name: "a demo where something else is",
            damage: |w| std::fs::remove_file(w.file("SIMULATED")).unwrap(),
            arguments: &["demo", "--dir", ".", "--replace"],
            code: USAGE,
            says: &[". holds something that no demo made", "--dir"],
        },
        Case {
            name: "a demo where an earlier one is",
            damage: nothing,
            arguments: &["demo", "--dir", "."],
            code: USAGE,
            says: &[". holds an earlier demo", "--replace"],
        },
    ]);
}

#[test]
fn components() {
    let cut = |w: &Workspace, keep: fn(&[u8]) -> &[u8]| {
        let bytes = std::fs::read(w.component("okta")).unwrap();
        std::fs::write(w.file("broken.wasm"), keep(&bytes)).unwrap();
    };
    let workspace = Workspace::populated();
    let before = std::fs::read_dir(workspace.file("connectors")).unwrap().count();
    let refuse = |arguments: &[&str], code: i32, says: &[&str]| {
        let ran = workspace.exhibit().run(arguments);
        eprintln!("{ran}");
        ran.fails(code, says);
        let after = std::fs::read_dir(workspace.file("connectors")).unwrap().count();
        assert_eq!(after, before, "nothing may be added by {arguments:?}");
    };
    cut(&workspace, |bytes| &bytes[..bytes.len() / 2]);
    refuse(
        &["connector", "add", "broken.wasm"],
        FAILED,
        &["broken.wasm: the component is damaged at byte", "again"],
    );
    refuse(
        &["connector", "inspect", "broken.wasm"],
        FAILED,
        &["broken.wasm: the component is damaged at byte"],
    );
    cut(&workspace, |bytes| &bytes[..6]);
    refuse(&["connector", "add", "broken.wasm"], FAILED, &["broken.wasm: "]);
    std::fs::write(workspace.file("broken.wasm"), "#!/bin/sh\necho hello\n").unwrap();
    refuse(
        &["connector", "add", "broken.wasm"],
        FAILED,
        &["not a WebAssembly component", "exhibit connector build"],
    );
    std::fs::write(workspace.file("broken.wasm"), b"\0asm\x01\0\0\0").unwrap();
    refuse(&["connector", "add", "broken.wasm"], FAILED, &["a core WebAssembly module, not a component"]);
    // The empty component: whole, and without a manifest.
    std::fs::write(workspace.file("broken.wasm"), b"\0asm\x0d\0\x01\0").unwrap();
    refuse(&["connector", "add", "broken.wasm"], FAILED, &["has no section", "exhibit connector build"]);
    refuse(
        &["connector", "add", "nothing.wasm"],
        USAGE,
        &["`nothing.wasm` is neither a file nor a connector that is here", "exhibit connector list"],
    );
    refuse(&["connector", "approve", "gitlab", "--yes"], USAGE, &["no source uses the connector `gitlab`"]);
}

#[test]
fn packages() {
    let dir = tempfile::tempdir().unwrap();
    let exhibit = Exhibit::at(dir.path());
    let whole = std::fs::read(package()).unwrap();
    let changed = dir.path().join("changed.zip");
    let content = |package: &Path| {
        let folder = tempfile::tempdir().unwrap();
        let unzip = run(Command::new("unzip").args(["-q", "-o"]).arg(package).arg("-d").arg(folder.path()));
        let sums = "find . -type f -exec sha256sum {} + | sort";
        (unzip.status.success(), succeed(Command::new("sh").args(["-c", sums]).current_dir(folder.path())))
    };
    // One bit, at places spread over the file. What is accepted has changed nothing that is packed: a zip file has
    // bytes that say nothing of its content, times for example.
    let mut refused = 0;
    for place in (0..24).map(|i| whole.len() * i / 24 + 40) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        std::fs::write(&changed, bytes).unwrap();
        let ran = exhibit.run(&["verify", "changed.zip"]);
        match ran.code {
            Some(0) => assert_eq!(content(&changed), content(&package()), "bit 0 of byte {place}:\n{ran}"),
            Some(USAGE) => refused += usize::from(ran.fails(USAGE, &["hint: "]).code.is_some()),
            _ => {
                refused +=
                    usize::from(ran.fails(FAILED, &["NOT VERIFIED", "expected", "found"]).code.is_some())
            }
        }
    }
    assert!(refused > 15, "most of a package is content, and only {refused} of 24 changes were refused");
    std::fs::write(&changed, &whole[..whole.len() / 2]).unwrap();
    let ran = exhibit.run(&["verify", "changed.zip"]);
    assert_ne!(ran.code, Some(0), "half of it is missing:\n{ran}");

    succeed(Command::new("unzip").arg("-q").arg(package()).arg("-d").arg(dir.path().join("unpacked")));
    let bag = std::fs::read_dir(dir.path().join("unpacked")).unwrap().next().unwrap().unwrap().path();
    let bag = bag.to_str().unwrap();
    exhibit.run(&["verify", bag]).ok();
    for pattern in ["*/manifest.json", "*/records.jsonl", "*/bodies/*", "*/seal.json", "*.xlsx"] {
        let find =
            Command::new("find").args([bag, "-type", "f", "-size", "+0", "-path", pattern]).output().unwrap();
        let list = text(&find);
        let file = list.lines().min().unwrap_or_else(|| panic!("no {pattern} in the package"));
        let name = file.strip_prefix(bag).unwrap().trim_start_matches('/');
        let was = std::fs::read(file).unwrap();
        let mut bytes = was.clone();
        bytes[was.len() / 2] ^= 1;
        std::fs::write(file, bytes).unwrap();
        exhibit.run(&["verify", bag]).fails(FAILED, &["NOT VERIFIED", name, "expected", "found"]);
        std::fs::write(file, was).unwrap();
    }
    std::fs::write(Path::new(bag).join("data/new.txt"), "new").unwrap();
    exhibit.run(&["verify", bag]).fails(FAILED, &["NOT VERIFIED", "data/new.txt"]);
}

#[test]
fn packages_of_someone_else() {
    let other = Workspace::fresh();
    let exhibit = other.exhibit();
    let path = package();
    let package = path.to_str().unwrap();
    exhibit
        .run(&["verify", package, "--key", "keys/ledger.pub"])
        .fails(FAILED, &["NOT VERIFIED", "expected", "found"]);
    exhibit
        .run(&["verify", package, "--key", "keys/absent.pub"])
        .fails(USAGE, &["--key: ", "keys/ledger.pub"]);
    exhibit.run(&["verify", "absent.zip"]).fails(USAGE, &["absent.zip", "hint: name the zip file"]);
    exhibit.run(&["reperform", "absent.zip"]).fails(FAILED, &["absent.zip"]);
    exhibit
        .run(&["reperform", package, "--run", "20260101T060000Z-00000000"])
        .fails(FAILED, &["no such run"]);
    std::fs::write(other.file("text.zip"), "this is not a package").unwrap();
    let ran = exhibit.run(&["verify", "text.zip"]);
    assert!(matches!(ran.code, Some(FAILED | USAGE)), "{ran}");
    let code = ran.code.unwrap_or_default();
    ran.fails(code, &["text.zip"]);
    assert!(!run(Command::new("unzip").args(["-t", "text.zip"]).current_dir(other.path())).status.success());
}
