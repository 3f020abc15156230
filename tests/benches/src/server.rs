//! The system that is collected from, on loopback: a process of its own, whose processor time is nobody's here. What it
//! answers is ready before it is asked.
//!
//! | path | answer |
//! | --- | --- |
//! | `/api/v1/users` with a filter | a page of the accounts; `after` is the number of the next one |
//! | `/.well-known/okta-organization` | whose it is |
//! | `/api/held` | an empty list, when `/release` is asked |
//! | `/waiting` | how many wait for that |
//! | `/change` | one account in a hundred is another from now on |
//! | anything else | an empty list |

use crate::accounts::{PAGE, change, page};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The word that starts a program as the server, followed by the number of accounts.
pub const SERVE: &str = "serve";

/// A running server, stopped when it is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Its origin: `http://127.0.0.1:PORT`.
    pub origin: String,
}

impl Server {
    /// Starts this program as a server of so many accounts.
    pub fn start(accounts: usize) -> Self {
        let mut command = crate::again(&[SERVE, &accounts.to_string()]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut port = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut port).expect("the server says its port");
        Self { child, origin: format!("http://127.0.0.1:{}", port.trim()) }
    }

    /// Changes one account in a hundred.
    pub fn change(&self) {
        self.tell("/change");
    }

    /// Requests that are held.
    pub fn waiting(&self) -> usize {
        self.tell("/waiting").parse().expect("a number")
    }

    /// Answers what is held.
    pub fn release(&self) {
        self.tell("/release");
    }

    /// Asks for a path; the body of the answer.
    fn tell(&self, path: &str) -> String {
        let address = self.origin.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("the server listens");
        write!(stream, "GET {path} HTTP/1.1\r\n\r\n").expect("the server reads");
        stream.shutdown(std::net::Shutdown::Write).expect("a connection");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the server answers");
        answer.split_once("\r\n\r\n").expect("an answer").1.to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the threads share.
struct Shared {
    pages: Mutex<Pages>,
    held: Mutex<Held>,
    released: Condvar,
}

/// Requests that are held.
#[derive(Default)]
struct Held {
    waiting: usize,
    released: bool,
}

/// The pages as they are, and what they are made from.
struct Pages {
    origin: String,
    versions: Vec<u32>,
    changes: u64,
    pages: Vec<Arc<str>>,
}

impl Pages {
    fn change(&mut self) {
        let before = self.versions.clone();
        self.changes += 1;
        change(&mut self.versions, self.changes);
        for (number, versions) in self.versions.chunks(PAGE).enumerate() {
            if before[number * PAGE..][..versions.len()] != *versions {
                self.pages[number] = page(number * PAGE, versions, &self.origin).into();
            }
        }
    }

    /// A page, and the link to the next one.
    fn answer(&self, path: &str, query: &str, page: usize) -> (String, Arc<str>) {
        let (others, after) = (query.split("&after=").next().unwrap_or_default(), (page + 1) * PAGE);
        let link = match page + 1 < self.pages.len() {
            true => format!("link: <{}{path}?{others}&after={after}>; rel=\"next\"\r\n", self.origin),
            false => String::new(),
        };
        (link, Arc::clone(&self.pages[page]))
    }
}

/// Serves until standard input ends: with the program that started this one.
pub fn serve(accounts: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is up");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    let origin = format!("http://127.0.0.1:{port}");
    let versions = vec![0; accounts];
    let pages = (0..).zip(versions.chunks(PAGE)).map(|(n, v)| page(n * PAGE, v, &origin).into()).collect();
    let pages = Mutex::new(Pages { origin, versions, changes: 0, pages });
    let shared = Arc::new(Shared { pages, held: Mutex::default(), released: Condvar::new() });
    println!("{port}");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new().stack_size(128 << 10);
            // The other side may hang up whenever it likes.
            thread.spawn(move || drop(answer_all(&stream, &shared))).expect("a thread");
        }
    });
    let _ = std::io::stdin().read(&mut [0]);
}

fn answer_all(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut from = BufReader::new(stream);
    let mut to = stream;
    let mut line = String::new();
    loop {
        line.clear();
        if from.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        while from.read_line(&mut line)? > 2 {}
        let (link, body) = answer(&target, shared);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{link}content-length: {}\r\n\r\n",
            body.len()
        );
        to.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The line of the `Link` header, if there is one, and the body.
fn answer(target: &str, shared: &Shared) -> (String, Arc<str>) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let param = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let body: Arc<str> = match path {
        "/api/v1/users" if param("filter").is_some() => {
            let after = param("after").and_then(|after| after.parse().ok()).unwrap_or(0_usize);
            return lock(&shared.pages).answer(path, query, after / PAGE);
        }
        "/.well-known/okta-organization" => r#"{"id":"00oexample"}"#.into(),
        "/change" => {
            lock(&shared.pages).change();
            "".into()
        }
        "/waiting" => lock(&shared.held).waiting.to_string().into(),
        "/release" => {
            lock(&shared.held).released = true;
            shared.released.notify_all();
            "".into()
        }
        "/api/held" => {
            let mut held = lock(&shared.held);
            held.waiting += 1;
            drop(shared.released.wait_while(held, |held| !held.released));
            "[]".into()
        }
        _ => "[]".into(),
    };
    (String::new(), body)
}
