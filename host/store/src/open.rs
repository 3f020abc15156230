//! Opening: the lock, then what a crash left behind.
//!
//! The checkpoint is the truth about what was acknowledged. An index that is ahead of it (a crash between
//! publishing and signing) is rolled forward: its leaves go into the log, the checkpoint is signed. An index
//! that is behind it, that does not open, or that names other statements, is moved aside and built again
//! from packs and log. Staged rows of runs that were never published, packs that no leaf refers to, and
//! half-written files are swept.

use crate::commit::append_to_log;
use crate::error::{OpenError, ReadError};
use crate::faults::Points;
use crate::format::Format;
use crate::index::Index;
use crate::keys;
use crate::lock::Lock;
use crate::pack::name;
use crate::store::{Inner, OpenOptions};
use crate::{files, rebuild};
use exhibit_evidence::digest::Digest;
use exhibit_ledger::checkpoint::Checkpoint;
use exhibit_ledger::log::Log;
use exhibit_ledger::reading::LogReader;
use exhibit_ledger::tile::{Content, TILE_WIDTH, Tile};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

pub(crate) fn open(dir: &Path, options: OpenOptions) -> Result<Inner, OpenError> {
    let format = Format::read(dir)?;
    let lock = Lock::take(dir)?;
    if let Some(signer) = &options.signer
        && signer.verifier().name() != format.origin
    {
        let signer = signer.verifier().name().to_owned();
        return Err(OpenError::Origin { signer, origin: format.origin });
    }
    sweep_files(dir)?;
    files::sync_folders(dir).map_err(ReadError::io(dir))?;
    let sled = dir.join("sled");
    let points = Points(options.faults.clone());
    let (index, mended) = match Index::open(&sled, points.clone()) {
        Ok(index) => (index, None),
        Err(refused @ ReadError::Io { .. }) => return Err(refused.into()),
        Err(e) => {
            let aside = move_aside(&sled)?;
            (
                Index::open(&sled, points)?,
                Some(format!("the index did not open ({e}); it was moved to {aside}")),
            )
        }
    };
    let mut inner = Inner::new(dir, format, &options, lock, index)?;
    open_log(&inner)?;
    sweep_tiles(&inner)?;
    if let Some(mended) = mended {
        let notes = rebuild::fill(&inner)?;
        inner.notes.extend(notes);
        inner.notes.push(format!("{mended} and built again from packs and log"));
    } else if let Some(reason) = disagreement(&inner)? {
        let aside;
        (inner, aside) = with_new_index(inner, &options)?;
        inner
            .notes
            .push(format!("{reason}; the index was moved to {aside} and built again from packs and log"));
    }
    roll_forward(&mut inner)?;
    sweep_rows(&inner)?;
    sweep_packs(&mut inner)?;
    Ok(inner)
}

/// Opens, and builds the index again even where nothing is wrong with it.
pub(crate) fn rebuild(dir: &Path, options: OpenOptions) -> Result<Inner, OpenError> {
    let inner = open(dir, options.clone())?;
    let (mut inner, aside) = with_new_index(inner, &options)?;
    sweep_packs(&mut inner)?;
    // The one before was whole, so nothing in it is missed.
    std::fs::remove_dir_all(&aside).map_err(ReadError::io(&aside))?;
    Ok(inner)
}

/// Moves the index aside, and fills a new one from packs and log. Answers with the old one's place.
fn with_new_index(inner: Inner, options: &OpenOptions) -> Result<(Inner, String), OpenError> {
    let Inner { dir, format, index, _lock: lock, .. } = inner;
    drop(index);
    let sled = dir.join("sled");
    let aside = move_aside(&sled)?;
    let index = Index::open(&sled, Points(options.faults.clone()))?;
    let mut inner = Inner::new(&dir, format, options, lock, index)?;
    open_log(&inner)?;
    inner.notes = rebuild::fill(&inner)?;
    Ok((inner, aside))
}

/// Half-written files, and what runs left in staging.
fn sweep_files(dir: &Path) -> Result<(), ReadError> {
    let staging = dir.join("staging");
    if staging.exists() {
        std::fs::remove_dir_all(&staging).map_err(ReadError::io(&staging))?;
    }
    for folder in [dir.join("log"), dir.join("keys")] {
        files::create_dirs(&folder).map_err(ReadError::io(&folder))?;
        for file in files::walk(&folder).map_err(ReadError::io(&folder))? {
            let path = folder.join(file);
            if files::is_staged(&path) {
                std::fs::remove_file(&path).map_err(ReadError::io(&path))?;
            }
        }
    }
    let half = files::staged_path(&dir.join(Format::FILE));
    match std::fs::remove_file(&half) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(ReadError::Io { path: half, source })
        }
        _ => Ok(()),
    }
}

/// Moves the index aside; answers with its new place.
pub(crate) fn move_aside(sled: &Path) -> Result<String, ReadError> {
    for number in 1.. {
        let aside = sled.with_file_name(format!("sled.damaged-{number}"));
        if !aside.exists() {
            std::fs::rename(sled, &aside).map_err(ReadError::io(sled))?;
            return Ok(aside.display().to_string());
        }
    }
    Ok(String::new())
}

/// The indexes that were moved aside and are still there.
pub(crate) fn put_aside(dir: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let mut aside = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(ReadError::io(dir))? {
        let entry = entry.map_err(ReadError::io(dir))?;
        if entry.file_name().to_string_lossy().starts_with("sled.damaged-") {
            aside.push(entry.path());
        }
    }
    aside.sort();
    Ok(aside)
}

/// Reads the checkpoint and opens the log under it.
pub(crate) fn open_log(inner: &Inner) -> Result<(), OpenError> {
    let Some(bytes) = inner.files.checkpoint()? else { return Ok(()) };
    let damaged = |reason: String| ReadError::damaged("log/checkpoint", reason);
    let checkpoint = Checkpoint::parse(&bytes).map_err(|e| damaged(e.to_string()))?;
    if checkpoint.origin() != inner.format.origin {
        let reason =
            format!("it is of the log {}, and this store's is {}", checkpoint.origin(), inner.format.origin);
        return Err(damaged(reason).into());
    }
    let log =
        Log::open(&inner.files, checkpoint.head()).map_err(|e| ReadError::damaged("log", e.to_string()))?;
    let mut state = inner.log_state();
    state.log = log;
    state.checkpoint = Some(checkpoint);
    Ok(())
}

/// Removes partial tiles that are not of the checkpoint's size: left by a crash, before or after it was
/// replaced. What is needed of them is written again.
fn sweep_tiles(inner: &Inner) -> Result<(), ReadError> {
    let size = inner.signed();
    let dir = inner.files.dir();
    for file in files::walk(dir).map_err(ReadError::io(dir))? {
        let Ok(tile) = file.to_string_lossy().parse::<Tile>() else { continue };
        let units = match tile.content {
            Content::Entries => size,
            Content::Hashes(level) => size >> (8 * u32::from(level)),
        };
        let (index, width) = (units / TILE_WIDTH as u64, (units % TILE_WIDTH as u64) as u16);
        if !tile.is_full() && (tile.index, tile.width) != (index, width) {
            inner.files.remove(&[tile]);
        }
    }
    Ok(())
}

/// Why the index cannot be believed, if it cannot.
fn disagreement(inner: &Inner) -> Result<Option<String>, ReadError> {
    let signed = inner.signed();
    let published = match inner.published() {
        Ok(published) => published,
        Err(e) => return Ok(Some(e.to_string())),
    };
    if published < signed {
        return Ok(Some(format!(
            "the checkpoint vouches for {signed} leaves, and the index knows {published}"
        )));
    }
    if signed == 0 {
        return Ok(None);
    }
    let reader = LogReader::new(&inner.files, inner.head());
    let entry = reader.entry(signed - 1).map_err(|e| ReadError::damaged("log", e.to_string()))?;
    match inner.leaf_row(signed - 1) {
        Ok(Some(row)) if row.statement == Digest::of(&entry) => Ok(None),
        Ok(_) => Ok(Some(format!("leaf {} is another in the index than in the log", signed - 1))),
        Err(e) => Ok(Some(e.to_string())),
    }
}

/// Brings the log up to the index, where a crash came between publishing and signing.
fn roll_forward(inner: &mut Inner) -> Result<(), OpenError> {
    let (signed, published) = (inner.signed(), inner.published()?);
    if published <= signed {
        return Ok(());
    }
    if inner.signer.is_none() {
        inner.notes.push(format!(
            "{} published and not yet signed: not shown until the store is opened with its signing key",
            published - signed
        ));
        return Ok(());
    }
    let mut statements = Vec::new();
    for leaf in signed..published {
        let row = inner.leaf_row(leaf)?.ok_or_else(|| {
            OpenError::Disagree(format!("the index has no leaf {leaf}; run `exhibit check --rebuild`"))
        })?;
        let statement = match inner.index.get(&keys::pending(leaf))? {
            Some(bytes) => bytes.to_vec(),
            None => {
                let at = row
                    .pack
                    .as_ref()
                    .ok_or_else(|| ReadError::Missing(format!("the statement of leaf {leaf}")))?;
                let found = inner.packs.named(at, name::LEAF)?;
                found.ok_or_else(|| ReadError::Missing(format!("the statement of leaf {leaf}")))?
            }
        };
        if Digest::of(&statement) != row.statement {
            return Err(
                ReadError::damaged(format!("the statement of leaf {leaf}"), "its digest is another").into()
            );
        }
        statements.push(statement);
    }
    append_to_log(inner, &statements)?;
    inner.notes.push(format!("{} published before a crash and now signed", published - signed));
    Ok(())
}

/// Rows that runs staged and never published.
fn sweep_rows(inner: &Inner) -> Result<(), ReadError> {
    let mut marks = Vec::new();
    for row in inner.index.prefix(&[keys::STAGED]) {
        let (key, value) = row?;
        let source = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
        if let (Some(run), Some(source)) = (keys::run_of(&key[1..]), source) {
            marks.push((run, source));
        }
    }
    for (run, source) in marks {
        if inner.index.get(&keys::run(&run))?.is_none() {
            inner.sweep_run(&run, &source)?;
        }
    }
    Ok(())
}

/// Packs that no leaf refers to, and uploads that were never finished. A pack stays that cannot be read, as it
/// may be evidence that is damaged, and one that holds what a leaf has lost.
fn sweep_packs(inner: &mut Inner) -> Result<(), ReadError> {
    let mut referred = HashSet::new();
    let mut without = HashSet::new();
    for leaf in 0..inner.published()? {
        let Some(row) = inner.leaf_row(leaf)? else { continue };
        if row.is_lost_run() {
            inner.last_lost = Some(leaf);
        }
        match row.pack {
            Some(at) => _ = referred.insert(at.pack),
            None => _ = without.insert(row.statement),
        }
    }
    let (packs, strange) = inner.packs.objects.list()?;
    for path in strange {
        // What an interrupted upload leaves: `<digest>.pack#<number>`.
        if path.to_string_lossy().contains(".pack#") {
            std::fs::remove_file(&path).map_err(ReadError::io(&path))?;
        }
    }
    let found: HashSet<Digest> = packs.into_iter().collect();
    let (mut unread, mut back) = (0, 0);
    for orphan in found.difference(&referred) {
        match rebuild::open_any(inner, *orphan) {
            Ok(Some(head)) if without.contains(&head.leaf) => back += 1,
            Ok(Some(_)) => inner.packs.objects.delete(orphan)?,
            _ => unread += 1,
        }
    }
    if unread > 0 {
        inner.notes.push(format!(
            "{unread} packs that no leaf is known to refer to cannot be read, and were kept; `exhibit check` \
             names them"
        ));
    }
    if back > 0 {
        inner.notes.push(format!("{back} packs hold what the index has lost; run `exhibit check --rebuild`"));
    }
    let missing = referred.difference(&found).count();
    if missing > 0 {
        inner.notes.push(format!(
            "{missing} packs are missing; run `exhibit check`, and restore them from a backup"
        ));
    }
    Ok(())
}
