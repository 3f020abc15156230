//! AWS as `moto_server` plays it, with signatures and policies enforced: what is collected is what boto3 lists.

use exhibit_tests::or_skip;
use exhibit_tests::server::{Server, free_port};
use exhibit_tests::tools::{python, repository, succeed};
use exhibit_tests::workspace::Workspace;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

/// A running moto with what boto3 lists in it.
fn start() -> Option<(Server, Value)> {
    let python = python()?;
    let port = free_port();
    let mut command = Command::new(&python);
    command.arg("-m").arg("moto.server").args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    // The three actions that make the administrator; whoever comes later is checked.
    let server =
        Server::start(command.env("INITIAL_NO_AUTH_ACTION_COUNT", "3"), port, Duration::from_secs(120));
    let script = repository().join("tests/real/moto_setup.py");
    let listed = succeed(Command::new(&python).arg(script).arg(server.url()));
    let listed = serde_json::from_str(&listed).expect("the script prints JSON");
    Some((server, listed))
}

#[test]
fn as_many_users_keys_and_buckets_as_boto3_lists() {
    let (server, listed) = or_skip!("moto", start(), "no Python packages: make setup-test");
    let workspace = Workspace::fresh();
    workspace.add_aws(&server.url(), listed["access_key_id"].as_str().unwrap());
    let secret = listed["secret_access_key"].as_str().unwrap();
    let exhibit = workspace.exhibit().with("AWS_SECRET_ACCESS_KEY", secret);
    let checked = exhibit.run(&["source", "check", "aws-test", "--format", "json"]).ok().json();
    assert_eq!(checked["tenant"], listed["account"]);

    let ran = exhibit.run(&["collect", "aws-test", "--format", "json"]);
    let manifest = &ran.json()[0];
    eprintln!("{}", summary(manifest));
    let run = manifest["run"].as_str().unwrap();
    let records = |kind: &str| exhibit.run(&["evidence", "show", run, "--kind", kind]).ok().json_lines();
    let ids = |kind: &str, prefix: &str| -> BTreeSet<String> {
        let all = records(kind);
        let ids = all.iter().map(|record| record["native_id"].as_str().unwrap().to_owned());
        ids.filter(|id| id.starts_with(prefix)).collect()
    };
    let account = listed["account"].as_str().unwrap();
    assert_eq!(ids("identity.account@1", &format!("arn:aws:iam::{account}:user/")), set(&listed["users"]));
    assert_eq!(ids("asset.resource@1", "arn:aws:s3:::"), set(&listed["buckets"]));
    let keys: BTreeMap<String, String> = serde_json::from_value(listed["keys"].clone()).unwrap();
    assert!(keys.values().any(|status| status == "Inactive") && keys.len() > 10);
    let collected: BTreeMap<String, String> = records("identity.credential@1")
        .iter()
        .filter(|record| record["native_id"].as_str().is_some_and(|id| id.starts_with("AKIA")))
        .map(|record| {
            let status = if record["attributes"]["status"] == "active" { "Active" } else { "Inactive" };
            (record["native_id"].as_str().unwrap().to_owned(), status.to_owned())
        })
        .collect();
    assert_eq!(collected, keys);
    assert_eq!(manifest["tenant"], listed["account"]);
    for kind in ["identity.account@1", "identity.credential@1"] {
        for population in populations(manifest, kind) {
            assert_eq!(
                (&population["verdict"], &population["rejected"]),
                (&"complete".into(), &0.into()),
                "{population}"
            );
        }
    }
    assert_eq!(manifest["rejected"], Value::Null, "no record was refused");
    assert_ne!(manifest["verdict"], "failed", "{}", summary(manifest));
}

#[test]
fn a_wrong_secret_is_said_and_kept_on_record() {
    let (server, listed) = or_skip!("moto, wrong secret", start(), "no Python packages: make setup-test");
    let workspace = Workspace::fresh();
    workspace.add_aws(&server.url(), listed["access_key_id"].as_str().unwrap());
    let wrong = workspace.exhibit().with("AWS_SECRET_ACCESS_KEY", "not/the/secret/that/belongs/to/the/key");
    wrong.run(&["source", "check", "aws-test"]).fails(1, &["error: aws-test: ", "SignatureDoesNotMatch"]);
    wrong.run(&["collect", "aws-test"]).fails(1, &["aws-test: the run failed: ", "SignatureDoesNotMatch"]);
    let status = wrong.run(&["status", "--format", "json"]).ok().json();
    let runs = status["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0]["verdict"], "failed");
    assert!(runs[0]["reason"].as_str().unwrap().contains("SignatureDoesNotMatch"), "{}", runs[0]["reason"]);
    assert_eq!(runs[0]["populations"], serde_json::json!([]), "nothing was collected");
    assert_eq!(wrong.run(&["evidence", "list", "--format", "json"]).ok().json(), serde_json::json!([]));
    wrong.run(&["check"]).ok();
}

#[test]
fn what_the_policy_withholds_is_named() {
    let (server, listed) = or_skip!("moto, withheld", start(), "no Python packages: make setup-test");
    let workspace = Workspace::fresh();
    // This user may read everything of IAM, and nothing of S3.
    let key = &listed["reader"];
    workspace.add_aws(&server.url(), key["access_key_id"].as_str().unwrap());
    let secret = key["secret_access_key"].as_str().unwrap();
    let exhibit = workspace.exhibit().with("AWS_SECRET_ACCESS_KEY", secret);
    let manifest = exhibit.run(&["collect", "aws-test", "--format", "json"]).json()[0].clone();
    eprintln!("{}", summary(&manifest));
    let buckets = populations(&manifest, "asset.resource@1")
        .find(|population| population["query"].as_str().is_some_and(|query| query.contains("bucket")))
        .expect("buckets were asked for");
    assert_ne!(buckets["verdict"], "complete");
    assert!(buckets["reason"].as_str().unwrap().contains("status 403"), "{}", buckets["reason"]);
    for population in populations(&manifest, "identity.account@1") {
        assert_eq!(population["verdict"], "complete", "what may be read is read: {population}");
    }
    assert_ne!(manifest["verdict"], "complete", "the run says that something is missing");
}

fn set(list: &Value) -> BTreeSet<String> {
    serde_json::from_value(list.clone()).expect("a list of texts")
}

fn populations<'a>(manifest: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    manifest["populations"].as_array().unwrap().iter().filter(move |population| population["kind"] == kind)
}

/// The run in a few lines, for whoever reads a failure.
fn summary(manifest: &Value) -> String {
    let mut text = format!("{}: {} {}\n", manifest["run"], manifest["verdict"], manifest["reason"]);
    for population in manifest["populations"].as_array().unwrap() {
        let of = |name: &str| population[name].to_string();
        text += &format!(
            "  {} {} {} {} ({})\n",
            of("kind"),
            of("emitted"),
            of("verdict"),
            of("reason"),
            of("query")
        );
    }
    text
}
