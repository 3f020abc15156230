//! Servers on loopback: started, waited for, and stopped when they are dropped.

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A port of 127.0.0.1 that nobody listened on a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is up");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
}

impl Server {
    /// Starts `command` and waits until `port` answers.
    pub fn start(command: &mut Command, port: u16, within: Duration) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut server = Self { child, port };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = server.child.try_wait().expect("a server can be waited for") {
                panic!("{command:?} ended at once: {status}");
            }
            assert!(begun.elapsed() < within, "{command:?} does not answer on port {port} after {within:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The made-up systems of `exhibit demo`, served by themselves.
#[derive(Debug)]
pub struct Fakes {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    facts: Value,
}

impl Fakes {
    /// Starts them as they are at `instant`.
    pub fn start(instant: &str) -> Self {
        let program = std::env::var_os("EXHIBIT_DEMO_SERVE")
            .map_or_else(|| crate::tools::target_dir().join("debug/examples/serve"), Into::into);
        assert!(
            program.is_file(),
            "{} is not there: build it with cargo build -p exhibit-demo --example serve",
            program.display()
        );
        let mut child = Command::new(program)
            .args(["2026", instant])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the made-up systems start");
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let facts = line(&mut stdout);
        Self { child, stdin, stdout, facts }
    }

    /// What they said of themselves, by name.
    pub fn fact(&self, name: &str) -> &str {
        self.facts[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {}", self.facts))
    }

    /// What happens in the made-up half year.
    pub fn story(&self) -> &Value {
        &self.facts["story"]
    }

    /// Sets their clock.
    pub fn set(&mut self, instant: &str) {
        let stdin = self.stdin.as_mut().expect("open until dropped");
        writeln!(stdin, "{instant}").expect("the made-up systems read");
        line(&mut self.stdout);
    }
}

fn line(from: &mut BufReader<ChildStdout>) -> Value {
    let mut text = String::new();
    from.read_line(&mut text).expect("the made-up systems answer");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

impl Drop for Fakes {
    fn drop(&mut self) {
        // The end of its input is the end of it.
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
