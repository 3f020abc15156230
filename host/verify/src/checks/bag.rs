//! The bag (RFC 8493): every file is there, no other, and each has its digest.

use super::{Checking, check_format, unreadable};
use crate::report::Finding;
use exhibit_evidence::digest::{Digest, Hasher};
use exhibit_package::bag::{self, Oxum};
use exhibit_package::layout;
use exhibit_package::model::Meta;
use std::collections::BTreeMap;
use std::io::BufRead as _;

pub(super) fn check(checking: &mut Checking<'_>) -> Result<Meta, Finding> {
    let tags = manifest(checking, layout::TAG_MANIFEST)?;
    let payload = manifest(checking, layout::MANIFEST)?;
    let mut listed: BTreeMap<&str, (&Digest, &str)> = BTreeMap::new();
    for (files, name) in [(&tags, layout::TAG_MANIFEST), (&payload, layout::MANIFEST)] {
        listed.extend(files.iter().map(|(path, digest)| (path.as_str(), (digest, name))));
    }
    same_files(checking, &listed)?;
    for (path, (expected, who)) in &listed {
        let found = digest_of(checking, path)?;
        if found != **expected {
            let expected = format!("sha256 {expected}, which {who} states");
            return Err(Finding::new(*path, expected, format!("sha256 {found}")));
        }
    }
    let declaration = checking.document(layout::BAGIT)?;
    if declaration != bag::DECLARATION.as_bytes() {
        return Err(Finding::new(layout::BAGIT, "the declaration of BagIt 1.0 in UTF-8", "another text"));
    }
    let (files, bytes) = (payload.len() as u64, payload_bytes(checking));
    checking.digests = payload;
    let meta: Meta = checking.json(layout::PACKAGE)?;
    check_format(&meta)?;
    let info = checking.document(layout::BAG_INFO)?;
    if info != bag::info(&meta, Oxum { bytes, files }).as_bytes() {
        let expected =
            format!("what {} says of the package, and Payload-Oxum {bytes}.{files}", layout::PACKAGE);
        return Err(Finding::new(layout::BAG_INFO, expected, "another text"));
    }
    checking
        .ok("bag", format!("{files} files, {bytes} bytes, each with its SHA-256; none missing, none extra"));
    Ok(meta)
}

fn manifest(checking: &mut Checking<'_>, name: &str) -> Result<BTreeMap<String, Digest>, Finding> {
    let text = checking.document(name)?;
    let files = bag::parse_manifest(name, &text)
        .map_err(|e| Finding::new(name, "digest, two spaces and path on each line", e))?;
    if bag::manifest(&files).as_bytes() != text {
        return Err(Finding::new(
            name,
            "lines sorted by path, each ended by a newline",
            "another order or form",
        ));
    }
    Ok(files)
}

/// The files that there are, against those that are listed. Names the first that differs, by its path.
fn same_files(checking: &Checking<'_>, listed: &BTreeMap<&str, (&Digest, &str)>) -> Result<(), Finding> {
    for needed in [layout::BAGIT, layout::BAG_INFO, layout::MANIFEST, layout::START] {
        if !listed.contains_key(needed) {
            return Err(Finding::new(layout::TAG_MANIFEST, format!("a line for {needed}"), "none"));
        }
    }
    let is_extra = |path: &str| !listed.contains_key(path) && path != layout::TAG_MANIFEST;
    for (path, (digest, who)) in listed {
        if !checking.package.has(path) {
            let renamed = checking.package.files().map(|(other, _)| other).find(|other| {
                is_extra(other) && digest_of(checking, other).is_ok_and(|found| found == **digest)
            });
            let found = match renamed {
                Some(other) => format!("nothing; its content is in {other}, which {who} does not list"),
                None => "nothing".to_owned(),
            };
            return Err(Finding::new(*path, format!("a file, which {who} lists"), found));
        }
    }
    match checking.package.files().find(|(path, _)| is_extra(path)) {
        Some((path, size)) => {
            let system = ["Thumbs.db", ".DS_Store", "desktop.ini"].iter().any(|name| path.ends_with(name));
            let found = if system {
                "a file that the operating system has put there: delete it, and verify again".to_owned()
            } else {
                format!("a file of {size} bytes that no manifest lists")
            };
            Err(Finding::new(path, "nothing in this place", found))
        }
        None => Ok(()),
    }
}

fn digest_of(checking: &Checking<'_>, path: &str) -> Result<Digest, Finding> {
    let mut file = checking.package.open_file(path).map_err(|e| unreadable(&e))?;
    let mut hasher = Hasher::default();
    loop {
        let bytes = file.fill_buf().map_err(|e| Finding::new(path, "a file that can be read", e))?;
        if bytes.is_empty() {
            return Ok(hasher.finish());
        }
        hasher.update(bytes);
        let length = bytes.len();
        file.consume(length);
    }
}

fn payload_bytes(checking: &Checking<'_>) -> u64 {
    checking.package.files().filter(|(path, _)| path.starts_with("data/")).map(|(_, size)| size).sum()
}
