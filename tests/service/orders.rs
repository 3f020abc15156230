//! What the loop is asked: run, pause, resume, reload, stop.

use crate::world::{LITTLE, World, approve_in, at, entries};
use exhibit_evidence::time::Clock as _;
use exhibit_server::operate::End;
use exhibit_server::service::{Act, Refused};
use exhibit_store::RunFilter;

#[test]
fn run_pause_and_resume() {
    let world = World::new("2026-02-02T12:00:00Z");
    world.add_source("okta-test", LITTLE, "");
    world.add_source("okta-quiet", LITTLE, "[schedule]\npaused = true\n");
    let (name, quiet) = ("okta-test".parse().expect("a name"), "okta-quiet".parse().expect("a name"));
    let running = world.serve();
    let order = |act: Act| world.threads.block_on(running.service.order(act, "operator:ada"));
    running.pass("2026-02-02T12:30:00Z");
    let runs = || running.service.host().store.runs(&RunFilter::default()).expect("runs").len();
    assert_eq!(runs(), 1, "the one that is not paused, as soon as it was approved");
    order(Act::Run(Clone::clone(&name))).expect("it runs once more");
    running.wait("the run that was asked for", |_| runs() == 2);
    assert_eq!(
        order(Act::Run("nobody".parse().expect("a name"))),
        Err(Refused::NoSource("nobody".parse().expect("a name")))
    );
    for act in [Act::Run(Clone::clone(&quiet)), Act::Resume(quiet)] {
        assert!(matches!(order(act), Err(Refused::Conflict(_))));
    }
    order(Act::Pause(Clone::clone(&name))).expect("paused");
    running.pass("2026-02-04T12:00:00Z");
    assert_eq!(runs(), 2, "nothing runs while it is paused");
    order(Act::Resume(name)).expect("resumed");
    running.pass("2026-02-04T12:00:01Z");
    assert_eq!(runs(), 3, "and it does again");
    running.stop(&world);
    let entries = world.entries();
    let acts: Vec<(&str, Option<&str>)> = entries
        .iter()
        .filter(|entry| ["paused", "resumed", "missed"].contains(&entry.act.as_str()))
        .map(|entry| (entry.act.as_str(), entry.by.as_deref().or(entry.why.as_deref())))
        .collect();
    let paused = ("missed", Some("paused"));
    let asked = |act| (act, Some("operator:ada"));
    assert_eq!(acts, [asked("paused"), paused, paused, asked("resumed")], "{entries:#?}");
}

#[test]
fn settings_are_read_again_or_refused_whole() {
    let world = World::new("2026-02-02T12:00:00Z");
    world.add_source("okta-test", LITTLE, "");
    let running = world.serve();
    let reload = || world.threads.block_on(running.service.order(Act::Reload, "SIGHUP"));
    running.pass("2026-02-02T12:30:00Z");
    let leaves = || running.service.host().store.head().size;

    let before = leaves();
    reload().expect("nothing was changed");
    assert_eq!(leaves(), before, "and nothing is written down");

    world.write_source("okta-new", LITTLE, "[schedule]\ncron = \"0 0 * *\"\n");
    let Err(Refused::Settings(said)) = reload() else { panic!("a wrong schedule was taken") };
    assert!(said.contains("okta-new.toml:") && said.contains("it has 4 fields"), "{said}");
    assert_eq!(running.service.now().sources.len(), 1);
    assert_eq!(leaves(), before);

    world.write_source("okta-new", LITTLE, "[schedule]\ncron = \"0 */6 * * *\"\n");
    reload().expect("taken");
    let now = running.wait("the new source", |now| now.sources.len() == 2);
    let new = &now.sources[&"okta-new".parse().expect("a name")];
    assert_eq!((new.plan.as_str(), new.next_due), ("0 */6 * * *", None));
    assert!(new.problem.as_deref().is_some_and(|problem| problem.contains("not approved")), "{new:?}");

    approve_in(&running.service.host(), "okta-new");
    reload().expect("taken");
    running.pass("2026-02-02T13:00:00Z");
    let host = running.service.host();
    assert_eq!(host.store.runs(&RunFilter::default()).expect("runs").len(), 2, "it runs once it is approved");
    let changed: Vec<_> =
        entries(&host, world.clock.now()).into_iter().filter(|entry| entry.act == "changed").collect();
    assert_eq!(changed.len(), 3, "at the start, the source, the approval: {changed:#?}");

    world.place.edit("exhibit.toml", "keep_free_mb = 1", "keep_free_mb = 1\nlisten = \"127.0.0.1:1\"");
    let Err(Refused::Settings(said)) = reload() else { panic!("another listener was taken") };
    assert!(said.contains("restart"), "{said}");
    drop(host);
    assert_eq!(running.stop(&world), End::Stopped);
}

#[test]
fn a_stop_waits_for_runs_no_longer_than_it_may() {
    let world = World::new("2026-02-02T12:00:00Z");
    world.add_source("okta-test", "[]", "");
    world.place.edit("exhibit.toml", "stop_grace_s = 5", "stop_grace_s = 0");
    let running = world.serve();
    running.wait("a run goes on", |now| now.sources.values().any(|source| source.running_since.is_some()));
    running.stop(&world);
    let host = world.open();
    assert_eq!(host.store.runs(&RunFilter::default()).expect("runs").len(), 0, "nothing of it is kept");
    assert!(
        !world.place.file("data/staging").exists()
            || std::fs::read_dir(world.place.file("data/staging")).expect("read").next().is_none()
    );
    let last = host.store.leaves(None).expect("leaves").pop().expect("the stop");
    let said = String::from_utf8(statement(&host, last.index)).expect("text");
    assert!(said.contains(r#""act":"stopped""#) && said.contains(r#""interrupted":["okta-test"]"#), "{said}");
    drop(host);
    // The next start makes up for it.
    let running = world.serve();
    running.pass("2026-02-02T12:30:00Z");
    assert_eq!(running.service.host().store.runs(&RunFilter::default()).expect("runs").len(), 1);
    assert!(world.clock.now() >= at("2026-02-02T12:30:00Z"));
    running.stop(&world);
}

fn statement(host: &exhibit_pipeline::host::Host, leaf: u64) -> Vec<u8> {
    let envelope: serde_json::Value =
        serde_json::from_slice(&host.store.statement(leaf).expect("a leaf")).expect("an envelope");
    let payload = envelope["payload"].as_str().expect("a payload");
    base64::Engine::decode(&base64::engine::general_purpose::STANDARD, payload).expect("base64")
}
