//! Writes a small log with a fixed key, for tools that are not ours to check (`tests/foreign/run.sh`), and
//! checks one.
//!
//! ```text
//! sample_log write DIR        a log of 300 leaves, grown run by run
//! sample_log check DIR        everything in DIR, the way an auditor's checker does
//! ```
//!
//! DIR holds `checkpoint`, `tile/…`, `verifier-key`, `verifier-key.pem`; an earlier head in `checkpoint.100` with
//! `consistency.100`, one hash a line in base64; `proofs/<index>.tlog-proof`; `checkpoint.tsq` to be stamped and,
//! once it is, `checkpoint.tsr` with `roots.pem`. The key is made of sevens: it protects nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use exhibit_evidence::canonical::Value;
use exhibit_evidence::digest::Digest;
use exhibit_ledger::checkpoint::Checkpoint;
use exhibit_ledger::key::{SigningKey, VerifierKey};
use exhibit_ledger::log::Log;
use exhibit_ledger::proof::verify_consistency;
use exhibit_ledger::reading::{LogReader, check_all};
use exhibit_ledger::statement::{LeafKind, Statement};
use exhibit_ledger::tile::TileReader;
use exhibit_ledger::timestamp;
use exhibit_ledger::tlog_proof::TlogProof;
use exhibit_ledger::tree::TreeHead;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

const ORIGIN: &str = "evidence.example.com/ledger";
const LEAVES: u64 = 300;
const EARLIER: u64 = 100;
const PROVEN: [u64; 7] = [0, 1, 99, 137, 255, 256, 299];
const NONCE: u64 = 0x8f3a_9c02_1122_3344;

struct Folder(PathBuf);

impl TileReader for Folder {
    fn read_tile(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.0.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", folder] => write(Path::new(folder)),
        ["check", folder] => check(Path::new(folder)),
        _ => Err("say `sample_log write DIR` or `sample_log check DIR`".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path) -> Result<(), Box<dyn Error>> {
    let key = SigningKey::from_seed(ORIGIN, &[7; 32])?;
    put(folder, "verifier-key", format!("{}\n", key.verifier()))?;
    put(folder, "verifier-key.pem", key.verifier().to_pem()?)?;
    let mut log = Log::new();
    let mut earlier = TreeHead::empty();
    for n in 0..LEAVES {
        log = append(folder, &log, &statement(n).to_leaf(&key)?)?;
        if log.size() == EARLIER {
            earlier = log.head();
            put(folder, "checkpoint.100", Checkpoint::sign(earlier, &key)?.to_bytes())?;
        }
    }
    let checkpoint = Checkpoint::sign(log.head(), &key)?;
    put(folder, "checkpoint", checkpoint.to_bytes())?;
    put(folder, "checkpoint.tsq", timestamp::request(&checkpoint.to_bytes(), NONCE)?)?;

    let reader = LogReader::new(Folder(folder.to_owned()), log.head());
    for index in PROVEN {
        let path = reader.inclusion(index)?;
        let proof = TlogProof { index, path, checkpoint: checkpoint.clone(), extra: None };
        put(folder, &format!("proofs/{index}.tlog-proof"), proof.to_bytes())?;
    }
    let lines = reader
        .consistency(&earlier)?
        .iter()
        .map(|hash| BASE64_STANDARD.encode(hash.0) + "\n")
        .collect::<String>();
    put(folder, "consistency.100", lines)?;
    println!("{} leaves, root {}", log.size(), log.root());
    Ok(())
}

/// What a store does with an append, without the syncing.
fn append(folder: &Path, log: &Log, leaf: &[u8]) -> Result<Log, Box<dyn Error>> {
    let append = log.append(&[leaf])?;
    for file in &append.files {
        put(folder, &file.path(), &file.bytes)?;
    }
    for tile in &append.superseded {
        let path = folder.join(tile.path());
        fs::remove_file(&path)?;
        let _ = fs::remove_dir(path.parent().expect("a tile lies in a folder")); // where it was the last
    }
    Ok(append.log)
}

fn statement(n: u64) -> Statement {
    let (kind, subject) = match n % 50 {
        0 => (LeafKind::Host, "host/started".to_owned()),
        49 => (LeafKind::Missed, "controls/AC-03.toml".to_owned()),
        _ => (LeafKind::Run, format!("runs/20260304T100000Z-{n:08x}/manifest.json")),
    };
    let text = |text: String| Value::String(text);
    let predicate = Value::object([
        ("simulated".to_owned(), Value::Bool(true)),
        ("source".to_owned(), text("okta-prod".into())),
        ("note".to_owned(), text(format!("leaf {n}: é, 日本, \"quoted\""))),
    ]);
    Statement::new(kind, subject, Digest::of(n.to_string()), predicate)
}

fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a file lies in a folder"))?;
    fs::write(path, bytes)
}

fn check(folder: &Path) -> Result<(), Box<dyn Error>> {
    let keys: [VerifierKey; 1] = [fs::read_to_string(folder.join("verifier-key"))?.parse()?];
    let bytes = fs::read(folder.join("checkpoint"))?;
    let checkpoint = Checkpoint::open(&bytes, ORIGIN, &keys)?;
    let mut unsigned = Vec::new();
    check_all(&Folder(folder.to_owned()), checkpoint.head(), |index, leaf| {
        if let Err(error) = Statement::from_leaf(leaf, &keys) {
            unsigned.push(format!("leaf {index}: {error}"));
        }
    })?;
    if let Some(first) = unsigned.first() {
        return Err(first.clone().into());
    }
    let reader = LogReader::new(Folder(folder.to_owned()), *checkpoint.head());
    for index in PROVEN {
        let proof = TlogProof::parse(&fs::read(folder.join(format!("proofs/{index}.tlog-proof")))?)?;
        proof.verify(&reader.entry(index)?, ORIGIN, &keys)?;
    }
    let earlier = Checkpoint::open(&fs::read(folder.join("checkpoint.100"))?, ORIGIN, &keys)?;
    let mut path = Vec::new();
    for line in fs::read_to_string(folder.join("consistency.100"))?.lines() {
        path.push(Digest(BASE64_STANDARD.decode(line)?.as_slice().try_into()?));
    }
    verify_consistency(&path, earlier.head(), checkpoint.head())?;
    if let Ok(reply) = fs::read(folder.join("checkpoint.tsr")) {
        let stamp = timestamp::verify(&reply, &bytes, Some(NONCE), &fs::read(folder.join("roots.pem"))?)?;
        println!("stamped at {} by {}", stamp.time, stamp.authority.unwrap_or_default());
    }
    println!("{} leaves, root {}", checkpoint.head().size, checkpoint.head().root);
    Ok(())
}
