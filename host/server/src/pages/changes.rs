//! What differs between two days: of state, what was added, changed and removed; of events, what happened.

use super::population::{cut, label, words};
use super::record::differences;
use super::shell::{back, pager};
use super::visit::Visit;
use super::{Drawn, Page, Section, Trouble, link, population};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::time::{Span, Timestamp};
use exhibit_package::html::markup::{counted, escape, grouped, minute};
use exhibit_package::put;
use exhibit_store::{DatasetRun, Difference};
use jiff::civil::Date;
use serde_json::Value;

/// Differences of a list that are counted before it says "more than".
const COUNTED: u64 = 10_000;
/// Differences on a page.
const PAGE: usize = 50;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The two days.
struct Days {
    from: Date,
    to: Date,
}

impl Days {
    /// What the address asks, or the last two days on which anyone looked.
    fn of(visit: &Visit) -> Result<Self, Trouble> {
        let days = Self { from: Date::MIN, to: Date::MIN };
        let to: Option<Date> = visit.parsed("to")?;
        let to = match to {
            Some(to) => to,
            None => days.last_look(visit)?,
        };
        let from = visit.parsed("from")?.unwrap_or_else(|| to.yesterday().unwrap_or(to));
        if from >= to {
            return Err(Trouble::unclear("the first day must be before the second"));
        }
        Ok(Self { from, to })
    }

    fn last_look(&self, visit: &Visit) -> Result<Date, Trouble> {
        let mut last: Option<Timestamp> = None;
        for dataset in visit.host.store.datasets()? {
            let looks = population::seen_looks(visit, &dataset.source, &dataset.last.kind)?;
            last = last.max(looks.last().map(|look| look.started_at));
        }
        Ok(last.unwrap_or_else(|| visit.at()).date())
    }

    fn query(&self, source: &SourceName, kind: &Kind, from: &str) -> String {
        let (first, second) = (self.from.to_string(), self.to.to_string());
        let (source, kind) = (source.as_str(), kind.to_string());
        link::with(
            "/changes",
            &[("from", &first), ("to", &second), ("source", source), ("kind", &kind), ("after", from)],
        )
    }
}

/// The last look at or before a day's end.
fn look_by(looks: &[DatasetRun], day: Date) -> Option<&DatasetRun> {
    let end = Timestamp::at_midnight(day).plus_ms(DAY_MS);
    looks.iter().rev().find(|look| look.started_at < end)
}

pub(super) fn page(visit: &Visit) -> Drawn {
    let days = Days::of(visit)?;
    match (visit.parsed::<SourceName>("source")?, visit.parsed::<Kind>("kind")?) {
        (Some(source), Some(kind)) => one_list(visit, &days, &source, &kind),
        _ => all_lists(visit, &days),
    }
}

fn day_form(out: &mut String, days: &Days) {
    put!(
        out,
        "<form class=\"finders\" action=\"/changes\"><label for=\"from\">From the end of (UTC)</label> <input id=\"from\" type=\"date\" name=\"from\" value=\"{}\" required> \
         <label for=\"to\">to the end of</label> <input id=\"to\" type=\"date\" name=\"to\" value=\"{}\" required> <button>Compare</button></form>\n",
        days.from,
        days.to
    );
}

fn all_lists(visit: &Visit, days: &Days) -> Drawn {
    let mut out = String::from("<h1>What changed</h1>\n");
    put!(
        out,
        "<p class=\"lead\">Between the last look by the end of {} and the last by the end of {}.</p>\n",
        days.from,
        days.to
    );
    day_form(&mut out, days);
    let mut state = String::new();
    let mut events = String::new();
    let mut same = 0_usize;
    for dataset in visit.host.store.datasets()? {
        let (source, kind) = (&dataset.source, &dataset.last.kind);
        if dataset.last.shape.is_timed() {
            event_row(&mut events, visit, days, source, kind)?;
        } else if !state_row(&mut state, visit, days, source, kind)? {
            same += 1;
        }
    }
    out.push_str("<h2>State</h2>\n");
    if state.is_empty() {
        put!(out, "<p class=\"empty\">Nothing differs in {}.</p>\n", counted(same, "list", "lists"));
    } else {
        put!(
            out,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"State that differs\"><table><caption class=\"sr\">Lists that differ</caption><thead><tr><th scope=\"col\">List</th>\
             <th scope=\"col\">Source</th><th scope=\"col\" class=\"n\">Added</th><th scope=\"col\" class=\"n\">Changed</th>\
             <th scope=\"col\" class=\"n\">Removed</th><th scope=\"col\">Looks compared</th></tr></thead><tbody>\n{state}</tbody></table></div>\n"
        );
        if same > 0 {
            put!(out, "<p>{} are the same.</p>\n", counted(same, "further list", "further lists"));
        }
    }
    out.push_str("<h2>Events</h2>\n");
    if events.is_empty() {
        out.push_str("<p class=\"empty\">Nothing happened.</p>\n");
    } else {
        put!(
            out,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Events between\"><table><caption class=\"sr\">What happened between the two days</caption><thead><tr><th scope=\"col\">List</th>\
             <th scope=\"col\">Source</th><th scope=\"col\" class=\"n\">Happened</th></tr></thead><tbody>\n{events}</tbody></table></div>\n"
        );
    }
    Ok(Page::new(Section::Changes, format!("Changes from {} to {}", days.from, days.to), out))
}

fn title_of(visit: &Visit, kind: &Kind) -> String {
    visit.host.kind(kind).map_or_else(|| kind.to_string(), |spec| spec.title.clone())
}

/// A row where the list differs; whether it does.
fn state_row(
    out: &mut String,
    visit: &Visit,
    days: &Days,
    source: &SourceName,
    kind: &Kind,
) -> Result<bool, Trouble> {
    let looks = population::seen_looks(visit, source, kind)?;
    let Some(second) = look_by(&looks, days.to) else { return Ok(false) };
    let Some(first) = look_by(&looks, days.from) else {
        put!(
            out,
            "<tr><th scope=\"row\">{}<small><code>{kind}</code></small></th><td>{source}</td><td class=\"n\">{}</td><td class=\"n\">–</td><td class=\"n\">–</td><td>nobody had looked by {}</td></tr>\n",
            escape(title_of(visit, kind)),
            grouped(second.dataset.records),
            days.from
        );
        return Ok(true);
    };
    if first.run == second.run || first.dataset.root == second.dataset.root {
        return Ok(false);
    }
    let (mut added, mut changed, mut removed) = (0_u64, 0_u64, 0_u64);
    for difference in visit.host.store.diff(source, kind, &first.run, &second.run)? {
        match difference? {
            Difference::Added(_) => added += 1,
            Difference::Changed { .. } => changed += 1,
            Difference::Removed(_) => removed += 1,
        }
        if added + changed + removed >= COUNTED {
            break;
        }
    }
    // Another retention bucket has other salts, and so another root over the same records.
    if added + changed + removed == 0 {
        return Ok(false);
    }
    let more = if added + changed + removed >= COUNTED { "more than " } else { "" };
    put!(
        out,
        "<tr><th scope=\"row\"><a href=\"{}\">{}</a><small><code>{kind}</code></small></th><td>{source}</td><td class=\"n\">{more}{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"t\">{} and {}</td></tr>\n",
        escape(days.query(source, kind, "")),
        escape(title_of(visit, kind)),
        grouped(added),
        grouped(changed),
        grouped(removed),
        minute(first.started_at),
        minute(second.started_at)
    );
    Ok(true)
}

fn event_row(
    out: &mut String,
    visit: &Visit,
    days: &Days,
    source: &SourceName,
    kind: &Kind,
) -> Result<(), Trouble> {
    let mut span = Span {
        start: Timestamp::at_midnight(days.from).plus_ms(DAY_MS),
        end: Timestamp::at_midnight(days.to).plus_ms(DAY_MS),
    };
    if let Some(engagement) = visit.engagement() {
        let whole = engagement.span();
        span = Span { start: span.start.max(whole.start), end: span.end.min(whole.end) };
    }
    let mut happened = 0_u64;
    for record in
        visit.host.store.events(source, kind, span)?.take(usize::try_from(COUNTED).unwrap_or(usize::MAX))
    {
        record?;
        happened += 1;
    }
    if happened == 0 {
        return Ok(());
    }
    let more = if happened >= COUNTED { "more than " } else { "" };
    let (from, to) = (span.start.date().to_string(), span.end.plus_ms(-1).date().to_string());
    let href = link::with(&link::population(source, kind, None), &[("from", &from), ("to", &to)]);
    put!(
        out,
        "<tr><th scope=\"row\"><a href=\"{}\">{}</a><small><code>{kind}</code></small></th><td>{source}</td><td class=\"n\">{more}{}</td></tr>\n",
        escape(href),
        escape(title_of(visit, kind)),
        grouped(happened)
    );
    Ok(())
}

/// Every difference of one list.
fn one_list(visit: &Visit, days: &Days, source: &SourceName, kind: &Kind) -> Drawn {
    let looks = population::seen_looks(visit, source, kind)?;
    let nobody = |day| Trouble::missing(format!("nobody had looked at {kind} of {source} by {day}"));
    let first = look_by(&looks, days.from).ok_or_else(|| nobody(days.from))?;
    let second = look_by(&looks, days.to).ok_or_else(|| nobody(days.to))?;
    let title = title_of(visit, kind);
    let mut out = String::new();
    let (from, to) = (days.from.to_string(), days.to.to_string());
    back(&mut out, &[(&link::with("/changes", &[("from", &from), ("to", &to)]), "What changed")]);
    put!(out, "<h1>{} <span class=\"id\">of {source}</span></h1>\n", escape(&title));
    put!(
        out,
        "<p class=\"lead\">What differs between <a href=\"{}\">{}</a> and <a href=\"{}\">{}</a>.</p>\n",
        escape(link::population(source, kind, Some(&first.run))),
        minute(first.started_at),
        escape(link::population(source, kind, Some(&second.run))),
        minute(second.started_at)
    );
    let after = visit.asked("after").unwrap_or_default();
    let mut next = None;
    let mut shown = 0;
    out.push_str("<ol class=\"changes\">\n");
    for difference in visit.host.store.diff_from(source, kind, &first.run, &second.run, after)? {
        let difference = difference?;
        let key = key_of(&difference).to_owned();
        if shown == PAGE {
            next = Some(key);
            break;
        }
        shown += 1;
        let run = if matches!(difference, Difference::Removed(_)) { &first.run } else { &second.run };
        one(&mut out, visit, kind, &difference, &link::record(source, kind, &key, Some(run)));
    }
    out.push_str("</ol>\n");
    if shown == 0 {
        out.push_str("<p class=\"empty\">Nothing.</p>\n");
    }
    let first = (!after.is_empty()).then(|| days.query(source, kind, ""));
    pager(&mut out, first, next.map(|key| days.query(source, kind, &key)), "differences");
    Ok(Page::new(Section::Changes, format!("Changes in {title} of {source}"), out))
}

fn key_of(difference: &Difference) -> &str {
    match difference {
        Difference::Added(record) | Difference::Removed(record) => record.key.as_str(),
        Difference::Changed { key, .. } => key.as_str(),
    }
}

fn one(out: &mut String, visit: &Visit, kind: &Kind, difference: &Difference, href: &str) {
    let read = |line: &[u8]| serde_json::from_slice::<Value>(line).unwrap_or_default();
    let (word, class, line) = match difference {
        Difference::Added(record) => ("added", "filled", read(&record.line)),
        Difference::Removed(record) => ("removed", "failed", read(&record.line)),
        Difference::Changed { new, .. } => ("changed", "partial", read(new)),
    };
    let attributes = line.get("attributes").cloned().unwrap_or_default();
    let name = label(visit, kind, &attributes).unwrap_or_else(|| key_of(difference).to_owned());
    put!(
        out,
        "<li class=\"card\"><p><span class=\"badge {class}\">{word}</span> <a href=\"{}\">{}</a></p>",
        escape(href),
        escape(cut(&words_of(&name), 120))
    );
    if let Difference::Changed { old, new, .. } = difference {
        out.push_str(&differences(&read(old), &read(new)));
    }
    out.push_str("</li>\n");
}

/// A label that is blank would be a link that nobody sees.
fn words_of(name: &str) -> String {
    if name.trim().is_empty() { words("without_a_name") } else { name.to_owned() }
}
