//! Sources: their health and schedule, what they may reach, and the approval of what a connector asks for.

use super::population::short;
use super::shell::{back, form};
use super::visit::Visit;
use super::{Drawn, Page, Section, Trouble, link, runs};
use crate::service::SourceNow;
use exhibit_broker::grant::lock::Approval;
use exhibit_evidence::name::SourceName;
use exhibit_package::html::markup::{counted, escape, fact, grouped, minute, shape_word};
use exhibit_package::put;
use exhibit_pipeline::approve::{Proposal, propose};
use exhibit_pipeline::source::SourceConfig;
use std::collections::BTreeMap;

/// Runs that a source's page shows.
const RUNS: usize = 10;

/// How a source stands, in a coloured word.
fn health(now: Option<&SourceNow>, approved: bool) -> String {
    let (class, word) = match now {
        Some(now) if now.problem.is_some() => ("failed", "cannot run"),
        Some(now) if now.running_since.is_some() => ("late", "running"),
        Some(now) if now.paused => ("partial", "paused"),
        Some(now) if now.failures > 0 => ("failed", "failing"),
        Some(now) if now.last.is_some() => ("filled", "healthy"),
        _ if !approved => ("failed", "not approved"),
        _ => ("open", "no run yet"),
    };
    format!("<span class=\"badge {class}\">{word}</span>")
}

pub(super) fn list_page(visit: &Visit) -> Drawn {
    visit.must_operate()?;
    let sources = visit.host.workspace.sources()?;
    let lock = visit.host.workspace.lock()?;
    let mut out =
        String::from("<h1>Sources</h1>\n<p class=\"lead\">The systems that evidence is read from.</p>\n");
    if sources.is_empty() {
        out.push_str(
            "<p class=\"empty\">None yet: <code>exhibit source add NAME --connector CONNECTOR</code>.</p>\n",
        );
        return Ok(Page::new(Section::Sources, "Sources", out));
    }
    out.push_str(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Sources\"><table><caption class=\"sr\">Sources</caption><thead><tr><th scope=\"col\">Source</th><th scope=\"col\">Health</th>\
         <th scope=\"col\">Schedule</th><th scope=\"col\">Next run</th><th scope=\"col\">Last run</th></tr></thead><tbody>\n",
    );
    for (name, config) in &sources {
        let now = visit.now.sources.get(name);
        let plan = now.map_or("–", |now| now.plan.as_str());
        let next = now.and_then(|now| now.next_due).map_or_else(|| "–".to_owned(), minute);
        put!(
            out,
            "<tr><th scope=\"row\"><a href=\"{}\">{name}</a><small>{}</small></th><td>{}</td><td>{}</td><td class=\"t\">{next}</td><td>{}</td></tr>\n",
            link::source(name),
            config.connector,
            health(now, lock.sources.contains_key(name)),
            escape(plan),
            last_run(visit, name)?
        );
    }
    out.push_str("</tbody></table></div>\n");
    Ok(Page::new(Section::Sources, "Sources", out))
}

fn last_run(visit: &Visit, name: &SourceName) -> Result<String, Trouble> {
    if let Some(last) = visit.now.sources.get(name).and_then(|now| now.last.as_ref()) {
        let reason = last.reason.as_deref().map_or_else(String::new, |reason| {
            format!("<small>{}</small>", escape(super::population::cut(reason, 160)))
        });
        return Ok(format!(
            "<a href=\"{}\">{}</a>, {}{reason}",
            link::run(&last.run),
            minute(last.ended_at),
            escape(&last.verdict)
        ));
    }
    let runs = visit.host.store.runs_before(&visit.filter(Some(name.clone())), None, 1)?;
    Ok(runs.first().map_or_else(
        || "never".to_owned(),
        |run| format!("<a href=\"{}\">{}</a>", link::run(&run.run), minute(run.ended_at)),
    ))
}

pub(super) fn page(visit: &Visit) -> Drawn {
    visit.must_operate()?;
    let name: SourceName = visit.name("source")?;
    let config = visit.host.workspace.source(&name)?;
    let lock = visit.host.workspace.lock()?;
    let approval = lock.sources.get(&name);
    let now = visit.now.sources.get(&name);
    let mut out = String::new();
    back(&mut out, &[("/sources", "Sources")]);
    put!(out, "<h1>{name} {}</h1>\n", health(now, approval.is_some()));
    if let Some(problem) = now.and_then(|now| now.problem.as_deref()) {
        put!(out, "<p class=\"verdict\">{}</p>\n", escape(problem));
    }
    acts(&mut out, visit, &name, now);
    schedule(&mut out, now);
    kinds(&mut out, visit, &name)?;
    settings(&mut out, &config);
    grants(&mut out, &name, approval);
    last_runs(&mut out, visit, &name)?;
    Ok(Page::new(Section::Sources, name.to_string(), out))
}

/// What can be done with a source now.
fn acts(out: &mut String, visit: &Visit, name: &SourceName, now: Option<&SourceNow>) {
    let Some(now) = now else { return };
    out.push_str("<div class=\"acts\">");
    let act = |out: &mut String, act: &str, words: &str| {
        form(out, visit, &format!("/sources/{name}/{act}"), &[], &format!("<button>{words}</button>"));
    };
    if now.running_since.is_none() && now.problem.is_none() {
        act(out, "run", "Run now");
    }
    if now.paused {
        act(out, "resume", "Resume");
    } else {
        act(out, "pause", "Pause");
    }
    put!(out, "<a class=\"button\" href=\"{}/approval\">What it asks for</a></div>\n", link::source(name));
}

fn schedule(out: &mut String, now: Option<&SourceNow>) {
    let Some(now) = now else { return };
    out.push_str("<dl class=\"facts\">\n");
    fact(out, "Schedule", escape(&now.plan));
    if let Some(since) = now.running_since {
        fact(out, "Runs", format!("since {}", minute(since)));
    }
    fact(out, "Next run", now.next_due.map_or_else(|| "none".to_owned(), |due| due.to_string()));
    if let Some(last) = &now.last {
        let reason =
            last.reason.as_deref().map_or_else(String::new, |reason| format!(": {}", escape(reason)));
        fact(
            out,
            "Last run",
            format!(
                "<a href=\"{}\">{}</a>, {}{reason}",
                link::run(&last.run),
                last.ended_at,
                escape(&last.verdict)
            ),
        );
    }
    if now.failures > 0 {
        fact(out, "Since it was complete", counted(now.failures, "run", "runs"));
    }
    out.push_str("</dl>\n");
}

/// What is held of it.
fn kinds(out: &mut String, visit: &Visit, name: &SourceName) -> Result<(), Trouble> {
    out.push_str("<h2>What it collects</h2>\n");
    let own: Vec<_> =
        visit.host.store.datasets()?.into_iter().filter(|dataset| dataset.source == *name).collect();
    if own.is_empty() {
        out.push_str("<p class=\"empty\">Nothing yet.</p>\n");
        return Ok(());
    }
    out.push_str(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"What it collects\"><table><caption class=\"sr\">Lists of records from this source</caption><thead><tr><th scope=\"col\">Records</th>\
         <th scope=\"col\">They are</th><th scope=\"col\" class=\"n\">At the last run</th><th scope=\"col\" class=\"n\">Runs</th></tr></thead><tbody>\n",
    );
    for dataset in own {
        let kind = &dataset.last.kind;
        let title = visit.host.kind(kind).map_or_else(|| kind.to_string(), |spec| spec.title.clone());
        put!(
            out,
            "<tr><th scope=\"row\"><a href=\"{}\">{}</a><small><code>{kind}</code></small></th><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
            escape(link::population(name, kind, None)),
            escape(title),
            shape_word(dataset.last.shape),
            grouped(dataset.last.records),
            grouped(dataset.runs)
        );
    }
    out.push_str("</tbody></table></div>\n");
    Ok(())
}

/// The source's own settings. Credentials by their scheme: where a secret is kept is nobody's business here.
fn settings(out: &mut String, config: &SourceConfig) {
    out.push_str("<h2>How it is set up</h2>\n<dl class=\"facts\">\n");
    fact(out, "Connector", &config.connector);
    let settings: BTreeMap<String, serde_json::Value> = serde_json::to_value(&config.settings)
        .ok()
        .and_then(|value| serde_json::from_value(value).ok())
        .unwrap_or_default();
    for (name, value) in &settings {
        put!(
            out,
            "<div><dt>{}</dt><dd><code class=\"url\">{}</code></dd></div>\n",
            escape(name),
            escape(short(value))
        );
    }
    for (slot, credential) in &config.credentials {
        put!(out, "<div><dt>credential {}</dt><dd>{}</dd></div>\n", escape(slot), credential.scheme());
    }
    if !config.allow_addresses.is_empty() {
        fact(out, "Private addresses", escape(config.allow_addresses.join(", ")));
    }
    for rule in &config.redact {
        fact(out, "Redacted", format!("<code class=\"url\">{}</code>", escape(rule)));
    }
    out.push_str("</dl>\n");
}

fn grants(out: &mut String, name: &SourceName, approval: Option<&Approval>) {
    out.push_str("<h2>What it may reach</h2>\n");
    let Some(approval) = approval else {
        put!(
            out,
            "<p>Nothing: it is not approved. <a href=\"{}/approval\">Read what it asks for</a>.</p>\n",
            link::source(name)
        );
        return;
    };
    put!(
        out,
        "<p>Approved by {} on {}, for {} {}, component <code>{}</code>.</p>\n<ul class=\"lines\">",
        escape(&approval.approved_by),
        minute(approval.approved_at),
        approval.connector,
        escape(&approval.version),
        approval.component
    );
    for rule in &approval.egress {
        put!(out, "<li><code class=\"url\">{}</code></li>", escape(rule));
    }
    for (slot, hosts) in &approval.credentials {
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        put!(
            out,
            "<li>credential <b>{}</b> to <code class=\"url\">{}</code></li>",
            escape(slot),
            escape(hosts.join(", "))
        );
    }
    out.push_str("</ul>\n");
}

fn last_runs(out: &mut String, visit: &Visit, name: &SourceName) -> Result<(), Trouble> {
    out.push_str("<h2>Last runs</h2>\n");
    let runs = visit.host.store.runs_before(&visit.filter(Some(name.clone())), None, RUNS)?;
    let last = runs.iter().map(|run| visit.host.store.manifest(&run.run)).collect::<Result<Vec<_>, _>>()?;
    if last.is_empty() {
        out.push_str("<p class=\"empty\">None yet.</p>\n");
        return Ok(());
    }
    runs::table(out, last.iter(), false);
    put!(
        out,
        "<p><a href=\"{}\">All runs</a></p>\n",
        escape(link::with("/runs", &[("source", name.as_str())]))
    );
    Ok(())
}

/// What the connector asks for, against what was approved, and the form that approves it.
pub(super) fn approval_page(visit: &Visit) -> Drawn {
    visit.must_operate()?;
    let name: SourceName = visit.name("source")?;
    let proposal = propose(&visit.host.workspace, &name, visit.parsed("component")?)
        .map_err(|error| Trouble::unclear(error.to_string()))?;
    let mut out = String::new();
    back(&mut out, &[("/sources", "Sources"), (&link::source(&name), name.as_str())]);
    put!(out, "<h1>Approval <span class=\"id\">of {name}</span></h1>\n");
    let m = &proposal.manifest;
    put!(
        out,
        "<p class=\"lead\">{} {}, by {}: {}</p>\n",
        m.name,
        escape(&m.version),
        escape(&m.publisher),
        escape(&m.description)
    );
    let state = if proposal.is_approved {
        "<span class=\"badge filled\">approved</span> This very component is approved, and asks for nothing more."
    } else {
        "<span class=\"badge failed\">not approved</span> It does not run with this until you approve it."
    };
    put!(out, "<p class=\"verdict\">{state}</p>\n<dl class=\"facts\">\n");
    fact(&mut out, "Component", format!("<code>{}</code>", proposal.component));
    out.push_str("</dl>\n");
    difference(&mut out, &proposal);
    asks(&mut out, &proposal);
    approve_form(&mut out, visit, &name, &proposal);
    Ok(Page::new(Section::Sources, format!("Approval of {name}"), out))
}

fn difference(out: &mut String, proposal: &Proposal) {
    let d = &proposal.difference;
    for (head, class, sign, lines) in
        [("Asked anew", "partial", "+", &d.added), ("No longer asked", "late", "−", &d.removed)]
    {
        if lines.is_empty() {
            continue;
        }
        put!(out, "<h2>{head}</h2>\n<ul class=\"lines {class}-lines\">");
        for line in lines {
            put!(out, "<li><b>{sign}</b> <code class=\"url\">{}</code></li>", escape(line));
        }
        out.push_str("</ul>\n");
    }
}

fn asks(out: &mut String, proposal: &Proposal) {
    let m = &proposal.manifest;
    out.push_str("<h2>In the connector's own words</h2>\n<dl class=\"facts\">\n");
    for ask in &m.egress {
        let operations = ask
            .operations
            .as_ref()
            .map_or_else(String::new, |list| format!("<small>{}</small>", escape(list.join(", "))));
        put!(
            out,
            "<div><dt>{}</dt><dd><code class=\"url\">{}</code>{operations}</dd></div>\n",
            escape(ask.methods.join(", ")),
            escape(&ask.url)
        );
    }
    for slot in &m.credentials {
        put!(
            out,
            "<div><dt>credential {}</dt><dd>{} ({}), to <code class=\"url\">{}</code> only. The host attaches it; the connector never sees it.</dd></div>\n",
            escape(&slot.slot),
            escape(&slot.title),
            escape(slot.schemes.join(" or ")),
            escape(slot.hosts.join(", "))
        );
    }
    let kinds: Vec<String> = m.kinds.iter().map(|kind| format!("<code>{kind}</code>")).collect();
    fact(out, "Kinds", kinds.join(" "));
    out.push_str("</dl>\n");
}

fn approve_form(out: &mut String, visit: &Visit, name: &SourceName, proposal: &Proposal) {
    if proposal.is_approved {
        return;
    }
    let component = proposal.component.to_string();
    let digest = super::asks_digest(proposal);
    form(
        out,
        visit,
        &format!("/sources/{name}/approval"),
        &[("component", &component), ("digest", &digest)],
        "<p>Approving pins this component and what it may reach, in <code>exhibit.lock</code> and in the ledger, under your name.</p>\
         <button class=\"strong\">Approve</button>",
    );
}
