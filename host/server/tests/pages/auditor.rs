//! An auditor's view: one engagement, and nothing to press.

use super::hostile::crawl;
use super::html::text;
use super::world::{World, run_of};

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_reads_one_engagement_and_changes_nothing() {
    let world = World::shared();
    let seen = crawl(world, &world.auditor).await;
    for kind in [
        "/calendar?",
        "/controls/*/*?",
        "/evidence/*/*/record?key&run",
        "/runs/*?",
        "/runs/*/exchanges/*?at",
        "/ledger/*?",
        "/seals?",
    ] {
        assert!(seen.contains_key(kind), "{kind}");
    }
    for path in seen.values().flatten() {
        let page = world.get(path, &world.auditor).await.text;
        assert!(!page.contains("method=\"post\""), "{path} has a form");
        // Runs of the engagement alone are named, by their names or by their days.
        for day in [9, 21] {
            let run = run_of("github-prod", day);
            assert!(!page.contains(run.as_str()), "{path} names {run}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_outside_the_engagement_is_not_there() {
    let world = World::shared();
    let (inside, outside) = (run_of("okta-prod", 14), run_of("okta-prod", 25));
    for (path, status) in [
        (format!("/runs/{inside}"), 200),
        (format!("/runs/{outside}"), 404),
        (format!("/runs/{outside}/exchanges"), 404),
        (format!("/runs/{outside}/exchanges/0.0.0"), 404),
        (format!("/runs/{outside}/log"), 404),
        (format!("/runs/{outside}/rejections"), 404),
        (format!("/evidence/okta-prod/identity.account@1?run={inside}"), 200),
        (format!("/evidence/okta-prod/identity.account@1?run={outside}"), 404),
        (format!("/evidence/okta-prod/identity.account@1/record?key=u003&run={outside}"), 404),
        ("/controls/AC-01/2026-01-14".to_owned(), 200),
        ("/controls/AC-01/2026-01-25".to_owned(), 403),
        ("/calendar?period=2026".to_owned(), 403),
        ("/calendar?period=2026-01-12..2026-01-13".to_owned(), 200),
        ("/sources".to_owned(), 403),
        ("/sources/okta-prod".to_owned(), 403),
        ("/sources/okta-prod/approval".to_owned(), 403),
        (format!("/ledger/{}", world.host().store.leaf_of(&outside).unwrap()), 404),
    ] {
        assert_eq!(world.get(&path, &world.auditor).await.status, status, "{path}");
        assert_eq!(world.get(&path, "exhibit_forged").await.status, 401, "{path}");
    }
    // A record's history ends where the engagement does, and its first step is what was seen first in it.
    let record = world.get("/evidence/okta-prod/identity.account@1/record?key=u003", &world.auditor).await;
    let words = text(&record.text);
    assert!(words.contains("Changed 2026-01-12 06:00") && !words.contains("2026-01-01"), "{words}");
    // Events of the engagement's days alone, whoever collected them.
    let acts =
        world.get("/evidence/okta-prod/audit.activity@1?from=2026-01-01&to=2026-01-31", &world.auditor).await;
    assert_eq!(acts.text.matches(">act-").count(), 2 * 11, "{}", text(&acts.text));
}
