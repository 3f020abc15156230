//! One record: what it says, where it came from, how it was before.

use super::population::{self, cut, label, short, words};
use super::shell::back;
use super::visit::{Visit, started};
use super::{Drawn, Page, Section, Trouble, body, link};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Answer, Exchange};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::{Origin, Record};
use exhibit_evidence::run::RunId;
use exhibit_package::html::markup::{counted, escape, fact, minute};
use exhibit_package::put;
use exhibit_store::{Change, HistoryEntry, Provenance, RunFile};
use serde_json::Value;
use std::collections::BTreeSet;

/// Places of origin that are shown.
const SHOWN_ORIGINS: usize = 10;
/// Steps of a history that are shown, the last ones.
const SHOWN_STEPS: usize = 100;
/// Bytes of an answer's part that is shown beside the record.
const FRAGMENT_BYTES: usize = 16 << 10;

/// A record as a run saw it.
struct Found {
    source: SourceName,
    kind: Kind,
    key: String,
    run: RunId,
    line: Vec<u8>,
    record: Record,
    history: Vec<HistoryEntry>,
}

pub(super) fn page(visit: &Visit) -> Drawn {
    let found = find(visit)?;
    let Found { source, kind, record, .. } = &found;
    let attributes = serde_json::to_value(&record.attributes).unwrap_or_default();
    let title = visit.host.kind(kind).map_or_else(|| kind.to_string(), |spec| spec.title.clone());
    let name = label(visit, kind, &attributes).unwrap_or_else(|| record.native_id.clone());
    let mut out = String::new();
    let looked = (record.occurred_at.is_none()).then_some(&found.run);
    let list = link::population(source, kind, looked);
    back(&mut out, &[("/evidence", "Evidence"), (&list, &format!("{title} of {source}"))]);
    put!(out, "<h1>{}</h1>\n", escape(cut(&name, 120)));
    out.push_str("<dl class=\"facts\">\n");
    fact(&mut out, "Id in its system", format!("<code class=\"url\">{}</code>", escape(&record.native_id)));
    fact(&mut out, "System", format!("{}, {}", system(visit, source), escape(&record.tenant)));
    if let Some(at) = record.occurred_at {
        fact(&mut out, "Happened", at);
    }
    if let Some(subject) = &record.subject_key {
        fact(&mut out, "Across systems", escape(subject));
    }
    let run = format!(
        "<a href=\"{}\">run of {}</a>",
        escape(link::run(&found.run)),
        started(&found.run).map(minute).unwrap_or_default()
    );
    fact(&mut out, if record.occurred_at.is_some() { "Collected by" } else { "As seen by" }, run);
    fact(&mut out, "Proves", proves(visit, source, kind));
    out.push_str("</dl>\n");
    out.push_str("<h2>What it says</h2>\n");
    attributes_list(&mut out, visit, kind, &attributes, record);
    origins(&mut out, visit, &found)?;
    history(&mut out, &found);
    line(&mut out, &found);
    Ok(Page::new(Section::Evidence, format!("{name}, {title}"), out))
}

/// Finds the record by its key, as the run that is asked for saw it, or the last one that did.
fn find(visit: &Visit) -> Result<Found, Trouble> {
    let (source, kind): (SourceName, Kind) = (visit.name("source")?, visit.name("kind")?);
    let key = visit.asked("key").ok_or_else(|| Trouble::unclear("the address names no record"))?.to_owned();
    let timed = visit.host.shape(&kind).is_some_and(exhibit_evidence::kind::Shape::is_timed);
    let native = if timed { key.split_once('/').map_or("", |(_, id)| id) } else { key.as_str() };
    let missing = || Trouble::missing(format!("{source} holds no such record of {kind}"));
    let mut history = visit.host.store.history(&source, &kind, native)?;
    history.retain(|step| step.key.as_str() == key);
    history.retain(|step| started(&step.run).is_none_or(|at| visit.sees_state_of(at)));
    let asked: Option<RunId> = visit.parsed("run")?;
    let (run, line) = match asked.filter(|_| !timed) {
        Some(run) => {
            visit.manifest(&run)?;
            if !started(&run).is_some_and(|at| visit.sees_state_of(at)) {
                return Err(missing());
            }
            let mut records = visit.host.store.snapshot_from(&source, &kind, &run, &key)?;
            let first = records.next().transpose()?.filter(|record| record.key.as_str() == key);
            (run, first.ok_or_else(missing)?.line)
        }
        None => {
            let held = history.iter().rev().find_map(|step| Some((step.run.clone(), step.line.clone()?)));
            held.ok_or_else(missing)?
        }
    };
    let record = serde_json::from_slice(&line)
        .map_err(|error| Trouble::failed(format!("the record cannot be read: {error}")))?;
    Ok(Found { source, kind, key, run, line, record, history })
}

/// A source, which leads to its page those who may read it.
fn system(visit: &Visit, source: &SourceName) -> String {
    if visit.operates() {
        format!("<a href=\"{}\">{source}</a>", escape(link::source(source)))
    } else {
        source.to_string()
    }
}

fn proves(visit: &Visit, source: &SourceName, kind: &Kind) -> String {
    let controls = visit.host.controls.iter().filter(|control| control.is_proven_by(kind, source));
    let links: Vec<String> = controls
        .map(|control| {
            format!(
                "<a href=\"{}\"><b>{}</b> {}</a>",
                escape(link::control(&control.id, "")),
                control.id,
                escape(&control.title)
            )
        })
        .collect();
    if links.is_empty() { "no control asks for it".to_owned() } else { links.join("<br>") }
}

fn attributes_list(out: &mut String, visit: &Visit, kind: &Kind, attributes: &Value, record: &Record) {
    let properties = visit.host.kind(kind).and_then(|spec| spec.schema.get("properties"));
    let says = |name: &str| {
        let schema = properties.and_then(|all| all.get(name));
        schema.and_then(|schema| schema.get("description")).and_then(Value::as_str).unwrap_or_default()
    };
    out.push_str("<dl class=\"facts attributes\">\n");
    let members = attributes.as_object().into_iter().flatten();
    for (name, value) in members {
        put!(
            out,
            "<div><dt>{}<small>{}</small></dt><dd>{}</dd></div>\n",
            escape(words(name)),
            escape(says(name)),
            value_words(value)
        );
    }
    for name in &record.unknown {
        put!(
            out,
            "<div><dt>{}<small>{}</small></dt><dd><span class=\"unknown\">unknown</span> the system did not report it</dd></div>\n",
            escape(words(name)),
            escape(says(name))
        );
    }
    out.push_str("</dl>\n");
}

/// A value in full.
fn value_words(value: &Value) -> String {
    match value {
        Value::Array(items) if items.is_empty() => "<i>none</i>".to_owned(),
        Value::Array(items) if items.iter().any(|item| !item.is_string()) => pretty(value),
        Value::Object(_) => pretty(value),
        other => escape(short(other)).to_string(),
    }
}

fn pretty(value: &Value) -> String {
    format!(
        "<pre tabindex=\"0\"><code>{}</code></pre>",
        escape(serde_json::to_string_pretty(value).unwrap_or_default())
    )
}

/// The exchanges that the record came from, each with what stood there.
fn origins(out: &mut String, visit: &Visit, found: &Found) -> Result<(), Trouble> {
    out.push_str("<h2 id=\"origin\">Where it came from</h2>\n");
    let origins = provenance(visit, found)?;
    if origins.is_empty() {
        out.push_str("<p>The run noted no place for it.</p>\n");
        return Ok(());
    }
    let exchanges = visit.host.store.exchanges(&found.run)?;
    for origin in origins.iter().take(SHOWN_ORIGINS) {
        let Some(exchange) = exchanges.iter().find(|exchange| exchange.id == origin.exchange) else {
            continue;
        };
        one_origin(out, visit, found, origin, exchange);
    }
    if origins.len() > SHOWN_ORIGINS {
        put!(out, "<p>And {}.</p>\n", counted(origins.len() - SHOWN_ORIGINS, "more place", "more places"));
    }
    Ok(())
}

/// The line of the run's provenance that is about the record: files of a large run have a line for each.
fn provenance(visit: &Visit, found: &Found) -> Result<Vec<Origin>, Trouble> {
    let file = visit.host.store.run_file(&found.run, &RunFile::Provenance(found.kind.clone()))?;
    let key = serde_json::to_string(&found.key).unwrap_or_default();
    let start = format!("{{\"key\":{key},");
    let line = file.split(|b| *b == b'\n').find(|line| line.starts_with(start.as_bytes()));
    let read = |line: &[u8]| serde_json::from_slice::<Provenance>(line).map(|line| line.origins);
    line.map(read)
        .transpose()
        .map(Option::unwrap_or_default)
        .map_err(|error| Trouble::failed(format!("where it came from cannot be read: {error}")))
}

fn one_origin(out: &mut String, visit: &Visit, found: &Found, origin: &Origin, exchange: &Exchange) {
    let href = link::exchange(&found.run, &exchange.id, &origin.pointer);
    put!(
        out,
        "<section class=\"card origin\"><h3><a href=\"{}\">Exchange {}</a></h3><p><code class=\"url\">{} {}</code></p>",
        escape(&href),
        exchange.id,
        escape(&exchange.method),
        escape(&exchange.url)
    );
    let at = if origin.pointer.is_empty() {
        "the whole answer".to_owned()
    } else {
        format!("<code class=\"url\">{}</code> of the answer", escape(&origin.pointer))
    };
    put!(
        out,
        "<p>At {at}, {}:</p>",
        exchange.server_date.map_or_else(
            || format!("asked {}", minute(exchange.sent_at)),
            |at| format!("by the server's clock {}", minute(at))
        )
    );
    match fragment(visit, found, origin, exchange) {
        Ok(Some(text)) => put!(out, "<pre tabindex=\"0\"><code>{}</code></pre>", escape(text)),
        Ok(None) => out.push_str("<p>See the exchange for what stood there.</p>"),
        Err(trouble) => put!(out, "<p>What stood there cannot be shown: {}.</p>", escape(trouble.says())),
    }
    out.push_str("</section>\n");
}

/// What stood at the place, where the answer is JSON.
fn fragment(
    visit: &Visit,
    found: &Found,
    origin: &Origin,
    exchange: &Exchange,
) -> Result<Option<String>, Trouble> {
    let Answer::Response { body, body_bytes, .. } = &exchange.answer else { return Ok(None) };
    if *body_bytes > body::MOST_PARSED_BYTES {
        return Ok(None);
    }
    let bytes = visit.host.store.body(&found.run, body)?;
    let Ok(value) = serde_json::from_slice::<Value>(&bytes) else { return Ok(None) };
    let Some(part) = value.pointer(&origin.pointer) else { return Ok(None) };
    let text = serde_json::to_string_pretty(part).unwrap_or_default();
    Ok(Some(cut(&text, FRAGMENT_BYTES)))
}

fn history(out: &mut String, found: &Found) {
    out.push_str("<h2>History</h2>\n");
    let steps = &found.history;
    if steps.len() > SHOWN_STEPS {
        put!(out, "<p>The last {SHOWN_STEPS} of {} steps.</p>\n", steps.len());
    }
    out.push_str("<ol class=\"timeline\">\n");
    let mut before: Option<Value> = None;
    let skipped = steps.len().saturating_sub(SHOWN_STEPS);
    for (place, step) in steps.iter().enumerate() {
        let after = step.line.as_deref().and_then(|line| serde_json::from_slice::<Value>(line).ok());
        if place >= skipped {
            put!(
                out,
                "<li><p><b>{}</b> <a href=\"{}\">{}</a></p>",
                change_words(step.change),
                escape(link::run(&step.run)),
                started(&step.run).map(minute).unwrap_or_default()
            );
            if let (Some(old), Some(new), Change::Changed) = (&before, &after, step.change) {
                out.push_str(&differences(old, new));
            }
            out.push_str("</li>\n");
        }
        before = after.or(before);
    }
    out.push_str("</ol>\n");
}

/// What a run did to a record, in a word or two.
pub(super) fn change_words(change: Change) -> &'static str {
    match change {
        Change::Added => "Added",
        Change::Changed => "Changed",
        Change::Removed => "Removed: a complete list no longer has it",
        Change::Unobserved => "Not observed: the list was not complete",
        Change::SeenAgain => "Seen again, as it was",
    }
}

/// The attributes that differ between two lines of a record, with both values.
pub(super) fn differences(old: &Value, new: &Value) -> String {
    let none = serde_json::Map::new();
    let of = |line: &Value| line.get("attributes").and_then(Value::as_object).unwrap_or(&none).clone();
    let (old, new) = (of(old), of(new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let show = |value: Option<&Value>| match value {
        Some(value) => escape(cut(&short(value), 400)).to_string(),
        None => "<i>nothing</i>".to_owned(),
    };
    let mut out = String::from("<dl class=\"change\">");
    for name in names.into_iter().filter(|name| old.get(*name) != new.get(*name)) {
        put!(
            out,
            "<div><dt>{}</dt><dd><del>{}</del> <span aria-hidden=\"true\">→</span> <ins>{}</ins></dd></div>",
            escape(population::words(name)),
            show(old.get(name)),
            show(new.get(name))
        );
    }
    out.push_str("</dl>");
    out
}

/// The record's own bytes, and how to check them.
fn line(out: &mut String, found: &Found) {
    put!(
        out,
        "<h2>As it is kept</h2>\n<p>Its line, which the run's root covers. SHA-256 of it, without a newline: \
         <code>{}</code></p>\n<pre tabindex=\"0\"><code>{}</code></pre>\n",
        Digest::of(&found.line),
        escape(String::from_utf8_lossy(&found.line))
    );
}
