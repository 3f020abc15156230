//! Control by collection period. Days are months with a grid of weeks; longer periods are a row of boxes. An
//! outcome is told by colour, by letter and in words.

use super::{counted, escape, letter, put};
use crate::model::{ControlCoverage, OUTCOMES, Outcome, PeriodOutcome};
use exhibit_evidence::period::CollectionPeriod;
use std::fmt::Write as _;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A month by year and number, for putting periods into columns.
pub(super) type Month = (i16, i8);

/// `January 2026`.
pub(super) fn month_name((year, month): Month) -> String {
    format!("{} {year}", MONTHS[usize::try_from(month - 1).unwrap_or(0).min(11)])
}

/// `Jan 2026`, with the year in small.
pub(super) fn month_head((year, month): Month) -> String {
    let name = MONTHS[usize::try_from(month - 1).unwrap_or(0).min(11)];
    format!("{}<small>{year}</small>", &name[..3])
}

/// The month in which a period begins.
pub(super) fn month_of(period: &CollectionPeriod) -> Month {
    let first = period.span().start.date();
    (first.year(), first.month())
}

/// Every month in which a period of any control begins, in order.
pub(super) fn months(coverage: &[ControlCoverage]) -> Vec<Month> {
    let mut months: Vec<Month> =
        coverage.iter().flat_map(|control| control.periods.iter().map(|p| month_of(&p.period))).collect();
    months.sort_unstable();
    months.dedup();
    months
}

/// What the colours and letters mean.
pub(super) fn legend(out: &mut String) {
    let meaning = |outcome| match outcome {
        Outcome::Filled => "complete evidence, in time",
        Outcome::Late => "complete, collected after the period and its grace",
        Outcome::Partial => "evidence, but not all of it",
        Outcome::Failed => "tried, nothing reliable came of it",
        Outcome::Missed => "nothing was collected",
    };
    out.push_str("<ul class=\"legend\">");
    for outcome in OUTCOMES {
        put!(
            out,
            "<li><span class=\"day {0}\" aria-hidden=\"true\">{1}</span> <b>{0}</b> {2}</li>",
            outcome.word(),
            letter(outcome),
            meaning(outcome)
        );
    }
    out.push_str("</ul>\n");
}

/// The cell of a control and a month: how many periods are filled, and each as a small box.
pub(super) fn month_cell(out: &mut String, month: Month, coverage: &ControlCoverage) {
    let periods: Vec<&PeriodOutcome> =
        coverage.periods.iter().filter(|p| month_of(&p.period) == month).collect();
    if periods.is_empty() {
        out.push_str("<td class=\"none\"><span class=\"sr\">no period begins</span></td>");
        return;
    }
    let filled = periods.iter().filter(|p| p.outcome == Outcome::Filled).count();
    let class = if filled == periods.len() { "whole" } else { "holes" };
    put!(out, "<td class=\"{class}\"><span class=\"dots\" aria-hidden=\"true\">");
    for period in &periods {
        put!(out, "<i class=\"{}\"></i>", period.outcome.word());
    }
    put!(
        out,
        "</span><span class=\"ratio\">{filled}<span class=\"sr\"> filled of </span><span aria-hidden=\"true\">/</span>{}</span>",
        periods.len()
    );
    for outcome in OUTCOMES.into_iter().filter(|o| *o != Outcome::Filled) {
        let count = periods.iter().filter(|p| p.outcome == outcome).count();
        if count > 0 {
            put!(out, "<span class=\"but {0}\">{count} {0}</span>", outcome.word());
        }
    }
    out.push_str("</td>");
}

/// The whole calendar of one control.
pub(super) fn calendar(out: &mut String, coverage: &ControlCoverage) {
    let days = coverage.periods.iter().all(|p| matches!(p.period, CollectionPeriod::Day(_)));
    if days { day_calendar(out, coverage) } else { row_calendar(out, coverage) }
}

fn day_calendar(out: &mut String, coverage: &ControlCoverage) {
    out.push_str("<div class=\"months\">\n");
    for month in months(std::slice::from_ref(coverage)) {
        let days: Vec<(i8, i8, &PeriodOutcome)> = coverage
            .periods
            .iter()
            .filter(|p| month_of(&p.period) == month)
            .map(|p| (p, p.period.span().start.date()))
            .map(|(p, date)| (date.day(), date.weekday().to_monday_zero_offset(), p))
            .collect();
        put!(out, "<table class=\"month\"><caption>{}</caption><thead><tr>", month_name(month));
        for day in ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] {
            put!(out, "<th scope=\"col\"><abbr title=\"{day}\">{}</abbr></th>", &day[..2]);
        }
        out.push_str("</tr></thead><tbody><tr>");
        let mut column = 0;
        for (day, weekday, period) in days {
            if weekday < column || (weekday == 0 && column > 0) {
                put!(out, "{}</tr><tr>", "<td></td>".repeat(usize::try_from(7 - column).unwrap_or(0)));
                column = 0;
            }
            put!(out, "{}", "<td></td>".repeat(usize::try_from(weekday - column).unwrap_or(0)));
            day_box(out, day, period);
            column = weekday + 1;
        }
        put!(out, "{}</tr></tbody></table>\n", "<td></td>".repeat(usize::try_from(7 - column).unwrap_or(0)));
    }
    out.push_str("</div>\n");
}

fn day_box(out: &mut String, day: i8, period: &PeriodOutcome) {
    let (word, letter) = (period.outcome.word(), letter(period.outcome));
    let title = period.reason.as_ref().map_or_else(|| word.to_owned(), |reason| format!("{word}: {reason}"));
    put!(out, "<td><span class=\"day {word}\" title=\"{} {}\">{day}", period.period, escape(title));
    if !letter.is_empty() {
        put!(out, "<b aria-hidden=\"true\">{letter}</b><span class=\"sr\"> {word}</span>");
    }
    out.push_str("</span></td>");
}

fn row_calendar(out: &mut String, coverage: &ControlCoverage) {
    out.push_str("<ul class=\"row\">\n");
    for period in &coverage.periods {
        let word = period.outcome.word();
        put!(
            out,
            "<li class=\"{word}\" title=\"{}\"><b>{}</b> {word}</li>\n",
            escape(period.reason.as_deref().unwrap_or(word)),
            period.period
        );
    }
    out.push_str("</ul>\n");
}

/// A stretch of neighbouring periods of one control with one outcome and reason.
pub(super) struct Stretch<'a> {
    pub(super) first: &'a PeriodOutcome,
    pub(super) last: &'a PeriodOutcome,
    pub(super) count: usize,
}

impl Stretch<'_> {
    /// `2026-03-04`, or `2026-03-04 to 2026-03-06 (3 periods)`.
    pub(super) fn name(&self) -> String {
        match self.count {
            1 => self.first.period.to_string(),
            n => {
                format!("{} to {} ({})", self.first.period, self.last.period, counted(n, "period", "periods"))
            }
        }
    }
}

/// What is not simply filled, neighbours with the same reason together.
pub(super) fn exceptions(coverage: &ControlCoverage) -> Vec<Stretch<'_>> {
    let mut stretches: Vec<Stretch<'_>> = Vec::new();
    let mut before: Option<&PeriodOutcome> = None;
    for period in &coverage.periods {
        if period.outcome != Outcome::Filled {
            let same = |b: &PeriodOutcome| (b.outcome, &b.reason) == (period.outcome, &period.reason);
            match stretches.last_mut() {
                Some(stretch) if before.is_some_and(same) => {
                    stretch.last = period;
                    stretch.count += 1;
                }
                _ => stretches.push(Stretch { first: period, last: period, count: 1 }),
            }
        }
        before = Some(period);
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;
    use exhibit_evidence::period::AuditPeriod;

    fn daily() -> ControlCoverage {
        let control = serde_json::from_str(
            r#"{"id":"AC-03","title":"MFA","criteria":["CC6.1"],"frequency":"daily","owner":"IT","evidence":[]}"#,
        );
        let half: AuditPeriod = "2026-H1".parse().unwrap();
        let control: exhibit_evidence::control::Control = control.unwrap();
        let periods = control.frequency.periods_in(half.span());
        let outcome = |p: &CollectionPeriod| match p.to_string().as_str() {
            "2026-03-04" | "2026-03-05" => Outcome::Missed,
            _ => Outcome::Filled,
        };
        let periods = periods
            .iter()
            .map(|p| PeriodOutcome { period: *p, outcome: outcome(p), runs: vec![], reason: None })
            .collect();
        ControlCoverage { control, periods }
    }

    #[test]
    fn half_a_year_is_six_months_of_whole_weeks() {
        let mut out = String::new();
        calendar(&mut out, &daily());
        assert_eq!(out.matches("<caption>").count(), 6);
        assert_eq!(out.matches("<span class=\"day ").count(), 181);
        for row in out.split("<tr>").filter(|row| row.contains("<td>")) {
            let cells = row.split("</tr>").next().unwrap().matches("<td>").count();
            assert_eq!(cells, 7, "{row}");
        }
        // `cal 3 2026`: the first of March 2026 is a Sunday.
        let march = out.split("<caption>March 2026").nth(1).unwrap();
        let first_week = march.split("<tbody>").nth(1).unwrap().split("</tr>").next().unwrap();
        assert_eq!(first_week.matches("<td></td>").count(), 6);
    }

    #[test]
    fn neighbours_are_told_together() {
        let coverage = daily();
        let exceptions = exceptions(&coverage);
        assert_eq!(exceptions.len(), 1);
        assert_eq!(exceptions[0].name(), "2026-03-04 to 2026-03-05 (2 periods)");
    }
}
