//! Alerts, as whoever receives them sees them.

use crate::world::{LITTLE, World, at};
use exhibit_server::operate::alerts::journal::{self, Line, Outcome};
use exhibit_tests::tools::succeed;
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// 32 bytes, and what openssl is given of them.
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SECRET_HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    headers: BTreeMap<String, String>,
    body: String,
}

impl Received {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// The signature as openssl computes it.
    fn is_signed(&self) -> bool {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let (id, time) = (&self.headers["webhook-id"], &self.headers["webhook-timestamp"]);
        std::fs::write(file.path(), format!("{id}.{time}.{}", self.body)).expect("written");
        let said = succeed(Command::new("sh").args([
            "-c",
            &format!(
                "openssl dgst -sha256 -mac HMAC -macopt hexkey:{SECRET_HEX} -binary {} | openssl base64 -A",
                file.path().display()
            ),
        ]));
        self.headers["webhook-signature"] == format!("v1,{said}")
    }
}

/// Somebody who takes alerts, and answers with what it was told to: 200 when there is no more of that.
pub(crate) struct Receiver {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/hooks/opaque", listener.local_addr().expect("an address"));
        let (received, answers) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(VecDeque::new())));
        let (seen, told) = (Arc::clone(&received), Arc::clone(&answers));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream);
                let mut headers = BTreeMap::new();
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|n| n > 0) && line != "\r\n" {
                    if let Some((name, value)) = line.trim().split_once(": ") {
                        headers.insert(name.to_lowercase(), value.to_owned());
                    }
                    line.clear();
                }
                let length = headers.get("content-length").map_or(0, |n| n.parse().expect("a number"));
                let mut body = vec![0; length];
                if reader.read_exact(&mut body).is_err() {
                    continue;
                }
                let status = told.lock().expect("a lock").pop_front().unwrap_or(200);
                let body = String::from_utf8(body).expect("text");
                seen.lock().expect("a lock").push(Received { headers, body });
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = reader.into_inner().write_all(answer.as_bytes());
            }
        });
        Self { url, received, answers }
    }

    pub(crate) fn settings(&self, world: &World, events: &str) {
        let secret = world.place.beside().join("alerts.secret");
        std::fs::write(&secret, SECRET).expect("written");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&secret, private).expect("a mode");
        let (url, secret) = (&self.url, secret.display());
        world.append(
            "exhibit.toml",
            &format!("\n[[alert]]\nurl = \"{url}\"\nsecret = \"file:{secret}\"\nevents = {events}\n"),
        );
    }

    fn answer(&self, statuses: &[u16]) {
        self.answers.lock().expect("a lock").extend(statuses);
    }

    /// Waits for so many requests.
    pub(crate) fn wait(&self, number: usize) -> Vec<Received> {
        let begun = Instant::now();
        loop {
            let received = self.received.lock().expect("a lock").clone();
            if received.len() >= number {
                return received;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{received:#?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn lines(world: &World) -> Vec<Line> {
    journal::read(&world.place.file("data/service")).expect("a log")
}

#[test]
fn an_alert_is_signed_and_sent_until_it_is_taken() {
    let world = World::new("2026-02-02T12:00:00Z");
    let (all, some) = (Receiver::start(), Receiver::start());
    all.settings(&world, "[]");
    some.settings(&world, "[\"missed\"]");
    all.answer(&[500, 302, 200]);
    world.write_source("okta-test", LITTLE, "");
    let running = world.serve();
    let received = all.wait(3);
    running.pass("2026-02-02T12:00:01Z");
    running.stop(&world);

    assert_eq!(received.len(), 3, "it is not sent again once it is taken");
    for one in &received {
        assert!(one.is_signed(), "{one:#?}");
        assert_eq!(one.headers["webhook-id"], received[0].headers["webhook-id"]);
        assert_eq!(one.headers["webhook-timestamp"], "1770033600"); // date -u -d 2026-02-02T12:00:00Z +%s
        assert_eq!(one.headers["content-type"], "application/json");
    }
    let body = received[0].json();
    assert_eq!(body["type"], "approval_needed");
    assert_eq!(body["timestamp"], "2026-02-02T12:00:00.000Z");
    assert_eq!(body["data"]["source"], "okta-test");
    assert!(
        body["data"]["text"].as_str().is_some_and(|text| text.contains("exhibit source approve okta-test"))
    );
    assert!(some.wait(0).is_empty(), "it asked for what is missed alone");
    let outcomes: Vec<Outcome> = lines(&world)
        .iter()
        .filter_map(|line| match line {
            Line::Sent { outcome, to, .. } => {
                assert!(!to.contains("opaque"), "a path may be a secret: {to}");
                Some(*outcome)
            }
            Line::Raised(_) => None,
        })
        .collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Failed, Outcome::Delivered]);
}

#[test]
fn what_could_not_be_sent_is_sent_by_the_next_process() {
    let world = World::new("2026-02-02T12:00:00Z");
    let receiver = Receiver::start();
    receiver.settings(&world, "[\"connector_failing\"]");
    receiver.answer(&[503; 3]);
    world.add_source("okta-test", LITTLE, "");
    // A token that the system does not know: it would not help to try again.
    std::fs::write(world.place.beside().join("token"), "wrong").expect("written");
    let running = world.serve();
    receiver.wait(1);
    running.kill(&world);
    let tried = receiver.wait(1).len();
    let running = world.serve();
    let received = receiver.wait(4);
    assert!(tried < 4);
    running.pass("2026-02-02T12:00:30Z");
    running.stop(&world);
    assert_eq!(received[0].headers["webhook-id"], received[3].headers["webhook-id"]);
    assert!(received[3].json()["data"]["text"].as_str().is_some_and(|text| text.contains("okta-test fails")));
    let delivered = lines(&world)
        .iter()
        .filter(|line| matches!(line, Line::Sent { outcome: Outcome::Delivered, .. }))
        .count();
    assert_eq!(delivered, 1);
    assert!(world.entries().iter().all(|entry| entry.at >= at("2026-02-02T12:00:00Z")));
}
