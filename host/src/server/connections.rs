//! Connections: accepted, counted, timed, and drained at the end.
//!
//! `axum::serve` has no time limits, so that a client which sends a byte a minute keeps its connection for ever.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::http::Routes;
use super::http2;
use super::protocol::{self, Protocol};
use crate::config;

/// How long calls in flight may take to finish when the host is stopped.
const DRAIN: Duration = Duration::from_secs(10);
/// A request's head: the longest token, and room for a proxy's additions.
const LONGEST_HEAD: usize = 64 * 1024;
/// Keep-alives that a client may leave unacknowledged. One that does not read for longer is cut off: it would hold its place
/// for ever.
const SILENCE: u32 = 8;
/// Files besides connections: plugins, backends, the log.
const OTHER_FILES: u64 = 256;
/// After an accept that failed, most often for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` is cancelled, then lets requests in flight finish.
pub(super) async fn serve(
    listener: TcpListener,
    routes: Routes,
    settings: &config::Server,
    stop: &CancellationToken,
) {
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(LONGEST_HEAD);
    let slots = Arc::new(Semaphore::new(settings.max_connections));
    let graceful = GracefulShutdown::new();
    raise_open_files(settings.max_connections);
    let silence = settings.keep_alive.saturating_mul(SILENCE);
    let http2 = Arc::new(http2::Settings {
        idle: settings.header_timeout,
        silence,
        keep_alive: settings.keep_alive,
        longest_head: u32::try_from(LONGEST_HEAD).unwrap_or(u32::MAX),
    });
    let (patience, drain) = (settings.header_timeout, CancellationToken::new());
    // Dropped at the end of this function: whoever is left then is cut off.
    let mut connections = JoinSet::new();
    while let Some((stream, slot)) = next(&listener, &slots, stop).await {
        tune(&stream, silence);
        while connections.try_join_next().is_some() {}
        let (http1, http2, routes) = (http.clone(), http2.clone(), routes.clone());
        let (watcher, slots, drain) = (graceful.watcher(), slots.clone(), drain.clone());
        connections.spawn(async move {
            let _slot = slot;
            let begun = tokio::select! {
                biased;
                begun = protocol::of(&stream, patience) => begun,
                // Nothing was asked.
                () = drain.cancelled() => None,
            };
            let ended = match begun {
                Some(Protocol::Http1) => {
                    let connection = http1.serve_connection(TokioIo::new(stream), routes);
                    watcher.watch(connection).await
                }
                Some(Protocol::Http2) => {
                    drop(watcher);
                    // Boxed, so that connections of HTTP/1.1 are not as large.
                    Box::pin(http2::serve(stream, routes, slots, &http2, &drain)).await
                }
                None => Ok(()),
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended badly");
            }
        });
    }
    drop(listener);
    drain.cancel();
    let drained = async {
        graceful.shutdown().await;
        while connections.join_next().await.is_some() {}
    };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("some requests did not finish in time and are cut off");
    }
}

/// The next connection, once there is room for one. `None`: the host is to stop.
async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = tokio::select! {
        slot = slots.clone().acquire_owned() => slot.ok()?,
        () = stop.cancelled() => return None,
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return None,
        };
        match accepted {
            Ok((stream, _)) => return Some((stream, slot)),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn tune(stream: &TcpStream, silence: Duration) {
    // Without it, answers that are written in pieces wait for acknowledgements of the client, 40 ms each.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    #[cfg(target_os = "linux")]
    {
        let silence = u32::try_from(silence.as_millis()).unwrap_or(u32::MAX);
        if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, silence) {
            tracing::debug!(%error, "cannot set TCP_USER_TIMEOUT");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = silence;
}

/// Every connection is an open file, and what a shell allows by itself is less than what we promise.
fn raise_open_files(connections: usize) {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX);
    let wanted = wanted.saturating_add(OTHER_FILES);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let current = limit.maximum.map_or(wanted, |most| most.min(wanted));
    let raised = Rlimit {
        current: Some(current),
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "cannot raise the limit of open files");
    }
    if current < wanted {
        tracing::warn!(
            current,
            "too few files may be open for max-connections = {connections}; hint: ulimit -n {wanted}, or LimitNOFILE={wanted} in the unit"
        );
    }
}
