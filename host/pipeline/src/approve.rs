//! Approval: a person reads what a component asks for, and it is pinned, by digest, in `exhibit.lock` and in the
//! ledger.

use crate::host::Host;
use crate::source::{Source, SourceError};
use exhibit_broker::grant::lock::{Approval, Difference, Lock, Review};
use exhibit_evidence::canonical::Value;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::SourceName;
use exhibit_ledger::statement::{LeafKind, Statement};
