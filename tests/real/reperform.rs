//! Every connector, from its recordings or else from its own fixtures: collected by the command, sealed, exported,
//! verified by the auditor's program, and run again from the package, byte for byte.

use exhibit_tests::command::Exhibit;
use exhibit_tests::fixtures::Fixtures;
use exhibit_tests::google;
use exhibit_tests::okta;
use exhibit_tests::or_skip;
use exhibit_tests::recordings::Recordings;
use exhibit_tests::server::Fakes;
use exhibit_tests::systems::{self, GATEWAY, JIRA_BY_OAUTH, System};
use exhibit_tests::tools::{target_dir, text};
use exhibit_tests::web::Web;
use exhibit_tests::workspace::Workspace;
use serde_json::Value;
use std::any::Any;
use std::collections::BTreeMap;
use std::process::Command;

/// The clock of the fixtures; what they are of happened in the day before.
const NOW: &str = "2026-03-04 10:00:00";
const PERIOD: &str = "2026-03-01..2026-03-31";

/// A server, while it is needed.
type Kept = Box<dyn Any>;

/// A connector's own fixtures, whose paths begin with `base`.
fn own(system: System, base: &'static str) -> Web {
    let fixtures = Fixtures::whole(system.connector);
    Web::start(move |asked| {
        if asked.target == "/token" {
            return systems::token(1);
        }
        let mut asked = asked.clone();
        asked.target = asked.target.strip_prefix(base).unwrap_or(&asked.target).to_owned();
        fixtures.answer(&asked)
    })
}

/// Sources with the servers that they are of.
#[derive(Default)]
struct Sources {
    /// How many records come of each, at least.
    least: BTreeMap<&'static str, u64>,
    kept: Vec<Kept>,
}

impl Sources {
    fn keep(&mut self, source: &'static str, least: u64, server: impl Any) {
        self.least.insert(source, least);
        self.kept.push(Box::new(server));
    }

    /// From the connectors' own fixtures, each a whole system. AWS's are of one host a service and region, and here is
    /// one address: the made-up AWS stands in.
    fn add_own(&mut self, workspace: &Workspace) {
        for (source, system, base, least) in [
            ("azure-own", System::of("azure"), "", 100),
            ("gcp-own", System::of("gcp"), "", 90),
            ("github-own", System::of("github"), "", 50),
            ("google-workspace-own", System::of("google-workspace"), "", 20),
            ("jira-own", System::of("jira"), "", 30),
            ("jira-oauth", JIRA_BY_OAUTH, GATEWAY, 30),
            ("okta-own", System::of("okta"), "", 20),
            ("pulumi-own", System::of("pulumi"), "", 20),
        ] {
            let server = own(system, base);
            system.add(workspace, source, &server.url(), 1);
            self.keep(source, least, server);
        }
        let fakes = Fakes::start("2026-03-04T10:00:00Z");
        workspace.add_aws(fakes.fact("aws"), fakes.fact("aws_access_key_id"));
        self.keep("aws-test", 100, fakes);
    }

    /// From what real systems once answered.
    fn add_recorded(&mut self, workspace: &Workspace) -> Option<()> {
        let okta = okta::Recorded::start(workspace.beside(), "dev-857255.okta.com")?;
        System::of("okta").add(workspace, "okta-recorded", &okta.url(), 1);
        self.keep("okta-recorded", 10, okta);
        let jira = Recordings::start("jira")?;
        System::of("jira").add(workspace, "jira-recorded", &jira.url(), 1);
        self.keep("jira-recorded", 10, jira);
        let github = Recordings::start("github")?;
        let settings = &["org=codeforamerica", "api_url={origin}"];
        let of_recording = System { settings, ..System::of("github") };
        of_recording.add(workspace, "github-recorded", &github.url(), 1);
        self.keep("github-recorded", 100, github);
        let only = Some("project=j1-gc-integration-dev-v3");
        let gcp = google::Recorded::start(workspace, "gcp.jsonl.gz", only)?;
        gcp.add_source(workspace, "gcp", "gcp", &["--set", "organization=958457776463"]);
        self.keep("gcp-test", 100, gcp);
        let google = google::Recorded::start(workspace, "google-workspace.jsonl.gz", None)?;
        google.add_source(workspace, "google-workspace", "workspace", &["--set", "customer=C048tgq5f"]);
        self.keep("google-workspace-test", 10, google);
        Some(())
    }
}

#[test]
fn every_run_has_the_same_bytes_again() {
    let workspace = Workspace::fresh();
    let mut sources = Sources::default();
    sources.add_own(&workspace);
    if sources.add_recorded(&workspace).is_none() {
        exhibit_tests::tools::skip("reperform, recorded", "no ../shared/apis with recordings");
    }
    let Sources { least, kept } = sources;
    let secrets = |exhibit: Exhibit| {
        let fakes = kept.iter().find_map(|one| one.downcast_ref::<Fakes>()).unwrap();
        systems::secrets(exhibit).with("AWS_SECRET_ACCESS_KEY", fakes.fact("aws_secret_access_key"))
    };
    let then = secrets(workspace.exhibit()).begun_at(NOW);
    let then = or_skip!("reperform", then, "no faketime: make setup-test");

    let ran = then.run(&["collect", "--format", "json"]);
    assert!(matches!(ran.code, Some(0 | 1)) && !ran.stderr.contains("panicked"), "{ran}");
    let mut records = BTreeMap::new();
    for manifest in ran.json().as_array().unwrap() {
        let populations = manifest["populations"].as_array().unwrap();
        let emitted: u64 = populations.iter().map(|p| p["emitted"].as_u64().unwrap()).sum();
        let source = manifest["source"].as_str().unwrap().to_owned();
        eprintln!("  {source}: {} {emitted} {}", manifest["verdict"], manifest["reason"]);
        assert!(emitted >= least[source.as_str()], "{source} has {emitted} records: {manifest}");
        // A whole system of fixtures is complete, through the command as in the connector's own tests.
        let whole = source.ends_with("-own") || source == "jira-oauth";
        assert!(!whole || manifest["verdict"] == "complete", "{manifest}");
        records.insert(source, emitted);
    }
    assert_eq!(records.len(), least.len(), "every source has run");
    // The same site, by either address.
    assert_eq!(records["jira-own"], records["jira-oauth"]);

    let exhibit = workspace.exhibit();
    exhibit.run(&["seal", PERIOD]).ok();
    let package = workspace.beside().join("package.zip");
    let package = package.to_str().unwrap();
    exhibit.run(&["export", PERIOD, "--out", package]).ok();
    let verify = Command::new(target_dir().join("debug/exhibit-verify"))
        .args([package, "--key", "keys/ledger.pub"])
        .current_dir(workspace.path())
        .output();
    let verify = verify.expect("exhibit-verify runs: build it with make build");
    assert!(verify.status.success(), "{}", text(&verify));
    // The auditor has the package alone.
    drop(kept);
    let elsewhere = Exhibit::at(workspace.beside());
    let again: Value = elsewhere.run(&["reperform", package, "--format", "json"]).ok().json();
    let all: u64 = records.values().sum();
    assert_eq!((&again["same"], &again["different"]), (&records.len().into(), &0.into()), "{again}");
    assert_eq!((&again["not_reperformable"], &again["records"]), (&0.into(), &all.into()), "{again}");
}
