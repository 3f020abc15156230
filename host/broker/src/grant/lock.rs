//! `exhibit.lock`: what each source's connector may do, approved by a person, for one component.
//!
//! ```toml
//! format = 1
//!
//! [source.okta-prod]
//! connector = "okta"
//! version = "0.1.0"
//! component = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
//! egress = [
//!     "GET https://example.okta.com/api/v1/**",
//! ]
//! approved_at = "2026-03-04T10:00:00.000Z"
//! approved_by = "ada@example.com"
//!
//! [source.okta-prod.credentials]
//! okta = ["example.okta.com"]
//! ```
//!
//! Text in and out only; the files are the caller's.

use super::pattern::HostPattern;
use super::rule::EgressRule;
use super::{Ask, Grants};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::Name;
use exhibit_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Version of the file's form.
const FORMAT: u32 = 1;

const HEADER: &str = "# What each source's connector may do, approved by a person for one component.\n\
                      # Written by `exhibit source approve`; review changes of it like code.\n\n";

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    format: u32,
    /// Approvals by source.
    #[serde(default, rename = "source")]
    pub sources: BTreeMap<Name, Approval>,
}

/// What was approved for one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The connector's name.
    pub connector: Name,
    /// The connector's version, for people; the digest is what counts.
    pub version: String,
    /// Digest of the component.
    pub component: Digest,
    /// Lines of egress.
    pub egress: Vec<EgressRule>,
    /// When.
    pub approved_at: Timestamp,
    /// Who.
    pub approved_by: String,
    /// Hosts that each credential slot may be sent to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub credentials: BTreeMap<String, Vec<HostPattern>>,
}

/// Why an `exhibit.lock` cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Not TOML, or not of this form.
    #[error(
        "exhibit.lock cannot be read: {0}\nhint: restore it from version control, or approve the sources again"
    )]
    Read(#[from] toml::de::Error),
    /// Made by a later Exhibit.
    #[error(
        "exhibit.lock has format {0}, and this Exhibit knows up to {FORMAT}\nhint: use the Exhibit that wrote it, or a newer one"
    )]
    Format(u32),
    /// Cannot be written.
    #[error("exhibit.lock cannot be written: {0}")]
    Write(#[from] toml::ser::Error),
}

impl Default for Lock {
    fn default() -> Self {
        Self { format: FORMAT, sources: BTreeMap::new() }
    }
}

impl Lock {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = toml::from_str(text)?;
        if head.format > FORMAT {
            return Err(LockError::Format(head.format));
        }
        Ok(toml::from_str(text)?)
    }

    /// The file's text: the same for the same approvals, one line of egress a line, so that a diff reads well.
    pub fn to_text(&self) -> Result<String, LockError> {
        Ok(format!("{HEADER}{}", toml::to_string_pretty(self)?))
    }

    /// Compares what a component asks for with what was approved for the source.
    pub fn review(&self, source: &Name, component: &Digest, ask: &Ask) -> Review {
        let Some(approval) = self.sources.get(source) else {
            return Review::Unapproved(Difference::between(None, ask));
        };
        let difference = Difference::between(Some(approval), ask);
        match (approval.component == *component, difference.added.is_empty()) {
            (true, _) => Review::Approved,
            (false, true) => Review::AsksNoMore(difference),
            (false, false) => Review::AsksMore(difference),
        }
    }
}

/// Where a component stands against the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Review {
    /// This very component was approved. What was not approved of its ask is denied, request by request.
    Approved,
    /// Another component than the approved one, and it asks for nothing that is not approved.
    AsksNoMore(Difference),
    /// Another component than the approved one, and it asks for more: it must be approved again.
    AsksMore(Difference),
    /// Nothing was ever approved for the source.
    Unapproved(Difference),
}

impl Review {
    /// Whether the component may run under the approvals that there are. A new component that asks no more
    /// may; the caller writes its digest down.
    pub fn may_run(&self) -> bool {
        matches!(self, Self::Approved | Self::AsksNoMore(_))
    }
}

/// What is asked against what was approved, as lines. Prints as a diff: `+` asked anew, `-` no longer asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Asked and not approved.
    pub added: Vec<String>,
    /// Approved and no longer asked.
    pub removed: Vec<String>,
}

impl Difference {
    /// What `ask` asks against `approval`.
    pub fn between(approval: Option<&Approval>, ask: &Ask) -> Self {
        let none = BTreeMap::new();
        let approved: &[EgressRule] = approval.map(|a| a.egress.as_slice()).unwrap_or_default();
        let credentials = approval.map_or(&none, |a| &a.credentials);

        let mut difference = Self::default();
        for asked in &ask.egress {
            if !approved.iter().any(|rule| rule.covers(&asked.rule)) {
                difference.added.push(asked.rule.to_string());
            }
        }
        for rule in approved {
            if !ask.egress.iter().any(|asked| rule.covers(&asked.rule)) {
                difference.removed.push(rule.to_string());
            }
        }
        for (slot, asked) in &ask.slots {
            let hosts = credentials.get(slot).map(Vec::as_slice).unwrap_or_default();
            for host in asked.hosts.iter().filter(|host| !hosts.iter().any(|h| h.covers(host))) {
                difference.added.push(format!("credential {slot} to {host}"));
            }
        }
        for (slot, hosts) in credentials {
            let asked = ask.slots.get(slot).map(|asked| asked.hosts.as_slice()).unwrap_or_default();
            for host in hosts.iter().filter(|host| !asked.iter().any(|h| host.covers(h))) {
                difference.removed.push(format!("credential {slot} to {host}"));
            }
        }
        difference
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.added {
            writeln!(f, "+ {line}")?;
        }
        for line in &self.removed {
            writeln!(f, "- {line}")?;
        }
        Ok(())
    }
}

impl Approval {
    /// Approves all that is asked.
    pub fn of(
        connector: Name,
        version: String,
        component: Digest,
        ask: &Ask,
        approved_at: Timestamp,
        approved_by: String,
    ) -> Self {
        let mut egress: Vec<EgressRule> = ask.egress.iter().map(|asked| asked.rule.clone()).collect();
        egress.sort();
        egress.dedup();
        let credentials = ask.slots.iter().map(|(slot, asked)| (slot.clone(), asked.hosts.clone())).collect();
        Self { connector, version, component, egress, approved_at, approved_by, credentials }
    }

    /// The grants of a source under this approval.
    pub fn grants(&self, source: &Name, ask: Ask) -> Grants {
        Grants::new(source.as_str(), ask, self.egress.clone(), self.credentials.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AskedRule, AskedSlot, AskedToken};
    use super::*;

    fn ask(lines: &[&str], hosts: &[&str]) -> Ask {
        Ask {
            egress: lines
                .iter()
                .map(|line| AskedRule { rule: line.parse().unwrap(), read_only: false })
                .collect(),
            slots: BTreeMap::from([(
                "okta".to_owned(),
                AskedSlot {
                    schemes: vec!["ssws".into()],
                    hosts: hosts.iter().map(|h| h.parse().unwrap()).collect(),
                    token: AskedToken::default(),
                },
            )]),
        }
    }

    fn lock(ask: &Ask) -> Lock {
        let approval = Approval::of(
            "okta".parse().unwrap(),
            "0.1.0".into(),
            Digest::of("component"),
            ask,
            "2026-03-04T10:00:00Z".parse().unwrap(),
            "ada@example.com".into(),
        );
        let mut lock = Lock::default();
        lock.sources.insert("okta-prod".parse().unwrap(), approval);
        lock
    }

    #[test]
    fn the_file_reads_as_written() {
        let lock =
            lock(&ask(&["POST https://a.test/ only iam:ListUsers", "GET https://a.test/**"], &["a.test"]));
        let text = lock.to_text().unwrap();
        assert_eq!(
            text,
            format!(
                "{HEADER}format = 1\n\n[source.okta-prod]\nconnector = \"okta\"\nversion = \"0.1.0\"\ncomponent = \"{}\"\negress = [\n    \"GET https://a.test/**\",\n    \"POST https://a.test/ only iam:ListUsers\",\n]\napproved_at = \"2026-03-04T10:00:00.000Z\"\napproved_by = \"ada@example.com\"\n\n[source.okta-prod.credentials]\nokta = [\"a.test\"]\n",
                Digest::of("component")
            )
        );
        assert_eq!(Lock::parse(&text).unwrap(), lock);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        assert!(matches!(Lock::parse("format = 2\nnew = true"), Err(LockError::Format(2))));
        assert!(matches!(Lock::parse("format = 1\nnew = true"), Err(LockError::Read(_))));
        assert!(matches!(Lock::parse(""), Err(LockError::Read(_))));
        assert!(Lock::parse("format = 1").unwrap().sources.is_empty());
    }

    #[test]
    fn a_new_component_that_asks_for_more_must_be_approved_again() {
        let old = ask(&["GET https://a.test/api/**", "GET https://b.test/**"], &["a.test"]);
        let lock = lock(&old);
        let source: Name = "okta-prod".parse().unwrap();
        let review = |digest: &str, ask: &Ask| lock.review(&source, &Digest::of(digest), ask);

        assert_eq!(review("component", &old), Review::Approved);
        let less = review("other", &ask(&["GET https://a.test/api/v1/users"], &["a.test"]));
        assert!(less.may_run());
        let Review::AsksNoMore(difference) = less else { panic!("{less:?}") };
        assert_eq!(difference.to_string(), "- GET https://b.test/**\n");

        let more = review("other", &ask(&["GET,POST https://a.test/api/**"], &["a.test", "evil.test"]));
        assert!(!more.may_run());
        let Review::AsksMore(difference) = more else { panic!("{more:?}") };
        assert_eq!(
            difference.to_string(),
            "+ GET,POST https://a.test/api/**\n+ credential okta to evil.test\n- GET https://a.test/api/**\n- GET https://b.test/**\n"
        );
        let unknown = lock.review(&"new".parse().unwrap(), &Digest::of("x"), &old);
        assert!(!unknown.may_run() && matches!(unknown, Review::Unapproved(d) if d.added.len() == 3));
    }

    #[test]
    fn settings_that_change_after_approval_do_not_widen_it() {
        let lock = lock(&ask(&["GET https://a.test/**"], &["a.test"]));
        let source: Name = "okta-prod".parse().unwrap();
        let moved = ask(&["GET https://b.test/**"], &["b.test"]);
        assert_eq!(lock.review(&source, &Digest::of("component"), &moved), Review::Approved);
        let grants = lock.sources[&source].grants(&source, moved);
        let url = url::Url::parse("https://b.test/x").unwrap();
        let request =
            crate::transport::Outgoing { method: "GET".into(), url, headers: vec![], body: None, auth: None };
        assert!(grants.check(&request).is_err());
    }
}
