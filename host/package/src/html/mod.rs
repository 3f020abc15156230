//! The report: pages that are read offline, without scripts, on paper too, in light and dark. Every page holds
//! its own style and forbids everything else, so it can be opened from inside an archive as well.
//!
//! | module | draws |
//! | --- | --- |
//! | `index` | the first page |
//! | [`calendar`] | control by collection period: months of days, and rows of longer periods |
//! | `control` | one control |
//! | `population` | one population, and how its lists were made |
//! | [`mod@run`] | one run, and the list of all |
//! | [`markup`] | what every page is made of: escaping, badges, numbers |
//!
//! What is public here draws the service's pages too: one calendar, one style sheet, one way to escape.

pub mod calendar;
mod control;
mod index;
pub mod markup;
mod people;
mod population;
pub mod run;

use crate::contents::Contents;
use crate::layout::{self, population_file};
use crate::model::Meta;
use crate::put;
use markup::{STYLE, escape, minute};

pub(crate) use run::run_page;

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
