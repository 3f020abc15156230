//! Populations over made-up lists: what is complete, and of everything else what the verdict says.

use super::*;
use exhibit_evidence::run::Verdict;
use proptest::prelude::*;

#[derive(Default)]
struct Made(BTreeMap<WalkId, (Walk, Option<u16>)>);

impl Lists for Made {
    fn page(&self, id: ExchangeId) -> Option<ListPage> {
        let (walk, status) = self.0.get(&id.walk())?;
        let failed = matches!(walk.stop, Stop::Failed { .. }) && id.page == walk.pages;
        (id.page < walk.pages || failed).then(|| ListPage {
            items: walk.items.clone(),
            received: walk.received_by_page.get(id.page as usize).copied(),
            status: status.filter(|_| failed),
        })
    }

    fn walk(&self, id: WalkId) -> Option<Walk> {
        self.0.get(&id).map(|(walk, _)| walk.clone())
    }
}

impl Made {
    /// A list with its items at `items`, so many a page.
    fn list(mut self, call: u32, items: &str, pages: &[u32], stop: Stop) -> Self {
        let walk = Walk {
            id: WalkId { call, index: 0 },
            list: format!("GET https://a.example/{call}"),
            scheme: "link-header".into(),
            items: Some(items.into()),
            pages: u32::try_from(pages.len()).unwrap(),
            received: Some(pages.iter().map(|n| u64::from(*n)).sum()),
            received_by_page: pages.to_vec(),
            source_total: None,
            stop,
        };
        self.0.insert(walk.id, (walk, None));
        self
    }

    /// A single request, answered with `status`.
    fn single(mut self, call: u32, status: u16) -> Self {
        let good = status < 300;
        let reason = format!("page 0 was answered with status {status}");
        let walk = Walk {
            id: WalkId { call, index: 0 },
            list: format!("GET https://a.example/{call}"),
            scheme: "none".into(),
            items: None,
            pages: u32::from(good),
            received: None,
            received_by_page: vec![],
            source_total: None,
            stop: if good { Stop::Single } else { Stop::Failed { reason } },
        };
        self.0.insert(walk.id, (walk, (!good).then_some(status)));
        self
    }

    fn total(mut self, call: u32, total: u64) -> Self {
        self.0.get_mut(&WalkId { call, index: 0 }).unwrap().0.source_total = Some(total);
        self
    }

    fn open(self) -> Reconciler {
        Reconciler::new("identity.account@1".parse().unwrap(), "all users", Arc::new(self))
    }
}

fn at(call: u32, page: u32, pointer: &str) -> Origin {
    Origin { exchange: ExchangeId { call, index: 0, page }, pointer: pointer.into() }
}

fn accept(population: &mut Reconciler, origins: &[Origin]) {
    population.cite(origins, ItemOutcome::Accepted);
}

fn partial(population: &Reconciler) -> String {
    match population.conclude().verdict {
        Verdict::Partial(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_items_of_all_pages_are_complete() {
    let mut population = Made::default().list(0, "", &[2, 1], Stop::End).total(0, 3).open();
    accept(&mut population, &[at(0, 0, "/0"), at(0, 0, "/0/profile/login")]);
    accept(&mut population, &[at(0, 0, "/1")]);
    accept(&mut population, &[at(0, 1, "/0/id")]);
    population.seal(Some(3)).unwrap();
    let facts = population.conclude();
    assert_eq!(facts.verdict, Verdict::Complete);
    assert_eq!(facts.basis, Basis::HostPaged);
    assert_eq!((facts.lists, facts.pages, facts.received, facts.covered), (1, 2, 3, 3));
    assert_eq!((facts.emitted, facts.source_total, facts.sealed), (3, Some(3), true));
    assert_eq!((facts.kind.to_string(), facts.query), ("identity.account@1".into(), "all users".into()));
}

#[test]
fn an_item_that_became_nothing_is_missed() {
    let mut population = Made::default().list(0, "/users", &[3], Stop::End).open();
    accept(&mut population, &[at(0, 0, "/users/0")]);
    accept(&mut population, &[at(0, 0, "/users/0/groups/1")]);
    population.seal(None).unwrap();
    let reason = partial(&population);
    assert_eq!(reason, "of 3 items received, 1 became records and 0 were filtered: 2 are unaccounted for");
    population.filtered(2, "service accounts");
    assert_eq!(population.conclude().verdict, Verdict::Complete);
    population.filtered(1, " service accounts ");
    assert_eq!(
        partial(&population),
        "3 items were received, but 1 became records and 3 were filtered: 1 too many"
    );
    assert_eq!(population.conclude().filtered, BTreeMap::from([("service accounts".to_owned(), 3)]));
}

#[test]
fn xml_items_are_found_by_their_paths() {
    let items = "/ListUsersResponse/ListUsersResult/Users/member";
    let mut population = Made::default().list(4, items, &[11], Stop::End).open();
    for index in 0..11 {
        accept(&mut population, &[at(4, 0, &format!("{items}/{index}"))]);
    }
    population.seal(None).unwrap();
    assert_eq!(population.conclude().verdict, Verdict::Complete);
}

#[test]
fn nothing_is_complete_before_it_is_sealed_or_without_a_list() {
    let mut population = Made::default().list(0, "", &[1], Stop::End).open();
    accept(&mut population, &[at(0, 0, "/0")]);
    assert_eq!(partial(&population), "the connector did not seal it");
    population.seal(None).unwrap();
    assert!(population.seal(None).unwrap_err().contains("sealed already") && population.is_sealed());

    let mut empty = Made::default().open();
    empty.seal(Some(0)).unwrap();
    assert!(partial(&empty).starts_with("no list feeds it"));
    assert_eq!(empty.conclude().basis, Basis::ConnectorAsserted);
}

#[test]
fn an_empty_list_that_is_named_is_complete_with_nothing_in_it() {
    let mut population = Made::default().list(0, "", &[0], Stop::End).open();
    population.feeds("0.0.0".parse().unwrap()).unwrap();
    population.seal(Some(0)).unwrap();
    let facts = population.conclude();
    assert_eq!((facts.verdict, facts.lists, facts.emitted), (Verdict::Complete, 1, 0));
    let error = population.feeds("9.0.0".parse().unwrap()).unwrap_err();
    assert!(error.contains("exchange 9.0.0 was not made"), "{error}");
}

#[test]
fn lists_that_did_not_end_are_named_with_their_reason() {
    for (stop, part) in [
        (Stop::Abandoned, "the connector stopped asking after page 0, and there was more"),
        (
            Stop::Guard { reason: "page 1: it is page 0 again".into() },
            "paging stopped: page 1: it is page 0 again",
        ),
        (
            Stop::Failed { reason: "page 1 was answered with status 502".into() },
            "page 1 was answered with status 502",
        ),
    ] {
        let mut population = Made::default().list(0, "", &[1], stop).open();
        accept(&mut population, &[at(0, 0, "/0")]);
        population.seal(None).unwrap();
        let reason = partial(&population);
        assert!(
            reason.starts_with("GET https://a.example/0: ") && reason.ends_with(part)
                || reason.contains(part),
            "{reason}"
        );
    }
}

#[test]
fn the_sources_total_and_the_connectors_are_held_against_the_count() {
    let mut population = Made::default().list(0, "", &[2], Stop::End).total(0, 5).open();
    accept(&mut population, &[at(0, 0, "/0")]);
    accept(&mut population, &[at(0, 0, "/1")]);
    population.seal(Some(7)).unwrap();
    assert_eq!(
        partial(&population),
        "GET https://a.example/0: the source states 5 items and gave 2; the connector expected 7 records, 2 were accepted"
    );
}

#[test]
fn refused_items_are_covered_but_the_population_lacks_them() {
    let mut population = Made::default().list(0, "", &[2], Stop::End).open();
    accept(&mut population, &[at(0, 0, "/0")]);
    population.cite(&[at(0, 0, "/1")], ItemOutcome::Rejected);
    population.seal(None).unwrap();
    let facts = population.conclude();
    assert_eq!((facts.received, facts.covered, facts.emitted, facts.rejected), (2, 2, 1, 1));
    assert_eq!(facts.verdict.reason(), Some("items that intake refused: 1, see the rejections"));
}

#[test]
fn repeated_records_cover_once() {
    let mut population = Made::default().list(0, "", &[1], Stop::End).open();
    accept(&mut population, &[at(0, 0, "/0")]);
    population.cite(&[at(0, 0, "/0")], ItemOutcome::Repeated);
    population.seal(Some(1)).unwrap();
    let facts = population.conclude();
    assert_eq!((facts.verdict, facts.covered, facts.repeated), (Verdict::Complete, 1, 1));
}

/// A membership cites its member first and its group beside; groups without members are no gap.
#[test]
fn what_is_cited_beside_the_first_item_supports_and_does_not_feed() {
    let made = Made::default().list(0, "", &[3], Stop::End).list(1, "", &[1], Stop::End).list(
        2,
        "",
        &[0],
        Stop::End,
    );
    let mut population = made.single(3, 403).open();
    population.feeds("2.0.0".parse().unwrap()).unwrap();
    accept(&mut population, &[at(3, 0, ""), at(1, 0, "/0"), at(0, 0, "/2")]);
    population.seal(None).unwrap();
    let facts = population.conclude();
    assert_eq!((facts.lists, facts.received, facts.covered), (2, 1, 1));
    assert_eq!((facts.verdict, facts.basis), (Verdict::Complete, Basis::HostPaged));
}

#[test]
fn single_requests_are_the_connectors_word() {
    let mut population = Made::default().single(0, 200).open();
    accept(&mut population, &[at(0, 0, "/0")]);
    accept(&mut population, &[at(0, 0, "/1")]);
    population.seal(None).unwrap();
    let facts = population.conclude();
    assert_eq!((facts.verdict, facts.basis), (Verdict::Complete, Basis::ConnectorAsserted));
    assert_eq!((facts.lists, facts.received, facts.covered, facts.emitted), (1, 0, 0, 2));
}

#[test]
fn error_statuses_of_feeding_requests_are_named_but_a_cited_404_states_absence() {
    let conclude = |status: u16, cited: bool| {
        let mut population = Made::default().single(0, status).open();
        if cited {
            accept(&mut population, &[at(0, 0, "")]);
        }
        population.feeds("0.0.0".parse().unwrap()).unwrap();
        population.seal(None).unwrap();
        population.conclude()
    };
    for (status, cited) in [(403, true), (500, true), (404, false)] {
        let reason = format!("GET https://a.example/0: page 0 was answered with status {status}");
        assert_eq!(conclude(status, cited).verdict, Verdict::Partial(reason));
    }
    let facts = conclude(404, true);
    assert_eq!((facts.verdict, facts.basis), (Verdict::Complete, Basis::ConnectorAsserted));
}

#[test]
fn citations_that_lead_nowhere_are_told() {
    let mut population = Made::default().list(0, "", &[1], Stop::End).open();
    accept(&mut population, &[at(0, 0, "/0"), at(8, 0, "/0")]);
    accept(&mut population, &[at(0, 0, "/5")]);
    accept(&mut population, &[at(0, 9, "/0")]);
    accept(&mut population, &[]);
    accept(&mut population, &[at(0, 0, &format!("/{}", u64::MAX))]);
    population.seal(None).unwrap();
    assert_eq!(
        partial(&population),
        "items that cite no exchange: 1; citations of exchanges that were not made: 2, the first 8.0.0; citations of items that were not received: 2, the first item 5 of exchange 0.0.0, which has 1"
    );
}

#[test]
fn a_citation_of_the_whole_page_covers_no_item() {
    let mut population = Made::default().list(0, "/v", &[2], Stop::End).open();
    accept(&mut population, &[at(0, 0, "")]);
    accept(&mut population, &[at(0, 0, "/v")]);
    accept(&mut population, &[at(0, 0, "/value/0")]);
    population.seal(None).unwrap();
    assert!(partial(&population).starts_with("of 2 items received, 0 became records"));
}

#[test]
fn what_the_connector_misses_is_said_once_and_first() {
    let mut made = Made::default().list(9, "", &[0], Stop::End);
    for call in 0..4 {
        made = made.single(call, 403);
    }
    let mut population = made.open();
    population.feeds("9.0.0".parse().unwrap()).unwrap();
    for call in 0..4 {
        population.feeds(ExchangeId { call, index: 0, page: 0 }).unwrap();
        population.incomplete("answered 403: E0000006: not permitted");
    }
    population.incomplete("the log is kept for 90 days");
    let first = "answered 403: E0000006: not permitted (4 times); the log is kept for 90 days; page 0 was answered with \
                 status 403: 4 lists, the first GET https://a.example/0";
    assert_eq!(partial(&population), first);
    population.seal(None).unwrap();
    assert_eq!(partial(&population), first, "sealing makes it no better");
}

#[test]
fn reasons_and_problems_are_bounded() {
    let mut made = Made::default();
    for call in 0..20 {
        made = made.single(call, 500);
    }
    let mut population = made.open();
    for call in 0..20 {
        population.feeds(ExchangeId { call, index: 0, page: 0 }).unwrap();
    }
    for n in 0..100 {
        let reason = format!("reason {n} {}", "x".repeat(500));
        population.filtered(1, &reason);
        population.incomplete(&reason);
    }
    population.filtered(1, "");
    let facts = population.conclude();
    assert_eq!(facts.filtered.len(), MAX_REASONS + 1);
    assert_eq!(facts.filtered[OTHER_REASONS], 37);
    assert!(facts.filtered.keys().all(|reason| reason.chars().count() <= MAX_REASON_CHARS));
    let reason = facts.verdict.reason().unwrap();
    assert!(reason.ends_with("; and 61 more"), "64 reasons, the others, the lists; 5 are named: {reason}");
    assert!(reason.chars().count() < 6 * MAX_REASON_CHARS);
}

/// A run whose manifest could not be written would not be on record.
#[test]
fn no_claim_is_too_large_to_be_written_down() {
    let lists = Made::default().list(0, "", &[1], Stop::End).total(0, MAX_COUNT);
    let mut population = lists.list(1, "", &[1], Stop::End).total(1, MAX_COUNT).open();
    accept(&mut population, &[at(0, 0, "/0")]);
    accept(&mut population, &[at(1, 0, "/0")]);
    population.filtered(u64::MAX, "out of scope");
    population.filtered(u64::MAX, "out of scope");
    population.seal(Some(u64::MAX)).unwrap();
    let facts = population.conclude();
    assert_eq!((facts.source_total, facts.filtered["out of scope"]), (Some(MAX_COUNT), MAX_COUNT));
    assert!(exhibit_evidence::canonical::to_bytes(&facts).is_ok());
}

#[test]
fn a_hundred_thousand_records_are_cheap() {
    let pages = vec![200; 500];
    let mut population = Made::default().list(0, "/users", &pages, Stop::End).open();
    for page in 0..500 {
        for index in 0..200 {
            accept(&mut population, &[at(0, page, &format!("/users/{index}"))]);
        }
    }
    population.seal(Some(100_000)).unwrap();
    let facts = population.conclude();
    assert_eq!((facts.verdict, facts.covered), (Verdict::Complete, 100_000));
    let words: usize = population.known.values().flat_map(|l| l.pages.values()).map(|p| p.bits.len()).sum();
    assert_eq!(words, 500 * 4, "one bit an item, in words of 64");
}

proptest! {
    /// Complete exactly when every item is emitted or filtered; a set of indexes is the oracle.
    #[test]
    fn covered_is_the_number_of_different_items(
        pages in proptest::collection::vec(0_u32..70, 1..5),
        cited in proptest::collection::vec((0_u32..5, 0_u32..70), 0..200),
    ) {
        let mut population = Made::default().list(0, "/v", &pages, Stop::End).open();
        population.feeds("0.0.0".parse().unwrap()).unwrap();
        let mut items = std::collections::BTreeSet::new();
        for (page, index) in cited {
            if pages.get(page as usize).is_some_and(|count| index < *count) {
                items.insert((page, index));
                accept(&mut population, &[at(0, page, &format!("/v/{index}/id"))]);
            }
        }
        let received: u32 = pages.iter().sum();
        population.filtered(u64::from(received) - items.len() as u64, "left out");
        population.seal(None).unwrap();
        let facts = population.conclude();
        prop_assert_eq!(facts.covered, items.len() as u64);
        prop_assert_eq!(facts.verdict, Verdict::Complete);
    }
}
