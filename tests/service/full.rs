//! A disk that is full while the service runs: it refuses new work, says so, and goes on by itself when there is room.
//!
//! Mounts a small file system, which takes root; elsewhere it says that it was skipped.

use crate::alerts::Receiver;
use crate::world::{Running, World, at};
use exhibit_server::service::{Act, Refused};
use exhibit_store::RunFilter;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Puts a workspace's data onto a disk of its own.
fn mount(data: &Path, size_mb: u64) -> Result<Mounted, String> {
    let aside = data.with_extension("aside");
    std::fs::rename(data, &aside).expect("renamed");
    std::fs::create_dir(data).expect("made");
    let size = format!("size={size_mb}m");
    let said = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(data).output();
    match said {
        Ok(said) if said.status.success() => {}
        Ok(said) => return Err(String::from_utf8_lossy(&said.stderr).trim().to_owned()),
        Err(error) => return Err(format!("mount: {error}")),
    }
    let copied = Command::new("cp").arg("-a").arg(aside.join(".")).arg(data).status().expect("cp");
    assert!(copied.success());
    Ok(Mounted(data.to_owned()))
}

fn free_kb(data: &Path) -> u64 {
    let disk = rustix::fs::statvfs(data).expect("a disk");
    disk.f_bavail * disk.f_frsize / 1024
}

/// Takes all room but so much.
fn fill(data: &Path, leave_kb: u64) {
    let mut file = std::fs::File::create(data.join("junk")).expect("a file");
    let page = [7_u8; 4096];
    // Something else may take the rest meanwhile.
    while free_kb(data) > leave_kb && file.write_all(&page).is_ok() {}
}

#[test]
fn a_full_disk_holds_everything_back_until_there_is_room() {
    let world = World::new("2026-02-02T12:00:00Z");
    world.add_source("okta-test", "[]", "");
    let receiver = Receiver::start();
    receiver.settings(&world, "[\"disk_low\"]");
    world.place.edit("exhibit.toml", "keep_free_mb = 1", "keep_free_mb = 2");
    let data = world.place.file("data");
    let _mounted = match mount(&data, 24) {
        Ok(mounted) => mounted,
        Err(reason) => {
            // Past the test harness, which hides what a passing test prints.
            let line = format!("skipped: a_full_disk_holds_everything_back: {reason} (1 skipped here)\n");
            std::io::stderr().write_all(line.as_bytes()).expect("said");
            return;
        }
    };
    let name = || "okta-test".parse().expect("a name");
    let runs = |running: &Running| -> BTreeSet<String> {
        let all = running.service.host().store.runs(&RunFilter::default()).expect("runs");
        all.into_iter().map(|run| run.run.to_string()).collect()
    };
    let mut running = world.serve();
    running.pass("2026-02-02T12:30:00Z");
    let mut held = runs(&running);
    assert_eq!(held.len(), 1);

    fill(&data, 1000);
    let now = running.wait("it holds back", |now| now.holding.is_some());
    assert!(now.holding.as_ref().is_some_and(|why| why.contains("keep_free_mb")), "{now:?}");
    let refused = world.threads.block_on(running.service.order(Act::Run(name()), "tests"));
    assert!(matches!(refused, Err(Refused::Conflict(_))), "{refused:?}");
    let said = receiver.wait(1)[0].json();
    assert!(said["data"]["text"].as_str().is_some_and(|text| text.contains("MB are to stay free")), "{said}");
    // Two days pass, of which the first is missed: that cannot be written down, or can, but nothing runs.
    world.clock.set(at("2026-02-04T12:00:00Z"));
    running.wait("it still holds back", |now| now.holding.is_some());
    assert_eq!(runs(&running), held);
    std::fs::remove_file(data.join("junk")).expect("removed");
    running.wait("it goes on", |now| now.holding.is_none());
    running.pass("2026-02-04T12:30:00Z");
    assert_eq!(runs(&running).len(), 2);

    // Runs that meet the end of the disk half way: it fills up while they go on.
    let (mut kept, mut lost) = (0, 0);
    for leave_kb in [0, 20, 60, 100, 150, 200, 300, 400] {
        held.extend(runs(&running));
        world.threads.block_on(running.service.order(Act::Run(name()), "tests")).expect("it runs");
        fill(&data, leave_kb);
        running.still();
        std::fs::remove_file(data.join("junk")).expect("removed");
        running = running.recovered(&world);
        let there = runs(&running);
        assert!(held.is_subset(&there), "{leave_kb}: {held:?} {there:?}");
        match there.len() - held.len() {
            0 => lost += 1,
            _ => kept += 1,
        }
    }
    println!("{kept} runs were kept, {lost} were not");
    assert!(lost > 0, "no run met the end of the disk");
    let running = running.pass_and_recover(&world, "2026-02-06T12:00:00Z");
    held.extend(runs(&running));
    running.stop(&world);
    let host = world.open();
    assert_eq!(host.store.check(&|_, _| ()).problems, [], "{:?}", host.store.notes());
    assert_eq!(host.store.runs(&RunFilter::default()).expect("runs").len(), held.len());
    let missed = crate::world::entries(&host, at("2026-02-07T00:00:00Z"));
    let missed: Vec<_> = missed.iter().filter(|entry| entry.act == "missed").collect();
    assert_eq!(missed.len(), 1, "the 3rd, once: {missed:#?}");
}
