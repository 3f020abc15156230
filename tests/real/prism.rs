//! Vendors' published specifications, served by prism.
//!
//! It has no state: whatever cursor a request brings, a list answers with the same page. With a next link on every page
//! (Okta's specification names Link headers in words only, so a forwarder adds them) no list ever ends, which the host
//! must notice and say. And it says of a request what in it is not as the specification has it.

use exhibit_tests::or_skip;
use exhibit_tests::server::{Server, free_port};
use exhibit_tests::tools::{node_program, repository, shared, succeed};
use exhibit_tests::workspace::Workspace;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

fn serve(document: &Path) -> Option<Server> {
    let port = free_port();
    let mut prism = Command::new(node_program("prism")?);
    prism.args(["mock", "-h", "127.0.0.1", "-p", &port.to_string()]).arg(document);
    Some(Server::start(&mut prism, port, Duration::from_secs(180)))
}

/// Prism with a forwarder before it.
fn start(log: &Path, options: &[&str]) -> Option<(Server, Server)> {
    let prism = serve(&shared("specs/okta-evidence-openapi.json")?)?;
    let (behind, before) = (prism.port, free_port());
    let mut forward = Command::new("python3");
    forward.arg(repository().join("tests/real/forward.py")).args([before.to_string(), behind.to_string()]);
    forward.arg("{yourOktaDomain}").arg(log).args(options);
    let forward = Server::start(&mut forward, before, Duration::from_secs(60));
    Some((prism, forward))
}

fn collect(workspace: &Workspace, url: &str) -> Value {
    workspace.add_okta(url);
    // Some answers are made up anew for every request, so that no page is the same as the one before: the bound on
    // pages ends those. Its usual 10 000 would take minutes here.
    let file = workspace.file("sources/okta-test.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, format!("{text}\n[limits]\npages = 20\n")).unwrap();
    let exhibit = workspace.exhibit().with("OKTA_TOKEN", "00token-for-a-test");
    let ran = exhibit.run(&["collect", "okta-test", "--format", "json"]);
    assert!(matches!(ran.code, Some(0 | 1)) && !ran.stderr.contains("panicked"), "{ran}");
    assert!(ran.took < Duration::from_secs(120), "it ended in time: {:?}", ran.took);
    let manifest = ran.json()[0].clone();
    eprintln!("{}: {} {}", manifest["run"], manifest["verdict"], manifest["reason"]);
    for population in manifest["populations"].as_array().unwrap() {
        let of = |name: &str| population[name].to_string();
        eprintln!("  {} {} {} {}", of("kind"), of("emitted"), of("verdict"), of("reason"));
    }
    workspace.exhibit().run(&["check"]).ok();
    manifest
}

#[test]
fn paging_that_never_ends_is_ended() {
    let workspace = Workspace::fresh();
    let log = workspace.beside().join("answers.jsonl");
    let started = start(&log, &["--endless"]);
    let (_prism, forward) =
        or_skip!("prism, endless", started, "no ../shared/apis, or no prism: make setup-test, npm");
    let manifest = collect(&workspace, &forward.url());
    assert_ne!(manifest["verdict"], "complete", "a list that never ends is never complete");
    let populations = manifest["populations"].as_array().unwrap();
    let reasons =
        || populations.iter().filter_map(|p| p["reason"].as_str()).chain(manifest["reason"].as_str());
    let guard = "it is page 0 again, byte for byte";
    assert!(reasons().any(|reason| reason.contains(guard)), "{:?}", reasons().collect::<Vec<_>>());
    for population in populations.iter().filter(|population| population["received"] != 0) {
        assert_ne!(population["verdict"], "complete", "{population}");
    }
    let requests = std::fs::read_to_string(log).unwrap().lines().count();
    assert!(requests < 2000, "a list is two pages, or twenty: {requests} requests were made");
}

#[test]
fn made_up_answers_of_the_specification_are_taken_or_refused_with_a_reason() {
    let workspace = Workspace::fresh();
    let started = start(&workspace.beside().join("answers.jsonl"), &[]);
    let (_prism, forward) =
        or_skip!("prism", started, "no ../shared/apis, or no prism: make setup-test, npm");
    let manifest = collect(&workspace, &forward.url());
    let populations = manifest["populations"].as_array().unwrap();
    let accounts =
        populations.iter().find(|p| p["kind"] == "identity.account@1").expect("users were asked for");
    assert_eq!(accounts["emitted"], 1, "the specification's example is one user: {accounts}");
    for population in populations {
        let reason = population["reason"].as_str();
        assert!(population["verdict"] == "complete" || reason.is_some_and(|r| r.len() > 10), "{population}");
    }
}

/// A connector, and what its vendor publishes of its interface.
struct Row {
    connector: &'static str,
    /// Files or folders of `specs`.
    documents: &'static [&'static str],
    authorization: &'static str,
    /// Operations that the connector's fixtures ask for and the documents describe, at least.
    operations: u64,
    /// What the documents say otherwise, and why it is so all the same.
    otherwise: &'static [(&'static str, &'static str)],
}

const SKIP_TOKEN: &str = "comes from Microsoft's own link to the next page";

/// Google publishes discovery documents, against which `tests/foreign` holds the fixtures; AWS publishes no OpenAPI.
const ROWS: [Row; 5] = [
    Row {
        connector: "github",
        documents: &["github-evidence-openapi.json"],
        authorization: "Bearer github_pat_test",
        operations: 37,
        otherwise: &[],
    },
    Row {
        connector: "okta",
        documents: &["okta-evidence-openapi.json"],
        authorization: "SSWS 00token-for-a-test",
        operations: 14,
        otherwise: &[("/api/v1/api-tokens limit", "earlier documents have it")],
    },
    Row {
        connector: "jira",
        documents: &["jira-evidence-openapi.json"],
        authorization: "Basic ZXZpZGVuY2VAZXhhbXBsZS5jb206dG9rZW4=",
        operations: 11,
        otherwise: &[],
    },
    Row {
        connector: "pulumi",
        documents: &["pulumi-evidence-openapi.json"],
        authorization: "token pul-token-for-a-test",
        operations: 13,
        otherwise: &[],
    },
    Row {
        connector: "azure",
        documents: &["azure-arm", "msgraph-evidence-openapi.json"],
        authorization: "Bearer token-for-a-test",
        operations: 32,
        otherwise: &[
            ("/subscriptions $skiptoken", SKIP_TOKEN),
            (
                "/subscriptions/{subscriptionId}/providers/Microsoft.PolicyInsights/policyStates/{policyStatesResource}/queryResults $skiptoken",
                SKIP_TOKEN,
            ),
            (
                "/subscriptions/{subscriptionId}/providers/microsoft.insights/eventtypes/management/values $skiptoken",
                SKIP_TOKEN,
            ),
            ("/v1.0/auditLogs/signIns $skiptoken", SKIP_TOKEN),
            ("/v1.0/servicePrincipals $skiptoken", SKIP_TOKEN),
            ("/v1.0/users $skiptoken", SKIP_TOKEN),
            ("GET /v1.0/groups/", "members are users, whose properties may be selected too"),
            ("GET /v1.0/users?", "signInActivity is documented with the resource, and missing in the list"),
        ],
    },
];

fn documents(names: &[&str]) -> Option<Vec<PathBuf>> {
    let mut all = Vec::new();
    for name in names {
        let path = shared(&format!("specs/{name}"))?;
        match path.read_dir() {
            Ok(entries) => all.extend(entries.flatten().map(|entry| entry.path())),
            Err(_) => all.push(path),
        }
    }
    all.sort();
    Some(all)
}

#[test]
fn requests_are_as_the_specifications_have_them() {
    let script = repository().join("tests/real/request_shapes.py");
    let folder = tempfile::tempdir().unwrap();
    for row in ROWS {
        let name = format!("prism, requests of {}", row.connector);
        let published = or_skip!(&name, documents(row.documents), "no ../shared/apis with specifications");
        let shapes = || {
            let mut python = Command::new("python3");
            python.arg(&script).arg(row.connector);
            python
        };
        let document = folder.path().join(format!("{}.json", row.connector));
        std::fs::write(&document, succeed(shapes().arg("document").args(&published))).unwrap();
        let prism = or_skip!(&name, serve(&document), "no prism: make setup-test, npm");
        let mut ask = shapes();
        ask.args(["ask", &prism.port.to_string(), row.authorization]).args(&published);
        let told: Value = serde_json::from_str(&succeed(&mut ask)).unwrap();
        let count = |member: &str| told[member].as_u64().unwrap();
        assert!(count("operations") >= row.operations && count("asked") >= row.operations, "{name}: {told}");
        assert!(count("noticed") > 0 && told["blind"] == serde_json::json!([]), "{name}: {told}");
        let found: Vec<&str> = ["undocumented", "complaints"]
            .into_iter()
            .flat_map(|member| told[member].as_array().unwrap())
            .map(|line| line.as_str().unwrap())
            .collect();
        let known = |line: &&str| row.otherwise.iter().any(|(start, _)| line.starts_with(start));
        assert_eq!(found.iter().copied().find(|line| !known(line)), None, "{name}");
        for (start, why) in row.otherwise {
            assert!(found.iter().any(|line| line.starts_with(start)), "{name}: no longer: {start}, {why}");
        }
    }
}
