//! Signing in and out at a browser: a token becomes a session.

use super::app::App;
use super::guard::Client;
use super::problem::Problem;
use super::viewer::Viewer;
use super::{csrf, extract::Form, extract::Query};
use axum::extract::State;
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use std::time::Instant;

#[derive(Deserialize)]
pub(crate) struct Where {
    next: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Given {
    token: String,
    next: Option<String>,
}

/// `GET /login`: the form.
pub(crate) async fn form(
    State(app): State<App>,
    viewer: Option<axum::Extension<Viewer>>,
    Query(to): Query<Where>,
) -> Response {
    let next = local(to.next.as_deref());
    if viewer.is_some() {
        return Redirect::to(&next).into_response();
    }
    page(&app, StatusCode::OK, &next, None)
}

/// `POST /login`: opens a session.
pub(crate) async fn sign_in(
    State(app): State<App>,
    axum::Extension(client): axum::Extension<Client>,
    headers: HeaderMap,
    Form(given): Form<Given>,
) -> Response {
    let next = local(given.next.as_deref());
    if !csrf::is_same_origin(&headers) {
        return Problem::forbidden("this form was sent from another site").into_response();
    }
    if let Err(seconds) = app.throttle().attempt(client.address, Instant::now()) {
        let told = format!("too many tokens from here were wrong: try again in {seconds} seconds");
        return Problem::too_many(told, seconds).into_response();
    }
    let entry = match app.tokens().find(given.token.trim(), app.host().clock.now()) {
        Ok(Some(entry)) => entry,
        Ok(None) => {
            return page(&app, StatusCode::UNAUTHORIZED, &next, Some("This token is not valid."));
        }
        Err(error) => return Problem::failed(error.to_string()).into_response(),
    };
    app.throttle().forgive(client.address);
    let who = format!("{}:{}", entry.role.word(), entry.name);
    match app.sessions().open(who, entry.role, Some(entry.name)) {
        Ok(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response(),
        Err(error) => Problem::failed(error.to_string()).into_response(),
    }
}

/// `POST /logout`: ends the session.
pub(crate) async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Response {
    ([(header::SET_COOKIE, app.sessions().end(&headers))], Redirect::to("/login")).into_response()
}

/// A path of ours to go on to; never another site's address, in any of the ways that browsers read one.
pub(crate) fn local(next: Option<&str>) -> String {
    let is_local = |path: &&str| {
        path.starts_with('/')
            && !path[1..].starts_with(['/', '\\'])
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    next.filter(is_local).unwrap_or("/").to_owned()
}

fn page(app: &App, status: StatusCode, next: &str, message: Option<&str>) -> Response {
    let message = message.map(|text| format!("<p role=\"alert\">{text}</p>")).unwrap_or_default();
    let provider = app.provider().map(|_| {
        let next = percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC);
        format!("<p><a href=\"/login/oidc?next={next}\">Sign in with your organisation's account</a></p>")
    });
    let provider = provider.unwrap_or_default();
    let next = escape(next);
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sign in – Exhibit</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <main><h1>Exhibit</h1>{message}{provider}<form method=\"post\" action=\"/login\">\
         <input type=\"hidden\" name=\"next\" value=\"{next}\">\
         <p><label for=\"token\">Token</label> <input id=\"token\" name=\"token\" type=\"password\" \
         autocomplete=\"current-password\" required autofocus></p>\
         <p><button>Sign in</button></p></form></main></html>"
    );
    (status, Html(html)).into_response()
}

/// Text as text in HTML, in an attribute, too.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_on_to_a_page_of_ours_only() {
        assert_eq!(local(Some("/runs?source=a&x=%2F")), "/runs?source=a&x=%2F");
        for bad in ["https://a.example", "//a.example", "/\\a.example", "/\t/a.example", "a", "", "/a\r\nb"] {
            assert_eq!(local(Some(bad)), "/", "{bad}");
        }
    }
}
