//! The organisation keeps its story, whatever the seed, and is the same for the same seed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use exhibit_demo::calendar::{FIRST_DAY, LAST_DAY};
use exhibit_demo::org::people::{Account, AccountKind, Status};
use exhibit_demo::{Organisation, System};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::time::Timestamp;
use jiff::ToSpan;
use jiff::civil::Date;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

/// Organisations of several seeds, grown once.
static GROWN: LazyLock<Vec<Arc<Organisation>>> =
    LazyLock::new(|| [0, 1, 2, 7, 2026, u64::MAX].into_iter().map(Organisation::grow).collect());

/// Six in the morning, when a collector would look.
fn morning(day: Date) -> Timestamp {
    Timestamp::at_midnight(day).plus_ms(6 * 3_600_000)
}

fn days() -> impl Iterator<Item = Date> {
    std::iter::successors(Some(FIRST_DAY), |d| d.tomorrow().ok()).take_while(|d| *d <= LAST_DAY)
}

fn has_mfa(account: &Account, at: Timestamp) -> bool {
    account.factors(at).next().is_some()
}

/// Everything that a collector could see of the accounts at an instant, volatile fields too.
fn picture(organisation: &Organisation, at: Timestamp) -> String {
    let line = |a: &Account| {
        let factors: Vec<&str> = a.factors(at).map(|f| f.what.id.as_str()).collect();
        format!("{} {} {:?} {:?} {factors:?}\n", a.id, a.login, a.status(at), a.last_sign_in(at))
    };
    organisation.state_at(at).accounts().map(line).collect()
}

#[test]
fn a_seed_grows_one_organisation() {
    let at = morning(LAST_DAY);
    let again = Organisation::grow(1);
    let (one, two) = (&GROWN[1], &GROWN[2]);
    assert_eq!(picture(one, at), picture(&again, at));
    assert_ne!(picture(one, at), picture(two, at));
    assert_eq!(one.story(), again.story());
    assert_ne!(one.story(), two.story());
}

/// A demo that a reader was shown must be the demo that the next release shows. If this changes on purpose,
/// say so in the changelog and pin the new one.
#[test]
fn seed_one_is_pinned() {
    let organisation = &GROWN[1];
    let state = Digest::of(picture(organisation, morning(LAST_DAY))).short();
    let told = organisation.story().facts();
    let told: Vec<String> = told.iter().map(|f| format!("{} {} {}", f.first, f.last, f.text)).collect();
    let story = Digest::of(told.join("\n")).short();
    assert_eq!((state.as_str(), story.as_str()), ("8601120f56f0", "d5b0b7b44959"), "{}", told.join("\n"));
}

#[test]
fn a_few_hundred_people_come_and_go() {
    for organisation in GROWN.iter() {
        let seed = organisation.seed();
        let count = |day: Date, status: Status| {
            organisation.state_at(morning(day)).statuses().get(&status).copied().unwrap_or(0)
        };
        let (first, last) = (count(FIRST_DAY, Status::Active), count(LAST_DAY, Status::Active));
        assert!((200..=230).contains(&first), "seed {seed}: {first} at first");
        assert!((220..=250).contains(&last), "seed {seed}: {last} at last");
        let span = morning(FIRST_DAY)..=morning(LAST_DAY);
        let state = organisation.state_at(morning(LAST_DAY));
        let joined = state.accounts().filter(|a| span.contains(&a.created())).count();
        // Twenty-six weeks, two a week, and a contractor; the last week is cut short.
        assert!((48..=54).contains(&joined), "seed {seed}: {joined} joined");
        let logins: BTreeSet<&str> = state.accounts().map(|a| a.login.as_str()).collect();
        assert_eq!(logins.len(), state.accounts().count(), "seed {seed}: a login twice");
        assert!(logins.iter().all(|l| l.ends_with("@example.com") || l.ends_with("@example.org")));
    }
}

#[test]
fn the_story_happens_to_people() {
    for organisation in GROWN.iter() {
        let seed = organisation.seed();
        let story = organisation.story();
        let login = |login: &str| {
            let found = organisation.state_at(morning(LAST_DAY)).account_by_login(login);
            found.unwrap_or_else(|| panic!("seed {seed}: {login} is nobody"))
        };

        let lost = login(&story.mfa_lost.id);
        let without: Vec<Date> = days().filter(|d| !has_mfa(lost, morning(*d))).collect();
        assert_eq!(without.len(), 7, "seed {seed}");
        assert_eq!(without[0], story.mfa_lost.span.start.date().tomorrow().unwrap());
        assert!(without.iter().all(|d| lost.status(morning(*d)) == Some(Status::Active)));

        let late = login(&story.late_leaver.login);
        let (left, closed) = (story.late_leaver.left, story.late_leaver.deprovisioned);
        assert_eq!((closed.date() - left.date()).get_days(), 7);
        assert_eq!(late.status(left.plus_ms(1)), Some(Status::Active));
        assert_eq!(late.status(closed), Some(Status::Deprovisioned));
        assert!(late.last_sign_in(closed).is_some_and(|at| at <= left), "seed {seed}");

        let suspended = login(&story.suspended.id);
        let away = days().filter(|d| suspended.status(morning(*d)) == Some(Status::Suspended)).count();
        assert_eq!(away, 33, "seed {seed}");
        assert_eq!(login(&story.contractor.id).kind, AccountKind::Contractor);
        assert!(story.prompt_leavers.iter().any(|l| l.login == story.lingerer.login));
        assert_eq!(story.outage_day(System::Aws), None);
    }
}

#[test]
fn other_leavers_are_closed_on_the_day() {
    for organisation in GROWN.iter() {
        let seed = organisation.seed();
        let story = organisation.story();
        assert!(story.prompt_leavers.len() >= 20, "seed {seed}: {}", story.prompt_leavers.len());
        for leaver in &story.prompt_leavers {
            assert_eq!(leaver.left.date(), leaver.deprovisioned.date());
            let account = organisation.state_at(leaver.left).account_by_login(&leaver.login).unwrap();
            assert_eq!(account.status(leaver.left), Some(Status::Active), "seed {seed}: {}", leaver.login);
            assert_eq!(account.status(leaver.deprovisioned), Some(Status::Deprovisioned));
            assert!(account.last_sign_in(morning(LAST_DAY)) < Some(leaver.deprovisioned));
        }
    }
}

/// Two accounts elsewhere outlive the identity provider's, another comes before it.
#[test]
fn three_accounts_elsewhere_do_not_fit() {
    for organisation in GROWN.iter() {
        let (seed, story) = (organisation.seed(), organisation.story());
        let end = organisation.state_at(morning(LAST_DAY));
        let straggler = &story.straggler;
        let account = end.account_by_login(&straggler.login).unwrap();
        assert_eq!(account.status(straggler.span.start), Some(Status::Deprovisioned), "seed {seed}");
        assert_eq!((straggler.span.end.date() - straggler.span.start.date()).get_days(), 18);
        assert!(straggler.span.end < morning(LAST_DAY) && straggler.system == System::GitHub);
        let early = &story.early;
        let account = end.account_by_login(&early.login).unwrap();
        assert_eq!(account.created(), early.span.end, "seed {seed}");
        assert_eq!((early.span.end.date() - early.span.start.date()).get_days(), 9);
        assert!(early.span.start > morning(FIRST_DAY) && early.system == System::Jira);
        assert_ne!(straggler.login, early.login);
        let stayed = &story.azure.stayed;
        let account = end.account_by_login(&stayed.login).unwrap();
        assert_eq!(account.status(stayed.span.start), Some(Status::Deprovisioned), "seed {seed}");
        assert_eq!((stayed.span.end.date() - stayed.span.start.date()).get_days(), 12);
        assert!(stayed.span.start > morning(FIRST_DAY) && stayed.system == System::Azure);
        assert!(stayed.span.end < morning(LAST_DAY) && stayed.login != straggler.login, "seed {seed}");
    }
}

#[test]
fn days_that_the_host_misses_are_working_days_apart() {
    for organisation in GROWN.iter() {
        let seed = organisation.seed();
        let story = organisation.story();
        let outage = story.outage_day(System::Okta).unwrap();
        assert!((outage - story.missed_day).get_days() > 20, "seed {seed}");
        for day in [outage, story.missed_day] {
            assert!(day.weekday().to_monday_one_offset() <= 5 && FIRST_DAY < day && day < LAST_DAY);
        }
    }
}

#[test]
fn nobody_else_is_without_a_second_factor() {
    for organisation in GROWN.iter() {
        let seed = organisation.seed();
        let lost = &organisation.story().mfa_lost;
        for day in days() {
            let at = morning(day);
            let open = |a: &&Account| a.kind != AccountKind::Service && a.status(at) == Some(Status::Active);
            let accounts = organisation.state_at(at).accounts().filter(open);
            let without: Vec<&str> = accounts.filter(|a| !has_mfa(a, at)).map(|a| a.login.as_str()).collect();
            let expected: &[&str] = if lost.span.contains(at) { &[&lost.id] } else { &[] };
            assert_eq!(without, expected, "seed {seed}, {day}");
        }
    }
}

#[test]
fn the_quiet_days_look_alike_and_others_do_not() {
    for organisation in GROWN.iter() {
        let seed = organisation.seed();
        let (first, last) = organisation.story().quiet_days;
        assert_eq!(first.checked_add(1.day()).unwrap(), last);
        let look = |day| picture(organisation, morning(day));
        assert_eq!(look(first), look(last), "seed {seed}");
        let (monday, tuesday) = (last.checked_add(1.day()).unwrap(), last.checked_add(2.days()).unwrap());
        assert_ne!(look(monday), look(tuesday), "seed {seed}");
    }
}

#[test]
fn the_story_is_told_in_order_and_inside_the_half_year() {
    for organisation in GROWN.iter() {
        let (seed, facts) = (organisation.seed(), organisation.story().facts());
        assert_eq!(facts.len(), 32, "seed {seed}");
        assert!(facts.is_sorted_by_key(|f| f.first));
        let inside = |f: &exhibit_demo::Fact| FIRST_DAY <= f.first && f.first <= f.last && f.last <= LAST_DAY;
        assert!(facts.iter().all(inside), "seed {seed}");
    }
}
