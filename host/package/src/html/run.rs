//! One run as the host wrote it down, and the list of all runs.

use super::markup::{basis_word, counted, escape, fact, grouped, minute, verdict_badge};
use super::shell;
use crate::contents::{Contents, RunContents};
use crate::layout::run_file;
use crate::model::Meta;
use crate::put;
use exhibit_evidence::exchange::{Stop, Walk};
use exhibit_evidence::run::Manifest;

/// Lists shown on a run's page; all are in `walks.jsonl`.
const SHOWN_WALKS: usize = 200;

/// The page of one run.
pub(crate) fn run_page(meta: &Meta, run: &RunContents, walks: &[Walk]) -> String {
    let m = &run.manifest;
    let mut out = String::new();
    put!(out, "<h1>Run of {} <span class=\"id\">{}</span></h1>\n<dl class=\"facts\">\n", m.source, m.run);
    let reason = m.verdict.reason().map_or_else(String::new, |r| format!(" {}", escape(r)));
    fact(&mut out, "Verdict", format!("{}{reason}", verdict_badge(&m.verdict)));
    fact(&mut out, "Started", format!("{} (attempt {})", m.started_at, m.attempt));
    fact(&mut out, "Ended", m.ended_at);
    fact(&mut out, "Tenant", escape(m.tenant.as_deref().unwrap_or("not reached")));
    let connector = &m.connector;
    fact(
        &mut out,
        "Connector",
        format!(
            "{} {} by {}<br><a href=\"../../components/{3}.wasm\"><code>{3}</code></a>",
            escape(&connector.name),
            escape(&connector.version),
            escape(&connector.publisher),
            connector.component
        ),
    );
    fact(&mut out, "Window of events", format!("{} to {}", m.window.start, m.window.end));
    let skew = m.skew.map_or_else(
        || "unknown: no server sent its time".to_owned(),
        |s| format!("{} to {} ms against the servers&#39; clocks", s.min_ms, s.max_ms),
    );
    fact(&mut out, "Clock skew", skew);
    let again =
        run.not_reperformable().map_or_else(|| "yes".to_owned(), |why| format!("no: {}", escape(why)));
    fact(&mut out, "Can be performed again", again);
    fact(&mut out, "Leaf in the log", format!("{} (manifest sha256 <code>{}</code>)", run.leaf, run.digest));
    out.push_str("</dl>\n");
    populations(&mut out, m);
    datasets(&mut out, m, run.is_within(&meta.period));
    lists(&mut out, walks);
    requests(&mut out, m);
    fills(&mut out, m);
    files(&mut out, m);
    shell(meta, "../../", &format!("Run {}", m.run), &out)
}

/// How each list of a run was made.
pub fn populations(out: &mut String, m: &Manifest) {
    out.push_str("<h2>How each list was made</h2>\n");
    if m.populations.is_empty() {
        out.push_str("<p>No list was begun.</p>\n");
    }
    for p in &m.populations {
        put!(
            out,
            "<section class=\"card\"><h3><code>{}</code> {}</h3><p>{}</p>\n<dl class=\"facts\">\n",
            p.kind,
            verdict_badge(&p.verdict),
            escape(&p.query)
        );
        if let Some(reason) = p.verdict.reason() {
            fact(out, "Because", escape(reason));
        }
        fact(
            out,
            "Read",
            format!("{}, {}", counted(p.lists, "list", "lists"), counted(p.pages, "page", "pages")),
        );
        let total = p.source_total.map_or_else(|| "not stated".to_owned(), grouped);
        fact(out, "Received", format!("{} (the source&#39;s own total: {total})", grouped(p.received)));
        fact(out, "Covered", format!("{} became at least one record", grouped(p.covered)));
        let filtered: Vec<String> =
            p.filtered.iter().map(|(reason, n)| format!("{}: {}", grouped(*n), escape(reason))).collect();
        fact(out, "Filtered", if filtered.is_empty() { "none".to_owned() } else { filtered.join("<br>") });
        fact(
            out,
            "Records",
            format!(
                "{} accepted, {} rejected, {} repeated",
                grouped(p.emitted),
                grouped(p.rejected),
                grouped(p.repeated)
            ),
        );
        fact(out, "Basis", format!("{}{}", basis_word(p.basis), if p.sealed { "" } else { ", not sealed" }));
        out.push_str("</dl></section>\n");
    }
}

fn datasets(out: &mut String, m: &Manifest, within: bool) {
    if m.datasets.is_empty() {
        return;
    }
    out.push_str(
        "<h2>What it held afterwards</h2>\n<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">Kind</th>\
         <th scope=\"col\" class=\"n\">Records</th><th scope=\"col\" class=\"n\">Added</th>\
         <th scope=\"col\" class=\"n\">Changed</th><th scope=\"col\" class=\"n\">Removed</th>\
         <th scope=\"col\" class=\"n\">Not observed</th><th scope=\"col\">Root</th></tr></thead><tbody>\n",
    );
    for d in &m.datasets {
        let name = if within {
            format!("<a href=\"../../populations/{0}/{1}/index.html\">{1}</a>", m.source, d.kind)
        } else {
            d.kind.to_string()
        };
        put!(out, "<tr><th scope=\"row\">{name}</th>");
        for count in [d.records, d.added, d.changed, d.removed, d.unobserved] {
            put!(out, "<td class=\"n\">{}</td>", grouped(count));
        }
        put!(out, "<td><code>{}</code></td></tr>\n", d.root);
    }
    out.push_str("</tbody></table></div>\n");
    if !within {
        out.push_str(
            "<p>This run started outside the audit period: it is here for what it says of the period, and what else \
             it held is not in the package.</p>\n",
        );
    }
}

fn lists(out: &mut String, walks: &[Walk]) {
    if walks.is_empty() {
        return;
    }
    out.push_str("<h2>Lists that were read</h2>\n");
    walk_table(out, walks.iter().take(SHOWN_WALKS), |_| None);
    if walks.len() > SHOWN_WALKS {
        put!(
            out,
            "<p>{} are in <a href=\"{}\">{1}</a>.</p>\n",
            counted(walks.len() - SHOWN_WALKS, "further list", "further lists"),
            run_file::WALKS
        );
    }
}

/// Lists that were read, and why reading stopped. `link` leads to the first page of one.
pub fn walk_table<'a>(
    out: &mut String,
    walks: impl Iterator<Item = &'a Walk>,
    link: impl Fn(&Walk) -> Option<String>,
) {
    out.push_str(
        "<div class=\"scroll\" tabindex=\"0\"><table><caption class=\"sr\">Lists that were read</caption><thead><tr><th scope=\"col\">List</th>\
         <th scope=\"col\">Paging</th><th scope=\"col\" class=\"n\">Pages</th><th scope=\"col\" class=\"n\">Items</th>\
         <th scope=\"col\">Why it stopped</th></tr></thead><tbody>\n",
    );
    for walk in walks {
        let list = format!("<code class=\"url\">{}</code>", escape(&walk.list));
        let list = match link(walk) {
            Some(link) => format!("<a href=\"{}\">{list}</a>", escape(link)),
            None => list,
        };
        put!(
            out,
            "<tr><td>{list}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>\n",
            escape(&walk.scheme),
            walk.pages,
            walk.received.map_or_else(|| "not counted".to_owned(), grouped),
            stop_words(&walk.stop)
        );
    }
    out.push_str("</tbody></table></div>\n");
}

fn stop_words(stop: &Stop) -> String {
    match stop {
        Stop::End => "the source declared the end".to_owned(),
        Stop::Single => "single request".to_owned(),
        Stop::Abandoned => "the connector asked for no more".to_owned(),
        Stop::Guard { reason } => format!("stopped by a guard: {}", escape(reason)),
        Stop::Failed { reason } => format!("failed: {}", escape(reason)),
    }
}

fn requests(out: &mut String, m: &Manifest) {
    out.push_str("<h2>What it was allowed, and did</h2>\n<dl class=\"facts\">\n");
    let facts = &m.exchanges;
    fact(
        out,
        "Requests",
        format!(
            "{}, {} failed, {} bytes shown",
            grouped(facts.count),
            grouped(facts.failed),
            grouped(facts.body_bytes)
        ),
    );
    let grants: Vec<String> =
        m.grants.iter().map(|g| format!("<code class=\"url\">{}</code>", escape(g))).collect();
    fact(out, "Granted", if grants.is_empty() { "nothing".to_owned() } else { grants.join("<br>") });
    let slots: Vec<String> =
        m.credentials.iter().map(|(slot, scheme)| format!("{} ({})", escape(slot), escape(scheme))).collect();
    fact(out, "Credentials", if slots.is_empty() { "none".to_owned() } else { slots.join(", ") });
    if !m.rejected.is_empty() {
        let rejected: Vec<String> =
            m.rejected.iter().map(|(code, n)| format!("{} {}", grouped(*n), escape(code))).collect();
        fact(
            out,
            "Rejected items",
            format!("{} (<a href=\"{}\">kept</a>)", rejected.join(", "), run_file::REJECTIONS),
        );
    }
    let cut = if m.log_cut { ", cut at its bound" } else { "" };
    fact(
        out,
        "Log",
        format!("<a href=\"{}\">{}</a>{cut}", run_file::LOG, counted(m.log_lines, "line", "lines")),
    );
    out.push_str("</dl>\n");
}

fn fills(out: &mut String, m: &Manifest) {
    if m.fills.is_empty() {
        return;
    }
    out.push_str("<h2>Collection periods that it fills</h2>\n<ul class=\"chips\">");
    for fill in &m.fills {
        put!(out, "<li>{} <b>{}</b> <code>{}</code></li>", fill.control, fill.period, fill.kind);
    }
    out.push_str("</ul>\n");
}

fn files(out: &mut String, m: &Manifest) {
    out.push_str("<h2>Files</h2>\n<p class=\"files\">");
    for file in [
        run_file::MANIFEST,
        run_file::STATEMENT,
        run_file::PROOF,
        run_file::EXCHANGES,
        run_file::WALKS,
        run_file::REJECTIONS,
        run_file::LOG,
        run_file::REPLAY,
    ] {
        put!(out, "<a href=\"{file}\">{file}</a> ");
    }
    for d in &m.datasets {
        put!(out, "<a href=\"provenance/{0}.jsonl\">provenance/{0}.jsonl</a> ", d.kind);
    }
    out.push_str("</p>\n");
}

/// The page of all runs.
pub(super) fn list_page(contents: &Contents) -> String {
    let mut out = String::new();
    out.push_str(
        "<h1>Runs</h1>\n<p>Every run whose evidence is in this package, in the order of their start.</p>\n\
         <div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">Run</th><th scope=\"col\">Source</th>\
         <th scope=\"col\">Started</th><th scope=\"col\">Verdict</th><th scope=\"col\" class=\"n\">Requests</th>\
         <th scope=\"col\" class=\"n\">Records accepted</th><th scope=\"col\" class=\"n\">Leaf</th>\
         <th scope=\"col\">Can be performed again</th></tr></thead><tbody>\n",
    );
    for run in contents.runs.values() {
        let m = &run.manifest;
        put!(
            out,
            "<tr><th scope=\"row\"><a href=\"{0}/index.html\"><code>{0}</code></a></th><td>{1}</td><td>{2}</td>\
             <td>{3}{4}</td><td class=\"n\">{5}</td><td class=\"n\">{6}</td><td class=\"n\">{7}</td><td>{8}</td></tr>\n",
            m.run,
            m.source,
            minute(m.started_at),
            verdict_badge(&m.verdict),
            m.verdict.reason().map_or_else(String::new, |r| format!(" {}", escape(r))),
            grouped(m.exchanges.count),
            grouped(m.populations.iter().map(|p| p.emitted).sum()),
            run.leaf,
            run.not_reperformable().map_or_else(|| "yes".to_owned(), |why| format!("no: {}", escape(why)))
        );
    }
    out.push_str("</tbody></table></div>\n");
    shell(&contents.meta, "../", "Runs", &out)
}
