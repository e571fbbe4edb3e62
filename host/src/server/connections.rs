//! Connections: accepted, counted, timed, and drained at the end.
//!
//! `axum::serve` has no time limits, so that a client which sends a byte a minute keeps its connection for ever.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config;

/// How long calls in flight may take to finish when the host is stopped.
const DRAIN: Duration = Duration::from_secs(10);
/// A request's head: the longest token, and room for a proxy's additions.
const LONGEST_HEAD: usize = 64 * 1024;
/// After an accept that failed, most often for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` is cancelled, then lets requests in flight finish.
pub(super) async fn serve(
    listener: TcpListener,
    routes: Router,
    settings: &config::Server,
    stop: &CancellationToken,
) {
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(LONGEST_HEAD);
    let slots = Arc::new(Semaphore::new(settings.max_connections));
    let graceful = GracefulShutdown::new();
    // Dropped at the end of this function: whoever is left then is cut off.
    let mut connections = JoinSet::new();
    while let Some((stream, slot)) = next(&listener, &slots, stop).await {
        while connections.try_join_next().is_some() {}
        let service = TowerToHyperService::new(routes.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        connections.spawn(async move {
            let _slot = slot;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended badly");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
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
            Ok((stream, _)) => {
                // Without it, answers that are written in pieces wait for acknowledgements of the client, 40 ms each.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "cannot set TCP_NODELAY");
                }
                return Some((stream, slot));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
