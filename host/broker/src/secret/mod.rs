//! Where secrets come from: references in configuration, never values.
//!
//! | reference | is |
//! | --- | --- |
//! | `env:OKTA_TOKEN` | an environment variable |
//! | `file:/run/secrets/okta` | a file's content, without its last line break |
//! | `age:/etc/exhibit/secrets.age#okta` | an entry of a file encrypted with age: JSON or TOML, `name = "value"` |
//!
//! Files that others can read are refused, unless the vault is told otherwise (mounted secrets of container
//! platforms are often mode 0444). Values never enter a message.

mod age_file;

use exhibit_evidence::secret::Secret;
use serde::Deserialize;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The longest secret and the longest file of secrets, in bytes.
const SECRET_BYTES_MAX: u64 = 1 << 20;

/// Where one secret is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file.
    File(PathBuf),
    /// An entry of an age-encrypted file.
    Age {
        /// The file.
        path: PathBuf,
        /// The entry.
        key: String,
    },
}

/// A text that is not a reference. It does not repeat the text, which may be a secret put there by mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a secret is given by reference, never as text: write env:NAME, file:/absolute/path or age:/absolute/path#entry"
)]
pub struct ParseSecretRefError;

impl FromStr for SecretRef {
    type Err = ParseSecretRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once(':').ok_or(ParseSecretRefError)?;
        let absolute = |path: &str| {
            let path = PathBuf::from(path);
            if path.is_absolute() { Ok(path) } else { Err(ParseSecretRefError) }
        };
        match scheme {
            "env" if !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
                Ok(Self::Env(rest.to_owned()))
            }
            "file" => Ok(Self::File(absolute(rest)?)),
            "age" => match rest.rsplit_once('#') {
                Some((path, key)) if !key.is_empty() => {
                    Ok(Self::Age { path: absolute(path)?, key: key.to_owned() })
                }
                _ => Err(ParseSecretRefError),
            },
            _ => Err(ParseSecretRefError),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Age { path, key } => write!(f, "age:{}#{key}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a secret cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error(
        "environment variable {0} is not set. Set it for this process, or refer to a file (file:/path, age:/path#entry)"
    )]
    Unset(String),
    /// Set, and empty.
    #[error("{0} is empty")]
    Empty(SecretRef),
    /// Line breaks or control characters where a header or parameter wants one line.
    #[error("{0} is not UTF-8 text")]
    NotText(SecretRef),
    /// The file cannot be read.
    #[error("{path} cannot be read: {cause}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Others can read the file.
    #[error("{path} can be read by others (mode {mode:04o}). Run: chmod 600 {path}", path = path.display())]
    Loose {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Beyond the most that a file of secrets may have.
    #[error("{path} is larger than 1 MiB, which no file of secrets is", path = .0.display())]
    Large(PathBuf),
    /// No identity to decrypt with.
    #[error("{path} is encrypted, and no identity file is configured. Name the file that `age-keygen` wrote", path = .0.display())]
    NoIdentity(PathBuf),
    /// The age file does not open.
    #[error("{path} cannot be decrypted: {reason}", path = path.display())]
    Decrypt {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What was decrypted is neither JSON nor TOML of texts.
    #[error("{path} was decrypted, and is not a list of entries: write TOML lines, name = \"value\", or a JSON object of texts", path = .0.display())]
    Form(PathBuf),
    /// The entry is not there.
    #[error("{path} has no entry `{key}`. It has: {entries}", path = path.display())]
    NoEntry {
        /// The file.
        path: PathBuf,
        /// The entry wanted.
        key: String,
        /// The entries that there are.
        entries: String,
    },
}

/// Reads an environment variable.
type Environment = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Reads secrets.
#[derive(Clone)]
pub struct Vault {
    environment: Arc<Environment>,
    identity: Option<PathBuf>,
    loose_files: bool,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("identity", &self.identity)
            .field("loose_files", &self.loose_files)
            .finish_non_exhaustive()
    }
}

impl Vault {
    /// A vault over this process's environment.
    pub fn of_process() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }

    /// A vault over the environment that `read` tells of.
    pub fn new(read: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { environment: Arc::new(read), identity: None, loose_files: false }
    }

    /// With the identity file (as `age-keygen` writes it) that opens `age:` references.
    pub fn with_identity(mut self, path: impl Into<PathBuf>) -> Self {
        self.identity = Some(path.into());
        self
    }

    /// Accepts files that others can read.
    pub fn with_loose_files(mut self) -> Self {
        self.loose_files = true;
        self
    }

    /// The secret that `reference` is about.
    pub fn read(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        let value = match reference {
            SecretRef::Env(name) => {
                Zeroizing::new((self.environment)(name).ok_or_else(|| SecretError::Unset(name.clone()))?)
            }
            SecretRef::File(path) => {
                let bytes = self.read_file(path)?;
                let text = str::from_utf8(&bytes).map_err(|_| SecretError::NotText(reference.clone()))?;
                Zeroizing::new(text.to_owned())
            }
            SecretRef::Age { path, key } => {
                let identity =
                    self.identity.as_deref().ok_or_else(|| SecretError::NoIdentity(path.clone()))?;
                let encrypted = self.read_encrypted(path)?;
                let identity = self.read_file(identity)?;
                age_file::entry(path, key, &encrypted, &identity)?
            }
        };
        let trimmed = value.strip_suffix('\n').map_or(value.as_str(), |v| v.strip_suffix('\r').unwrap_or(v));
        if trimmed.is_empty() {
            return Err(SecretError::Empty(reference.clone()));
        }
        Ok(Secret::new(trimmed.to_owned()))
    }

    /// A file that must be nobody else's.
    fn read_file(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let file = open(path)?;
        if !self.loose_files {
            check_mode(path, &file)?;
        }
        read_bounded(path, file)
    }

    /// A file whose content is encrypted; anyone may read it.
    fn read_encrypted(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        read_bounded(path, open(path)?)
    }
}

fn open(path: &Path) -> Result<std::fs::File, SecretError> {
    std::fs::File::open(path).map_err(|cause| SecretError::Read { path: path.to_owned(), cause })
}

fn read_bounded(path: &Path, file: std::fs::File) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(SECRET_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| SecretError::Read { path: path.to_owned(), cause })?;
    if bytes.len() as u64 > SECRET_BYTES_MAX { Err(SecretError::Large(path.to_owned())) } else { Ok(bytes) }
}

/// The open file's own mode, so that nobody swaps the file between check and reading.
#[cfg(unix)]
fn check_mode(path: &Path, file: &std::fs::File) -> Result<(), SecretError> {
    use std::os::unix::fs::MetadataExt;
    let meta = file.metadata().map_err(|cause| SecretError::Read { path: path.to_owned(), cause })?;
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 != 0 { Err(SecretError::Loose { path: path.to_owned(), mode }) } else { Ok(()) }
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &std::fs::File) -> Result<(), SecretError> {
    Ok(())
}

/// A text in configuration that is no secret, and may be given by reference all the same: a user name, an
/// access key's id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Text {
    /// As it is.
    Literal(String),
    /// By reference.
    Ref(SecretRef),
}

impl Text {
    /// The text itself.
    pub fn read(&self, vault: &Vault) -> Result<String, SecretError> {
        match self {
            Self::Literal(text) => Ok(text.clone()),
            Self::Ref(reference) => vault.read(reference).map(|secret| secret.expose().to_owned()),
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let by_reference = ["env:", "file:", "age:"].iter().any(|prefix| text.starts_with(prefix));
        if by_reference {
            return text.parse().map(Self::Ref).map_err(serde::de::Error::custom);
        }
        Ok(Self::Literal(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn vault() -> Vault {
        Vault::new(|name| match name {
            "TOKEN" => Some("hunter2\n".to_owned()),
            "EMPTY" => Some("\n".to_owned()),
            _ => None,
        })
    }

    #[cfg(unix)]
    fn file(dir: &Path, name: &str, content: &[u8], mode: u32) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = dir.join(name);
        std::fs::File::create(&path).unwrap().write_all(content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn references() {
        for good in ["env:OKTA_TOKEN", "file:/run/secrets/a b", "age:/x/y.age#okta.token"] {
            assert_eq!(good.parse::<SecretRef>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "hunter2",
            "env:",
            "env:A B",
            "file:relative",
            "age:/x",
            "age:/x#",
            "age:x#y",
            "vault:/x",
            "https://x",
        ] {
            let error = bad.parse::<SecretRef>().unwrap_err().to_string();
            assert!(bad.is_empty() || !error.contains("hunter2"), "{error}");
        }
        let error = serde_json::from_str::<SecretRef>("\"sk-live-123\"").unwrap_err().to_string();
        assert!(error.contains("by reference") && !error.contains("sk-live"), "{error}");
    }

    #[test]
    fn environment() {
        assert_eq!(vault().read(&"env:TOKEN".parse().unwrap()).unwrap().expose(), "hunter2");
        let unset = vault().read(&"env:NOPE".parse().unwrap()).unwrap_err().to_string();
        assert!(unset.starts_with("environment variable NOPE is not set. Set it"), "{unset}");
        assert!(matches!(vault().read(&"env:EMPTY".parse().unwrap()), Err(SecretError::Empty(_))));
    }

    #[cfg(unix)]
    #[test]
    fn files_of_one_owner() {
        let dir = tempfile::tempdir().unwrap();
        let tight = SecretRef::File(file(dir.path(), "tight", b"line 1\nline 2\r\n", 0o600));
        let loose = SecretRef::File(file(dir.path(), "loose", b"x", 0o644));
        assert_eq!(vault().read(&tight).unwrap().expose(), "line 1\nline 2");
        let error = vault().read(&loose).unwrap_err().to_string();
        assert!(error.contains("mode 0644") && error.contains("chmod 600"), "{error}");
        assert_eq!(vault().with_loose_files().read(&loose).unwrap().expose(), "x");
        let absent = vault().read(&SecretRef::File(dir.path().join("absent"))).unwrap_err();
        assert!(matches!(absent, SecretError::Read { .. }));
        let binary = SecretRef::File(file(dir.path(), "binary", b"\xff\xfe", 0o600));
        assert!(matches!(vault().read(&binary), Err(SecretError::NotText(_))));
        let large = SecretRef::File(file(dir.path(), "large", &vec![b'x'; 1 << 21], 0o600));
        assert!(matches!(vault().read(&large), Err(SecretError::Large(_))));
    }

    #[cfg(unix)]
    #[test]
    fn age_files() {
        use age::secrecy::ExposeSecret;
        let dir = tempfile::tempdir().unwrap();
        let key = age::x25519::Identity::generate();
        let identity = file(dir.path(), "identity", key.to_string().expose_secret().as_bytes(), 0o600);
        let seal = |name: &str, plain: &str| {
            let bytes = age::encrypt(&key.to_public(), plain.as_bytes()).unwrap();
            file(dir.path(), name, &bytes, 0o644)
        };
        let toml = seal("toml.age", "okta = \"hunter2\"\n\"jira.token\" = \"x\"\n");
        let json = seal("json.age", r#"{"okta": "hunter3"}"#);
        let armored = file(
            dir.path(),
            "armored.age",
            age::encrypt_and_armor(&key.to_public(), b"okta = \"hunter4\"").unwrap().as_bytes(),
            0o644,
        );
        let vault = vault().with_identity(&identity);
        let read =
            |path: &Path, key: &str| vault.read(&SecretRef::Age { path: path.to_owned(), key: key.into() });
        assert_eq!(read(&toml, "okta").unwrap().expose(), "hunter2");
        assert_eq!(read(&toml, "jira.token").unwrap().expose(), "x");
        assert_eq!(read(&json, "okta").unwrap().expose(), "hunter3");
        assert_eq!(read(&armored, "okta").unwrap().expose(), "hunter4");

        let missing = read(&toml, "aws").unwrap_err().to_string();
        assert!(missing.contains("no entry `aws`") && missing.contains("jira.token, okta"), "{missing}");
        assert!(matches!(read(&seal("list.age", "[1, 2]"), "x"), Err(SecretError::Form(_))));
        let leaky = read(&seal("bad.age", "okta = hunter9"), "okta").unwrap_err().to_string();
        assert!(!leaky.contains("hunter9"), "{leaky}");

        let other = age::x25519::Identity::generate();
        let other = file(dir.path(), "other", other.to_string().expose_secret().as_bytes(), 0o600);
        let reference = SecretRef::Age { path: toml.clone(), key: "okta".into() };
        let stranger = Vault::new(|_| None).with_identity(other).read(&reference).unwrap_err();
        assert!(matches!(stranger, SecretError::Decrypt { .. }), "{stranger}");
        let truncated = file(dir.path(), "cut.age", &std::fs::read(&toml).unwrap()[..150], 0o644);
        assert!(matches!(read(&truncated, "okta"), Err(SecretError::Decrypt { .. })));
        assert!(matches!(Vault::new(|_| None).read(&reference), Err(SecretError::NoIdentity(_))));
        let loose = file(dir.path(), "loose", key.to_string().expose_secret().as_bytes(), 0o640);
        assert!(matches!(
            Vault::new(|_| None).with_identity(loose).read(&reference),
            Err(SecretError::Loose { .. })
        ));
    }
}
