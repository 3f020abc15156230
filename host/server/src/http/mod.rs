//! The HTTP side: who listens, who asks, what is answered.
//!
//! | module | holds |
//! | --- | --- |
//! | [`listen`] | connections, TLS, the end |
//! | [`mod@routes`] | the one list of routes, each with who may ask |
//! | `guard` | what holds for every request and answer |
//! | [`viewer`] | who asks, and whether they may |
//! | [`tokens`], `session` | how someone shows who they are |
//! | `csrf`, `throttle` | requests that nobody meant, tokens that are guessed |
//! | `login` | a token becomes a session |
//! | [`oidc`] | an identity provider's word becomes one |
//! | [`problem`] | what went wrong, RFC 9457 |
//! | [`extract`] | what a request carries |
//! | `record` | changes of tokens, in the ledger |
//! | `openapi` | the API's description |
//! | `api` | the API |
//! | `actions` | what the forms of the pages do |

mod actions;
pub(crate) mod api;
pub mod app;
mod csrf;
pub mod extract;
mod guard;
pub mod listen;
mod login;
pub mod oidc;
mod openapi;
pub mod problem;
mod record;
pub mod routes;
mod session;
mod throttle;
pub mod tokens;
pub mod viewer;

pub use app::App;
pub use guard::Client;
pub use listen::{Bound, Peer, TlsFiles};
pub use oidc::Oidc;
pub use problem::Problem;
pub use routes::{Access, Route, Routes};
pub use session::Session;
pub use viewer::Viewer;

use crate::pages;
use crate::service::Service;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware;
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes of a request's body, where a route does not say otherwise.
const BODY_BYTES: usize = 256 << 10;

/// How the service listens.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where.
    pub listen: SocketAddr,
    /// Certificate and key; none: plain HTTP, which is refused beyond loopback where no proxy is trusted.
    pub tls: Option<TlsFiles>,
    /// Proxies that are believed when they say whose request they hand on.
    pub trusted_proxies: Vec<IpNet>,
    /// The address that browsers use, `https://exhibit.example.com`, where a proxy is in between.
    pub public_url: Option<String>,
    /// How long a person stays signed in.
    pub session: Duration,
    /// How long a person stays signed in without doing anything.
    pub session_idle: Duration,
    /// How long clients are waited for.
    pub patience: Patience,
    /// An identity provider that signs people in; none: tokens alone do.
    pub oidc: Option<Oidc>,
}

/// How long clients are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the head of a request; also how long a connection may be idle.
    pub head: Duration,
    /// For a body that pauses.
    pub pause: Duration,
    /// For a whole body.
    pub body: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            pause: Duration::from_secs(20),
            body: Duration::from_secs(10 * 60),
        }
    }
}

impl Options {
    /// Plain HTTP at `listen`.
    pub fn at(listen: SocketAddr) -> Self {
        Self {
            listen,
            tls: None,
            trusted_proxies: Vec::new(),
            public_url: None,
            session: Duration::from_secs(12 * 60 * 60),
            session_idle: Duration::from_secs(2 * 60 * 60),
            patience: Patience::default(),
            oidc: None,
        }
    }

    /// Whether browsers reach the service by https.
    pub fn is_https(&self) -> bool {
        self.tls.is_some() || self.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
    }

    /// Plain HTTP is for this machine, and for a proxy that speaks TLS in its place.
    fn check(&self) -> Result<(), ServeError> {
        let is_open = !self.listen.ip().to_canonical().is_loopback();
        if is_open && self.tls.is_none() && self.trusted_proxies.is_empty() {
            return Err(ServeError::Exposed(self.listen));
        }
        Ok(())
    }
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("cannot listen at {at}: {error}")]
    Listen {
        /// The address.
        at: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// Tokens would cross the network in the clear.
    #[error(
        "listening at {0} without TLS would send tokens in the clear: name a certificate and key, or the \
         trusted proxy that has them, or listen at 127.0.0.1"
    )]
    Exposed(SocketAddr),
    /// A certificate or key that cannot be used.
    #[error("{}: {reason}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The API's description cannot be written.
    #[error("the API's description cannot be written: {0}")]
    Document(#[from] serde_json::Error),
}

/// Listens, and serves until `shutdown`.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    service: Service,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    bind(options).await?.serve(service, shutdown).await
}

/// Listens, so that the address is known before anything is served.
///
/// # Errors
/// [`ServeError`].
pub async fn bind(options: Options) -> Result<Bound, ServeError> {
    options.check()?;
    Bound::new(options).await
}

impl Bound {
    /// Serves until `shutdown`, and then until what goes on is answered, for at most ten seconds.
    ///
    /// # Errors
    /// [`ServeError::Document`].
    pub async fn serve(self, service: Service, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let (app, router) = router(service, self.options.clone())?;
        let recording = tokio::spawn(record::watch(app));
        self.run(router, shutdown).await;
        recording.abort();
        Ok(())
    }
}

/// Everything that is served. Who has routes adds them here.
fn all_routes() -> Routes {
    let routes = Routes::default()
        .page(Method::GET, "/healthz", Access::Open, api::health::live)
        .page(Method::GET, "/readyz", Access::Open, api::health::ready)
        .page(Method::GET, "/metrics", Access::Watch, api::health::numbers)
        .page(Method::GET, "/login", Access::Open, login::form)
        .page(Method::POST, "/login", Access::Open, login::sign_in)
        .page(Method::GET, "/login/oidc", Access::Open, oidc::begin)
        .page(Method::GET, oidc::BACK, Access::Open, oidc::back)
        .page(Method::POST, "/logout", Access::SignedIn, login::sign_out);
    pages::routes(actions::routes(api::routes(routes)))
}

/// The list of everything that is served.
pub fn routes() -> Vec<Route> {
    all_routes().list().to_vec()
}

fn router(service: Service, options: Options) -> Result<(App, axum::Router), ServeError> {
    let routes = all_routes();
    let list = routes.list().to_vec();
    let (router, document) = routes.into_parts();
    let document = openapi::document(document)?.into();
    let app = App::new(service, options, list, document);
    let router = router
        .fallback(|request: Request| async move {
            Problem::not_found(format!("there is nothing at {}", request.uri().path()))
        })
        .method_not_allowed_fallback(|request: Request| async move {
            let told = format!("{} is not for {}", request.uri().path(), request.method());
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, told)
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(middleware::from_fn_with_state(app.clone(), viewer::identify))
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .with_state(app.clone());
    Ok((app, router))
}

/// Whether it is a browser that asks for a page.
pub(crate) fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}
