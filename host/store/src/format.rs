//! The `format` file: which version of the store's form this is, and what never changes about it.
//!
//! One canonical JSON line. A store of a later version is refused; one of an earlier version is migrated
//! when it is opened (there is none before version 1).

use crate::error::{OpenError, ReadError};
use crate::files;
use exhibit_evidence::canonical;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Version of the whole folder's form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FormatVersion(pub u32);

impl FormatVersion {
    /// The version that this crate writes.
    pub const CURRENT: Self = Self(1);
}

/// The `format` file's content.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Format {
    /// Version of the folder's form.
    pub format: FormatVersion,
    /// Origin of the log: the signing key's name.
    pub origin: String,
    /// age recipient (`age1…`) to whom the bucket keys are wrapped; none: content is not encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// Made under a simulated clock against made-up systems.
    pub simulated: bool,
}

#[derive(Deserialize)]
struct VersionOnly {
    format: FormatVersion,
}

impl Format {
    pub(crate) const FILE: &'static str = "format";

    /// The file's content.
    pub(crate) fn line(&self) -> Result<Vec<u8>, ReadError> {
        let line = canonical::to_bytes(self);
        let mut line = line.map_err(|e| ReadError::damaged(Self::FILE, e.to_string()))?;
        line.push(b'\n');
        Ok(line)
    }

    pub(crate) fn write(&self, dir: &Path) -> Result<(), ReadError> {
        let path = dir.join(Self::FILE);
        files::replace(&path, &self.line()?).map_err(ReadError::io(&path))
    }

    pub(crate) fn read(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join(Self::FILE);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(OpenError::NoStore(dir.to_owned()));
            }
            Err(source) => return Err(ReadError::Io { path, source }.into()),
        };
        let damaged = |reason: String| ReadError::damaged(path.display().to_string(), reason);
        let version: VersionOnly = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
        if version.format > FormatVersion::CURRENT {
            return Err(OpenError::Newer {
                path: dir.to_owned(),
                found: version.format.0,
                known: FormatVersion::CURRENT.0,
            });
        }
        let format: Self = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
        if version.format != FormatVersion::CURRENT || format.line()? != bytes {
            return Err(damaged("it is not the line that Exhibit writes".into()).into());
        }
        Ok(format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_and_refuses() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Format::read(dir.path()), Err(OpenError::NoStore(_))));
        let format = Format {
            format: FormatVersion::CURRENT,
            origin: "example.com/exhibit".into(),
            recipient: None,
            simulated: false,
        };
        format.write(dir.path()).unwrap();
        let path = dir.path().join("format");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "{\"format\":1,\"origin\":\"example.com/exhibit\",\"simulated\":false}\n");
        assert_eq!(Format::read(dir.path()).unwrap(), format);
        std::fs::write(&path, text.replace(":1,", ":2,")).unwrap();
        assert!(matches!(Format::read(dir.path()), Err(OpenError::Newer { found: 2, .. })));
        std::fs::write(&path, "{\"format\":1}").unwrap();
        assert!(matches!(Format::read(dir.path()), Err(OpenError::Read(ReadError::Damaged { .. }))));
    }
}
