//! Compiled artefacts on disk, each under the digest of what it was compiled from and with.
//!
//! An artefact is native code, so only what this host wrote is ever loaded: the folder is the host's own
//! (mode 0700), and a file is used only if its bytes match the digest it begins with, which also covers its
//! name. Anything else is as if it were not there, and is compiled again.
//!
//! A file `<key>.cwasm`: 16 bytes [`MAGIC`], 32 bytes SHA-256 over key and artefact, the artefact. It appears
//! under its name complete or not at all.

use exhibit_evidence::digest::{Digest, Hasher};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Begins every file; the number is the layout's version.
const MAGIC: &[u8; 16] = b"exhibit cwasm 1\n";

/// The folder.
#[derive(Debug)]
pub(crate) struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// Opens the folder, makes it if needed, and takes it away from everyone else.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let mode = fs::metadata(dir)?.permissions().mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        }
        Ok(Self { dir: dir.to_owned() })
    }

    /// What a component compiled by this engine is kept under.
    pub(crate) fn key(component: &Digest, engine: &Digest) -> Digest {
        Digest::of([component.as_bytes().as_slice(), engine.as_bytes()].concat())
    }

    /// The artefact, if it is there and whole.
    pub(crate) fn get(&self, key: &Digest) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.path(key)).ok()?;
        let (head, artefact) = bytes.split_at_checked(MAGIC.len() + 32)?;
        let (magic, digest) = head.split_at(MAGIC.len());
        if magic != MAGIC || digest != check(key, artefact).as_bytes() {
            return None;
        }
        bytes.drain(..MAGIC.len() + 32);
        Some(bytes)
    }

    /// Keeps the artefact.
    pub(crate) fn put(&self, key: &Digest, artefact: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        file.write_all(MAGIC)?;
        file.write_all(check(key, artefact).as_bytes())?;
        file.write_all(artefact)?;
        file.as_file().sync_all()?;
        file.persist(self.path(key)).map_err(|error| error.error)?;
        Ok(())
    }

    fn path(&self, key: &Digest) -> PathBuf {
        self.dir.join(format!("{key}.cwasm"))
    }
}

fn check(key: &Digest, artefact: &[u8]) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update(key.as_bytes()).update(artefact);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_only_what_it_kept() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(&dir.path().join("a/b")).unwrap();
        let mode = fs::metadata(dir.path().join("a/b")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let key = Cache::key(&Digest::of("component"), &Digest::of("engine"));
        let other = Cache::key(&Digest::of("component"), &Digest::of("other engine"));
        assert_eq!(cache.get(&key), None);
        cache.put(&key, b"artefact").unwrap();
        assert_eq!(cache.get(&key).as_deref(), Some(b"artefact".as_slice()));
        assert_eq!(cache.get(&other), None);
        // A file under another name is not that name's artefact.
        fs::copy(cache.path(&key), cache.path(&other)).unwrap();
        assert_eq!(cache.get(&other), None);
    }

    #[test]
    fn any_changed_byte_and_any_cut_is_as_if_absent() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        let key = Digest::of("key");
        cache.put(&key, b"artefact").unwrap();
        let whole = fs::read(cache.path(&key)).unwrap();
        for i in 0..whole.len() {
            let mut changed = whole.clone();
            changed[i] ^= 1;
            fs::write(cache.path(&key), &changed).unwrap();
            assert_eq!(cache.get(&key), None, "byte {i}");
            fs::write(cache.path(&key), &whole[..i]).unwrap();
            assert_eq!(cache.get(&key), None, "cut at {i}");
        }
    }

    #[test]
    fn a_folder_that_others_can_write_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        Cache::open(dir.path()).unwrap();
        assert_eq!(fs::metadata(dir.path()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
