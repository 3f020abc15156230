//! Pages against what the organisation was made of.

use super::html::{self, Tag, text, unescape};
use super::world::{self, ACCOUNTS, CHANGED, World, account, run_of};
use std::collections::BTreeSet;

/// The rows of a page's tables, each as its text.
fn rows(page: &str) -> Vec<String> {
    page.split("<tr").skip(1).map(|row| text(&format!("<tr{}", row.split("</tr>").next().unwrap()))).collect()
}

fn links(page: &str) -> Vec<(String, String)> {
    let tags = html::check(page, "a page");
    tags.iter()
        .filter(|tag| tag.name == "a")
        .filter_map(|tag: &Tag| Some((tag.get("href")?.to_owned(), tag.text.clone())))
        .collect()
}

/// The addresses of all parts of a list, by following "next".
async fn parts(world: &World, path: &str) -> Vec<String> {
    let mut pages = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let page = world.page(&path).await;
        let tags = html::check(&page, &path);
        next = tags
            .iter()
            .find(|tag| tag.get("rel") == Some("next") && tag.get("class") == Some("button"))
            .map(|tag| tag.get("href").unwrap().to_owned());
        pages.push(page);
        assert!(pages.len() < 50, "a list ends");
    }
    pages
}

#[tokio::test(flavor = "multi_thread")]
async fn the_year_tells_of_every_day_what_became_of_it() {
    let world = World::shared();
    let year = world.page("/calendar").await;
    assert!(text(&year).contains("2026 at a glance"));
    let row = rows(&year).into_iter().find(|row| row.starts_with("AC-01")).unwrap();
    // January: 31 days, of which one was missed, one partial, one failed. February: nine days are over.
    assert!(row.contains("January 2026: 28 filled of / 31 1 partial 1 failed 1 missed"), "{row}");
    assert!(row.contains("February 2026: 0 filled of / 9 9 missed"), "{row}");
    assert!(row.contains("March 2026: – not over yet"), "{row}");
    // Mondays of January 2026 by `cal`: 5, 12, 19, 26. okta-prod was not looked at on the 5th, so the acts of that morning
    // are nobody's; the last run, on the 31st, saw the fourth week up to that day.
    let weekly = rows(&year).into_iter().find(|row| row.starts_with("AC-09")).unwrap();
    assert!(weekly.contains("January 2026: 2 filled of / 4 1 partial 1 missed"), "{weekly}");
    let of_all = |class: &str| year.matches(&format!("<i class=\"{class}\">")).count();
    // The quarterly control has no source: its first quarter is open. 365 days, 52 weeks, 4 quarters.
    let boxes: usize =
        ["filled", "late", "partial", "failed", "missed", "open"].into_iter().map(of_all).sum();
    assert_eq!(boxes, 365 + 52 + 4);
    let gaps = world.page("/calendar?show=gaps&period=2026-H2").await;
    assert!(gaps.contains("No control has a gap in this time"), "{}", text(&gaps));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_names_its_gaps_and_leads_to_each_day() {
    let world = World::shared();
    let page = world.page("/controls/AC-01?period=2026-01").await;
    let gaps: Vec<String> = rows(&page).into_iter().filter(|row| row.starts_with("2026-01-0")).collect();
    assert_eq!(gaps.len(), 3, "{gaps:?}");
    assert!(
        gaps[0].starts_with("2026-01-05 missed") && gaps[0].contains("nobody looked in this period"),
        "{gaps:?}"
    );
    assert!(gaps[1].starts_with("2026-01-07 partial") && gaps[1].contains("403 on /factors"), "{gaps:?}");
    assert!(gaps[2].starts_with("2026-01-09 failed") && gaps[2].contains("503 three times"), "{gaps:?}");
    let days: BTreeSet<String> = links(&page)
        .into_iter()
        .map(|(href, _)| href)
        .filter(|href| href.starts_with("/controls/AC-01/2026-01-"))
        .collect();
    assert_eq!(days.len(), 31);
    let words = text(&page);
    // Each source was looked at on 31 days; okta-prod on all but one, and found 120 accounts on the last.
    assert!(words.contains("github-prod state 31 2026-01-31 06:00 120"), "{words}");
    assert!(words.contains("okta-prod state 30 2026-01-31 06:00 120"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_year_to_the_exchange_of_a_record_in_four_steps() {
    let world = World::shared();
    let find = |page: &str, wanted: &dyn Fn(&str) -> bool| {
        links(page).into_iter().map(|(href, _)| href).find(|href| wanted(href)).unwrap()
    };
    let year = world.page("/calendar").await;
    let control = find(&year, &|href| href.starts_with("/controls/AC-01?"));
    let control = world.page(&control).await;
    let day = find(&control, &|href| href == "/controls/AC-01/2026-01-14");
    let day = world.page(&day).await;
    let record =
        find(&day, &|href| href.starts_with("/evidence/okta-prod/identity.account@1/record?key=u003"));
    let record = world.page(&record).await;
    assert!(
        text(&record).contains("mfa status Whether a second factor is set up. not_enrolled"),
        "{}",
        text(&record)
    );
    let exchange = find(&record, &|href| href.contains("/exchanges/0.0.0?at=%2F3#fact"));
    let exchange = world.page(exchange.split('#').next().unwrap()).await;
    let marked = exchange.split("<mark id=\"fact\">").nth(1).unwrap().split("</mark>").next().unwrap();
    let marked: serde_json::Value =
        serde_json::from_str(unescape(marked).trim().trim_end_matches(',')).unwrap();
    assert_eq!(marked, account(3, 14));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_tells_how_it_was_before() {
    let world = World::shared();
    let page = world.page("/evidence/okta-prod/identity.account@1/record?key=u003").await;
    let history: Vec<String> = page
        .split("<ol class=\"timeline\">")
        .nth(1)
        .unwrap()
        .split("</ol>")
        .next()
        .unwrap()
        .split("<li>")
        .skip(1)
        .map(text)
        .collect();
    // Runs that were not complete did not see it; the next complete one did.
    let expected = [
        "Added 2026-01-01 06:00".to_owned(),
        "Not observed: the list was not complete 2026-01-07 06:00".to_owned(),
        "Seen again, as it was 2026-01-08 06:00".to_owned(),
        "Not observed: the list was not complete 2026-01-09 06:00".to_owned(),
        "Seen again, as it was 2026-01-10 06:00".to_owned(),
        format!("Changed 2026-01-{CHANGED} 06:00 mfa status enrolled → not_enrolled"),
    ];
    assert_eq!(history, expected);
    let event = world.page("/evidence/okta-prod/audit.activity@1").await;
    let acts = rows(&event).iter().filter(|row| row.contains("act-")).count();
    // Two acts a day, of the seven days before the last look: it saw those of the days before it.
    assert_eq!(acts, 12, "{}", text(&event));
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_come_in_parts_and_whole() {
    let world = World::shared();
    let run = run_of("github-prod", 3);
    let pages = parts(world, &format!("/evidence/github-prod/identity.account@1?run={run}")).await;
    let mut ids = Vec::new();
    for page in &pages {
        ids.extend(
            links(page).into_iter().filter(|(href, _)| href.contains("/record?key=")).map(|(href, _)| href),
        );
    }
    let different: BTreeSet<&String> = ids.iter().collect();
    assert_eq!((ids.len(), different.len(), pages.len()), (ACCOUNTS, ACCOUNTS, 3));
    let runs = parts(world, "/runs").await;
    let listed: BTreeSet<String> = runs
        .iter()
        .flat_map(|page| links(page))
        .map(|(href, _)| href)
        .filter(|href| href.starts_with("/runs/2026"))
        .collect();
    assert_eq!(listed.len(), 31 + 30);
    let okta = parts(world, "/runs?source=okta-prod").await;
    let listed: BTreeSet<String> = okta
        .iter()
        .flat_map(|page| links(page))
        .map(|(href, _)| href)
        .filter(|href| href.starts_with("/runs/2026"))
        .collect();
    assert_eq!(listed.len(), 30);
    let leaves: BTreeSet<String> = parts(world, "/ledger")
        .await
        .iter()
        .flat_map(|page| links(page))
        .map(|(href, _)| href)
        .filter(|href| href.strip_prefix("/ledger/").is_some_and(|leaf| leaf.parse::<u64>().is_ok()))
        .collect();
    assert_eq!(leaves.len() as u64, world.host().store.head().size);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_says_why_its_lists_are_complete() {
    let world = World::shared();
    let page = text(&world.page(&format!("/runs/{}", run_of("okta-prod", 14))).await);
    for said in [
        "122 records 2 lists",
        "4 exchanges none failed",
        "1 rejected 1 schema",
        "1 lines of log",
        "1 list, 3 pages",
        "122 (the source's own total: 122)",
        "120 became at least one record",
        "120 accepted, 1 rejected, 0 repeated",
        "host-paged",
        "the source declared the end",
        "-3 to 17 ms against the servers' clocks",
        "after 61 s",
        "made-up (bearer): attached by the host, never seen by the connector",
    ] {
        assert!(page.contains(said), "`{said}` in {page}");
    }
    let leaf = world.host().store.leaf_of(&run_of("okta-prod", 14)).unwrap();
    let proof = world.host().store.proof(leaf).unwrap();
    let shown = unescape(&world.page(&format!("/ledger/{leaf}")).await);
    assert!(shown.contains(&String::from_utf8(proof.to_bytes()).unwrap()));
    let failed = text(&world.page(&format!("/runs/{}", run_of("okta-prod", world::FAILED))).await);
    assert!(failed.contains("failed 503 three times"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_days_differ_in_what_was_changed_between_them() {
    let world = World::shared();
    let page = world.page("/changes?from=2026-01-10&to=2026-01-14").await;
    let lists: Vec<String> =
        rows(&page).into_iter().filter(|row| row.contains("identity.account@1")).collect();
    // In both sources one account lost its second factor.
    assert_eq!(lists.len(), 2, "{lists:?}");
    assert!(
        lists.iter().all(|row| row.contains("prod 0 1 0 2026-01-10 06:00 and 2026-01-14 06:00")),
        "{lists:?}"
    );
    let events: Vec<String> =
        rows(&page).into_iter().filter(|row| row.contains("audit.activity@1")).collect();
    // Acts of 11 to 14 January: two a day.
    assert!(events.len() == 2 && events.iter().all(|row| row.ends_with("prod 8")), "{events:?}");
    let one = text(
        &world
            .page("/changes?from=2026-01-10&to=2026-01-14&source=okta-prod&kind=identity.account%401")
            .await,
    );
    assert!(one.contains("changed person003@example.com mfa status enrolled → not_enrolled"), "{one}");
    let same = text(&world.page("/changes?from=2026-01-14&to=2026-01-16").await);
    assert!(same.contains("Nothing differs in 2 lists."), "{same}");
}

#[tokio::test(flavor = "multi_thread")]
async fn today_says_what_needs_a_person() {
    let world = World::shared();
    let page = text(&world.page("/").await);
    assert!(
        page.contains("1 need a person")
            && page.contains("0 running of 2 sources")
            && page.contains("1 failing"),
        "{page}"
    );
    assert!(
        page.contains("cannot run github-prod")
            && page.contains("failing okta-prod , 3 runs since it was complete"),
        "{page}"
    );
    // The seven days before 10 February, and nobody looked on any.
    assert!(page.contains("2026-02-03 to 2026-02-09 (7 periods) missed AC-01"), "{page}");
    assert!(page.contains("okta-prod 2026-02-11 09:00 daily"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_in_words() {
    let world = World::shared();
    for (path, status, says) in [
        ("/runs/20260101T060000Z-ffffffff", 404, "there is no run"),
        ("/runs/nonsense", 404, "does not name a run"),
        ("/controls/ZZ-99", 404, "there is no control ZZ-99"),
        ("/controls/AC-09/2026-01-14", 404, "is weekly"),
        ("/controls/AC-01/2026-13", 404, "is not a period"),
        ("/calendar?period=soon", 400, "is not a period"),
        ("/calendar?period=1990..2030", 400, "two years at most"),
        ("/changes?from=2026-01-02&to=2026-01-01", 400, "first day must be before"),
        ("/evidence/okta-prod/identity.account@1/record?key=nobody", 404, "no such record"),
        ("/evidence/okta-prod/vuln.finding@1", 404, "holds no vuln.finding@1"),
        ("/ledger/999999", 404, "leaf 999999"),
        ("/sources/nothing", 404, "no source"),
    ] {
        let answer = world.get(path, &world.operator).await;
        assert_eq!(answer.status, status, "{path}");
        html::check(&answer.text, path);
        let words = text(&answer.text);
        assert!(words.to_lowercase().contains(&says.to_lowercase()), "{path}: {words}");
    }
}
