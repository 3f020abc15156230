//! Held against a tool that nobody here wrote: schemathesis makes requests from the API's own description, good and bad
//! ones, and compares every answer with it.

use super::world::{KIND, SOURCE, World};
use std::path::PathBuf;
use std::process::Command;

/// Where `tests/setup/test.sh` puts it; none: not set up.
fn schemathesis() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let target = program.ancestors().nth(3)?;
    Some(target.join("test-python/bin/schemathesis")).filter(|path| path.is_file())
}

/// No 5xx, and no answer that the description does not have: with names of things that are there, and with any.
#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_answer_that_is_not_described() {
    let Some(schemathesis) = schemathesis() else {
        use std::io::Write as _;
        let told = b"skipped: schemathesis: tests/setup/test.sh installs it\n";
        return std::io::stderr().write_all(told).unwrap();
    };
    let world = World::new().await;
    let names = world.prepared().await;
    let name = |of: &str| names.iter().find(|(name, _)| *name == of).unwrap().1.clone();
    let real = format!(
        "[parameters]\n\"path.run\" = {:?}\n\"path.kind\" = {KIND:?}\n\"path.source\" = {SOURCE:?}\n\
         \"path.digest\" = {:?}\n\"path.id\" = {:?}\n\"path.period\" = \"2026-01\"\n\"path.file\" = \"exchanges\"\n\
         \"path.index\" = {}\n\"path.leaf\" = {}\n\"query.from\" = {:?}\n\"query.to\" = {:?}\n",
        name("RUN"),
        name("BODY"),
        name("EXPORT"),
        name("UPLOAD"),
        name("UPLOAD"),
        name("RUN"),
        name("LAST"),
    );
    for (what, settings) in [("any", String::new()), ("real", real)] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("schemathesis.toml");
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new(&schemathesis);
        command
            .current_dir(dir.path())
            .args(["--config-file".as_ref(), file.as_os_str()])
            .args(["run", &format!("http://{}/api/v1/openapi.json", world.at)])
            .args(["--header", &format!("Authorization: Bearer {}", world.keys.operator)])
            .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "15"])
            // What ends the test's own rights, and what waits for a system that is not there.
            .args(["--exclude-path-regex", "/api/v1/tokens/|/check$"])
            .args(["--generation-database", "none", "--seed", "5", "--warnings", "off"]);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let told =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{what}: {told}");
        let tested = told.lines().find_map(|line| line.trim().strip_prefix("Tested: "));
        let tested: usize = tested.and_then(|n| n.trim().parse().ok()).unwrap_or_default();
        assert!(tested >= 40, "{what}: {tested} operations were tested: {told}");
    }
}

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,response_headers_conformance,ignored_auth";
