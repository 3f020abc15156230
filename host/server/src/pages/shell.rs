//! What is around every page: head, banner, navigation, the one who looks.

use super::visit::Visit;
use super::{Drawn, Page, Trouble};
use crate::http::tokens::Role;
use axum::response::{IntoResponse, Response};
use exhibit_package::html::markup::{STYLE, escape, minute};
use exhibit_package::put;
use http::{StatusCode, header};

/// What the service's pages need beside the package's style sheet.
const OWN_STYLE: &str = include_str!("pages.css");

/// Parts of the service, as the navigation names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What goes on.
    Today,
    /// Control by period.
    Calendar,
    /// Lists of records.
    Evidence,
    /// Runs.
    Runs,
    /// What differs between two days.
    Changes,
    /// Sources.
    Sources,
    /// Files that people attach.
    Uploads,
    /// Seals and packages.
    Seals,
    /// The log.
    Ledger,
    /// Nothing of these.
    None,
}

/// The navigation: section, address, word, and whether an auditor has it.
const NAVIGATION: [(Section, &str, &str, bool); 9] = [
    (Section::Today, "/", "Today", false),
    (Section::Calendar, "/calendar", "Calendar", true),
    (Section::Evidence, "/evidence", "Evidence", true),
    (Section::Runs, "/runs", "Runs", true),
    (Section::Changes, "/changes", "Changes", true),
    (Section::Sources, "/sources", "Sources", false),
    (Section::Uploads, "/uploads", "Uploads", true),
    (Section::Seals, "/seals", "Seals", true),
    (Section::Ledger, "/ledger", "Ledger", true),
];

/// The style sheet.
pub(super) async fn style() -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, format!("{STYLE}{OWN_STYLE}")).into_response()
}

/// A page, or why there is none, in its shell.
pub(super) fn wrap(visit: &Visit, drawn: Drawn) -> (StatusCode, String) {
    let page = drawn.unwrap_or_else(trouble);
    let mut out = String::with_capacity(page.body.len() + 4096);
    let organisation = &visit.host.workspace.config().organisation;
    put!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"same-origin\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{} · {}</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n<link rel=\"icon\" href=\"data:,\">\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to the content</a>\n",
        escape(&page.title),
        escape(organisation)
    );
    out.push_str("<header>\n");
    if visit.host.store.format().simulated {
        out.push_str(
            "<p class=\"simulated\" role=\"note\"><strong>SIMULATED.</strong> Made-up systems, made-up people. \
             Nothing here is about anyone.</p>\n",
        );
    }
    put!(
        out,
        "<div class=\"top\"><div class=\"wide\"><p class=\"brand\"><a href=\"/\">Exhibit</a></p><p class=\"whose\">{}",
        escape(organisation)
    );
    viewer(&mut out, visit);
    out.push_str("</div></div></header>\n");
    navigation(&mut out, visit, page.section);
    put!(out, "<main id=\"main\" class=\"wide\">\n{}</main>\n", page.body);
    put!(
        out,
        "<footer class=\"wide\"><p>As it stood on {} · all dates and times are UTC</p></footer>\n</body>\n</html>\n",
        minute(visit.at())
    );
    (page.status, out)
}

fn viewer(out: &mut String, visit: &Visit) {
    if let Some(engagement) = visit.engagement() {
        put!(out, "<span>{}</span>", escape(engagement));
    }
    let role = match visit.viewer.role {
        Role::Operator => "operator",
        Role::Auditor { .. } => "auditor, read only",
        Role::Ingest => "uploads only",
        Role::Monitor => "metrics only",
    };
    // The ledger's name for them begins with the role.
    let who = visit.viewer.who.split_once(':').map_or(visit.viewer.who.as_str(), |(_, name)| name);
    put!(out, "</p><div class=\"viewer\"><p><b>{}</b> {role}</p>", escape(who));
    if !visit.viewer.csrf().is_empty() {
        form(out, visit, "/logout", &[], "<button class=\"quiet\">Sign out</button>");
    }
    out.push_str("</div>");
}

fn navigation(out: &mut String, visit: &Visit, section: Section) {
    out.push_str("<nav class=\"main\" aria-label=\"Main\"><ul class=\"wide\">");
    let ingest = matches!(visit.viewer.role, Role::Ingest);
    for (item, href, word, auditor) in NAVIGATION {
        let shown = visit.operates()
            || (visit.engagement().is_some() && auditor)
            || (ingest && item == Section::Uploads);
        if shown {
            let current = if item == section { " aria-current=\"page\"" } else { "" };
            put!(out, "<li><a href=\"{href}\"{current}>{word}</a></li>");
        }
    }
    out.push_str("</ul></nav>\n");
}

fn trouble(trouble: Trouble) -> Page {
    let (head, more) = match trouble.status {
        StatusCode::NOT_FOUND => ("There is no such page", ""),
        StatusCode::FORBIDDEN => ("This is not yours to see", ""),
        StatusCode::BAD_REQUEST => ("The address does not say what is meant", ""),
        StatusCode::GONE => ("This was disposed of", "The proof that it was there remains in the ledger."),
        _ => ("This page cannot be shown", "Nothing is lost: the evidence is where it was."),
    };
    let mut body = String::new();
    put!(body, "<h1>{head}</h1>\n<p class=\"lead\">{}.</p>\n", escape(sentence(&trouble.says)));
    if !more.is_empty() {
        put!(body, "<p>{more}</p>\n");
    }
    body.push_str("<p><a href=\"/calendar\">To the calendar</a></p>\n");
    Page { title: head.to_owned(), section: Section::None, body, status: trouble.status }
}

/// With a capital, and without the stop that follows anyway.
fn sentence(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A link to where one came from, above a page's head.
pub(super) fn back(out: &mut String, links: &[(&str, &str)]) {
    out.push_str("<nav class=\"crumbs\" aria-label=\"Way here\"><ol>");
    for (href, words) in links {
        put!(out, "<li><a href=\"{}\">{}</a></li>", escape(href), escape(words));
    }
    out.push_str("</ol></nav>\n");
}

/// Links to the next and the first part of a long list.
pub(super) fn pager(out: &mut String, first: Option<String>, next: Option<String>, what: &str) {
    if first.is_none() && next.is_none() {
        return;
    }
    put!(out, "<nav class=\"pager\" aria-label=\"Parts of {}\">", escape(what));
    if let Some(first) = first {
        put!(out, "<a class=\"button\" href=\"{}\" rel=\"first\">From the beginning</a> ", escape(first));
    }
    if let Some(next) = next {
        put!(out, "<a class=\"button\" href=\"{}\" rel=\"next\">Next {}</a>", escape(next), escape(what));
    }
    out.push_str("</nav>\n");
}

/// A form that posts: hidden fields, then what is given of it. It carries the session's own token.
pub(super) fn form(out: &mut String, visit: &Visit, action: &str, hidden: &[(&str, &str)], rest: &str) {
    put!(out, "<form method=\"post\" action=\"{}\">", escape(action));
    for (name, value) in [("csrf", visit.viewer.csrf())].iter().chain(hidden) {
        put!(out, "<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(name), escape(value));
    }
    put!(out, "{rest}</form>\n");
}
