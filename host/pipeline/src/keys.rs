//! The operator's age identity, and the signing key that it opens. Both stay in memory for as long as the
//! process needs them and are wiped when dropped.

use crate::workspace::Workspace;
use exhibit_evidence::secret::Secret;
use exhibit_ledger::key::{KeyError, SigningKey};

/// Why the signing key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenKeyError {
    /// The identity cannot be read from where the settings say.
    #[error("the age identity under [signing] cannot be read: {0}")]
    Identity(String),
    /// The key's file cannot be read.
    #[error("{file}: {error}")]
    File {
        /// The file.
        file: std::path::PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The identity does not open the file.
    #[error("{file} does not open with the identity under [signing]: {reason}")]
    Locked {
        /// The file.
        file: std::path::PathBuf,
        /// Why.
        reason: String,
    },
    /// What the file holds is not a signing key.
    #[error("{file} holds no signing key: {error}")]
    Key {
        /// The file.
        file: std::path::PathBuf,
        /// Why.
        error: KeyError,
    },
}

/// The operator's identity.
pub fn identity(workspace: &Workspace) -> Result<age::x25519::Identity, OpenKeyError> {
    let reference = &workspace.config().signing.identity;
    let text = crate::source::read_secret(workspace, reference).map_err(OpenKeyError::Identity)?;
    let line = text.expose().lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap_or_default();
    line.parse().map_err(|reason: &str| OpenKeyError::Identity(format!("`{reference}`: {reason}")))
}

/// The signing key.
pub fn signing_key(
    workspace: &Workspace,
    identity: &age::x25519::Identity,
) -> Result<SigningKey, OpenKeyError> {
    let file = workspace.resolve(&workspace.config().signing.key);
    let sealed = std::fs::read(&file).map_err(|error| OpenKeyError::File { file: file.clone(), error })?;
    let locked = |reason: String| OpenKeyError::Locked { file: file.clone(), reason };
    let opened = age::decrypt(identity, &sealed).map_err(|error| locked(error.to_string()))?;
    let text = String::from_utf8(opened).map_err(|_| locked("its content is not text".to_owned()))?;
    let text = Secret::new(text.trim().to_owned());
    SigningKey::from_text(&text).map_err(|error| OpenKeyError::Key { file, error })
}
