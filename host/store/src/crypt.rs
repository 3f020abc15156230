//! Keys of retention buckets, and what is sealed under them.
//!
//! Each source and bucket has one age X25519 identity, in `keys/<source>/<bucket>.key` (mode 0600), or,
//! where the store has a recipient, in `keys/<source>/<bucket>.key.age`, wrapped to it. Packs are age
//! files to that identity's recipient (age-encryption.org/v1). From its secret two more keys are derived
//! by HKDF-SHA-256 (RFC 5869): one seals record values in sled (XChaCha20-Poly1305, a random 24-byte nonce
//! before the ciphertext), one salts record leaves (HMAC-SHA-256 over kind, newline and record key).

use crate::error::ReadError;
use crate::faults::{Points, Step};
use crate::files;
use age::secrecy::ExposeSecret as _;
use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::secret::Secret;
use hmac::{Hmac, Mac as _};
use rand::RngCore as _;
use sha2::Sha256;
use std::collections::HashMap;
use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// Bytes that sealing adds to a value: nonce and tag.
pub(crate) const SEAL_BYTES: usize = 24 + 16;

/// Seals values under one key.
#[derive(Clone)]
pub(crate) struct Sealer(XChaCha20Poly1305);

impl Sealer {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// A sealer whose key is kept nowhere: for files that only this process reads.
    pub(crate) fn passing() -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rand::rng().fill_bytes(key.as_mut());
        Self::new(&key)
    }

    pub(crate) fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, ReadError> {
        let mut nonce = [0; 24];
        rand::rng().fill_bytes(&mut nonce);
        let sealed = self.0.encrypt(XNonce::from_slice(&nonce), plain);
        let sealed = sealed.map_err(|_| ReadError::damaged("a value", "it could not be sealed"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    pub(crate) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(24)?;
        self.0.decrypt(XNonce::from_slice(nonce), sealed).ok()
    }
}

/// The keys of one source's bucket.
pub(crate) struct BucketKeys {
    identity: age::x25519::Identity,
    /// Seals record values; none where the store is not encrypted.
    pub(crate) sealer: Option<Sealer>,
    salts: Hmac<Sha256>,
}

impl fmt::Debug for BucketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BucketKeys(***)")
    }
}

impl BucketKeys {
    fn new(identity: age::x25519::Identity, encrypted: bool) -> Self {
        let text = identity.to_string();
        let derive = |purpose: &str| {
            let mut key = Zeroizing::new([0; 32]);
            let hkdf = hkdf::Hkdf::<Sha256>::new(None, text.expose_secret().as_bytes());
            // 32 bytes is one block of SHA-256, which HKDF always has.
            let _ = hkdf.expand(purpose.as_bytes(), key.as_mut());
            key
        };
        // HMAC fills a short key up with zeros (RFC 2104 section 2), so this is the 32-byte key.
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(derive("exhibit/1/salts").as_slice());
        let salts = <Hmac<Sha256> as hmac::digest::KeyInit>::new(block.as_slice().into());
        Self { sealer: encrypted.then(|| Sealer::new(&derive("exhibit/1/records"))), salts, identity }
    }

    /// Salts of the records of one kind: HMAC-SHA-256 over kind, newline, record key.
    pub(crate) fn salter(&self, kind: &Kind) -> Salter {
        let mut mac = self.salts.clone();
        mac.update(kind.to_string().as_bytes());
        mac.update(b"\n");
        Salter(mac)
    }

    /// An age writer to this bucket.
    pub(crate) fn encrypt<W: std::io::Write>(&self, to: W) -> std::io::Result<age::stream::StreamWriter<W>> {
        let recipient = self.identity.to_public();
        let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient));
        encryptor.map_err(std::io::Error::other)?.wrap_output(to)
    }

    /// An age reader of this bucket's pack.
    pub(crate) fn decrypt<R: std::io::Read>(
        &self,
        from: R,
    ) -> Result<age::stream::StreamReader<R>, age::DecryptError> {
        age::Decryptor::new(from)?.decrypt(std::iter::once(&self.identity as &dyn age::Identity))
    }
}

/// Makes the salts of one kind's records.
#[derive(Clone)]
pub(crate) struct Salter(Hmac<Sha256>);

impl Salter {
    pub(crate) fn salt(&self, key: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(key);
        mac.finalize().into_bytes().into()
    }
}

/// The folder `keys/`, and the keys that were opened.
pub(crate) struct KeyRing {
    dir: PathBuf,
    recipient: Option<age::x25519::Recipient>,
    identity: Option<age::x25519::Identity>,
    open: Mutex<HashMap<(String, String), Arc<BucketKeys>>>,
    points: Points,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("dir", &self.dir).finish_non_exhaustive()
    }
}

fn locked(owner: &str, bucket: &str, reason: &str) -> ReadError {
    ReadError::Locked { owner: owner.to_owned(), bucket: bucket.to_owned(), reason: reason.to_owned() }
}

/// Reads an age recipient, `age1…`.
pub(crate) fn recipient(text: &str) -> Result<age::x25519::Recipient, String> {
    text.parse()
        .map_err(|e: &str| format!("`{text}` is not an age X25519 recipient ({e}); they begin with age1"))
}

impl KeyRing {
    pub(crate) fn new(
        dir: PathBuf,
        to: Option<&str>,
        identity: Option<&Secret>,
        points: Points,
    ) -> Result<Self, String> {
        let recipient = to.map(recipient).transpose()?;
        let parse = |secret: &Secret| {
            secret.expose().trim().parse::<age::x25519::Identity>().map_err(|e| {
                format!(
                    "the age identity cannot be read ({e}); it is one line beginning with AGE-SECRET-KEY-1"
                )
            })
        };
        let identity = identity.map(parse).transpose()?;
        if let (Some(identity), Some(recipient)) = (&identity, &recipient) {
            let given = identity.to_public().to_string();
            if given != recipient.to_string() {
                return Err(format!(
                    "the age identity given is that of {given}, and this store's recipient is {recipient}"
                ));
            }
        }
        Ok(Self { dir, recipient, identity, open: Mutex::default(), points })
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.recipient.is_some()
    }

    fn path(&self, owner: &str, bucket: &str) -> PathBuf {
        let ending = if self.is_encrypted() { "key.age" } else { "key" };
        self.dir.join(owner).join(format!("{bucket}.{ending}"))
    }

    /// The keys of a bucket that exists.
    pub(crate) fn get(&self, owner: &str, bucket: &str) -> Result<Arc<BucketKeys>, ReadError> {
        self.find(owner, bucket)?
            .ok_or_else(|| ReadError::KeyGone { owner: owner.to_owned(), bucket: bucket.to_owned() })
    }

    /// The keys of a bucket, made and written where it is new.
    pub(crate) fn get_or_make(&self, owner: &str, bucket: &str) -> Result<Arc<BucketKeys>, ReadError> {
        if let Some(keys) = self.find(owner, bucket)? {
            return Ok(keys);
        }
        if self.is_encrypted() && self.identity.is_none() {
            // It could be made, and would be of no use to the next process.
            return Err(locked(owner, bucket, "no identity was given"));
        }
        let identity = age::x25519::Identity::generate();
        let path = self.path(owner, bucket);
        let text = identity.to_string();
        let bytes = match &self.recipient {
            None => Zeroizing::new(format!("{}\n", text.expose_secret()).into_bytes()),
            Some(recipient) => {
                let wrap = || -> std::io::Result<Vec<u8>> {
                    let to = std::iter::once(recipient as &dyn age::Recipient);
                    let encryptor = age::Encryptor::with_recipients(to).map_err(std::io::Error::other)?;
                    let mut out = encryptor.wrap_output(Vec::new())?;
                    out.write_all(format!("{}\n", text.expose_secret()).as_bytes())?;
                    out.finish()
                };
                Zeroizing::new(wrap().map_err(ReadError::io(&path))?)
            }
        };
        let write = || {
            files::create_dirs(&self.dir.join(owner))?;
            files::replace_private(&path, &bytes)
        };
        self.points.pass(Step::Key, write).map_err(ReadError::io(&path))?;
        Ok(self.keep(owner, bucket, identity))
    }

    fn keep(&self, owner: &str, bucket: &str, identity: age::x25519::Identity) -> Arc<BucketKeys> {
        let keys = Arc::new(BucketKeys::new(identity, self.is_encrypted()));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(open.entry((owner.to_owned(), bucket.to_owned())).or_insert(keys))
    }

    fn find(&self, owner: &str, bucket: &str) -> Result<Option<Arc<BucketKeys>>, ReadError> {
        let name = (owner.to_owned(), bucket.to_owned());
        if let Some(keys) = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return Ok(Some(Arc::clone(keys)));
        }
        let path = self.path(owner, bucket);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ReadError::Io { path, source }),
        };
        let identity = self.unwrap(owner, bucket, &path, &bytes)?;
        Ok(Some(self.keep(owner, bucket, identity)))
    }

    /// Reads a key file's bytes.
    fn unwrap(
        &self,
        owner: &str,
        bucket: &str,
        path: &Path,
        bytes: &[u8],
    ) -> Result<age::x25519::Identity, ReadError> {
        let damaged = |reason: String| ReadError::damaged(path.display().to_string(), reason);
        let mut text = Zeroizing::new(String::new());
        if self.is_encrypted() {
            let identity = self.identity.as_ref();
            let identity = identity.ok_or_else(|| locked(owner, bucket, "no identity was given"))?;
            let decryptor = age::Decryptor::new(bytes).map_err(|e| damaged(e.to_string()))?;
            let mut reader = match decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)) {
                Ok(reader) => reader,
                Err(age::DecryptError::NoMatchingKeys) => {
                    return Err(locked(owner, bucket, "it is wrapped to another recipient than the store's"));
                }
                Err(e) => return Err(damaged(e.to_string())),
            };
            reader.read_to_string(&mut text).map_err(|e| damaged(e.to_string()))?;
        } else {
            let plain = std::str::from_utf8(bytes).map_err(|e| damaged(e.to_string()))?;
            text.push_str(plain);
        }
        let line = text.strip_suffix('\n').ok_or_else(|| damaged("its line does not end".into()))?;
        line.parse().map_err(|e: &str| damaged(e.to_owned()))
    }

    /// Opens every key file, and says which cannot be; for `check`.
    pub(crate) fn names(&self) -> Result<Vec<(String, String)>, ReadError> {
        let ending = if self.is_encrypted() { ".key.age" } else { ".key" };
        let mut names = Vec::new();
        for path in files::walk(&self.dir).map_err(ReadError::io(&self.dir))? {
            let text = path.to_string_lossy();
            if let Some((owner, file)) = text.split_once('/')
                && let Some(bucket) = file.strip_suffix(ending)
            {
                names.push((owner.to_owned(), bucket.to_owned()));
            }
        }
        Ok(names)
    }

    /// Reads a bucket's key file again, past what is held open.
    pub(crate) fn read_again(&self, owner: &str, bucket: &str) -> Result<(), ReadError> {
        let path = self.path(owner, bucket);
        let bytes = Zeroizing::new(std::fs::read(&path).map_err(ReadError::io(&path))?);
        self.unwrap(owner, bucket, &path, &bytes).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_s_key_is_made_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let ring = |identity: Option<&Secret>, to: Option<&str>| {
            KeyRing::new(dir.path().to_owned(), to, identity, Points::default()).unwrap()
        };
        let kind: Kind = "a.b@1".parse().unwrap();
        let salt = |keys: Arc<BucketKeys>| keys.salter(&kind).salt(b"k");
        let first = salt(ring(None, None).get_or_make("okta", "2026-Q1").unwrap());
        assert_eq!(salt(ring(None, None).get("okta", "2026-Q1").unwrap()), first);
        assert_ne!(salt(ring(None, None).get_or_make("okta", "2026-Q2").unwrap()), first);
        assert!(matches!(ring(None, None).get("okta", "2026-Q3"), Err(ReadError::KeyGone { .. })));
    }

    #[test]
    fn salts_are_the_ledger_s() {
        use exhibit_evidence::record::RecordKey;
        let identity = age::x25519::Identity::generate();
        let mut derived = [0; 32];
        let hkdf = hkdf::Hkdf::<Sha256>::new(None, identity.to_string().expose_secret().as_bytes());
        hkdf.expand(b"exhibit/1/salts", &mut derived).unwrap();
        let kind: Kind = "a.b@1".parse().unwrap();
        let expected =
            exhibit_ledger::record_leaf::BucketKey::new(derived).salt(&kind, &RecordKey("00u1".into()));
        assert_eq!(BucketKeys::new(identity, false).salter(&kind).salt(b"00u1"), expected.0);
    }

    #[test]
    fn a_wrapped_key_needs_its_identity() {
        let dir = tempfile::tempdir().unwrap();
        let operator = age::x25519::Identity::generate();
        let to = operator.to_public().to_string();
        let secret =
            |identity: &age::x25519::Identity| Secret::new(identity.to_string().expose_secret().to_owned());
        let ring = |identity: Option<&Secret>| {
            KeyRing::new(dir.path().to_owned(), Some(&to), identity, Points::default())
        };
        let operator = secret(&operator);
        assert!(matches!(ring(None).unwrap().get_or_make("okta", "2026-Q1"), Err(ReadError::Locked { .. })));
        let keys = ring(Some(&operator)).unwrap().get_or_make("okta", "2026-Q1").unwrap();
        let sealed = keys.sealer.as_ref().unwrap().seal(b"line").unwrap();
        assert_eq!(sealed.len(), 4 + SEAL_BYTES);
        assert!(matches!(ring(None).unwrap().get("okta", "2026-Q1"), Err(ReadError::Locked { .. })));
        let again = ring(Some(&operator)).unwrap().get("okta", "2026-Q1").unwrap();
        assert_eq!(again.sealer.as_ref().unwrap().open(&sealed).unwrap(), b"line");
        let stranger = secret(&age::x25519::Identity::generate());
        assert!(ring(Some(&stranger)).unwrap_err().contains(&to));
        let file = std::fs::read(dir.path().join("okta/2026-Q1.key.age")).unwrap();
        assert!(file.starts_with(b"age-encryption.org/v1\n"));
    }
}
