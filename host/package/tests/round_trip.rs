//! Written, opened, read back; and refused where what is handed over does not agree with itself.

#![allow(clippy::unwrap_used)]

mod support;

use exhibit_evidence::digest::Digest;
use exhibit_package::layout;
use exhibit_package::read::{OpenError, Package, ReadError};
use exhibit_package::write::WriteError;
use std::io::{Read as _, Write as _};
use std::path::Path;
use support::{Sample, kind, source};
use zip::write::SimpleFileOptions;

#[test]
fn what_was_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.zip");
    let evidence = Sample::default().evidence();
    let finished = evidence.write(&path).unwrap();
    let package = Package::open(&path).unwrap();

    assert_eq!(package.meta().unwrap(), evidence.meta);
    assert_eq!(package.name(), finished.name);
    assert_eq!(package.runs().len(), 13); // 7 days, one missed, two sources; one after the end
    assert_eq!(package.populations().len(), 3);
    for run in &evidence.runs {
        let id = &run.manifest.run;
        assert_eq!(package.manifest(id).unwrap(), run.manifest);
        let recording = package.recording(id).unwrap();
        let exchange = recording.exchange("0.0.0".parse().unwrap()).unwrap();
        assert_eq!(recording.body(&exchange.request_body.unwrap()).unwrap(), b"asked");
    }
    let mut records = package.records(&source("okta-prod"), &kind("identity.account@1")).unwrap();
    let (_, expected) = &evidence.populations[&(source("okta-prod"), kind("identity.account@1"))];
    for want in expected {
        let held = records.next_record().unwrap().unwrap();
        assert_eq!((held.line, &held.index.held), (want.line.as_slice(), &want.held));
        assert_eq!(held.index.sha256, Digest::of(held.line));
    }
    assert!(records.next_record().unwrap().is_none());
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 1, "no temporary file is left");
}

#[test]
fn the_same_evidence_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a.zip"), folder.path().join("b.zip"));
    Sample::default().evidence().write(&a).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    Sample::default().evidence().write(&b).unwrap();
    assert_eq!(Digest::of(std::fs::read(a).unwrap()), Digest::of(std::fs::read(b).unwrap()));
}

/// Any change of a view makes checkers of the version before find "another page". So it is another version.
#[test]
fn a_changed_view_is_another_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.zip");
    Sample { controls: 6, ..Sample::default() }.evidence().write(&path).unwrap();
    let package = Package::open(&path).unwrap();
    let mut all = Vec::new();
    for (file, _) in package.files().filter(|(file, _)| file.ends_with(".html") || file.ends_with(".csv")) {
        all.extend(Digest::of(package.read(file, 1 << 24).unwrap()).0);
    }
    let workbook = std::io::Cursor::new(package.read(layout::WORKBOOK, 1 << 24).unwrap());
    let mut workbook = zip::ZipArchive::new(workbook).unwrap();
    for number in 0..workbook.len() {
        let mut part = Vec::new();
        workbook.by_index(number).unwrap().read_to_end(&mut part).unwrap();
        all.extend(Digest::of(part).0);
    }
    assert_eq!(
        (exhibit_package::views::VERSION, Digest::of(all).short().as_str()),
        (1, "5fbbdb34a8ef"),
        "a view has changed: once a version is released, raise views::VERSION with it"
    );
}

#[test]
fn an_existing_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.zip");
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(Sample::default().evidence().write(&path), Err(WriteError::Exists(_))));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn nothing_is_left_of_an_export_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.zip");
    let missing = |change: &dyn Fn(&mut support::Evidence), want: &str| {
        let mut evidence = Sample::default().evidence();
        change(&mut evidence);
        let error = evidence.write(&path).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    };
    let accounts = (source("okta-prod"), kind("identity.account@1"));
    missing(&|e| e.runs.iter_mut().for_each(|run| drop(run.bodies.pop())), "is missing");
    missing(&|e| drop(e.populations.remove(&accounts)), "population of identity.account@1 of okta-prod");
    missing(&|e| drop(e.populations.get_mut(&accounts).unwrap().1.remove(2)), "holds 4 records");
    missing(&|e| e.populations.get_mut(&accounts).unwrap().1.swap(0, 1), "follows");
    missing(&|e| e.populations.get_mut(&accounts).unwrap().1[0].line[20] ^= 1, "root");
    missing(&|e| e.runs[1].exchanges[0] = b"{}".to_vec(), "exchanges.jsonl");
    missing(&|e| e.runs[1].log.clear(), "log.jsonl");
    missing(&|e| e.runs[1].statement[10] ^= 1, "leaf 1");
}

#[test]
fn what_a_killed_export_left_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let half = folder.path().join(".out.zip.part");
    std::fs::write(&half, "half a package").unwrap();
    Sample::default().evidence().write(&folder.path().join("out.zip")).unwrap();
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["out.zip"]);
}

#[test]
fn a_simulated_run_makes_a_simulated_package() {
    let folder = tempfile::tempdir().unwrap();
    let mut evidence = Sample { simulated: true, ..Sample::default() }.evidence();
    evidence.meta.simulated = false;
    let error = evidence.write(&folder.path().join("out.zip")).unwrap_err().to_string();
    assert!(error.contains("simulated"), "{error}");
}

fn zip_of(path: &Path, entries: &[(&str, &[u8])]) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn hostile_archives_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.zip");
    for (entries, want) in [
        (vec![("p/../../evil", b"x".as_slice())], "name is not one"),
        (vec![("/etc/passwd", b"x")], "name is not one"),
        (vec![("p\\evil", b"x")], "name is not one"),
        (vec![("p/data/a", b"x"), ("q/data/b", b"x")], "one folder"),
        (vec![("bagit.txt", b"x")], "one folder"),
    ] {
        zip_of(&path, &entries);
        let error = Package::open(&path).err().unwrap();
        assert!(matches!(error, OpenError::Hostile { .. }) && error.to_string().contains(want), "{error}");
    }
}

#[test]
fn links_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("links.zip");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    zip.add_symlink("p/data/link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    zip.finish().unwrap();
    assert!(Package::open(&path).err().unwrap().to_string().contains("link"));
}

#[test]
fn a_second_file_of_one_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("twice.zip");
    zip_of(&path, &[("p/data/aa", b"first"), ("p/data/bb", b"second")]);
    let bytes = std::fs::read(&path).unwrap();
    let text = bytes;
    let mut twice = text.clone();
    for at in 0..text.len() - 9 {
        if &text[at..at + 9] == b"p/data/bb" {
            twice[at + 7..at + 9].copy_from_slice(b"aa");
        }
    }
    std::fs::write(&path, twice).unwrap();
    assert!(matches!(Package::open(&path), Err(OpenError::NotAnArchive { .. })));
}

#[test]
fn a_file_is_read_to_its_declared_length_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.zip");
    zip_of(&path, &[("p/data/zeros", &vec![0; 1_000_000])]);
    // The declared length stands in the local and in the central header: both say 10 now.
    let mut bytes = std::fs::read(&path).unwrap();
    let declared = 1_000_000u32.to_le_bytes();
    let places: Vec<usize> = (0..bytes.len() - 4).filter(|at| bytes[*at..at + 4] == declared).collect();
    assert_eq!(places.len(), 2);
    for at in places {
        bytes[at..at + 4].copy_from_slice(&10u32.to_le_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    let package = Package::open(&path).unwrap();
    let error = package.read("data/zeros", 1 << 20).unwrap_err();
    assert!(
        matches!(error, ReadError::Io { .. }) && error.to_string().contains("declared length"),
        "{error}"
    );
}

#[test]
fn a_cut_archive_is_no_archive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.zip");
    Sample::default().evidence().write(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for part in [0, 10, bytes.len() / 2, bytes.len() - 10] {
        std::fs::write(&path, &bytes[..part]).unwrap();
        assert!(matches!(Package::open(&path), Err(OpenError::NotAnArchive { .. })), "{part} bytes");
    }
}

#[test]
fn the_unpacked_folder_reads_like_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.zip");
    Sample::default().evidence().write(&path).unwrap();
    let unpacked = folder.path().join("unpacked");
    zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap().extract(&unpacked).unwrap();
    let (a, b) = (Package::open(&path).unwrap(), Package::open(&unpacked).unwrap());
    assert_eq!(a.files().collect::<Vec<_>>(), b.files().collect::<Vec<_>>());
    assert_eq!(a.read(layout::INDEX, 1 << 24).unwrap(), b.read(layout::INDEX, 1 << 24).unwrap());
    #[cfg(unix)]
    {
        let bag = unpacked.join(b.name());
        std::os::unix::fs::symlink("/etc/passwd", bag.join("data/passwd")).unwrap();
        assert!(matches!(Package::open(&unpacked), Err(OpenError::Hostile { .. })));
    }
}
