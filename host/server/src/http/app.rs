//! What every handler has at hand.

use super::Options;
use super::api::exports::Exports;
use super::oidc::{Pending, Provider};
use super::problem::Problem;
use super::routes::Route;
use super::session::Sessions;
use super::throttle::Throttle;
use super::tokens::Tokens;
use crate::service::Service;
use bytes::Bytes;
use exhibit_pipeline::host::Host;
use std::sync::Arc;

/// The service and its doors. Cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    service: Service,
    options: Options,
    tokens: Tokens,
    sessions: Sessions,
    throttle: Throttle,
    exports: Exports,
    provider: Option<Provider>,
    pending: Pending,
    routes: Vec<Route>,
    document: Bytes,
}

impl App {
    pub(crate) fn new(service: Service, options: Options, routes: Vec<Route>, document: Bytes) -> Self {
        let tokens = Tokens::of(&service.host().workspace.data_dir());
        let sessions = Sessions::new(options.is_https(), options.session, options.session_idle);
        let throttle = Throttle::default();
        let clock = Arc::clone(&service.host().clock);
        let provider = options.oidc.clone().map(|oidc| Provider::new(oidc, clock));
        let pending = Pending::default();
        let exports = Exports::of(&service.host().workspace.data_dir());
        Self {
            inner: Arc::new(Inner {
                service,
                options,
                tokens,
                sessions,
                throttle,
                exports,
                provider,
                pending,
                routes,
                document,
            }),
        }
    }

    /// The service.
    pub fn service(&self) -> &Service {
        &self.inner.service
    }

    /// The workspace as it was last read.
    pub fn host(&self) -> Arc<Host> {
        self.inner.service.host()
    }

    /// How it is listened.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// Who may do what.
    pub fn tokens(&self) -> &Tokens {
        &self.inner.tokens
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.inner.sessions
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.inner.throttle
    }

    pub(crate) fn provider(&self) -> Option<&Provider> {
        self.inner.provider.as_ref()
    }

    pub(crate) fn pending(&self) -> &Pending {
        &self.inner.pending
    }

    pub(crate) fn exports(&self) -> &Exports {
        &self.inner.exports
    }

    /// Everything that is served.
    pub fn routes(&self) -> &[Route] {
        &self.inner.routes
    }

    pub(crate) fn document(&self) -> Bytes {
        self.inner.document.clone()
    }

    /// Reads the store, which blocks, where that hurts nobody.
    ///
    /// # Errors
    /// What `read` says; or that it panicked.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Host) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let host = self.host();
        tokio::task::spawn_blocking(move || read(&host))
            .await
            .unwrap_or_else(|_| Err(Problem::failed("it failed for a reason of its own; the log has more")))
    }
}

impl axum::extract::FromRef<App> for Service {
    fn from_ref(app: &App) -> Self {
        app.service().clone()
    }
}
