//! The bag's own files (RFC 8493, BagIt 1.0): declaration, information, manifests. Text in, text out.

use crate::layout;
use crate::model::Meta;
use exhibit_evidence::digest::Digest;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The only accepted bag declaration.
pub const DECLARATION: &str = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";

/// Size of the payload: bytes and files, RFC 8493's `Payload-Oxum`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oxum {
    /// Bytes below `data/`.
    pub bytes: u64,
    /// Files below `data/`.
    pub files: u64,
}

/// `bag-info.txt`.
pub fn info(meta: &Meta, oxum: Oxum) -> String {
    let mut out = String::new();
    let mut line = |label: &str, value: &str| {
        let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = writeln!(out, "{label}: {}", value.trim());
    };
    line("Source-Organization", &meta.organisation);
    line("External-Identifier", &meta.name());
    line(
        "External-Description",
        &format!("Evidence collected by Exhibit for the audit period {}", meta.period),
    );
    line("Bagging-Date", &meta.made_at.date().to_string());
    line("Bag-Software-Agent", &meta.software);
    line("Payload-Oxum", &format!("{}.{}", oxum.bytes, oxum.files));
    line("Audit-Period", meta.period.name());
    line("Audit-Period-Span", &meta.period.span().to_string());
    line("Seal", &meta.seal.map_or_else(|| "none".to_owned(), |seal| format!("sha256:{seal}")));
    line("Simulated", if meta.simulated { "true" } else { "false" });
    out
}

/// A manifest: one `digest, two spaces, path` line a file, sorted by path. `sha256sum -c` reads it.
pub fn manifest(files: &BTreeMap<String, Digest>) -> String {
    let mut out = String::with_capacity(files.len() * 140);
    for (path, digest) in files {
        let _ = writeln!(out, "{digest}  {path}");
    }
    out
}

/// A line of a manifest that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of {file}: {what}")]
pub struct ManifestError {
    /// The manifest.
    pub file: String,
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Reads a manifest; refuses paths that no package has, and one path twice.
pub fn parse_manifest(file: &str, text: &[u8]) -> Result<BTreeMap<String, Digest>, ManifestError> {
    let mut files = BTreeMap::new();
    let fail = |line: usize, what: String| ManifestError { file: file.to_owned(), line, what };
    let text = std::str::from_utf8(text).map_err(|_| fail(1, "is not UTF-8".into()))?;
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        let (digest, path) =
            line.split_once("  ").ok_or_else(|| fail(number, "is not `digest, two spaces, path`".into()))?;
        let digest: Digest = digest.parse().map_err(|e| fail(number, format!("{e}")))?;
        if !layout::is_plain(path) {
            return Err(fail(number, format!("`{}` is not a path of a package", path.escape_debug())));
        }
        if path.starts_with("data/") != (file == layout::MANIFEST) {
            return Err(fail(number, format!("`{path}` does not belong in this manifest")));
        }
        if files.insert(path.to_owned(), digest).is_some() {
            return Err(fail(number, format!("`{path}` is listed twice")));
        }
    }
    Ok(files)
}

/// The value of one label of `bag-info.txt`; the first, where it stands several times.
pub fn info_value<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.split_once(": ").filter(|(name, _)| *name == label)).map(|(_, v)| v)
}

/// Reads a `Payload-Oxum`.
pub fn parse_oxum(text: &str) -> Option<Oxum> {
    let (bytes, files) = text.split_once('.')?;
    Some(Oxum { bytes: bytes.parse().ok()?, files: files.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn manifests_read_back() {
        let text = format!("{ABC}  data/a\n{ABC}  data/b/c\n");
        let files = parse_manifest(layout::MANIFEST, text.as_bytes()).unwrap();
        assert_eq!(manifest(&files), text);
    }

    #[test]
    fn hostile_manifests_are_refused() {
        for (text, want) in [
            (format!("{ABC} data/a\n"), "two spaces"),
            (format!("{ABC}  data/../../etc/passwd\n"), "not a path"),
            (format!("{ABC}  data/a\n{ABC}  data/a\n"), "twice"),
            (format!("{ABC}  bagit.txt\n"), "does not belong"),
            ("xyz  data/a\n".to_owned(), "not a SHA-256"),
        ] {
            let error = parse_manifest(layout::MANIFEST, text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }

    #[test]
    fn oxum_reads() {
        assert_eq!(parse_oxum("279164409832.1198"), Some(Oxum { bytes: 279_164_409_832, files: 1198 }));
        assert_eq!(parse_oxum("12"), None);
    }
}
