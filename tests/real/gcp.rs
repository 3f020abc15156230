//! Recordings of a real organisation on Google Cloud, replayed. They are beside the repository, never in it:
//! `../shared/apis`. The credential is a service account's key, whose token is revoked again and again in mid-run.

use exhibit_tests::google::{Recorded, gaps_are_said, native_ids};
use exhibit_tests::or_skip;
use exhibit_tests::tools::{run, text};
use exhibit_tests::workspace::Workspace;
use serde_json::Value;
use std::process::Command;

#[test]
fn an_organisation_that_was_recorded() {
    let workspace = Workspace::fresh();
    let recorded = Recorded::start(&workspace, "gcp.jsonl.gz", Some("project=j1-gc-integration-dev-v3"));
    let recorded = or_skip!("gcp, recorded", recorded, "no ../shared/apis with recordings");
    let exhibit = recorded.add_source(&workspace, "gcp", "gcp", &["--set", "organization=958457776463"]);
    let ran = exhibit.run(&["collect", "gcp-test", "--format", "json"]);
    assert!(matches!(ran.code, Some(0 | 1)) && !ran.stderr.contains("panicked"), "{ran}");
    let manifest = ran.json()[0].clone();
    gaps_are_said(&manifest);
    assert_eq!(manifest["tenant"], "organizations/958457776463", "{manifest}");

    let run_id = manifest["run"].as_str().unwrap();
    let shown = |kind: &str| exhibit.run(&["evidence", "show", run_id, "--kind", kind]).ok().json_lines();
    let counted = recorded.counted("count_gcp.py");
    let assets = shown("asset.resource@1");
    let of_type =
        |word: &str| native_ids(assets.iter().filter(|record| record["attributes"]["resource_type"] == word));
    for word in [
        "gcp:serviceusage:service",
        "gcp:storage:bucket",
        "gcp:cloudkms:key",
        "gcp:compute:network",
        "gcp:compute:subnetwork",
        "gcp:sqladmin:instance",
    ] {
        assert!(!counted[word].is_empty(), "{word} was recorded");
        assert_eq!(of_type(word), counted[word], "{word}");
    }
    let mut places = of_type("gcp:cloudresourcemanager:folder");
    places.extend(of_type("gcp:cloudresourcemanager:project"));
    assert_eq!(places, counted["places"]);
    for kind in ["identity.account@1", "identity.credential@1", "config.network_rule@1"] {
        assert_eq!(native_ids(&shown(kind)), counted[kind], "{kind}");
    }
    let grants = shown("identity.role_grant@1");
    let is_of_bucket =
        |record: &&Value| record["attributes"]["scope"].as_str().unwrap().starts_with("//storage.");
    let of_buckets = grants.iter().filter(is_of_bucket).count();
    assert_eq!(
        (of_buckets, grants.len() - of_buckets),
        (counted["bucket bindings"].len(), counted["bindings"].len())
    );

    exhibit.run(&["check"]).ok();
    for secret in ["recorded-token-1", "BEGIN PRIVATE KEY"] {
        let told = text(&run(Command::new("grep").args(["-rlF", secret]).arg(workspace.path())));
        assert_eq!(told, "", "{secret} is in the workspace");
    }
}
