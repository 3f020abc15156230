//! A web server on loopback that answers as a test says, rightly or not.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// One request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// GET, POST.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// When it had arrived.
    pub at: Instant,
    /// How many came before it with the same method and target.
    pub before: usize,
}

impl Asked {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// An answer.
    Answer {
        /// Its status.
        status: u16,
        /// Its headers, beside the body's length.
        headers: Vec<(String, String)>,
        /// Its body.
        body: Vec<u8>,
        /// The length that is claimed; none: the body's own.
        length: Option<usize>,
    },
    /// Nothing, for as long as the other side waits.
    Silence,
}

impl Reply {
    /// An answer of this status.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.into(), length: None }
    }

    /// With a header.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.into(), value.into()));
        }
        self
    }

    /// With another length than the body's.
    #[must_use]
    pub fn claiming(mut self, bytes: usize) -> Self {
        if let Self::Answer { length, .. } = &mut self {
            *length = Some(bytes);
        }
        self
    }
}

type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

/// The server. It ends with the test's process.
#[derive(Debug)]
pub struct Web {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Web {
    /// Starts it.
    pub fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is up");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (kept, script): (_, Arc<Script>) = (Arc::clone(&asked), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, script) = (Arc::clone(&kept), Arc::clone(&script));
                // The other side may hang up whenever it likes.
                std::thread::spawn(move || drop(serve(stream, &kept, &*script)));
            }
        });
        Self { port, asked }
    }

    /// Its origin.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it was asked, in the order of arrival.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(stream: TcpStream, kept: &Mutex<Vec<Asked>>, script: &Script) -> std::io::Result<()> {
    let mut from = BufReader::new(stream);
    let Some(mut asked) = read(&mut from)? else { return Ok(()) };
    {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let again = |earlier: &&Asked| (&earlier.method, &earlier.target) == (&asked.method, &asked.target);
        asked.before = kept.iter().filter(again).count();
        kept.push(asked.clone());
    }
    let mut stream = from.into_inner();
    let Reply::Answer { status, headers, body, length } = script(&asked) else {
        // Until the other side hangs up.
        return stream.read(&mut [0]).map(drop);
    };
    let length = length.unwrap_or(body.len());
    let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n");
    for (name, value) in &headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(&body)
}

fn read(from: &mut BufReader<TcpStream>) -> std::io::Result<Option<Asked>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let pair = |line: &str| {
        line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers: Vec<(String, String)> = lines.filter_map(pair).collect();
    let by_name: BTreeMap<&str, &str> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let length = by_name.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(Some(Asked { method, target, headers, body, at: Instant::now(), before: 0 }))
}
