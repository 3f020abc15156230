//! A tiny HTTP/1.1 server on loopback that answers as told, and remembers what it was asked.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use async_trait::async_trait;
use exhibit_broker::address::AllowedAddresses;
use exhibit_broker::grant::{Ask, AskedRule, AskedSlot, AskedToken, Grants};
use exhibit_broker::live::{LiveLimits, LiveOptions, Lookup};
use exhibit_broker::transport::Outgoing;
use exhibit_evidence::fetch::AuthRef;
use exhibit_evidence::time::{Clock, Timestamp};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn form(&self) -> BTreeMap<String, String> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// What to answer.
#[derive(Clone, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Declared length, where it is to be another than the body's.
    pub length: Option<usize>,
    /// Before the first byte.
    pub delay: Duration,
    /// Between the body's bytes.
    pub drip: Duration,
}

pub fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Reply {
    let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Reply { status, headers, body: body.into(), ..Reply::default() }
}

pub type Script = dyn Fn(&Seen, usize) -> Reply + Send + Sync;

pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    pub busiest: Arc<AtomicUsize>,
}

impl Server {
    /// Answers with what `script` makes of a request and of the number of those before it.
    pub async fn start(script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(Arc::new(script), None).await
    }

    pub async fn start_tls(
        script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
        tls: Arc<rustls::ServerConfig>,
    ) -> Self {
        Self::start_with(Arc::new(script), Some(tls)).await
    }

    async fn start_with(script: Arc<Script>, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let busiest = Arc::new(AtomicUsize::new(0));
        let busy = Arc::new(AtomicUsize::new(0));
        let shared = (Arc::clone(&seen), Arc::clone(&busiest), busy, script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, busiest, busy, script) = shared.clone();
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &seen, &busiest, &busy, &*script).await,
                        Some(tls) => {
                            if let Ok(stream) = tokio_rustls::TlsAcceptor::from(tls).accept(stream).await {
                                serve(stream, &seen, &busiest, &busy, &*script).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, seen, busiest }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    seen: &Mutex<Vec<Seen>>,
    busiest: &AtomicUsize,
    busy: &AtomicUsize,
    script: &Script,
) {
    let Some(request) = read_request(&mut stream).await else { return };
    busiest.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    let count = {
        let mut seen = seen.lock().unwrap();
        seen.push(request.clone());
        seen.len() - 1
    };
    let answer = script(&request, count);
    tokio::time::sleep(answer.delay).await;
    busy.fetch_sub(1, Ordering::SeqCst);
    let length = answer.length.unwrap_or(answer.body.len());
    let mut head =
        format!("HTTP/1.1 {} X\r\nconnection: close\r\ncontent-length: {length}\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let _ = stream.write_all(head.as_bytes()).await;
    if answer.drip.is_zero() {
        let _ = stream.write_all(&answer.body).await;
    } else {
        for byte in &answer.body {
            let _ = stream.write_all(&[*byte]).await;
            let _ = stream.flush().await;
            tokio::time::sleep(answer.drip).await;
        }
    }
    let _ = stream.shutdown().await;
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&chunk[..n]),
            _ => return None,
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, v)| v.parse().unwrap());
    let mut body = bytes[head_end + 4..].to_vec();
    while body.len() < length {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => body.extend_from_slice(&chunk[..n]),
            _ => return None,
        }
    }
    Some(Seen { method, target, headers, body })
}

/// A clock that is set by hand.
pub struct SetClock(AtomicU64);

impl SetClock {
    pub fn at(text: &str) -> Arc<Self> {
        let at: Timestamp = text.parse().unwrap();
        Arc::new(Self(AtomicU64::new(at.as_ms())))
    }

    pub fn forward_s(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(Ordering::SeqCst))
    }
}

/// A resolver with a list of answers for each name; the last one stays.
#[derive(Default)]
pub struct Names {
    answers: BTreeMap<String, Vec<Vec<IpAddr>>>,
    pub asked: AtomicUsize,
}

impl Names {
    pub fn new(names: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let parse = |list: &&[&str]| list.iter().map(|a| a.parse().unwrap()).collect::<Vec<IpAddr>>();
        let answers =
            names.iter().map(|(n, lists)| ((*n).to_owned(), lists.iter().map(parse).collect())).collect();
        Arc::new(Self { answers, asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Lookup for Names {
    async fn lookup(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        let lists = self.answers.get(host).ok_or_else(|| std::io::Error::other("no such host"))?;
        Ok(lists[turn.min(lists.len() - 1)].clone())
    }
}

/// What is asked: lines of egress, and slot `main` for these hosts and schemes.
pub fn ask(lines: &[&str], schemes: &[&str], hosts: &[&str]) -> Ask {
    let egress = lines.iter().map(|l| AskedRule { rule: l.parse().unwrap(), read_only: false }).collect();
    let mut slots = BTreeMap::new();
    if !schemes.is_empty() {
        let slot = AskedSlot {
            schemes: schemes.iter().map(|s| (*s).to_owned()).collect(),
            hosts: hosts.iter().map(|h| h.parse().unwrap()).collect(),
            token: AskedToken::default(),
        };
        slots.insert("main".to_owned(), slot);
    }
    Ask { egress, slots }
}

/// Options for quick tests: loopback allowed, back-off of milliseconds.
pub fn options(ask: Ask) -> LiveOptions {
    let mut options = LiveOptions::new(Grants::all("test", ask), SetClock::at("2026-03-04T10:00:00Z"));
    options.allow_addresses = AllowedAddresses::parse(["127.0.0.1"]).unwrap();
    options.limits = LiveLimits { back_off_ms: 2, back_off_ms_max: 10, ..LiveLimits::default() };
    options
}

pub fn get(url: &str) -> Outgoing {
    let url = url::Url::parse(url).unwrap();
    Outgoing { method: "GET".into(), url, headers: vec![], body: None, auth: None }
}

pub fn post(url: &str, body: &str) -> Outgoing {
    Outgoing { method: "POST".into(), body: Some(body.into()), ..get(url) }
}

/// With the credential in slot `main`.
pub fn with_auth(mut request: Outgoing, params: &[(&str, &str)]) -> Outgoing {
    let params = params.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    request.auth = Some(AuthRef { slot: "main".into(), params });
    request
}
