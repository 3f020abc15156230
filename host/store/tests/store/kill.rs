//! `kill -9` at any moment of a start, a run, a commit, a statement's commit, a backup, a restore.
//!
//! `EXHIBIT_ROUNDS=200 cargo test -p exhibit-store --test store kill::` takes two hundred rounds; without it
//! there are twenty. `EXHIBIT_SEED` gives other moments.

use crate::worker::{Known, checkpoint, command, rounds, seed};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::io::{BufRead as _, BufReader};
use std::process::{ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Steps after which a new store is begun, so that reading everything again stays quick.
const STEPS_OF_A_STORE: u64 = 32;

/// What a process says, line by line, as it says it.
fn lines_of(output: ChildStdout) -> Receiver<String> {
    let (to, lines) = channel();
    std::thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| to.send(line))
    });
    lines
}

#[test]
fn killed_at_any_moment() {
    let (rounds, seed) = (rounds(20), seed());
    let mut random = StdRng::seed_from_u64(seed);
    let mut room = tempfile::tempdir().unwrap();
    let mut known = Known::default();
    let mut encrypted = false;
    let (mut acknowledged, mut halfway) = (0, 0);
    for round in 0..rounds {
        if known.next() >= STEPS_OF_A_STORE {
            room = tempfile::tempdir().unwrap();
            known = Known::default();
            encrypted = !encrypted;
        }
        let first = known.next();
        let mut worker = command(room.path(), encrypted, first, u64::MAX)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = lines_of(worker.stdout.take().unwrap());
        let began = Instant::now();
        // Some are killed as they start, some after a few steps, somewhere in the next: however slow the disk is.
        let mut awaited = random.random_range(0..6);
        let mut pace = Duration::from_millis(400);
        while awaited > 0 {
            let line = said.recv_timeout(Duration::from_mins(2)).expect("the worker works");
            known.hear(&line);
            if line.contains("acknowledged") {
                awaited -= 1;
                pace = began.elapsed() / (known.next() - first) as u32;
            }
        }
        std::thread::sleep(pace.mul_f64(random.random_range(0.0..1.3)));
        worker.kill().unwrap();
        worker.wait().unwrap();
        said.iter().for_each(|line| known.hear(&line));
        let when = format!("round {round} of seed {seed}");
        let on_disk = checkpoint(room.path()).map_or(0, |checkpoint| checkpoint.head().size);
        acknowledged += known.next() - first;
        let staging = std::fs::read_dir(room.path().join("store/staging"));
        halfway += u64::from(staging.is_ok_and(|mut runs| runs.next().is_some()));
        known.verify(room.path(), &when);
        assert!(known.largest() >= on_disk, "{when}: the log had {on_disk} leaves");
    }
    println!("{rounds} rounds: {acknowledged} steps acknowledged, {halfway} runs under way when killed");
    assert!(acknowledged > rounds, "it was killed before it could do anything");
}
