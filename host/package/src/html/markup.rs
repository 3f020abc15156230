//! What every page is made of: escaping, badges, numbers, instants.

use crate::model::Outcome;
use exhibit_evidence::kind::Shape;
use exhibit_evidence::period::Frequency;
use exhibit_evidence::run::{Basis, Verdict};
use exhibit_evidence::time::Timestamp;
use std::fmt::{self, Display, Write as _};

/// Appends formatted text to a page. Writing to a `String` does not fail.
#[macro_export]
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {{
        use ::std::fmt::Write as _;
        let _ = write!($out, $($arg)*);
    }};
}

/// The style sheet of every page.
pub const STYLE: &str = include_str!("style.css");

/// Text for an element or a quoted attribute.
pub fn escape(value: impl Display) -> impl Display {
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

/// `2026-03-04 10:00`.
pub fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..16).unwrap_or_default().replace('T', " ")
}

/// `daily`, `per event`.
pub fn frequency_word(frequency: Frequency) -> &'static str {
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

/// `state`, `events`.
pub fn shape_word(shape: Shape) -> &'static str {
    match shape {
        Shape::State => "state",
        Shape::Event => "events",
        Shape::Act => "acts",
    }
}

/// The one letter that stands for an outcome where there is no room; none for filled.
pub fn letter(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Filled => "",
        Outcome::Late => "L",
        Outcome::Partial => "P",
        Outcome::Failed => "F",
        Outcome::Missed => "M",
    }
}

/// An outcome as a coloured word.
pub fn badge(outcome: Outcome) -> String {
    format!("<span class=\"badge {0}\">{0}</span>", outcome.word())
}

/// A verdict as a coloured word.
pub fn verdict_badge(verdict: &Verdict) -> String {
    let class = match verdict {
        Verdict::Complete => "filled",
        Verdict::Partial(_) => "partial",
        Verdict::Failed(_) => "failed",
    };
    format!("<span class=\"badge {class}\">{}</span>", verdict.word())
}

/// Whose knowledge says that a population is complete, in a word.
pub fn basis_word(basis: Basis) -> &'static str {
    match basis {
        Basis::HostPaged => "host-paged",
        Basis::ConnectorAsserted => "connector-asserted",
    }
}

/// A number with its word, in singular or plural: `1 run`, `181 runs`.
pub fn counted(n: impl TryInto<u64>, one: &str, many: &str) -> String {
    let n = n.try_into().unwrap_or(u64::MAX);
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

/// Digits in groups of three, apart by narrow spaces.
pub fn grouped(n: u64) -> String {
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
pub fn fact(out: &mut String, term: &str, description: impl Display) {
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
