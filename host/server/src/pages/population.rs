//! Lists of records: all that there are, and one with its records.

use super::shell::{back, pager};
use super::visit::Visit;
use super::{Drawn, Page, Section, Trouble, link};
use exhibit_evidence::kind::{Kind, Shape};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::Record;
use exhibit_evidence::run::RunId;
use exhibit_evidence::time::{Span, Timestamp};
use exhibit_package::html::markup::{counted, escape, fact, grouped, minute, shape_word};
use exhibit_package::put;
use exhibit_store::{DatasetRun, RecordLine};
use jiff::civil::Date;
use serde_json::Value;
use std::collections::BTreeSet;

/// Records on a page.
const PAGE: usize = 50;
/// Columns of attributes in a table of records.
const COLUMNS: usize = 5;
/// Events are shown from this many days before the last look on, where nobody asks for another time.
const USUAL_DAYS: i64 = 7;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Every list of records.
pub(super) fn list_page(visit: &Visit) -> Drawn {
    let mut out = String::from(
        "<h1>Evidence</h1>\n<p class=\"lead\">What was collected: a list for each kind of record and source.</p>\n",
    );
    let mut datasets = visit.host.store.datasets()?;
    datasets.sort_by(|a, b| (&a.last.kind, &a.source).cmp(&(&b.last.kind, &b.source)));
    let mut rows = String::new();
    let mut before: Option<Kind> = None;
    for dataset in datasets {
        let kind = dataset.last.kind.clone();
        let looks = seen_looks(visit, &dataset.source, &kind)?;
        let Some(last) = looks.last() else { continue };
        let title = visit.host.kind(&kind).map_or_else(String::new, |spec| spec.title.clone());
        if before.as_ref() != Some(&kind) {
            put!(
                rows,
                "<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"5\">{} <code>{kind}</code></th></tr>\n",
                escape(title)
            );
        }
        let records = if kind_is_timed(visit, &kind) {
            grouped(looks.iter().map(|look| look.dataset.added).sum())
        } else {
            grouped(last.dataset.records)
        };
        put!(
            rows,
            "<tr><th scope=\"row\"><a href=\"{}\">{}</a></th><td>{}</td><td class=\"n\">{records}</td><td class=\"n\">{}</td><td class=\"t\">{}</td></tr>\n",
            escape(link::population(&dataset.source, &kind, None)),
            dataset.source,
            shape_word(last.dataset.shape),
            grouped(looks.len() as u64),
            minute(last.started_at)
        );
        before = Some(kind);
    }
    if rows.is_empty() {
        out.push_str("<p class=\"empty\">Nothing has been collected yet.</p>\n");
    } else {
        put!(
            out,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Lists of records\"><table><caption class=\"sr\">Lists of records</caption><thead><tr>\
             <th scope=\"col\">Source</th><th scope=\"col\">They are</th><th scope=\"col\" class=\"n\">Records</th>\
             <th scope=\"col\" class=\"n\">Looks</th><th scope=\"col\">Last look</th></tr></thead><tbody>\n{rows}</tbody></table></div>\n"
        );
    }
    Ok(Page::new(Section::Evidence, "Evidence", out))
}

fn kind_is_timed(visit: &Visit, kind: &Kind) -> bool {
    visit.host.shape(kind).is_some_and(Shape::is_timed)
}

/// The runs that wrote a dataset, of those whose records may be seen.
pub(super) fn seen_looks(
    visit: &Visit,
    source: &SourceName,
    kind: &Kind,
) -> Result<Vec<DatasetRun>, Trouble> {
    let mut looks = visit.host.store.dataset_runs(source, kind)?;
    looks.retain(|look| visit.sees_state_of(look.started_at));
    Ok(looks)
}

/// One list: as a run left it, or what happened between two days.
pub(super) fn page(visit: &Visit) -> Drawn {
    let (source, kind): (SourceName, Kind) = (visit.name("source")?, visit.name("kind")?);
    let looks = seen_looks(visit, &source, &kind)?;
    let missing = || Trouble::missing(format!("{source} holds no {kind}"));
    let last = looks.last().ok_or_else(missing)?;
    let mut out = String::new();
    back(&mut out, &[("/evidence", "Evidence")]);
    let title = visit.host.kind(&kind).map_or_else(|| kind.to_string(), |spec| spec.title.clone());
    put!(out, "<h1>{} <span class=\"id\">of {source}</span></h1>\n", escape(&title));
    if last.dataset.shape.is_timed() {
        events(&mut out, visit, &source, &kind, &looks)?;
    } else {
        state(&mut out, visit, &source, &kind, &looks)?;
    }
    Ok(Page::new(Section::Evidence, format!("{title} of {source}"), out))
}

/// The look that is asked for: by run, by day, or the last.
fn chosen(visit: &Visit, looks: &[DatasetRun]) -> Result<usize, Trouble> {
    if let Some(run) = visit.parsed::<RunId>("run")? {
        let place = looks.iter().position(|look| look.run == run);
        return place.ok_or_else(|| Trouble::missing(format!("run {run} did not look at this")));
    }
    if let Some(day) = visit.parsed::<Date>("on")? {
        let end = Timestamp::at_midnight(day).plus_ms(DAY_MS);
        let place = looks.iter().rposition(|look| look.started_at < end);
        return place.ok_or_else(|| Trouble::missing(format!("nobody had looked at this by {day}")));
    }
    Ok(looks.len().saturating_sub(1))
}

fn state(
    out: &mut String,
    visit: &Visit,
    source: &SourceName,
    kind: &Kind,
    looks: &[DatasetRun],
) -> Result<(), Trouble> {
    let place = chosen(visit, looks)?;
    let Some(look) = looks.get(place) else { return Err(Trouble::missing("there is no such look")) };
    let d = &look.dataset;
    put!(
        out,
        "<p class=\"lead\">{} as they were on {}.</p>\n",
        counted(d.records, "record", "records"),
        minute(look.started_at)
    );
    out.push_str("<nav class=\"beside\" aria-label=\"Looks beside\">");
    let beside = |at: Option<usize>, rel: &str| match at.and_then(|at| looks.get(at)) {
        Some(other) => format!(
            "<a rel=\"{rel}\" href=\"{}\">{}</a> ",
            escape(link::population(source, kind, Some(&other.run))),
            minute(other.started_at)
        ),
        None => String::new(),
    };
    put!(out, "{}{}</nav>\n", beside(place.checked_sub(1), "prev"), beside(Some(place + 1), "next"));
    out.push_str("<dl class=\"facts\">\n");
    fact(out, "Looked at by", format!("<a href=\"{}\">run {}</a>", escape(link::run(&look.run)), look.run));
    let since =
        format!("{} added, {} changed, {} removed", grouped(d.added), grouped(d.changed), grouped(d.removed));
    let unobserved = if d.unobserved > 0 {
        format!(", {} not observed, the list being incomplete", grouped(d.unobserved))
    } else {
        String::new()
    };
    fact(out, "Since the look before", since + &unobserved);
    fact(out, "Root", format!("<code>{}</code>", d.root));
    out.push_str("</dl>\n");
    finder(out, source, kind, look);
    let from = visit.asked("from").unwrap_or_default();
    let mut records = visit.host.store.snapshot_from(source, kind, &look.run, from)?;
    let lines: Vec<RecordLine> = records.by_ref().take(PAGE).collect::<Result<_, _>>()?;
    let next = records.next().transpose()?;
    if lines.is_empty() {
        out.push_str("<p class=\"empty\">No record.</p>\n");
    }
    table(out, visit, source, kind, lines.iter(), Some(&look.run));
    let this = link::population(source, kind, None);
    let to = |key: &str| link::with(&this, &[("run", look.run.as_str()), ("from", key)]);
    let first = (!from.is_empty()).then(|| to(""));
    pager(out, first, next.map(|next| to(next.key.as_str())), "records");
    Ok(())
}

/// Forms that lead to another day, and to a record by its id.
fn finder(out: &mut String, source: &SourceName, kind: &Kind, look: &DatasetRun) {
    let action = link::population(source, kind, None);
    put!(
        out,
        "<div class=\"finders\"><form action=\"{0}\"><label for=\"on\">As on (UTC)</label> <input id=\"on\" type=\"date\" name=\"on\" value=\"{1}\" required> \
         <button>Show</button></form>\n<form action=\"{0}\"><input type=\"hidden\" name=\"run\" value=\"{2}\">\
         <label for=\"from\">From id</label> <input id=\"from\" name=\"from\" autocomplete=\"off\"> <button>Go</button></form></div>\n",
        escape(action),
        look.started_at.date(),
        look.run
    );
}

fn events(
    out: &mut String,
    visit: &Visit,
    source: &SourceName,
    kind: &Kind,
    looks: &[DatasetRun],
) -> Result<(), Trouble> {
    let last = looks.last().map_or_else(|| visit.at(), |look| look.started_at);
    let to: Date = visit.parsed("to")?.unwrap_or_else(|| last.date());
    let from: Date = visit.parsed("from")?.unwrap_or_else(|| last.plus_ms(-(USUAL_DAYS - 1) * DAY_MS).date());
    let mut span =
        Span { start: Timestamp::at_midnight(from), end: Timestamp::at_midnight(to).plus_ms(DAY_MS) };
    if let Some(engagement) = visit.engagement() {
        let whole = engagement.span();
        span = Span { start: span.start.max(whole.start), end: span.end.min(whole.end) };
    }
    if span.start >= span.end {
        return Err(Trouble::unclear("the first day is after the last one"));
    }
    let added: u64 = looks.iter().map(|look| look.dataset.added).sum();
    put!(
        out,
        "<p class=\"lead\">What happened from {} to {}; {} collected in all, by {}.</p>\n",
        span.start.date(),
        span.end.plus_ms(-1).date(),
        grouped(added),
        counted(looks.len(), "run", "runs")
    );
    put!(
        out,
        "<form class=\"finders\" action=\"{}\"><label for=\"from\">From (UTC)</label> <input id=\"from\" type=\"date\" name=\"from\" value=\"{from}\" required> \
         <label for=\"to\">to</label> <input id=\"to\" type=\"date\" name=\"to\" value=\"{to}\" required> <button>Show</button></form>\n",
        escape(link::population(source, kind, None))
    );
    // A cursor is the key of the first record that is shown: it begins with the instant.
    let after = visit.asked("after").unwrap_or_default();
    let start = after
        .split('/')
        .next()
        .and_then(|ms| ms.parse().ok())
        .map_or(span.start, Timestamp::from_ms)
        .max(span.start);
    let mut records = visit.host.store.events(source, kind, Span { start, end: span.end })?;
    let mut lines: Vec<RecordLine> = Vec::new();
    let mut next = None;
    for record in records.by_ref() {
        let record = record?;
        if record.key.as_str() < after {
            continue;
        }
        if lines.len() == PAGE {
            next = Some(record.key);
            break;
        }
        lines.push(record);
    }
    if lines.is_empty() {
        out.push_str("<p class=\"empty\">Nothing happened in this time.</p>\n");
    }
    table(out, visit, source, kind, lines.iter(), None);
    let this = link::population(source, kind, None);
    let (from, to) = (from.to_string(), to.to_string());
    let part = |key: &str| link::with(&this, &[("from", &from), ("to", &to), ("after", key)]);
    pager(out, (!after.is_empty()).then(|| part("")), next.map(|key| part(key.as_str())), "records");
    Ok(())
}

/// Records as a table, each leading to its own page. The columns are those that the kind's schema makes telling.
pub(super) fn table<'a>(
    out: &mut String,
    visit: &Visit,
    source: &SourceName,
    kind: &Kind,
    lines: impl Iterator<Item = &'a RecordLine>,
    run: Option<&RunId>,
) {
    // What was committed was a record.
    let records: Vec<(&RecordLine, Record, Value)> = lines
        .filter_map(|line| {
            let record: Record = serde_json::from_slice(&line.line).ok()?;
            let attributes = serde_json::to_value(&record.attributes).ok()?;
            Some((line, record, attributes))
        })
        .collect();
    if records.is_empty() {
        return;
    }
    let columns = columns(visit, kind, records.iter().map(|(_, _, attributes)| attributes));
    let timed = records.iter().any(|(_, record, _)| record.occurred_at.is_some());
    put!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Records of {kind} from {source}\"><table class=\"records\"><caption class=\"sr\">Records of {kind} from {source}</caption><thead><tr>"
    );
    out.push_str("<th scope=\"col\">Record</th>");
    if timed {
        out.push_str("<th scope=\"col\">When</th>");
    }
    for column in &columns {
        put!(out, "<th scope=\"col\">{}</th>", escape(words(column)));
    }
    out.push_str("</tr></thead><tbody>\n");
    for (line, record, attributes) in &records {
        let label = label(visit, kind, attributes).unwrap_or_else(|| record.native_id.clone());
        put!(
            out,
            "<tr><th scope=\"row\"><a href=\"{}\">{}</a>",
            escape(link::record(source, kind, line.key.as_str(), run)),
            escape(cut(&label, 80))
        );
        if label != record.native_id {
            put!(out, "<small><code>{}</code></small>", escape(cut(&record.native_id, 60)));
        }
        out.push_str("</th>");
        if timed {
            put!(out, "<td class=\"t\">{}</td>", record.occurred_at.map_or_else(String::new, minute));
        }
        for column in &columns {
            put!(out, "<td>{}</td>", cell(record, attributes, column));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

fn cell(record: &Record, attributes: &Value, name: &str) -> String {
    match attributes.get(name) {
        Some(value) => escape(cut(&short(value), 80)).to_string(),
        None if record.unknown.iter().any(|unknown| unknown == name) => {
            "<span class=\"unknown\">unknown</span>".to_owned()
        }
        None => String::new(),
    }
}

/// A value on one line.
pub(super) fn short(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => counted(items.len(), "entry", "entries"),
        other => other.to_string(),
    }
}

/// At most so many characters, with a mark where some are left out.
pub(super) fn cut(text: &str, most: usize) -> String {
    let mut cut: String = text.chars().take(most).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

/// `mfa_status` as `MFA status` would need a dictionary; spaces are enough.
pub(super) fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// What a record is called: the first attribute that its kind requires and that is a text.
pub(super) fn label(visit: &Visit, kind: &Kind, attributes: &Value) -> Option<String> {
    required(visit, kind).into_iter().find_map(|name| attributes.get(name)?.as_str().map(str::to_owned))
}

fn required<'a>(visit: &'a Visit, kind: &Kind) -> Vec<&'a str> {
    let schema = visit.host.kind(kind).map(|spec| &spec.schema);
    let names = schema.and_then(|schema| schema.get("required")).and_then(Value::as_array);
    names.map(|names| names.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// Attributes that tell most on little room: those that are required, then those of few values, then days and instants.
fn columns<'a>(visit: &Visit, kind: &Kind, records: impl Iterator<Item = &'a Value>) -> Vec<String> {
    let mut present: BTreeSet<&str> = BTreeSet::new();
    for record in records {
        present.extend(record.as_object().into_iter().flatten().map(|(name, _)| name.as_str()));
    }
    let required = required(visit, kind);
    let properties = visit.host.kind(kind).and_then(|spec| spec.schema.get("properties"));
    let rank = |name: &str| {
        let schema = properties.and_then(|all| all.get(name)).unwrap_or(&Value::Null);
        let is = |key: &str, value: &str| schema.get(key).and_then(Value::as_str) == Some(value);
        match () {
            () if required.contains(&name) => 0,
            () if schema.get("enum").is_some() => 1,
            () if is("type", "boolean") => 2,
            () if is("format", "date") || is("format", "date-time") => 3,
            () if is("type", "array") || is("type", "object") => 5,
            () => 4,
        }
    };
    // The first required one is the record's label already.
    let mut names: Vec<&str> = present.into_iter().filter(|name| required.first() != Some(name)).collect();
    names.sort_by_key(|name| (rank(name), *name));
    names.into_iter().take(COLUMNS).map(str::to_owned).collect()
}
