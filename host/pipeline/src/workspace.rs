//! The operator's workspace: a folder with the settings, the controls, the sources, the approvals and the store.
//!
//! ```text
//! exhibit.toml            the organisation, the ledger's origin, where keys and data are
//! exhibit.lock            approvals: which component may ask what (written by `exhibit source approve`)
//! controls/*.toml         what the organisation does
//! sources/NAME.toml       one source each
//! connectors/DIGEST.wasm  the components that were added
//! keys/                   signing key (encrypted), its public part, the operator's age identity
//! data/                   the store
//! ```
//!
//! Reading is strict: a key that nobody knows is an error with file and line, never ignored.

use crate::source::SourceConfig;
use exhibit_broker::grant::lock::{Lock, LockError};
use exhibit_controls::{Catalogue, CatalogueError};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
pub use exhibit_settings::workspace::{
    Alert as AlertConfig, AlertEvent, Config, Encryption, Oidc, Person, Service as ServiceConfig, Signing,
    Timestamping,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The file that makes a folder a workspace.
pub const CONFIG_FILE: &str = "exhibit.toml";
/// The file of approvals.
pub const LOCK_FILE: &str = "exhibit.lock";

/// A workspace that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// No workspace here.
    #[error("{0} is not an Exhibit workspace: it has no {CONFIG_FILE}")]
    NotFound(PathBuf),
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file does not say what it should.
    #[error("{file}:{line}: {what}")]
    Invalid {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
        /// What to do.
        hint: String,
    },
    /// The catalogue of controls.
    #[error(transparent)]
    Controls(#[from] CatalogueError),
    /// A component's file is not what its name says.
    #[error("{path} holds a component with digest {found}: it was changed after it was added")]
    ComponentChanged {
        /// The file.
        path: PathBuf,
        /// The digest of what it holds.
        found: Digest,
    },
    /// A source that is not there.
    #[error("there is no source `{name}`; the sources are: {known}")]
    NoSource {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
}

impl WorkspaceError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound(_) => {
                Some("run `exhibit init DIR` to make one, or name one with --workspace DIR".into())
            }
            Self::Invalid { hint, .. } => Some(hint.clone()),
            Self::Controls(error) => Some(error.hint.clone()),
            Self::NoSource { .. } => Some("add it with `exhibit source add`".into()),
            Self::ComponentChanged { .. } => {
                Some("delete it, and add the component again from where you trust it".into())
            }
            Self::Io { .. } => None,
        }
    }
}

/// A workspace on disk.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
    config: Config,
}

impl Workspace {
    /// Opens the workspace at `root`.
    pub fn open(root: &Path) -> Result<Self, WorkspaceError> {
        let file = root.join(CONFIG_FILE);
        if !file.is_file() {
            return Err(WorkspaceError::NotFound(root.to_owned()));
        }
        let config = read_toml(&file)?;
        Ok(Self { root: root.to_owned(), config })
    }

    /// Makes a workspace at `root`: its folders, `exhibit.toml`, and the starter controls. Never overwrites.
    pub fn create(root: &Path, config: Config) -> Result<Self, WorkspaceError> {
        for folder in ["controls", "sources", "connectors", "keys"] {
            create_dir(&root.join(folder))?;
        }
        let text = toml::to_string(&config).map_err(|error| WorkspaceError::Invalid {
            file: root.join(CONFIG_FILE),
            line: 1,
            what: error.to_string(),
            hint: "use plain text for the organisation's name and the origin".into(),
        })?;
        write_new(&root.join(CONFIG_FILE), text.as_bytes())?;
        for (name, text) in exhibit_controls::STARTER {
            write_new(&root.join("controls").join(name), text.as_bytes())?;
        }
        Ok(Self { root: root.to_owned(), config })
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A path of the settings, from the workspace.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    /// The store's folder.
    pub fn data_dir(&self) -> PathBuf {
        self.resolve(&self.config.data)
    }

    /// The folder of compiled components. It can be deleted at any time.
    pub fn cache_dir(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// The file of a component.
    pub fn component_file(&self, digest: &Digest) -> PathBuf {
        self.root.join("connectors").join(format!("{digest}.wasm"))
    }

    /// The bytes of a component, checked against its digest.
    pub fn component(&self, digest: &Digest) -> Result<Vec<u8>, WorkspaceError> {
        let path = self.component_file(digest);
        let bytes = std::fs::read(&path).map_err(|error| WorkspaceError::Io { path: path.clone(), error })?;
        let found = Digest::of(&bytes);
        if found == *digest { Ok(bytes) } else { Err(WorkspaceError::ComponentChanged { path, found }) }
    }

    /// Adds a component under its digest; adding it again changes nothing.
    pub fn add_component(&self, bytes: &[u8]) -> Result<Digest, WorkspaceError> {
        let digest = Digest::of(bytes);
        let path = self.component_file(&digest);
        if !path.exists() {
            replace(&path, bytes)?;
        }
        Ok(digest)
    }

    /// Every component that was added, by digest.
    pub fn components(&self) -> Result<Vec<Digest>, WorkspaceError> {
        let mut digests: Vec<Digest> = list(&self.root.join("connectors"), "wasm")?
            .iter()
            .filter_map(|path| path.file_stem()?.to_str()?.parse().ok())
            .collect();
        digests.sort();
        Ok(digests)
    }

    /// The catalogue of controls, checked against `kinds`.
    pub fn controls(&self, kinds: &BTreeSet<Kind>) -> Result<Catalogue, WorkspaceError> {
        let mut texts = Vec::new();
        for path in list(&self.root.join("controls"), "toml")? {
            let name = path.strip_prefix(&self.root).unwrap_or(&path).display().to_string();
            texts.push((name, read_text(&path)?));
        }
        Ok(Catalogue::read(texts.iter().map(|(name, text)| (name.as_str(), text.as_str())), kinds)?)
    }

    /// Every source, by name.
    pub fn sources(&self) -> Result<BTreeMap<SourceName, SourceConfig>, WorkspaceError> {
        let mut sources = BTreeMap::new();
        for path in list(&self.root.join("sources"), "toml")? {
            let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
            let name: SourceName = stem.parse().map_err(|error| WorkspaceError::Invalid {
                file: path.clone(),
                line: 1,
                what: format!("{error}"),
                hint: "rename the file: it names the source".into(),
            })?;
            sources.insert(name, read_toml(&path)?);
        }
        Ok(sources)
    }

    /// One source.
    pub fn source(&self, name: &SourceName) -> Result<SourceConfig, WorkspaceError> {
        let file = self.source_file(name);
        if !file.is_file() {
            let known: Vec<String> = self.sources()?.keys().map(ToString::to_string).collect();
            let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
            return Err(WorkspaceError::NoSource { name: name.to_string(), known });
        }
        read_toml(&file)
    }

    /// The file of a source.
    pub fn source_file(&self, name: &SourceName) -> PathBuf {
        self.root.join("sources").join(format!("{name}.toml"))
    }

    /// Writes the file of a new source; never overwrites.
    pub fn add_source(&self, name: &SourceName, text: &str) -> Result<(), WorkspaceError> {
        write_new(&self.source_file(name), text.as_bytes())
    }

    /// The file of approvals.
    pub fn lock_file(&self) -> PathBuf {
        self.root.join(LOCK_FILE)
    }

    /// The approvals; none where there is no file yet.
    pub fn lock(&self) -> Result<Lock, WorkspaceError> {
        let file = self.lock_file();
        if !file.exists() {
            return Ok(Lock::default());
        }
        let text = read_text(&file)?;
        Lock::parse(&text).map_err(|error| {
            let (line, what) = match &error {
                LockError::Read(error) => {
                    (exhibit_settings::line_of(&text, error), error.message().trim().to_owned())
                }
                other => (1, other.to_string()),
            };
            let hint = "restore it from version control, or approve the sources again".into();
            WorkspaceError::Invalid { file, line, what, hint }
        })
    }

    /// The files that say what is collected and how, by their place in the workspace, with their digests: settings,
    /// approvals, controls and sources.
    pub fn files(&self) -> Result<BTreeMap<String, Digest>, WorkspaceError> {
        let mut paths = vec![self.root.join(CONFIG_FILE), self.root.join(LOCK_FILE)];
        for folder in ["controls", "sources"] {
            paths.extend(list(&self.root.join(folder), "toml")?);
        }
        let mut files = BTreeMap::new();
        for path in paths.into_iter().filter(|path| path.exists()) {
            let bytes =
                std::fs::read(&path).map_err(|error| WorkspaceError::Io { path: path.clone(), error })?;
            let name = path.strip_prefix(&self.root).unwrap_or(&path).display().to_string();
            files.insert(name, Digest::of(&bytes));
        }
        Ok(files)
    }

    /// Replaces the approvals, whole or not at all.
    pub fn write_lock(&self, text: &str) -> Result<(), WorkspaceError> {
        replace(&self.lock_file(), text.as_bytes())
    }
}

/// Reads a TOML file; an error names file and line.
pub(crate) fn read_toml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, WorkspaceError> {
    exhibit_settings::read(&read_text(path)?).map_err(|error| WorkspaceError::Invalid {
        file: path.to_owned(),
        line: error.line,
        what: error.what,
        hint: "correct or remove that line; README.md lists every key under \"The workspace\"".into(),
    })
}

fn read_text(path: &Path) -> Result<String, WorkspaceError> {
    std::fs::read_to_string(path).map_err(|error| WorkspaceError::Io { path: path.to_owned(), error })
}

fn create_dir(path: &Path) -> Result<(), WorkspaceError> {
    std::fs::create_dir_all(path).map_err(|error| WorkspaceError::Io { path: path.to_owned(), error })
}

/// Files of this extension in a folder, sorted; none where the folder is absent.
fn list(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, WorkspaceError> {
    let io = |error| WorkspaceError::Io { path: folder.to_owned(), error };
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|e| e == extension) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Writes a file that must not be there yet.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), WorkspaceError> {
    use std::io::Write as _;
    let io = |error| WorkspaceError::Io { path: path.to_owned(), error };
    let mut file = std::fs::File::options().write(true).create_new(true).open(path).map_err(io)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io)
}

/// Replaces a file: whole or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), WorkspaceError> {
    let io = |error| WorkspaceError::Io { path: path.to_owned(), error };
    let part = path.with_extension("part");
    let write = || -> std::io::Result<()> {
        use std::io::Write as _;
        let mut file = std::fs::File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, path)?;
        if let Some(folder) = path.parent() {
            std::fs::File::open(folder)?.sync_all()?;
        }
        Ok(())
    };
    write().map_err(io)
}
