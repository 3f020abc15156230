//! What the host's rules make of a connector's habits, good and bad.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use exhibit_evidence::run::{Basis, Verdict};
use exhibit_sdk::prelude::*;
use exhibit_testkit::{Outcome, Replay};
use serde_json::json;
use std::collections::HashSet;

const MANIFEST: &str = r#"
name = "probe"
version = "0.1.0"
publisher = "tests"
description = "Shows one habit"
contract = "0.1"
min_host = "0.1.0"
kinds = ["audit.activity@1", "identity.account@1", "identity.group_membership@1"]

[[egress]]
methods = ["GET", "POST"]
url = "https://a.example/**"

[[credentials]]
slot = "probe"
schemes = ["bearer"]
title = "Token"
hosts = ["a.example"]

[[redact]]
url = "https://a.example/users"
pointer = "/*/secret"
"#;

#[derive(Deserialize)]
struct Settings {
    habit: String,
}

#[derive(Deserialize)]
struct User {
    id: String,
    secret: Option<String>,
}

struct Probe;

fn users(ctx: &Context) -> Request {
    ctx.get("https://a.example/users").auth("probe").paged(Paging::link_header().items(""))
}

fn account(user: &Item<User>) -> Record<Account> {
    user.record(&user.id, Account { source_status: user.secret.clone(), ..Account::new(&user.id) })
}

impl Connector for Probe {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("Probe", "Shows one habit")
            .setting(Setting::text("habit", "Habit"))
            .kind::<Account>("Which accounts?")
            .kind::<GroupMembership>("Who is in which group?")
            .kind::<Activity>("What happened?")
    }

    fn check(_: &Context, _: &Settings) -> Result<String> {
        Ok("a.example".to_owned())
    }

    fn collect(ctx: &Context, s: &Settings) -> Result<()> {
        let accounts = || ctx.population::<Account>("all users");
        match s.habit.as_str() {
            "fill" => accounts().fill(users(ctx), |user: &Item<User>| Ok(account(user))),
            "forgets" => {
                let mut accounts = accounts();
                for page in users(ctx).pages() {
                    for user in accounts.items::<User>(&page?)?.iter().skip(1) {
                        accounts.emit(account(user))?;
                    }
                }
                accounts.seal()
            }
            "filters" => {
                let mut accounts = accounts();
                for page in users(ctx).pages() {
                    for user in accounts.items::<User>(&page?)? {
                        if user.id.starts_with('x') {
                            accounts.filtered(1, "test accounts are out of scope")?;
                        } else {
                            accounts.emit(account(&user))?;
                        }
                    }
                }
                accounts.seal()
            }
            "tolerates" => {
                let mut accounts = accounts();
                let answer = ctx.get("https://a.example/users").list("").send();
                if let Some(page) = accounts.tolerate(answer)? {
                    for user in accounts.items::<User>(&page)? {
                        accounts.emit(account(&user))?;
                    }
                }
                accounts.seal()
            }
            "many" => {
                let mut members = ctx.population::<GroupMembership>("members of every group");
                let ids: Vec<String> = (0..100).map(|n| n.to_string()).collect();
                let list = |id: &String| {
                    let url = format!("https://a.example/groups/{}/members", encode(id));
                    ctx.get(url)
                        .paged(Paging::cursor("/next".into(), Write::query("after")).items("/members"))
                };
                for (id, pages) in ids.iter().zip(ctx.send_all(ids.iter().map(list))) {
                    for page in &pages? {
                        for user in members.items::<User>(page)? {
                            let record =
                                user.record(format!("{id}/{}", user.id), GroupMembership::new(id, &user.id));
                            members.emit(record)?;
                        }
                    }
                }
                members.seal()
            }
            "shuffles" => {
                let ids: HashSet<u32> = (0..50).collect();
                let paths = ids.iter().map(|id| ctx.get(format!("https://a.example/users?id={id}")));
                ctx.send_all(paths).try_for_each(|pages| pages.map(drop))
            }
            "hurries" => {
                let list = |path: &str| ctx.get(format!("https://a.example/{path}")).list("");
                let record = |user: &Item<User>| Ok(account(user));
                all([
                    ctx.population::<Account>("first").fill(list("1"), record),
                    ctx.population::<Account>("second").fill(list("2"), record),
                    ctx.population::<Account>("third").fill(list("3"), record),
                ])
            }
            "wanders" => ctx.get("https://b.example/").send().map(drop),
            "remembers" => {
                let since: Option<Timestamp> = ctx.state_get("since")?;
                let since = since.unwrap_or(ctx.window().start);
                let mut activity = ctx.population::<Activity>("everything since the last run");
                let log = ctx.get("https://a.example/log").query("since", since.to_string());
                for page in log.paged(Paging::next_url("/next").items("/events")).pages() {
                    for event in activity.items::<User>(&page?)? {
                        activity.emit(event.record(&event.id, Activity::new("login")).occurred_at(since))?;
                    }
                }
                ctx.state_set("since", &ctx.started_at())?;
                activity.seal()
            }
            "xml" => {
                let mut accounts = accounts();
                let list = ctx.post("https://a.example/").form([("Action", "ListUsers")]);
                let paging = Paging::cursor(Read::xml("/R/Marker"), Write::form("Marker"))
                    .more(Read::xml("/R/IsTruncated"))
                    .items("/R/Users/member");
                for page in list.paged(paging).pages() {
                    for user in accounts.elements(&page?)? {
                        let name = user.text("UserName").ok_or_else(|| Failure::upstream("no name"))?;
                        accounts.emit(user.record(name, Account::new(name)))?;
                    }
                }
                accounts.seal()
            }
            habit => Err(Failure::config(format!("no habit `{habit}`"))),
        }
    }
}

exhibit_sdk::export!(Probe);

fn replay(habit: &str, fixtures: &str) -> Replay {
    Replay::text(fixtures).manifest(MANIFEST).settings(json!({ "habit": habit }))
}

fn run(habit: &str, fixtures: &str) -> Outcome {
    replay(habit, fixtures).run::<Probe>()
}

fn ids<K: EvidenceKind>(outcome: &Outcome) -> Vec<String> {
    outcome.records::<K>().into_iter().map(|record| record.native_id).collect()
}

const TWO_PAGES: &str = r#"{"method":"GET","url":"https://a.example/users","headers":{"link":"</users?after=x1>; rel=\"next\""},"body_json":[{"id":"a","secret":"s3cret"},{"id":"x1"}]}
{"method":"GET","url":"https://a.example/users?after=x1","body_json":[{"id":"b"}]}"#;

#[test]
fn a_whole_list_is_complete_by_the_host_s_own_count() {
    let outcome = run("fill", TWO_PAGES);
    outcome.assert_complete().assert_fixtures_used();
    assert_eq!(ids::<Account>(&outcome), ["a", "b", "x1"]);
    let population = outcome.population::<Account>();
    assert_eq!((population.pages, population.received, population.basis), (2, 3, Basis::HostPaged));
    assert_eq!(outcome.exchanges.len(), 2);
}

#[test]
fn what_is_redacted_never_reaches_the_connector() {
    let outcome = run("fill", TWO_PAGES);
    assert_eq!(outcome.attributes::<Account>("a").source_status.as_deref(), Some("[redacted]"));
}

#[test]
fn an_empty_list_is_evidence() {
    let outcome = run("fill", r#"{"method":"GET","url":"https://a.example/users","body_json":[]}"#);
    outcome.assert_complete();
    assert_eq!(outcome.population::<Account>().lists, 1);
}

#[test]
fn a_forgotten_item_leaves_the_population_partial() {
    let outcome = run("forgets", TWO_PAGES);
    let Verdict::Partial(reason) = &outcome.population::<Account>().verdict else { panic!("{outcome}") };
    assert!(reason.contains("of 3 items received, 1 became records and 0 were filtered"), "{reason}");
}

#[test]
fn a_filtered_item_needs_a_reason_and_is_counted() {
    let outcome = run("filters", TWO_PAGES);
    outcome.assert_complete();
    assert_eq!(outcome.population::<Account>().filtered["test accounts are out of scope"], 1);
}

#[test]
fn an_item_that_cannot_be_read_costs_only_itself() {
    let fixture =
        r#"{"method":"GET","url":"https://a.example/users","body_json":[{"id":"a"},{"id":7},{"id":"b"}]}"#;
    let outcome = run("fill", fixture);
    assert_eq!(ids::<Account>(&outcome), ["a", "b"]);
    assert_ne!(outcome.population::<Account>().verdict, Verdict::Complete);
    let said = outcome.population::<Account>().verdict.reason().unwrap();
    assert!(said.contains("/1/id: invalid type: integer `7`, expected a string"), "{said}");
}

#[test]
fn what_may_not_be_read_is_said_and_what_is_wrong_fails() {
    let answer = |status: u16| {
        let body = json!({"errorCode": "E0000006", "errorSummary": "You do not have permission"});
        json!({"method": "GET", "url": "https://a.example/users", "status": status, "body_json": body})
            .to_string()
    };
    let outcome = run("tolerates", &answer(403));
    assert!(outcome.failure.is_none(), "{outcome}");
    let verdict = &outcome.population::<Account>().verdict;
    assert_eq!(
        verdict.reason(),
        Some(
            "answered 403: E0000006: You do not have permission; GET https://a.example/users: page 0 was answered with \
             status 403"
        )
    );
    assert!(run("tolerates", &answer(500)).failure.unwrap().is_retryable());
    assert_eq!(run("tolerates", &answer(401)).failure.unwrap().code(), "auth");
}

#[test]
fn a_failure_in_the_middle_keeps_what_was_emitted() {
    let second = r#"{"method":"GET","url":"https://a.example/users?after=x1","error":{"code":"timeout","message":"no answer in 30 s","retryable":true}}"#;
    let outcome = run("fill", &format!("{}\n{second}", TWO_PAGES.lines().next().unwrap()));
    assert!(outcome.assert_failed("timeout").contains("no answer in 30 s"));
    assert_eq!(ids::<Account>(&outcome), ["a", "x1"]);
    assert_ne!(outcome.population::<Account>().verdict, Verdict::Complete);
}

#[test]
fn one_list_that_fails_does_not_cost_the_others() {
    let lines = [
        json!({"method": "GET", "url": "https://a.example/1", "body_json": [{"id": "a"}]}),
        json!({"method": "GET", "url": "https://a.example/2", "status": 403}),
        json!({"method": "GET", "url": "https://a.example/3", "body_json": [{"id": "b"}]}),
    ];
    let outcome = run("hurries", &lines.map(|line| line.to_string()).join("\n"));
    outcome.assert_failed("permission");
    let verdicts: Vec<&str> = outcome.populations.iter().map(|p| p.verdict.word()).collect();
    assert_eq!((verdicts[0], verdicts[2]), ("complete", "complete"));
    assert_ne!(verdicts[1], "complete");
    assert_eq!(ids::<Account>(&outcome), ["a", "b"]);
}

#[test]
fn a_list_that_never_ends_is_an_error() {
    let same = r#"{"method":"GET","url":"https://a.example/users","headers":{"link":"</users>; rel=\"next\""},"body_json":[{"id":"a"}]}"#;
    let outcome = run("fill", same);
    outcome.assert_failed("paging");
    assert_ne!(outcome.population::<Account>().verdict, Verdict::Complete);
}

#[test]
fn answers_come_in_the_order_asked_over_several_batches_and_pages() {
    let mut fixtures = String::new();
    for n in 0..100 {
        let url = format!("https://a.example/groups/{n}/members");
        let first = json!({"members": [{"id": format!("m{n}")}], "next": "2"});
        let second = json!({"members": [{"id": "all"}]});
        fixtures += &format!("{}\n", json!({"method": "GET", "url": url, "body_json": first}));
        fixtures +=
            &format!("{}\n", json!({"method": "GET", "url": format!("{url}?after=2"), "body_json": second}));
    }
    let outcome = run("many", &fixtures);
    outcome.assert_complete().assert_fixtures_used();
    let population = outcome.population::<GroupMembership>();
    assert_eq!((population.lists, population.pages, population.emitted), (100, 200, 200));
    let member: GroupMembership = outcome.attributes("57/m57");
    assert_eq!((member.group_id.as_str(), member.member_id.as_str()), ("57", "m57"));
}

#[test]
#[should_panic(expected = "the connector asked otherwise")]
fn a_connector_that_asks_in_another_order_each_time_cannot_be_reperformed() {
    let fixtures: String = (0..50)
        .map(|id| {
            format!("{}\n", json!({"method": "GET", "url": format!("https://a.example/users?id={id}")}))
        })
        .collect();
    run("shuffles", &fixtures);
}

#[test]
#[should_panic(expected = r#"[[egress]] methods = ["GET"], url = "https://b.example/""#)]
fn a_request_that_is_not_asked_for_is_denied_with_the_line_that_would_allow_it() {
    run("wanders", "");
}

#[test]
#[should_panic(expected = "no fixture answers GET https://a.example/users; there is none at all")]
fn a_request_without_a_fixture_ends_the_test() {
    run("fill", "");
}

#[test]
fn state_lives_from_run_to_run() {
    let fixture = |since: &str| {
        json!({"method": "GET", "url": format!("https://a.example/log?since={since}"), "body_json": {"events": [{"id": "e"}]}})
            .to_string()
    };
    let first = run("remembers", &fixture("2026-03-03T10:00:00.000Z"));
    assert_eq!(first.state["since"], json!("2026-03-04T10:00:00.000Z"));
    let second =
        replay("remembers", &fixture("2026-03-04T10:00:00.000Z")).state("since", &first.state["since"]);
    let second = second.run::<Probe>();
    second.assert_complete();
    assert_eq!(ids::<Activity>(&second), ["e"]);
    assert_eq!(second.records::<Activity>()[0].occurred_at.unwrap().to_string(), "2026-03-04T10:00:00.000Z");
}

#[test]
fn xml_lists_are_walked_and_cited() {
    let page = |body: &str, form: &str| {
        json!({"method": "POST", "url": "https://a.example/", "request_body": form, "body": body}).to_string()
            + "\n"
    };
    let outcome = run(
        "xml",
        &(page(
            "<R><Users><member><UserName>a</UserName></member></Users><IsTruncated>true</IsTruncated><Marker>m&amp;1</Marker></R>",
            "Action=ListUsers",
        ) + &page(
            "<R><Users><member><UserName>b</UserName></member></Users><IsTruncated>false</IsTruncated></R>",
            "Action=ListUsers&Marker=m%261",
        )),
    );
    outcome.assert_complete().assert_fixtures_used();
    assert_eq!(outcome.population::<Account>().received, 2);
}

#[test]
fn settings_are_checked_before_anything_runs() {
    let problems = |settings: serde_json::Value| {
        let problems = exhibit_sdk::connector::validate::<Probe>(&settings.to_string());
        problems.into_iter().map(|p| format!("{}: {}", p.pointer, p.message)).collect::<Vec<_>>()
    };
    assert!(problems(json!({"habit": "fill"})).is_empty());
    assert_eq!(
        problems(json!({"habbit": "fill"})),
        ["/habbit: there is no setting `habbit`; there are: habit", "/habit: `habit` is missing: Habit"]
    );
    assert_eq!(problems(json!({"habit": 1})), ["/habit: `habit` is wanted as a text, and is 1"]);
}

#[test]
#[should_panic(expected = "the settings are refused")]
fn a_replay_with_wrong_settings_does_not_run() {
    Replay::text("").manifest(MANIFEST).run::<Probe>();
}
