//! URL patterns for redaction. They err on the side of matching: a guest chooses how it spells a URL, and
//! must not get around an operator's rule by another spelling. So case, percent-encoding, doubled slashes,
//! a slash at the end and the query do not count. (Grants err on the other side, and have patterns of
//! their own.)

use url::Url;

/// A pattern over scheme, host, port and path. `*` is any text without a slash, `**` any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlPattern {
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Byte(u8),
    Segment,
    Any,
}

/// A pattern that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// No `http://` or `https://` at its begin.
    #[error("begin the URL pattern with its scheme, `https://`")]
    Scheme,
    /// A template is left in it.
    #[error("fill in the `{{…}}` of the URL pattern first")]
    Template,
    /// A query or fragment.
    #[error("leave query and fragment out of the URL pattern: rules hold for every query")]
    Query,
    /// Longer than 2048 bytes.
    #[error("the URL pattern is longer than 2048 bytes")]
    TooLong,
}

impl UrlPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let lower = text.to_ascii_lowercase();
        if !lower.starts_with("https://") && !lower.starts_with("http://") {
            return Err(PatternError::Scheme);
        }
        if lower.contains(['{', '}']) {
            return Err(PatternError::Template);
        }
        if lower.contains(['?', '#']) {
            return Err(PatternError::Query);
        }
        if lower.len() > 2048 {
            return Err(PatternError::TooLong);
        }
        let mut tokens = Vec::new();
        let plain = plain(&lower);
        let mut bytes = plain.iter().peekable();
        while let Some(&byte) = bytes.next() {
            if byte != b'*' {
                tokens.push(Token::Byte(byte));
                continue;
            }
            let any = bytes.next_if_eq(&&b'*').is_some();
            while bytes.next_if_eq(&&b'*').is_some() {}
            tokens.push(if any { Token::Any } else { Token::Segment });
        }
        Ok(Self { tokens })
    }

    /// Whether it covers `url`.
    pub fn matches(&self, url: &Url) -> bool {
        let port = match url.port() {
            Some(port) => format!(":{port}"),
            None => String::new(),
        };
        let text = format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path());
        let text = plain(&text.to_ascii_lowercase());
        // `/**` covers the place that it starts at, too.
        self.covers(&text) || self.covers(&[text.as_slice(), b"/"].concat())
    }

    fn covers(&self, text: &[u8]) -> bool {
        // `reached[i]`: the tokens so far can match exactly the first i bytes. Time is the product of the
        // two lengths at worst, whatever the pattern.
        let mut reached = vec![false; text.len() + 1];
        reached[0] = true;
        for token in &self.tokens {
            let mut next = vec![false; text.len() + 1];
            for i in 0..=text.len() {
                next[i] = match token {
                    Token::Byte(byte) => i > 0 && reached[i - 1] && text[i - 1] == *byte,
                    Token::Any => reached[i] || (i > 0 && next[i - 1]),
                    Token::Segment => reached[i] || (i > 0 && next[i - 1] && text[i - 1] != b'/'),
                };
            }
            reached = next;
        }
        reached[text.len()]
    }
}

/// Percent-decoded, slashes not doubled, none at the end. A default port is already gone from a parsed URL,
/// and is cut from a pattern here.
fn plain(text: &str) -> Vec<u8> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let mut decoded: Vec<u8> = Vec::with_capacity(text.len());
    let bytes = rest.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let hex = bytes.get(i + 1..i + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match hex.filter(|_| bytes[i] == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                decoded.push(byte.to_ascii_lowercase());
                i += 3;
            }
            None => {
                decoded.push(bytes[i]);
                i += 1;
            }
        }
    }
    decoded.dedup_by(|a, b| *a == b'/' && *b == b'/');
    if decoded.last() == Some(&b'/') {
        decoded.pop();
    }
    let end = decoded.iter().position(|b| *b == b'/').unwrap_or(decoded.len());
    let default: &[u8] = if scheme == "https" { b":443" } else { b":80" };
    if decoded[..end].ends_with(default) {
        decoded.drain(end - default.len()..end);
    }
    [scheme.as_bytes(), b"://", &decoded].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, url: &str) -> bool {
        UrlPattern::parse(pattern).unwrap().matches(&Url::parse(url).unwrap())
    }

    #[test]
    fn stars_cover_segments_and_paths() {
        assert!(matches("https://a.example/users/*", "https://a.example/users/1"));
        assert!(!matches("https://a.example/users/*", "https://a.example/users/1/factors"));
        assert!(matches("https://a.example/users/**", "https://a.example/users/1/factors?x=1"));
        assert!(matches("https://*.okta.com/**", "https://x.okta.com/"));
        assert!(!matches("https://*.okta.com/**", "https://okta.com.evil.example/"));
        assert!(!matches("https://a.example/users", "http://a.example/users"));
        assert!(matches("https://a.example:443/users", "https://a.example/users"));
        assert!(matches("http://127.0.0.1:8080/**", "http://127.0.0.1:8080/x"));
        assert!(!matches("http://127.0.0.1/**", "http://127.0.0.1:8080/x"));
    }

    #[test]
    fn other_spellings_do_not_get_around_a_rule() {
        for url in [
            "https://A.example/Users/1",
            "https://a.example/%75sers/1",
            "https://a.example//users/1/",
            "https://a.example/x/../users/1",
            "https://a.example/users%2f1",
        ] {
            assert!(matches("https://a.example/users/*", url), "{url}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = format!("https://a.example/{}", "*a**c".repeat(200));
        assert!(!matches(&pattern, &format!("https://a.example/{}b", "a".repeat(4000))));
    }
}
