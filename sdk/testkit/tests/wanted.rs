//! What `Wanted` and `Passing` make of lists that feed several populations, and of what the system withholds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use exhibit_evidence::run::Verdict;
use exhibit_sdk::Level;
use exhibit_sdk::prelude::*;
use exhibit_testkit::{Outcome, Replay};
use serde_json::json;

const MANIFEST: &str = r#"
name = "probe"
version = "0.1.0"
publisher = "tests"
description = "Reads disks and a log"
contract = "0.1"
min_host = "0.1.0"
kinds = ["asset.resource@1", "audit.activity@1", "config.encryption@1"]

[[egress]]
methods = ["GET"]
url = "https://a.example/**"
"#;

#[derive(Deserialize)]
struct Settings {}

#[derive(Deserialize)]
struct Disk {
    id: String,
}

#[derive(Deserialize)]
struct Tags {
    owner: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    at: Timestamp,
    action: String,
}

struct Probe;

impl Connector for Probe {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("Probe", "Reads disks and a log")
            .kind::<Resource>("Which disks?")
            .kind::<Encryption>("Which are encrypted?")
            .kind::<Activity>("What happened?")
    }

    fn check(_: &Context, _: &Settings) -> Result<String> {
        Ok("a.example".to_owned())
    }

    fn collect(ctx: &Context, _: &Settings) -> Result<()> {
        let passing = Passing::new(|failure| failure.says(&["SlowDown"]));
        all([disks(ctx, &passing), log(ctx), passing.end()])
    }
}

exhibit_sdk::export!(Probe);

fn disks(ctx: &Context, passing: &Passing) -> Result<()> {
    let mut assets = ctx.wanted::<Resource>("all disks");
    let mut encryption = ctx.wanted::<Encryption>("all disks");
    for page in ctx.get("https://a.example/disks").list("").pages() {
        for page in passing.take(&mut [&mut assets, &mut encryption], page.map(|page| vec![page]))? {
            let disks = page.items::<Disk>()?;
            let tags = |disk: &Item<Disk>| ctx.get(format!("https://a.example/tags/{}", encode(&disk.id)));
            for (disk, answer) in ctx.each(&disks, tags) {
                let mut record = disk.record(&disk.id, Resource::new(&disk.id, "example:disk"));
                match passing.known("a disk's owner", answer).unwrap_or_default().first() {
                    Some(page) => record.attributes_mut().owner = page.json::<Tags>()?.owner,
                    None => record = record.unknown("owner"),
                }
                assets.emit(record)?;
                let at_rest = Encryption::new(&disk.id, "example:disk", EncryptionScope::AtRest);
                encryption.emit(disk.record(&disk.id, at_rest).unknown("enabled"))?;
            }
        }
    }
    all([assets.seal(), encryption.seal()])
}

fn log(ctx: &Context) -> Result<()> {
    let mut activity = ctx.wanted::<Activity>("what happened");
    ctx.kept(&mut [&mut activity], "Example keeps its log", 90);
    for page in ctx.get("https://a.example/log").list("").pages() {
        let Some(page) = tolerate(&mut [&mut activity], page)? else { break };
        let sign_in = |event: &Item<Event>| {
            (event.action != "ping").then(|| event.record(&event.id, Activity::new(&event.action)))
        };
        activity.events(&page, ctx.window(), |event: &Event| event.at, sign_in, "a ping")?;
    }
    activity.seal()
}

const DISKS: &str =
    r#"{"method":"GET","url":"https://a.example/disks","body_json":[{"id":"d2"},{"id":"d1"}]}"#;
const TAGS: &str = r#"{"method":"GET","url":"https://a.example/tags/d1","body_json":{"owner":"ada"}}
{"method":"GET","url":"https://a.example/tags/d2","body_json":{"owner":"grace"}}"#;
const NO_LOG: &str = r#"{"method":"GET","url":"https://a.example/log","body_json":[]}"#;

fn replay(lines: &[&str]) -> Replay {
    Replay::text(&lines.join("\n")).manifest(MANIFEST).settings(json!({}))
}

fn warnings(run: &Outcome) -> Vec<&str> {
    let warnings = run.log.iter().filter(|line| line.level == Level::Warn);
    warnings.map(|line| line.message.as_str()).collect()
}

fn reason<K: EvidenceKind>(run: &Outcome) -> String {
    let Verdict::Partial(reason) = &run.population::<K>().verdict else { panic!("{run}") };
    reason.clone()
}

#[test]
fn one_list_feeds_two_populations_and_answers_come_in_order() {
    let run = replay(&[DISKS, TAGS, NO_LOG]).run::<Probe>();
    run.assert_complete().assert_fixtures_used();
    assert_eq!(run.attributes::<Resource>("d1").owner.as_deref(), Some("ada"));
    assert_eq!(run.attributes::<Resource>("d2").owner.as_deref(), Some("grace"));
    assert_eq!((run.population::<Resource>().received, run.population::<Encryption>().received), (2, 2));
    assert_eq!(warnings(&run), [""; 0]);
}

#[test]
fn a_kind_that_is_not_asked_for_is_not_opened() {
    let run = replay(&[DISKS, TAGS, NO_LOG]).wanting::<Encryption>().run::<Probe>();
    run.assert_complete();
    let kinds: Vec<String> = run.populations.iter().map(|p| p.kind.to_string()).collect();
    assert_eq!(kinds, ["config.encryption@1"]);
    assert_eq!(run.lines::<Encryption>().len(), 2);
}

#[test]
fn a_withheld_list_leaves_all_that_it_feeds_incomplete_and_the_run_goes_on() {
    let denied =
        r#"{"method":"GET","url":"https://a.example/disks","status":403,"body_json":{"message":"not you"}}"#;
    let run = replay(&[denied, NO_LOG]).run::<Probe>();
    assert!(run.failure.is_none(), "{run}");
    assert_eq!(reason::<Resource>(&run), reason::<Encryption>(&run));
    assert!(reason::<Resource>(&run).contains("answered 403: not you"), "{run}");
    assert!(run.population::<Activity>().verdict.reason().is_none(), "{run}");
    // The verdict has the reason, the log also what was asked.
    let said = "incomplete: GET https://a.example/disks answered 403: not you";
    assert_eq!(warnings(&run), [said]);
}

#[test]
fn a_withheld_detail_is_unknown_and_nothing_more() {
    let tags = TAGS.replace(
        r#""url":"https://a.example/tags/d2","body_json":{"owner":"grace"}"#,
        r#""url":"https://a.example/tags/d2","status":403,"body_json":{}"#,
    );
    let run = replay(&[DISKS, &tags, NO_LOG]).run::<Probe>();
    run.assert_complete();
    assert_eq!(run.record::<Resource>("d2").unknown, ["owner"]);
    assert!(run.record::<Resource>("d1").unknown.is_empty());
    assert!(warnings(&run)[0].starts_with("unknown: a disk's owner: GET https://a.example/tags/d2"), "{run}");
}

#[test]
fn too_fast_ends_the_run_to_be_tried_again_in_the_system_s_words_too() {
    for status in [400, 429] {
        let slow = format!(
            r#"{{"method":"GET","url":"https://a.example/disks","status":{status},"body_json":{{"message":"SlowDown"}}}}"#
        );
        let run = replay(&[&slow, NO_LOG]).run::<Probe>();
        let failure = run.failure.as_ref().unwrap();
        assert!(failure.is_retryable(), "{run}");
        // What does not depend on it was read all the same.
        assert!(run.population::<Activity>().verdict.reason().is_none(), "{run}");
    }
    // Refused for good: there is nothing to wait for.
    let never = r#"{"method":"GET","url":"https://a.example/disks","status":400,"body_json":{"message":"No such region"}}"#;
    assert!(replay(&[never, NO_LOG]).run::<Probe>().failure.is_none());
}

#[test]
fn a_server_error_costs_a_detail_but_not_the_run() {
    let tags = TAGS.replace(
        r#""url":"https://a.example/tags/d2","body_json":{"owner":"grace"}"#,
        r#""url":"https://a.example/tags/d2","status":500,"body_json":{}"#,
    );
    let run = replay(&[DISKS, &tags, NO_LOG]).run::<Probe>();
    assert!(run.failure.is_none(), "{run}");
    assert_eq!(run.record::<Resource>("d2").unknown, ["owner"]);
    let tags = tags.replace("500", "429");
    let run = replay(&[DISKS, &tags, NO_LOG]).run::<Probe>();
    assert_eq!(run.failure.as_ref().map(Failure::code), Some("rate-limited"), "{run}");
}

#[test]
fn events_outside_the_window_and_of_no_interest_are_counted() {
    // The window is the day before 2026-03-04T10:00Z: its start is in it, its end is not.
    let log = r#"{"method":"GET","url":"https://a.example/log","body_json":[
        {"id":"a","at":"2026-03-03T09:59:59.999Z","action":"sign-in"},
        {"id":"b","at":"2026-03-03T10:00:00Z","action":"sign-in"},
        {"id":"c","at":"2026-03-04T09:59:59.999Z","action":"ping"},
        {"id":"d","at":"2026-03-04T10:00:00Z","action":"sign-in"},
        {"id":"e","at":"2026-03-04T10:00:00Z","action":"ping"}]}"#
        .replace('\n', "");
    let run = replay(&[DISKS, TAGS, &log]).run::<Probe>();
    run.assert_complete();
    let ids: Vec<String> = run.records::<Activity>().into_iter().map(|record| record.native_id).collect();
    assert_eq!(ids, ["b"]);
    let filtered = &run.population::<Activity>().filtered;
    assert_eq!((filtered["an event outside the window"], filtered["a ping"]), (3, 1));
}

#[test]
fn a_window_before_what_is_kept_is_said() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    for (start, is_gone) in [("2025-12-04T10:00:00Z", false), ("2025-12-04T09:59:59Z", true)] {
        let window = Span { start: at(start), end: at("2026-03-04T10:00:00Z") };
        let run = replay(&[DISKS, TAGS, NO_LOG]).window(window).run::<Probe>();
        let reason = run.population::<Activity>().verdict.reason();
        assert_eq!(reason.is_some(), is_gone, "{run}");
        let said = "Example keeps its log for 90 days, and the window begins before";
        assert!(reason.is_none_or(|reason| reason.contains(said)), "{run}");
    }
}

#[test]
fn a_log_that_may_not_be_read_is_no_failure() {
    for (status, fails) in [(403, false), (404, false), (500, true)] {
        let log =
            format!(r#"{{"method":"GET","url":"https://a.example/log","status":{status},"body_json":{{}}}}"#);
        let run = replay(&[DISKS, TAGS, &log]).run::<Probe>();
        assert_eq!(run.failure.is_some(), fails, "{run}");
        assert!(run.population::<Activity>().verdict.reason().is_some(), "{run}");
    }
}
