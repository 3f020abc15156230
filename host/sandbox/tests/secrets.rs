//! What a guest can know of a credential. A guest asks a server on loopback with one; the server answers with it, in
//! every way that it can; the guest hands on whatever it was shown. The guest's memory is searched while it runs, as
//! the system sees it (`/proc/self/maps`) and as the guest itself reads it, and so is everything that was kept.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use aho_corasick::AhoCorasick;
use async_trait::async_trait;
use exhibit_broker::address::AllowedAddresses;
use exhibit_broker::broker::Broker;
use exhibit_broker::credential::Credential;
use exhibit_broker::grant::Grants;
use exhibit_broker::live::{LiveOptions, LiveTransport};
use exhibit_broker::record::{ExchangeSink, SinkError};
use exhibit_broker::redact::Redactions;
use exhibit_broker::secret::Vault;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Exchange, ExchangeId, Walk};
use exhibit_evidence::fetch::{FetchError, FetchRequest, FetchResponse};
use exhibit_evidence::run::RunFacts;
use exhibit_evidence::time::{Clock, Timestamp};
use exhibit_sandbox::read_manifest;
use exhibit_sandbox::services::{Item, LogLevel, Services};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, OnceLock};
use support::recorder::STARTED_MS;
use support::{Recorder, guest, limits, prepared, runtime};

const SECRET: &str = "00p&s/W0rd+Tes=t~Qx9";

/// The secret as it can be written. Made with printf, base64, xxd, and Python's urllib.
const FORMS: [&str; 7] = [
    SECRET,
    "00p%26s%2FW0rd%2BTes%3Dt~Qx9",             // urllib.parse.quote(s, safe='')
    "MDBwJnMvVzByZCtUZXM9dH5ReDk=",             // base64
    "YTowMHAmcy9XMHJkK1Rlcz10flF4OQ==",         // base64 of `a:` and it
    "YWRhOjAwcCZzL1cwcmQrVGVzPXR+UXg5",         // base64 of `ada:` and it
    "YWRhOjAwcCZzL1cwcmQrVGVzPXR-UXg5",         // the same, for URLs
    "30307026732f573072642b5465733d747e517839", // xxd -p
];

/// What the server says beside it, to be found wherever what the guest was shown is.
const MARK: &str = "a-mark-that-may-be-seen";

/// Characters in a row that are not found by chance.
const PIECE: usize = 8;

/// The first piece of the secret, in whatever form, that stands in these bytes.
fn leak(bytes: &[u8]) -> Option<&str> {
    static PIECES: OnceLock<AhoCorasick> = OnceLock::new();
    let pieces = || AhoCorasick::new(FORMS.iter().flat_map(|form| form.as_bytes().windows(PIECE))).unwrap();
    let found = PIECES.get_or_init(pieces).find(bytes)?;
    Some(std::str::from_utf8(&bytes[found.range()]).unwrap())
}

fn holds(bytes: &[u8], text: &str) -> bool {
    AhoCorasick::new([text]).unwrap().is_match(bytes)
}

/// A request as it arrived.
struct Sent {
    head: String,
    body: Vec<u8>,
}

/// Serves on loopback, and keeps what it was sent.
struct Echo {
    port: u16,
    seen: Arc<Mutex<Vec<Sent>>>,
}

impl Echo {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                kept.lock().unwrap().push(Self::serve(stream.unwrap()));
            }
        });
        Self { port, seen }
    }

    fn serve(stream: TcpStream) -> Sent {
        let mut from = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(from.read_line(&mut head).unwrap() > 0, "{head}");
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        from.read_exact(&mut body).unwrap();
        let forms = FORMS.join(" ");
        let answer = format!("{{\"you\":\"{MARK}\",\"sent\":\"{forms}\"}}");
        let (etag, own) = (format!("{MARK} SSWS {SECRET}"), FORMS[2]);
        let mut stream = from.into_inner();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\netag: {etag}\r\nx-echo: {own}\r\n\
             location: /{}\r\nset-cookie: {SECRET}\r\ncontent-length: {}\r\n\r\n{answer}",
            FORMS[1],
            answer.len()
        )
        .unwrap();
        Sent { head, body }
    }
}

/// Everything that a run keeps of its exchanges.
#[derive(Default)]
struct Kept(Mutex<Vec<u8>>);

impl ExchangeSink for Kept {
    fn exchange(
        &self,
        exchange: &Exchange,
        asked: Option<&[u8]>,
        body: Option<&[u8]>,
    ) -> Result<(), SinkError> {
        let mut kept = self.0.lock().unwrap();
        kept.extend(serde_json::to_vec(exchange).unwrap());
        kept.extend([asked, body].into_iter().flatten().flatten());
        Ok(())
    }

    fn walk(&self, walk: &Walk) -> Result<(), SinkError> {
        self.0.lock().unwrap().extend(serde_json::to_vec(walk).unwrap());
        Ok(())
    }
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(STARTED_MS)
    }
}

/// The way to the server, as the host sets it up for a source.
fn broker(port: u16, kept: Arc<Kept>) -> Broker {
    let settings = serde_json::json!({ "base": format!("http://127.0.0.1:{port}") });
    let ask = read_manifest(guest()).unwrap().resolve(&settings).unwrap();
    let config = serde_json::from_str(r#"{"scheme":"ssws","token":"env:TOKEN"}"#).unwrap();
    let vault = Vault::new(|_| Some(SECRET.to_owned()));
    let credential = Credential::load("spied-on", "api", &config, &vault).unwrap();
    let mut options = LiveOptions::new(Grants::all("spied-on", ask), Arc::new(Still));
    options.allow_addresses = AllowedAddresses::parse(["127.0.0.1"]).unwrap();
    options.credentials.insert("api".to_owned(), credential);
    let transport = Arc::new(LiveTransport::new(options).unwrap());
    Broker::live(transport, kept, Arc::new(Still), &limits(), Redactions::default(), 1)
}

/// A line of `/proc/self/maps`: start, end, rights.
type Mapping = (u64, u64, String);

/// The linear memories of this process, whole: writable memory that leads up to a reservation which only WebAssembly
/// makes, what is left of the 4 GiB that a guest can address and may not touch.
fn linear_memories() -> Vec<Vec<u8>> {
    let parse = |line: &str| -> Mapping {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next().unwrap().split_once('-').unwrap();
        let address = |text| u64::from_str_radix(text, 16).unwrap();
        (address(start), address(end), words.next().unwrap().to_owned())
    };
    let maps: Vec<Mapping> = std::fs::read_to_string("/proc/self/maps").unwrap().lines().map(parse).collect();
    let mut memories = Vec::new();
    // Kernels split a memory where part of it came from an image.
    for block in maps.chunk_by(|(_, end, _), (start, ..)| end == start) {
        let mut begin = None;
        for (start, end, rights) in block {
            if rights == "rw-p" {
                begin = begin.or(Some(*start));
            } else if let Some(begin) = begin.take()
                && rights == "---p"
                && end - start > 3 << 30
            {
                let mut bytes = vec![0; usize::try_from(start - begin).unwrap()];
                File::open("/proc/self/mem").unwrap().read_exact_at(&mut bytes, begin).unwrap();
                memories.push(bytes);
            }
        }
    }
    memories
}

/// Memories that the component's modules declare.
fn declared_memories(component: &[u8]) -> usize {
    use wasmparser::{Parser, Payload};
    let count = |payload| match payload {
        Payload::MemorySection(section) => section.count() as usize,
        _ => 0,
    };
    Parser::new(0).parse_all(component).map(|payload| count(payload.unwrap())).sum()
}

/// Services over a live broker, which look at the guest's memories whenever it writes a line.
struct Watched {
    broker: Broker,
    recorder: Recorder,
    memories: Vec<Vec<Vec<u8>>>,
}

#[async_trait]
impl Services for Watched {
    fn facts(&self) -> RunFacts {
        self.recorder.facts()
    }

    fn tenant(&mut self, tenant: &str) -> Result<(), String> {
        self.recorder.tenant(tenant)
    }

    async fn send(&mut self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        self.broker.send(request).await
    }

    async fn send_all(&mut self, requests: Vec<FetchRequest>) -> Vec<Result<Vec<FetchResponse>, FetchError>> {
        self.broker.send_all(requests).await
    }

    async fn open_pages(&mut self, request: FetchRequest) -> Result<u32, FetchError> {
        self.recorder.open_pages(request).await
    }

    async fn next_page(&mut self, pages: u32) -> Result<Option<FetchResponse>, FetchError> {
        self.recorder.next_page(pages).await
    }

    async fn close_pages(&mut self, pages: u32) {
        self.recorder.close_pages(pages).await;
    }

    fn log(&mut self, level: LogLevel, message: &str, fields: &[(String, String)]) {
        self.memories.push(linear_memories());
        self.recorder.log(level, message, fields);
    }

    fn state_get(&mut self, key: &str) -> Option<Vec<u8>> {
        self.recorder.state_get(key)
    }

    fn state_set(&mut self, key: &str, value: Vec<u8>) -> Result<(), String> {
        self.recorder.state_set(key, value)
    }

    fn state_delete(&mut self, key: &str) {
        self.recorder.state_delete(key);
    }

    async fn open_population(&mut self, kind: &str, query: &str) -> Result<u32, String> {
        self.recorder.open_population(kind, query).await
    }

    async fn from_exchange(&mut self, population: u32, exchange: ExchangeId) -> Result<(), String> {
        self.recorder.from_exchange(population, exchange).await
    }

    async fn emit(&mut self, population: u32, items: Vec<Item>) -> Result<u64, String> {
        self.recorder.emit(population, items).await
    }

    async fn filtered(&mut self, population: u32, count: u64, reason: &str) -> Result<(), String> {
        self.recorder.filtered(population, count, reason).await
    }

    async fn incomplete(&mut self, population: u32, what: &str) -> Result<(), String> {
        self.recorder.incomplete(population, what).await
    }

    async fn seal(&mut self, population: u32, expected: Option<u64>) -> Result<(), String> {
        self.recorder.seal(population, expected).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_a_guests_memory_nor_in_what_it_leaves() {
    let (server, kept) = (Echo::start(), Arc::new(Kept::default()));
    let services = Watched {
        broker: broker(server.port, Arc::clone(&kept)),
        recorder: Recorder::new(),
        memories: Vec::new(),
    };
    let settings = format!(r#"{{"behaviour":"spy","base":"http://127.0.0.1:{}"}}"#, server.port);
    let prepared = prepared().await;
    let (end, services) = runtime().run(&prepared, &settings, services, &limits(), Digest::of("seed")).await;
    assert_eq!(end.outcome, Ok(()));

    // The system got the credential, and the guest what the system answered.
    let seen = server.seen.lock().unwrap();
    assert!(seen[0].head.contains(&format!("authorization: SSWS {SECRET}\r\n")), "{}", seen[0].head);
    assert_eq!(
        (leak(seen[0].head.as_bytes()), leak(FORMS[4].as_bytes())),
        (Some("00p&s/W0"), Some("YWRhOjAw"))
    );
    let said = services.recorder.said().join("\n");
    assert!(said.contains(&format!("header etag: {MARK} SSWS ***")), "{said}");
    assert!(said.contains("header x-echo: ***") && said.contains("header location: /***"), "{said}");
    assert!(!said.contains("set-cookie"), "{said}");

    // Its memory, from outside: all of it, at every line that it wrote, the last as it was about to return.
    assert_eq!(said.lines().last(), Some("done"));
    for memories in &services.memories {
        assert_eq!(memories.len(), declared_memories(guest()), "every memory was found");
        assert!(memories.iter().any(|memory| holds(memory, MARK)), "what was shown is there");
        for memory in memories {
            assert_eq!(leak(memory), None);
        }
    }
    assert!(linear_memories().is_empty(), "nothing of it outlives the run");
    // And from inside: the guest sent all of it to the server.
    let dump = &seen[1].body;
    assert!(dump.len() > 1 << 20 && holds(dump, MARK));
    assert_eq!(leak(dump), None);

    // What it leaves.
    let kept = kept.0.lock().unwrap();
    let items = format!("{:?} {:?}", services.recorder.items, services.recorder.calls);
    for left in [kept.as_slice(), said.as_bytes(), end.stdout.as_bytes(), items.as_bytes()] {
        assert!(holds(left, MARK) && holds(left, "***"));
        assert_eq!(leak(left), None);
    }
}
