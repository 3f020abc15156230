//! The pages in a real browser: four clicks, the keyboard alone, a telephone's width, light and dark, and a check of
//! what people who do not see them are told. Chromium and axe-core come from `tests/setup/test.sh`.

use super::webdriver::{Browser, tool};
use super::world::{World, run_of};
use std::io::Write as _;

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';

fn skip(name: &str, reason: &str) {
    // Past the harness, which hides what a passing test prints.
    std::io::stderr().write_all(format!("skipped: {name}: {reason}\n").as_bytes()).unwrap();
}

/// Signs in as people do.
fn sign_in(browser: &Browser, world: &World) {
    browser.open(&format!("http://{}/calendar", world.at));
    browser.run(&format!("document.querySelector('[name=token]').value = '{}'", world.operator));
    browser.click("form button");
    // The browser answers to the click before the next page is there.
    let is_there = || browser.url().ends_with("/calendar");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !is_there() && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(is_there(), "{}", browser.url());
    // What is said of the page on which one signs in is not about these.
    browser.complaints();
}

/// A page of each kind.
fn pages() -> Vec<String> {
    let run = run_of("okta-prod", 14);
    vec![
        "/".to_owned(),
        "/calendar".to_owned(),
        "/controls/AC-01?period=2026".to_owned(),
        "/controls/AC-01/2026-01-14".to_owned(),
        "/evidence".to_owned(),
        format!("/evidence/okta-prod/identity.account@1?run={run}"),
        format!("/evidence/okta-prod/identity.account@1/record?key=u003&run={run}"),
        "/evidence/okta-prod/audit.activity@1".to_owned(),
        "/runs".to_owned(),
        format!("/runs/{run}"),
        format!("/runs/{run}/exchanges"),
        format!("/runs/{run}/exchanges/0.0.0?at=%2F3"),
        format!("/runs/{run}/rejections"),
        "/changes?from=2026-01-10&to=2026-01-14".to_owned(),
        "/sources".to_owned(),
        "/sources/okta-prod".to_owned(),
        "/sources/okta-prod/approval".to_owned(),
        "/uploads".to_owned(),
        "/seals".to_owned(),
        "/ledger".to_owned(),
        "/ledger/4".to_owned(),
        "/controls/ZZ-99".to_owned(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn four_clicks_from_the_year_to_the_exchange() {
    let name = "four_clicks_from_the_year_to_the_exchange";
    let Some(browser) = Browser::start(1280, 900, "light") else {
        return skip(name, "no chromium and chromedriver here");
    };
    let world = World::shared();
    sign_in(&browser, world);
    browser.click("a[href^='/controls/AC-01?'] b");
    browser.click("a.day[href='/controls/AC-01/2026-01-14']");
    browser.click("table.records a[href*='okta-prod'][href*='key=u003']");
    browser.click(".origin h3 a");
    assert!(browser.url().ends_with("/exchanges/0.0.0?at=%2F3#fact"), "{}", browser.url());
    let marked = browser.run("return document.querySelector(':target').textContent");
    assert!(marked.as_str().unwrap().contains("person003@example.com"), "{marked}");
    let seen = browser.run("const b = document.querySelector(':target').getBoundingClientRect(); return b.top >= 0 && b.top < innerHeight");
    assert_eq!(seen, true, "what is meant is scrolled to");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_alone_is_enough() {
    let Some(browser) = Browser::start(1280, 900, "light") else {
        return skip("the_keyboard_alone_is_enough", "no chromium and chromedriver here");
    };
    let world = World::shared();
    sign_in(&browser, world);
    browser.open(&format!("http://{}/calendar", world.at));
    browser.press(&[TAB]);
    let focused = "return document.activeElement.textContent.trim().replace(/\\s+/g, ' ')";
    assert_eq!(browser.run(focused), "Skip to the content");
    browser.press(&[ENTER]);
    assert!(browser.url().ends_with("#main"));
    // On from there, past the choices of time, to the first control, then a day of it, and so on.
    for wanted in ["/controls/AC-01?", "/controls/AC-01/2026-01-14", "record?key=u003", "/exchanges/"] {
        let mut found = false;
        for _ in 0..200 {
            browser.press(&[TAB]);
            let outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle");
            assert_ne!(
                outline,
                "none",
                "one sees where one is, on {}",
                browser.run("return document.activeElement.outerHTML")
            );
            let href = browser.run("return document.activeElement.getAttribute('href') || ''");
            if href.as_str().unwrap().contains(wanted) {
                found = true;
                break;
            }
        }
        assert!(found, "{wanted} is reached with the tabulator");
        browser.press(&[ENTER]);
        let arrived = browser.run("return location.href");
        assert!(arrived.as_str().unwrap().contains(wanted), "{arrived}");
    }
}

/// Pages at a width, in light or dark: nothing wider than the window, nothing that the browser complains of, and nothing
/// that axe-core finds (its rules for WCAG 2.2 AA, and its best practices).
async fn look(name: &str, width: u32, scheme: &str) {
    let Some(browser) = Browser::start(width, 900, scheme) else {
        return skip(name, "no chromium and chromedriver here");
    };
    let axe = tool("test-node/node_modules/axe-core/axe.min.js");
    if axe.is_none() {
        skip(name, "no axe-core here: widths and complaints alone are looked at");
    }
    let axe = axe.map(|file| std::fs::read_to_string(file).unwrap());
    let world = World::shared();
    sign_in(&browser, world);
    let mut wrong = Vec::new();
    for path in pages() {
        browser.open(&format!("http://{}{path}", world.at));
        let wide = browser.run("return document.documentElement.scrollWidth");
        if wide.as_u64().unwrap() > u64::from(width) {
            wrong.push(format!("{path} is {wide} wide"));
        }
        let missing = path == "/controls/ZZ-99";
        wrong.extend(
            browser
                .complaints()
                .into_iter()
                .filter(|said| !(missing && said.contains("404")))
                .map(|said| format!("{path}: {said}")),
        );
        if let Some(axe) = &axe {
            browser.run(axe);
            let found = browser.wait_for(
                "const done = arguments[arguments.length - 1];
                 axe.run().then(found => done(found.violations.map(one => one.id + ': ' + one.help + ' ' +
                   one.nodes.slice(0, 3).map(node => node.html.slice(0, 160) + ' ' + (node.any[0] || {}).message).join(' | '))))",
            );
            wrong.extend(found.as_array().unwrap().iter().map(|said| format!("{path}: {said}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_in_the_light() {
    look("a_desk_in_the_light", 1280, "light").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_telephone_in_the_light() {
    look("a_telephone_in_the_light", 390, "light").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_in_the_dark() {
    look("a_desk_in_the_dark", 1280, "dark").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_telephone_in_the_dark() {
    look("a_telephone_in_the_dark", 390, "dark").await;
}
