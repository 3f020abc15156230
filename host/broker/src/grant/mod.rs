//! Grants: the requests that a source may make.
//!
//! Effective egress is what the connector asks for and the operator approved: a request needs a line in
//! both lists. So a narrower list, on either side, never allows more, and no intersection of patterns is
//! ever computed.
//!
//! | module | holds |
//! | --- | --- |
//! | [`pattern`] | hosts and URLs |
//! | `path` | paths, and the forms in which a server may read one |
//! | [`operation`] | AWS actions and GraphQL operation types |
//! | [`rule`] | one line: methods, URL, operations |
//! | [`lock`] | `exhibit.lock`: what was approved, for which component |

mod graphql;
pub mod lock;
pub mod operation;
mod path;
pub mod pattern;
pub mod rule;

use crate::transport::Outgoing;
use path::PathForms;
use pattern::HostPattern;
use rule::{EgressRule, Misfit};
use std::collections::BTreeMap;
use std::fmt;

/// One line that a connector asks for, its templates filled in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskedRule {
    /// The line.
    pub rule: EgressRule,
    /// The connector says that these requests change nothing, so they may be repeated.
    pub read_only: bool,
}

/// One credential that a connector asks for, its templates filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedSlot {
    /// Schemes that the system accepts.
    pub schemes: Vec<String>,
    /// Hosts that it may be sent to.
    pub hosts: Vec<HostPattern>,
    /// How a token is obtained, where the scheme obtains one and the source does not say.
    pub token: AskedToken,
}

/// How a connector says that a token is obtained.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AskedToken {
    /// The token endpoint.
    pub url: Option<url::Url>,
    /// What the token is to be good for.
    pub scopes: Vec<String>,
}

/// All that a connector asks for, with one source's settings filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// Requests.
    pub egress: Vec<AskedRule>,
    /// Credentials, by slot.
    pub slots: BTreeMap<String, AskedSlot>,
}

/// What one source may do.
#[derive(Clone, Debug)]
pub struct Grants {
    source: String,
    ask: Ask,
    approved: Vec<EgressRule>,
    slots: BTreeMap<String, Vec<HostPattern>>,
}

/// What was found out of a request that is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    /// It changes nothing, as far as method, operation or the connector tell: it may be sent again.
    pub repeatable: bool,
}

/// A request that is not allowed, and the line that would allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("source `{source_name}` may not send {request}: {reason}")]
pub struct Denial {
    /// The source.
    pub source_name: String,
    /// Method and URL without its query.
    pub request: String,
    /// Why, and what would allow it.
    pub reason: DenialReason,
}

/// Why a request is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DenialReason {
    /// The URL hides something, or carries a user.
    Url(String),
    /// The connector does not ask for it; this manifest entry would.
    NotAsked {
        /// Entry for `connector.toml`.
        entry: String,
    },
    /// The operation cannot be told or is not in the connector's list.
    Operation(String),
    /// The connector asks, the operator has not approved; this line would.
    NotApproved {
        /// The source.
        source: String,
        /// The line.
        line: String,
    },
    /// The slot is not declared.
    NoSlot(String),
    /// The slot may not be sent to this host.
    SlotHost {
        /// The slot.
        slot: String,
        /// Where it may be sent.
        hosts: String,
    },
    /// The slot is declared but its hosts are not approved.
    SlotNotApproved {
        /// The source.
        source: String,
        /// The slot.
        slot: String,
        /// The host wanted.
        host: String,
    },
}

impl fmt::Display for DenialReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(problem) => f.write_str(problem),
            Self::NotAsked { entry } => write!(
                f,
                "the connector does not ask for it. Its author can, in connector.toml: [[egress]] {entry}"
            ),
            Self::Operation(what) => write!(
                f,
                "the connector asks for this URL only with other operations than `{what}`. Its author can add it to `operations` in connector.toml"
            ),
            Self::NotApproved { source, line } => write!(
                f,
                "it is not approved. To allow it: exhibit source approve {source}, or in exhibit.lock under [source.{source}], egress: \"{line}\""
            ),
            Self::NoSlot(slot) => write!(
                f,
                "the connector declares no credential slot `{slot}`. Its author can, in connector.toml: [[credentials]] slot = \"{slot}\""
            ),
            Self::SlotHost { slot, hosts } => write!(
                f,
                "credential `{slot}` may be sent to {hosts} only. The author can name more hosts in connector.toml"
            ),
            Self::SlotNotApproved { source, slot, host } => write!(
                f,
                "credential `{slot}` is not approved for {host}. To allow it: exhibit source approve {source}, or in exhibit.lock under [source.{source}.credentials]: {slot} = [\"{host}\"]"
            ),
        }
    }
}

impl Grants {
    /// What `source` may do: the connector asks `ask`, the operator approved `egress` and, for each slot, hosts.
    pub fn new(
        source: impl Into<String>,
        ask: Ask,
        egress: Vec<EgressRule>,
        slots: BTreeMap<String, Vec<HostPattern>>,
    ) -> Self {
        Self { source: source.into(), ask, approved: egress, slots }
    }

    /// Everything that is asked, approved: for the time of an inspection or a test.
    pub fn all(source: impl Into<String>, ask: Ask) -> Self {
        let egress = ask.egress.iter().map(|asked| asked.rule.clone()).collect();
        let slots = ask.slots.iter().map(|(slot, asked)| (slot.clone(), asked.hosts.clone())).collect();
        Self::new(source, ask, egress, slots)
    }

    /// The source's name.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The slots that the connector declares.
    pub fn slots(&self) -> Vec<&str> {
        self.ask.slots.keys().map(String::as_str).collect()
    }

    /// The schemes that the connector accepts for a slot.
    pub fn schemes_of(&self, slot: &str) -> Vec<&str> {
        let schemes = self.ask.slots.get(slot).map(|asked| asked.schemes.as_slice()).unwrap_or_default();
        schemes.iter().map(String::as_str).collect()
    }

    /// Whether the request may leave, its credential included.
    pub fn check(&self, request: &Outgoing) -> Result<Permit, Denial> {
        let permit = self.check_egress(request).map_err(|reason| self.denial(request, reason))?;
        if let Some(auth) = &request.auth {
            self.check_slot(&auth.slot, request.url.host_str().unwrap_or_default())
                .map_err(|reason| self.denial(request, reason))?;
        }
        Ok(permit)
    }

    fn check_egress(&self, request: &Outgoing) -> Result<Permit, DenialReason> {
        if !request.url.username().is_empty() || request.url.password().is_some() {
            return Err(DenialReason::Url(
                "the URL carries a user or password; use a credential slot".into(),
            ));
        }
        let path = PathForms::of(&request.url).map_err(DenialReason::Url)?;
        let mut nearest = Misfit::Url;
        let mut asked = Vec::new();
        for candidate in &self.ask.egress {
            match candidate.rule.check(request, &path) {
                Ok(operations) => asked.push((candidate, operations)),
                Err(misfit) => nearest = nearest.max(misfit),
            }
        }
        let Some((first, _)) = asked.first() else {
            return Err(match nearest {
                Misfit::Operation(what) => DenialReason::Operation(what),
                Misfit::Url | Misfit::Method => DenialReason::NotAsked { entry: entry_for(request) },
            });
        };
        if !self.approved.iter().any(|rule| rule.check(request, &path).is_ok()) {
            let line = first.rule.to_string();
            return Err(DenialReason::NotApproved { source: self.source.clone(), line });
        }
        let repeatable = matches!(request.method.as_str(), "GET" | "HEAD")
            || asked.iter().any(|(candidate, operations)| {
                candidate.read_only || (!operations.is_empty() && operations.iter().all(|op| op.reads()))
            });
        Ok(Permit { repeatable })
    }

    /// Whether the credential in `slot` may be sent to `host`.
    pub(crate) fn check_slot(&self, slot: &str, host: &str) -> Result<(), DenialReason> {
        let asked = self.ask.slots.get(slot).ok_or_else(|| DenialReason::NoSlot(slot.to_owned()))?;
        if !asked.hosts.iter().any(|pattern| pattern.allows(host)) {
            let hosts: Vec<String> = asked.hosts.iter().map(ToString::to_string).collect();
            return Err(DenialReason::SlotHost { slot: slot.to_owned(), hosts: hosts.join(", ") });
        }
        let approved = self.slots.get(slot).map(Vec::as_slice).unwrap_or_default();
        if approved.iter().any(|pattern| pattern.allows(host)) {
            Ok(())
        } else {
            Err(DenialReason::SlotNotApproved {
                source: self.source.clone(),
                slot: slot.to_owned(),
                host: host.to_owned(),
            })
        }
    }

    fn denial(&self, request: &Outgoing, reason: DenialReason) -> Denial {
        let request = format!("{} {}", request.method, address_of(&request.url));
        Denial { source_name: self.source.clone(), request, reason }
    }
}

/// A URL without user, query and fragment, as a message may show it.
pub(crate) fn address_of(url: &url::Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

fn entry_for(request: &Outgoing) -> String {
    format!("methods = [\"{}\"], url = \"{}\"", request.method, address_of(&request.url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use exhibit_evidence::fetch::AuthRef;
    use url::Url;

    fn rules(lines: &[&str]) -> Vec<EgressRule> {
        lines.iter().map(|line| line.parse().unwrap()).collect()
    }

    fn ask(lines: &[&str]) -> Ask {
        Ask {
            egress: rules(lines).into_iter().map(|rule| AskedRule { rule, read_only: false }).collect(),
            slots: BTreeMap::from([(
                "okta".to_owned(),
                AskedSlot {
                    schemes: vec!["ssws".into()],
                    hosts: vec!["a.test".parse().unwrap()],
                    token: AskedToken::default(),
                },
            )]),
        }
    }

    fn request(method: &str, url: &str) -> Outgoing {
        let url = Url::parse(url).unwrap();
        Outgoing { method: method.into(), url, headers: vec![], body: None, auth: None }
    }

    #[test]
    fn both_must_say_yes() {
        let grants = Grants::new(
            "okta-prod",
            ask(&["GET https://a.test/api/**"]),
            rules(&["GET https://a.test/api/v1/**"]),
            BTreeMap::new(),
        );
        assert!(grants.check(&request("GET", "https://a.test/api/v1/users?x=1")).is_ok());
        let unapproved =
            grants.check(&request("GET", "https://a.test/api/v2/users")).unwrap_err().to_string();
        assert_eq!(
            unapproved,
            "source `okta-prod` may not send GET https://a.test/api/v2/users: it is not approved. To allow it: exhibit source approve okta-prod, or in exhibit.lock under [source.okta-prod], egress: \"GET https://a.test/api/**\""
        );
        let unasked =
            grants.check(&request("POST", "https://a.test/api/v1/users?q=secret")).unwrap_err().to_string();
        assert!(unasked.contains(r#"methods = ["POST"], url = "https://a.test/api/v1/users""#), "{unasked}");
        assert!(!unasked.contains("secret"), "queries stay out of messages");
    }

    #[test]
    fn the_printed_line_allows_it() {
        let asked = ask(&["GET,POST https://*.amazonaws.com/ only ec2:Describe*,iam:ListUsers"]);
        let none = Grants::new("aws", asked.clone(), vec![], BTreeMap::new());
        let request = request("GET", "https://iam.amazonaws.com/?Action=ListUsers");
        let DenialReason::NotApproved { line, .. } = none.check(&request).unwrap_err().reason else {
            panic!()
        };
        let some = Grants::new("aws", asked, rules(&[&line]), BTreeMap::new());
        assert!(some.check(&request).unwrap().repeatable);
    }

    #[test]
    fn what_may_be_repeated() {
        let mut asked =
            ask(&["GET,POST https://a.test/** only ec2:Describe*,iam:CreateUser", "POST https://b.test/**"]);
        let may = |asked: &Ask, request: &Outgoing| {
            Grants::all("s", asked.clone()).check(request).unwrap().repeatable
        };
        let mut post = request("POST", "https://a.test/?Action=DescribeVolumes");
        post.auth = None;
        let service = |mut r: Outgoing, slot: &str, service: &str| {
            r.auth = Some(AuthRef { slot: slot.into(), params: vec![("service".into(), service.into())] });
            r
        };
        assert!(may(&asked, &service(post, "okta", "ec2")));
        assert!(!may(&asked, &service(request("POST", "https://a.test/?Action=CreateUser"), "okta", "iam")));
        assert!(!may(&asked, &request("POST", "https://b.test/search")));
        asked.egress[1].read_only = true;
        assert!(may(&asked, &request("POST", "https://b.test/search")));
    }

    #[test]
    fn a_slot_is_bound_to_its_hosts() {
        let asked = ask(&["GET https://a.test/**", "GET https://b.test/**"]);
        let with = |url: &str, slot: &str| {
            let mut request = request("GET", url);
            request.auth = Some(AuthRef { slot: slot.into(), params: vec![] });
            request
        };
        let grants = Grants::all("s", asked.clone());
        assert!(grants.check(&with("https://a.test/x", "okta")).is_ok());
        let other = grants.check(&with("https://b.test/x", "okta")).unwrap_err();
        assert!(matches!(other.reason, DenialReason::SlotHost { .. }), "{other}");
        assert!(matches!(
            grants.check(&with("https://a.test/x", "aws")).unwrap_err().reason,
            DenialReason::NoSlot(_)
        ));
        let egress = asked.egress.iter().map(|a| a.rule.clone()).collect();
        let unapproved = Grants::new("s", asked, egress, BTreeMap::new());
        let denial = unapproved.check(&with("https://a.test/x", "okta")).unwrap_err().to_string();
        assert!(denial.contains("under [source.s.credentials]: okta = [\"a.test\"]"), "{denial}");
    }

    /// Every sub-list of approved lines allows a sub-set of requests; so does every covered line.
    #[test]
    fn a_narrower_grant_never_allows_more() {
        let hosts = ["a.test", "*.b.test", "x.b.test", "*.amazonaws.com", "iam.amazonaws.com"];
        let paths = ["/**", "/", "/v1/**", "/v1/*", "/v1/*/k", "/v1/u"];
        let methods = ["GET", "GET,POST", "POST"];
        let operations = ["", " only iam:List*", " only iam:ListUsers", " only graphql:query"];
        let mut all = Vec::new();
        for host in hosts {
            for path in paths {
                for method in methods {
                    for list in operations {
                        all.push(
                            format!("{method} https://{host}{path}{list}").parse::<EgressRule>().unwrap(),
                        );
                    }
                }
            }
        }
        let mut requests = Vec::new();
        for host in ["a.test", "x.b.test", "y.b.test", "iam.amazonaws.com", "b.s3.amazonaws.com"] {
            for path in [
                "/",
                "/v1",
                "/v1/u",
                "/v1/u/k",
                "/v2?Action=ListUsers",
                "/?Action=ListUsers",
                "/?Action=CreateUser",
                "/v1/..%2fk",
                "/v1/a%2fk",
            ] {
                for method in ["GET", "POST", "DELETE"] {
                    let mut request = request(method, &format!("https://{host}{path}"));
                    request.auth =
                        Some(AuthRef { slot: "a".into(), params: vec![("service".into(), "iam".into())] });
                    requests.push(request);
                }
            }
        }
        let fits = |rule: &EgressRule, request: &Outgoing| {
            PathForms::of(&request.url).is_ok_and(|path| rule.check(request, &path).is_ok())
        };
        let table: Vec<Vec<bool>> =
            all.iter().map(|rule| requests.iter().map(|request| fits(rule, request)).collect()).collect();
        let (mut covered, mut allowed) = (0, 0);
        for (i, wide) in all.iter().enumerate() {
            for (j, narrow) in all.iter().enumerate() {
                if wide.covers(narrow) {
                    covered += 1;
                    for (k, request) in requests.iter().enumerate() {
                        allowed += usize::from(table[j][k]);
                        assert!(!table[j][k] || table[i][k], "{wide} covers {narrow}, but not {request:?}");
                    }
                }
            }
        }
        assert!(covered > 1000 && allowed > 1000, "{covered} {allowed}");
    }
}
