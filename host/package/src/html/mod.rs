//! The report: pages that are read offline, without scripts, on paper too, in light and dark. Every page holds
//! its own style and forbids everything else, so it can be opened from inside an archive as well.
//!
//! | module | draws |
//! | --- | --- |
//! | `index` | the first page |
//! | `calendar` | control by collection period: months of days, and rows of longer periods |
//! | `control` | one control |
//! | `population` | one population, and how its lists were made |
//! | `run` | one run, and the list of all |

mod calendar;
mod control;
mod index;
mod people;
mod population;
mod run;

use crate::contents::Contents;
use crate::layout::{self, population_file};
use crate::model::{Meta, Outcome};
use exhibit_evidence::kind::Shape;
use exhibit_evidence::period::Frequency;
use exhibit_evidence::run::Verdict;
use exhibit_evidence::time::Timestamp;
use std::fmt::{self, Display, Write as _};

pub(crate) use run::run_page;

/// Appends formatted text to a page. Writing to a `String` does not fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => { let _ = write!($out, $($arg)*); };
}
use put;

const STYLE: &str = include_str!("style.css");

/// Every page but those of the runs: path and text.
pub(crate) fn pages(contents: &Contents) -> Vec<(String, String)> {
    let mut pages = vec![
        (layout::INDEX.to_owned(), index::page(contents)),
        (layout::RUNS_PAGE.to_owned(), run::list_page(contents)),
    ];
    for (number, coverage) in (1..).zip(&contents.coverage) {
        let path = layout::control_page(number, &coverage.control.id);
        pages.push((path, control::page(contents, coverage)));
    }
    for population in &contents.populations {
        let runs = &population.runs;
        let path = layout::population(&runs.source, &runs.kind, population_file::PAGE);
        pages.push((path, population::page(contents, population)));
    }
    pages
}

/// Text for an element or a quoted attribute.
pub(crate) fn escape(value: impl Display) -> impl Display {
    Escaped(value)
}

struct Escaped<T>(T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.to_string().chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // Controls, and the marks that turn the direction of text around what follows.
                c if c.is_control() && c != '\n' => f.write_str("\u{fffd}")?,
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => f.write_str("\u{fffd}")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A whole page. `up` leads to `data/`, as in `../../`; empty on the first page.
fn shell(meta: &Meta, up: &str, title: &str, body: &str) -> String {
    let mut out = String::with_capacity(body.len() + STYLE.len() + 2048);
    put!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{} · {} · {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to the content</a>\n",
        escape(title),
        escape(&meta.period),
        escape(&meta.organisation)
    );
    if meta.simulated {
        out.push_str(
            "<p class=\"simulated\" role=\"note\"><strong>SIMULATED.</strong> Made-up systems, made-up people, a \
             simulated clock. This package proves nothing about anyone.</p>\n",
        );
    }
    put!(
        out,
        "<header class=\"top\"><div class=\"wide\"><p class=\"brand\">Exhibit <span>evidence package</span></p>\
         <p class=\"whose\">{}<span>{}</span></p></div></header>\n<main id=\"main\" class=\"wide\">\n",
        escape(&meta.organisation),
        escape(&meta.period)
    );
    if !up.is_empty() {
        put!(
            out,
            "<nav aria-label=\"Back\"><a href=\"{up}index.html\">All evidence of {}</a></nav>\n",
            escape(&meta.period)
        );
    }
    out.push_str(body);
    put!(
        out,
        "</main>\n<footer class=\"wide\"><p>{} · written by {} on {} · all times are UTC</p></footer>\n</body>\n</html>\n",
        escape(meta.name()),
        escape(&meta.software),
        minute(meta.made_at)
    );
    out
}

/// `2026-03-04 10:00`.
fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..16).unwrap_or_default().replace('T', " ")
}

/// `daily`, `per event`.
pub(crate) fn frequency_word(frequency: Frequency) -> &'static str {
    match frequency {
        Frequency::Continuous => "continuous",
        Frequency::Daily => "daily",
        Frequency::Weekly => "weekly",
        Frequency::Monthly => "monthly",
        Frequency::Quarterly => "quarterly",
        Frequency::Annual => "annual",
        Frequency::PerEvent => "per event",
    }
}

fn shape_word(shape: Shape) -> &'static str {
    match shape {
        Shape::State => "state",
        Shape::Event => "events",
        Shape::Act => "acts",
    }
}

/// The one letter that stands for an outcome where there is no room; none for filled.
fn letter(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Filled => "",
        Outcome::Late => "L",
        Outcome::Partial => "P",
        Outcome::Failed => "F",
        Outcome::Missed => "M",
    }
}

/// An outcome as a coloured word.
fn badge(outcome: Outcome) -> String {
    format!("<span class=\"badge {0}\">{0}</span>", outcome.word())
}

/// A verdict as a coloured word.
fn verdict_badge(verdict: &Verdict) -> String {
    let class = match verdict {
        Verdict::Complete => "filled",
        Verdict::Partial(_) => "partial",
        Verdict::Failed(_) => "failed",
    };
    format!("<span class=\"badge {class}\">{}</span>", verdict.word())
}

/// A number with its word, in singular or plural: `1 run`, `181 runs`.
fn counted(n: impl TryInto<u64>, one: &str, many: &str) -> String {
    let n = n.try_into().unwrap_or(u64::MAX);
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

/// Digits in groups of three, apart by narrow spaces.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 2);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A row of a definition list.
fn fact(out: &mut String, term: &str, description: impl Display) {
    put!(out, "<div><dt>{term}</dt><dd>{description}</dd></div>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let hostile = "<script>alert('x')</script>&\"\u{202e}gpj\u{7}";
        assert_eq!(
            escape(hostile).to_string(),
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;\u{fffd}gpj\u{fffd}"
        );
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(1_048_576), "1\u{202f}048\u{202f}576");
        assert_eq!(counted(1, "run", "runs"), "1 run");
        assert_eq!(counted(181, "run", "runs"), "181 runs");
    }
}
