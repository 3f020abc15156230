//! What a run asked, and what it was answered: all exchanges of a run, and one with its bodies.

use super::shell::{back, pager};
use super::visit::Visit;
use super::{Drawn, Page, Section, Trouble, body, link};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Answer, Exchange, ExchangeId};
use exhibit_evidence::run::{Manifest, RunId};
use exhibit_package::html::markup::{counted, escape, fact, grouped, minute};
use exhibit_package::put;
use http::StatusCode;

/// Exchanges on a page.
const PAGE: usize = 100;

pub(super) fn list_page(visit: &Visit) -> Drawn {
    let run: RunId = visit.name("run")?;
    let manifest = visit.manifest(&run)?;
    let from: ExchangeId = visit.parsed("from")?.unwrap_or_default();
    let mut exchanges = visit.host.store.exchanges(&run)?;
    let total = exchanges.len();
    let failed_only = visit.asked("show") == Some("failed");
    if failed_only {
        exchanges.retain(has_failed);
    }
    let mut shown = exchanges.into_iter().filter(|exchange| exchange.id >= from);
    let page: Vec<Exchange> = shown.by_ref().take(PAGE).collect();
    let mut out = String::new();
    way(&mut out, &manifest, None);
    put!(out, "<h1>Exchanges <span class=\"id\">of {}</span></h1>\n", escape(&manifest.source));
    put!(
        out,
        "<p class=\"lead\">{}, in the order in which the connector asked.</p>\n",
        counted(total, "request", "requests")
    );
    let this = format!("/runs/{run}/exchanges");
    out.push_str("<div class=\"choices\"><nav aria-label=\"Exchanges\"><ul>");
    for (value, words, current) in [("", "All", !failed_only), ("failed", "Failed", failed_only)] {
        let current = if current { " aria-current=\"true\"" } else { "" };
        put!(
            out,
            "<li><a href=\"{}\"{current}>{words}</a></li>",
            escape(link::with(&this, &[("show", value)]))
        );
    }
    out.push_str("</ul></nav></div>\n");
    if page.is_empty() {
        out.push_str("<p class=\"empty\">None.</p>\n");
    } else {
        table(&mut out, &run, &page);
    }
    let show = if failed_only { "failed" } else { "" };
    let to = |from: &str| link::with(&this, &[("show", show), ("from", from)]);
    let first = (from != ExchangeId::default()).then(|| to(""));
    pager(&mut out, first, shown.next().map(|next| to(&next.id.to_string())), "exchanges");
    Ok(Page::new(Section::Runs, format!("Exchanges of run {run}"), out))
}

fn way(out: &mut String, manifest: &Manifest, exchange: Option<&ExchangeId>) {
    let run = link::run(&manifest.run);
    let words = format!("{} on {}", manifest.source, minute(manifest.started_at));
    let list = format!("{run}/exchanges");
    let mut links = vec![("/runs", "Runs"), (run.as_str(), words.as_str())];
    if exchange.is_some() {
        links.push((&list, "Exchanges"));
    }
    back(out, &links);
}

fn has_failed(exchange: &Exchange) -> bool {
    match &exchange.answer {
        Answer::Response { status, .. } => *status >= 400,
        Answer::Error(_) => true,
    }
}

/// A status as a coloured word.
fn status_badge(answer: &Answer) -> String {
    match answer {
        Answer::Response { status, .. } => {
            let class = if *status < 400 { "filled" } else { "failed" };
            let words = StatusCode::from_u16(*status).ok().and_then(|s| s.canonical_reason()).unwrap_or("");
            format!("<span class=\"badge {class}\">{status} {words}</span>")
        }
        Answer::Error(error) => format!("<span class=\"badge failed\">{}</span>", escape(&error.code)),
    }
}

fn table(out: &mut String, run: &RunId, exchanges: &[Exchange]) {
    out.push_str(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Exchanges\"><table class=\"exchanges\"><caption class=\"sr\">Exchanges</caption><thead><tr>\
         <th scope=\"col\">Exchange</th><th scope=\"col\">Request</th><th scope=\"col\">Answer</th>\
         <th scope=\"col\" class=\"n\">Bytes</th><th scope=\"col\" class=\"n\">Took</th></tr></thead><tbody>\n",
    );
    for exchange in exchanges {
        let bytes = match &exchange.answer {
            Answer::Response { body_bytes, .. } => grouped(*body_bytes),
            Answer::Error(_) => "–".to_owned(),
        };
        put!(
            out,
            "<tr><th scope=\"row\"><a href=\"{}\">{}</a></th><td class=\"wide-cell\"><code class=\"url\">{} {}</code></td><td>{}</td>\
             <td class=\"n\">{bytes}</td><td class=\"n\">{} ms</td></tr>\n",
            escape(link::exchange(run, &exchange.id, "")),
            exchange.id,
            escape(&exchange.method),
            escape(&exchange.url),
            status_badge(&exchange.answer),
            grouped(exchange.duration_ms)
        );
    }
    out.push_str("</tbody></table></div>\n");
}

pub(super) fn page(visit: &Visit) -> Drawn {
    let run: RunId = visit.name("run")?;
    let id: ExchangeId = visit.name("exchange")?;
    let manifest = visit.manifest(&run)?;
    let exchanges = visit.host.store.exchanges(&run)?;
    let place = exchanges.binary_search_by_key(&id, |exchange| exchange.id);
    let missing = |_| Trouble::missing(format!("run {run} has no exchange {id}"));
    let place = place.map_err(missing)?;
    let exchange = &exchanges[place];
    let mut out = String::new();
    way(&mut out, &manifest, Some(&id));
    put!(out, "<h1>Exchange {id} {}</h1>\n", status_badge(&exchange.answer));
    put!(
        out,
        "<p class=\"lead\"><code class=\"url\">{} {}</code></p>\n",
        escape(&exchange.method),
        escape(&exchange.url)
    );
    let beside = |at: Option<usize>, rel: &str| match at.and_then(|at| exchanges.get(at)) {
        Some(other) => format!(
            "<a rel=\"{rel}\" href=\"{}\">{}</a> ",
            escape(link::exchange(&run, &other.id, "")),
            other.id
        ),
        None => String::new(),
    };
    put!(
        out,
        "<nav class=\"beside\" aria-label=\"Exchanges beside\">{}{}</nav>\n",
        beside(place.checked_sub(1), "prev"),
        beside(Some(place + 1), "next")
    );
    facts(&mut out, &manifest, exchange);
    request(&mut out, visit, &run, exchange);
    answer(&mut out, visit, &run, exchange);
    Ok(Page::new(Section::Runs, format!("Exchange {id} of run {run}"), out))
}

fn facts(out: &mut String, manifest: &Manifest, exchange: &Exchange) {
    out.push_str("<dl class=\"facts\">\n");
    fact(out, "Sent", format!("{}, by the host's clock", exchange.sent_at));
    let server = exchange
        .server_date
        .map_or_else(|| "the server sent no date".to_owned(), |at| format!("{at}, by the server's clock"));
    fact(out, "Answered", server);
    fact(
        out,
        "Took",
        format!(
            "{} ms, {}",
            grouped(exchange.duration_ms),
            counted(exchange.attempts, "attempt", "attempts")
        ),
    );
    let slot = match &exchange.slot {
        Some(slot) => {
            let scheme = manifest
                .credentials
                .get(slot)
                .map_or_else(String::new, |scheme| format!(" ({})", escape(scheme)));
            format!("{}{scheme}, attached by the host and recorded nowhere", escape(slot))
        }
        None => "none".to_owned(),
    };
    fact(out, "Credential", slot);
    fact(out, "Page", format!("{} of list {}", exchange.id.page + 1, exchange.id.walk()));
    out.push_str("</dl>\n");
}

fn headers(out: &mut String, headers: &[(String, String)]) {
    if headers.is_empty() {
        return;
    }
    out.push_str("<dl class=\"facts headers\">\n");
    for (name, value) in headers {
        put!(
            out,
            "<div><dt><code>{}</code></dt><dd><code class=\"url\">{}</code></dd></div>\n",
            escape(name),
            escape(value)
        );
    }
    out.push_str("</dl>\n");
}

fn request(out: &mut String, visit: &Visit, run: &RunId, exchange: &Exchange) {
    out.push_str("<h2>Request</h2>\n");
    headers(out, &exchange.request_headers);
    match &exchange.request_body {
        Some(digest) => show_body(out, visit, run, digest, None),
        None => out.push_str("<p>Without a body.</p>\n"),
    }
}

fn answer(out: &mut String, visit: &Visit, run: &RunId, exchange: &Exchange) {
    out.push_str("<h2>Answer</h2>\n");
    match &exchange.answer {
        Answer::Error(error) => {
            put!(out, "<p>{} {}</p>\n", status_badge(&exchange.answer), escape(&error.message));
        }
        Answer::Response { headers: sent, body, body_bytes, redacted, .. } => {
            headers(out, sent);
            let redacted = if *redacted {
                " Fields were removed from it before the connector saw it: the digest is of what it saw."
            } else {
                ""
            };
            put!(out, "<p>{} bytes, SHA-256 <code>{body}</code>.{redacted}</p>\n", grouped(*body_bytes));
            show_body(out, visit, run, body, visit.asked("at"));
        }
    }
}

fn show_body(out: &mut String, visit: &Visit, run: &RunId, digest: &Digest, at: Option<&str>) {
    match visit.host.store.body(run, digest) {
        Ok(bytes) => body::draw(out, &bytes, at),
        Err(error) => put!(out, "<p>The body cannot be shown: {}.</p>\n", escape(error)),
    }
}
