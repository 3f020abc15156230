//! A recording in memory: for runs that are performed again at once, and leave nothing behind.

use crate::record::{ExchangeSink, Recording, SinkError};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Answer, Exchange, ExchangeId, Walk};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Exchanges with their bodies, to be read again by a re-performed run. Walks are not kept.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    exchanges: BTreeMap<ExchangeId, Exchange>,
    bodies: BTreeMap<Digest, Vec<u8>>,
}

impl Memory {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was exchanged, in the order of [`ExchangeId`].
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.kept().exchanges.values().cloned().collect()
    }
}

impl ExchangeSink for Memory {
    fn exchange(
        &self,
        exchange: &Exchange,
        request_body: Option<&[u8]>,
        body: Option<&[u8]>,
    ) -> Result<(), SinkError> {
        let mut kept = self.kept();
        if let (Some(digest), Some(bytes)) = (exchange.request_body, request_body) {
            kept.bodies.insert(digest, bytes.to_vec());
        }
        if let (Answer::Response { body: digest, .. }, Some(bytes)) = (&exchange.answer, body) {
            kept.bodies.insert(*digest, bytes.to_vec());
        }
        kept.exchanges.insert(exchange.id, exchange.clone());
        Ok(())
    }

    fn walk(&self, _walk: &Walk) -> Result<(), SinkError> {
        Ok(())
    }
}

impl Recording for Memory {
    fn exchange(&self, id: ExchangeId) -> Option<Exchange> {
        self.kept().exchanges.get(&id).cloned()
    }

    fn body(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.kept().bodies.get(digest).cloned()
    }
}
