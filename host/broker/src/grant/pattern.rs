//! URL patterns: `https://*.example.com/api/**`.
//!
//! Scheme, host and port are those that the `url` crate (WHATWG URL) reads, so every spelling of one
//! host is one host. A host may begin with the whole label `*.`, which stands for one label, with one
//! exception below. A pattern has no user, query or fragment.

use super::path::{PathForms, PathPattern};
use std::fmt;
use std::str::FromStr;
use url::Url;

/// Below these a wildcard also covers `service.region`, the form of AWS's own endpoints, and nothing else:
/// `ec2.eu-west-1.amazonaws.com` yes, `bucket.s3.amazonaws.com` no, since customers choose such names.
const AWS_SUFFIXES: [&str; 2] = ["amazonaws.com", "amazonaws.com.cn"];

/// A text that is not a URL or host pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("URL pattern `{pattern}`: {problem}. Write for example https://example.okta.com/api/v1/**")]
pub struct ParsePatternError {
    /// The text.
    pub pattern: String,
    /// What is wrong with it.
    pub problem: String,
}

impl ParsePatternError {
    fn new(pattern: &str, problem: impl Into<String>) -> Self {
        Self { pattern: pattern.chars().take(200).collect(), problem: problem.into() }
    }
}

/// A host, or every host of one label below another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum HostPattern {
    /// This host, as the `url` crate writes it: lower case, punycode, canonical addresses.
    Exact(String),
    /// One label below this host.
    Below(String),
}

impl HostPattern {
    /// Whether `host`, as the `url` crate writes it, fits.
    pub fn allows(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Below(base) => {
                let Some(labels) = host.strip_suffix(base.as_str()).and_then(|h| h.strip_suffix('.')) else {
                    return false;
                };
                match labels.split_once('.') {
                    None => !labels.is_empty(),
                    Some((service, region)) => {
                        !service.is_empty() && AWS_SUFFIXES.contains(&base.as_str()) && is_aws_region(region)
                    }
                }
            }
        }
    }

    /// Whether this pattern allows every host that `other` allows.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Exact(name)) => self.allows(name),
            (Self::Below(wide), Self::Below(narrow)) => {
                let region = narrow.strip_suffix(wide.as_str()).and_then(|h| h.strip_suffix('.'));
                wide == narrow || (AWS_SUFFIXES.contains(&wide.as_str()) && region.is_some_and(is_aws_region))
            }
            (Self::Exact(_), Self::Below(_)) => false,
        }
    }
}

/// `eu-west-1`, `us-gov-east-1`: never a name that a customer chose (`s3`, `execute-api`, `compute-1`).
fn is_aws_region(label: &str) -> bool {
    let parts: Vec<&str> = label.split('-').collect();
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return false };
    (3..=4).contains(&parts.len())
        && first.len() == 2
        && parts[..parts.len() - 1]
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()))
        && (1..=2).contains(&last.len())
        && last.bytes().all(|b| b.is_ascii_digit())
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(base) => write!(f, "*.{base}"),
        }
    }
}

impl FromStr for HostPattern {
    type Err = ParsePatternError;

    /// Reads a host, or an origin whose host is meant: `example.okta.com`, `*.example.com`, `http://127.0.0.1:5000`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = if text.contains("://") { format!("{text}/") } else { format!("https://{text}/") };
        let origin = UrlPattern::from_str(&url).map_err(|e| ParsePatternError::new(text, e.problem))?;
        if origin.path.to_string() != "/" && origin.path.to_string() != "//" {
            return Err(ParsePatternError::new(text, "a host is wanted, without a path"));
        }
        Ok(origin.host)
    }
}

impl serde::Serialize for HostPattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for HostPattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A pattern over URLs: scheme, host, port and path. Queries and fragments are not looked at.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct UrlPattern {
    scheme: String,
    host: HostPattern,
    port: u16,
    path: PathPattern,
}

impl UrlPattern {
    /// The hosts that it names.
    pub fn host(&self) -> &HostPattern {
        &self.host
    }

    /// Whether `url` fits. A URL with a user or password, or with a path that hides something, never does.
    pub fn allows(&self, url: &Url) -> bool {
        PathForms::of(url).is_ok_and(|forms| self.allows_forms(url, &forms))
    }

    /// [`UrlPattern::allows`], where the path's readings are known.
    pub(super) fn allows_forms(&self, url: &Url, forms: &PathForms) -> bool {
        url.username().is_empty()
            && url.password().is_none()
            && url.scheme() == self.scheme
            && url.host_str().is_some_and(|host| self.host.allows(host))
            && url.port_or_known_default() == Some(self.port)
            && self.path.allows(forms)
    }

    /// Whether this pattern allows every URL that `other` allows. Sound, not complete.
    pub fn covers(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.port == other.port
            && self.host.covers(&other.host)
            && self.path.covers(&other.path)
    }
}

impl FromStr for UrlPattern {
    type Err = ParsePatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |problem: &str| ParsePatternError::new(text, problem);
        let (scheme, rest) = text.split_once("://").ok_or_else(|| fail("it has no scheme"))?;
        if !matches!(scheme, "https" | "http") {
            return Err(fail("the scheme must be https (or http, for addresses that a source allows)"));
        }
        let cut = rest.find('/').ok_or_else(|| fail("it has no path; write / or /** at the end"))?;
        let (authority, path) = rest.split_at(cut);
        if authority.contains(['@', '?', '#', '\\', '%']) || text.contains(['?', '#']) {
            return Err(fail("it must have no user, query or fragment"));
        }
        let (below, name) = match authority.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, authority),
        };
        if name.contains('*') {
            return Err(fail("a host may have `*` only as its whole first label"));
        }
        let url = Url::parse(&format!("{scheme}://{name}/")).map_err(|e| fail(&e.to_string()))?;
        let host = match url.host() {
            Some(url::Host::Domain(host))
                if below && host.split('.').filter(|l| !l.is_empty()).count() < 2 =>
            {
                return Err(fail("a wildcard needs at least two labels after it"));
            }
            Some(url::Host::Domain(host)) if below => HostPattern::Below(host.to_owned()),
            Some(_) if below => return Err(fail("an address has no labels for a wildcard")),
            Some(host) => HostPattern::Exact(host.to_string()),
            None => return Err(fail("it has no host")),
        };
        let port = url.port_or_known_default().ok_or_else(|| fail("it has no port"))?;
        let path = PathPattern::parse(path).map_err(|problem| fail(&problem))?;
        Ok(Self { scheme: scheme.to_owned(), host, port, path })
    }
}

impl fmt::Display for UrlPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match (self.scheme.as_str(), self.port) {
            ("https", 443) | ("http", 80) => {}
            (_, port) => write!(f, ":{port}")?,
        }
        write!(f, "{}", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(pattern: &str, url: &str) -> bool {
        pattern.parse::<UrlPattern>().unwrap().allows(&Url::parse(url).unwrap())
    }

    #[test]
    fn scheme_host_and_port_must_agree() {
        let pattern = "https://example.okta.com/**";
        for (url, fits) in [
            ("https://example.okta.com/x", true),
            ("https://EXAMPLE.okta.com:443/x", true),
            ("https://example.okta.com:8443/x", false),
            ("http://example.okta.com/x", false),
            ("https://example.okta.com./x", false),
            ("https://example.okta.com.attacker.test/x", false),
            ("https://example.okta.com@attacker.test/x", false),
            ("https://user@example.okta.com/x", false),
            ("https://:secret@example.okta.com/x", false),
            ("https://attacker.test\\@example.okta.com/x", false),
        ] {
            assert_eq!(allows(pattern, url), fits, "{url}");
        }
        assert!(allows("http://127.0.0.1:5000/**", "http://2130706433:5000/x"));
        assert!(allows("https://[::1]/**", "https://[0:0:0:0:0:0:0:1]/x"));
    }

    #[test]
    fn a_wildcard_never_covers_names_that_customers_choose() {
        let aws = "https://*.amazonaws.com/**";
        for (host, fits) in [
            ("iam.amazonaws.com", true),
            ("s3.eu-west-1.amazonaws.com", true),
            ("sts.us-gov-east-1.amazonaws.com", true),
            ("bucket.s3.amazonaws.com", false),
            ("bucket.s3.eu-west-1.amazonaws.com", false),
            ("bucket.s3-us-west-2.amazonaws.com", false),
            ("abc123.execute-api.eu-west-1.amazonaws.com", false),
            ("ec2-1-2-3-4.compute-1.amazonaws.com", false),
            ("lb-1.eu-west-1.elb.amazonaws.com", false),
            ("amazonaws.com", false),
            ("eu-west-1.amazonaws.com", true),
            ("xamazonaws.com", false),
        ] {
            assert_eq!(allows(aws, &format!("https://{host}/x")), fits, "{host}");
        }
        assert!(allows("https://*.s3.amazonaws.com/**", "https://bucket.s3.amazonaws.com/x"), "named");
        assert!(!allows("https://*.example.com/**", "https://a.b.example.com/x"));
        assert!(!allows("https://*.example.com/**", "https://a.eu-west-1.example.com/x"));
    }

    #[test]
    fn covering() {
        let covers =
            |a: &str, b: &str| a.parse::<UrlPattern>().unwrap().covers(&b.parse::<UrlPattern>().unwrap());
        assert!(covers("https://*.amazonaws.com/**", "https://*.eu-west-1.amazonaws.com/"));
        assert!(!covers("https://*.amazonaws.com/**", "https://*.s3.amazonaws.com/"));
        assert!(!covers("https://a.test/**", "https://*.a.test/**"));
        assert!(!covers("https://a.test/**", "http://a.test/**"));
        assert!(!covers("https://a.test/**", "https://a.test:444/**"));
    }

    #[test]
    fn refuses_and_rewrites() {
        for bad in [
            "example.com/",
            "ftp://example.com/",
            "https://example.com",
            "https://*/",
            "https://*.com/",
            "https://a.*.com/",
            "https://*a.example.com/",
            "https://*.127.0.0.1/",
            "https://u@example.com/",
            "https://example.com/?q",
            "https://example.com\\x/",
            "https:///x",
        ] {
            assert!(bad.parse::<UrlPattern>().is_err(), "{bad}");
        }
        let pattern: UrlPattern = "https://EXAMPLE.com:443/a/**".parse().unwrap();
        assert_eq!(pattern.to_string(), "https://example.com/a/**");
        assert_eq!("http://127.0.0.1:80/".parse::<UrlPattern>().unwrap().to_string(), "http://127.0.0.1/");
        assert_eq!("http://127.1:99".parse::<HostPattern>().unwrap().to_string(), "127.0.0.1");
        assert!("example.com/x".parse::<HostPattern>().is_err());
    }
}
