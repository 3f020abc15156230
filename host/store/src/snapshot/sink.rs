//! Writing a run's entries of one kind: groups go to the run's pack and, in bounded batches, to the index,
//! where nothing leads to them until the run is published.

use super::group::{Entry, Group, Grouper, entries_of, to_value};
use crate::crypt::BucketKeys;
use crate::error::ReadError;
use crate::index::{Batch, Index};
use crate::keys;
use crate::pack::write::{PackWriter, PlainBlob};
use crate::stage::spool::{Spool, SpoolRoom};
use exhibit_evidence::digest::Digest;
use std::io::{BufReader, Read as _, Write as _};
use std::sync::Arc;

/// Writes groups to pack and index.
pub(crate) struct Sink<'a> {
    grouper: Grouper,
    out: GroupOut<'a>,
}

struct GroupOut<'a> {
    index: &'a Index,
    writer: &'a mut PackWriter,
    keys: Arc<BucketKeys>,
    prefix: Vec<u8>,
    blob: PlainBlob,
    batch: Batch,
    groups: u32,
    bytes: u64,
}

impl GroupOut<'_> {
    fn put(&mut self, group: &Group) -> Result<(), ReadError> {
        self.writer.add_plain(&mut self.blob, &(group.frame.len() as u32).to_le_bytes())?;
        let offset = self.writer.add_plain(&mut self.blob, &group.frame)?;
        let value = to_value(&group.frame, offset, self.keys.sealer.as_ref())?;
        self.batch.put(&keys::group(&self.prefix, &group.first, self.groups), &value)?;
        self.groups += 1;
        self.bytes += group.frame.len() as u64;
        if self.batch.is_full() {
            self.index.stage(std::mem::take(&mut self.batch))?;
        }
        Ok(())
    }
}

impl<'a> Sink<'a> {
    /// A sink for the groups under `prefix`.
    pub(crate) fn new(
        index: &'a Index,
        writer: &'a mut PackWriter,
        keys: Arc<BucketKeys>,
        prefix: Vec<u8>,
    ) -> Result<Self, ReadError> {
        let blob = writer.begin_plain();
        let out =
            GroupOut { index, writer, keys, prefix, blob, batch: Batch::default(), groups: 0, bytes: 0 };
        Ok(Self { grouper: Grouper::new()?, out })
    }

    /// Adds an entry, in key order.
    pub(crate) fn push(&mut self, entry: &Entry) -> Result<(), ReadError> {
        let out = &mut self.out;
        self.grouper.push(entry, &mut |group| out.put(&group))
    }

    /// Adds a group that is packed already, where no entry was pushed.
    pub(crate) fn put(&mut self, group: &Group) -> Result<(), ReadError> {
        self.out.put(group)
    }

    /// Writes what is left; answers with the digest of the groups in the pack and their bytes.
    pub(crate) fn end(mut self) -> Result<(Option<Digest>, u64), ReadError> {
        let out = &mut self.out;
        self.grouper.flush(&mut |group| out.put(&group))?;
        self.out.index.stage(std::mem::take(&mut self.out.batch))?;
        let GroupOut { writer, blob, groups, bytes, .. } = self.out;
        Ok(((groups > 0).then(|| writer.end_plain(blob).digest), bytes))
    }
}

/// A delta, set aside until it is known whether it is worth keeping.
pub(crate) struct Delta {
    grouper: Grouper,
    spool: Spool,
    bytes: u64,
}

impl Delta {
    pub(crate) fn new(room: &SpoolRoom) -> Result<Self, ReadError> {
        Ok(Self { grouper: Grouper::new()?, spool: room.spool(), bytes: 0 })
    }

    pub(crate) fn push(&mut self, entry: &Entry) -> Result<(), ReadError> {
        let (spool, bytes) = (&mut self.spool, &mut self.bytes);
        self.grouper.push(entry, &mut |group| set_aside(spool, bytes, &group))
    }

    /// The delta's groups, and the bytes of their frames.
    pub(crate) fn end(mut self) -> Result<(DeltaReader, u64), ReadError> {
        let (spool, bytes) = (&mut self.spool, &mut self.bytes);
        self.grouper.flush(&mut |group| set_aside(spool, bytes, &group))?;
        Ok((DeltaReader(BufReader::new(self.spool.reader()?)), self.bytes))
    }
}

fn set_aside(spool: &mut Spool, bytes: &mut u64, group: &Group) -> Result<(), ReadError> {
    *bytes += group.frame.len() as u64;
    let mut write = |part: &[u8]| {
        spool.write_all(&(part.len() as u32).to_le_bytes())?;
        spool.write_all(part)
    };
    write(&group.first).and_then(|()| write(&group.frame)).map_err(ReadError::io("staging"))
}

/// Groups of a delta that was set aside.
pub(crate) struct DeltaReader(BufReader<crate::stage::spool::SpoolReader>);

impl DeltaReader {
    fn part(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        let mut read = || {
            let mut len = [0; 4];
            if self.0.read(&mut len[..1])? == 0 {
                return Ok(None);
            }
            self.0.read_exact(&mut len[1..])?;
            let mut part = vec![0; u32::from_le_bytes(len) as usize];
            self.0.read_exact(&mut part)?;
            Ok(Some(part))
        };
        read().map_err(ReadError::io("staging"))
    }

    /// The next group.
    pub(crate) fn next_group(&mut self) -> Result<Option<Group>, ReadError> {
        let Some(first) = self.part()? else { return Ok(None) };
        Ok(self.part()?.map(|frame| Group { first, frame }))
    }

    /// The entries of the next group.
    pub(crate) fn next_entries(&mut self) -> Result<Option<Vec<Entry>>, ReadError> {
        let Some(group) = self.next_group()? else { return Ok(None) };
        let damaged = || ReadError::damaged("staging", "a delta that was set aside cannot be read back");
        entries_of(&group.frame).ok_or_else(damaged).map(Some)
    }
}
