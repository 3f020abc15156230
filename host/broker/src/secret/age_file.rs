//! Entries of a file encrypted with age (age-encryption.org/v1), armoured or not, for X25519 recipients.

use super::SecretError;
use age::armor::ArmoredReader;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// The value of `key` in the encrypted file.
pub(super) fn entry(
    path: &Path,
    key: &str,
    encrypted: &[u8],
    identity: &[u8],
) -> Result<Zeroizing<String>, SecretError> {
    let plain = decrypt(path, encrypted, identity)?;
    let mut entries = entries(&plain).ok_or_else(|| SecretError::Form(path.to_owned()))?;
    entries.remove(key).ok_or_else(|| SecretError::NoEntry {
        path: path.to_owned(),
        key: key.to_owned(),
        entries: entries.keys().cloned().collect::<Vec<_>>().join(", "),
    })
}

fn decrypt(path: &Path, encrypted: &[u8], identity: &[u8]) -> Result<Zeroizing<String>, SecretError> {
    let fail = |reason: String| SecretError::Decrypt { path: path.to_owned(), reason };
    let identities = age::IdentityFile::from_buffer(identity)
        .map_err(|e| fail(format!("the identity file cannot be read: {e}")))?
        .into_identities()
        .map_err(|e| fail(e.to_string()))?;
    let decryptor =
        age::Decryptor::new_buffered(ArmoredReader::new(encrypted)).map_err(|e| fail(e.to_string()))?;
    let mut reader = decryptor
        .decrypt(identities.iter().map(|identity| identity.as_ref() as &dyn age::Identity))
        .map_err(|e| fail(e.to_string()))?;
    let mut plain = Zeroizing::new(String::new());
    reader.read_to_string(&mut plain).map_err(|e| fail(e.to_string()))?;
    Ok(plain)
}

/// A parser's own error would repeat the line, so it is dropped.
fn entries(plain: &str) -> Option<BTreeMap<String, Zeroizing<String>>> {
    if plain.trim_start().starts_with('{') {
        serde_json::from_str(plain).ok()
    } else {
        toml::from_str(plain).ok()
    }
}
