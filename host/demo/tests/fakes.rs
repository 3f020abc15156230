//! What only the server itself can get wrong: credentials, days out, throttling, log against state, stopping,
//! speed. The shapes of the answers are held against Okta's document and boto3 in `tests/foreign`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use exhibit_demo::{FakeOptions, Fakes, Organisation, SimulatedClock, System};
use exhibit_evidence::time::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// Path and query of the next link.
    fn next(&self) -> Option<String> {
        let (_, link) = self.headers.iter().find(|(n, v)| n == "link" && v.ends_with("rel=\"next\""))?;
        let path =
            link.strip_prefix("<http://fake.test").expect("links lead back to the host that was asked");
        path.split_once('>').map(|(path, _)| path.to_owned())
    }
}

/// One request over a kept connection.
fn ask(stream: &mut TcpStream, path: &str, authorization: &str) -> Answer {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: fake.test\r\nauthorization: {authorization}\r\n\r\n")
        .unwrap();
    read(stream)
}

/// A form, posted over a kept connection.
fn post(stream: &mut TcpStream, path: &str, form: &str) -> Answer {
    let length = form.len();
    write!(stream, "POST {path} HTTP/1.1\r\nhost: fake.test\r\ncontent-length: {length}\r\n\r\n{form}")
        .unwrap();
    read(stream)
}

fn read(stream: &mut TcpStream) -> Answer {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let status = lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|s| s.parse().ok()).unwrap();
    let headers = lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_lowercase(), v.to_owned()));
    let headers: Vec<(String, String)> = headers.collect();
    let length =
        headers.iter().find(|(n, _)| n == "content-length").and_then(|(_, v)| v.parse().ok()).unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    Answer { status, headers, body: String::from_utf8(body).unwrap() }
}

/// All items of a paged list, with the rule of the System Log that an empty page is the end.
fn walk(stream: &mut TcpStream, path: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let answer = ask(stream, &path, &ssws());
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let page = answer.json().as_array().cloned().unwrap();
        next = answer.next().filter(|_| !page.is_empty());
        items.extend(page);
    }
    items
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn ssws() -> String {
    "SSWS 00simulatedOktaTokenOpensNothingElse000000".to_owned()
}

fn start(at: &str) -> (Fakes, Arc<SimulatedClock>) {
    let clock = Arc::new(SimulatedClock::new(at.parse().unwrap()));
    (Fakes::start(1, clock.clone()).unwrap(), clock)
}

#[test]
fn a_wrong_credential_is_told() {
    let (fakes, _clock) = start("2026-02-02T06:00:00Z");
    let mut okta = connect(fakes.address(System::Okta));
    for wrong in ["", "SSWS nope", "Bearer x"] {
        let answer = ask(&mut okta, "/api/v1/users", wrong);
        assert_eq!((answer.status, answer.json()["errorCode"].as_str()), (401, Some("E0000011")), "{wrong}");
    }
    assert_eq!(ask(&mut okta, "/api/v1/org", &ssws()).status, 200);
    let unsigned = ask(&mut connect(fakes.address(System::Aws)), "/?Action=GetCallerIdentity", "");
    assert_eq!(unsigned.status, 403);
    assert!(unsigned.body.contains("<Code>MissingAuthenticationToken</Code>"), "{}", unsigned.body);
    assert_eq!((fakes.requests(System::Okta), fakes.requests(System::Aws)), (4, 1));
}

/// An assertion of the service account in the source's key file, signed with `ring` alone.
fn assertion(fakes: &Fakes, system: System, claims: &Value) -> String {
    let secrets = fakes.source(system).secrets;
    let file: Value = serde_json::from_str(&secrets[0].1).unwrap();
    let pem: String = text(&file["private_key"]).lines().filter(|line| !line.starts_with('-')).collect();
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(pem).unwrap()).unwrap();
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    let form = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={form}")
}

#[test]
fn google_cloud_checks_who_asks() {
    let (fakes, clock) = start("2026-02-02T06:00:00Z");
    let now_s = Timestamp::as_ms("2026-02-02T06:00:00Z".parse().unwrap()) / 1000;
    let mut google = connect(fakes.address(System::Gcp));
    let buckets = "/storage.googleapis.com/storage/v1/b?project=example-prod-1";
    let organisation = "/cloudresourcemanager.googleapis.com/v3/organizations/998877665544";
    for wrong in ["", "Bearer ya29.simulated.9999999999.1.00", "Basic eDp5"] {
        let answer = ask(&mut google, organisation, wrong);
        assert_eq!((answer.status, &answer.json()["error"]["status"]), (401, &json!("UNAUTHENTICATED")));
        let answer = ask(&mut google, buckets, wrong);
        let reason = &answer.json()["error"]["errors"][0]["reason"];
        assert_eq!((answer.status, reason), (401, &json!("authError")), "{wrong}: as older APIs say it");
    }
    let good = json!({
        "iss": "exhibit@example-ops-1.iam.gserviceaccount.com", "aud": "https://oauth2.googleapis.com/token",
        "scope": "https://www.googleapis.com/auth/cloud-platform", "iat": now_s, "exp": now_s + 3600,
    });
    for (member, value, status) in [
        ("iss", json!("other@example-ops-1.iam.gserviceaccount.com"), 400),
        ("aud", json!("https://example.com/token"), 400),
        ("exp", json!(now_s + 3601), 400),
        ("iat", json!(now_s - 7200), 400),
        ("scope", json!("https://www.googleapis.com/auth/admin.directory.user"), 401),
        ("sub", json!("someone@example.com"), 401),
    ] {
        let mut claims = good.clone();
        claims[member] = value;
        let answer = post(&mut google, "/token", &assertion(&fakes, System::Gcp, &claims));
        assert_eq!(answer.status, status, "{member}: {}", answer.body);
    }
    let signed = assertion(&fakes, System::Gcp, &good);
    let altered = signed.replace("cloud-platform", "x").replacen("eyJ", "eyI", 2);
    assert_eq!(post(&mut google, "/token", &altered).status, 400);
    let answer = post(&mut google, "/token", &signed);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let bearer = format!("Bearer {}", text(&answer.json()["access_token"]));
    assert_eq!(ask(&mut google, organisation, &bearer).status, 200);
    assert_eq!(ask(&mut google, buckets, &bearer).json()["items"].as_array().unwrap().len(), 2);
    assert_eq!(ask(&mut google, "/cloudresourcemanager.googleapis.com/v9/x", &bearer).status, 404);
    clock.set(Timestamp::from_ms((now_s + 3600) * 1000));
    assert_eq!(ask(&mut google, organisation, &bearer).status, 401, "its hour is over");
}

#[test]
fn the_outage_lasts_a_day_and_spares_aws() {
    let (fakes, clock) = start("2026-02-02T06:00:00Z");
    let midnight = Timestamp::at_midnight(fakes.story().outage.1);
    let mut okta = connect(fakes.address(System::Okta));
    for (offset_ms, status) in [(-1, 200), (0, 503), (86_399_999, 503), (86_400_000, 200)] {
        clock.set(midnight.plus_ms(offset_ms));
        assert_eq!(ask(&mut okta, "/api/v1/groups", &ssws()).status, status, "{offset_ms}");
    }
    clock.set(midnight);
    assert_eq!(ask(&mut connect(fakes.address(System::Aws)), "/", "").status, 403);
}

#[test]
fn throttling_comes_as_often_as_asked_and_ends_soon() {
    let at: Timestamp = "2026-02-02T06:00:00Z".parse().unwrap();
    let options = FakeOptions { okta_throttle_every: 3, okta_throttle_reset_s: 2 };
    let clock = Arc::new(SimulatedClock::new(at));
    let fakes = Fakes::start_with(Organisation::grow(1), clock, &options).unwrap();
    let mut okta = connect(fakes.address(System::Okta));
    let answers: Vec<Answer> = (0..6).map(|_| ask(&mut okta, "/api/v1/org", &ssws())).collect();
    let statuses: Vec<u16> = answers.iter().map(|a| a.status).collect();
    assert_eq!(statuses, [200, 200, 429, 200, 200, 429]);
    let reset = (at.as_ms() / 1000 + 2).to_string();
    assert_eq!(answers[2].header("x-rate-limit-remaining"), Some("0"));
    assert_eq!(answers[2].header("x-rate-limit-reset"), Some(reset.as_str()));
    assert_eq!(answers[2].json()["errorCode"], "E0000047");
    assert_eq!(answers[2].header("date"), Some("Mon, 02 Feb 2026 06:00:00 GMT"));
}

fn text(value: &Value) -> String {
    value.as_str().map(str::to_owned).unwrap()
}

/// Whoever changes between two mornings has an event between them, and the other way round.
#[test]
fn the_log_explains_every_change_of_status() {
    let (before, after) = ("2026-05-01T06:00:00Z", "2026-06-30T06:00:00Z");
    let (fakes, clock) = start(after);
    let mut okta = connect(fakes.address(System::Okta));
    let filter = "filter=eventType+sw+%22user.lifecycle%22";
    let mut touched: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for event in walk(&mut okta, &format!("/api/v1/logs?since={before}&until={after}&limit=7&{filter}")) {
        touched.entry(text(&event["target"][0]["id"])).or_default().insert(text(&event["eventType"]));
    }
    let mut statuses = |at: &str| -> BTreeMap<String, String> {
        clock.set(at.parse().unwrap());
        let mut all = walk(&mut okta, "/api/v1/users?limit=100");
        all.extend(walk(&mut okta, "/api/v1/users?filter=status+eq+%22DEPROVISIONED%22"));
        all.iter().map(|u| (text(&u["id"]), text(&u["status"]))).collect()
    };
    let (before, after) = (statuses(before), statuses(after));
    let changed: BTreeMap<_, _> = after.iter().filter(|(id, s)| before.get(*id) != Some(s)).collect();
    assert!(changed.len() > 15, "{}", changed.len());
    for (id, status) in &changed {
        let events = touched.get(*id).unwrap_or_else(|| panic!("{id} changed without an event"));
        let explained = match status.as_str() {
            "DEPROVISIONED" => events.contains("user.lifecycle.deactivate"),
            "SUSPENDED" => events.contains("user.lifecycle.suspend"),
            "STAGED" => events.contains("user.lifecycle.create"),
            _ => events.contains("user.lifecycle.activate") || events.contains("user.lifecycle.unsuspend"),
        };
        assert!(explained, "{id} is {status} and had {events:?}");
    }
    assert!(touched.keys().all(|id| changed.contains_key(id)), "an event without a change");
}

#[test]
fn dropping_the_fakes_closes_their_ports() {
    let (fakes, _clock) = start("2026-02-02T06:00:00Z");
    let mut kept = connect(fakes.address(System::Okta));
    assert_eq!(ask(&mut kept, "/api/v1/org", &ssws()).status, 200);
    let address = fakes.address(System::Okta);
    drop(fakes);
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(kept.read(&mut [0]).unwrap_or(0), 0);
}

/// A day of collecting asks for every user's factors and roles. Half a year of such days must stay a matter of
/// seconds; the bound is far above what an idle machine needs, and far below anything quadratic.
#[test]
fn a_day_of_requests_is_quick() {
    let (fakes, _clock) = start("2026-03-02T06:00:00Z");
    let mut okta = connect(fakes.address(System::Okta));
    let users = ask(&mut okta, "/api/v1/users?limit=200", &ssws()).json();
    let begun = std::time::Instant::now();
    for user in users.as_array().unwrap() {
        let id = user["id"].as_str().unwrap();
        for what in ["factors", "roles"] {
            let answer = ask(&mut okta, &format!("/api/v1/users/{id}/{what}"), &ssws());
            assert_eq!(answer.status, 200);
        }
    }
    let taken = begun.elapsed();
    assert!(taken.as_secs() < 4, "400 requests took {taken:?}");
}
