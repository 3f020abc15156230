//! Recordings of a real Google Workspace customer, replayed. They are beside the repository, never in it: `../shared/apis`.

use exhibit_tests::google::{Recorded, gaps_are_said, native_ids};
use exhibit_tests::or_skip;
use exhibit_tests::workspace::Workspace;

#[test]
fn a_customer_that_was_recorded() {
    let workspace = Workspace::fresh();
    let recorded = Recorded::start(&workspace, "google-workspace.jsonl.gz", None);
    let recorded = or_skip!("google-workspace, recorded", recorded, "no ../shared/apis with recordings");
    let exhibit =
        recorded.add_source(&workspace, "google-workspace", "workspace", &["--set", "customer=C048tgq5f"]);
    let ran = exhibit.run(&["collect", "google-workspace-test", "--format", "json"]);
    assert!(matches!(ran.code, Some(0 | 1)) && !ran.stderr.contains("panicked"), "{ran}");
    let manifest = ran.json()[0].clone();
    gaps_are_said(&manifest);
    assert_eq!(manifest["tenant"], "C048tgq5f", "{manifest}");
    let run_id = manifest["run"].as_str().unwrap();
    let shown = |kind: &str| exhibit.run(&["evidence", "show", run_id, "--kind", kind]).ok().json_lines();
    let counted = recorded.counted("count_google_workspace.py");
    for kind in
        ["identity.account@1", "identity.group_membership@1", "identity.role_grant@1", "device.endpoint@1"]
    {
        assert!(!counted[kind].is_empty(), "{kind} was recorded");
        assert_eq!(native_ids(&shown(kind)), counted[kind], "{kind}");
    }
    let accounts = shown("identity.account@1");
    let enrolled = accounts.iter().filter(|record| record["attributes"]["mfa_status"] == "enrolled");
    assert_eq!(native_ids(enrolled), counted["enrolled"]);
}
