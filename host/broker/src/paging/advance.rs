//! The request for the page after this one.

use super::page::{Cursor, Facts, Shown, next_link};
use super::{Paging, Scheme, Target};
use crate::transport::Outgoing;
use serde_json::{Map, Value};
use url::Url;

/// A URL longer than this is refused.
const MAX_URL_BYTES: usize = 32 << 10;

/// What comes after a page.
pub(super) enum Advance {
    /// Nothing: the scheme says so.
    End,
    /// Nothing known: the scheme has no next page.
    Single,
    /// This request.
    Next(Box<Outgoing>),
}

/// Puts a scheme's page size into the first request.
pub(super) fn prepare(paging: &Paging, first: &mut Outgoing) {
    let (Scheme::Offset { limit_query: Some(name), limit: Some(limit), .. }
    | Scheme::PageNumber { limit_query: Some(name), limit: Some(limit), .. }) = &paging.scheme
    else {
        return;
    };
    set_query(&mut first.url, name, &limit.to_string());
}

/// Decides from what `page` says; `before` items came in the pages before it.
///
/// # Errors
/// A reason, for people, why the list cannot be followed.
pub(super) fn advance(
    paging: &Paging,
    asked: &Outgoing,
    page: &Shown<'_>,
    facts: &Facts,
    before: u64,
) -> Result<Advance, String> {
    if paging.end_on_empty && facts.items == Some(0) {
        return Ok(Advance::End);
    }
    match &paging.scheme {
        Scheme::Single {} => Ok(Advance::Single),
        Scheme::LinkHeader {} => match next_link(page.headers)? {
            Some(target) => follow(asked, &target),
            None => Ok(Advance::End),
        },
        Scheme::NextUrl { .. } => match &facts.cursor {
            Some(cursor) => follow(asked, &cursor.text),
            None => Ok(Advance::End),
        },
        Scheme::Cursor { write, .. } => {
            let goes_on = says_more(facts)?;
            match (&facts.cursor, goes_on) {
                (_, Some(false)) | (None, None) => Ok(Advance::End),
                (Some(cursor), _) => carry(asked, write, cursor),
                (None, Some(true)) => Err("the page says that there is more, but gives no cursor".to_owned()),
            }
        }
        Scheme::Offset { query, .. } => {
            let start = number_in(&asked.url, query, 0)?;
            let count = facts.items.unwrap_or_default();
            if counted_end(paging, facts, before, count)? {
                return Ok(Advance::End);
            }
            step(asked, query, start.saturating_add(count))
        }
        Scheme::Rows { start, end } => {
            let (from, to) = (row_in(asked, start)?, row_in(asked, end)?);
            let count = facts.items.unwrap_or_default();
            if counted_end(paging, facts, before, count)? {
                return Ok(Advance::End);
            }
            let size = to.checked_sub(from).filter(|size| *size > 0);
            let size =
                size.ok_or_else(|| format!("the request asks for rows {from} to {to}, which are none"))?;
            let from = from.saturating_add(count);
            let mut next = asked.clone();
            for (pointer, row) in [(start, from), (end, from.saturating_add(size))] {
                set_member(&mut next, pointer, &Cursor { text: row.to_string(), number: true })?;
            }
            Ok(Advance::Next(Box::new(next)))
        }
        Scheme::PageNumber { query, first, pages, .. } => {
            let number = number_in(&asked.url, query, u64::from(*first))?;
            let count = facts.items.unwrap_or_default();
            let done = match (pages, facts.pages) {
                (Some(_), Some(pages)) => number.saturating_sub(u64::from(*first)) + 1 >= pages,
                _ => counted_end(paging, facts, before, count)?,
            };
            if done { Ok(Advance::End) } else { step(asked, query, number.saturating_add(1)) }
        }
    }
}

/// Whether the page's flags say that there is more; none: they say nothing.
fn says_more(facts: &Facts) -> Result<Option<bool>, String> {
    match (facts.more, facts.last) {
        (Some(more), Some(last)) if more == last => {
            Err(format!("the page contradicts itself: more is {more}, last is {last}"))
        }
        (Some(more), _) => Ok(Some(more)),
        (None, last) => Ok(last.map(|last| !last)),
    }
}

/// Where a counted list ends: by its flag, else by its total, else at an empty page. A page shorter than
/// asked for is no end, since servers cap and filter.
fn counted_end(paging: &Paging, facts: &Facts, before: u64, count: u64) -> Result<bool, String> {
    let have = before.saturating_add(count);
    if let Some(more) = says_more(facts)? {
        return if more && count == 0 {
            Err("the page is empty, but says that there is more".to_owned())
        } else {
            Ok(!more)
        };
    }
    match facts.total.filter(|_| paging.total.is_some()) {
        Some(total) if have >= total => Ok(true),
        Some(total) if count == 0 => {
            Err(format!("the page is empty after {have} items, but the source states {total}"))
        }
        Some(_) => Ok(false),
        None => Ok(count == 0),
    }
}

/// The next page's URL, which may be relative. It must stay at the same scheme, host and port, or a
/// server could send a guest's requests elsewhere.
fn follow(asked: &Outgoing, target: &str) -> Result<Advance, String> {
    let shown: String = target.chars().take(200).collect();
    if target.len() > MAX_URL_BYTES {
        return Err(format!("the next link has {} bytes, more than 32 KiB", target.len()));
    }
    let mut url = asked.url.join(target).map_err(|e| format!("the next link `{shown}` is not a URL: {e}"))?;
    if url.origin() != asked.url.origin() {
        return Err(format!(
            "the next link leads from {} to {}: pages are followed only within one scheme, host and port",
            asked.url.origin().ascii_serialization(),
            url.origin().ascii_serialization()
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the next link carries a user name or password".to_owned());
    }
    url.set_fragment(None);
    Ok(Advance::Next(Box::new(Outgoing { url, ..asked.clone() })))
}

fn step(asked: &Outgoing, query: &str, to: u64) -> Result<Advance, String> {
    let mut next = asked.clone();
    set_query(&mut next.url, query, &to.to_string());
    Ok(Advance::Next(Box::new(next)))
}

fn carry(asked: &Outgoing, target: &Target, cursor: &Cursor) -> Result<Advance, String> {
    let mut next = asked.clone();
    match target {
        Target::Query(name) => set_query(&mut next.url, name, &cursor.text),
        Target::Header(name) => {
            if cursor.text.bytes().any(|b| b < b' ' || b == 0x7f) {
                return Err(format!("the cursor holds control characters and cannot stand in `{name}`"));
            }
            next.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
            next.headers.push((name.clone(), cursor.text.clone()));
        }
        Target::Form(name) => {
            let body = String::from_utf8(next.body.take().unwrap_or_default())
                .map_err(|_| "the request's body is not a form, so it cannot carry a cursor".to_owned())?;
            next.body = Some(set_parameter(&body, name, &cursor.text).into_bytes());
        }
        Target::Json(pointer) => set_member(&mut next, pointer, cursor)?,
        Target::Graphql(name) => {
            let name = name.replace('~', "~0").replace('/', "~1");
            set_member(&mut next, &format!("/variables/{name}"), cursor)?;
        }
    }
    Ok(Advance::Next(Box::new(next)))
}

fn number_in(url: &Url, name: &str, default: u64) -> Result<u64, String> {
    match url.query_pairs().find(|(key, _)| key == name) {
        None => Ok(default),
        Some((_, value)) => {
            value.parse().map_err(|_| format!("query parameter `{name}` should be a number, not `{value}`"))
        }
    }
}

fn row_in(request: &Outgoing, pointer: &str) -> Result<u64, String> {
    let body: Option<Value> = serde_json::from_slice(request.body.as_deref().unwrap_or_default()).ok();
    let row = body.as_ref().and_then(|body| body.pointer(pointer)).and_then(Value::as_u64);
    row.ok_or_else(|| format!("the request's body should have the number of a row at `{pointer}`"))
}

fn set_query(url: &mut Url, name: &str, value: &str) {
    let query = set_parameter(url.query().unwrap_or_default(), name, value);
    url.set_query(Some(&query));
}

/// Sets one parameter of `k=v&k=v`; the others keep their place and their very encoding.
fn set_parameter(form: &str, name: &str, value: &str) -> String {
    let encode = |text: &str| {
        // %20 means a space in queries and forms alike; `+` does so in forms only.
        url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
    };
    let pair = format!("{}={}", encode(name), encode(value));
    let mut parts: Vec<String> = Vec::new();
    let mut placed = false;
    for part in form.split('&').filter(|part| !part.is_empty()) {
        let is_it = url::form_urlencoded::parse(part.as_bytes()).next().is_some_and(|(key, _)| key == name);
        match (is_it, placed) {
            (false, _) => parts.push(part.to_owned()),
            (true, false) => {
                placed = true;
                parts.push(pair.clone());
            }
            (true, true) => {}
        }
    }
    if !placed {
        parts.push(pair);
    }
    parts.join("&")
}

/// Sets a place in a JSON body; objects on the way are made. Members come out sorted, so that the bytes,
/// and with them the request's digest, are the same in every build.
fn set_member(request: &mut Outgoing, pointer: &str, cursor: &Cursor) -> Result<(), String> {
    let refuse = |what: &str| format!("the cursor cannot be written to `{pointer}`: {what}");
    let mut root = match request.body.as_deref() {
        None | Some([]) => Value::Object(Map::new()),
        Some(body) => serde_json::from_slice(body).map_err(|_| refuse("the request's body is not JSON"))?,
    };
    let path = crate::pointer::Pointer::parse(pointer).map_err(|e| e.to_string())?;
    let mut place = &mut root;
    for name in path.names() {
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        place = match place {
            Value::Object(members) => members.entry(name).or_insert(Value::Null),
            Value::Array(items) => crate::pointer::index(name)
                .and_then(|index| items.get_mut(usize::try_from(index).ok()?))
                .ok_or_else(|| refuse("there is no such element"))?,
            _ => return Err(refuse("there is a plain value on the way")),
        };
    }
    *place = match cursor.text.parse::<serde_json::Number>() {
        Ok(number) if cursor.number => Value::Number(number),
        _ => Value::String(cursor.text.clone()),
    };
    request.body = Some(sorted(root).to_string().into_bytes());
    Ok(())
}

/// Recursion is bounded by serde_json's own depth limit of 128, which the parsed body has passed.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(members) => {
            let members: std::collections::BTreeMap<String, Value> = members.into_iter().collect();
            Value::Object(members.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_parameter_changes_and_the_others_keep_their_bytes() {
        assert_eq!(set_parameter("", "m", "a b+/="), "m=a%20b%2B%2F%3D");
        assert_eq!(set_parameter("q=a%2Cb&m=1&x=+&m=2", "m", "3"), "q=a%2Cb&m=3&x=+");
        assert_eq!(
            set_parameter("Action=ListUsers&Version=2010-05-08", "Marker", "x"),
            "Action=ListUsers&Version=2010-05-08&Marker=x"
        );
        assert_eq!(set_parameter("page%5Bcursor%5D=1", "page[cursor]", "2"), "page%5Bcursor%5D=2");
    }

    #[test]
    fn json_bodies_take_the_cursor() {
        let text = |body: Option<&str>, pointer: &str, cursor: &str, number: bool| {
            let url = Url::parse("https://a.example/").unwrap();
            let body = body.map(|b| b.as_bytes().to_vec());
            let mut request = Outgoing { method: "POST".into(), url, headers: vec![], body, auth: None };
            set_member(&mut request, pointer, &Cursor { text: cursor.into(), number })?;
            Ok::<_, String>(String::from_utf8(request.body.unwrap()).unwrap())
        };
        assert_eq!(text(None, "/NextToken", "t", false).unwrap(), r#"{"NextToken":"t"}"#);
        assert_eq!(
            text(Some(r#"{"b":1,"a":{"z":2,"y":3}}"#), "/a/n", "7", true).unwrap(),
            r#"{"a":{"n":7,"y":3,"z":2},"b":1}"#
        );
        assert_eq!(text(Some(r#"{"a":[{"n":1}]}"#), "/a/0/n", "7", false).unwrap(), r#"{"a":[{"n":"7"}]}"#);
        assert!(text(Some(r#"{"a":[]}"#), "/a/0", "7", false).unwrap_err().contains("no such element"));
        assert!(text(Some(r#"{"a":1}"#), "/a/b", "7", false).unwrap_err().contains("plain value"));
        assert!(text(Some("x=1"), "/a", "7", false).unwrap_err().contains("not JSON"));
    }
}
