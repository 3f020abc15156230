//! Control by collection period. Days are months with a grid of weeks; longer periods are a row of boxes. An
//! outcome is told by colour, by letter and in words.

use super::markup::{counted, escape, letter};
use crate::model::{ControlCoverage, OUTCOMES, Outcome};
use crate::put;
use exhibit_evidence::period::CollectionPeriod;

/// A collection period as a calendar shows it.
#[derive(Clone, Debug)]
pub struct Slot<'a> {
    /// The period.
    pub period: CollectionPeriod,
    /// What became of it; none: it is not over, and nothing has filled it yet.
    pub outcome: Option<Outcome>,
    /// Why it is not simply filled.
    pub reason: Option<&'a str>,
    /// The page that tells more of it.
    pub link: Option<String>,
}

impl Slot<'_> {
    /// `filled`, `missed`; `open` where it is not over yet.
    pub fn word(&self) -> &'static str {
        self.outcome.map_or(OPEN, Outcome::word)
    }
}

/// The word for a period that is not over and not filled.
pub const OPEN: &str = "open";

/// The periods of a control in a package, which lead nowhere.
pub(super) fn slots(coverage: &ControlCoverage) -> Vec<Slot<'_>> {
    let periods = coverage.periods.iter();
    periods
        .map(|p| Slot { period: p.period, outcome: Some(p.outcome), reason: p.reason.as_deref(), link: None })
        .collect()
}

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
pub type Month = (i16, i8);

/// `January 2026`.
pub fn month_name((year, month): Month) -> String {
    format!("{} {year}", MONTHS[usize::try_from(month - 1).unwrap_or(0).min(11)])
}

/// `Jan 2026`, with the year in small.
pub fn month_head((year, month): Month) -> String {
    format!("{}<small>{year}</small>", month_short((year, month)))
}

fn month_short((_, month): Month) -> &'static str {
    &MONTHS[usize::try_from(month - 1).unwrap_or(0).min(11)][..3]
}

/// The month in which a period begins.
pub fn month_of(period: &CollectionPeriod) -> Month {
    let first = period.span().start.date();
    (first.year(), first.month())
}

/// Every month in which one of the periods begins, in order.
pub fn months(periods: impl Iterator<Item = CollectionPeriod>) -> Vec<Month> {
    let mut months: Vec<Month> = periods.map(|period| month_of(&period)).collect();
    months.sort_unstable();
    months.dedup();
    months
}

/// What the colours and letters mean.
pub fn legend(out: &mut String) {
    legend_with(out, false);
}

/// The same, where some periods may not be over yet.
pub fn legend_with(out: &mut String, open: bool) {
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
    if open {
        put!(
            out,
            "<li><span class=\"day {OPEN}\" aria-hidden=\"true\"></span> <b>{OPEN}</b> not over, and not filled yet</li>"
        );
    }
    out.push_str("</ul>\n");
}

/// The cell of a control and a month: how many periods are filled, and each as a small box. `link` is the page that
/// tells more, and what it is called.
pub fn month_cell(out: &mut String, month: Month, slots: &[Slot<'_>], link: Option<(&str, &str)>) {
    let periods: Vec<&Slot<'_>> = slots.iter().filter(|slot| month_of(&slot.period) == month).collect();
    // A page whose table is laid out anew where it is narrow says itself what is a cell.
    let role = if link.is_some() { " role=\"cell\"" } else { "" };
    if periods.is_empty() {
        put!(out, "<td class=\"none\"{role}><span class=\"sr\">no period begins</span></td>");
        return;
    }
    let count = |outcome| periods.iter().filter(|p| p.outcome == outcome).count();
    let (filled, over) = (count(Some(Outcome::Filled)), periods.len() - count(None));
    let class = match (over, filled == over) {
        (0, _) => "ahead",
        (_, true) => "whole",
        (_, false) => "holes",
    };
    put!(out, "<td class=\"{class}\"{role}>");
    if let Some((href, name)) = link {
        put!(
            out,
            "<a href=\"{}\"><span class=\"name\" aria-hidden=\"true\">{}</span><span class=\"sr\">{}: </span>",
            escape(href),
            month_short(month),
            escape(name)
        );
    }
    out.push_str("<span class=\"dots\" aria-hidden=\"true\">");
    for period in &periods {
        put!(out, "<i class=\"{}\"></i>", period.word());
    }
    out.push_str("</span><span class=\"ratio\">");
    if over == 0 {
        out.push_str("<span aria-hidden=\"true\">–</span><span class=\"sr\">not over yet</span></span>");
    } else {
        put!(
            out,
            "{filled}<span class=\"sr\"> filled of </span><span aria-hidden=\"true\">/</span>{over}</span>"
        );
    }
    for outcome in OUTCOMES.into_iter().filter(|o| *o != Outcome::Filled) {
        let count = count(Some(outcome));
        if count > 0 {
            put!(out, "<span class=\"but {0}\">{count} {0}</span>", outcome.word());
        }
    }
    out.push_str(if link.is_some() { "</a></td>" } else { "</td>" });
}

/// The whole calendar of one control.
pub fn calendar(out: &mut String, slots: &[Slot<'_>]) {
    let days = slots.iter().all(|slot| matches!(slot.period, CollectionPeriod::Day(_)));
    if days { day_calendar(out, slots) } else { row_calendar(out, slots) }
}

fn day_calendar(out: &mut String, slots: &[Slot<'_>]) {
    out.push_str("<div class=\"months\">\n");
    for month in months(slots.iter().map(|slot| slot.period)) {
        let days: Vec<(i8, i8, &Slot<'_>)> = slots
            .iter()
            .filter(|slot| month_of(&slot.period) == month)
            .map(|slot| (slot, slot.period.span().start.date()))
            .map(|(slot, date)| (date.day(), date.weekday().to_monday_zero_offset(), slot))
            .collect();
        // Where days lead on, other pages lead to months.
        let leads = days.iter().any(|(_, _, slot)| slot.link.is_some());
        let id = if leads { format!(" id=\"m{}-{:02}\"", month.0, month.1) } else { String::new() };
        put!(out, "<table class=\"month\"{id}><caption>{}</caption><thead><tr>", month_name(month));
        for day in ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] {
            put!(out, "<th scope=\"col\"><abbr title=\"{day}\">{}</abbr></th>", &day[..2]);
        }
        out.push_str("</tr></thead><tbody><tr>");
        let mut column = 0;
        for (day, weekday, slot) in days {
            if weekday < column || (weekday == 0 && column > 0) {
                put!(out, "{}</tr><tr>", "<td></td>".repeat(usize::try_from(7 - column).unwrap_or(0)));
                column = 0;
            }
            put!(out, "{}", "<td></td>".repeat(usize::try_from(weekday - column).unwrap_or(0)));
            day_box(out, day, slot);
            column = weekday + 1;
        }
        put!(out, "{}</tr></tbody></table>\n", "<td></td>".repeat(usize::try_from(7 - column).unwrap_or(0)));
    }
    out.push_str("</div>\n");
}

fn day_box(out: &mut String, day: i8, slot: &Slot<'_>) {
    let (word, letter) = (slot.word(), slot.outcome.map_or("", letter));
    let title = slot.reason.map_or_else(|| word.to_owned(), |reason| format!("{word}: {reason}"));
    let tag = match &slot.link {
        Some(link) => {
            put!(out, "<td><a href=\"{}\"", escape(link));
            "a"
        }
        None => {
            out.push_str("<td><span");
            "span"
        }
    };
    put!(out, " class=\"day {word}\" title=\"{} {}\">{day}", slot.period, escape(title));
    if !letter.is_empty() {
        put!(out, "<b aria-hidden=\"true\">{letter}</b><span class=\"sr\"> {word}</span>");
    }
    put!(out, "</{tag}></td>");
}

fn row_calendar(out: &mut String, slots: &[Slot<'_>]) {
    out.push_str("<ul class=\"row\">\n");
    for slot in slots {
        let word = slot.word();
        put!(out, "<li class=\"{word}\" title=\"{}\">", escape(slot.reason.unwrap_or(word)));
        match &slot.link {
            Some(link) => put!(out, "<a href=\"{}\"><b>{}</b> {word}</a>", escape(link), slot.period),
            None => put!(out, "<b>{}</b> {word}", slot.period),
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ul>\n");
}

/// A stretch of neighbouring periods of one control with one outcome and reason.
pub struct Stretch<'a> {
    /// What became of them.
    pub outcome: Outcome,
    /// The first.
    pub first: &'a Slot<'a>,
    /// The last.
    pub last: &'a Slot<'a>,
    /// How many.
    pub count: usize,
}

impl Stretch<'_> {
    /// `2026-03-04`, or `2026-03-04 to 2026-03-06 (3 periods)`.
    pub fn name(&self) -> String {
        match self.count {
            1 => self.first.period.to_string(),
            n => {
                format!("{} to {} ({})", self.first.period, self.last.period, counted(n, "period", "periods"))
            }
        }
    }
}

/// What is over and not simply filled, neighbours with the same reason together.
pub fn exceptions<'a>(slots: &'a [Slot<'a>]) -> Vec<Stretch<'a>> {
    let mut stretches: Vec<Stretch<'a>> = Vec::new();
    let mut before: Option<&Slot<'a>> = None;
    for slot in slots {
        if let Some(outcome) = slot.outcome.filter(|outcome| *outcome != Outcome::Filled) {
            let same = |b: &Slot<'a>| (b.outcome, b.reason) == (slot.outcome, slot.reason);
            match stretches.last_mut() {
                Some(stretch) if before.is_some_and(same) => {
                    stretch.last = slot;
                    stretch.count += 1;
                }
                _ => stretches.push(Stretch { outcome, first: slot, last: slot, count: 1 }),
            }
        }
        before = Some(slot);
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PeriodOutcome;
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
            .map(|p| PeriodOutcome {
                period: *p,
                outcome: outcome(p),
                runs: vec![],
                uploads: vec![],
                reason: None,
            })
            .collect();
        ControlCoverage { control, periods }
    }

    #[test]
    fn half_a_year_is_six_months_of_whole_weeks() {
        let mut out = String::new();
        calendar(&mut out, &slots(&daily()));
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
        let slots = slots(&coverage);
        let exceptions = exceptions(&slots);
        assert_eq!(exceptions.len(), 1);
        assert_eq!(exceptions[0].name(), "2026-03-04 to 2026-03-05 (2 periods)");
    }
}
