//! Joiners and leavers across systems, by hand: a directory and three other systems over six days. What is expected was
//! worked out on paper from the marks.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use exhibit_evidence::canonical::Value;
use exhibit_evidence::record::Record;
use exhibit_evidence::run::Verdict;
use exhibit_evidence::time::Timestamp;
use exhibit_package::people::{Finding, Gathering, Look, People, Row, State, is_complete};

/// The look on this day of March 2026, at six in the morning.
fn at(day: u32) -> Timestamp {
    format!("2026-03-{day:02}T06:00:00Z").parse().unwrap()
}

fn record(source: &str, id: &str, subject: Option<&str>, status: Option<&str>) -> Record {
    let status = status.map(|word| ("status".to_owned(), Value::String(word.to_owned())));
    Record {
        attributes: Value::object(status),
        kind: "identity.account@1".parse().unwrap(),
        native_id: id.to_owned(),
        occurred_at: None,
        source: source.parse().unwrap(),
        subject_key: subject.map(str::to_owned),
        tenant: "t".to_owned(),
        unknown: Vec::new(),
    }
}

/// Adds a system. `lists` says of each day whether a list was read and was whole: `c` complete, `p` partial, `-` none.
/// `accounts` says of each person what each list says: `a` active, `w` pending, `c` suspended, `?` without a status,
/// `.` not named.
fn system(gathering: &mut Gathering, source: &str, lists: &str, accounts: &[(&str, &str)]) {
    let looks = lists.chars().zip(1..).filter(|(list, _)| *list != '-');
    let looks: Vec<Look> = looks.map(|(list, day)| Look { at: at(day), complete: list == 'c' }).collect();
    gathering.system(source.parse().unwrap(), looks.clone());
    for (person, marks) in accounts {
        assert_eq!(marks.len(), looks.len(), "{person} in {source}");
        let subject = format!("person:{person}@example.com");
        for (mark, status) in
            [('a', Some("active")), ('w', Some("pending")), ('c', Some("suspended")), ('?', None)]
        {
            let held = marks.chars().zip(0..).filter(|(of, _)| *of == mark).map(|(_, at)| (at, at));
            let held: Vec<(u32, u32)> = held.collect();
            if !held.is_empty() {
                gathering.account(&record(source, person, Some(&subject), status), &held);
            }
        }
    }
}

fn row<'p>(people: &'p People, person: &str, source: &str) -> &'p Row {
    let key = format!("person:{person}@example.com");
    let found = people.rows.iter().find(|row| row.person == key && row.source.to_string() == source);
    found.unwrap_or_else(|| panic!("no row of {person} in {source}: {people:?}"))
}

/// Stay, join on the third day, leave on the fourth, be away for two days, be closed all along.
const DIRECTORY: [(&str, &str); 5] =
    [("ada", "aaaaaa"), ("bo", ".waaaa"), ("cy", "aaaccc"), ("di", "aaccaa"), ("ed", "cccccc")];

#[test]
fn whoever_joined_and_left_is_told_by_the_directory() {
    let mut gathering = Gathering::default();
    system(&mut gathering, "okta", "cccccc", &DIRECTORY);
    let people = gathering.reconcile(None);
    assert_eq!((people.joiners, people.leavers), (1, 1));
    let bo = row(&people, "bo", "okta");
    assert_eq!((bo.joined(), bo.left, bo.at_end), (Some(at(3)), None, State::Active));
    let cy = row(&people, "cy", "okta");
    // There on the first day already, so it is no joiner.
    assert_eq!((cy.active_from, cy.active_before, cy.joined()), (Some(at(1)), true, None));
    assert_eq!((cy.active_to, cy.left, cy.at_end), (Some(at(3)), Some(at(4)), State::Closed));
    // Away for two days, and back.
    let di = row(&people, "di", "okta");
    assert_eq!((di.joined(), di.active_to, di.left), (None, Some(at(6)), None));
    assert_eq!(row(&people, "ed", "okta").active_from, None);
    assert!(people.rows.iter().all(|row| row.findings.is_empty()), "the directory fits with itself");
}

#[test]
fn days_are_counted_from_look_to_look() {
    let mut gathering = Gathering::default();
    system(
        &mut gathering,
        "github",
        "cccccc",
        &[("cy", "aaaccc"), ("bo", "..aaaa"), ("fay", "..aaaa"), ("ed", "aa....")],
    );
    system(&mut gathering, "jira", "cccccc", &[("bo", "aaaaaa"), ("cy", "aaaaac")]);
    system(&mut gathering, "okta", "cccccc", &DIRECTORY);
    let people = gathering.reconcile(None);
    let found = |person: &str, source: &str| row(&people, person, source).findings.clone();
    assert_eq!(found("cy", "github"), [], "closed with the directory");
    assert_eq!(found("bo", "github"), [], "the directory had the account, if not in use");
    assert_eq!(found("fay", "github"), [Finding::NotInTheDirectory]);
    // The directory's account was closed on the first day already; active here until the second.
    assert_eq!(found("ed", "github"), [Finding::StayedAfterLeaving { days: 1 }]);
    assert_eq!(found("bo", "jira"), [Finding::BeforeTheDirectory { days: 1 }]);
    assert_eq!(found("cy", "jira"), [Finding::StayedAfterLeaving { days: 1 }]);
    assert_eq!(people.stragglers(), 2);
    assert_eq!(
        people.summary(),
        "joiners 1, leavers 1 by okta, reconciled across 3 systems: stragglers 2, before the directory 1, not in the directory 1"
    );
}

/// An incomplete list proves nobody's absence, and a day without a list proves nothing.
#[test]
fn only_a_complete_list_shows_that_somebody_is_gone() {
    let mut gathering = Gathering::default();
    system(&mut gathering, "github", "cccppp", &[("cy", "aaa..."), ("ada", "aaaa.a")]);
    system(&mut gathering, "okta", "cccccc", &DIRECTORY);
    let people = gathering.reconcile(None);
    let cy = row(&people, "cy", "github");
    assert_eq!((cy.active_to, cy.left, cy.at_end), (Some(at(3)), None, State::Unknown));
    assert_eq!(cy.findings, [Finding::Undecided], "left the directory on the fourth day");
    assert_eq!(row(&people, "ada", "github").findings, []);

    // The same with a complete list at the end: gone, and nothing to be said of the days before.
    let mut gathering = Gathering::default();
    system(&mut gathering, "github", "cccppc", &[("cy", "aaa...")]);
    system(&mut gathering, "okta", "cccccc", &DIRECTORY);
    let people = gathering.reconcile(None);
    let cy = row(&people, "cy", "github");
    assert_eq!((cy.left, cy.at_end, &cy.findings[..]), (Some(at(6)), State::Absent, &[][..]));

    // The directory was not read on the day on which it made an account: nobody was too early.
    let mut gathering = Gathering::default();
    system(&mut gathering, "jira", "cccc", &[("bo", "..aa")]);
    system(&mut gathering, "okta", "cc-c", &[("ada", "aaa"), ("bo", "..a")]);
    assert_eq!(row(&gathering.reconcile(None), "bo", "jira").findings, []);

    // A directory whose lists are all incomplete does not show who is not in it.
    let mut gathering = Gathering::default();
    system(&mut gathering, "jira", "cc", &[("fay", "aa")]);
    system(&mut gathering, "okta", "pp", &[("ada", "aa"), ("bo", "aa")]);
    assert_eq!(row(&gathering.reconcile(None), "fay", "jira").findings, []);
}

#[test]
fn the_directory_is_the_one_that_is_named() {
    let gathering = || {
        let mut gathering = Gathering::default();
        system(&mut gathering, "jira", "cc", &[("ada", "aa")]);
        system(&mut gathering, "okta", "cc", &[("ada", "aa"), ("bo", "aa")]);
        gathering
    };
    let people = gathering().reconcile(Some(&"jira".parse().unwrap()));
    assert_eq!(row(&people, "bo", "okta").findings, [Finding::NotInTheDirectory]);
    assert_eq!(gathering().reconcile(None).directory.unwrap().to_string(), "okta");
    assert_eq!(Gathering::default().reconcile(None), People::default());
}

/// Of several accounts of a person the one that lets them in counts; accounts of programs belong to nobody.
#[test]
fn several_accounts_and_none() {
    let mut gathering = Gathering::default();
    gathering.system(
        "aws".parse().unwrap(),
        vec![Look { at: at(1), complete: true }, Look { at: at(2), complete: true }],
    );
    let ada = Some("person:ada@example.com");
    gathering.account(&record("aws", "1", ada, Some("disabled")), &[(0, 1)]);
    gathering.account(&record("aws", "2", ada, Some("active")), &[(0, 0)]);
    gathering.account(&record("aws", "3", Some("account:aws:3"), Some("active")), &[(0, 1)]);
    gathering.account(&record("aws", "4", None, Some("active")), &[(0, 1)]);
    gathering.account(&record("aws", "5", Some("person:bo@example.com"), None), &[(0, 1)]);
    let people = gathering.reconcile(None);
    assert_eq!((people.systems[0].people, people.systems[0].others), (2, 2));
    let ada = row(&people, "ada", "aws");
    assert_eq!((ada.active_to, ada.left, ada.at_end), (Some(at(1)), Some(at(2)), State::Closed));
    assert_eq!(row(&people, "bo", "aws").at_end, State::Unknown);
}

#[test]
fn a_list_is_complete_where_all_its_parts_are() {
    let partial = Verdict::Partial("closed to the credential".to_owned());
    assert!(is_complete([&Verdict::Complete, &Verdict::Complete]));
    assert!(!is_complete([&Verdict::Complete, &partial]) && !is_complete([]));
}
