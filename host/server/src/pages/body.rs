//! A body as text: JSON laid out, with one place in it marked; anything else as it is.

use super::population::cut;
use exhibit_package::html::markup::{escape, grouped};
use exhibit_package::put;
use serde_json::Value;

/// Bodies above this are not taken apart.
pub(super) const MOST_PARSED_BYTES: u64 = 8 << 20;
/// Characters of a body that a page shows.
const SHOWN_CHARS: usize = 200_000;
/// What is shown before a mark that lies deep in a body.
const BEFORE_BYTES: usize = 4000;

/// Draws a body. `at` is a JSON pointer (RFC 6901) into it, to be marked; the mark bears the id `fact`.
pub(super) fn draw(out: &mut String, bytes: &[u8], at: Option<&str>) {
    if bytes.is_empty() {
        out.push_str("<p>Empty.</p>\n");
        return;
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        put!(out, "<p>{} bytes that are no text.</p>\n", grouped(bytes.len() as u64));
        return;
    };
    let parsed =
        (bytes.len() as u64 <= MOST_PARSED_BYTES).then(|| serde_json::from_str::<Value>(text).ok()).flatten();
    match parsed {
        Some(value) => json(out, &value, at.unwrap_or_default(), at.is_some()),
        None => plain(out, text),
    }
}

fn plain(out: &mut String, text: &str) {
    put!(out, "<pre class=\"body\" tabindex=\"0\"><code>{}</code></pre>\n", escape(cut(text, SHOWN_CHARS)));
    if text.chars().nth(SHOWN_CHARS).is_some() {
        left_out(out);
    }
}

fn left_out(out: &mut String) {
    put!(
        out,
        "<p>The first {} characters are shown; the package has all of it.</p>\n",
        grouped(SHOWN_CHARS as u64)
    );
}

/// JSON laid out. What comes before the mark is left out from the start where there is too much of it.
fn json(out: &mut String, value: &Value, at: &str, marked: bool) {
    let mut layout = Layout { text: String::new(), mark: None, at: marked.then_some(at) };
    layout.value(value, "", 0);
    layout.text.push('\n');
    let Layout { text, mark, .. } = layout;
    // Whole lines are marked, so that the mark is a block and not a ragged edge.
    let line = |(start, end): (usize, usize)| {
        let start = text[..start].rfind('\n').map_or(0, |before| before + 1);
        (start, text[end..].find('\n').map_or(text.len(), |after| end + after + 1))
    };
    let mark = mark.map(line);
    let (start, end) = mark.unwrap_or((0, 0));
    if marked && mark.is_none() {
        put!(out, "<p>There is nothing at <code class=\"url\">{}</code>.</p>\n", escape(at));
    }
    // A window around the mark, on whole lines.
    let near = &text[..floor_at(&text, start.saturating_sub(BEFORE_BYTES))];
    let from = if end > SHOWN_CHARS { near.rfind('\n').map_or(0, |line| line + 1) } else { 0 };
    let to = floor_at(&text, (from + SHOWN_CHARS).max(end.min(from + 4 * SHOWN_CHARS)));
    out.push_str("<pre class=\"body\" tabindex=\"0\"><code>");
    if mark.is_some() {
        let end = end.min(to);
        put!(
            out,
            "{}<mark id=\"fact\">{}</mark>{}",
            escape(&text[from..start]),
            escape(&text[start..end]),
            escape(&text[end..to])
        );
    } else {
        put!(out, "{}", escape(&text[from..to]));
    }
    out.push_str("</code></pre>\n");
    if from > 0 || to < text.len() {
        put!(
            out,
            "<p>Shown in part: {} of {} characters.</p>\n",
            grouped((to - from) as u64),
            grouped(text.len() as u64)
        );
    }
}

/// The nearest place at or before `at` that is between two characters.
fn floor_at(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// JSON being laid out as `serde_json` does, with where the marked value begins and ends.
struct Layout<'a> {
    text: String,
    mark: Option<(usize, usize)>,
    at: Option<&'a str>,
}

impl Layout<'_> {
    fn value(&mut self, value: &Value, pointer: &str, depth: usize) {
        let start = self.text.len();
        match value {
            Value::Array(items) if !items.is_empty() => {
                self.text.push_str("[\n");
                for (place, item) in items.iter().enumerate() {
                    self.indent(depth + 1);
                    self.value(item, &format!("{pointer}/{place}"), depth + 1);
                    self.text.push_str(if place + 1 < items.len() { ",\n" } else { "\n" });
                }
                self.indent(depth);
                self.text.push(']');
            }
            Value::Object(members) if !members.is_empty() => {
                self.text.push_str("{\n");
                for (place, (name, member)) in members.iter().enumerate() {
                    self.indent(depth + 1);
                    put!(self.text, "{}: ", Value::String(name.clone()));
                    let step = name.replace('~', "~0").replace('/', "~1");
                    self.value(member, &format!("{pointer}/{step}"), depth + 1);
                    self.text.push_str(if place + 1 < members.len() { ",\n" } else { "\n" });
                }
                self.indent(depth);
                self.text.push('}');
            }
            other => put!(self.text, "{other}"),
        }
        if self.at == Some(pointer) {
            self.mark = Some((start, self.text.len()));
        }
    }

    fn indent(&mut self, depth: usize) {
        self.text.extend(std::iter::repeat_n("  ", depth));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(body: &str, at: Option<&str>) -> String {
        let mut out = String::new();
        draw(&mut out, body.as_bytes(), at);
        out
    }

    #[test]
    fn json_is_laid_out_as_others_do_and_its_place_is_marked() {
        let body = r#"[{"a/b":[1,{"c":"<i>"}]},{}]"#;
        let value: Value = serde_json::from_str(body).unwrap();
        let mut layout = Layout { text: String::new(), mark: None, at: None };
        layout.value(&value, "", 0);
        assert_eq!(layout.text, serde_json::to_string_pretty(&value).unwrap());
        // RFC 6901 section 3: `/` in a name is written ~1.
        let page = drawn(body, Some("/0/a~1b/1/c"));
        let line = "        &quot;c&quot;: &quot;&lt;i&gt;&quot;\n";
        assert!(page.contains(&format!("<mark id=\"fact\">{line}</mark>")), "{page}");
        assert!(drawn(body, Some("/7")).contains("There is nothing at"));
        assert_eq!(drawn(body, None).matches("<mark").count(), 0);
    }

    #[test]
    fn the_marked_place_of_a_long_body_is_shown() {
        let items: Vec<Value> =
            (0..40_000).map(|n| serde_json::json!({ "id": format!("é{n:06}") })).collect();
        let body = Value::Array(items).to_string();
        for place in [0, 1, 20_000, 39_999] {
            let page = drawn(&body, Some(&format!("/{place}")));
            let mark = page.split("<mark id=\"fact\">").nth(1).unwrap().split("</mark>").next().unwrap();
            assert!(mark.contains(&format!("é{place:06}")), "{mark}");
            assert!(page.len() < 3 * SHOWN_CHARS, "{}", page.len());
        }
    }

    #[test]
    fn what_is_no_json_is_text_or_nothing() {
        assert!(drawn("<Users><b>&amp;</b></Users>", None).contains("&lt;Users&gt;&lt;b&gt;&amp;amp;"));
        let mut out = String::new();
        draw(&mut out, &[0xff, 0xfe, 0], None);
        assert!(out.contains("3 bytes that are no text"), "{out}");
        assert!(drawn("", None).contains("Empty"));
    }
}
