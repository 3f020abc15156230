//! What is run for each rule, and what is a breach of it.

mod declared;

use crate::bench::{Bench, How, Look, REQUESTS};
use crate::world::Twist;
use crate::{Judged, Outcome, Rule, hostile, secrets};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::run::{Population, Verdict};
use exhibit_sandbox::Why;
use std::collections::{BTreeMap, BTreeSet};

/// Breaches of one rule that are named; more are counted.
const NAMED: usize = 8;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const HOUR_MS: i64 = 60 * 60 * 1000;

/// All rules, one after another.
pub(crate) async fn judge(bench: &Bench<'_>, progress: &(dyn Fn(Rule) + Sync)) -> Vec<Judged> {
    let usual = bench.look(bench.usual()).await;
    let mut judging = Judging { bench, outside: usual.seen.outside.clone(), usual: &usual };
    let mut judged = BTreeMap::new();
    for rule in Rule::ALL.into_iter().filter(|rule| *rule != Rule::Grant) {
        progress(rule);
        judged.insert(rule, judging.judge(rule).await);
    }
    // Last, since it looks at all runs.
    progress(Rule::Grant);
    let outside: Vec<String> = judging.outside.into_iter().collect();
    judged.insert(Rule::Grant, Outcome::of(outside, format!("{} runs", bench.runs())));
    let cut = |outcome| match outcome {
        Outcome::Broken(mut breaches) if breaches.len() > NAMED => {
            let more = breaches.split_off(NAMED).len();
            breaches.push(format!("and {more} more"));
            Outcome::Broken(breaches)
        }
        outcome => outcome,
    };
    judged.into_iter().map(|(rule, outcome)| Judged { rule, outcome: cut(outcome) }).collect()
}

struct Judging<'b> {
    bench: &'b Bench<'b>,
    /// The run in which nothing is changed.
    usual: &'b Look,
    /// Requests of all runs that the manifest does not ask for.
    outside: BTreeSet<String>,
}

impl Judging<'_> {
    async fn judge(&mut self, rule: Rule) -> Outcome {
        // What is compared with the usual run says nothing where that one did not work.
        let compared = [Rule::Window, Rule::Seals, Rule::Order, Rule::Keys, Rule::Secrets, Rule::Kinds];
        if compared.contains(&rule)
            && let Some(ended) = &self.usual.ended
        {
            return Outcome::NotJudged(format!("the run over its own fixtures fails: {ended}"));
        }
        match rule {
            Rule::Declares => declared::declares(self.bench, self.usual).await,
            Rule::Settings => declared::settings(self.bench).await,
            Rule::Whole => self.whole(),
            Rule::Grant => Outcome::NotJudged("it is judged last".to_owned()),
            Rule::Window => self.window().await,
            Rule::Seals => self.seals().await,
            Rule::Order => self.order().await,
            Rule::Keys => self.keys().await,
            Rule::Secrets => self.secrets().await,
            Rule::Kinds => self.kinds().await,
            Rule::Ends => self.ends().await,
        }
    }

    async fn look(&mut self, how: How) -> Look {
        let look = self.bench.look(how).await;
        self.outside.extend(look.seen.outside.iter().cloned());
        look
    }

    fn whole(&self) -> Outcome {
        let usual = self.usual;
        let mut breaches = Vec::new();
        breaches.extend(usual.ended.iter().map(|ended| format!("the run fails: {ended}")));
        breaches.extend(usual.world.missed());
        breaches
            .extend(usual.world.unused().into_iter().map(|fixture| format!("never asked for: {fixture}")));
        for population in usual.populations.iter().filter(|population| !is_complete(population)) {
            let reason = population.verdict.reason().unwrap_or_default();
            breaches.push(format!("{} is {}: {reason}", named(population), population.verdict.word()));
        }
        for refused in &usual.rejections {
            breaches.push(format!(
                "{} `{}` is refused ({}): {}",
                refused.kind, refused.key, refused.code, refused.reason
            ));
        }
        for kind in &self.bench.manifest().kinds {
            if !usual.lines.keys().any(|(of, _)| of == kind) {
                breaches.push(format!("{kind}: the fixtures lead to no record of it"));
            }
        }
        let (records, populations) = (usual.lines.len(), usual.populations.len());
        Outcome::of(breaches, format!("{records} records in {populations} populations"))
    }

    /// With another window the connector asks otherwise, or leaves out what is not of it: each kind by itself.
    async fn window(&mut self) -> Outcome {
        let kinds: Vec<Kind> = self.bench.manifest().kinds.clone();
        let timed: Vec<Kind> = kinds.into_iter().filter(|kind| self.bench.is_timed(kind)).collect();
        let mut breaches = Vec::new();
        let within = self.bench.case.window;
        for (place, item) in &self.usual.seen.items {
            let Some(at) = item.occurred_at_ms else { continue };
            if !(within.start.as_ms()..within.end.as_ms()).contains(&at) {
                let kind = self.usual.seen.populations.get(*place as usize).map_or("?", |(kind, _)| kind);
                breaches.push(format!("{kind} `{}` happened outside the window", item.key));
            }
        }
        for kind in &timed {
            let mut alone = self.bench.usual();
            alone.kinds = vec![kind.clone()];
            let mut earlier = alone.clone();
            earlier.window.start = within.start.plus_ms(-3 * DAY_MS);
            earlier.window.end = within.start.plus_ms(-2 * DAY_MS);
            earlier.lenient = true;
            let (then, now) = (earlier.window, self.look(alone).await);
            let before = self.look(earlier).await;
            let asks_otherwise = before.world.sent() != now.world.sent();
            let outside = before.seen.items.iter().find(|(_, item)| {
                item.occurred_at_ms.is_some_and(|at| !(then.start.as_ms()..then.end.as_ms()).contains(&at))
            });
            if let (Some((_, item)), false) = (outside, asks_otherwise) {
                breaches.push(format!(
                    "{kind}: with a window of another day it asks for the same, and emits `{}`, which happened outside",
                    item.key
                ));
            }
        }
        Outcome::of(breaches, format!("{} kinds that have a time", timed.len()))
    }

    /// Each list that feeds a population is refused once; that population is then not complete.
    async fn seals(&mut self) -> Outcome {
        let usual = self.usual;
        let requests = usual.world.requests();
        // The first page's request of every list, with what it feeds.
        let mut feeds: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        for (place, exchange) in &usual.seen.fed {
            let mut first = *exchange;
            first.page = 0;
            if let Some(request) = requests.get(&first) {
                feeds.entry(request.clone()).or_default().insert(*place);
            }
        }
        let (lists, mut breaches) = (feeds.len(), Vec::new());
        for (request, places) in feeds {
            let mut how = self.bench.usual();
            how.twist = Twist::Refused(request.clone());
            let look = self.look(how).await;
            for place in places {
                let Some((kind, query)) = usual.seen.populations.get(place as usize) else { continue };
                let same = |p: &&Population| p.kind.to_string() == *kind && p.query == *query;
                if look.populations.iter().find(same).is_some_and(is_complete) {
                    breaches.push(format!(
                        "{kind} ({query}) is sealed though this was refused: {}",
                        short(&request)
                    ));
                }
            }
        }
        if lists == 0 {
            return Outcome::NotJudged("no list feeds any population".to_owned());
        }
        Outcome::of(breaches, format!("{lists} lists, each refused once"))
    }

    /// Over the recorded exchanges, with another name and other random numbers.
    async fn order(&mut self) -> Outcome {
        let mut how = self.bench.usual();
        (how.number, how.again) = (2, Some(self.usual.world.clone()));
        let again = self.look(how).await;
        let mut breaches = again.divergences.clone();
        let (then, now) = (&self.usual.seen, &again.seen);
        if let Some(place) = first_difference(&then.requests, &now.requests) {
            breaches.push(format!("it asks otherwise, from request {} on", place + 1));
        }
        if let Some(place) = first_difference(&then.items, &now.items) {
            let item = now.items.get(place).or_else(|| then.items.get(place));
            let key = item.map(|(_, item)| item.key.as_str()).unwrap_or_default();
            breaches.push(format!("it emits otherwise, from item {} on (`{key}`)", place + 1));
        }
        if then.texts != now.texts {
            breaches.push("it logs otherwise".to_owned());
        }
        if again.populations != self.usual.populations {
            breaches.push("its populations are others".to_owned());
        }
        Outcome::of(breaches, format!("{} items, {} requests", then.items.len(), then.requests.len()))
    }

    /// With the items of every list turned around; and an hour later.
    async fn keys(&mut self) -> Outcome {
        let requests = self.usual.world.requests();
        let mut places = BTreeMap::new();
        for (exchange, request) in &requests {
            let walk = self.usual.walks.iter().find(|walk| walk.id == exchange.walk());
            if let Some(items) = walk.and_then(|walk| walk.items.clone()) {
                places.insert(request.clone(), items);
            }
        }
        let mut turned = self.bench.usual();
        turned.twist = Twist::Reversed(places);
        let mut breaches = Vec::new();
        let turned = self.look(turned).await;
        let count = turned.world.turned();
        moved(&self.usual.lines, &turned.lines, &mut breaches);
        let mut later = self.bench.usual();
        (later.started_at, later.number, later.lenient) = (later.started_at.plus_ms(HOUR_MS), 3, true);
        let later = self.look(later).await;
        compare(&self.usual.lines, &later.lines, "an hour later", &mut breaches);
        Outcome::of(breaches, format!("{} records, {count} answers turned around", self.usual.lines.len()))
    }

    async fn secrets(&mut self) -> Outcome {
        let mut how = self.bench.usual();
        how.twist = Twist::Secrets;
        let look = self.look(how).await;
        let mut breaches = Vec::new();
        let mut find = |place: String, text: &str| {
            if text.contains(secrets::OWN) || text.contains(secrets::ADDED) {
                breaches.push(format!("{place} has a secret of an answer in it"));
            }
        };
        for (place, item) in &look.seen.items {
            let kind = look.seen.populations.get(*place as usize).map_or("?", |(kind, _)| kind);
            find(format!("{kind} `{}`", item.key), &format!("{} {}", item.key, item.body_json));
        }
        for text in &look.seen.texts {
            find("a line that it wrote".to_owned(), text);
        }
        for request in &look.seen.requests {
            let body = request.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            find(
                format!("a request to {}", short(&request.url)),
                &format!("{} {:?} {body}", request.url, request.headers),
            );
        }
        if let Some(ended) = &look.ended {
            find("its failure".to_owned(), &ended.to_string());
        }
        let bodies = look.world.bodies();
        for (request, body) in &bodies {
            if String::from_utf8_lossy(body).contains(secrets::OWN) {
                breaches.push(format!(
                    "what {} answers has a secret in it that the manifest does not redact",
                    short(request)
                ));
            }
        }
        Outcome::of(breaches, format!("{} answers", bodies.len()))
    }

    async fn kinds(&mut self) -> Outcome {
        let mut breaches = Vec::new();
        let kinds = self.bench.manifest().kinds.clone();
        for kind in &kinds {
            let mut how = self.bench.usual();
            how.kinds = vec![kind.clone()];
            let look = self.look(how).await;
            if let Some(ended) = &look.ended {
                breaches.push(format!("{kind} alone: the run fails: {ended}"));
                continue;
            }
            for other in &look.seen.not_opened {
                breaches.push(format!("{kind} alone: {other}"));
            }
            let of_kind = |lines: &BTreeMap<(Kind, String), String>| {
                let own = lines.iter().filter(|((of, _), _)| of == kind);
                own.map(|(key, line)| (key.clone(), line.clone())).collect::<BTreeMap<_, _>>()
            };
            compare(&of_kind(&self.usual.lines), &of_kind(&look.lines), "alone", &mut breaches);
        }
        Outcome::of(breaches, format!("{} kinds, each alone", kinds.len()))
    }

    async fn ends(&mut self) -> Outcome {
        let mut breaches = Vec::new();
        let none = BTreeSet::new();
        for mode in hostile::Mode::ALL {
            // A run that is refused at once is one thing, another where only `check` was answered well.
            for polite in [&none, &self.usual.world.sent_by_check()] {
                let mut how = self.bench.usual();
                (how.twist, how.lenient) = (Twist::Hostile(mode, polite.clone()), true);
                let look = self.look(how).await;
                let sent = look.world.sent().len() as u64;
                let own = look
                    .ended
                    .as_ref()
                    .is_none_or(|ended| matches!(ended.why, Why::Failure(_) | Why::Tenant { .. }));
                if let (Some(ended), false) = (&look.ended, own) {
                    breaches.push(format!("where every answer is {}: {ended}", mode.words()));
                } else if sent >= REQUESTS {
                    breaches.push(format!("where every answer is {}: it asks without end", mode.words()));
                } else {
                    continue;
                }
                break;
            }
        }
        Outcome::of(breaches, format!("{} hostile servers", hostile::Mode::ALL.len()))
    }
}

fn is_complete(population: &Population) -> bool {
    population.verdict == Verdict::Complete
}

fn named(population: &Population) -> String {
    format!("{} ({})", population.kind, population.query)
}

/// The first place at which two lists differ.
fn first_difference<T: PartialEq>(one: &[T], other: &[T]) -> Option<usize> {
    let common = one.iter().zip(other).position(|(a, b)| a != b);
    common.or_else(|| (one.len() != other.len()).then(|| one.len().min(other.len())))
}

/// Names the first record that one has and the other does not, or has otherwise.
fn compare(
    usual: &BTreeMap<(Kind, String), String>,
    other: &BTreeMap<(Kind, String), String>,
    when: &str,
    breaches: &mut Vec<String>,
) {
    for (key, line) in usual {
        match other.get(key) {
            None => breaches.push(format!("{} `{}` is missing {when}", key.0, key.1)),
            Some(now) if now != line => breaches.push(format!("{} `{}` is another {when}", key.0, key.1)),
            Some(_) => {}
        }
    }
    for key in other.keys().filter(|key| !usual.contains_key(*key)) {
        breaches.push(format!("{} `{}` appears {when}", key.0, key.1));
    }
}

/// Names the records that have another key, now that the lists are turned around: keys that are gone or new, and what now
/// stands under another key. A record may be another where the system gives an order, that of a ticket's changes.
fn moved(
    usual: &BTreeMap<(Kind, String), String>,
    turned: &BTreeMap<(Kind, String), String>,
    breaches: &mut Vec<String>,
) {
    const WHEN: &str = "with its lists in reverse order";
    let bare = |line: &str| {
        let mut record: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        record.as_object_mut().map(|members| members.remove("native_id"));
        record.to_string()
    };
    let now: BTreeMap<(&Kind, String), &String> =
        turned.iter().map(|((kind, key), line)| ((kind, bare(line)), key)).collect();
    for ((kind, key), line) in usual {
        let other = turned.get(&(kind.clone(), key.clone()));
        if other.is_none() {
            breaches.push(format!("{kind} `{key}` is missing {WHEN}"));
        } else if other != Some(line)
            && let Some(elsewhere) = now.get(&(kind, bare(line)))
        {
            breaches.push(format!("{kind} `{key}` is `{elsewhere}` {WHEN}"));
        }
    }
    for (kind, key) in turned.keys().filter(|key| !usual.contains_key(*key)) {
        breaches.push(format!("{kind} `{key}` appears {WHEN}"));
    }
}

/// Enough of a request to find it.
fn short(request: &str) -> String {
    let mut text: String = request.chars().take(160).collect();
    if text.len() < request.len() {
        text.push('…');
    }
    text
}
