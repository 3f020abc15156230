//! Whom a client trusts over TLS (rustls with ring).
//!
//! Trust comes from the operating system's store (`rustls-platform-verifier`) and not from a list compiled
//! in: an operator's own authority, for a self-hosted system or an inspecting gateway, is then trusted here
//! as everywhere on that machine, and a distrusted one is dropped by the system's updates.

use super::LiveError;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The system's store is read again when it was last read so long ago: it takes milliseconds, and changes with the
/// system's updates.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// TLS sessions that one client may take up again.
const SESSIONS: usize = 32;

/// The authorities that the operating system trusts, and others named here. They are read when the first connection
/// needs them, and then again every ten minutes. One for many transports spares each the reading and the memory.
pub struct Trust {
    extra: Vec<CertificateDer<'static>>,
    read: Mutex<Option<(Instant, ClientConfig)>>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust(the system and {} more)", self.extra.len())
    }
}

impl Default for Trust {
    fn default() -> Self {
        Self::system()
    }
}

impl Trust {
    /// The system's authorities alone.
    pub fn system() -> Self {
        Self { extra: Vec::new(), read: Mutex::default() }
    }

    /// Those of a PEM text beside the system's.
    ///
    /// # Errors
    /// [`LiveError::ExtraCa`].
    pub fn with_pem(pem: &[u8]) -> Result<Self, LiveError> {
        let mut extra = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            extra.push(certificate.map_err(|e| LiveError::ExtraCa(e.to_string()))?);
        }
        if extra.is_empty() {
            return Err(LiveError::ExtraCa("it holds no certificate".to_owned()));
        }
        Ok(Self { extra, read: Mutex::default() })
    }

    /// The settings of one client; it shares no sessions with others.
    pub(super) fn config(&self) -> Result<ClientConfig, String> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let mut config = match &*read {
            Some((at, config)) if at.elapsed() < FRESH => config.clone(),
            _ => {
                let config = self.load().map_err(|e| {
                    format!(
                        "no authorities to trust for TLS: {e}. Install the system's CA certificates (package ca-certificates)"
                    )
                })?;
                read.insert((Instant::now(), config)).1.clone()
            }
        };
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(config)
    }

    fn load(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let extra = self.extra.iter().cloned();
        let verifier =
            rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(&provider))?;
        Ok(ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth())
    }
}

/// For the client of clear text, which must be given settings and never uses them: it trusts nobody.
pub(super) fn nobody() -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| e.to_string())?;
    Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}
