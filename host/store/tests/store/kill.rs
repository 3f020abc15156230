//! `kill -9` at any moment of a start, a run, a commit, a statement's commit, a backup.
//!
//! `EXHIBIT_ROUNDS=200 cargo test -p exhibit-store --test store kill` takes two hundred rounds; without it
//! there are twenty. `EXHIBIT_SEED` gives other moments.

use crate::worker::{Known, checkpoint, command, rounds, seed};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

/// Rounds after which a new store is begun, so that reading everything again stays quick.
const ROUNDS_OF_A_STORE: u64 = 10;

#[test]
fn killed_at_any_moment() {
    let (rounds, seed) = (rounds(20), seed());
    let mut random = StdRng::seed_from_u64(seed);
    let mut room = tempfile::tempdir().unwrap();
    let mut known = Known::default();
    let (mut acknowledged, mut halfway) = (0, 0);
    for round in 0..rounds {
        if round % ROUNDS_OF_A_STORE == 0 {
            room = tempfile::tempdir().unwrap();
            known = Known::default();
        }
        let first = known.next();
        let mut worker = command(room.path(), first, u64::MAX)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = BufReader::new(worker.stdout.take().unwrap());
        let hear = std::thread::spawn(move || said.lines().map_while(Result::ok).collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(random.random_range(0..600)));
        worker.kill().unwrap();
        worker.wait().unwrap();
        for line in hear.join().unwrap() {
            known.hear(&line);
        }
        let when = format!("round {round} of seed {seed}");
        let on_disk = checkpoint(room.path()).map_or(0, |checkpoint| checkpoint.head().size);
        acknowledged += known.next() - first;
        halfway += u64::from(room.path().join("store/staging").exists());
        known.verify(room.path(), &when);
        assert!(known.largest() >= on_disk, "{when}: the log had {on_disk} leaves");
    }
    println!("{rounds} rounds: {acknowledged} steps acknowledged, {halfway} runs under way when killed");
    assert!(acknowledged > rounds, "it was killed before it could do anything");
}
