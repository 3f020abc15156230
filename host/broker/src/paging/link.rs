//! The `Link` header (RFC 8288), as far as paging needs it: targets and relations.

/// One link of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The target between `<` and `>`, as it stands: it may be relative.
    pub target: String,
    /// The first `rel` parameter: relations, separated by spaces.
    pub rel: String,
    /// Whether an `anchor` says that the link starts elsewhere than at this page.
    pub anchored: bool,
}

impl Link {
    /// Whether `rel` is among its relations. Names are compared without regard to case (section 3.3).
    pub fn is(&self, rel: &str) -> bool {
        self.rel.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case(rel))
    }
}

/// A header that does not follow RFC 8288.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the Link header is malformed at byte {at}: {expected} expected")]
pub struct LinkError {
    /// Where, from the start of the header's value.
    pub at: usize,
    /// What should be there.
    pub expected: &'static str,
}

/// The links of one header's value. Empty list elements are allowed (RFC 9110 section 5.6.1).
///
/// # Errors
/// [`LinkError`] where the value cannot be read to its end: a next page might hide in the rest.
pub fn parse(value: &str) -> Result<Vec<Link>, LinkError> {
    let mut cursor = Cursor { text: value, at: 0 };
    let mut links = Vec::new();
    loop {
        cursor.skip(|b| matches!(b, b' ' | b'\t' | b','));
        if cursor.peek().is_none() {
            return Ok(links);
        }
        links.push(cursor.link()?);
    }
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn skip(&mut self, which: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&which) {
            self.at += 1;
        }
    }

    fn fail<T>(&self, expected: &'static str) -> Result<T, LinkError> {
        Err(LinkError { at: self.at, expected })
    }

    /// Bytes up to one that ends them. Every byte that may end is ASCII, so no character is cut.
    fn until(&mut self, ends: impl Fn(u8) -> bool) -> &'a str {
        let from = self.at;
        self.skip(|b| !ends(b));
        &self.text[from..self.at]
    }

    fn link(&mut self) -> Result<Link, LinkError> {
        if !self.eat(b'<') {
            return self.fail("`<`");
        }
        let target = self.until(|b| b == b'>').to_owned();
        if !self.eat(b'>') {
            return self.fail("`>`");
        }
        let (mut rel, mut anchored) = (None, false);
        loop {
            self.skip(|b| matches!(b, b' ' | b'\t'));
            if self.peek().is_none_or(|b| b == b',') {
                return Ok(Link { target, rel: rel.unwrap_or_default(), anchored });
            }
            if !self.eat(b';') {
                return self.fail("`;`, `,` or the end");
            }
            self.skip(|b| matches!(b, b' ' | b'\t'));
            let name = self.until(|b| matches!(b, b' ' | b'\t' | b'=' | b';' | b',')).to_ascii_lowercase();
            self.skip(|b| matches!(b, b' ' | b'\t'));
            let value = if self.eat(b'=') { self.value()? } else { String::new() };
            match name.as_str() {
                // Section 3.3: of several `rel` only the first counts.
                "rel" if rel.is_none() => rel = Some(value),
                "anchor" => anchored = true,
                _ => {}
            }
        }
    }

    /// A parameter's value: a token, or a quoted string (RFC 9110 section 5.6.4).
    fn value(&mut self) -> Result<String, LinkError> {
        self.skip(|b| matches!(b, b' ' | b'\t'));
        if !self.eat(b'"') {
            return Ok(self.until(|b| matches!(b, b' ' | b'\t' | b';' | b',')).to_owned());
        }
        let mut value = String::new();
        loop {
            value.push_str(self.until(|b| matches!(b, b'"' | b'\\')));
            if self.eat(b'"') {
                return Ok(value);
            }
            if !self.eat(b'\\') {
                return self.fail("a closing `\"`");
            }
            let Some(escaped) = self.text[self.at..].chars().next() else { return self.fail("a character") };
            value.push(escaped);
            self.at += escaped.len_utf8();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rels(value: &str) -> Vec<(String, String)> {
        parse(value).unwrap().into_iter().map(|link| (link.target, link.rel)).collect()
    }

    fn pair(target: &str, rel: &str) -> (String, String) {
        (target.into(), rel.into())
    }

    /// Examples of RFC 8288, section 3.5.
    #[test]
    fn the_examples_of_the_rfc() {
        let first = r#"<http://example.com/TheBook/chapter2>; rel="previous"; title="previous chapter""#;
        assert_eq!(rels(first), [pair("http://example.com/TheBook/chapter2", "previous")]);
        assert_eq!(rels(r#"</>; rel="http://example.net/foo""#), [pair("/", "http://example.net/foo")]);
        let anchored = parse(r##"</terms>; rel="copyright"; anchor="#foo""##).unwrap();
        assert!(anchored[0].anchored);
        let two = r#"</TheBook/chapter2>; rel="previous"; title*=UTF-8'de'letztes%20Kapitel, </TheBook/chapter4>; rel="next"; title*=UTF-8'de'n%c3%a4chstes%20Kapitel"#;
        assert_eq!(rels(two), [pair("/TheBook/chapter2", "previous"), pair("/TheBook/chapter4", "next")]);
        let many = parse(r#"<http://example.org/>; rel="start http://example.net/relation/other""#).unwrap();
        assert!(
            many[0].is("start") && many[0].is("http://example.net/relation/other") && !many[0].is("next")
        );
        let list = r#"<https://example.org/>; rel="start", <https://example.org/index>; rel="index""#;
        assert_eq!(rels(list).len(), 2);
    }

    /// As documented by GitHub, "Using pagination in the REST API".
    #[test]
    fn the_example_of_github() {
        let value = r#"<https://api.github.com/repositories/1300192/issues?page=2>; rel="prev", <https://api.github.com/repositories/1300192/issues?page=4>; rel="next", <https://api.github.com/repositories/1300192/issues?page=515>; rel="last", <https://api.github.com/repositories/1300192/issues?page=1>; rel="first""#;
        let next = parse(value).unwrap().into_iter().find(|link| link.is("next")).unwrap();
        assert_eq!(next.target, "https://api.github.com/repositories/1300192/issues?page=4");
    }

    #[test]
    fn separators_inside_targets_and_quotes_do_not_separate() {
        let value =
            r#"<https://a.example/?q=a,b;c>; title="x, <y>; rel=\"last\""; REL = Next ; rel=prev, ,<b>"#;
        assert_eq!(rels(value), [pair("https://a.example/?q=a,b;c", "Next"), pair("b", "")]);
        assert!(parse(value).unwrap()[0].is("next"));
    }

    #[test]
    fn what_cannot_be_read_to_the_end_is_an_error() {
        for (bad, at) in [("https://a.example", 0), ("<a", 2), ("<a> rel=next", 4), ("<a>; rel=\"next", 14)] {
            assert_eq!(parse(bad).unwrap_err().at, at, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(value in "[ -~äé\u{1F600}]{0,60}") {
            let _ = parse(&value);
        }

        #[test]
        fn reads_back_what_is_written(targets in proptest::collection::vec("[a-z/?&=,;]{1,12}", 0..5)) {
            let value: Vec<String> = targets.iter().map(|t| format!("<{t}>; rel=\"next\"")).collect();
            let read: Vec<String> = parse(&value.join(", ")).unwrap().into_iter().map(|l| l.target).collect();
            prop_assert_eq!(read, targets);
        }
    }
}
