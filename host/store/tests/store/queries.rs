//! Control and period, datasets, filters.

use crate::world::*;
use exhibit_evidence::kind::Shape;
use exhibit_evidence::run::{Fill, Verdict};
use exhibit_evidence::time::Span;
use exhibit_store::{RunFilter, Standing, Store};
use std::collections::BTreeMap;

fn fill(control: &str, period: &str) -> Fill {
    Fill { control: control.parse().unwrap(), period: period.parse().unwrap(), kind: kind() }
}

#[test]
fn what_proves_a_control_for_a_period() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let mut runs = Vec::new();
    for (day, verdict) in [
        ("2026-03-04", Verdict::Complete),
        ("2026-03-05", Verdict::Partial("403".into())),
        ("2026-03-07", Verdict::Complete),
    ] {
        let stage = begin(&store, at(&format!("{day}T01:00:00Z")));
        let fills = vec![fill("AC-03", day), fill("AC-03-extra", day), fill("AC-04", "2026-W10")];
        let ends = ends(&kind(), Shape::State, true);
        runs.push(commit_with(stage, &ends, fills, verdict, &BTreeMap::new()).unwrap().0);
    }
    drop(store);
    let store = Store::open(dir.path(), options()).unwrap();
    let control = "AC-03".parse().unwrap();
    let proofs = store.proves(&control, &"2026-03-05".parse().unwrap()).unwrap();
    assert_eq!(proofs.len(), 1);
    assert_eq!((&proofs[0].run, proofs[0].standing), (&runs[1], Standing::Partial));
    assert!(store.proves(&control, &"2026-03-06".parse().unwrap()).unwrap().is_empty());
    let week = store.proves(&"AC-04".parse().unwrap(), &"2026-W10".parse().unwrap()).unwrap();
    assert_eq!(week.into_iter().map(|p| p.run).collect::<Vec<_>>(), runs);
    let span = Span { start: at("2026-03-05T00:00:00Z"), end: at("2026-03-08T00:00:00Z") };
    let covered = store.coverage(&control, span).unwrap();
    let periods: Vec<_> = covered.keys().map(ToString::to_string).collect();
    assert_eq!(periods, ["2026-03-05", "2026-03-07"]);
}

#[test]
fn datasets_and_filters() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let one = accounts(&store, at("2026-03-04T00:00:00Z"), &[("a", "1")]);
    let two = accounts(&store, at("2026-03-05T00:00:00Z"), &[("a", "1"), ("b", "1")]);
    let aws = "aws-prod".parse().unwrap();
    let stage = begin_of(&store, &aws, at("2026-03-06T00:00:00Z"));
    let (three, _) = commit(stage, &ends(&event_kind(), Shape::Event, true)).unwrap();
    let datasets = store.datasets().unwrap();
    let listed: Vec<_> = datasets
        .iter()
        .map(|d| (d.source.as_str(), d.last.kind.to_string(), d.runs, d.last.records))
        .collect();
    assert_eq!(
        listed,
        [
            ("aws-prod", "audit.activity@1".to_owned(), 1, 0),
            ("okta-prod", "identity.account@1".to_owned(), 2, 2)
        ]
    );
    let ids =
        |filter: RunFilter| -> Vec<_> { store.runs(&filter).unwrap().into_iter().map(|r| r.run).collect() };
    assert_eq!(ids(RunFilter::default()), [one.clone(), two.clone(), three.clone()]);
    assert_eq!(ids(RunFilter { source: Some(aws), span: None }), [three]);
    let span = Some(Span { start: at("2026-03-05T00:00:00Z"), end: at("2026-03-06T00:00:00Z") });
    assert_eq!(ids(RunFilter { source: None, span }), [two]);
    assert!(store.manifest(&run_id(at("2026-03-09T00:00:00Z"))).is_err());
}
