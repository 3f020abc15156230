//! Seals under an outside authority's timestamp (RFC 3161), with openssl as the authority and as the auditor: what
//! README.md tells an operator to write and an auditor to run is what is written and run here.

use exhibit_tests::tools::{repository, run, succeed, text};
use exhibit_tests::workspace::Workspace;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Not the period that the populated workspace is sealed for.
const PERIOD: &str = "2026-01-01..2026-01-02";
/// The caller must correct something.
const USAGE: i32 = 2;
/// It did not work.
const FAILED: i32 = 1;

/// How an authority behaves.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// It stamps what it is asked to stamp.
    Right,
    /// It stamps something else.
    OtherDigest,
    /// It stamps the right digest, and answers another request than the one that was made.
    OtherRequest,
    /// It answers with this status and no timestamp.
    Status(u16),
    /// It takes the request and says nothing.
    Silent,
}

/// A timestamp authority on loopback: HTTP by hand, certificates and answers by openssl.
struct Authority {
    dir: TempDir,
    port: u16,
    manner: Arc<Mutex<Manner>>,
}

impl Authority {
    fn start() -> Self {
        let dir = TempDir::new().unwrap();
        succeed(tsa().arg("new").arg(dir.path()).arg("P-256"));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let manner = Arc::new(Mutex::new(Manner::Right));
        std::thread::spawn({
            let (manner, dir) = (Arc::clone(&manner), dir.path().to_owned());
            move || {
                // Whoever was left without an answer keeps the connection.
                let mut open = Vec::new();
                for stream in listener.incoming() {
                    let mut stream = stream.unwrap();
                    let query = read_query(&stream);
                    let (status, answer) = match *manner.lock().unwrap() {
                        Manner::Silent => {
                            open.push(stream);
                            continue;
                        }
                        Manner::Status(status) => (status, b"<p>Not now</p>".to_vec()),
                        Manner::Right => (200, reply(&dir, &query)),
                        Manner::OtherDigest => (200, reply(&dir, &query_of(&dir, "something else"))),
                        // The digest stands in the query as it is; the nonce is openssl's own.
                        Manner::OtherRequest => (200, reply(&dir, &query_again(&dir, &query))),
                    };
                    let head = format!(
                        "HTTP/1.1 {status} X\r\ncontent-type: application/timestamp-reply\r\n\
                         content-length: {}\r\nconnection: close\r\n\r\n",
                        answer.len()
                    );
                    // A client that gave up is not there to read it.
                    let _ = stream.write_all(&[head.as_bytes(), &answer].concat());
                }
            }
        });
        Self { dir, port, manner }
    }

    fn set(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// Writes what README.md says an operator writes, with this authority's URL, and puts its root beside.
    fn configure(&self, workspace: &Workspace) {
        let url = format!("http://127.0.0.1:{}/tsr", self.port);
        let section = readme_section("[timestamp]")
            .replace("https://timestamp.example.com", &url)
            .replace("timeout_ms = 15000", "timeout_ms = 400");
        assert!(section.contains(&url) && section.contains("= 400"), "{section}");
        let file = workspace.file("exhibit.toml");
        let config = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{config}\n{section}")).unwrap();
        std::fs::copy(self.root(), workspace.file("timestamp-root.pem")).unwrap();
    }
}

fn tsa() -> Command {
    let mut command = Command::new("sh");
    command.arg(repository().join("tests/foreign/tsa.sh"));
    command
}

/// The body of a POST, which is all that a time-stamp request is.
fn read_query(stream: &TcpStream) -> Vec<u8> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut media_type = String::new();
    for number in 0.. {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end().to_ascii_lowercase();
        if number == 0 {
            assert_eq!(line, "post /tsr http/1.1");
        }
        match line.split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(("content-type", value)) => value.clone_into(&mut media_type),
            _ if line.is_empty() => break,
            _ => {}
        }
    }
    assert_eq!(media_type, "application/timestamp-query", "RFC 3161 section 3.4");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    body
}

fn reply(dir: &Path, query: &[u8]) -> Vec<u8> {
    let (from, to) = (dir.join("query.tsq"), dir.join("reply.tsr"));
    std::fs::write(&from, query).unwrap();
    succeed(tsa().arg("reply").args([dir, &from, &to]));
    std::fs::read(to).unwrap()
}

fn query_of(dir: &Path, content: &str) -> Vec<u8> {
    let (data, query) = (dir.join("other"), dir.join("other.tsq"));
    std::fs::write(&data, content).unwrap();
    succeed(
        Command::new("openssl")
            .args(["ts", "-query", "-sha256", "-cert", "-data"])
            .arg(&data)
            .arg("-out")
            .arg(&query),
    );
    std::fs::read(query).unwrap()
}

/// A query for the digest of `query`, with another nonce.
fn query_again(dir: &Path, query: &[u8]) -> Vec<u8> {
    let (first, again) = (dir.join("first.tsq"), dir.join("again.tsq"));
    std::fs::write(&first, query).unwrap();
    let shown = succeed(Command::new("openssl").args(["ts", "-query", "-text", "-in"]).arg(&first));
    // `    0000 - 3f 1c … 9a-8b …   ?...`: sixteen bytes a line.
    let bytes =
        shown.lines().filter_map(|line| line.trim_start().split_once(" - ")).map(|(_, rest)| &rest[..47]);
    let digest: String = bytes.flat_map(str::chars).filter(char::is_ascii_hexdigit).collect();
    assert_eq!(digest.len(), 64, "{shown}");
    succeed(
        Command::new("openssl")
            .args(["ts", "-query", "-sha256", "-cert", "-digest", &digest, "-out"])
            .arg(&again),
    );
    std::fs::read(again).unwrap()
}

fn readme() -> String {
    std::fs::read_to_string(repository().join("README.md")).unwrap()
}

/// A section of `exhibit.toml` as README.md shows it.
fn readme_section(name: &str) -> String {
    let readme = readme();
    let lines = readme.lines().skip_while(|line| !line.starts_with(name));
    let section: String =
        lines.take_while(|line| line.contains(['[', '='])).map(|line| format!("{line}\n")).collect();
    assert!(section.lines().count() >= 3, "README.md has {name}: {section}");
    section
}

/// The commands with openssl that README.md gives to an auditor.
fn readme_commands() -> Vec<String> {
    let commands: Vec<String> = readme()
        .lines()
        .filter_map(|line| line.strip_prefix("$ openssl ts "))
        .map(|rest| format!("openssl ts {rest}"))
        .collect();
    assert_eq!(commands.len(), 1, "README.md says how to check a timestamp: {commands:?}");
    commands
}

/// Runs them in the unpacked package; what they said, and whether all succeeded.
fn openssl_accepts(bag: &Path) -> (bool, String) {
    let mut all = true;
    let mut said = String::new();
    for command in readme_commands() {
        let output = run(Command::new("sh").args(["-c", &command]).current_dir(bag));
        all &= output.status.success();
        said.push_str(&text(&output));
    }
    (all, said)
}

/// Exports, and unpacks beside the workspace: the package and its folder.
fn export(workspace: &Workspace, name: &str) -> (String, PathBuf) {
    let package = workspace.beside().join(format!("{name}.zip"));
    let package = package.to_str().unwrap().to_owned();
    workspace.exhibit().run(&["export", PERIOD, "--out", &package]).ok();
    let folder = workspace.beside().join(name);
    succeed(Command::new("unzip").args(["-q", &package, "-d"]).arg(&folder));
    let bag = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    (package, bag)
}

/// How many leaves the log has.
fn leaves(workspace: &Workspace) -> u64 {
    let checkpoint = workspace.held().into_keys().find(|file| file.ends_with("/checkpoint")).expect("a log");
    let text = std::fs::read_to_string(workspace.file(&checkpoint)).unwrap();
    text.lines().nth(1).and_then(|line| line.parse().ok()).expect("C2SP tlog-checkpoint: the second line")
}

fn check<'a>(report: &'a Value, name: &str) -> Option<&'a str> {
    let checks = report["checks"].as_array().expect("a list");
    checks.iter().find(|check| check["name"] == name)?["detail"].as_str()
}

#[test]
fn openssl_accepts_the_timestamp_of_a_seal() {
    let authority = Authority::start();
    let workspace = Workspace::populated();
    authority.configure(&workspace);
    let sealed = workspace.exhibit().run(&["seal", PERIOD]).ok();
    assert!(sealed.stderr.contains("Timestamp: CN=Example timestamp authority,O=Example saw"), "{sealed}");

    let (package, bag) = export(&workspace, "stamped");
    std::fs::copy(authority.root(), bag.join("timestamp-root.pem")).unwrap();
    let (accepted, said) = openssl_accepts(&bag);
    assert!(accepted && said.contains("Verification: OK"), "{said}");
    let ledger = bag.join("data/ledger");
    let (stamped, signed) = (ledger.join("stamped-checkpoint"), ledger.join("checkpoint"));
    let bytes = std::fs::read(&stamped).unwrap();
    assert_eq!(bytes, std::fs::read(signed).unwrap(), "the seal is the last leaf, so both are of it");

    let exhibit = workspace.exhibit();
    let root = authority.root();
    let arguments = ["verify", &package, "--format", "json", "--timestamp-ca", root.to_str().unwrap()];
    let report = exhibit.run(&arguments).ok().json();
    let size = leaves(&workspace);
    let detail = check(&report, "timestamp").expect("it is reported");
    assert!(detail.starts_with(&format!("{size} leaves existed at 20")), "{detail}");
    let unchecked = exhibit.run(&["verify", &package]).ok();
    assert!(unchecked.to_string().contains("--timestamp-ca"), "says how to check it: {unchecked}");

    // One byte of what was stamped; then a root that did not sign.
    let mut altered = bytes.clone();
    altered[0] ^= 1;
    std::fs::write(&stamped, altered).unwrap();
    let (accepted, said) = openssl_accepts(&bag);
    assert!(!accepted && said.contains("message imprint mismatch"), "{said}");
    std::fs::write(&stamped, bytes).unwrap();
    let other = Authority::start();
    std::fs::copy(other.root(), bag.join("timestamp-root.pem")).unwrap();
    let (accepted, said) = openssl_accepts(&bag);
    assert!(!accepted, "{said}");
    let root = other.root();
    let arguments = ["verify", &package, "--timestamp-ca", root.to_str().unwrap()];
    exhibit.run(&arguments).fails(FAILED, &["data/ledger/timestamp.tsr", "leads to no trusted one"]);
}

#[test]
fn an_authority_that_fails_costs_the_timestamp_and_never_the_seal() {
    let authority = Authority::start();
    let workspace = Workspace::populated();
    authority.configure(&workspace);
    let exhibit = workspace.exhibit();
    let before = leaves(&workspace);
    let again = format!("hint: nothing is lost: `exhibit seal {PERIOD}` again asks for the timestamp alone");
    for (manner, says) in [
        (Manner::OtherDigest, "the timestamp is of "),
        (Manner::OtherRequest, "the timestamp answers another request"),
        (Manner::Status(500), "it answered with status 500"),
        (Manner::Status(200), "the timestamp's response cannot be read"),
        (Manner::Silent, "no answer within 400 ms, 3 times"),
    ] {
        authority.set(manner);
        let what = format!(
            "{PERIOD} is sealed, but the timestamp authority http://127.0.0.1:{}/tsr",
            authority.port
        );
        let ran = exhibit.run(&["seal", PERIOD]).fails(FAILED, &[&what, says, &again]);
        assert!(ran.took.as_secs() < 30, "{manner:?}: {ran}");
        assert_eq!(leaves(&workspace), before + 1, "{manner:?}: sealed once, however often it is asked");
        assert!(!workspace.file("timestamps").exists(), "{manner:?}: what does not hold is not kept");
    }

    // The seal stands without it, and the package says what is missing.
    let (package, bag) = export(&workspace, "bare");
    assert!(!bag.join("data/ledger/timestamp.tsr").exists());
    let index = std::fs::read_to_string(bag.join("data/index.html")).unwrap();
    assert!(index.contains("none: no outside authority has stamped the seal"));
    let verified = exhibit.run(&["verify", &package]).ok();
    assert!(verified.to_string().contains("no outside authority has stamped the log"), "{verified}");

    // The authority is back.
    authority.set(Manner::Right);
    let ran = exhibit.run(&["seal", PERIOD]).ok();
    assert!(ran.stderr.contains("what was missing is its timestamp"), "{ran}");
    assert_eq!(leaves(&workspace), before + 1);
    let (_, bag) = export(&workspace, "stamped");
    std::fs::copy(authority.root(), bag.join("timestamp-root.pem")).unwrap();
    let (accepted, said) = openssl_accepts(&bag);
    assert!(accepted, "{said}");
    exhibit.run(&["seal", PERIOD]).fails(FAILED, &["was sealed on", "a seal is never edited"]);
}

#[test]
fn wrong_settings_are_said_before_anything_is_sealed() {
    let authority = Authority::start();
    for (from, to, says) in [
        ("timestamp-root.pem", "elsewhere.pem", "elsewhere.pem: No such file"),
        ("timestamp-root.pem", "exhibit.toml", "exhibit.toml: "),
        ("http://", "", "[timestamp] url `127.0.0.1:"),
        ("http://", "ftp://", "[timestamp] url `ftp://127.0.0.1:"),
    ] {
        let workspace = Workspace::populated();
        authority.configure(&workspace);
        workspace.edit("exhibit.toml", from, to);
        let held = workspace.held();
        workspace
            .exhibit()
            .run(&["seal", PERIOD])
            .fails(USAGE, &["exhibit.toml: [timestamp]", says, "hint: "]);
        assert_eq!(workspace.held(), held, "{to}: nothing was sealed");
    }
}
