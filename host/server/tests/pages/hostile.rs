//! Every kind of page, found by its links: well formed, its links lead somewhere, and nothing that came from a record
//! became part of it.

use super::html;
use super::world::{HOSTILE, World};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Pages of one kind that are read.
const OF_A_KIND: usize = 5;

/// What kind of page an address leads to: its path without names, and which questions it asks.
fn kind(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let is_word = |part: &&str| part.bytes().all(|b| b.is_ascii_lowercase());
    let parts: Vec<&str> = path.split('/').map(|part| if is_word(&part) { part } else { "*" }).collect();
    let asked: Vec<&str> = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default()).collect();
    format!("{}?{}", parts.join("/"), asked.join("&"))
}

/// Reads pages from the first on, by their links. Each is checked; the kinds are told.
pub(crate) async fn crawl(world: &World, token: &str) -> BTreeMap<String, Vec<String>> {
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut waiting = VecDeque::from(["/".to_owned()]);
    while let Some(path) = waiting.pop_front() {
        let of_kind = seen.entry(kind(&path)).or_default();
        if of_kind.len() >= OF_A_KIND {
            continue;
        }
        of_kind.push(path.clone());
        let answer = world.get(&path, token).await;
        assert_eq!(answer.status, 200, "{path}: {}", html::text(&answer.text));
        for tag in html::check(&answer.text, &path) {
            for link in [tag.get("href"), tag.get("action")].into_iter().flatten() {
                let link = link.split('#').next().unwrap_or_default();
                let is_page = link.starts_with('/')
                    && !link.starts_with("/api/")
                    && link != "/style.css"
                    && link != "/logout";
                let posts = tag.get("method") == Some("post");
                assert!(
                    link.is_empty() || link.starts_with('/') || link == "data:,",
                    "{path} leads to `{link}`"
                );
                if is_page && !posts && known.insert(link.to_owned()) {
                    waiting.push_back(link.to_owned());
                }
            }
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_collected_becomes_part_of_a_page() {
    let world = World::shared();
    let seen = crawl(world, &world.operator).await;
    for kind in [
        "/?",
        "/calendar?",
        "/calendar?period",
        "/controls/*?period",
        "/controls/*/*?",
        "/evidence?",
        "/evidence/*/*?run",
        "/evidence/*/*/record?key&run",
        "/evidence/*/*/record?key",
        "/runs?",
        "/runs/*?",
        "/runs/*/exchanges?",
        "/runs/*/exchanges/*?",
        "/runs/*/exchanges/*?at",
        "/runs/*/log?",
        "/runs/*/rejections?",
        "/changes?",
        "/sources?",
        "/sources/*?",
        "/sources/*/approval?",
        "/ledger?",
        "/ledger?kind",
        "/ledger/*?",
        "/seals?",
        "/uploads?",
    ] {
        assert!(seen.contains_key(kind), "no link led to {kind}; to these: {:?}", seen.keys());
    }
    // The text itself is there to be read, where it is a fact.
    let run = super::world::run_of("okta-prod", 2);
    for path in ["log", "rejections", "exchanges/1.0.0"] {
        let page = world.page(&format!("/runs/{run}/{path}")).await;
        let shown = html::unescape(&page).replace("\\\"", "\"");
        assert!(shown.contains(&HOSTILE[..25]), "{path}");
    }
}
