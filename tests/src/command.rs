//! The command under test: `EXHIBIT_BIN`, or `exhibit` beside the tests' own programs.

use serde_json::Value;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// No command takes longer; what does is a failure, not something to wait for.
const LONGEST: Duration = Duration::from_secs(900);

/// The command's file.
pub fn binary() -> PathBuf {
    let path = match std::env::var_os("EXHIBIT_BIN") {
        Some(path) => PathBuf::from(path),
        None => crate::tools::target_dir().join("debug/exhibit"),
    };
    assert!(path.is_file(), "{} is not there: build it with make build", path.display());
    path
}

/// The command, to be run in a folder.
#[derive(Clone, Debug)]
pub struct Exhibit {
    dir: PathBuf,
    variables: Vec<(String, String)>,
}

impl Exhibit {
    /// To be run in `dir`, which is also the workspace where the arguments name no other.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), variables: Vec::new() }
    }

    /// With an environment variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a clock that began at this instant, `2026-03-04 10:00:00` UTC; none: the tool that does it is not here.
    pub fn begun_at(self, instant: &str) -> Option<Self> {
        let library = crate::tools::faketime()?;
        let preloaded = self.with("LD_PRELOAD", library.to_str()?).with("FAKETIME", &format!("@{instant}"));
        // Waiting is measured by another clock, which stays as it is.
        Some(preloaded.with("TZ", "UTC").with("FAKETIME_DONT_FAKE_MONOTONIC", "1"))
    }

    /// Starts it: standard output and error are pipes, and nobody is there to answer questions.
    pub fn start(&self, arguments: &[&str]) -> Child {
        Command::new(binary())
            .args(arguments)
            .current_dir(&self.dir)
            .env_remove("EXHIBIT_WORKSPACE")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts")
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let mut child = self.start(arguments);
        let stdout = gather(child.stdout.take().expect("a pipe"));
        let stderr = gather(child.stderr.take().expect("a pipe"));
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("the command can be waited for") {
                break status;
            }
            if begun.elapsed() > LONGEST {
                let _ = child.kill();
                panic!("exhibit {} was still running after {LONGEST:?}", arguments.join(" "));
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        Ran {
            said: format!("exhibit {}", arguments.join(" ")),
            code: status.code(),
            stdout: stdout.join().expect("standard output is read"),
            stderr: stderr.join().expect("standard error is read"),
            took: begun.elapsed(),
        }
    }
}

fn gather(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8(bytes).expect("the command prints UTF-8")
    })
}

/// What came of running it.
#[derive(Clone, Debug)]
pub struct Ran {
    said: String,
    /// The exit code; none: a signal ended it.
    pub code: Option<i32>,
    /// Data.
    pub stdout: String,
    /// What was said to a person.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { said, code, stdout, stderr, took } = self;
        let cut: String = stdout.chars().take(4000).collect();
        write!(f, "$ {said}\n(exit code {code:?}, {took:?})\n--- stdout\n{cut}\n--- stderr\n{stderr}\n")
    }
}

impl Ran {
    /// It worked.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "it should have worked:\n{self}");
        self
    }

    /// It ended with `code`, and said all of `texts` on either output.
    pub fn fails(self, code: i32, texts: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "it should have ended with {code}:\n{self}");
        for text in texts {
            let said = self.stdout.contains(text) || self.stderr.contains(text);
            assert!(said, "it should have said `{text}`:\n{self}");
        }
        for bad in ["panicked at", "RUST_BACKTRACE"] {
            assert!(!self.stderr.contains(bad), "no input makes it panic:\n{self}");
        }
        self
    }

    /// Standard output as one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON, {error}:\n{self}"))
    }

    /// Standard output as one JSON document a line.
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON, {error}: {line}\n{self}"))
        };
        self.stdout.lines().map(parse).collect()
    }
}
