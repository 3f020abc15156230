//! One run: why its lists are complete, what it asked, what it held afterwards.

use super::shell::{back, pager};
use super::visit::Visit;
use super::{Drawn, Page, Section, Trouble, link, runs};
use exhibit_evidence::exchange::{ExchangeId, Walk};
use exhibit_evidence::record::Rejection;
use exhibit_evidence::run::{Manifest, RunId};
use exhibit_package::html::markup::{counted, escape, fact, grouped, minute, verdict_badge};
use exhibit_package::html::run as shared;
use exhibit_package::put;
use exhibit_store::RunFile;

/// Lists that the page shows.
const SHOWN_WALKS: usize = 100;
/// Lines of a log on a page.
const LOG_PAGE: usize = 500;
/// Rejections on a page.
const REJECTION_PAGE: usize = 100;

pub(super) fn page(visit: &Visit) -> Drawn {
    let run: RunId = visit.name("run")?;
    let m = visit.manifest(&run)?;
    let mut out = String::new();
    let of_source = link::with("/runs", &[("source", m.source.as_str())]);
    back(&mut out, &[("/runs", "Runs"), (&of_source, m.source.as_str())]);
    put!(out, "<h1>Run of {} <span class=\"id\">{}</span></h1>\n", m.source, minute(m.started_at));
    let reason = m.verdict.reason().map_or_else(
        || "everything that was asked for is here".to_owned(),
        |reason| escape(reason).to_string(),
    );
    put!(out, "<p class=\"verdict\">{} {reason}</p>\n", verdict_badge(&m.verdict));
    cards(&mut out, &m);
    out.push_str("<div class=\"pair\">\n");
    shared::populations(&mut out, &m);
    out.push_str("</div>\n");
    datasets(&mut out, visit, &m);
    lists(&mut out, &visit.host.store.walks(&run)?, &m);
    facts(&mut out, visit, &m)?;
    fills(&mut out, &m);
    Ok(Page::new(Section::Runs, format!("Run of {} on {}", m.source, minute(m.started_at)), out))
}

fn cards(out: &mut String, m: &Manifest) {
    let run = link::run(&m.run);
    let x = &m.exchanges;
    let rejected: u64 = m.rejected.values().sum();
    let codes: Vec<String> =
        m.rejected.iter().map(|(code, n)| format!("{} {}", grouped(*n), escape(code))).collect();
    let failed =
        if x.failed == 0 { "none failed".to_owned() } else { format!("{} failed", grouped(x.failed)) };
    let cut = if m.log_cut { "cut at its bound" } else { "what the connector wrote" };
    let records: u64 = m.populations.iter().map(|p| p.emitted).sum();
    put!(
        out,
        "<ul class=\"cards\">\
         <li><div><b>{}</b> records<small>{}</small></div></li>\
         <li class=\"{}\"><a href=\"{run}/exchanges\"><b>{}</b> exchanges<small>{failed}</small></a></li>\
         <li class=\"{}\"><a href=\"{run}/rejections\"><b>{}</b> rejected<small>{}</small></a></li>\
         <li><a href=\"{run}/log\"><b>{}</b> lines of log<small>{cut}</small></a></li></ul>\n",
        grouped(records),
        counted(m.populations.len(), "list", "lists"),
        if x.failed == 0 { "" } else { "bad" },
        grouped(x.count),
        if rejected == 0 { "" } else { "bad" },
        grouped(rejected),
        if codes.is_empty() { "nothing broke a rule".to_owned() } else { codes.join(", ") },
        grouped(m.log_lines)
    );
}

fn datasets(out: &mut String, visit: &Visit, m: &Manifest) {
    if m.datasets.is_empty() {
        return;
    }
    out.push_str(
        "<h2>What it held afterwards</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"What it held afterwards\"><table>\
         <caption class=\"sr\">Lists of records after the run</caption><thead><tr><th scope=\"col\">Kind</th>\
         <th scope=\"col\" class=\"n\">Records</th><th scope=\"col\" class=\"n\">Added</th><th scope=\"col\" class=\"n\">Changed</th>\
         <th scope=\"col\" class=\"n\">Removed</th><th scope=\"col\" class=\"n\">Not observed</th><th scope=\"col\">Root</th></tr></thead><tbody>\n",
    );
    for d in &m.datasets {
        let name = if visit.sees_state_of(m.started_at) {
            let run = (!d.shape.is_timed()).then_some(&m.run);
            format!("<a href=\"{}\">{}</a>", escape(link::population(&m.source, &d.kind, run)), d.kind)
        } else {
            d.kind.to_string()
        };
        put!(out, "<tr><th scope=\"row\">{name}</th>");
        for count in [d.records, d.added, d.changed, d.removed, d.unobserved] {
            put!(out, "<td class=\"n\">{}</td>", grouped(count));
        }
        put!(out, "<td><code title=\"{0}\">{1}…</code></td></tr>\n", d.root, d.root.short());
    }
    out.push_str("</tbody></table></div>\n");
}

fn lists(out: &mut String, walks: &[Walk], m: &Manifest) {
    if walks.is_empty() {
        return;
    }
    out.push_str("<h2>Lists that were read</h2>\n");
    let first = |walk: &Walk| {
        let id = ExchangeId { call: walk.id.call, index: walk.id.index, page: 0 };
        Some(link::exchange(&m.run, &id, ""))
    };
    shared::walk_table(out, walks.iter().take(SHOWN_WALKS), first);
    if walks.len() > SHOWN_WALKS {
        put!(
            out,
            "<p>And {}; <a href=\"{}/exchanges\">the exchanges</a> are all there.</p>\n",
            counted(walks.len() - SHOWN_WALKS, "further list", "further lists"),
            link::run(&m.run)
        );
    }
}

fn facts(out: &mut String, visit: &Visit, m: &Manifest) -> Result<(), Trouble> {
    out.push_str("<h2>Under what terms</h2>\n<dl class=\"facts\">\n");
    let took = runs::took(m.ended_at.as_ms().saturating_sub(m.started_at.as_ms()));
    fact(out, "Started", format!("{}, attempt {}", m.started_at, m.attempt));
    fact(out, "Ended", format!("{}, after {took}", m.ended_at));
    fact(out, "Tenant", escape(m.tenant.as_deref().unwrap_or("not reached")));
    let c = &m.connector;
    fact(
        out,
        "Connector",
        format!(
            "{} {} by {}<br><code>{}</code>",
            escape(&c.name),
            escape(&c.version),
            escape(&c.publisher),
            c.component
        ),
    );
    fact(out, "Window of events", format!("{} to {}", m.window.start, m.window.end));
    let skew = m.skew.map_or_else(
        || "unknown: no server sent its time".to_owned(),
        |s| format!("{} to {} ms against the servers' clocks", s.min_ms, s.max_ms),
    );
    fact(out, "Clock skew", skew);
    fact(out, "Shown to the connector", format!("{} bytes", grouped(m.exchanges.body_bytes)));
    let slots: Vec<String> =
        m.credentials.iter().map(|(slot, scheme)| format!("{} ({})", escape(slot), escape(scheme))).collect();
    fact(
        out,
        "Credentials",
        if slots.is_empty() {
            "none".to_owned()
        } else {
            format!("{}: attached by the host, never seen by the connector", slots.join(", "))
        },
    );
    let again = m
        .not_reperformable
        .as_deref()
        .map_or_else(|| "yes, offline, to the same bytes".to_owned(), |why| format!("no: {}", escape(why)));
    fact(out, "Can be performed again", again);
    let leaf = visit.host.store.leaf_of(&m.run)?;
    fact(out, "In the ledger", format!("<a href=\"{}\">leaf {leaf}</a>", link::leaf(leaf)));
    out.push_str("</dl>\n");
    if !m.grants.is_empty() {
        put!(
            out,
            "<details><summary>{} in force</summary><ul class=\"lines\">",
            counted(m.grants.len(), "grant", "grants")
        );
        for grant in &m.grants {
            put!(out, "<li><code class=\"url\">{}</code></li>", escape(grant));
        }
        out.push_str("</ul></details>\n");
    }
    Ok(())
}

fn fills(out: &mut String, m: &Manifest) {
    if m.fills.is_empty() {
        return;
    }
    out.push_str("<h2>What it proves</h2>\n<ul class=\"chips\">");
    let mut filled: Vec<_> = m.fills.iter().map(|fill| (&fill.control, &fill.period)).collect();
    filled.sort();
    filled.dedup();
    for (control, period) in filled {
        put!(
            out,
            "<li><a href=\"{}\"><b>{control}</b> {period}</a></li>",
            escape(link::period(control, period))
        );
    }
    out.push_str("</ul>\n");
}

fn way(out: &mut String, m: &Manifest) {
    back(
        out,
        &[("/runs", "Runs"), (&link::run(&m.run), &format!("{} on {}", m.source, minute(m.started_at)))],
    );
}

/// What the connector wrote while it ran.
pub(super) fn log_page(visit: &Visit) -> Drawn {
    let run: RunId = visit.name("run")?;
    let m = visit.manifest(&run)?;
    let from: usize = visit.parsed("from")?.unwrap_or(0);
    let file = visit.host.store.run_file(&run, &RunFile::Log)?;
    let mut lines = file.split(|b| *b == b'\n').filter(|line| !line.is_empty()).skip(from);
    let shown: Vec<String> =
        lines.by_ref().take(LOG_PAGE).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let mut out = String::new();
    way(&mut out, &m);
    put!(out, "<h1>Log <span class=\"id\">of {}</span></h1>\n", m.source);
    let cut = if m.log_cut { ", cut at its bound" } else { "" };
    put!(
        out,
        "<p class=\"lead\">{}{cut}, as the connector wrote them.</p>\n",
        counted(m.log_lines, "line", "lines")
    );
    if shown.is_empty() {
        out.push_str("<p class=\"empty\">It wrote nothing.</p>\n");
    } else {
        put!(out, "<pre class=\"body\" tabindex=\"0\"><code>{}</code></pre>\n", escape(shown.join("\n")));
    }
    let this = format!("/runs/{run}/log");
    let next = lines.next().map(|_| link::with(&this, &[("from", &(from + LOG_PAGE).to_string())]));
    pager(&mut out, (from > 0).then(|| this.clone()), next, "lines");
    Ok(Page::new(Section::Runs, format!("Log of run {run}"), out))
}

/// What intake refused.
pub(super) fn rejections_page(visit: &Visit) -> Drawn {
    let run: RunId = visit.name("run")?;
    let m = visit.manifest(&run)?;
    let from: usize = visit.parsed("from")?.unwrap_or(0);
    let rejections = visit.host.store.rejections(&run)?;
    let mut out = String::new();
    way(&mut out, &m);
    put!(out, "<h1>Rejected <span class=\"id\">in a run of {}</span></h1>\n", m.source);
    put!(
        out,
        "<p class=\"lead\">{} that broke a rule. They are kept, so that nothing that a source returned vanishes.</p>\n",
        counted(rejections.len(), "item", "items")
    );
    if rejections.is_empty() {
        out.push_str("<p class=\"empty\">None.</p>\n");
    }
    for rejection in rejections.iter().skip(from).take(REJECTION_PAGE) {
        one_rejection(&mut out, &run, rejection);
    }
    let this = format!("/runs/{run}/rejections");
    let next = (rejections.len() > from + REJECTION_PAGE)
        .then(|| link::with(&this, &[("from", &(from + REJECTION_PAGE).to_string())]));
    pager(&mut out, (from > 0).then(|| this.clone()), next, "items");
    Ok(Page::new(Section::Runs, format!("Rejected in run {run}"), out))
}

fn one_rejection(out: &mut String, run: &RunId, rejection: &Rejection) {
    put!(
        out,
        "<section class=\"card\"><h2 class=\"small\"><code class=\"url\">{}</code> <span class=\"badge failed\">{}</span></h2><p>{}</p><dl class=\"facts\">",
        escape(&rejection.key),
        escape(&rejection.code),
        escape(&rejection.reason)
    );
    fact(out, "As", escape(&rejection.kind));
    let links: Vec<String> = rejection
        .origins
        .iter()
        .map(|o| {
            format!(
                "<a href=\"{}\">exchange {} <code>{}</code></a>",
                escape(link::exchange(run, &o.exchange, &o.pointer)),
                o.exchange,
                escape(&o.pointer)
            )
        })
        .collect();
    fact(out, "From", if links.is_empty() { "nowhere that it named".to_owned() } else { links.join("<br>") });
    put!(out, "</dl><pre tabindex=\"0\"><code>{}</code></pre></section>\n", escape(&rejection.excerpt));
}
