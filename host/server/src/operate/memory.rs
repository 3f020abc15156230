//! What a service remembers of itself beside the ledger: `service/state.json` in the data folder. It is a convenience:
//! without it the next start reads more of the store, and knows less exactly until when this one was alive.

use exhibit_evidence::name::SourceName;
use exhibit_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// When the service was last known to be alive.
    pub alive_at: Option<Timestamp>,
    /// Until when the slots of each source are settled, and written down.
    #[serde(default)]
    pub settled_until: BTreeMap<SourceName, Timestamp>,
}

/// The service's own folder in the data folder.
pub fn folder(data: &Path) -> PathBuf {
    data.join("service")
}

impl Memory {
    /// What the service before this one left; nothing where it cannot be read.
    pub fn read(data: &Path) -> Self {
        let text = std::fs::read(folder(data).join("state.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Replaces what is remembered. It is not synced: what a power cut leaves is an earlier one, or none.
    pub(crate) fn write(&self, data: &Path) -> std::io::Result<()> {
        let folder = folder(data);
        std::fs::create_dir_all(&folder)?;
        let part = folder.join("state.json.part");
        std::fs::File::create(&part)?.write_all(&serde_json::to_vec(self)?)?;
        std::fs::rename(part, folder.join("state.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_torn_is_forgotten() {
        let dir = std::env::temp_dir().join(format!("exhibit-memory-{}", std::process::id()));
        let alive_at = Some(Timestamp::from_ms(5));
        let settled_until = BTreeMap::from([("okta-prod".parse().unwrap(), Timestamp::from_ms(7))]);
        let memory = Memory { alive_at, settled_until };
        memory.write(&dir).unwrap();
        assert_eq!(Memory::read(&dir), memory);
        std::fs::write(folder(&dir).join("state.json"), b"{\"alive_at\":").unwrap();
        assert_eq!(Memory::read(&dir), Memory::default());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
