//! Manual evidence: a file that a person attaches to a control's collection period. The file is kept in the store, and
//! what was said of it is a leaf of the ledger.

use crate::host::Host;
use exhibit_evidence::control::ControlId;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::period::CollectionPeriod;
use exhibit_ledger::statement::{LeafKind, Statement};
pub use exhibit_ledger::upload::Upload;
use exhibit_store::{Document, ReadError, Store};
use jiff::civil::Date;

/// Bytes of the largest file that can be attached.
pub const MAX_BYTES: usize = 32 << 20;
/// Characters of what is said in a line.
const LINE: usize = 200;
/// Characters of a note.
const NOTE: usize = 2000;

/// What a person says of the file that they attach.
#[derive(Clone, Debug)]
pub struct Attach {
    /// The control that it proves.
    pub control: ControlId,
    /// The collection period that it fills: one of the control's own.
    pub period: CollectionPeriod,
    /// The file's name, without folders.
    pub file: String,
    /// The day that the document is of.
    pub effective: Date,
    /// The last day on which it holds; none: it does not lapse.
    pub expires: Option<Date>,
    /// The document's own revision.
    pub revision: Option<String>,
    /// Who says that it is what it claims to be; none: who attaches it.
    pub attested_by: Option<String>,
    /// What else there is to say.
    pub note: Option<String>,
}

/// A file that was attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Its leaf in the ledger.
    pub leaf: u64,
    /// Its name.
    pub file: String,
    /// SHA-256 of it.
    pub digest: Digest,
    /// What was said of it.
    pub upload: Upload,
}

/// Why a file is not attached. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// No such control.
    #[error("there is no control {0}; `exhibit status` lists them")]
    NoControl(ControlId),
    /// What is said does not fit.
    #[error("{0}")]
    Wrong(String),
    /// The same file is attached already.
    #[error("this file is attached to {period} of {control} already: leaf {leaf}")]
    Again {
        /// The control.
        control: ControlId,
        /// The period.
        period: CollectionPeriod,
        /// Where.
        leaf: u64,
    },
    /// The store cannot be read or written.
    #[error("the file cannot be kept: {0}")]
    Store(String),
}

/// Attaches a file, `by` whom.
///
/// # Errors
/// [`AttachError`].
pub fn attach(host: &Host, said: &Attach, bytes: &[u8], by: &str) -> Result<Attached, AttachError> {
    check(host, said, bytes)?;
    let failed = |error: &dyn std::fmt::Display| AttachError::Store(error.to_string());
    let digest = Digest::of(bytes);
    let known = uploads(&host.store).map_err(|error| failed(&error))?;
    let same = |other: &&Attached| {
        let of = (&other.upload.control, other.upload.period, other.digest);
        of == (&said.control, said.period, digest) && other.upload.revision == said.revision
    };
    if let Some(other) = known.iter().find(same) {
        let (control, period) = (said.control.clone(), said.period);
        return Err(AttachError::Again { control, period, leaf: other.leaf });
    }
    let upload = Upload {
        control: said.control.clone(),
        period: said.period,
        bytes: bytes.len() as u64,
        effective: said.effective,
        expires: said.expires,
        revision: said.revision.clone(),
        attested_by: said.attested_by.clone().unwrap_or_else(|| by.to_owned()),
        note: said.note.clone(),
        uploaded_at: host.clock.now(),
        uploaded_by: by.to_owned(),
    };
    let statement = upload.statement(&said.file, digest).map_err(|error| failed(&error))?;
    let leaf = statement.to_leaf(&host.signer).map_err(|error| failed(&error))?;
    let document = Document { bytes, at: upload.uploaded_at };
    let committed = host.store.append_leaf(&leaf, Some(document)).map_err(|error| failed(&error))?;
    Ok(Attached { leaf: committed.leaf, file: said.file.clone(), digest, upload })
}

fn check(host: &Host, said: &Attach, bytes: &[u8]) -> Result<(), AttachError> {
    let wrong = |what: String| Err(AttachError::Wrong(what));
    let control =
        host.controls.get(&said.control).ok_or_else(|| AttachError::NoControl(said.control.clone()))?;
    let span = said.period.span();
    let own = control.frequency.period_at(span.start);
    if own != said.period {
        return wrong(format!(
            "{} is no collection period of {}: its periods are like {own}",
            said.period, control.id
        ));
    }
    if span.start > host.clock.now() {
        return wrong(format!("{} has not begun", said.period));
    }
    let last = span.end.plus_ms(-1).date();
    if said.effective > last {
        return wrong(format!(
            "a document of {} says nothing of {}, which ends on {last}",
            said.effective, said.period
        ));
    }
    if let Some(expires) = said.expires {
        if expires < said.effective {
            return wrong(format!(
                "it lapses on {expires}, before the day that it is of, {}",
                said.effective
            ));
        }
        if expires < span.start.date() {
            return wrong(format!("it lapsed on {expires}, before {} began", said.period));
        }
    }
    if bytes.is_empty() || bytes.len() > MAX_BYTES {
        return wrong(format!("the file has {} bytes: 1 to {MAX_BYTES} can be attached", bytes.len()));
    }
    is_name(&said.file)?;
    for (what, text, most) in [
        ("revision", &said.revision, LINE),
        ("who attests", &said.attested_by, LINE),
        ("note", &said.note, NOTE),
    ] {
        let Some(text) = text else { continue };
        let fits = !text.trim().is_empty()
            && text.chars().count() <= most
            && !text.chars().any(|c| c.is_control() && !(c == '\n' && most == NOTE));
        if !fits {
            return wrong(format!("{what}: write 1 to {most} characters, without control characters"));
        }
    }
    Ok(())
}

/// A file's name, and nothing that leads out of a folder or breaks a line.
fn is_name(file: &str) -> Result<(), AttachError> {
    let fits = !matches!(file.trim(), "" | "." | "..")
        && file.chars().count() <= LINE
        && !file.chars().any(|c| c.is_control() || matches!(c, '/' | '\\'));
    if fits {
        Ok(())
    } else {
        Err(AttachError::Wrong(format!(
            "a file's name has 1 to {LINE} characters, without `/`, `\\` and control characters"
        )))
    }
}

/// Every attached file, in the order of their leaves.
///
/// # Errors
/// [`ReadError`].
pub fn uploads(store: &Store) -> Result<Vec<Attached>, ReadError> {
    let mut all = Vec::new();
    for leaf in store.leaves(Some(LeafKind::Upload))? {
        // Whoever wrote a leaf of a form that is not known here, it fills nothing here.
        let Ok(statement) = Statement::from_leaf_unverified(&store.statement(leaf.index)?) else { continue };
        if let (Some(upload), Some(subject)) = (Upload::of(&statement), statement.subject()) {
            let (file, digest) = (subject.name.clone(), subject.digest);
            all.push(Attached { leaf: leaf.index, file, digest, upload });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere() {
        for good in ["minutes.pdf", "Protokoll März (2).pdf", "...x"] {
            assert!(is_name(good).is_ok(), "{good}");
        }
        for bad in ["", " ", ".", "..", "../x", "a/b", "a\\b", "a\nb", "a\0", &"x".repeat(201)] {
            assert!(is_name(bad).is_err(), "{bad:?}");
        }
    }
}
