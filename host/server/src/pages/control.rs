//! One control with its evidence and gaps, and one of its periods with what proves it.

use super::coverage::{self, Tally};
use super::shell::back;
use super::visit::Visit;
use super::{Drawn, Page, Section, Trouble, link, population};
use exhibit_controls::criterion_title;
use exhibit_evidence::control::{Control, ControlId};
use exhibit_evidence::kind::{Kind, Shape};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::{AuditPeriod, CollectionPeriod};
use exhibit_evidence::run::{Manifest, Verdict};
use exhibit_evidence::time::Span;
use exhibit_ledger::seal::Outcome;
use exhibit_package::html::calendar::{self, OPEN};
use exhibit_package::html::markup::{
    badge, basis_word, counted, escape, fact, frequency_word, grouped, minute, shape_word, verdict_badge,
};
use exhibit_package::put;
use exhibit_pipeline::coverage::{Expected, PeriodCoverage, expected, source_kinds};

/// Records of a population that a period's page shows.
const SHOWN_RECORDS: usize = 8;

pub(super) fn page(visit: &Visit) -> Drawn {
    let id: ControlId = visit.name("control")?;
    let period = visit.period()?;
    let covered = coverage::cover_one(visit, &id, period.span())?;
    let control = &covered.control;
    let mut out = String::new();
    let calendar_link = link::with("/calendar", &[("period", period.name())]);
    back(&mut out, &[(&calendar_link, &format!("{period} at a glance"))]);
    head(&mut out, control);
    let tally = Tally::of(&covered.periods);
    put!(
        out,
        "<p class=\"tally\"><b>{}</b> {} {}</p>\n",
        escape(&period),
        coverage::periods(covered.periods.len()),
        tally.badges()
    );
    out.push_str("<dl class=\"facts\">\n");
    fact(&mut out, "Criteria", criteria_words(control));
    fact(&mut out, "Frequency", frequency_word(control.frequency));
    fact(&mut out, "Owner", escape(&control.owner));
    out.push_str("</dl>\n");
    gaps(&mut out, &coverage::slots(&covered));
    put!(out, "<h2>Calendar</h2>\n");
    calendar::legend_with(&mut out, tally.open > 0);
    calendar::calendar(&mut out, &coverage::slots(&covered));
    evidence(&mut out, visit, control, &period)?;
    Ok(Page::new(Section::Calendar, format!("{id} {}", control.title), out))
}

fn head(out: &mut String, control: &Control) {
    put!(out, "<h1><span class=\"id\">{}</span> {}</h1>\n", control.id, escape(&control.title));
}

fn criteria_words(control: &Control) -> String {
    let word =
        |c: &exhibit_evidence::control::Criterion| format!("<b>{c}</b> {}", escape(criterion_title(*c)));
    control.criteria.iter().map(word).collect::<Vec<_>>().join("<br>")
}

/// What is over and not simply filled.
fn gaps(out: &mut String, slots: &[calendar::Slot<'_>]) {
    out.push_str("<h2>Gaps</h2>\n");
    let stretches = calendar::exceptions(slots);
    if stretches.is_empty() {
        out.push_str("<p>None: every period that is over has complete evidence, in time.</p>\n");
        return;
    }
    out.push_str(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Gaps\"><table><caption class=\"sr\">Periods that are not simply filled</caption>\
         <thead><tr><th scope=\"col\">Periods</th><th scope=\"col\">Outcome</th><th scope=\"col\">Reason</th></tr></thead><tbody>\n",
    );
    for stretch in stretches {
        let href = stretch.first.link.as_deref().unwrap_or_default();
        put!(
            out,
            "<tr><th scope=\"row\" class=\"t\"><a href=\"{}\">{}</a></th><td>{}</td><td>{}</td></tr>\n",
            escape(href),
            stretch.name(),
            badge(stretch.outcome),
            escape(stretch.first.reason.unwrap_or("no reason was recorded"))
        );
    }
    out.push_str("</tbody></table></div>\n");
}

/// The kinds and sources that prove the control, and what there is of each.
fn evidence(out: &mut String, visit: &Visit, control: &Control, period: &AuditPeriod) -> Result<(), Trouble> {
    out.push_str("<h2>What proves it</h2>\n");
    let pairs = expected(control, &source_kinds(&visit.host)?, |kind| visit.host.shape(kind));
    if pairs.is_empty() {
        let kinds: Vec<String> =
            control.evidence.iter().map(|p| format!("<code>{}</code>", p.kind)).collect();
        put!(out, "<p>No source collects what it asks for: {}.</p>\n", kinds.join(", "));
        return Ok(());
    }
    out.push_str(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"What proves it\"><table><caption class=\"sr\">Lists of records that prove the control</caption><thead><tr>\
         <th scope=\"col\">Records</th><th scope=\"col\">Source</th><th scope=\"col\">They are</th>\
         <th scope=\"col\" class=\"n\">Looks</th><th scope=\"col\">Last look</th><th scope=\"col\" class=\"n\">Records then</th></tr></thead><tbody>\n",
    );
    for Expected { kind, shape, source } in pairs {
        let looks = visit.host.store.dataset_runs(&source, &kind)?;
        let span = period.span();
        let inside: Vec<_> = looks.iter().filter(|look| span.contains(look.started_at)).collect();
        let title = visit.host.kind(&kind).map(|spec| spec.title.clone()).unwrap_or_default();
        put!(out, "<tr><th scope=\"row\">");
        match inside.last() {
            Some(last) => {
                let href = link::population(&source, &kind, Some(&last.run));
                put!(
                    out,
                    "<a href=\"{}\">{}</a><small><code>{kind}</code></small></th>",
                    escape(href),
                    escape(title)
                );
                put!(
                    out,
                    "<td>{source}</td><td>{}</td><td class=\"n\">{}</td>",
                    shape_word(shape),
                    grouped(inside.len() as u64)
                );
                put!(
                    out,
                    "<td class=\"t\">{}</td><td class=\"n\">{}</td></tr>\n",
                    minute(last.started_at),
                    grouped(last.dataset.records)
                );
            }
            None => {
                put!(out, "{}<small><code>{kind}</code></small></th><td>{source}</td>", escape(title));
                put!(
                    out,
                    "<td>{}</td><td class=\"n\">0</td><td>never</td><td class=\"n\">–</td></tr>\n",
                    shape_word(shape)
                );
            }
        }
    }
    out.push_str("</tbody></table></div>\n");
    Ok(())
}

/// One period of a control: what became of it, and every run and list that says so.
pub(super) fn period_page(visit: &Visit) -> Drawn {
    let id: ControlId = visit.name("control")?;
    let period: CollectionPeriod = visit.name("period")?;
    let span = period.span();
    if visit.engagement().is_some_and(|engagement| !engagement.span().overlaps(&span)) {
        return Err(Trouble::forbidden(format!("{period} is not part of your engagement")));
    }
    let covered = coverage::cover_one(visit, &id, Span { start: span.start, end: span.end })?;
    let control = &covered.control;
    let found = covered.periods.iter().find(|p| p.period == period).ok_or_else(|| {
        Trouble::missing(format!(
            "{id} is {}, so {period} is no period of it",
            frequency_word(control.frequency)
        ))
    })?;
    let mut out = String::new();
    let years = year_name(visit, &period);
    let control_link = link::control(&id, &years);
    let calendar_link = link::with("/calendar", &[("period", &years)]);
    back(&mut out, &[(&calendar_link, &format!("{years} at a glance")), (&control_link, id.as_str())]);
    put!(
        out,
        "<h1><span class=\"id\">{id}</span> {period}</h1>\n<p class=\"lead\">{}</p>\n",
        escape(&control.title)
    );
    outcome_words(&mut out, found);
    beside(&mut out, control, &period);
    proofs(&mut out, visit, control, found)?;
    Ok(Page::new(Section::Calendar, format!("{id} {period}"), out))
}

/// The stretch that a period's page leads back to: an auditor's engagement, or the year.
fn year_name(visit: &Visit, period: &CollectionPeriod) -> String {
    match visit.engagement() {
        Some(engagement) => engagement.name().to_owned(),
        None => format!("{:04}", period.span().start.date().year()),
    }
}

fn outcome_words(out: &mut String, found: &PeriodCoverage) {
    let badge = found.outcome.map_or_else(|| format!("<span class=\"badge {OPEN}\">{OPEN}</span>"), badge);
    let words = match (found.outcome, &found.reason) {
        (Some(Outcome::Filled), _) => "Complete evidence, in time.".to_owned(),
        (None, _) => "Not over, and not filled yet.".to_owned(),
        (_, Some(reason)) => reason.clone(),
        (_, None) => "No reason was recorded.".to_owned(),
    };
    put!(out, "<p class=\"verdict\">{badge} {}</p>\n", escape(words));
}

/// The period before, and the one after.
fn beside(out: &mut String, control: &Control, period: &CollectionPeriod) {
    let span = period.span();
    let before = control.frequency.period_at(span.start.plus_ms(-1));
    let after = control.frequency.period_at(span.end);
    put!(
        out,
        "<nav class=\"beside\" aria-label=\"Periods beside\"><a rel=\"prev\" href=\"{}\">{before}</a> <a rel=\"next\" href=\"{}\">{after}</a></nav>\n",
        escape(link::period(&control.id, &before)),
        escape(link::period(&control.id, &after))
    );
}

fn proofs(out: &mut String, visit: &Visit, control: &Control, found: &PeriodCoverage) -> Result<(), Trouble> {
    out.push_str("<h2>What proves it</h2>\n");
    let pairs = expected(control, &source_kinds(&visit.host)?, |kind| visit.host.shape(kind));
    let mut manifests = Vec::new();
    for run in &found.runs {
        let manifest = visit.host.store.manifest(run)?;
        if visit.sees(&manifest) {
            manifests.push(manifest);
        }
    }
    if pairs.is_empty() {
        out.push_str("<p>No source collects what this control asks for.</p>\n");
    }
    for pair in &pairs {
        let own: Vec<&Manifest> =
            manifests.iter().filter(|m| m.source == pair.source && is_about(m, &pair.kind)).collect();
        proof(out, visit, pair, &own, found.period.span())?;
    }
    Ok(())
}

fn is_about(manifest: &Manifest, kind: &Kind) -> bool {
    manifest.fills.iter().any(|fill| fill.kind == *kind)
}

/// One list that is expected: the runs that looked, and the first of what they found.
fn proof(
    out: &mut String,
    visit: &Visit,
    pair: &Expected,
    runs: &[&Manifest],
    span: Span,
) -> Result<(), Trouble> {
    let Expected { kind, shape, source } = pair;
    let title = visit.host.kind(kind).map_or_else(|| kind.to_string(), |spec| spec.title.clone());
    put!(out, "<section class=\"card\"><h3>{} <span class=\"of\">of {source}</span></h3>\n", escape(title));
    if runs.is_empty() {
        out.push_str("<p>No run looked in this period.</p></section>\n");
        return Ok(());
    }
    out.push_str("<ul class=\"plain\">");
    for manifest in runs {
        run_words(out, manifest, kind);
    }
    out.push_str("</ul>\n");
    let best = runs.iter().rev().find(|m| verdict_of(m, kind) == Some(&Verdict::Complete)).or(runs.last());
    if let Some(manifest) = best.filter(|m| m.datasets.iter().any(|d| d.kind == *kind)) {
        let shown = Shown { source, kind, shape: *shape, run: manifest, span };
        records(out, visit, &shown)?;
    }
    out.push_str("</section>\n");
    Ok(())
}

fn verdict_of<'a>(manifest: &'a Manifest, kind: &Kind) -> Option<&'a Verdict> {
    manifest.populations.iter().find(|p| p.kind == *kind).map(|p| &p.verdict)
}

/// A run's own words on how it made the list.
fn run_words(out: &mut String, manifest: &Manifest, kind: &Kind) {
    let verdict = verdict_of(manifest, kind).unwrap_or(&manifest.verdict);
    put!(
        out,
        "<li>{} <a href=\"{}\">Run of {}</a>",
        verdict_badge(verdict),
        escape(link::run(&manifest.run)),
        minute(manifest.started_at)
    );
    if let Some(reason) = verdict.reason() {
        put!(out, ": {}", escape(reason));
    }
    for p in manifest.populations.iter().filter(|p| p.kind == *kind) {
        put!(
            out,
            "<small>{}: {} received in {}, {} covered, {} left out, {} rejected; {}</small>",
            escape(&p.query),
            grouped(p.received),
            counted(p.pages, "page", "pages"),
            grouped(p.covered),
            grouped(p.filtered.values().sum()),
            grouped(p.rejected),
            basis_word(p.basis)
        );
    }
    out.push_str("</li>");
}

struct Shown<'a> {
    source: &'a SourceName,
    kind: &'a Kind,
    shape: Shape,
    run: &'a Manifest,
    span: Span,
}

/// The first records of a list: as the run left them, or those that happened in the period.
fn records(out: &mut String, visit: &Visit, shown: &Shown<'_>) -> Result<(), Trouble> {
    let Shown { source, kind, shape, run, span } = shown;
    let (records, all, total) = if shape.is_timed() {
        let records = visit.host.store.events(source, kind, *span)?;
        let href = link::with(
            &link::population(source, kind, None),
            &[("from", &span.start.date().to_string()), ("to", &span.end.plus_ms(-1).date().to_string())],
        );
        (records, href, None)
    } else {
        if !visit.sees_state_of(run.started_at) {
            return Ok(());
        }
        let held = run.datasets.iter().find(|d| d.kind == **kind).map(|d| d.records);
        (
            visit.host.store.snapshot(source, kind, &run.run)?,
            link::population(source, kind, Some(&run.run)),
            held,
        )
    };
    let lines: Vec<_> = records.take(SHOWN_RECORDS + 1).collect::<Result<_, _>>()?;
    if lines.is_empty() {
        let says = if shape.is_timed() { "Nothing happened in this period." } else { "The list is empty." };
        put!(out, "<p>{says}</p>\n");
        return Ok(());
    }
    let more = lines.len() > SHOWN_RECORDS;
    let seen_by = if shape.is_timed() { None } else { Some(&run.run) };
    population::table(out, visit, source, kind, lines.iter().take(SHOWN_RECORDS), seen_by);
    if more {
        let words = total.map_or_else(|| "All of the period".to_owned(), |n| format!("All {}", grouped(n)));
        put!(out, "<p class=\"files\"><a class=\"button\" href=\"{}\">{words}</a></p>\n", escape(all));
    }
    Ok(())
}
