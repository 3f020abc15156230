//! Everything that is read back from disk, given any bytes. For the fuzzer, which is another crate; not part of the
//! store, and there only with the feature `fuzz`.
//!
//! The first byte chooses what the others are. What can be read must come back the same when it is written again.

use crate::body::{Table, expand};
use crate::crypt::{KeyRing, Sealer};
use crate::faults::Points;
use crate::format::Format;
use crate::keys;
use crate::pack::footer::{self, Footer, Head};
use crate::pack::object::Objects;
use crate::pack::read::Packs;
use crate::pack::{END, MAGIC};
use crate::rows::{DatasetRow, LeafRow, PackRef, RunRow, from_row, to_row};
use crate::snapshot::group::{Entry, Grouper, Value, entries_of, from_value, to_value};
use crate::wire::Wire;
use exhibit_evidence::digest::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::path::Path;

/// What the first byte chooses from, by its remainder.
pub const FORMS: [&str; 9] =
    ["key", "leaf row", "run row", "dataset row", "group", "footer", "table", "pack", "format"];

/// Reads `data`. `dir` is a folder for what is read out of files, and may be used again.
///
/// # Panics
/// Where a rule does not hold that must hold for all inputs.
pub fn read(data: &[u8], dir: &Path) {
    let Some((form, data)) = data.split_first() else { return };
    match usize::from(*form) % FORMS.len() {
        0 => key(data),
        1 => row::<LeafRow>(data),
        2 => row::<RunRow>(data),
        3 => row::<DatasetRow>(data),
        4 => group(data),
        5 => any_footer(data),
        6 => table(data),
        7 => pack(data, dir),
        _ => format(data, dir),
    }
}

fn key(data: &[u8]) {
    if let Some(run) = keys::run_of(data) {
        assert_eq!(keys::run_key(&run), data, "a run has one key");
    }
    if let Some((period, kind, run)) = keys::control_parts(data) {
        let tail =
            [b"\0", period.as_bytes(), b"\0", kind.to_string().as_bytes(), b"\0", &keys::run_key(&run)]
                .concat();
        assert!(data.ends_with(&tail), "{period} {kind} {run}");
    }
    if let Some((source, kind)) = keys::dataset_parts(data) {
        assert!(data[1..].starts_with(&keys::dataset_prefix(&source, &kind)[1..]));
    }
    let _ = (keys::group_run(data), keys::leaf_index(data));
}

fn row<T: Serialize + DeserializeOwned + PartialEq + Debug>(data: &[u8]) {
    let Ok(row) = from_row::<T>(b"fuzz", data) else { return };
    let written = to_row(&row).ok();
    let again = written.as_ref().and_then(|bytes| from_row::<T>(b"fuzz", bytes).ok());
    assert_eq!(again, Some(row), "a row comes back");
}

/// A value, a frame, and what could stand in one.
fn group(data: &[u8]) {
    let sealer = Sealer::new(&[7; 32]);
    for sealer in [None, Some(&sealer)] {
        if let Some(Value::Near(frame)) = from_value(data, sealer) {
            let _ = entries_of(&frame);
        }
    }
    assert!(
        from_value(data, Some(&sealer)).is_none_or(|value| matches!(value, Value::Far { .. })),
        "a forgery"
    );
    let frame = zstd::bulk::compress(data, 1).unwrap_or_default();
    let Some(entries) = entries_of(&frame) else { return };
    assert_eq!(regrouped(&entries), Some(entries), "records come back");
}

fn regrouped(entries: &[Entry]) -> Option<Vec<Entry>> {
    let mut back = Vec::new();
    let mut put = |group: crate::snapshot::group::Group| {
        // Through the form that it has in the index, where it is not too large for that.
        let value = to_value(&group.frame, 0, None)?;
        let found = match from_value(&value, None) {
            Some(Value::Near(frame)) => entries_of(&frame),
            _ => entries_of(&group.frame),
        };
        back.extend(found.unwrap_or_default());
        Ok(())
    };
    let mut grouper = Grouper::new().ok()?;
    entries.iter().try_for_each(|entry| grouper.push(entry, &mut put)).ok()?;
    grouper.flush(&mut put).ok()?;
    Some(back)
}

/// A footer as it is stored, and the same before it is compressed.
fn any_footer(data: &[u8]) {
    let _ = footer::decode(data, u64::MAX);
    let stored = zstd::bulk::compress(data, 1).unwrap_or_default();
    let Ok(Footer { head, blobs }) = footer::decode(&stored, 1 << 20) else { return };
    let list: Vec<_> = blobs.values().copied().collect();
    let again = footer::encode(&head, &list).and_then(|bytes| footer::decode(&bytes, 1 << 20));
    assert!(again.is_ok_and(|again| again.head == head && again.blobs == blobs), "a footer comes back");
}

/// A table of requests, and a difference to one.
fn table(data: &[u8]) {
    let own = Digest::of("own");
    if let Some(table) = Table::decode(data, own) {
        assert_eq!(Table::decode(&table.encode(), own).as_ref(), Some(&table), "a table comes back");
    }
    let mut wire = Wire(data);
    if let (Some(base), Some(length)) = (wire.chunk(), wire.varint()) {
        let length = length % (1 << 20);
        if let Ok(content) = expand(wire.0, base, length) {
            assert!(content.len() as u64 <= length + 1, "it is read no further than its length");
        }
    }
}

/// A file as it is, and one made of a footer (led by its length) and what stands before it.
fn pack(data: &[u8], dir: &Path) {
    read_pack(data, dir);
    let mut wire = Wire(data);
    let Some(raw) = wire.chunk() else { return };
    let footer = zstd::bulk::compress(raw, 1).unwrap_or_default();
    let mut file = [MAGIC.as_slice(), wire.0].concat();
    let offset = file.len() as u64;
    file.extend_from_slice(&footer);
    file.extend_from_slice(&offset.to_le_bytes());
    file.extend_from_slice(&(footer.len() as u64).to_le_bytes());
    file.extend_from_slice(END);
    read_pack(&file, dir);
}

/// Everything in a pack. Under the name that its own head refers to where it does, so that it may refer to itself.
fn read_pack(file: &[u8], dir: &Path) {
    let pack = Digest::of("this pack");
    let name = pack.to_string();
    let (packs, ring) = (dir.join("packs"), dir.join("keys"));
    let folder = packs.join(&name[..2]);
    if std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join(format!("{name}.pack")), file))
        .is_err()
    {
        return;
    }
    let (Ok(objects), Ok(ring)) =
        (Objects::local(&packs, Points::default()), KeyRing::new(ring, None, None, Points::default()))
    else {
        return;
    };
    let at = PackRef { pack, owner: "fuzz".into(), bucket: "2026-Q1".into() };
    if ring.get_or_make(&at.owner, &at.bucket).is_err() {
        return;
    }
    let packs = Packs::new(objects, ring);
    let Ok(opened) = packs.pack(&at) else { return };
    let Head { names, elsewhere, table, .. } = &opened.footer.head;
    let chain = table.as_ref().map(|chain| chain.full);
    for digest in opened.footer.blobs.keys().chain(names.values()).chain(elsewhere.keys()).chain(&chain) {
        if let Ok(content) = packs.content(&at, digest) {
            assert_eq!(Digest::of(&content), *digest, "what is handed on is what was asked for");
        }
        let _ = packs.plain_pieces(&at, digest, &mut |_| Ok(()));
        let _ = opened.part(digest, 1, 3);
    }
    let _ = packs.table(&at);
}

fn format(data: &[u8], dir: &Path) {
    if std::fs::write(dir.join(Format::FILE), data).is_err() {
        return;
    }
    if let Ok(format) = Format::read(dir) {
        assert_eq!(format.line().ok().as_deref(), Some(data), "there is one way to write it");
    }
}
