//! A package verifies; one that was changed in any place does not, and the place is named.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../package/tests/support/mod.rs"]
mod support;

use exhibit_evidence::digest::Digest;
use exhibit_ledger::checkpoint::Checkpoint;
use exhibit_ledger::key::SigningKey;
use exhibit_ledger::tree::{Tree, leaf_hash};
use exhibit_package::bag::{self, Oxum};
use exhibit_package::layout;
use exhibit_package::model::{Meta, Withheld};
use exhibit_verify::{Options, Report, VerifyError, Wrong, verify};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use support::{Evidence, Sample};
use tempfile::TempDir;

/// An unpacked package.
struct Bag {
    _folder: TempDir,
    zip: PathBuf,
    root: PathBuf,
    evidence: Evidence,
}

impl Bag {
    fn new(sample: Sample) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let zip = folder.path().join("package.zip");
        let evidence = sample.evidence();
        let finished = evidence.write(&zip).unwrap();
        zip::ZipArchive::new(fs::File::open(&zip).unwrap()).unwrap().extract(folder.path()).unwrap();
        Self { root: folder.path().join(finished.name), zip, evidence, _folder: folder }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }

    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path.strip_prefix(&self.root).unwrap().to_str().unwrap().replace('\\', "/"));
                }
            }
        }
        files.sort();
        files
    }

    fn verify(&self) -> Result<Report, VerifyError> {
        verify(&self.root, &Options::default())
    }

    fn wrong(&self) -> Wrong {
        wrong(self.verify())
    }

    /// Makes the bag consistent again, as someone would who wants to hide a change.
    fn rebag(&self) {
        let (mut payload, mut tags, mut oxum) = (BTreeMap::new(), BTreeMap::new(), Oxum::default());
        for file in self.files() {
            let bytes = fs::read(self.path(&file)).unwrap();
            if file.starts_with("data/") {
                oxum.files += 1;
                oxum.bytes += bytes.len() as u64;
                payload.insert(file, Digest::of(bytes));
            }
        }
        if let Ok(meta) =
            serde_json::from_slice::<Meta>(&fs::read(self.path(layout::PACKAGE)).unwrap_or_default())
        {
            fs::write(self.path(layout::BAG_INFO), bag::info(&meta, oxum)).unwrap();
        }
        fs::write(self.path(layout::MANIFEST), bag::manifest(&payload)).unwrap();
        for file in [layout::BAGIT, layout::BAG_INFO, layout::MANIFEST, layout::START] {
            tags.insert(file.to_owned(), Digest::of(fs::read(self.path(file)).unwrap()));
        }
        fs::write(self.path(layout::TAG_MANIFEST), bag::manifest(&tags)).unwrap();
    }

    fn edit(&self, file: &str, change: impl FnOnce(String) -> String) {
        let text = fs::read_to_string(self.path(file)).unwrap();
        let changed = change(text.clone());
        assert_ne!(text, changed, "nothing was changed in {file}");
        fs::write(self.path(file), changed).unwrap();
    }
}

fn wrong(result: Result<Report, VerifyError>) -> Wrong {
    match result {
        Err(VerifyError::Wrong(wrong)) => *wrong,
        Err(other) => panic!("{other}"),
        Ok(report) => panic!("verified:\n{report}"),
    }
}

fn flip(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    let mut changed = bytes.clone();
    let middle = changed.len() / 2;
    match changed.get_mut(middle) {
        Some(byte) => *byte ^= 1,
        None => changed.push(b'x'),
    }
    fs::write(path, changed).unwrap();
    bytes
}

#[test]
fn a_package_verifies() {
    let bag = Bag::new(Sample::default());
    let report = bag.verify().unwrap();
    assert_eq!(report.result, "self-consistent, signer unconfirmed");
    assert_eq!((report.runs, report.reperformable), (13, 13));
    assert!(report.sealed && !report.simulated);
    assert_eq!(verify(&bag.zip, &Options::default()).unwrap(), report);
    // The run after the period's end adds its last events, and what it saw of accounts is left out.
    assert!(
        report.notes.iter().any(|note| note.contains("outside 2026-03-28..2026-04-03: 1 are not")),
        "{report}"
    );

    let options = Options {
        key: Some(bag.evidence.key.verifier().clone()),
        checkpoint: Some(bag.evidence.early.clone()),
        timestamp_ca: None,
    };
    let report = verify(&bag.zip, &options).unwrap();
    assert_eq!(report.result, "verified");
    let names: Vec<&str> = report.checks.iter().map(|check| check.name).collect();
    assert_eq!(names, ["bag", "log", "consistency", "leaves", "runs", "populations", "seal", "views"]);
}

#[test]
fn every_file_is_guarded_by_the_bag() {
    let bag = Bag::new(small());
    for file in bag.files() {
        let path = bag.path(&file);
        let before = flip(&path);
        let told = bag.wrong().to_string();
        assert!(told.contains(&file), "{file} changed: {told}");
        fs::write(&path, &before).unwrap();

        fs::remove_file(&path).unwrap();
        let told = wrong(bag.verify()).to_string();
        assert!(told.contains(&file), "{file} removed: {told}");

        let renamed = bag.path(&format!("{file}.old"));
        fs::write(&renamed, &before).unwrap();
        let told = bag.wrong().to_string();
        assert!(told.contains(&file), "{file} renamed: {told}");
        if file != layout::TAG_MANIFEST && file != layout::MANIFEST {
            assert!(told.contains(&format!("{file}.old")), "{file} renamed: {told}");
        }
        fs::rename(&renamed, &path).unwrap();

        let added = path.with_file_name("added.txt");
        fs::write(&added, "new").unwrap();
        assert!(bag.wrong().finding.file.ends_with("added.txt"), "added beside {file}");
        fs::remove_file(&added).unwrap();
    }
    bag.verify().unwrap();
}

#[test]
fn every_file_is_guarded_by_more_than_the_bag() {
    let bag = Bag::new(small());
    for file in bag.files().into_iter().filter(|file| file.starts_with("data/")) {
        let path = bag.path(&file);
        let before = flip(&path);
        bag.rebag();
        let told = bag.wrong();
        let name = file.rsplit('/').next().unwrap();
        let named = told.finding.file == file || told.finding.expected.contains(name);
        // What stands in two files can only be said to differ: the other one is named then.
        let twin = [
            (layout::PACKAGE, layout::BAG_INFO),
            (layout::KEY, layout::KEY_PEM),
            (layout::SEAL, layout::PACKAGE),
            (layout::LEAF_HASHES, layout::CHECKPOINT),
            (layout::CHECKPOINT, layout::KEY),
        ];
        let by_twin = twin.iter().any(|(a, b)| *a == file && told.finding.file == *b);
        // The package's description is in every page: the first page drawn from it is the one that differs.
        let described = file == layout::PACKAGE && told.finding.expected.contains("drawn from");
        assert!(named || by_twin || described, "{file}: {told}");
        fs::write(&path, &before).unwrap();
    }
    bag.rebag();
    bag.verify().unwrap();
}

/// Three days, one of them missed.
fn small() -> Sample {
    Sample { period: "2026-03-30..2026-04-01", people: 2, ..Sample::default() }
}

const RECORDS: &str = "data/populations/okta-prod/identity.account@1/records.jsonl";
const INDEX: &str = "data/populations/okta-prod/identity.account@1/index.jsonl";

fn drop_line(text: &str, number: usize) -> String {
    text.lines().enumerate().filter(|(n, _)| *n != number).map(|(_, line)| format!("{line}\n")).collect()
}

#[test]
fn a_record_dropped_from_the_middle_is_found() {
    let bag = Bag::new(Sample::default());
    bag.edit(RECORDS, |text| drop_line(&text, 3));
    bag.edit(INDEX, |text| drop_line(&text, 3));
    bag.rebag();
    let told = bag.wrong();
    assert_eq!(told.finding.file, RECORDS);
    assert!(told.finding.expected.contains("records held by run 2026"), "{told}");
}

#[test]
fn a_record_that_was_rewritten_is_found() {
    let bag = Bag::new(Sample::default());
    let (mut old, mut new) = (String::new(), String::new());
    bag.edit(RECORDS, |text| {
        old = text.lines().nth(2).unwrap().to_owned();
        new =
            old.replace("not_enrolled", "enrolled").replace("\"status\":\"active\"", "\"status\":\"locked\"");
        text.replace(&old, &new)
    });
    bag.edit(INDEX, |text| text.replace(&Digest::of(&old).to_string(), &Digest::of(&new).to_string()));
    bag.rebag();
    let told = bag.wrong();
    assert_eq!(told.finding.file, RECORDS);
    assert!(told.finding.expected.contains("root"), "{told}");
}

#[test]
fn a_held_interval_that_was_stretched_is_found() {
    let bag = Bag::new(Sample::default());
    bag.edit(INDEX, |text| text.replacen("[[0,1],[3,5]]", "[[0,5]]", 1));
    bag.rebag();
    assert_eq!(bag.wrong().finding.file, INDEX);
}

#[test]
fn a_run_or_population_left_out_is_found() {
    let bag = Bag::new(Sample::default());
    let run = &bag.evidence.runs[0].manifest.run;
    fs::remove_dir_all(bag.path(&format!("data/runs/{run}"))).unwrap();
    bag.rebag();
    let told = bag.wrong().to_string();
    assert!(told.contains(run.as_str()) || told.contains("runs.json"), "{told}");

    let bag = Bag::new(Sample::default());
    fs::remove_dir_all(bag.path("data/populations/aws-prod")).unwrap();
    bag.rebag();
    assert!(bag.wrong().finding.file.starts_with("data/populations/aws-prod"));
}

#[test]
fn a_missed_period_that_was_made_filled_is_found() {
    let bag = Bag::new(Sample::default());
    bag.edit(layout::COVERAGE, |text| text.replacen("\"missed\"", "\"filled\"", 1));
    bag.rebag();
    let told = bag.wrong();
    assert_eq!(told.finding.file, layout::COVERAGE);
    assert!(told.finding.expected.contains("2026-03-30: missed"), "{told}");
}

#[test]
fn a_file_that_nobody_attached_is_found() {
    // Leaf 0 is a run's, and no leaf has the number 999.
    for leaf in [0, 999] {
        let bag = Bag::new(Sample::default());
        bag.edit(layout::COVERAGE, |text| {
            let (before, after) = text.split_once("\"outcome\"").unwrap();
            format!("{before}\"uploads\":[{leaf}],\"outcome\"{after}")
        });
        bag.rebag();
        let told = bag.wrong();
        assert_eq!(told.finding.file, layout::leaf(leaf, layout::leaf_file::DOCUMENT), "{told}");
        assert!(told.finding.expected.starts_with("a file attached to "), "{told}");
    }
}

#[test]
fn a_workbook_or_table_that_says_something_else_is_found() {
    for file in [
        layout::WORKBOOK,
        layout::INDEX,
        "data/populations/okta-prod/identity.account@1/population.csv",
        "data/populations/okta-prod/identity.account@1/index.html",
        layout::START,
    ] {
        let bag = Bag::new(Sample::default());
        flip(&bag.path(file));
        bag.rebag();
        assert_eq!(bag.wrong().finding.file, file);
    }
}

#[test]
fn views_of_another_drawing_are_said_not_to_be_compared() {
    let bag = Bag::new(Sample::default());
    bag.edit(layout::PACKAGE, |text| text.replace("\"views\": 1", "\"views\": 2"));
    bag.rebag();
    let report = bag.verify().unwrap();
    assert!(report.notes.iter().any(|note| note.contains("NOT compared")), "{report}");
    assert!(report.checks.iter().all(|check| check.name != "views"));
}

#[test]
fn files_that_belong_to_nothing_are_found() {
    for file in [
        "data/notes.txt",
        "data/runs/extra.json",
        "data/bodies/ba/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ] {
        let bag = Bag::new(Sample::default());
        fs::create_dir_all(bag.path(file).parent().unwrap()).unwrap();
        fs::write(bag.path(file), "abc").unwrap();
        bag.rebag();
        assert_eq!(bag.wrong().finding.file, file);
    }
}

#[test]
fn a_checkpoint_of_another_log_is_refused() {
    let bag = Bag::new(Sample::default());
    let check = |checkpoint: Vec<u8>| {
        wrong(verify(&bag.root, &Options { checkpoint: Some(checkpoint), ..Options::default() })).finding
    };
    let tree = Tree::new((0..3u8).map(|n| leaf_hash([n])));
    // Another log of the same name and key: a fork.
    let fork = check(Checkpoint::sign(tree.head(), &bag.evidence.key).unwrap().to_bytes());
    assert!(fork.found.contains("another log: its 3 leaves have the root"), "{fork}");
    // Another name.
    let other = SigningKey::from_seed("other.example.org/log", &[9; 32]).unwrap();
    let named = check(Checkpoint::sign(tree.head(), &other).unwrap().to_bytes());
    assert!(named.found.contains("other.example.org/log"), "{named}");
    // A later state than the package's.
    let mut later = bag.evidence.tree.clone();
    later.push(leaf_hash("later"));
    let later = check(Checkpoint::sign(later.head(), &bag.evidence.key).unwrap().to_bytes());
    assert!(later.found.contains("more than the package's"), "{later}");
    assert!(check(b"not a checkpoint".to_vec()).found.contains("not a signed note"));
}

#[test]
fn a_package_signed_by_another_key_is_refused_where_the_key_is_known() {
    let bag = Bag::new(Sample::default());
    let real = SigningKey::from_seed(support::ORIGIN, &[8; 32]).unwrap();
    let options = Options { key: Some(real.verifier().clone()), ..Options::default() };
    let told = wrong(verify(&bag.root, &options));
    assert_eq!(told.finding.file, layout::KEY);
}

#[test]
fn a_simulated_package_says_so() {
    let bag = Bag::new(Sample { simulated: true, ..Sample::default() });
    let report = bag.verify().unwrap();
    assert!(report.simulated && report.to_string().starts_with("SIMULATED"));
    let info = fs::read_to_string(bag.path(layout::BAG_INFO)).unwrap();
    assert!(info.contains("\nSimulated: true\n"), "{info}");
    assert!(fs::read_to_string(bag.path(layout::INDEX)).unwrap().contains("<strong>SIMULATED.</strong>"));

    bag.edit(layout::PACKAGE, |text| text.replace("\"simulated\": true", "\"simulated\": false"));
    bag.rebag();
    assert_eq!(bag.wrong().finding.file, layout::PACKAGE);
}

#[test]
fn withheld_bodies_are_said_and_nothing_else_may_be_missing() {
    let bag = Bag::new(Sample { withhold_first: true, ..Sample::default() });
    let report = bag.verify().unwrap();
    assert_eq!((report.runs, report.reperformable), (13, 9));
    assert!(report.notes.contains(&"re-performance is not possible for 4 of 13 runs".to_owned()));
    assert!(fs::read_to_string(bag.path(layout::INDEX)).unwrap().contains("of 4 runs are withheld"));

    // Without the word of withheld.json the missing body is a finding.
    let list: Vec<Withheld> = serde_json::from_slice(&fs::read(bag.path(layout::WITHHELD)).unwrap()).unwrap();
    assert_eq!(list.len(), 4);
    fs::write(bag.path(layout::WITHHELD), "[]\n").unwrap();
    bag.rebag();
    assert!(bag.wrong().finding.file.starts_with("data/bodies/"));
}

#[test]
fn a_period_exported_before_its_seal_says_so() {
    let bag = Bag::new(Sample { sealed: false, ..Sample::default() });
    let report = bag.verify().unwrap();
    assert!(!report.sealed && report.notes.iter().any(|note| note.contains("not sealed")));
}

#[test]
fn sha256sum_accepts_the_bag() {
    let bag = Bag::new(Sample::default());
    for manifest in [layout::MANIFEST, layout::TAG_MANIFEST] {
        let run = |expect: bool| {
            let status = std::process::Command::new("sha256sum")
                .args(["-c", "--strict", "--quiet", manifest])
                .current_dir(&bag.root)
                .output()
                .unwrap();
            assert_eq!(status.status.success(), expect, "{status:?}");
        };
        run(true);
        let file = if manifest == layout::MANIFEST { RECORDS } else { layout::BAG_INFO };
        let before = flip(&bag.path(file));
        run(false);
        fs::write(bag.path(file), before).unwrap();
    }
}

#[test]
fn the_command_prints_and_exits_as_documented() {
    let bag = Bag::new(Sample::default());
    let command = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_exhibit-verify"))
            .args(arguments)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (zip, root) = (bag.zip.to_str().unwrap(), bag.root.to_str().unwrap());
    let key = bag.evidence.key.verifier().to_string();
    let checkpoint = bag.zip.with_file_name("early");
    fs::write(&checkpoint, &bag.evidence.early).unwrap();

    let (code, out, _) = command(&[zip, "--key", &key, "--checkpoint", checkpoint.to_str().unwrap()]);
    assert!(code == 0 && out.ends_with("\nVERIFIED\n"), "{out}");
    let (code, out, _) = command(&[root, "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, report["result"].as_str()), (0, Some("self-consistent, signer unconfirmed")));

    flip(&bag.path(RECORDS));
    let (code, out, _) = command(&[root, "--format", "json"]);
    let finding: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, finding["file"].as_str()), (1, Some(RECORDS)));
    let (code, out, _) = command(&[root]);
    assert!(code == 1 && out.starts_with(&format!("NOT VERIFIED: {RECORDS}\n")), "{out}");

    for arguments in [
        vec!["/no/such/package.zip"],
        vec![zip, "--key", "nonsense"],
        vec![zip, "--checkpoint", "/no/file"],
        vec![],
    ] {
        let (code, out, err) = command(&arguments);
        assert!(code == 2 && out.is_empty() && !err.is_empty(), "{arguments:?}: {out}{err}");
    }
    let bytes = fs::read(&bag.zip).unwrap();
    fs::write(&bag.zip, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(command(&[zip]).0, 1);
}
