//! Reads what a component asks for without running or compiling it, and writes it into one.
//!
//! The manifest is JSON in the custom section [`SECTION`] at the component's top level. Sections of the
//! modules and components inside are not looked at: what is embedded does not speak for the whole. Bytes
//! come from anyone, so every length is checked by `wasmparser` and the section is bounded.

use super::{ComponentManifest, SECTION};
use serde::Deserialize;
use wasmparser::{Encoding, Parser, Payload};

/// A manifest may be this large.
pub const MANIFEST_BYTES: usize = 256 << 10;

/// A component may be this large: interpreters with their libraries reach some 40 MiB.
pub const COMPONENT_BYTES: usize = 128 << 20;

/// Contract tracks that this host runs, the current one last.
pub const CONTRACTS: [&str; 1] = ["0.1"];

/// Why bytes are not a connector that this host can run.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Neither a component nor a module.
    #[error(
        "not a WebAssembly component: the file does not begin with \\0asm. Give the .wasm file that `exhibit connector build` wrote"
    )]
    NotWasm,
    /// A core module.
    #[error(
        "this is a core WebAssembly module, not a component: build it for wasm32-wasip2, or with `exhibit connector build`"
    )]
    CoreModule,
    /// Larger than [`COMPONENT_BYTES`].
    #[error("the component has {bytes} bytes; the most that is taken is {COMPONENT_BYTES}")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Cut off or malformed.
    #[error("the component is damaged at byte {offset}: {message}. Copy or build it again")]
    Damaged {
        /// Where.
        offset: usize,
        /// What the parser found.
        message: String,
    },
    /// No section.
    #[error(
        "the component has no section `{SECTION}`, so nobody can see what it asks for: build it with `exhibit connector build`, which writes it from connector.toml"
    )]
    Missing,
    /// Two sections.
    #[error(
        "the component has more than one section `{SECTION}`, so what it asks for is not clear: build it again with `exhibit connector build`"
    )]
    Twice,
    /// A section over [`MANIFEST_BYTES`].
    #[error("the section `{SECTION}` has {bytes} bytes; the most that is read is {MANIFEST_BYTES}")]
    SectionTooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Not the JSON of a manifest.
    #[error(
        "the section `{SECTION}` does not read as a manifest: {0}. Build the component again from its connector.toml"
    )]
    Malformed(#[source] serde_json::Error),
    /// A contract that this host does not have.
    #[error("the connector is built for contract {found}, and this host runs {}: {hint}", CONTRACTS.join(" and "))]
    Contract {
        /// What it says.
        found: String,
        /// What to do.
        hint: &'static str,
    },
    /// A host that is too old.
    #[error("the connector needs host {needed} or newer, and this is host {have}: install a newer exhibit")]
    HostTooOld {
        /// What it says.
        needed: String,
        /// This host's version.
        have: &'static str,
    },
    /// A version that is not three numbers.
    #[error("the manifest's min_host `{0}` is not a version: write three numbers, 0.1.0 for example")]
    MinHost(String),
}

/// The members that say whether the rest can be understood at all.
#[derive(Deserialize)]
struct Gate {
    contract: String,
    min_host: String,
}

/// The manifest of a component, if this host can run it.
///
/// Contract and host version are checked before anything else in the manifest, so that one from the future
/// is refused for what it is and not for a member that this host does not know.
pub fn read_manifest(component: &[u8]) -> Result<ComponentManifest, ManifestError> {
    let json = section(component)?;
    let gate: Gate = serde_json::from_slice(json).map_err(ManifestError::Malformed)?;
    check_contract(&gate.contract)?;
    check_host(&gate.min_host, env!("CARGO_PKG_VERSION"))?;
    serde_json::from_slice(json).map_err(ManifestError::Malformed)
}

/// The component with this manifest in place of the one it had, if any. The JSON must read as a manifest.
pub fn attach_manifest(component: &[u8], manifest_json: &[u8]) -> Result<Vec<u8>, ManifestError> {
    if manifest_json.len() > MANIFEST_BYTES {
        return Err(ManifestError::SectionTooLarge { bytes: manifest_json.len() });
    }
    serde_json::from_slice::<ComponentManifest>(manifest_json).map_err(ManifestError::Malformed)?;
    let mut out = Vec::with_capacity(component.len() + manifest_json.len() + 64);
    let mut kept_to = 0;
    for found in sections(component)? {
        out.extend_from_slice(component.get(kept_to..found.whole.start).unwrap_or_default());
        kept_to = found.whole.end;
    }
    out.extend_from_slice(component.get(kept_to..).unwrap_or_default());
    write_section(&mut out, manifest_json);
    Ok(out)
}

/// The bytes of the one manifest section.
fn section(component: &[u8]) -> Result<&[u8], ManifestError> {
    let found = sections(component)?;
    let [only] = found.as_slice() else {
        return Err(if found.is_empty() { ManifestError::Missing } else { ManifestError::Twice });
    };
    if only.json.len() > MANIFEST_BYTES {
        return Err(ManifestError::SectionTooLarge { bytes: only.json.len() });
    }
    Ok(only.json)
}

/// A manifest section: all of it, and what it carries.
struct Found<'a> {
    whole: std::ops::Range<usize>,
    json: &'a [u8],
}

/// Every manifest section at the top level.
fn sections(component: &[u8]) -> Result<Vec<Found<'_>>, ManifestError> {
    if !component.starts_with(b"\0asm") {
        return Err(ManifestError::NotWasm);
    }
    if component.len() > COMPONENT_BYTES {
        return Err(ManifestError::TooLarge { bytes: component.len() });
    }
    let mut found = Vec::new();
    let mut depth = 0_usize;
    // Where the section begins that the parser is about to read: just behind the one before.
    let mut start = 8;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(|error| ManifestError::Damaged {
            offset: error.offset(),
            message: error.message().to_owned(),
        })?;
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(ManifestError::CoreModule);
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(at) => {
                depth = depth.saturating_sub(1);
                start = at;
            }
            Payload::CustomSection(custom) if depth == 0 => {
                let end = custom.range().end;
                if custom.name() == SECTION {
                    found.push(Found { whole: start..end, json: custom.data() });
                }
                start = end;
            }
            other => {
                if let (0, Some((_, range))) = (depth, other.as_section()) {
                    start = range.end;
                }
            }
        }
    }
    Ok(found)
}

/// Appends a custom section (WebAssembly core specification 5.5.3): id 0, its length, its name, its bytes.
fn write_section(out: &mut Vec<u8>, json: &[u8]) {
    let mut body = Vec::with_capacity(json.len() + SECTION.len() + 2);
    write_length(&mut body, SECTION.len());
    body.extend_from_slice(SECTION.as_bytes());
    body.extend_from_slice(json);
    out.push(0);
    write_length(out, body.len());
    out.extend_from_slice(&body);
}

/// Unsigned LEB128.
fn write_length(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

fn check_contract(found: &str) -> Result<(), ManifestError> {
    if CONTRACTS.contains(&found) {
        return Ok(());
    }
    let hint = match (track(found), CONTRACTS.last().and_then(|newest| track(newest))) {
        (Some(found), Some(newest)) if found > newest => "install a newer exhibit",
        (Some(_), _) => "ask its publisher for a build against a contract that this host runs",
        (None, _) => "a contract is written as two numbers, 0.1 for example; build it again",
    };
    Err(ManifestError::Contract { found: found.chars().take(40).collect(), hint })
}

fn check_host(needed: &str, have: &'static str) -> Result<(), ManifestError> {
    let fail = || ManifestError::MinHost(needed.chars().take(40).collect());
    let needs: [u32; 3] = numbers(needed).ok_or_else(fail)?;
    if numbers(have).is_none_or(|has: [u32; 3]| has < needs) {
        return Err(ManifestError::HostTooOld { needed: needed.to_owned(), have });
    }
    Ok(())
}

fn track(text: &str) -> Option<[u32; 2]> {
    numbers(text)
}

/// `N` numbers with dots between.
fn numbers<const N: usize>(text: &str) -> Option<[u32; N]> {
    let number = |part: &str| {
        if part.is_empty() || part.len() > 9 || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        part.parse().ok()
    };
    text.split('.').map(number).collect::<Option<Vec<u32>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn manifest(contract: &str, min_host: &str) -> Vec<u8> {
        format!(
            r#"{{"name":"made-up","version":"1.0.0","publisher":"example.org","description":"A test",
               "contract":"{contract}","min_host":"{min_host}","kinds":["identity.account@1"]}}"#
        )
        .into_bytes()
    }

    fn with(json: &[u8]) -> Vec<u8> {
        let mut bytes = EMPTY_COMPONENT.to_vec();
        write_section(&mut bytes, json);
        bytes
    }

    #[test]
    fn reads_back_what_was_attached() {
        let component = attach_manifest(EMPTY_COMPONENT, &manifest("0.1", "0.1.0")).unwrap();
        assert_eq!(read_manifest(&component).unwrap().name.as_str(), "made-up");
        // The bytes by hand: id 0, LEB128 of the length, the name's length 17, the name.
        let length = 1 + 17 + manifest("0.1", "0.1.0").len();
        assert_eq!(component[8..12], [0, (length & 0x7f) as u8 | 0x80, (length >> 7) as u8, 17]);
        assert_eq!(&component[12..29], b"exhibit:connector");
    }

    #[test]
    fn attaching_again_replaces() {
        let first = attach_manifest(EMPTY_COMPONENT, &manifest("0.1", "0.1.0")).unwrap();
        let mut longer = first.clone();
        longer.extend_from_slice(b"\0\x05\x04note"); // another custom section behind it
        let second = attach_manifest(&longer, &manifest("0.1", "0.0.9")).unwrap();
        assert_eq!(read_manifest(&second).unwrap().min_host, "0.0.9");
        assert_eq!(second.len(), longer.len());
        assert_eq!(&second[8..15], b"\0\x05\x04note");
    }

    #[test]
    fn refuses_what_is_no_connector() {
        let bad = |bytes: &[u8]| read_manifest(bytes).unwrap_err();
        assert!(matches!(bad(b""), ManifestError::NotWasm));
        assert!(matches!(bad(b"PK\x03\x04"), ManifestError::NotWasm));
        assert!(matches!(bad(b"\0asm\x01\0\0\0"), ManifestError::CoreModule));
        assert!(matches!(bad(EMPTY_COMPONENT), ManifestError::Missing));
        assert!(matches!(bad(&EMPTY_COMPONENT[..6]), ManifestError::Damaged { .. }));
        let good = with(&manifest("0.1", "0.1.0"));
        assert!(matches!(bad(&good[..good.len() - 1]), ManifestError::Damaged { .. }));
        assert!(matches!(bad(&with(b"{")), ManifestError::Malformed(_)));
        assert!(matches!(bad(&with(&vec![b' '; MANIFEST_BYTES + 1])), ManifestError::SectionTooLarge { .. }));
        let twice = [good.as_slice(), &good[8..]].concat();
        assert!(matches!(bad(&twice), ManifestError::Twice));
    }

    #[test]
    fn every_truncation_is_refused() {
        let good = with(&manifest("0.1", "0.1.0"));
        for cut in 0..good.len() {
            assert!(read_manifest(&good[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_manifest_inside_an_embedded_module_does_not_speak() {
        let inner = [b"\0asm\x01\0\0\0".as_slice(), &with(&manifest("0.1", "0.1.0"))[8..]].concat();
        let mut outer = EMPTY_COMPONENT.to_vec();
        outer.push(1); // core module section of a component
        write_length(&mut outer, inner.len());
        outer.extend_from_slice(&inner);
        assert!(matches!(read_manifest(&outer).unwrap_err(), ManifestError::Missing));
        let replaced = attach_manifest(&outer, &manifest("0.1", "0.1.0")).unwrap();
        assert!(replaced.starts_with(&outer));
    }

    #[test]
    fn refuses_other_contracts_and_newer_hosts_in_plain_words() {
        let say = |json: &[u8]| read_manifest(&with(json)).unwrap_err().to_string();
        assert_eq!(
            say(&manifest("9.0", "0.1.0")),
            "the connector is built for contract 9.0, and this host runs 0.1: install a newer exhibit"
        );
        assert!(say(&manifest("0.0", "0.1.0")).contains("ask its publisher"));
        assert!(say(&manifest("one", "0.1.0")).contains("two numbers"));
        assert!(say(&manifest("0.1", "0.10.0")).contains("needs host 0.10.0 or newer"));
        assert!(say(&manifest("0.1", "latest")).contains("three numbers"));
        // A member of the future, in a manifest of the future: refused for the contract.
        let future = br#"{"contract":"0.2","min_host":"0.2.0","telepathy":true}"#;
        assert!(say(future).contains("contract 0.2"));
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(check_host("0.9.0", "0.10.0").is_ok());
        assert!(check_host("0.10.0", "0.9.0").is_err());
        assert!(check_host("1.0.0", "1.0.0").is_ok());
    }
}
