//! A record's leaf in the tree of its snapshot (not in the ledger's), salted.
//!
//! ```text
//! salt = HMAC-SHA-256(bucket key, "<kind>\n<record key>")
//! leaf = SHA-256(0x00 ‖ salt ‖ SHA-256(canonical line without its newline))
//! ```
//!
//! A proof of one record shows its neighbours' leaves. Without the salt, whoever holds the proof could guess a
//! neighbour's line and confirm it. A package discloses the salts of the records that it discloses, never the
//! key.

use crate::tree::leaf_hash;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::record::{CanonicalRecord, RecordKey};
use hmac::{Hmac, Mac};
use std::fmt;
use zeroize::Zeroizing;

/// The key of a retention bucket that salts its records' leaves. Wiped when dropped, prints as `***`.
#[derive(Clone)]
pub struct BucketKey(Zeroizing<[u8; 32]>);

impl BucketKey {
    /// Takes 32 random bytes over.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, to be encrypted and stored.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The salt of the record of this kind and key.
    pub fn salt(&self, kind: &Kind, key: &RecordKey) -> Salt {
        let mut bytes = [0; 32];
        // HMAC takes keys of any length; the error is one that 32 bytes cannot give.
        if let Ok(mut mac) = Hmac::<sha2::Sha256>::new_from_slice(self.0.as_slice()) {
            mac.update(format!("{kind}\n{}", key.as_str()).as_bytes());
            bytes = mac.finalize().into_bytes().into();
        }
        Salt(bytes)
    }

    /// The leaf of a record.
    pub fn leaf(&self, record: &CanonicalRecord) -> Digest {
        self.salt(&record.kind, &record.key).leaf(&record.digest())
    }
}

impl fmt::Debug for BucketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BucketKey(***)")
    }
}

/// A record's salt. Disclosed with the record. Written as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 32]);

impl Salt {
    /// The leaf of a record with this salt, whose canonical line has this digest.
    pub fn leaf(&self, line: &Digest) -> Digest {
        leaf_hash([self.0, *line.as_bytes()].concat())
    }

    /// A line for a POSIX shell with GNU coreutils that prints the leaf of the record whose canonical line is
    /// `line`, recomputed from that line.
    pub fn shell_check(&self, line: &str) -> String {
        self.shell_check_of(&format!("printf %s {}", quoted(line)))
    }

    /// The same for line `number` (from 1) of an exported file of canonical lines.
    pub fn shell_check_in_file(&self, file: &str, number: u64) -> String {
        self.shell_check_of(&format!("sed -n {number}p {} | tr -d '\\n'", quoted(file)))
    }

    fn shell_check_of(&self, prints_line: &str) -> String {
        let salt: String = self.0.iter().map(|byte| format!("\\{byte:03o}")).collect();
        format!(
            "{{ printf '\\000{salt}'; {prints_line} | sha256sum | cut -c1-64 | tr a-f A-F | basenc -d --base16; }} | sha256sum"
        )
    }
}

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Salt({self})")
    }
}

impl std::str::FromStr for Salt {
    type Err = exhibit_evidence::digest::ParseDigestError;

    /// Reads 64 lower-case hex digits.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<Digest>().map(|digits| Self(digits.0))
    }
}

impl serde::Serialize for Salt {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Salt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Digest::deserialize(deserializer).map(|digits| Self(digits.0))
    }
}

/// One word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn kind() -> Kind {
        "identity.account@1".parse().unwrap()
    }

    #[test]
    fn salt_is_the_hmac_that_python_computes() {
        // python3 -c "import hmac,hashlib;print(hmac.new(bytes(range(32)),b'identity.account@1\n00u1',hashlib.sha256).hexdigest())"
        let key = BucketKey::new(std::array::from_fn(|i| i as u8));
        let salt = key.salt(&kind(), &RecordKey("00u1".into()));
        assert_eq!(salt.to_string(), "164ae3a2a3ff2187bcf1cb5d4175d851906a614dd922665594bfc312f17f2ce0");
        assert_eq!(salt.to_string().parse::<Salt>().unwrap(), salt);
        assert_eq!(format!("{key:?}"), "BucketKey(***)");
    }

    #[test]
    fn the_auditor_s_line_prints_the_leaf() {
        let key = BucketKey::new([7; 32]);
        let line = r#"{"attributes":{"name":"Ada's ⟨é⟩ \\ %s $HOME `x` \"q\""},"native_id":"-e\\n"}"#;
        let record = CanonicalRecord {
            kind: kind(),
            key: RecordKey("-e\\n".into()),
            line: line.as_bytes().to_vec(),
            origins: Vec::new(),
        };
        let salt = key.salt(&record.kind, &record.key);
        let expected = format!("{}  -\n", key.leaf(&record));
        assert_eq!(sh(&salt.shell_check(line)), expected);
        assert_ne!(sh(&salt.shell_check(&line.replace("Ada", "Bob"))), expected);

        let file = std::env::temp_dir().join(format!("record-leaf-{}.jsonl", std::process::id()));
        std::fs::write(&file, format!("{{}}\n{line}\n{{}}\n")).unwrap();
        let in_file = sh(&salt.shell_check_in_file(file.to_str().unwrap(), 2));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(in_file, expected);
    }

    fn sh(command: &str) -> String {
        let output = Command::new("sh").args(["-c", command]).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}
