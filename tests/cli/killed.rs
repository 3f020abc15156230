//! `kill -9` of the whole command at any moment of `collect`, `seal` and `export`.
//!
//! `EXHIBIT_ROUNDS=200 cargo test -p exhibit-tests --test killed -- --nocapture` takes two hundred rounds; without it
//! there are nine. `EXHIBIT_SEED` gives other moments. After each round the store is checked, nothing that was held
//! is gone, and the same command run again does what is left to do; at the end every checkpoint that was ever on the
//! disk must be one that the log has passed through.

use exhibit_tests::command::{Exhibit, Ran};
use exhibit_tests::server::Fakes;
use exhibit_tests::tools::succeed;
use exhibit_tests::workspace::Workspace;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const FAILED: i32 = 1;
const SIGKILL: i32 = 9;

/// Rounds after which a new workspace is begun, so that reading everything again stays quick.
const ROUNDS_OF_A_WORKSPACE: u64 = 24;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Task {
    Collect,
    Seal,
    Export,
}

/// What `exhibit check` counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Counted {
    leaves: u64,
    runs: u64,
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect(name))
}

/// A workspace with two sources that can be collected from, and what it was seen to hold.
struct Place {
    workspace: Workspace,
    exhibit: Exhibit,
    /// Packages go there.
    out: String,
    /// Packs, and what of the log never changes, by file with their digests.
    held: BTreeMap<String, String>,
    checkpoints: BTreeSet<Vec<u8>>,
    seals: u32,
    /// How long each command takes when nobody stops it.
    took: BTreeMap<Task, Duration>,
}

impl Place {
    fn new(fakes: &Fakes) -> Self {
        let workspace = Workspace::populated();
        workspace.add_fakes(fakes);
        // Those of the made-up organisation are not there any more.
        for source in ["okta-demo", "aws-demo"] {
            std::fs::remove_file(workspace.file(&format!("sources/{source}.toml"))).expect(source);
        }
        let out = workspace.beside().join("out");
        std::fs::create_dir(&out).expect("a folder");
        let exhibit = workspace.exhibit_with(fakes);
        let mut place = Self {
            workspace,
            exhibit,
            out: out.to_str().expect("a path of the tests").to_owned(),
            held: BTreeMap::new(),
            checkpoints: BTreeSet::new(),
            seals: 0,
            took: BTreeMap::new(),
        };
        for task in [Task::Collect, Task::Seal, Task::Export] {
            place.run(task).ok();
        }
        place.clear();
        place.look();
        place
    }

    /// The period that was sealed last, or is to be: each is another, and holds the days that were collected.
    fn period(&self) -> String {
        let (month, day) = (1 + self.seals / 28 % 12, 1 + self.seals % 28);
        format!("2025-{month:02}-{day:02}..2026-01-03")
    }

    fn package(&self) -> String {
        format!("{}/package.zip", self.out)
    }

    fn arguments(&self, task: Task) -> Vec<String> {
        match task {
            Task::Collect => vec!["collect".to_owned()],
            Task::Seal => vec!["seal".to_owned(), self.period()],
            Task::Export => vec!["export".to_owned(), self.period(), "--out".to_owned(), self.package()],
        }
    }

    /// Runs a task to its end.
    fn run(&mut self, task: Task) -> Ran {
        let arguments = self.arguments(task);
        let ran = self.exhibit.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        if ran.code == Some(0) {
            self.took.insert(task, ran.took);
        }
        ran
    }

    /// Begins a task and stops it somewhere. Answers with whether it had ended by itself.
    fn stop(&self, task: Task, random: &mut StdRng, when: &str) -> bool {
        let arguments = self.arguments(task);
        let mut child = self.exhibit.start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        std::thread::sleep(self.took[&task].mul_f64(random.random_range(0.0..1.1)));
        child.kill().expect("it can be killed");
        let status = child.wait().expect("it can be waited for");
        let ended = status.code() == Some(0);
        assert!(ended || status.signal() == Some(SIGKILL), "{when}: {status}");
        ended
    }

    /// Everything is read again and nothing is wrong; what was held is held.
    fn look(&mut self) -> Counted {
        self.checkpoints
            .insert(std::fs::read(self.workspace.file("data/log/checkpoint")).expect("it is signed"));
        let checked = self.exhibit.run(&["check", "--format", "json"]).ok().json();
        assert_eq!(checked["problems"], serde_json::json!([]), "{checked}");
        assert_eq!(checked["unchecked"], serde_json::json!([]), "{checked}");
        let held = self.workspace.held();
        for (file, digest) in &self.held {
            assert_eq!(held.get(file), Some(digest), "{file} was held");
        }
        // Tiles that are not full, and the checkpoint, are replaced as the log grows.
        let lasting = |file: &str| {
            file.starts_with("data/packs/") || !(file.contains(".p/") || file.ends_with("checkpoint"))
        };
        self.held = held.into_iter().filter(|(file, _)| lasting(file)).collect();
        self.checkpoints
            .insert(std::fs::read(self.workspace.file("data/log/checkpoint")).expect("it is signed"));
        let count = |name: &str| checked[name].as_u64().expect("a number");
        Counted { leaves: count("leaves"), runs: count("runs") }
    }

    /// One command stopped, what it left, and the command again.
    fn round(&mut self, task: Task, random: &mut StdRng, when: &str) -> bool {
        if task == Task::Seal {
            self.seals += 1;
        }
        let before = self.look();
        let ended = self.stop(task, random, when);
        let after = self.look();
        let (leaves, runs) = (after.leaves - before.leaves, after.runs - before.runs);
        match task {
            Task::Collect => {
                // Two sources, a leaf each, one after the other.
                assert!(leaves == runs && runs <= 2 && (runs == 2 || !ended), "{when}: {before:?} {after:?}");
                self.run(task).ok();
                assert_eq!(self.look().runs, after.runs + 2, "{when}");
            }
            Task::Seal => {
                assert!(runs == 0 && leaves <= 1 && (leaves == 1 || !ended), "{when}: {before:?} {after:?}");
                let again = self.run(task);
                match leaves {
                    0 => drop(again.ok()),
                    _ => drop(again.fails(FAILED, &["was sealed on", "a seal is never edited"])),
                }
                assert_eq!(self.look(), Counted { leaves: before.leaves + 1, ..before }, "{when}: one seal");
            }
            Task::Export => {
                assert_eq!(after, before, "{when}: an export adds nothing");
                self.exported(ended, when);
            }
        }
        ended
    }

    /// There is no half package; the command again gives a whole one, as if nothing had been.
    fn exported(&mut self, ended: bool, when: &str) {
        let package = self.package();
        let there = Path::new(&package).exists();
        assert!(there || !ended, "{when}");
        if there {
            self.verify(&package, &[]);
            self.run(Task::Export).fails(FAILED, &["exists already"]);
        } else {
            self.run(Task::Export).ok();
        }
        let names = succeed(Command::new("ls").arg("-A").arg(&self.out));
        assert_eq!(names, "package.zip\n", "{when}: what was half written is gone");
        self.verify(&package, &[]);
        let untouched = format!("{}/untouched.zip", self.out);
        self.exhibit.run(&["export", &self.period(), "--out", &untouched]).ok();
        let (these, those) = (timeless(&package), timeless(&untouched));
        assert!(these.len() > 50, "{when}: {these:?}");
        assert_eq!(these, those, "{when}");
        self.clear();
    }

    fn clear(&self) {
        for name in ["package.zip", "untouched.zip"] {
            let _ = std::fs::remove_file(Path::new(&self.out).join(name));
        }
    }

    fn verify(&self, package: &str, more: &[&str]) {
        let mut arguments = vec!["verify", package, "--key", "keys/ledger.pub"];
        arguments.extend(more);
        self.exhibit.run(&arguments).ok();
    }

    /// Every checkpoint that was on the disk is one of this log.
    fn close(mut self) {
        self.look();
        self.run(Task::Export).ok();
        let (package, file) = (self.package(), format!("{}/checkpoint", self.out));
        for checkpoint in &self.checkpoints {
            std::fs::write(&file, checkpoint).expect("written");
            self.verify(&package, &["--checkpoint", &file]);
        }
    }
}

/// The files of a package that do not bear the time of its export, with their digests, as its manifest lists them.
fn timeless(package: &str) -> Vec<String> {
    let manifest = succeed(Command::new("unzip").args(["-p", package, "*/manifest-sha256.txt"]));
    let timed = [".html", ".xlsx", "data/package.json"];
    manifest.lines().filter(|line| !timed.iter().any(|end| line.ends_with(end))).map(str::to_owned).collect()
}

#[test]
fn killed_at_any_moment() {
    let (rounds, seed) = (number("EXHIBIT_ROUNDS", 9), number("EXHIBIT_SEED", 1));
    let mut random = StdRng::seed_from_u64(seed);
    let fakes = Fakes::start("2026-03-18T06:00:00Z");
    let mut place = Place::new(&fakes);
    let mut stopped: BTreeMap<Task, u64> = BTreeMap::new();
    for round in 0..rounds {
        if round > 0 && round % ROUNDS_OF_A_WORKSPACE == 0 {
            std::mem::replace(&mut place, Place::new(&fakes)).close();
        }
        let task = [Task::Collect, Task::Seal, Task::Export][(round % 3) as usize];
        let when = format!("round {round} of seed {seed}, {task:?}");
        let ended = place.round(task, &mut random, &when);
        *stopped.entry(task).or_default() += u64::from(!ended);
    }
    place.close();
    println!("{rounds} rounds; stopped before their end: {stopped:?}");
    assert!(stopped.values().sum::<u64>() >= rounds / 2, "most commands had ended before they were stopped");
}
