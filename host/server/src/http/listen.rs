//! Connections: accepted within bounds, with TLS where there are certificates, ended when the service ends.

use super::{Options, ServeError};
use axum::Router;
use axum::extract::Request;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

/// Connections at once, where the system allows so many open files.
const CONNECTIONS: usize = 20_000;
/// Files that everything else may have open.
const FILES: u64 = 512;
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const HEAD_BYTES: usize = 64 << 10;
/// How long requests may go on once the service ends.
const GRACE: Duration = Duration::from_secs(10);
/// How often certificates are looked at.
const CERTIFICATES: Duration = Duration::from_secs(60);

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Certificate and key, PEM files. They are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that lead to its root.
    pub certificates: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A listener that is not served yet.
pub struct Bound {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    pub(crate) options: Options,
}

impl Bound {
    /// Listens.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn new(options: Options) -> Result<Self, ServeError> {
        let tls = options.tls.as_ref().map(Tls::read).transpose()?.map(Arc::new);
        let at = options.listen;
        let listener = TcpListener::bind(at).await.map_err(|error| ServeError::Listen { at, error })?;
        Ok(Self { listener, tls, options })
    }

    /// Where it listens: the port that the system chose, where 0 was asked for.
    ///
    /// # Errors
    /// [`ServeError::Listen`].
    pub fn address(&self) -> Result<SocketAddr, ServeError> {
        let at = self.options.listen;
        self.listener.local_addr().map_err(|error| ServeError::Listen { at, error })
    }

    /// Serves until `shutdown`, and then until what goes on is answered, for at most ten seconds.
    pub(crate) async fn run(self, router: Router, shutdown: impl Future<Output = ()>) {
        let room = Arc::new(Semaphore::new(connections()));
        let (stop, stopped) = watch::channel(());
        let mut shutdown = std::pin::pin!(shutdown);
        let mut certificates = tokio::time::interval(CERTIFICATES);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                _ = certificates.tick() => {
                    if let Some(tls) = &self.tls {
                        tls.refresh();
                    }
                    continue;
                }
                accepted = accept(&self.listener, &room) => accepted,
            };
            let Some((stream, peer, permit)) = accepted else { continue };
            let (router, tls, stopped) = (router.clone(), self.tls.clone(), stopped.clone());
            let head = self.options.patience.head;
            tokio::spawn(async move {
                let peer = Peer(peer.ip());
                connection(stream, Door { peer, head, router, stopped }, tls).await;
                drop(permit);
            });
        }
        drop(stopped);
        drop(self.listener);
        let _ = stop.send(());
        let _ = tokio::time::timeout(GRACE, stop.closed()).await;
    }
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

/// The next connection, once there is room for it.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<Accepted> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, permit)),
        Err(_) => {
            // Mostly: no file is left to open. Others close theirs meanwhile.
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

/// How many connections there may be: what the system allows, less what the store needs.
fn connections() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let most = files.map_or(u64::MAX, |files| files.saturating_sub(FILES).max(64));
    usize::try_from(most).unwrap_or(usize::MAX).min(CONNECTIONS)
}

/// What a connection is served with.
struct Door {
    peer: Peer,
    head: Duration,
    router: Router,
    stopped: watch::Receiver<()>,
}

async fn connection(stream: TcpStream, door: Door, tls: Option<Arc<Tls>>) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return speak(stream, door).await };
    let acceptor = TlsAcceptor::from(tls.config());
    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        speak(stream, door).await;
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, door: Door) {
    let Door { peer, head, router, mut stopped } = door;
    let answer = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(peer);
        let router = router.clone();
        async move { router.oneshot(request).await as Result<_, Infallible> }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // What went wrong on a connection is its client's affair.
        _ = connection.as_mut() => return,
        _ = stopped.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// TLS as the files say that were read last.
struct Tls {
    files: TlsFiles,
    read: RwLock<(Vec<Option<SystemTime>>, Arc<ServerConfig>)>,
}

impl Tls {
    fn read(files: &TlsFiles) -> Result<Self, ServeError> {
        let read = RwLock::new((changed(files), config(files)?));
        Ok(Self { files: files.clone(), read })
    }

    fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.read.read().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// Takes new files. Where they are no good, the old certificate goes on: they may be half written.
    fn refresh(&self) {
        let now = changed(&self.files);
        let known = self.read.read().unwrap_or_else(PoisonError::into_inner).0.clone();
        if now != known
            && let Ok(config) = config(&self.files)
        {
            *self.read.write().unwrap_or_else(PoisonError::into_inner) = (now, config);
        }
    }
}

fn changed(files: &TlsFiles) -> Vec<Option<SystemTime>> {
    let when = |path: &Path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    vec![when(&files.certificates), when(&files.key)]
}

fn config(files: &TlsFiles) -> Result<Arc<ServerConfig>, ServeError> {
    let fail = |path: &Path, reason: String| ServeError::Tls { path: path.to_owned(), reason };
    let (chain_file, key_file) = (files.certificates.as_path(), files.key.as_path());
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(chain_file)
        .and_then(Iterator::collect)
        .map_err(|error| fail(chain_file, error.to_string()))?;
    if chain.is_empty() {
        return Err(fail(chain_file, "it has no certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|error| fail(key_file, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fail(chain_file, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| fail(chain_file, error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
