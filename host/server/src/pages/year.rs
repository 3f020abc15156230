//! Every control and period at a glance.

use super::coverage::{self, Tally};
use super::visit::Visit;
use super::{Drawn, Page, Section, link};
use exhibit_evidence::period::AuditPeriod;
use exhibit_evidence::time::Span;
use exhibit_ledger::seal::Outcome;
use exhibit_package::html::calendar::{self, Month};
use exhibit_package::html::markup::{escape, frequency_word, grouped};
use exhibit_package::put;
use exhibit_pipeline::coverage::ControlCoverage;

pub(super) fn page(visit: &Visit) -> Drawn {
    let period = visit.period()?;
    let mut controls = coverage::cover(visit, period.span())?;
    let all = Tally::of(controls.iter().flat_map(|control| &control.periods));
    let gaps_only = visit.asked("show") == Some("gaps");
    let total = controls.len();
    if gaps_only {
        controls.retain(|control| Tally::of(&control.periods).exceptions() > 0);
    }
    let mut out = String::new();
    put!(out, "<h1>{} at a glance</h1>\n", escape(&period));
    put!(out, "<p class=\"lead\">Every control, and every period in which it should have evidence.</p>\n");
    choices(&mut out, visit, &period, gaps_only);
    cards(&mut out, total, &all, &period);
    if controls.is_empty() {
        let says = if gaps_only {
            "No control has a gap in this time."
        } else {
            "There are no controls yet: write them into <code>controls/</code>."
        };
        put!(out, "<p class=\"empty\">{says}</p>\n");
        return Ok(Page::new(Section::Calendar, period.to_string(), out));
    }
    calendar::legend_with(&mut out, all.open > 0);
    matrix(&mut out, &controls, &period);
    Ok(Page::new(Section::Calendar, format!("{period} at a glance"), out))
}

/// The years beside this one, parts of it, and which controls are shown.
fn choices(out: &mut String, visit: &Visit, period: &AuditPeriod, gaps_only: bool) {
    let show = if gaps_only { "gaps" } else { "" };
    let year = period.span().start.date().year();
    let mut names = Vec::new();
    if visit.engagement().is_none() {
        names.extend([(year - 1).to_string(), year.to_string(), format!("{year}-H1"), format!("{year}-H2")]);
        names.push((year + 1).to_string());
    }
    out.push_str("<div class=\"choices\">");
    if !names.is_empty() {
        out.push_str("<nav aria-label=\"Time\"><ul>");
        for name in names {
            let current = if name == period.name() { " aria-current=\"true\"" } else { "" };
            let href = link::with("/calendar", &[("period", &name), ("show", show)]);
            put!(out, "<li><a href=\"{}\"{current}>{name}</a></li>", escape(href));
        }
        out.push_str("</ul></nav>");
    }
    out.push_str("<nav aria-label=\"Controls\"><ul>");
    for (value, words, current) in [("", "All controls", !gaps_only), ("gaps", "With gaps", gaps_only)] {
        let href = link::with("/calendar", &[("period", period.name()), ("show", value)]);
        let current = if current { " aria-current=\"true\"" } else { "" };
        put!(out, "<li><a href=\"{}\"{current}>{words}</a></li>", escape(href));
    }
    out.push_str("</ul></nav></div>\n");
}

fn cards(out: &mut String, controls: usize, all: &Tally, period: &AuditPeriod) {
    let gaps = link::with("/calendar", &[("period", period.name()), ("show", "gaps")]);
    let filled = all.count(Outcome::Filled);
    let class = if all.exceptions() == 0 { "good" } else { "bad" };
    put!(
        out,
        "<ul class=\"cards\"><li><div><b>{}</b> controls<small>{} so far</small></div></li>\n\
         <li class=\"good\"><div><b>{}</b> filled<small>complete evidence, in time</small></div></li>\n\
         <li class=\"{class}\"><a href=\"{}\"><b>{}</b> exceptions<small>{}</small></a></li>\n\
         <li><div><b>{}</b> open<small>not over yet</small></div></li></ul>\n",
        grouped(controls as u64),
        coverage::periods(all.decided()),
        grouped(filled as u64),
        escape(gaps),
        grouped(all.exceptions() as u64),
        all.words(),
        grouped(all.open as u64)
    );
}

/// Every month that the span touches.
fn months(span: Span) -> Vec<Month> {
    let mut months = Vec::new();
    let (mut date, last) = (span.start.date().first_of_month(), span.end.plus_ms(-1).date());
    while date <= last {
        months.push((date.year(), date.month()));
        match date.last_of_month().tomorrow() {
            Ok(next) => date = next,
            Err(_) => break,
        }
    }
    months
}

fn matrix(out: &mut String, controls: &[ControlCoverage], period: &AuditPeriod) {
    let months = months(period.span());
    put!(
        out,
        "<div class=\"scroll year\" tabindex=\"0\" role=\"region\" aria-label=\"Calendar\"><table class=\"matrix\" role=\"table\">\
         <caption class=\"sr\">Periods filled of those expected, for each control and month of {}</caption>\
         <thead role=\"rowgroup\"><tr role=\"row\"><th scope=\"col\" role=\"columnheader\">Control</th>",
        escape(period)
    );
    for month in &months {
        put!(out, "<th scope=\"col\" role=\"columnheader\">{}</th>", calendar::month_head(*month));
    }
    out.push_str("</tr></thead><tbody role=\"rowgroup\">\n");
    for coverage in controls {
        let control = &coverage.control;
        let href = link::control(&control.id, period.name());
        let criteria: Vec<String> = control.criteria.iter().map(ToString::to_string).collect();
        put!(
            out,
            "<tr role=\"row\"><th scope=\"row\" role=\"rowheader\"><a href=\"{}\"><b>{}</b> {}</a><small>{} · {}</small></th>",
            escape(&href),
            control.id,
            escape(&control.title),
            criteria.join(" "),
            frequency_word(control.frequency)
        );
        let slots = coverage::slots(coverage);
        for month in &months {
            let name = calendar::month_name(*month);
            let href = format!("{href}#m{}-{:02}", month.0, month.1);
            calendar::month_cell(out, *month, &slots, Some((&href, &name)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}
