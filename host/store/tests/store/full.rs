//! A disk that is full: the run that does not fit fails with an error, and nothing before it is lost.
//!
//! Mounts small file systems, which takes root; elsewhere it says that it was skipped.

use crate::check::answers;
use crate::world::*;
use exhibit_evidence::kind::Shape;
use exhibit_store::{RunFilter, Store};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;

fn mount(options: &str, dir: &Path) -> Result<(), String> {
    let said = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(dir).output();
    match said {
        Ok(said) if said.status.success() => Ok(()),
        Ok(said) => Err(String::from_utf8_lossy(&said.stderr).trim().to_owned()),
        Err(e) => Err(format!("mount: {e}")),
    }
}

struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_fails_the_run_and_loses_none() {
    for kb in [1500, 3000, 4500, 6000] {
        let dir = tempfile::tempdir().unwrap();
        if let Err(reason) = mount(&format!("size={kb}k"), dir.path()) {
            // Past the test harness, which hides what a passing test prints.
            let line =
                format!("skipped: a_full_disk_fails_the_run_and_loses_none: {reason} (1 skipped here)\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            return;
        }
        let mounted = Mounted(dir.path());
        let data = dir.path().join("data");
        let store = create(&data);
        let mut acknowledged = Vec::new();
        let mut noise = 7_u64;
        let failure = loop {
            let started_at = at("2026-01-01T00:00:00Z").plus_ms(acknowledged.len() as i64 * DAY_MS);
            // sled may panic when it cannot write; that must end the run, and no more.
            let run = catch_unwind(AssertUnwindSafe(|| {
                let stage = begin(&store, started_at);
                for i in 0..300 {
                    let note: String = (0..30)
                        .map(|_| {
                            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                            format!("{noise:016x}")
                        })
                        .collect();
                    stage.record(&account(&format!("id-{i}"), &note)).map_err(|e| e.to_string())?;
                }
                commit(stage, &ends(&kind(), Shape::State, true))
                    .map(|(run, _)| run)
                    .map_err(|e| e.to_string())
            }));
            match run {
                Ok(Ok(run)) => acknowledged.push(run),
                Ok(Err(e)) => break e,
                Err(_) => break "a panic inside sled".to_owned(),
            }
        };
        assert!(!acknowledged.is_empty() && acknowledged.len() < 200, "{failure}");
        drop(store);
        // On the disk that is still full the store may not open; it says so, and harms nothing.
        let full = catch_unwind(AssertUnwindSafe(|| Store::open(&data, options()).map(drop)));
        mount(&format!("remount,size={}k", kb * 4), dir.path()).unwrap();
        let store =
            Store::open(&data, options()).unwrap_or_else(|e| panic!("{kb}: {failure}; {full:?}; {e}"));
        let runs: Vec<_> = store.runs(&RunFilter::default()).unwrap().into_iter().map(|r| r.run).collect();
        for run in &acknowledged {
            assert!(runs.contains(run), "{kb}: {run} is gone after {failure}");
        }
        let report = store.check(&|_, _| ());
        assert_eq!(report.problems, [], "{kb}: after {failure}, {:?}", store.notes());
        accounts(&store, at("2026-09-01T00:00:00Z"), &[("a", "1")]);
        let _ = answers(&store);
        drop(store);
        drop(mounted);
    }
}
