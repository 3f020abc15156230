//! What of a manifest can be checked without settings. All problems are named at once.

use super::{ComponentManifest, ManifestError, ResolveError, template};
use crate::credential::SCHEMES;
use crate::grant::pattern::HostPattern;
use crate::redact::Rule;
use exhibit_evidence::kind::{self, Kind};
use exhibit_evidence::name::Name;
use std::collections::BTreeSet;

impl ComponentManifest {
    /// Checks everything that can be checked without settings.
    pub fn validate(&self) -> Result<(), ManifestError> {
        let mut problems = Vec::new();
        self.check_head(&mut problems);
        self.check_egress(&mut problems);
        self.check_credentials(&mut problems);
        self.check_kinds(&mut problems);
        if problems.is_empty() { Ok(()) } else { Err(ManifestError::Problems(problems)) }
    }

    fn check_head(&self, problems: &mut Vec<String>) {
        for (field, value) in [("version", &self.version), ("min_host", &self.min_host)] {
            if !is_version(value) {
                problems.push(format!("{field}: `{value}` is not a version, such as 1.2.0"));
            }
        }
        let numbers: Vec<&str> = self.contract.split('.').collect();
        if numbers.len() != 2 || !numbers.iter().all(|n| is_number(n)) {
            problems.push(format!("contract: `{}` is not a contract version, such as 0.1", self.contract));
        }
        for (field, value) in [("publisher", &self.publisher), ("description", &self.description)] {
            if value.trim().is_empty() || value.len() > 400 || value.chars().any(char::is_control) {
                problems.push(format!("{field}: write one line of up to 400 characters"));
            }
        }
        if let Some(memory) = &self.memory {
            match parse_size(memory) {
                None => problems.push(format!("memory: `{memory}` is not a size, such as 64MiB")),
                Some(bytes) if bytes > MEMORY_BYTES_MAX => {
                    problems.push(format!("memory: {memory} is more than 1GiB, the most that a host gives"));
                }
                Some(_) => {}
            }
        }
    }

    fn check_egress(&self, problems: &mut Vec<String>) {
        for (i, entry) in self.egress.iter().enumerate() {
            let rule =
                template::check(&entry.url).map_err(ResolveError::from).and_then(|url| entry.rule(&url));
            if let Err(error) = rule {
                problems.push(format!("egress {}: {error}", i + 1));
            }
        }
        for (i, entry) in self.redact.iter().enumerate() {
            let rule = template::check(&entry.url)
                .map_err(ResolveError::from)
                .and_then(|url| Ok(Rule::new(&url, &entry.pointer)?));
            if let Err(error) = rule {
                problems.push(format!("redact {}: {error}", i + 1));
            }
        }
    }

    fn check_credentials(&self, problems: &mut Vec<String>) {
        let mut slots = BTreeSet::new();
        for entry in &self.credentials {
            let slot = &entry.slot;
            if slot.parse::<Name>().is_err() {
                problems.push(format!("credentials: slot `{slot}` is not a name, such as okta"));
            }
            if !slots.insert(slot) {
                problems.push(format!("credentials: slot `{slot}` is declared twice"));
            }
            if entry.schemes.is_empty() || entry.hosts.is_empty() {
                problems.push(format!("credentials, slot `{slot}`: name at least one scheme and one host"));
            }
            for scheme in entry.schemes.iter().filter(|scheme| !SCHEMES.contains(&scheme.as_str())) {
                problems.push(format!(
                    "credentials, slot `{slot}`: `{scheme}` is no scheme of this host, which knows {}",
                    SCHEMES.join(", ")
                ));
            }
            for host in &entry.hosts {
                let parsed = check_host(host);
                if let Err(error) = parsed {
                    problems.push(format!("credentials, slot `{slot}`: {error}"));
                }
            }
            if let Some(Err(error)) = entry.token_url.as_ref().map(|url| check_token_url(url, &entry.hosts)) {
                problems.push(format!("credentials, slot `{slot}`: {error}"));
            }
        }
    }

    fn check_kinds(&self, problems: &mut Vec<String>) {
        if self.kinds.is_empty() {
            problems.push("kinds: name at least one kind that the connector collects".to_owned());
        }
        let builtin: BTreeSet<Kind> = kind::builtin().into_iter().map(|spec| spec.kind).collect();
        let own: BTreeSet<&Kind> = self.own_kinds.iter().map(|spec| &spec.kind).collect();
        if let Some(shadow) = own.iter().find(|kind| builtin.contains(**kind)) {
            problems.push(format!("own_kinds: {shadow} is built in; give yours another name"));
        }
        if own.len() < self.own_kinds.len() {
            problems.push("own_kinds: a kind is described twice".to_owned());
        }
        for kind in &self.kinds {
            if !builtin.contains(kind) && !own.contains(kind) {
                problems.push(format!("kinds: {kind} is neither built in nor described in own_kinds"));
            }
        }
        for kind in self.retention_days.keys().filter(|kind| !self.kinds.contains(kind)) {
            problems.push(format!("retention_days: {kind} is not among kinds"));
        }
    }
}

fn check_host(host: &str) -> Result<HostPattern, ResolveError> {
    let filled = template::check(host).or_else(|_| template::check(&format!("https://{host}")))?;
    Ok(filled.parse::<HostPattern>()?)
}

fn check_token_url(template: &str, hosts: &[String]) -> Result<(), ResolveError> {
    let url = super::token_url(&template::check(template)?)?;
    let host = url.host_str().unwrap_or_default();
    let granted = hosts.iter().filter_map(|pattern| check_host(pattern).ok()).any(|p| p.allows(host));
    if granted { Ok(()) } else { Err(ResolveError::TokenHost(host.to_owned())) }
}

/// The most memory that a connector may ask for.
const MEMORY_BYTES_MAX: u64 = 1 << 30;

/// `64MiB`, `1GiB`, `512KiB`.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = [("KiB", 10), ("MiB", 20), ("GiB", 30)].iter().find_map(|(suffix, shift)| {
        text.strip_suffix(suffix).map(|number| (number.trim_end(), 1_u64 << shift))
    })?;
    if !is_number(number) {
        return None;
    }
    number.parse::<u64>().ok().filter(|n| *n > 0)?.checked_mul(unit)
}

fn is_number(text: &str) -> bool {
    (1..=9).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// Three numbers, and after a hyphen what a pre-release is called (semver.org 2.0.0, without build metadata).
fn is_version(text: &str) -> bool {
    let (numbers, pre) = text.split_once('-').map_or((text, None), |(n, p)| (n, Some(p)));
    let identifier =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    numbers.split('.').count() == 3
        && numbers.split('.').all(is_number)
        && pre.is_none_or(|pre| pre.split('.').all(identifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_sizes() {
        assert!(is_version("1.2.3") && is_version("0.1.0-rc.1"));
        for bad in ["1.2", "1.2.x", "v1.2.3", "1.2.3-", "1.2.3+b", "1..3", ""] {
            assert!(!is_version(bad), "{bad}");
        }
        assert_eq!(parse_size("1GiB"), Some(1 << 30));
        for bad in ["64", "MiB", "-1MiB", "64MB", "0MiB", "1.5GiB", "99999999999GiB"] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }
}
