//! The runs, newest first.

use super::shell::pager;
use super::visit::Visit;
use super::{Drawn, Page, Section, Trouble, link};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::Manifest;
use exhibit_package::html::markup::{escape, grouped, minute, verdict_badge};
use exhibit_package::put;

/// Runs on a page.
const PAGE: usize = 40;

pub(super) fn page(visit: &Visit) -> Drawn {
    let source: Option<SourceName> = visit.parsed("source")?;
    let before: Option<u64> = visit.parsed("before")?;
    let filter = visit.filter(source.clone());
    let mut runs = visit.host.store.runs_before(&filter, before, PAGE + 1)?;
    let next = (runs.len() > PAGE).then(|| runs.pop()).flatten().map(|next| next.leaf + 1);
    let mut out = String::from(
        "<h1>Runs</h1>\n<p class=\"lead\">Every time that a source was looked at, the newest first.</p>\n",
    );
    choices(&mut out, visit, source.as_ref())?;
    if runs.is_empty() {
        out.push_str("<p class=\"empty\">None yet.</p>\n");
    } else {
        let manifests =
            runs.iter().map(|run| visit.host.store.manifest(&run.run)).collect::<Result<Vec<_>, _>>()?;
        table(&mut out, manifests.iter(), source.is_none());
    }
    let name = source.as_ref().map_or("", |source| source.as_str());
    let to = |leaf: &str| link::with("/runs", &[("source", name), ("before", leaf)]);
    pager(&mut out, before.map(|_| to("")), next.map(|next| to(&next.to_string())), "runs");
    Ok(Page::new(Section::Runs, "Runs", out))
}

/// Which sources there are, each a link.
fn choices(out: &mut String, visit: &Visit, current: Option<&SourceName>) -> Result<(), Trouble> {
    let mut sources: Vec<SourceName> =
        visit.host.store.datasets()?.into_iter().map(|dataset| dataset.source).collect();
    sources.extend(visit.host.workspace.sources()?.into_keys());
    sources.sort();
    sources.dedup();
    if sources.len() < 2 {
        return Ok(());
    }
    out.push_str("<div class=\"choices\"><nav aria-label=\"Sources\"><ul>");
    let mark = |is: bool| if is { " aria-current=\"true\"" } else { "" };
    put!(out, "<li><a href=\"/runs\"{}>All</a></li>", mark(current.is_none()));
    for source in &sources {
        put!(
            out,
            "<li><a href=\"{}\"{}>{source}</a></li>",
            escape(link::with("/runs", &[("source", source.as_str())])),
            mark(current == Some(source))
        );
    }
    out.push_str("</ul></nav></div>\n");
    Ok(())
}

/// Runs as a table.
pub(super) fn table<'a>(out: &mut String, runs: impl Iterator<Item = &'a Manifest>, with_source: bool) {
    out.push_str(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Runs\"><table class=\"runs\"><caption class=\"sr\">Runs</caption><thead><tr>\
         <th scope=\"col\">Started</th>",
    );
    if with_source {
        out.push_str("<th scope=\"col\">Source</th>");
    }
    out.push_str(
        "<th scope=\"col\">Verdict</th><th scope=\"col\" class=\"n\">Took</th><th scope=\"col\" class=\"n\">Requests</th>\
         <th scope=\"col\" class=\"n\">Records</th><th scope=\"col\" class=\"n\">New or changed</th></tr></thead><tbody>\n",
    );
    for m in runs {
        put!(
            out,
            "<tr><th scope=\"row\" class=\"t\"><a href=\"{}\">{}</a></th>",
            escape(link::run(&m.run)),
            minute(m.started_at)
        );
        if with_source {
            put!(out, "<td class=\"t\">{}</td>", m.source);
        }
        let reason = m.verdict.reason().map_or_else(String::new, |reason| {
            format!("<small>{}</small>", escape(super::population::cut(reason, 200)))
        });
        let changed: u64 = m.datasets.iter().map(|d| d.added + d.changed + d.removed).sum();
        put!(
            out,
            "<td>{}{reason}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
            verdict_badge(&m.verdict),
            took(m.ended_at.as_ms().saturating_sub(m.started_at.as_ms())),
            grouped(m.exchanges.count),
            grouped(m.populations.iter().map(|p| p.emitted).sum()),
            grouped(changed)
        );
    }
    out.push_str("</tbody></table></div>\n");
}

/// `850 ms`, `12 s`, `3 min`.
pub(super) fn took(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..120_000 => format!("{} s", ms / 1000),
        _ => format!("{} min", ms / 60_000),
    }
}
