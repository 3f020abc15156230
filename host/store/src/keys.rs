//! The key of every row in sled, and the bound on values. One tree; keys in order, never by digest.
//!
//! | first byte | rest of the key | value | written |
//! | --- | --- | --- | --- |
//! | `L` | leaf index, u64 big-endian | JSON of [`crate::rows::LeafRow`] | published |
//! | `P` | leaf index, u64 big-endian | a statement that no pack holds, until the log holds it | published |
//! | `R` | run, 10 bytes | JSON of [`crate::rows::RunRow`] | published |
//! | `S` | source, NUL, leaf index | run, 10 bytes | published |
//! | `D` | source, NUL, kind, NUL, leaf index | JSON of [`crate::rows::DatasetRow`] | published |
//! | `G` | source, NUL, kind, NUL, run, first record key (up to 256 bytes), NUL, ordinal u32 | a group of records | staged |
//! | `C` | control, NUL, period, NUL, kind, NUL, run | one byte: the verdict | staged |
//! | `X` | run, 10 bytes | source: rows of this run may be staged | staged, gone when published |
//!
//! A run is ten bytes: the decimal digits of its start as a number in six bytes, and its eight hex digits
//! in four, so that keys sort as the names do. *Published* rows are written in one atomic batch per leaf;
//! *staged* rows come before it, in bounded batches, and mean nothing until the run's `R` row exists.

use exhibit_evidence::control::ControlId;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::RunId;

/// Values are never longer: sled writes larger pages to files of their own, which it never syncs.
pub(crate) const MAX_VALUE_BYTES: usize = 4096;

/// Keys are never longer, so that a sled page (up to 16 rows and 10 updates) stays far below its bound.
pub(crate) const MAX_KEY_BYTES: usize = 512;

/// Of a record's key this much stands in the group's key; the group itself holds it whole.
pub(crate) const GROUP_KEY_BYTES: usize = 256;

/// Tag of leaf rows.
pub(crate) const LEAF: u8 = b'L';
/// Tag of statements not yet in the log.
pub(crate) const PENDING: u8 = b'P';
/// Tag of run rows.
pub(crate) const RUN: u8 = b'R';
/// Tag of the runs of a source.
pub(crate) const SOURCE: u8 = b'S';
/// Tag of dataset rows.
pub(crate) const DATASET: u8 = b'D';
/// Tag of groups of records.
pub(crate) const GROUP: u8 = b'G';
/// Tag of control and period.
pub(crate) const CONTROL: u8 = b'C';
/// Tag of runs being staged.
pub(crate) const STAGED: u8 = b'X';

/// A run in ten bytes.
pub(crate) type RunKey = [u8; 10];

/// The run's name as ten bytes that sort as it does.
pub(crate) fn run_key(run: &RunId) -> RunKey {
    let text = run.as_str().as_bytes();
    let mut start = 0_u64;
    let mut tail = 0_u32;
    for (i, b) in text.iter().enumerate() {
        match i {
            0..=7 | 9..=14 => start = start * 10 + u64::from(b.wrapping_sub(b'0')),
            17.. => tail = (tail << 4) | char::from(*b).to_digit(16).unwrap_or_default(),
            _ => {}
        }
    }
    let mut key = [0; 10];
    key[..6].copy_from_slice(&start.to_be_bytes()[2..]);
    key[6..].copy_from_slice(&tail.to_be_bytes());
    key
}

/// The name back from its ten bytes.
pub(crate) fn run_of(key: &[u8]) -> Option<RunId> {
    let key: &RunKey = key.try_into().ok()?;
    let mut wide = [0; 8];
    wide[2..].copy_from_slice(&key[..6]);
    let start = u64::from_be_bytes(wide);
    let digits = format!("{start:014}");
    let (date, time) = digits.split_at_checked(8)?;
    format!("{date}T{time}Z-{}", hex::encode(&key[6..])).parse().ok()
}

fn keyed(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|p| p.len() + 1).sum::<usize>());
    key.push(tag);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// `L` row.
pub(crate) fn leaf(index: u64) -> Vec<u8> {
    keyed(LEAF, &[&index.to_be_bytes()])
}

/// `P` row.
pub(crate) fn pending(index: u64) -> Vec<u8> {
    keyed(PENDING, &[&index.to_be_bytes()])
}

/// `R` row.
pub(crate) fn run(run: &RunId) -> Vec<u8> {
    keyed(RUN, &[&run_key(run)])
}

/// `X` row.
pub(crate) fn staged(run: &RunId) -> Vec<u8> {
    keyed(STAGED, &[&run_key(run)])
}

/// All `S` rows of a source.
pub(crate) fn source_prefix(source: &SourceName) -> Vec<u8> {
    keyed(SOURCE, &[source.as_str().as_bytes(), b"\0"])
}

/// `S` row.
pub(crate) fn source(source: &SourceName, leaf: u64) -> Vec<u8> {
    keyed(SOURCE, &[source.as_str().as_bytes(), b"\0", &leaf.to_be_bytes()])
}

/// All `D` rows of a dataset.
pub(crate) fn dataset_prefix(source: &SourceName, kind: &Kind) -> Vec<u8> {
    keyed(DATASET, &[source.as_str().as_bytes(), b"\0", kind.to_string().as_bytes(), b"\0"])
}

/// `D` row.
pub(crate) fn dataset(source: &SourceName, kind: &Kind, leaf: u64) -> Vec<u8> {
    let mut key = dataset_prefix(source, kind);
    key.extend_from_slice(&leaf.to_be_bytes());
    key
}

/// All groups of a run's dataset.
pub(crate) fn group_prefix(source: &SourceName, kind: &Kind, run: &RunId) -> Vec<u8> {
    keyed(GROUP, &[source.as_str().as_bytes(), b"\0", kind.to_string().as_bytes(), b"\0", &run_key(run)])
}

/// All groups of a source, of whatever kind and run.
pub(crate) fn group_source_prefix(source: &SourceName) -> Vec<u8> {
    keyed(GROUP, &[source.as_str().as_bytes(), b"\0"])
}

/// One group, under the first record's key and its ordinal.
pub(crate) fn group(prefix: &[u8], first: &[u8], ordinal: u32) -> Vec<u8> {
    let mut key = prefix.to_vec();
    key.extend_from_slice(cut(first));
    key.push(0);
    key.extend_from_slice(&ordinal.to_be_bytes());
    key
}

/// The last key that a group whose first record is `at` or before could have.
pub(crate) fn group_upto(prefix: &[u8], at: &[u8]) -> Vec<u8> {
    let mut key = prefix.to_vec();
    key.extend_from_slice(cut(at));
    key.push(0);
    key.extend_from_slice(&[0xff; 4]);
    key
}

fn cut(record_key: &[u8]) -> &[u8] {
    &record_key[..record_key.len().min(GROUP_KEY_BYTES)]
}

/// All `C` rows of a control.
pub(crate) fn control_prefix(control: &ControlId) -> Vec<u8> {
    keyed(CONTROL, &[control.as_str().as_bytes(), b"\0"])
}

/// All `C` rows of a control and period.
pub(crate) fn period_prefix(control: &ControlId, period: &str) -> Vec<u8> {
    keyed(CONTROL, &[control.as_str().as_bytes(), b"\0", period.as_bytes(), b"\0"])
}

/// `C` row.
pub(crate) fn control(control: &ControlId, period: &str, kind: &Kind, run: &RunId) -> Vec<u8> {
    let kind = kind.to_string();
    keyed(
        CONTROL,
        &[
            control.as_str().as_bytes(),
            b"\0",
            period.as_bytes(),
            b"\0",
            kind.as_bytes(),
            b"\0",
            &run_key(run),
        ],
    )
}

/// Period, kind and run of a `C` row.
pub(crate) fn control_parts(key: &[u8]) -> Option<(&str, Kind, RunId)> {
    let rest = key.get(1..)?;
    let (rest, run) = rest.split_at_checked(rest.len().checked_sub(10)?)?;
    let parts: Vec<&[u8]> = rest.split(|b| *b == 0).collect();
    let [_control, period, kind, b""] = parts.as_slice() else { return None };
    let kind = std::str::from_utf8(kind).ok()?.parse().ok()?;
    Some((std::str::from_utf8(period).ok()?, kind, run_of(run)?))
}

/// Source and kind of a `D` or `G` row.
pub(crate) fn dataset_parts(key: &[u8]) -> Option<(SourceName, Kind)> {
    let mut parts = key.get(1..)?.splitn(3, |b| *b == 0);
    let (source, kind, _leaf_or_run) = (parts.next()?, parts.next()?, parts.next()?);
    let source = std::str::from_utf8(source).ok()?.parse().ok()?;
    Some((source, std::str::from_utf8(kind).ok()?.parse().ok()?))
}

/// The run of a `G` row.
pub(crate) fn group_run(key: &[u8]) -> Option<RunId> {
    let run = key.get(1..)?.splitn(3, |b| *b == 0).nth(2)?;
    run_of(run.get(..10)?)
}

/// The leaf index that ends an `L`, `P`, `S` or `D` key.
pub(crate) fn leaf_index(key: &[u8]) -> Option<u64> {
    let tail = key.len().checked_sub(8)?;
    Some(u64::from_be_bytes(key.get(tail..)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hexed(key: &[u8]) -> String {
        hex::encode(key)
    }

    #[test]
    fn layout_is_golden() {
        // Written out by hand from the table above. A change here is a new store format.
        let run: RunId = "20260304T100000Z-1f3a9c02".parse().unwrap();
        let source: SourceName = "okta".parse().unwrap();
        let kind: Kind = "a.b@1".parse().unwrap();
        let control: ControlId = "AC-03".parse().unwrap();
        // python: hex(20260304100000) is 0x126d383a9aa0
        assert_eq!(hexed(&super::run(&run)), "52126d383a9aa01f3a9c02");
        assert_eq!(hexed(&leaf(258)), "4c0000000000000102");
        assert_eq!(hexed(&pending(1)), "500000000000000001");
        assert_eq!(super::source(&source, 1), b"Sokta\0\0\0\0\0\0\0\0\x01");
        assert_eq!(dataset(&source, &kind, 1), b"Dokta\0a.b@1\0\0\0\0\0\0\0\0\x01");
        let prefix = group_prefix(&source, &kind, &run);
        assert_eq!(prefix, [b"Gokta\0a.b@1\0".as_slice(), &run_key(&run)].concat());
        assert_eq!(group(&prefix, b"00u1", 7), [prefix.as_slice(), b"00u1\0\0\0\0\x07"].concat());
        assert_eq!(
            super::control(&control, "2026-03-04", &kind, &run),
            [b"CAC-03\x002026-03-04\0a.b@1\0".as_slice(), &run_key(&run)].concat()
        );
        assert_eq!(hexed(&staged(&run)), "58126d383a9aa01f3a9c02");
    }

    #[test]
    fn keys_read_back() {
        for name in ["20260304T100000Z-1f3a9c02", "19700101T000000Z-00000000", "99991230T220000Z-ffffffff"] {
            let run: RunId = name.parse().unwrap();
            assert_eq!(run_of(&run_key(&run)), Some(run));
        }
        let run: RunId = "20260304T100000Z-1f3a9c02".parse().unwrap();
        let kind: Kind = "a.b@1".parse().unwrap();
        let row = control(&"AC-03".parse().unwrap(), "2026-Q1", &kind, &run);
        assert_eq!(control_parts(&row), Some(("2026-Q1", kind.clone(), run.clone())));
        let row = dataset(&"okta".parse().unwrap(), &kind, 9);
        assert_eq!(dataset_parts(&row), Some(("okta".parse().unwrap(), kind.clone())));
        assert_eq!(leaf_index(&row), Some(9));
        for odd in [b"C".as_slice(), &[b"CAC-03\x002026-Q1\0a.b@1\0 \0".as_slice(), &run_key(&run)].concat()]
        {
            assert_eq!(control_parts(odd), None);
        }
        assert_eq!(dataset_parts(b"Dokta\0a.b@1"), None);
        let prefix = group_prefix(&"okta".parse().unwrap(), &kind, &run);
        assert_eq!(group_run(&group(&prefix, b"00u1", 7)), Some(run));
    }

    #[test]
    fn groups_sort_as_their_records_do() {
        let prefix = b"G".to_vec();
        let long = "x".repeat(300);
        let longer = format!("{long}y");
        let keys = ["a", "a b", "ab", &long, &longer, "é"];
        let rows: Vec<_> = keys.iter().zip(0..).map(|(k, i)| group(&prefix, k.as_bytes(), i)).collect();
        assert!(rows.is_sorted(), "{rows:?}");
        assert!(rows.iter().zip(keys).all(|(row, k)| *row <= group_upto(&prefix, k.as_bytes())));
        assert!(rows.iter().all(|row| row.len() <= MAX_KEY_BYTES));
    }
}
