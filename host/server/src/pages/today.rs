//! What goes on, and what needs a person. An auditor gets their engagement in its place.

use super::coverage::{self, Tally};
use super::visit::Visit;
use super::{Drawn, Page, Section, Trouble, link, runs};
use crate::service::{Now, SourceNow};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::AuditPeriod;
use exhibit_evidence::time::{Span, Timestamp};
use exhibit_ledger::seal::Outcome;
use exhibit_package::html::calendar;
use exhibit_package::html::markup::{badge, counted, escape, grouped, minute};
use exhibit_package::put;
use exhibit_pipeline::coverage::ControlCoverage;

/// Exceptions of these last days are told.
const RECENT_DAYS: i64 = 7;
/// Reasons that are told of what happened to several controls.
const REASONS: usize = 3;
/// Runs that are told.
const RUNS: usize = 8;
/// Sources that are told as due next.
const DUE: usize = 8;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(super) fn page(visit: &Visit) -> Drawn {
    match visit.engagement() {
        Some(engagement) => engagement_page(visit, engagement),
        None => {
            visit.must_operate()?;
            operator_page(visit)
        }
    }
}

fn operator_page(visit: &Visit) -> Drawn {
    let at = visit.at();
    let now = &visit.now;
    let recent = Span { start: Timestamp::at_midnight(at.date()).plus_ms(-RECENT_DAYS * DAY_MS), end: at };
    let covered = coverage::cover(visit, recent)?;
    let mut out = String::new();
    put!(out, "<h1>Today <span class=\"id\">{}</span></h1>\n", at.date());
    cards(&mut out, now, &covered);
    needs(&mut out, now);
    running(&mut out, now, at);
    due(&mut out, now, at);
    exceptions(&mut out, &covered);
    last_runs(&mut out, visit)?;
    Ok(Page::new(Section::Today, "Today", out))
}

/// Whether a source fails: its last run was not complete.
fn fails(now: &SourceNow) -> bool {
    now.failures > 0
}

fn is_late(now: &SourceNow, at: Timestamp) -> bool {
    now.running_since.is_none() && !now.paused && now.next_due.is_some_and(|due| due < at)
}

fn cards(out: &mut String, now: &Now, covered: &[ControlCoverage]) {
    let sources = || now.sources.values();
    let running = sources().filter(|s| s.running_since.is_some()).count();
    let failing = sources().filter(|s| fails(s)).count();
    let stuck = sources().filter(|s| s.problem.is_some()).count();
    let recent = Tally::of(covered.iter().flat_map(|control| &control.periods));
    let card = |class: &str, to: &str, n: usize, words: &str, more: &str| {
        format!(
            "<li class=\"{class}\"><a href=\"{to}\"><b>{}</b> {words}<small>{more}</small></a></li>\n",
            grouped(n as u64)
        )
    };
    let worse = |n: usize| if n > 0 { "bad" } else { "good" };
    put!(
        out,
        "<ul class=\"cards\">{}{}{}{}</ul>\n",
        card(worse(stuck), "#needs", stuck, "need a person", "sources that cannot run as they are"),
        card(
            "",
            "#running",
            running,
            "running",
            &format!("of {}", counted(now.sources.len(), "source", "sources"))
        ),
        card(worse(failing), "/sources", failing, "failing", "not complete when they were last tried"),
        card(
            worse(recent.exceptions()),
            "#exceptions",
            recent.exceptions(),
            "exceptions",
            &format!("in the last {RECENT_DAYS} days: {}", recent.words())
        )
    );
}

fn needs(out: &mut String, now: &Now) {
    out.push_str("<h2 id=\"needs\">What needs a person</h2>\n");
    let mut items = String::new();
    if let Some(why) = &now.holding {
        put!(
            items,
            "<li class=\"card bad\"><p><span class=\"badge failed\">holding</span> <b>Nothing new is started</b></p><p>{}</p></li>\n",
            escape(why)
        );
    }
    for (name, source) in &now.sources {
        if let Some(problem) = &source.problem {
            put!(
                items,
                "<li class=\"card bad\"><p><span class=\"badge failed\">cannot run</span> <a href=\"{}\"><b>{name}</b></a></p><p>{}</p></li>\n",
                link::source(name),
                escape(problem)
            );
        } else if source.paused {
            put!(
                items,
                "<li class=\"card\"><p><span class=\"badge partial\">paused</span> <a href=\"{}\"><b>{name}</b></a></p><p>It is not looked at until someone resumes it: each period that passes is missed.</p></li>\n",
                link::source(name)
            );
        } else if fails(source) {
            failing(&mut items, name, source);
        }
    }
    if items.is_empty() {
        out.push_str("<p class=\"empty\">Nothing: every source can run, and none fails.</p>\n");
    } else {
        put!(out, "<ul class=\"plain cardlist\">{items}</ul>\n");
    }
}

fn failing(out: &mut String, name: &SourceName, source: &SourceNow) {
    let reason =
        source.last.as_ref().and_then(|last| last.reason.as_deref()).unwrap_or("no reason was recorded");
    let run = source
        .last
        .as_ref()
        .map_or_else(String::new, |last| format!(" <a href=\"{}\">The last run</a>", link::run(&last.run)));
    put!(
        out,
        "<li class=\"card bad\"><p><span class=\"badge failed\">failing</span> <a href=\"{}\"><b>{name}</b></a>, {} since it was complete</p><p>{}.{run}</p></li>\n",
        link::source(name),
        counted(source.failures, "run", "runs"),
        escape(reason.trim_end_matches('.'))
    );
}

fn running(out: &mut String, now: &Now, at: Timestamp) {
    out.push_str("<h2 id=\"running\">Running</h2>\n");
    let mut rows = String::new();
    for (name, source) in &now.sources {
        if let Some(since) = source.running_since {
            let took = runs::took(at.as_ms().saturating_sub(since.as_ms()));
            put!(
                rows,
                "<li><a href=\"{}\">{name}</a> since {}, for {took}</li>",
                link::source(name),
                minute(since)
            );
        }
    }
    if rows.is_empty() {
        out.push_str("<p class=\"empty\">No run goes on.</p>\n");
    } else {
        put!(out, "<ul class=\"chips\">{rows}</ul>\n");
    }
}

fn due(out: &mut String, now: &Now, at: Timestamp) {
    let mut next: Vec<(Timestamp, &SourceName, &SourceNow)> = now
        .sources
        .iter()
        .filter(|(_, s)| !s.paused)
        .filter_map(|(name, s)| Some((s.next_due?, name, s)))
        .collect();
    next.sort_by_key(|(due, name, _)| (*due, *name));
    out.push_str("<h2>Due next</h2>\n");
    if next.is_empty() {
        out.push_str("<p class=\"empty\">Nothing is scheduled.</p>\n");
        return;
    }
    out.push_str(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Due next\"><table><caption class=\"sr\">Sources by when they are due</caption><thead><tr><th scope=\"col\">Source</th>\
         <th scope=\"col\">Due</th><th scope=\"col\">Schedule</th></tr></thead><tbody>\n",
    );
    for (due, name, source) in next.iter().take(DUE) {
        let late = if is_late(source, at) { " <span class=\"badge late\">late</span>" } else { "" };
        put!(
            out,
            "<tr><th scope=\"row\"><a href=\"{}\">{name}</a></th><td class=\"t\">{}{late}</td><td>{}</td></tr>\n",
            link::source(name),
            minute(*due),
            escape(&source.plan)
        );
    }
    out.push_str("</tbody></table></div>\n");
    if next.len() > DUE {
        put!(out, "<p><a href=\"/sources\">All {}</a></p>\n", counted(next.len(), "source", "sources"));
    }
}

/// Controls to which the same happened in the same periods.
struct Alike<'a> {
    periods: String,
    outcome: Outcome,
    /// Each with its page.
    controls: Vec<(&'a ControlCoverage, String)>,
    reasons: Vec<&'a str>,
}

/// What was not simply filled lately, the newest first.
fn exceptions(out: &mut String, covered: &[ControlCoverage]) {
    put!(out, "<h2 id=\"exceptions\">Exceptions of the last {RECENT_DAYS} days</h2>\n");
    let slots: Vec<_> = covered.iter().map(coverage::slots).collect();
    let mut all: Vec<Alike<'_>> = Vec::new();
    for (control, slots) in covered.iter().zip(&slots) {
        for stretch in calendar::exceptions(slots) {
            let (periods, link) = (stretch.name(), stretch.first.link.clone().unwrap_or_default());
            let place = all.iter().position(|one| (&one.periods, one.outcome) == (&periods, stretch.outcome));
            let place = place.unwrap_or_else(|| {
                all.push(Alike {
                    periods,
                    outcome: stretch.outcome,
                    controls: Vec::new(),
                    reasons: Vec::new(),
                });
                all.len() - 1
            });
            let Some(alike) = all.get_mut(place) else { continue };
            alike.controls.push((control, link));
            if let Some(reason) = stretch.first.reason.filter(|reason| !alike.reasons.contains(reason)) {
                alike.reasons.push(reason);
            }
        }
    }
    if all.is_empty() {
        out.push_str("<p class=\"empty\">None.</p>\n");
        return;
    }
    all.sort_by(|a, b| b.periods.cmp(&a.periods));
    out.push_str(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Exceptions\"><table><caption class=\"sr\">Periods that are not simply filled</caption><thead><tr>\
         <th scope=\"col\">Periods</th><th scope=\"col\">Outcome</th><th scope=\"col\">Controls</th><th scope=\"col\">Reason</th></tr></thead><tbody>\n",
    );
    for alike in &all {
        put!(
            out,
            "<tr><th scope=\"row\" class=\"t\">{}</th><td>{}</td><td class=\"ids\">",
            alike.periods,
            badge(alike.outcome)
        );
        for (control, link) in &alike.controls {
            let control = &control.control;
            put!(
                out,
                "<a href=\"{}\" title=\"{}\">{}</a> ",
                escape(link),
                escape(&control.title),
                control.id
            );
        }
        let shown: Vec<String> =
            alike.reasons.iter().take(REASONS).map(|reason| escape(reason).to_string()).collect();
        put!(out, "</td><td>{}", shown.join("<br>"));
        if alike.reasons.len() > REASONS {
            put!(out, "<small>and {}</small>", counted(alike.reasons.len() - REASONS, "other", "others"));
        }
        out.push_str("</td></tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

fn last_runs(out: &mut String, visit: &Visit) -> Result<(), Trouble> {
    let runs = visit.host.store.runs_before(&visit.filter(None), None, RUNS)?;
    let manifests =
        runs.iter().map(|run| visit.host.store.manifest(&run.run)).collect::<Result<Vec<_>, _>>()?;
    out.push_str("<h2>Last runs</h2>\n");
    if manifests.is_empty() {
        out.push_str("<p class=\"empty\">None yet.</p>\n");
        return Ok(());
    }
    runs::table(out, manifests.iter(), true);
    out.push_str("<p><a href=\"/runs\">All runs</a></p>\n");
    Ok(())
}

/// What an auditor sees first.
fn engagement_page(visit: &Visit, engagement: &AuditPeriod) -> Drawn {
    let covered = coverage::cover(visit, engagement.span())?;
    let tally = Tally::of(covered.iter().flat_map(|control| &control.periods));
    let mut out = String::new();
    let span = engagement.span();
    put!(
        out,
        "<h1>Evidence for {}</h1>\n<p class=\"lead\">{} to {}. You read it as it is; nothing that you do here changes anything.</p>\n",
        escape(engagement),
        span.start.date(),
        span.end.plus_ms(-1).date()
    );
    put!(
        out,
        "<ul class=\"cards\"><li><a href=\"/calendar\"><b>{}</b> controls<small>{}</small></a></li>\
         <li class=\"good\"><a href=\"/calendar\"><b>{}</b> filled<small>complete evidence, in time</small></a></li>\
         <li class=\"{}\"><a href=\"#exceptions\"><b>{}</b> exceptions<small>{}</small></a></li>\
         <li><a href=\"/seals\"><b>{}</b> open<small>not over yet</small></a></li></ul>\n",
        grouped(covered.len() as u64),
        coverage::periods(tally.decided() + tally.open),
        grouped(tally.count(Outcome::Filled) as u64),
        if tally.exceptions() > 0 { "bad" } else { "good" },
        grouped(tally.exceptions() as u64),
        tally.words(),
        grouped(tally.open as u64)
    );
    engagement_exceptions(&mut out, &covered);
    out.push_str(
        "<h2>Where to go on</h2>\n<ul><li><a href=\"/calendar\">The calendar</a>: every control and period, down to the record and the \
         exchange that it came from.</li><li><a href=\"/evidence\">Evidence</a>: every list of records.</li>\
         <li><a href=\"/runs\">Runs</a>: how each list was made, and why it is complete.</li>\
         <li><a href=\"/ledger\">The ledger</a>: take a checkpoint with you, and prove later that nothing was changed.</li></ul>\n",
    );
    Ok(Page::new(Section::None, format!("Evidence for {engagement}"), out))
}

fn engagement_exceptions(out: &mut String, covered: &[ControlCoverage]) {
    out.push_str("<h2 id=\"exceptions\">Exceptions</h2>\n");
    let mut rows = String::new();
    for control in covered {
        let tally = Tally::of(&control.periods);
        if tally.exceptions() > 0 {
            put!(
                rows,
                "<tr><th scope=\"row\"><a href=\"{}\"><b>{}</b> {}</a></th><td>{}</td></tr>\n",
                escape(link::control(&control.control.id, "")),
                control.control.id,
                escape(&control.control.title),
                tally.words()
            );
        }
    }
    if rows.is_empty() {
        out.push_str(
            "<p class=\"empty\">None: every period that is over has complete evidence, in time.</p>\n",
        );
        return;
    }
    put!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Exceptions\"><table><caption class=\"sr\">Controls with periods that are not simply filled</caption><thead><tr>\
         <th scope=\"col\">Control</th><th scope=\"col\">Periods</th></tr></thead><tbody>\n{rows}</tbody></table></div>\n"
    );
}
