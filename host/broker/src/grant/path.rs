//! Path patterns, and the forms in which a server may read a path.
//!
//! A pattern is a list of segments: `**` is any number of segments, `*` stands for one or more characters
//! within one segment (`/projects/*:getIamPolicy`), everything else is literal and free of percent-encoding.
//!
//! Servers differ in when they decode (`%2F` may or may not part two segments), so a path is allowed only if
//! both of its readings are: as written, with just the unreserved characters of RFC 3986 section 2.3 decoded,
//! and decoded until nothing is left to decode. A path that still hides a dot segment, a backslash or a
//! control character in a reading has no honest use, and is refused whatever the pattern.

use percent_encoding::percent_decode_str;
use std::fmt;

/// Levels of percent-encoding that are looked through; more is refused.
const DECODE_DEPTH: usize = 4;

/// One segment of a pattern.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Segment {
    /// `**`: any number of segments, none included.
    Any,
    /// `list`: this text.
    Literal(String),
    /// `*`, `*:getIamPolicy`: one or more characters between the two.
    Around(String, String),
}

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "**" {
            return Ok(Self::Any);
        }
        let plain = |t: &str| {
            t.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()+,;=:@".contains(&b))
                && !matches!(t.split(';').next(), Some("." | ".."))
        };
        let segment = match text.split_once('*') {
            None => Self::Literal(text.to_owned()),
            Some((before, after)) => Self::Around(before.to_owned(), after.to_owned()),
        };
        let fits = match &segment {
            Self::Any => true,
            Self::Literal(text) => plain(text),
            Self::Around(before, after) => {
                plain(&format!("{before}x{after}")) && !after.contains('*') && !before.contains('*')
            }
        };
        if fits {
            Ok(segment)
        } else {
            Err(format!(
                "path segment `{text}`: write letters, digits and -._~!$&'()+,;=:@, with at most one `*`, or `**` alone"
            ))
        }
    }

    /// Whether one segment of a path fits; [`Segment::Any`] is the caller's to handle.
    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Literal(literal) => literal == text,
            Self::Around(before, after) => {
                text.len() > before.len() + after.len()
                    && text.starts_with(before.as_str())
                    && text.ends_with(after.as_str())
            }
        }
    }

    /// Whether every text that fits `other` fits this one; neither is [`Segment::Any`].
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Literal(text)) => self.fits(text),
            (Self::Around(b0, a0), Self::Around(b1, a1)) => {
                b1.starts_with(b0.as_str()) && a1.ends_with(a0.as_str())
            }
            _ => false,
        }
    }
}

/// A pattern over normalised paths.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct PathPattern(Vec<Segment>);

impl PathPattern {
    /// Reads a pattern that begins with `/`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix('/').ok_or_else(|| format!("path `{text}` must begin with `/`"))?;
        rest.split('/').map(Segment::parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether both readings of the path fit.
    pub(super) fn allows(&self, forms: &PathForms) -> bool {
        let fits = |reading: &[String]| glob(&self.0, reading, |pattern, text| pattern.fits(text));
        fits(&forms.written) && fits(&forms.decoded)
    }

    /// Whether this pattern allows every path that `other` allows.
    ///
    /// Sound, not complete: where it cannot tell, it says no.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let one = |a: &Segment, b: &Segment| *b != Segment::Any && a.covers(b);
        glob(&self.0, &other.0, one)
    }
}

/// Greedy matching with a return to the last `**`: time is the product of the lengths at worst.
fn glob<T>(pattern: &[Segment], text: &[T], one: impl Fn(&Segment, &T) -> bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        match pattern.get(p) {
            Some(Segment::Any) => {
                back = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(token) if text.get(t).is_some_and(|item| one(token, item)) => {
                p += 1;
                t += 1;
                continue;
            }
            None if t == text.len() => return true,
            _ => {}
        }
        match back {
            Some((after, from)) if from < text.len() => {
                back = Some((after, from + 1));
                p = after;
                t = from + 1;
            }
            _ => return false,
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.0 {
            match segment {
                Segment::Any => f.write_str("/**")?,
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::Around(before, after) => write!(f, "/{before}*{after}")?,
            }
        }
        Ok(())
    }
}

/// The readings of one path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PathForms {
    written: Vec<String>,
    decoded: Vec<String>,
}

impl PathForms {
    /// The readings of a URL's path, or what is wrong with it.
    pub(super) fn of(url: &url::Url) -> Result<Self, String> {
        let path = url.path();
        let rest = path.strip_prefix('/').ok_or_else(|| format!("path `{path}` does not begin with `/`"))?;
        let mut decoded = rest.to_owned();
        for depth in 0.. {
            check_reading(&decoded, path)?;
            let next = percent_decode_str(&decoded).decode_utf8_lossy().into_owned();
            if next == decoded {
                break;
            }
            if depth == DECODE_DEPTH {
                return Err(format!("path `{path}` is percent-encoded more than {DECODE_DEPTH} times"));
            }
            decoded = next;
        }
        Ok(Self {
            written: rest.split('/').map(decode_unreserved).collect(),
            decoded: decoded.split('/').map(str::to_owned).collect(),
        })
    }

    /// Whether the path is `/`.
    pub(super) fn is_root(&self) -> bool {
        self.decoded.len() == 1 && self.decoded[0].is_empty()
    }
}

fn check_reading(reading: &str, path: &str) -> Result<(), String> {
    if reading.chars().any(|c| c == '\\' || c.is_control()) {
        return Err(format!("path `{path}` hides a backslash or a control character"));
    }
    // `..;x` is a dot segment to servers that strip path parameters.
    if reading.split('/').any(|segment| matches!(segment.split(';').next(), Some("." | ".."))) {
        return Err(format!("path `{path}` hides a dot segment"));
    }
    Ok(())
}

/// RFC 3986 section 6.2.2: unreserved characters decoded, the hex digits of all others in upper case.
fn decode_unreserved(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut out = String::with_capacity(segment.len());
    let mut at = 0;
    while at < bytes.len() {
        let triplet = (bytes[at] == b'%').then(|| segment.get(at + 1..at + 3)).flatten();
        match triplet.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(b) if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => out.push(char::from(b)),
            Some(b) => out.push_str(&format!("%{b:02X}")),
            None => {
                // `Url` leaves only ASCII in a path, so one byte is one character.
                out.push(char::from(bytes[at]));
                at += 1;
                continue;
            }
        }
        at += 3;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(path: &str) -> Result<PathForms, String> {
        PathForms::of(&url::Url::parse(&format!("https://h.example{path}")).unwrap())
    }

    fn allows(pattern: &str, path: &str) -> bool {
        forms(path).is_ok_and(|forms| PathPattern::parse(pattern).unwrap().allows(&forms))
    }

    #[test]
    fn globs() {
        for (pattern, path, fits) in [
            ("/api/v1/**", "/api/v1/users/1", true),
            ("/api/v1/**", "/api/v1", true),
            ("/api/v1/**", "/api/v1/", true),
            ("/api/v1/**", "/api/v10/users", false),
            ("/api/v1/users/*", "/api/v1/users/00u1", true),
            ("/api/v1/users/*", "/api/v1/users/", false),
            ("/api/v1/users/*", "/api/v1/users/1/factors", false),
            ("/api/v1/users/*/factors", "/api/v1/users/1/factors", true),
            ("/**/factors", "/a/b/factors", true),
            ("/**/a/**/b", "/a/a/x/a/b", true),
            ("/**/a/**/b", "/a/a/x/a/c", false),
            ("/v3/projects/*:getIamPolicy", "/v3/projects/p-1:getIamPolicy", true),
            ("/v3/projects/*:getIamPolicy", "/v3/projects/p-1:setIamPolicy", false),
            ("/v3/projects/*:getIamPolicy", "/v3/projects/:getIamPolicy", false),
            ("/", "/", true),
            ("/", "/x", false),
            ("/**", "/", true),
        ] {
            assert_eq!(allows(pattern, path), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn every_spelling_of_a_path_is_read() {
        for (path, fits) in [
            ("/api/v1/../v1/users", true),
            ("/%61pi/v1/users", true),
            ("/api/v1/../admin", false),
            ("/api/v1/%2e%2e/admin", false),
            ("/api/v1/.%2E/admin", false),
            ("/api/v1\\..\\admin", false),
            ("/api/v1/..%2Fadmin", false),
            ("/api/v1/%2e%2e%2fadmin", false),
            ("/api/v1/..%5cadmin", false),
            ("/api/v1/%252e%252e/admin", false),
            ("/api/v1/%25252e%25252e/admin", false),
            ("/api/v1/..;/admin", false),
            ("/api/v1/x%00y", false),
            ("/api/v1/x%0d%0aHost:%20y", false),
            ("/api/v1/users/a%40example.com", true),
            ("/api%2fv1/users", false),
            ("/api/v1/%e0%80%80", true),
            ("/api/v1/100%", true),
        ] {
            assert_eq!(allows("/api/v1/**", path), fits, "{path}");
        }
    }

    #[test]
    fn an_encoded_slash_must_fit_both_ways() {
        assert!(allows("/tags/**", "/tags/arn:aws:backup:plan%2F7"));
        assert!(!allows("/tags/*", "/tags/arn:aws:backup:plan%2F7"));
        assert!(!allows("/tags/*/x", "/tags/a%2Fx"));
    }

    #[test]
    fn refuses_patterns_that_mean_nothing() {
        for bad in ["", "api", "/a**", "/a*b*", "/%2e", "/a b", "/../x", "/..;a", "/é", "/a?b", "/a#b"] {
            assert!(PathPattern::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(PathPattern::parse("/a/*/b*c/**").unwrap().to_string(), "/a/*/b*c/**");
    }

    #[test]
    fn covering_is_sound() {
        let patterns = [
            "/**", "/a/**", "/a/*", "/a/b", "/a/b/**", "/*", "/*/b", "/**/b", "/a/**/c", "/a/x*", "/a/x*y",
            "/a/*y", "/", "/a/",
        ]
        .map(|text| PathPattern::parse(text).unwrap());
        let paths: Vec<PathForms> = [
            "/", "/a", "/a/", "/a/b", "/a/c", "/a/b/c", "/a/q/c", "/b", "/q/b", "/a/xy", "/a/x1y", "/a/x1",
            "/a/1y", "/a/b/b/c", "/c/d/e",
        ]
        .iter()
        .map(|path| forms(path).unwrap())
        .collect();
        let mut covered = 0;
        for wide in &patterns {
            assert!(wide.covers(wide), "{wide}");
            for narrow in &patterns {
                if wide.covers(narrow) {
                    covered += 1;
                    for path in &paths {
                        assert!(!narrow.allows(path) || wide.allows(path), "{wide} {narrow} {path:?}");
                    }
                }
            }
        }
        assert!(covered > patterns.len() * 2, "the relation must say something: {covered}");
        let covers =
            |a: &str, b: &str| PathPattern::parse(a).unwrap().covers(&PathPattern::parse(b).unwrap());
        assert!(covers("/a/**", "/a/*/c") && covers("/a/x*", "/a/x*y") && covers("/**/b", "/a/**/b"));
        assert!(!covers("/a/*", "/a/**") && !covers("/a/x*y", "/a/x*") && !covers("/a/*", "/*/a"));
    }
}
