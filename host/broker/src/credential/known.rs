//! All secret values that this transport knows, configured or obtained, for scrubbing.

use crate::scrub::Scrubber;
use exhibit_evidence::secret::Secret;
use std::sync::{Arc, Mutex, PoisonError};

/// Tokens are obtained as a run goes on, so the scrubber is made again when one joins.
pub(crate) struct KnownSecrets(Mutex<(Vec<Secret>, Option<Arc<Scrubber>>)>);

impl KnownSecrets {
    pub(crate) fn new(secrets: Vec<Secret>) -> Self {
        Self(Mutex::new((secrets, None)))
    }

    /// Adds a secret, before it first leaves.
    pub(crate) fn add(&self, secret: &Secret) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.0.iter().any(|other| other.expose() == secret.expose()) {
            known.0.push(secret.clone());
            known.1 = None;
        }
    }

    pub(crate) fn scrub(&self, bytes: Vec<u8>) -> (Vec<u8>, bool) {
        let scrubber = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let (secrets, made) = &mut *known;
            Arc::clone(made.get_or_insert_with(|| Arc::new(Scrubber::new(secrets.clone()))))
        };
        scrubber.scrub(bytes)
    }
}
