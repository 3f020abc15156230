//! The facade over a scripted transport: names, order, bounds, what is shown and kept, and replay.

mod replay;

use super::*;
use crate::record::SinkError;
use crate::scrub::Scrubber;
use crate::transport::{Incoming, SendFailure};
use async_trait::async_trait;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Answer, Exchange, WalkId};
use exhibit_evidence::fetch::AuthRef;
use exhibit_evidence::secret::Secret;
use exhibit_evidence::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

type Script = dyn Fn(&Outgoing) -> Result<Incoming, SendFailure> + Send + Sync;

/// Answers by a function, after as many milliseconds as the query's `wait` says.
struct Scripted {
    script: Box<Script>,
    scrubber: Scrubber,
    under_way: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl Transport for Scripted {
    async fn send(&self, request: &Outgoing) -> Result<Incoming, SendFailure> {
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let wait = query(request, "wait").map_or(0, |wait| wait.parse().unwrap());
        tokio::time::sleep(Duration::from_millis(wait)).await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        (self.script)(request)
    }

    fn scrub(&self, bytes: Vec<u8>) -> (Vec<u8>, bool) {
        self.scrubber.scrub(bytes)
    }
}

/// Keeps everything, and plays it back.
#[derive(Default)]
struct Kept {
    exchanges: Mutex<BTreeMap<ExchangeId, Exchange>>,
    bodies: Mutex<BTreeMap<Digest, Vec<u8>>>,
    walks: Mutex<Vec<Walk>>,
    /// Fails from this many exchanges on.
    full_at: Option<usize>,
}

impl ExchangeSink for Kept {
    fn exchange(
        &self,
        exchange: &Exchange,
        request: Option<&[u8]>,
        body: Option<&[u8]>,
    ) -> Result<(), SinkError> {
        let mut exchanges = self.exchanges.lock().unwrap();
        if self.full_at.is_some_and(|at| exchanges.len() >= at) {
            return Err(SinkError("the disk is full".into()));
        }
        assert_eq!(request.map(Digest::of), exchange.request_body);
        if let Answer::Response { body: digest, body_bytes, .. } = &exchange.answer {
            assert_eq!((Digest::of(body.unwrap()), body.unwrap().len() as u64), (*digest, *body_bytes));
        } else {
            assert_eq!(body, None);
        }
        for bytes in [request, body].into_iter().flatten() {
            self.bodies.lock().unwrap().insert(Digest::of(bytes), bytes.to_vec());
        }
        assert!(exchanges.insert(exchange.id, exchange.clone()).is_none(), "{} twice", exchange.id);
        Ok(())
    }

    fn walk(&self, walk: &Walk) -> Result<(), SinkError> {
        self.walks.lock().unwrap().push(walk.clone());
        Ok(())
    }
}

impl Recording for Kept {
    fn exchange(&self, id: ExchangeId) -> Option<Exchange> {
        self.exchanges.lock().unwrap().get(&id).cloned()
    }

    fn body(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.bodies.lock().unwrap().get(digest).cloned()
    }
}

impl Kept {
    fn get(&self, id: &str) -> Exchange {
        self.exchanges.lock().unwrap()[&id.parse().unwrap()].clone()
    }

    fn ids(&self) -> Vec<String> {
        self.exchanges.lock().unwrap().keys().map(ExchangeId::to_string).collect()
    }

    fn sorted_walks(&self) -> Vec<Walk> {
        let mut walks = self.walks.lock().unwrap().clone();
        walks.sort_by_key(|walk| walk.id);
        walks
    }
}

/// Each look at it takes five milliseconds.
#[derive(Default)]
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(1_772_618_400_000 + self.0.fetch_add(5, Ordering::SeqCst))
    }
}

struct Bench {
    broker: Broker,
    kept: Arc<Kept>,
    transport: Arc<Scripted>,
}

fn bench_with(
    limits: Limits,
    redactions: &[&str],
    full_at: Option<usize>,
    script: impl Fn(&Outgoing) -> Result<Incoming, SendFailure> + Send + Sync + 'static,
) -> Bench {
    let secret = Secret::new("s3cr3t-t0ken-value".into());
    let transport = Arc::new(Scripted {
        script: Box::new(script),
        scrubber: Scrubber::new(vec![secret]),
        under_way: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
    });
    let kept = Arc::new(Kept { full_at, ..Kept::default() });
    let redactions = Redactions::parse(redactions).unwrap();
    let clock = Arc::new(Ticking::default());
    let broker = Broker::live(transport.clone(), kept.clone(), clock, &limits, redactions, 4);
    Bench { broker, kept, transport }
}

fn bench(script: impl Fn(&Outgoing) -> Result<Incoming, SendFailure> + Send + Sync + 'static) -> Bench {
    bench_with(Limits::default(), &[], None, script)
}

fn ok(body: impl Into<String>) -> Incoming {
    Incoming { status: 200, headers: vec![], body: body.into().into_bytes(), attempts: 1, landed: None }
}

fn get(url: &str) -> FetchRequest {
    let auth = Some(AuthRef { slot: "okta".into(), params: vec![] });
    FetchRequest { method: "GET".into(), url: url.into(), headers: vec![], body: None, auth, paging: None }
}

fn paged(url: &str, scheme: &str) -> FetchRequest {
    FetchRequest { paging: Some(scheme.into()), ..get(url) }
}

fn query(request: &Outgoing, name: &str) -> Option<String> {
    request.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

const CURSOR: &str = r#"{"scheme":"cursor","read":{"pointer":"/next"},"write":{"query":"c"},"items":"/v"}"#;

/// `pages` pages of one item, then the end.
fn pages_of(request: &Outgoing, pages: u64) -> Incoming {
    let n: u64 = query(request, "c").map_or(0, |c| c.parse().unwrap());
    let path = request.url.path();
    if n + 1 < pages {
        ok(format!(r#"{{"v":["{path} {n}"],"next":"{}"}}"#, n + 1))
    } else {
        ok(format!(r#"{{"v":["{path} {n}"]}}"#))
    }
}

#[tokio::test]
async fn many_requests_run_side_by_side_and_answer_in_the_order_asked() {
    let bench = bench(|request| Ok(pages_of(request, 3)));
    let requests: Vec<FetchRequest> =
        (0..12).map(|n| paged(&format!("https://a.example/{n}?wait={}", (12 - n) * 3), CURSOR)).collect();
    let answers = bench.broker.send_all(requests).await;
    for (n, answer) in answers.iter().enumerate() {
        let pages = answer.as_ref().unwrap();
        let bodies: Vec<String> = pages.iter().map(|p| String::from_utf8(p.body.clone()).unwrap()).collect();
        assert!(bodies[2].contains(&format!("/{n} 2")), "{bodies:?}");
        let ids: Vec<String> = pages.iter().map(|p| p.exchange.to_string()).collect();
        assert_eq!(ids, [format!("0.{n}.0"), format!("0.{n}.1"), format!("0.{n}.2")]);
    }
    assert_eq!(bench.transport.most.load(Ordering::SeqCst), 4);
    assert_eq!(bench.broker.requests(), 36);
    let walks = bench.broker.walks();
    assert_eq!(walks, bench.kept.sorted_walks());
    assert!(walks.iter().all(|walk| walk.stop == Stop::End && walk.received == Some(3)));
    assert_eq!(walks[11].list, "GET https://a.example/11?wait=3");
}

#[tokio::test]
async fn names_are_taken_when_the_guest_asks() {
    let bench = bench(|_| Ok(ok("{}")));
    let first = bench.broker.send(get("https://a.example/1"));
    let second = bench.broker.send(get("https://a.example/2"));
    assert_eq!(second.await.unwrap().exchange.to_string(), "1.0.0");
    assert_eq!(first.await.unwrap().exchange.to_string(), "0.0.0");
    assert_eq!(bench.kept.get("0.0.0").url, "https://a.example/1");
}

#[tokio::test]
async fn what_is_kept_is_what_is_shown() {
    let bench = bench_with(Limits::default(), &["https://a.example/users /*/pin"], None, |_| {
        Ok(Incoming {
            headers: [
                ("date", "Wed, 04 Mar 2026 10:00:07 GMT"),
                ("set-cookie", "sid=1"),
                ("link", "<https://a.example/?t=s3cr3t-t0ken-value>; rel=self"),
                ("content-type", "application/json"),
            ]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .to_vec(),
            attempts: 3,
            ..ok(r#"[{"id":1,"pin":"1234","echo":"s3cr3t-t0ken-value"}]"#)
        })
    });
    let mut request = get("https://a.example/users?x=s3cr3t-t0ken-value#frag");
    request.headers.push(("x-trace".into(), "s3cr3t-t0ken-value".into()));
    request.method = "POST".into();
    request.body = Some(b"token=s3cr3t-t0ken-value".to_vec());
    let shown = bench.broker.send(request).await.unwrap();
    assert_eq!(shown.body, br#"[{"id":1,"pin":"[redacted]","echo":"***"}]"#);
    let visible = [("content-type", "application/json"), ("link", "<https://a.example/?t=***>; rel=self")];
    assert_eq!(shown.headers, visible.map(|(k, v)| (k.to_owned(), v.to_owned())));
    let kept = bench.kept.get("0.0.0");
    let answer = Answer::Response {
        status: 200,
        headers: shown.headers.clone(),
        body: Digest::of(&shown.body),
        body_bytes: shown.body.len() as u64,
        redacted: true,
    };
    assert_eq!(kept.answer, answer);
    assert_eq!((kept.method.as_str(), kept.url.as_str()), ("POST", "https://a.example/users?x=***"));
    assert_eq!(kept.request_headers, [("x-trace".to_owned(), "***".to_owned())]);
    assert_eq!(kept.request_body, Some(Digest::of("token=***")));
    assert_eq!((kept.slot.as_deref(), kept.attempts, kept.duration_ms), (Some("okta"), 3, 5));
    assert_eq!(kept.sent_at, "2026-03-04T10:00:00Z".parse().unwrap());
    assert_eq!(kept.server_date, Some("2026-03-04T10:00:07Z".parse().unwrap()));
    assert_eq!(bench.broker.walks()[0].list, "POST https://a.example/users?x=***");
    assert!(!format!("{:?}{:?}", kept, bench.kept.bodies).contains("s3cr3t"));
}

#[tokio::test]
async fn redaction_holds_for_where_redirects_lead() {
    let bench = bench_with(Limits::default(), &["https://a.example/users /pin"], None, |_| {
        let landed = Some("https://a.example/users?x=1".parse().unwrap());
        Ok(Incoming { landed, ..ok(r#"{"pin":1,"id":2}"#) })
    });
    let shown = bench.broker.send(get("https://a.example/short")).await.unwrap();
    assert_eq!(shown.body, br#"{"pin":"[redacted]","id":2}"#);
}

#[tokio::test]
async fn errors_are_scrubbed_and_kept() {
    let bench = bench(|_| {
        let error = FetchError::new("denied", "no grant for ?k=s3cr3t-t0ken-value", false);
        Err(SendFailure { error, attempts: 0 })
    });
    let error = bench.broker.send(get("https://a.example/")).await.unwrap_err();
    assert_eq!(error.to_string(), "denied: no grant for ?k=***");
    let kept = bench.kept.get("0.0.0");
    assert_eq!((kept.answer, kept.attempts), (Answer::Error(error), 0));
    let reason = "page 0 was not answered: denied: no grant for ?k=***".to_owned();
    assert_eq!(bench.broker.walks()[0].stop, Stop::Failed { reason });
}

#[tokio::test]
async fn pages_stream_and_an_error_status_is_shown_last() {
    let bench = bench(|request| match query(request, "c").as_deref() {
        Some("2") => Ok(Incoming { status: 502, ..ok("bad gateway") }),
        _ => Ok(pages_of(request, 9)),
    });
    let mut list = bench.broker.pages(paged("https://a.example/l", CURSOR)).unwrap();
    for n in 0..2 {
        assert_eq!(list.next().await.unwrap().unwrap().exchange.page, n);
        assert_eq!(bench.broker.walks()[0].stop, Stop::Abandoned, "still open");
    }
    assert_eq!(list.next().await.unwrap().unwrap().status, 502);
    assert_eq!(list.next().await, Ok(None));
    let walk = bench.broker.walk(list.id()).unwrap();
    assert_eq!(walk.stop, Stop::Failed { reason: "page 2 was answered with status 502".into() });
    assert_eq!((walk.pages, walk.received_by_page), (2, vec![1, 1]));
    assert_eq!(bench.kept.ids(), ["0.0.0", "0.0.1", "0.0.2"]);
    let at = |page| bench.broker.page(ExchangeId { call: 0, index: 0, page });
    let counted = ListPage { items: Some("/v".into()), received: Some(1), status: None };
    assert_eq!(at(1), Some(counted));
    assert_eq!(at(2), Some(ListPage { items: Some("/v".into()), received: None, status: Some(502) }));
    assert_eq!(at(3), None);
}

#[tokio::test]
async fn a_list_that_is_dropped_early_is_abandoned() {
    let bench = bench(|request| Ok(pages_of(request, 9)));
    let mut list = bench.broker.pages(paged("https://a.example/l", CURSOR)).unwrap();
    list.next().await.unwrap();
    drop(list);
    drop(bench.broker.pages(paged("https://a.example/never-asked", CURSOR)).unwrap());
    let walks = bench.kept.sorted_walks();
    assert_eq!(walks.len(), 1);
    assert_eq!((walks[0].stop.clone(), walks[0].pages), (Stop::Abandoned, 1));
    assert_eq!(bench.broker.walks(), walks);
}

#[tokio::test]
async fn one_page_of_a_list_is_an_abandoned_list() {
    let bench = bench(|request| Ok(pages_of(request, 2)));
    bench.broker.send(paged("https://a.example/l", CURSOR)).await.unwrap();
    assert_eq!(bench.kept.sorted_walks()[0].stop, Stop::Abandoned);
    let last = bench.broker.send(paged("https://a.example/l?c=1", CURSOR)).await.unwrap();
    assert_eq!(bench.broker.walk(last.exchange.walk()).unwrap().stop, Stop::End);
}

#[tokio::test]
async fn a_guard_is_an_error_of_its_own_request_only() {
    let bench = bench_with(Limits { pages: 2, ..Limits::default() }, &[], None, |request| {
        Ok(pages_of(request, if request.url.path() == "/long" { 3 } else { 2 }))
    });
    let requests = ["https://a.example/long", "https://a.example/short"].map(|url| paged(url, CURSOR));
    let answers = bench.broker.send_all(requests.to_vec()).await;
    let error = answers[0].as_ref().unwrap_err();
    assert_eq!(error.code, "paging");
    assert!(
        error.message.contains("paging of GET https://a.example/long stopped: page 1: the limit of 2 pages"),
        "{error}"
    );
    assert_eq!(answers[1].as_ref().unwrap().len(), 2);
    assert!(matches!(&bench.broker.walks()[0].stop, Stop::Guard { reason } if reason.contains("limit of 2")));
    assert_eq!(bench.broker.walks()[1].stop, Stop::End);
}

#[tokio::test]
async fn wrong_requests_are_refused_before_anything_is_sent() {
    let bench = bench(|_| panic!("sent"));
    let method = |method: &str| FetchRequest { method: method.into(), ..get("https://a.example/") };
    for (request, part) in [
        (get("/users"), "`/users` is not an absolute URL"),
        (get("ftp://a.example/"), "is not an HTTP URL"),
        (get("https://u:p@a.example/"), "name a credential slot"),
        (method("get"), "`get` is no HTTP method"),
        (method(""), "is no HTTP method"),
        (paged("https://a.example/", "{}"), "paging is not a known scheme"),
        (paged("https://a.example/", &format!("{:5000}", "{}")), "more than 4096 bytes"),
        (get(&format!("https://a.example/?{}", "q".repeat(70_000))), "at most 65536 are sent"),
    ] {
        let error = bench.broker.send(request).await.unwrap_err();
        assert_eq!(error.code, "invalid-request");
        assert!(error.message.contains(part), "{error}");
    }
    assert!(bench.kept.ids().is_empty() && bench.broker.walks().is_empty());
}

#[tokio::test]
async fn the_budget_is_taken_in_the_order_asked() {
    let bench = bench_with(Limits { requests: 5, ..Limits::default() }, &[], None, |request| {
        Ok(pages_of(request, 1))
    });
    let requests = (0..7).map(|n| get(&format!("https://a.example/{n}?wait={}", 7 - n))).collect();
    let answers = bench.broker.send_all(requests).await;
    assert_eq!(
        answers.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [true, true, true, true, true, false, false]
    );
    assert_eq!(answers[6].as_ref().unwrap_err().code, "budget");
    assert_eq!(bench.broker.send(get("https://a.example/")).await.unwrap_err().code, "budget");
    assert_eq!(bench.kept.ids().len(), 5);
}

#[tokio::test]
async fn the_budget_ends_a_walk_as_failed() {
    let bench = bench_with(Limits { requests: 3, ..Limits::default() }, &[], None, |request| {
        Ok(pages_of(request, 9))
    });
    let mut list = bench.broker.pages(paged("https://a.example/l", CURSOR)).unwrap();
    for _ in 0..3 {
        assert!(list.next().await.unwrap().is_some());
    }
    let error = list.next().await.unwrap_err();
    assert!(error.code == "budget" && error.message.contains("budget of 3 requests"), "{error}");
    assert_eq!(list.next().await, Ok(None));
    assert!(matches!(&bench.broker.walks()[0].stop, Stop::Failed { reason } if reason.contains("budget")));
    assert_eq!(bench.kept.get("0.0.3").answer, Answer::Error(error));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_not_shown() {
    let bench =
        bench_with(Limits { body_bytes: 10, ..Limits::default() }, &[], None, |_| Ok(ok("01234567890")));
    let error = bench.broker.send(get("https://a.example/")).await.unwrap_err();
    assert!(error.code == "too-large" && error.message.contains("11 bytes"), "{error}");
}

#[tokio::test]
async fn when_recording_fails_nothing_more_is_sent() {
    let bench = bench_with(Limits::default(), &[], Some(1), |request| Ok(pages_of(request, 9)));
    let mut list = bench.broker.pages(paged("https://a.example/l", CURSOR)).unwrap();
    assert!(list.next().await.unwrap().is_some());
    let error = list.next().await.unwrap_err();
    assert_eq!(error.to_string(), "recording: recording failed: the disk is full");
    assert_eq!(bench.broker.failure(), Some(SinkError("the disk is full".into())));
    assert_eq!(bench.broker.send(get("https://a.example/")).await.unwrap_err().code, "recording");
    assert_eq!(bench.kept.ids(), ["0.0.0"]);
}

#[tokio::test]
async fn thousands_of_requests_stay_within_the_bound() {
    let bench = bench(|request| Ok(pages_of(request, 1)));
    let requests = (0..5000).map(|n| get(&format!("https://a.example/{n}"))).collect();
    let answers = bench.broker.send_all(requests).await;
    assert_eq!(answers.len(), 5000);
    assert!(answers.iter().enumerate().all(|(n, a)| a.as_ref().unwrap()[0].exchange.index as usize == n));
    assert!(bench.transport.most.load(Ordering::SeqCst) <= 4);
    assert_eq!(bench.broker.walk(WalkId { call: 0, index: 4999 }).unwrap().stop, Stop::Single);
}
