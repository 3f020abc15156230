//! Tokens: who may do what, in one file of the data folder, readable and changeable while the service runs.
//!
//! A token is 256 random bits, shown once. The file keeps SHA-256 of it: nothing slower is needed, for nobody guesses
//! random bits. The file is replaced as a whole under a lock of its own, so that the command line can add and revoke
//! without the store, which belongs to the service. What is not in the ledger yet is marked so, and the service puts
//! it there ([`Tokens::record`]).

use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::Name;
use exhibit_evidence::period::AuditPeriod;
use exhibit_evidence::time::Timestamp;
use ring::rand::SecureRandom as _;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

const FILE: &str = "tokens.json";
const LOCK: &str = "tokens.lock";
const FORMAT: u32 = 1;
/// What every token begins with, so that scanners for secrets find one that got lost.
pub const PREFIX: &str = "exhibit_";

/// What its holder may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "role")]
pub enum Role {
    /// Everything.
    Operator,
    /// Read one engagement: one audit period.
    Auditor {
        /// The period.
        engagement: AuditPeriod,
    },
    /// Upload manual evidence, and nothing else.
    Ingest,
    /// Read the metrics, and nothing else.
    Monitor,
}

impl Role {
    /// `operator`, `auditor`, `ingest` or `monitor`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Auditor { .. } => "auditor",
            Self::Ingest => "ingest",
            Self::Monitor => "monitor",
        }
    }

    /// The audit period that an auditor reads; none: it is no auditor.
    pub fn engagement(&self) -> Option<&AuditPeriod> {
        match self {
            Self::Auditor { engagement } => Some(engagement),
            _ => None,
        }
    }

    /// A role from its word, and the engagement that an auditor's needs.
    ///
    /// # Errors
    /// What is wrong with the two.
    pub fn of(word: &str, engagement: Option<AuditPeriod>) -> Result<Self, String> {
        match (word, engagement) {
            ("operator", None) => Ok(Self::Operator),
            ("ingest", None) => Ok(Self::Ingest),
            ("monitor", None) => Ok(Self::Monitor),
            ("auditor", Some(engagement)) => Ok(Self::Auditor { engagement }),
            ("auditor", None) => {
                Err("an auditor reads one engagement: name its period, 2026-H1 for example".to_owned())
            }
            ("operator" | "ingest" | "monitor", Some(_)) => {
                Err("only an auditor has an engagement".to_owned())
            }
            (other, _) => {
                let other: String = other.chars().take(40).collect();
                Err(format!("`{other}` is no role; the roles are operator, auditor, ingest and monitor"))
            }
        }
    }
}

/// A token, as it is kept: without the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Whose it is. A name is given once, and not again after it was revoked.
    pub name: Name,
    /// What its holder may do.
    #[serde(flatten)]
    pub role: Role,
    /// SHA-256 of the token.
    pub hash: Digest,
    /// Since when.
    pub created_at: Timestamp,
    /// Who added it.
    pub created_by: String,
    /// Until when; none: until it is revoked.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Who revoked it.
    pub revoked_by: Option<String>,
    /// The leaf that says that it was added; none: not there yet.
    pub added_leaf: Option<u64>,
    /// The leaf that says that it was revoked.
    pub revoked_leaf: Option<u64>,
}

impl Entry {
    /// Whether it opens anything at `now`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// A change that is not in the ledger yet.
pub enum Change {
    /// It was added.
    Added,
    /// It was revoked.
    Revoked,
}

/// What cannot be done with tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not what was written.
    #[error("{}: {reason}; restore it, or delete it and add the tokens anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The name is given already.
    #[error("there is, or was, a token `{0}`: choose another name")]
    Taken(Name),
    /// There is none of the name.
    #[error("there is no token `{0}`")]
    Unknown(Name),
    /// The system has no random bits.
    #[error("the system gives no random bits")]
    Random,
    /// The ledger did not take it.
    #[error("a change of tokens cannot be written into the ledger: {0}")]
    Ledger(String),
}

#[derive(Serialize, Deserialize)]
struct Kept {
    format: u32,
    tokens: Vec<Entry>,
}

/// What tells whether a file was replaced: its inode, length and time of change.
type Stamp = (u64, u64, i64, i64);
/// What was read, when the file was so.
type Read = Option<(Stamp, Arc<Vec<Entry>>)>;

/// The tokens of a data folder. Cheap to clone; what others change in the file is seen at the next look.
#[derive(Clone)]
pub struct Tokens {
    dir: PathBuf,
    read: Arc<Mutex<Read>>,
}

impl Tokens {
    /// The tokens of a workspace's data folder.
    pub fn of(data_dir: &Path) -> Self {
        Self { dir: data_dir.join("access"), read: Arc::default() }
    }

    /// Every token that there is or was.
    ///
    /// # Errors
    /// [`TokenError::Io`], [`TokenError::Damaged`].
    pub fn list(&self) -> Result<Arc<Vec<Entry>>, TokenError> {
        let path = self.dir.join(FILE);
        let Some(stamp) = stamp(&path)? else { return Ok(Arc::default()) };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, entries)) = read.as_ref()
            && *known == stamp
        {
            return Ok(Arc::clone(entries));
        }
        let entries = Arc::new(parse(&path)?);
        *read = Some((stamp, Arc::clone(&entries)));
        Ok(entries)
    }

    /// Whose token this is, where it is valid at `now`.
    ///
    /// # Errors
    /// [`TokenError::Io`], [`TokenError::Damaged`].
    pub fn find(&self, token: &str, now: Timestamp) -> Result<Option<Entry>, TokenError> {
        // The digest of what was sent is compared, so that how long it takes tells nothing of the token.
        let hash = Digest::of(token);
        Ok(self.list()?.iter().find(|entry| entry.hash == hash && entry.is_valid(now)).cloned())
    }

    /// A token of this name, where it is valid at `now`.
    ///
    /// # Errors
    /// [`TokenError::Io`], [`TokenError::Damaged`].
    pub fn named(&self, name: &Name, now: Timestamp) -> Result<Option<Entry>, TokenError> {
        Ok(self.list()?.iter().find(|entry| entry.name == *name && entry.is_valid(now)).cloned())
    }

    /// Adds a token, and gives it: it cannot be read again.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn add(
        &self,
        name: &Name,
        role: Role,
        expires_at: Option<Timestamp>,
        by: &str,
        now: Timestamp,
    ) -> Result<(String, Entry), TokenError> {
        let token = format!("{PREFIX}{}", random_text()?);
        let entry = Entry {
            name: name.clone(),
            role,
            hash: Digest::of(&token),
            created_at: now,
            created_by: by.to_owned(),
            expires_at,
            revoked_at: None,
            revoked_by: None,
            added_leaf: None,
            revoked_leaf: None,
        };
        self.change(|entries| {
            if entries.iter().any(|known| known.name == *name) {
                return Err(TokenError::Taken(name.clone()));
            }
            entries.push(entry.clone());
            Ok(())
        })?;
        Ok((token, entry))
    }

    /// Revokes a token; one that is revoked already stays as it is.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn revoke(&self, name: &Name, by: &str, now: Timestamp) -> Result<Entry, TokenError> {
        self.change(|entries| {
            let unknown = || TokenError::Unknown(name.clone());
            let entry = entries.iter_mut().find(|entry| entry.name == *name).ok_or_else(unknown)?;
            if entry.revoked_at.is_none() {
                entry.revoked_at = Some(now);
                entry.revoked_by = Some(by.to_owned());
            }
            Ok(entry.clone())
        })
    }

    /// Whether a change waits for the ledger.
    ///
    /// # Errors
    /// [`TokenError::Io`], [`TokenError::Damaged`].
    pub fn is_unrecorded(&self) -> Result<bool, TokenError> {
        Ok(self.list()?.iter().any(|entry| is_open(entry).0 || is_open(entry).1))
    }

    /// Puts every change that is not in the ledger there: `leaf` writes one and gives its index. After a crash in
    /// between, a change may be there twice, never not at all.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn record(
        &self,
        mut leaf: impl FnMut(&Entry, Change) -> Result<u64, String>,
    ) -> Result<(), TokenError> {
        self.change(|entries| {
            for entry in entries.iter_mut() {
                let (added, revoked) = is_open(entry);
                if added {
                    entry.added_leaf = Some(leaf(entry, Change::Added).map_err(TokenError::Ledger)?);
                }
                if revoked {
                    entry.revoked_leaf = Some(leaf(entry, Change::Revoked).map_err(TokenError::Ledger)?);
                }
            }
            Ok(())
        })
    }

    /// Reads, changes and replaces the file, alone among processes.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Vec<Entry>) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error: std::io::Error| TokenError::Io { path, error }
        };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir).map_err(io(&self.dir))?;
        let lock = self.dir.join(LOCK);
        let held = private().create(true).truncate(false).write(true).open(&lock).map_err(io(&lock))?;
        rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive)
            .map_err(|error| io(&lock)(error.into()))?;
        let path = self.dir.join(FILE);
        let mut entries = if stamp(&path)?.is_some() { parse(&path)? } else { Vec::new() };
        let changed = change(&mut entries);
        // Also where it failed half way: what is in the ledger by then is marked.
        let text = serde_json::to_vec_pretty(&Kept { format: FORMAT, tokens: entries })
            .map_err(|error| TokenError::Damaged { path: path.clone(), reason: error.to_string() })?;
        replace(&self.dir, &path, &text).map_err(io(&path))?;
        changed
    }
}

/// Which of its changes are not in the ledger: that it was added, that it was revoked.
fn is_open(entry: &Entry) -> (bool, bool) {
    (entry.added_leaf.is_none(), entry.revoked_at.is_some() && entry.revoked_leaf.is_none())
}

fn private() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.mode(0o600);
    options
}

fn replace(dir: &Path, path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut new = tempfile::NamedTempFile::new_in(dir)?;
    new.write_all(text)?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    File::open(dir)?.sync_all()
}

fn stamp(path: &Path) -> Result<Option<Stamp>, TokenError> {
    match std::fs::metadata(path) {
        Ok(meta) => Ok(Some((meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TokenError::Io { path: path.to_owned(), error }),
    }
}

fn parse(path: &Path) -> Result<Vec<Entry>, TokenError> {
    let bytes = std::fs::read(path).map_err(|error| TokenError::Io { path: path.to_owned(), error })?;
    let damaged = |reason: String| TokenError::Damaged { path: path.to_owned(), reason };
    let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    if kept.format != FORMAT {
        return Err(damaged(format!("it has format {}, and this version reads {FORMAT}", kept.format)));
    }
    Ok(kept.tokens)
}

/// 256 random bits as 64 hex digits.
///
/// # Errors
/// [`TokenError::Random`].
pub(crate) fn random_text() -> Result<String, TokenError> {
    let mut bytes = [0u8; 32];
    ring::rand::SystemRandom::new().fill(&mut bytes).map_err(|_| TokenError::Random)?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    #[test]
    fn a_token_is_shown_once_and_opens_until_it_is_revoked_or_over() {
        let dir = tempfile::tempdir().unwrap();
        let (here, elsewhere) = (Tokens::of(dir.path()), Tokens::of(dir.path()));
        assert!(here.find("exhibit_", at(0)).unwrap().is_none());
        let ada: Name = "ada".parse().unwrap();
        let (token, _) = elsewhere.add(&ada, Role::Operator, Some(at(50)), "command", at(1)).unwrap();
        assert!(token.len() == PREFIX.len() + 64 && token.starts_with(PREFIX));
        let file = dir.path().join("access/tokens.json");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.contains(&token) && !text.contains(&token[PREFIX.len()..]));
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(here.find(&token, at(49)).unwrap().unwrap().role, Role::Operator);
        assert!(here.find(&token, at(50)).unwrap().is_none(), "it is over");
        assert!(here.find(&token.to_uppercase(), at(2)).unwrap().is_none());
        elsewhere.revoke(&ada, "operator:ada", at(3)).unwrap();
        assert!(here.find(&token, at(4)).unwrap().is_none(), "it was revoked by another process");
        assert!(matches!(here.add(&ada, Role::Ingest, None, "command", at(5)), Err(TokenError::Taken(_))));
        let nobody: Name = "bo".parse().unwrap();
        assert!(matches!(here.revoke(&nobody, "x", at(5)), Err(TokenError::Unknown(_))));
    }

    #[test]
    fn every_change_goes_into_the_ledger_once_even_after_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(dir.path());
        for name in ["a", "b", "c"] {
            tokens.add(&name.parse().unwrap(), Role::Ingest, None, "command", at(1)).unwrap();
        }
        tokens.revoke(&"b".parse().unwrap(), "command", at(2)).unwrap();
        let mut written = Vec::new();
        let failed = tokens.record(|entry, change| {
            if entry.name.as_str() == "c" {
                return Err("the disk is full".to_owned());
            }
            written.push((entry.name.to_string(), matches!(change, Change::Revoked)));
            Ok(written.len() as u64)
        });
        assert!(failed.is_err() && tokens.is_unrecorded().unwrap());
        tokens
            .record(|entry, change| {
                written.push((entry.name.to_string(), matches!(change, Change::Revoked)));
                Ok(9)
            })
            .unwrap();
        let expected = [("a", false), ("b", false), ("b", true), ("c", false)];
        assert_eq!(written, expected.map(|(name, revoked)| (name.to_owned(), revoked)));
        assert!(!tokens.is_unrecorded().unwrap());
    }

    #[test]
    fn processes_that_add_at_once_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let tokens = Tokens::of(dir.path());
                scope.spawn(move || {
                    tokens.add(&format!("t{n}").parse().unwrap(), Role::Ingest, None, "x", at(1)).unwrap()
                });
            }
        });
        assert_eq!(Tokens::of(dir.path()).list().unwrap().len(), 8);
    }
}
