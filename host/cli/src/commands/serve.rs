//! `exhibit serve`: the service, until it is told to stop.

use crate::args::{LogLevel, Serve};
use crate::exit::{FAILED, Problem};
use anyhow::{Context as _, Result};
use exhibit_pipeline::host::{Host, HostError};
use exhibit_pipeline::source::read_secret;
use exhibit_pipeline::workspace::{Oidc, Person, Workspace};
use exhibit_server::http;
use exhibit_server::http::tokens::Role;
use exhibit_server::operate::{End, Options, alerts, operate};
use exhibit_server::service::{Act, Service};
use exhibit_store::OpenError;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// How long the loop sleeps at most.
const TICK: Duration = Duration::from_secs(5);
/// How long whoever still reads the store is waited for before it is opened again.
const REOPEN: Duration = Duration::from_secs(60);

pub(crate) async fn run(at: &Path, args: &Serve) -> Result<ExitCode> {
    log(args.log);
    let (stop, stopped) = watch::channel(false);
    let (terminate, interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let mut reload = listen(SignalKind::hangup())?;
    tokio::spawn(stop_on(terminate, interrupt, stop));
    // Runs have threads of their own, so that answers do not wait for guests.
    let runs = tokio::runtime::Builder::new_multi_thread().thread_name("run").enable_all().build()?;
    let served = loop {
        match serve(at, &runs, &mut reload, stopped.clone()).await {
            Ok(End::Stopped) => break Ok(ExitCode::SUCCESS),
            Ok(End::Reopen) => tracing::warn!("the store is opened again"),
            Err(error) => break Err(error),
        }
    };
    runs.shutdown_background();
    served
}

/// The service around the store, opened once.
async fn serve(
    at: &Path,
    runs: &Runtime,
    reload: &mut Signal,
    stopped: watch::Receiver<bool>,
) -> Result<End> {
    let bound = http::bind(listener(&Workspace::open(at)?)?).await?;
    let address = bound.address()?;
    let host = open(at).await?;
    tracing::info!(%address, "listening");
    for note in host.store.notes() {
        tracing::warn!(note, "the store was mended when it was opened");
    }
    let (service, inbox) = Service::new(host);
    let options = Options { runs_on: runs.handle().clone(), tick: TICK, alert_delays: alerts::DELAYS };
    let operating = operate(service.clone(), inbox, options, stopped);
    tokio::pin!(operating);
    // Whoever asks is answered until the last run has ended.
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    let listening = tokio::spawn(bound.serve(service.clone(), async move { _ = closed.await }));
    let end = loop {
        tokio::select! {
            end = &mut operating => break end,
            Some(()) = reload.recv() => {
                let service = service.clone();
                // What comes of it is in the log.
                tokio::spawn(async move { service.order(Act::Reload, "SIGHUP").await });
            }
        }
    };
    drop(close);
    listening.await??;
    Ok(end?)
}

/// How the settings say that the service listens.
pub(super) fn listener(workspace: &Workspace) -> Result<http::Options> {
    let service = &workspace.config().service;
    let minutes = |minutes: u64| Duration::from_secs(minutes.saturating_mul(60));
    let tls = service.tls.as_ref().map(|tls| http::TlsFiles {
        certificates: workspace.resolve(&tls.certificates),
        key: workspace.resolve(&tls.key),
    });
    Ok(http::Options {
        tls,
        oidc: service.oidc.as_ref().map(|oidc| provider(workspace, oidc)).transpose()?,
        trusted_proxies: service.trusted_proxies.clone(),
        public_url: service.public_url.clone(),
        session: minutes(service.session_minutes),
        session_idle: minutes(service.session_idle_minutes),
        ..http::Options::at(service.listen)
    })
}

/// The identity provider, with its secret read.
fn provider(workspace: &Workspace, oidc: &Oidc) -> Result<http::Oidc> {
    let wrong = |what: String| Problem::usage(what, "see [service.oidc] in exhibit.toml");
    let secret = |reference: &String| {
        read_secret(workspace, reference)
            .map_err(|why| wrong(format!("client_secret of [service.oidc]: {why}")))
    };
    let ca = |file: &PathBuf| {
        let path = workspace.resolve(file);
        std::fs::read(&path).map_err(|error| wrong(format!("{}: {error}", path.display())))
    };
    let person = |person: &Person| {
        let role = Role::of(&person.role, person.engagement.clone());
        let role = role.map_err(|why| wrong(format!("`{}` of [service.oidc]: {why}", person.name)))?;
        Ok((person.name.clone(), role))
    };
    Ok(http::Oidc {
        issuer: oidc.issuer.clone(),
        client_id: oidc.client_id.clone(),
        client_secret: oidc.client_secret.as_ref().map(secret).transpose()?,
        claim: oidc.claim.word().to_owned(),
        people: oidc.people.iter().map(person).collect::<Result<_>>()?,
        ca_pem: oidc.ca.as_ref().map(ca).transpose()?,
    })
}

/// Opens the workspace, waiting for what this process itself still holds of the store.
async fn open(at: &Path) -> Result<Host> {
    let begun = Instant::now();
    loop {
        let error = match crate::host::open(at) {
            Ok(host) => return Ok(host),
            Err(error) => error,
        };
        let holder = match error.downcast_ref::<HostError>() {
            Some(HostError::Store(OpenError::InUse { pid, .. })) => pid.parse::<u32>().ok(),
            _ => None,
        };
        if holder != Some(std::process::id()) || begun.elapsed() > REOPEN {
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn listen(kind: SignalKind) -> Result<Signal> {
    signal(kind).context("cannot listen for signals")
}

/// Stops the service at the first signal, and the process at the second.
async fn stop_on(mut terminate: Signal, mut interrupt: Signal, stop: watch::Sender<bool>) {
    for last in [false, true] {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if last {
            tracing::error!("told to stop twice: runs that go on are given up, and the next start says so");
            std::process::exit(FAILED.into());
        }
        stop.send_replace(true);
    }
}

/// JSON lines on standard error.
fn log(level: LogLevel) {
    let own = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let targets = Targets::new().with_default(own.min(LevelFilter::WARN)).with_targets([
        ("exhibit", own),
        ("exhibit_server", own),
        ("exhibit_pipeline", own),
    ]);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_writer(std::io::stderr)
        .with_filter(targets);
    // Only the first of a process counts, and this is it.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}
