//! Reads a page as strictly as a page can be read: every element closed where it must be, every attribute quoted.

use std::collections::BTreeSet;

const VOID: [&str; 5] = ["meta", "link", "br", "input", "img"];
/// Elements that a page may hold; whatever else stands in one came from a record.
const KNOWN: [&str; 60] = [
    "html", "head", "meta", "title", "link", "body", "a", "p", "strong", "header", "div", "b", "i", "nav",
    "ul", "ol", "li", "main", "h1", "h2", "h3", "span", "small", "table", "caption", "thead", "tbody", "tr",
    "th", "td", "dl", "dt", "dd", "code", "pre", "mark", "section", "form", "input", "button", "label",
    "select", "option", "textarea", "details", "summary", "footer", "abbr", "del", "ins", "br", "progress",
    "fieldset", "legend", "em", "time", "kbd", "sup", "colgroup", "col",
];

/// An element as it begins.
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    /// The text up to the next tag.
    pub(crate) text: String,
}

impl Tag {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Every element of a page, in order.
///
/// # Panics
/// Where the page is not well formed, or holds an element or attribute that no page of ours has.
pub(crate) fn read(page: &str, path: &str) -> Vec<Tag> {
    let mut rest = page.strip_prefix("<!doctype html>").unwrap_or_else(|| panic!("{path} has no doctype"));
    let mut open: Vec<String> = Vec::new();
    let mut tags = Vec::new();
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').unwrap_or_else(|| panic!("{path}: a tag has no end"));
        let inside = &rest[start + 1..end];
        let after = &rest[end + 1..];
        let text = after[..after.find('<').unwrap_or(after.len())].to_owned();
        if let Some(name) = inside.strip_prefix('/') {
            assert_eq!(
                open.pop().as_deref(),
                Some(name),
                "{path}: closed in this order near `{}`",
                &after[..after.len().min(80)]
            );
        } else {
            let tag = tag(inside, text, path);
            if !VOID.contains(&tag.name.as_str()) {
                open.push(tag.name.clone());
            }
            tags.push(tag);
        }
        rest = after;
    }
    assert!(open.is_empty(), "{path}: never closed: {open:?}");
    tags
}

fn tag(inside: &str, text: String, path: &str) -> Tag {
    let (name, mut rest) = inside.split_once([' ', '\n']).unwrap_or((inside, ""));
    assert!(KNOWN.contains(&name), "{path}: `<{inside}>` is no element of ours");
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            break;
        }
        let cut = rest.find(['=', ' ']).unwrap_or(rest.len());
        let key = &rest[..cut];
        assert!(key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{path}: `{key}` in `<{inside}>`");
        assert!(!key.starts_with("on"), "{path}: `{key}` runs script");
        rest = &rest[cut..];
        let value = match rest.strip_prefix("=\"") {
            Some(quoted) => {
                let (value, after) =
                    quoted.split_once('"').unwrap_or_else(|| panic!("{path}: unquoted in `<{inside}>`"));
                rest = after;
                value
            }
            None => "",
        };
        attributes.push((key.to_owned(), unescape(value)));
    }
    Tag { name: name.to_owned(), attributes, text: unescape(&text) }
}

/// The five entities that pages are written with.
pub(crate) fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

/// What every page keeps to, whatever it shows.
pub(crate) fn check(page: &str, path: &str) -> Vec<Tag> {
    let tags = read(page, path);
    let of = |name: &str| tags.iter().filter(|tag| tag.name == name).collect::<Vec<_>>();
    assert_eq!(of("html")[0].get("lang"), Some("en"), "{path}");
    assert_eq!(of("h1").len(), 1, "{path} has one first heading");
    assert_eq!(of("main").len(), 1, "{path}");
    assert!(of("script").is_empty() && of("style").is_empty() && of("img").is_empty(), "{path}");
    let mut level = 0;
    for tag in &tags {
        if let Some(found) = tag.name.strip_prefix('h').and_then(|n| n.parse::<u32>().ok()) {
            assert!(found <= level + 1, "{path}: h{found} `{}` follows h{level}", tag.text);
            level = found;
        }
    }
    let mut ids = BTreeSet::new();
    for id in tags.iter().filter_map(|tag| tag.get("id")) {
        assert!(ids.insert(id), "{path}: two elements are `{id}`");
    }
    assert_eq!(of("table").len(), of("caption").len(), "{path}: every table has a caption");
    for head in of("th") {
        assert!(head.get("scope").is_some(), "{path}: a header cell says of what: {}", head.text);
    }
    for label in of("label") {
        let named = label.get("for").is_some_and(|id| ids.contains(id));
        assert!(named, "{path}: the label `{}` names no field", label.text);
    }
    for tag in &tags {
        assert!(tag.get("style").is_none(), "{path}: a style of its own, which the policy forbids");
    }
    tags
}

/// The page's text, without its tags.
pub(crate) fn text(page: &str) -> String {
    let mut out = String::new();
    for part in page.split('<') {
        let text = part.split_once('>').map_or(part, |(_, text)| text);
        out.push_str(text);
        out.push(' ');
    }
    let text = unescape(&out).replace('\u{202f}', " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
