//! `kill -9` of `exhibit serve` at any moment.
//!
//! `EXHIBIT_ROUNDS=100 cargo test -p exhibit-tests --test service killed -- --nocapture` takes a hundred rounds; without
//! it there are five. `EXHIBIT_SEED` gives other moments.

use exhibit_tests::command::Exhibit;
use exhibit_tests::server::{Fakes, free_port};
use exhibit_tests::workspace::Workspace;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SIGKILL: i32 = 9;
/// Sources that are looked at every minute.
const SOURCES: usize = 3;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect(name))
}

/// A service with what it said.
struct Serving {
    child: Child,
    said: Arc<Mutex<Vec<Value>>>,
}

impl Serving {
    fn start(exhibit: &Exhibit) -> Self {
        let mut child = exhibit.start(&["serve"]);
        let said = Arc::new(Mutex::new(Vec::new()));
        let (stderr, lines) = (BufReader::new(child.stderr.take().expect("a pipe")), Arc::clone(&said));
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                lines
                    .lock()
                    .expect("a lock")
                    .push(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
        });
        Self { child, said }
    }

    /// What it said of what was committed, by run.
    fn acknowledged(&self) -> BTreeSet<String> {
        let said = self.said.lock().expect("a lock");
        let ended = said.iter().filter(|line| line["message"] == "a run ended");
        ended.map(|line| line["run"].as_str().expect("a run").to_owned()).collect()
    }

    fn wait(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            let said = || self.said.lock().expect("a lock").clone();
            let left = self.child.try_wait().expect("it can be waited for");
            assert!(
                left.is_none() && begun.elapsed() < Duration::from_secs(180),
                "{what}: {left:?} {:#?}",
                said()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn has_said(&self, message: &str) -> bool {
        self.said.lock().expect("a lock").iter().any(|line| line["message"] == message)
    }
}

/// A workspace with sources that are due every minute.
fn place(fakes: &Fakes) -> (Workspace, Exhibit) {
    let workspace = Workspace::fresh();
    workspace.exhibit().run(&["connector", "add", "okta"]).ok();
    for n in 0..SOURCES {
        let name = format!("okta-{n}");
        workspace.add_okta_source(&name, fakes.fact("okta"), true);
        let file = format!("sources/{name}.toml");
        workspace.edit(
            &file,
            "connector = \"okta\"\n",
            "connector = \"okta\"\nkinds = [\"identity.group_membership@1\", \"identity.access_change@1\"]\n",
        );
        let text = std::fs::read_to_string(workspace.file(&file)).expect("a source");
        std::fs::write(workspace.file(&file), text + "\n[schedule]\ncron = \"* * * * *\"\n")
            .expect("written");
    }
    let text = std::fs::read_to_string(workspace.file("exhibit.toml")).expect("settings");
    let service = format!("\n[service]\nkeep_free_mb = 1\nlisten = \"127.0.0.1:{}\"\n", free_port());
    std::fs::write(workspace.file("exhibit.toml"), text + &service).expect("written");
    let exhibit = workspace.exhibit_with(fakes);
    (workspace, exhibit)
}

/// Everything that the store has, checked; the runs in it by source and minute.
fn look(exhibit: &Exhibit, when: &str) -> BTreeSet<String> {
    let checked = exhibit.run(&["check", "--format", "json"]).ok().json();
    assert_eq!(checked["problems"], serde_json::json!([]), "{when}: {checked}");
    let status = exhibit.run(&["evidence", "host", "--format", "json"]).ok().json();
    let mut missed: BTreeMap<String, u64> = BTreeMap::new();
    for entry in
        status["entries"].as_array().expect("entries").iter().filter(|entry| entry["act"] == "missed")
    {
        *missed.entry(format!("{} {}", entry["source"], entry["span"])).or_default() += 1;
    }
    assert!(missed.values().all(|times| *times == 1), "{when}: told twice: {missed:#?}");
    let mut filled: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let mut held = BTreeSet::new();
    for run in exhibit.run(&["evidence", "runs", "--format", "json"]).ok().json().as_array().expect("runs") {
        let text = |name: &str| run[name].as_str().expect(name).to_owned();
        assert_eq!(text("verdict"), "complete", "{when}: {run}");
        let minute = text("started_at")[..16].to_owned();
        filled.entry((text("source"), minute)).or_default().push(text("run"));
        held.insert(text("run"));
    }
    let twice: Vec<_> = filled.iter().filter(|(_, runs)| runs.len() > 1).collect();
    assert!(twice.is_empty(), "{when}: filled twice: {twice:#?}");
    held
}

#[test]
fn killed_at_any_moment() {
    let (rounds, seed) = (number("EXHIBIT_ROUNDS", 5), number("EXHIBIT_SEED", 1));
    let mut random = StdRng::seed_from_u64(seed);
    let fakes = Fakes::start("2026-03-18T06:00:00Z");
    let (_workspace, exhibit) = place(&fakes);
    let mut acknowledged: BTreeSet<String> = BTreeSet::new();
    for round in 0..rounds {
        let when = format!("round {round} of seed {seed}");
        let mut serving = Serving::start(&exhibit);
        serving.wait(&when, |serving| serving.has_said("the service has started"));
        // Some are killed while they look at what passed, some in their runs, some long after.
        std::thread::sleep(Duration::from_millis(random.random_range(0..4000)));
        serving.child.kill().expect("it can be killed");
        let status = serving.child.wait().expect("it can be waited for");
        assert_eq!(status.signal(), Some(SIGKILL), "{when}: {status}");
        std::thread::sleep(Duration::from_millis(100));
        acknowledged.extend(serving.acknowledged());
        let held = look(&exhibit, &when);
        let lost: Vec<_> = acknowledged.difference(&held).collect();
        assert!(lost.is_empty(), "{when}: {lost:?}");
    }
    // What is due is done after all of that, and it stops when it is told to.
    let before = look(&exhibit, "before the last").len();
    let mut serving = Serving::start(&exhibit);
    serving.wait("runs again", |serving| serving.acknowledged().len() >= SOURCES);
    let pid = rustix::process::Pid::from_child(&serving.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it can be told to stop");
    let status = serving.child.wait().expect("it ends");
    assert!(status.success() && serving.has_said("the service has stopped"), "{status}");
    let after = look(&exhibit, "at the end").len();
    assert!(after >= before + SOURCES);
    println!("{rounds} rounds: {} runs were acknowledged, {after} are held", acknowledged.len());
}
