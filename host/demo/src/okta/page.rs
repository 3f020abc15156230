//! Lists in pages, as Okta does them: `limit`, an opaque `after`, and Link headers (RFC 8288).

use super::{Answer, Call, Found, Refusal};
use serde_json::Value;
use url::form_urlencoded::Serializer;

/// One page of `items`: at most `limit` of them (by default `usual`, never above `most`), those after `after`.
///
/// A cursor is the key of the last item that was seen; an unknown one is refused.
pub(crate) fn list<T>(
    call: &Call<'_>,
    usual: usize,
    most: usize,
    items: Vec<T>,
    body: impl Fn(&T) -> Value,
    key: impl Fn(&T) -> &str,
) -> Answer {
    let limit = limit(call, usual, most)?;
    let start = match call.request.param("after") {
        None => 0,
        Some(after) => {
            let seen = items.iter().position(|item| key(item) == after);
            seen.ok_or_else(|| Refusal::invalid("after: this cursor is not valid"))? + 1
        }
    };
    let page = items.iter().skip(start).take(limit);
    let last = page.clone().last().map(&key).unwrap_or_default();
    let next = (start + limit < items.len()).then(|| last.to_owned());
    let body = Value::Array(page.map(body).collect());
    Ok(Found { body, links: links(call, next.as_deref()) })
}

/// The page size that the request asks for.
pub(crate) fn limit(call: &Call<'_>, usual: usize, most: usize) -> Result<usize, Refusal> {
    match call.request.param("limit") {
        None => Ok(usual),
        Some(text) => match text.parse::<usize>() {
            Ok(n) if n > 0 => Ok(n.min(most)),
            _ => Err(Refusal::invalid("limit: write a number above 0")),
        },
    }
}

/// The Link header lines: this page, and the next where there is one.
pub(crate) fn links(call: &Call<'_>, next: Option<&str>) -> Vec<String> {
    let url = |after: Option<&str>| {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(call.request.params().filter(|(name, _)| after.is_none() || name != "after"));
        query.extend_pairs(after.map(|after| ("after", after)));
        let query = query.finish();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{}{mark}{query}", call.base, call.request.path)
    };
    let mut links = vec![format!("<{}>; rel=\"self\"", url(None))];
    links.extend(next.map(|after| format!("<{}>; rel=\"next\"", url(Some(after)))));
    links
}
