//! One control: its calendar, and each of its collection periods.

use super::markup::{badge, counted, escape, fact, frequency_word};
use super::{calendar, shell};
use crate::contents::Contents;
use crate::layout;
use crate::model::{ControlCoverage, OUTCOMES, PeriodOutcome};
use crate::put;

pub(super) fn page(contents: &Contents, coverage: &ControlCoverage) -> String {
    let control = &coverage.control;
    let mut out = String::new();
    put!(
        out,
        "<h1><span class=\"id\">{}</span> {}</h1>\n<dl class=\"facts\">\n",
        control.id,
        escape(&control.title)
    );
    let criteria: Vec<String> = control.criteria.iter().map(ToString::to_string).collect();
    fact(&mut out, "Criteria", criteria.join(", "));
    fact(&mut out, "Frequency", frequency_word(control.frequency));
    fact(&mut out, "Owner", escape(&control.owner));
    fact(&mut out, "Proven by", proofs(contents, coverage));
    if let Some(words) = &control.manual {
        fact(&mut out, "Attached by people", escape(words));
    }
    let counts: Vec<String> = OUTCOMES
        .iter()
        .filter(|o| coverage.count(**o) > 0)
        .map(|o| format!("<span class=\"badge {0}\">{1} {0}</span>", o.word(), coverage.count(*o)))
        .collect();
    fact(&mut out, "Periods", format!("{} expected: {}", coverage.periods.len(), counts.join(" ")));
    out.push_str("</dl>\n<h2>Coverage</h2>\n");
    calendar::legend(&mut out);
    calendar::calendar(&mut out, &calendar::slots(coverage));
    out.push_str(
        "<h2>Every collection period</h2>\n<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">Period</th>\
         <th scope=\"col\">Outcome</th><th scope=\"col\">Reason</th><th scope=\"col\">Runs and attached files</th></tr></thead><tbody>\n",
    );
    for period in &coverage.periods {
        row(&mut out, contents, period);
    }
    out.push_str("</tbody></table></div>\n");
    shell(&contents.meta, "../", &format!("{} {}", control.id, control.title), &out)
}

/// The populations that prove the control.
fn proofs(contents: &Contents, coverage: &ControlCoverage) -> String {
    let links: Vec<String> = contents
        .populations
        .iter()
        .filter(|p| coverage.control.is_proven_by(&p.runs.kind, &p.runs.source))
        .map(|p| {
            let (source, kind) = (&p.runs.source, &p.runs.kind);
            format!("<a href=\"../populations/{source}/{kind}/index.html\">{kind} of {source}</a>")
        })
        .collect();
    if links.is_empty() { "no population in this package".to_owned() } else { links.join("<br>") }
}

fn row(out: &mut String, contents: &Contents, period: &PeriodOutcome) {
    put!(out, "<tr><th scope=\"row\">{}</th><td>{}</td><td>", period.period, badge(period.outcome));
    put!(out, "{}</td><td>", escape(period.reason.as_deref().unwrap_or_default()));
    let shown = 4;
    for run in period.runs.iter().take(shown) {
        if contents.runs.contains_key(run) {
            put!(out, "<a href=\"../runs/{run}/index.html\"><code>{run}</code></a> ");
        } else {
            put!(out, "<code>{run}</code> ");
        }
    }
    if period.runs.len() > shown {
        put!(out, "and {} ", counted(period.runs.len() - shown, "more run", "more runs"));
    }
    for leaf in contents.ledger.leaves.iter().filter(|leaf| period.uploads.contains(&leaf.index)) {
        let name = escape(&leaf.subject);
        let file = layout::leaf(leaf.index, layout::leaf_file::DOCUMENT);
        let file = file.strip_prefix("data/").unwrap_or(&file);
        // Whoever wrote the file wrote it elsewhere: a browser is to keep it, not to show it.
        put!(out, "<a href=\"../{file}\" download=\"{name}\">{name}</a> ");
    }
    out.push_str("</td></tr>\n");
}
