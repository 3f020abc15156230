//! Runs that go wrong: refused credentials, addresses that may not be reached, another process at the store, a
//! process that is ended halfway. A run that was begun is on record with its reason; what is held stays held.

use exhibit_tests::server::Fakes;
use exhibit_tests::tools::{run, succeed, text};
use exhibit_tests::web::{Asked, Reply, Web};
use exhibit_tests::workspace::Workspace;
use std::net::TcpListener;
use std::process::Command;

const FAILED: i32 = 1;

/// The last run on record, as `exhibit status` tells it.
fn last_run(workspace: &Workspace) -> serde_json::Value {
    let status = workspace.exhibit().run(&["status", "--format", "json"]).ok().json();
    status["runs"].as_array().and_then(|runs| runs.last().cloned()).expect("a run is on record")
}

#[test]
fn refused_credentials() {
    let fakes = Fakes::start("2026-03-18T06:00:00Z");
    let workspace = Workspace::fresh();
    workspace.add_fakes(&fakes);
    let wrong = workspace
        .exhibit()
        .with("OKTA_TOKEN", "00wrong-token-for-a-test")
        .with("AWS_SECRET_ACCESS_KEY", "wrong/secret/for/a/test");
    for (source, says) in [("okta-test", "401"), ("aws-test", "SignatureDoesNotMatch")] {
        wrong.run(&["source", "check", source]).fails(FAILED, &["error: ", source, says]);
        let ran = wrong.run(&["collect", source]);
        eprintln!("{ran}");
        ran.fails(FAILED, &["failed", says]);
        let run = last_run(&workspace);
        assert_eq!((&run["source"], &run["verdict"]), (&source.into(), &"failed".into()), "{run}");
        assert!(run["reason"].as_str().is_some_and(|reason| reason.contains(says)), "{run}");
    }
    // A failed run is also a leaf of the ledger, and the store holds together.
    let checked = workspace.exhibit().run(&["check", "--format", "json"]).ok().json();
    assert_eq!((&checked["runs"], &checked["problems"]), (&2.into(), &serde_json::json!([])), "{checked}");
    assert_eq!(checked["leaves"], 4, "two approvals, two runs: {checked}");
    let text = workspace.exhibit().run(&["status"]).ok().stdout;
    let rows = text.lines().filter(|line| line.contains("  failed   0        "));
    assert_eq!(rows.count(), 2, "a row a run, with its reason:\n{text}");
}

/// A credential that opens some areas and not others: the source is reached, and what is missing is said.
#[test]
fn a_credential_that_opens_only_some_areas() {
    let web = Web::start(|asked: &Asked| {
        let reply = |status, body: &str| Reply::new(status, body).with("content-type", "application/json");
        match asked.target.as_str() {
            "/.well-known/okta-organization" => reply(200, r#"{"id":"00o1example"}"#),
            target if target.starts_with("/api/v1/logs") => reply(403, r#"{"errorCode":"E0000006"}"#),
            _ => reply(200, "[]"),
        }
    });
    let workspace = Workspace::fresh();
    workspace.add_okta(&web.url());
    let exhibit = workspace.exhibit().with("OKTA_TOKEN", "00token-for-a-test");
    let ran = exhibit.run(&["source", "check", "okta-test"]).ok();
    assert_eq!(ran.stdout, "okta-test reaches 00o1example\n", "{ran}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran}");
    assert!(ran.stderr.starts_with("warning: okta-test: the credential lacks okta.logs.read"), "{ran}");
    let checked = exhibit.run(&["source", "check", "okta-test", "--format", "json"]).ok().json();
    let warnings = checked["warnings"].as_array().expect("a list");
    assert!(
        warnings.len() == 1 && warnings[0].as_str().is_some_and(|w| w.contains("okta.logs.read")),
        "{checked}"
    );
}

#[test]
fn addresses_that_may_not_be_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let workspace = Workspace::fresh();
    workspace.exhibit().run(&["connector", "add", "okta"]).ok();
    workspace.add_okta_source("okta-test", &url, false);
    let ran = workspace.exhibit().with("OKTA_TOKEN", "00token-for-a-test").run(&["collect", "okta-test"]);
    eprintln!("{ran}");
    ran.fails(FAILED, &["failed", "127.0.0.1", "allow_addresses"]);
    assert_eq!(
        listener.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock,
        "nobody may have connected"
    );
    assert_eq!(last_run(&workspace)["verdict"], "failed");
}

#[test]
fn two_processes_and_a_sudden_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let workspace = Workspace::populated();
    workspace.add_okta_source("okta-slow", &url, true);
    let before = workspace.exhibit().run(&["evidence", "list", "--format", "json"]).ok().json();
    let held = workspace.held();

    // Nobody answers on that port: this one holds the store until it is ended.
    let token = "00token-that-must-not-be-seen";
    let mut first = workspace.exhibit().with("OKTA_TOKEN", token).start(&["collect", "okta-slow"]);
    let (_connection, _) = listener.accept().unwrap();
    let pid = first.id().to_string();
    for arguments in
        [&["status"][..], &["collect", "okta-demo"], &["evidence", "list"], &["check"], &["seal", "2026-Q1"]]
    {
        let says = format!("store in use by process {pid}");
        workspace
            .exhibit()
            .run(arguments)
            .fails(FAILED, &["data: ", &says, "stop it, or wait until it ends"]);
    }
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(
        core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(),
        ["0", "0"],
        "no core files: {core}"
    );

    succeed(Command::new("kill").args(["-ABRT", &pid]));
    assert_eq!(first.wait().unwrap().code(), None, "the signal ended it");
    let cores = succeed(Command::new("find").arg(workspace.beside()).args(["-name", "core*", "-type", "f"]));
    assert_eq!(cores, "", "an aborted process leaves no core");
    assert_eq!(workspace.held(), held, "a run that was never committed leaves nothing");
    let after = workspace.exhibit().run(&["evidence", "list", "--format", "json"]).ok().json();
    assert_eq!(after, before);
    workspace.exhibit().run(&["check"]).ok();
    let found = run(Command::new("grep").args(["-rlF", token]).arg(workspace.path()));
    assert_eq!(found.status.code(), Some(1), "the token is in:\n{}", text(&found));
}
