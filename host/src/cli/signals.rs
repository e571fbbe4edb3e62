//! The signals that end a command, Ctrl-C and SIGTERM, and the one that reloads: SIGHUP.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;
use crate::error::Exit;
use crate::host::{Host, Trigger};

/// Which one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Signal {
    Interrupt,
    Terminate,
}

impl Signal {
    /// The command that it ended, which did not do what it was asked.
    pub(super) fn failure(self, what: &str) -> Failure {
        match self {
            Self::Interrupt => Failure::new(Exit::Interrupted, format!("interrupted: {what}")),
            Self::Terminate => Failure::new(Exit::Terminated, format!("terminated: {what}")),
        }
    }
}

/// Returns with the first one that arrives.
pub(super) async fn first() -> Signal {
    tokio::select! {
        () = arrival(SignalKind::interrupt()) => Signal::Interrupt,
        () = arrival(SignalKind::terminate()) => Signal::Terminate,
    }
}

/// Listens for SIGHUP from now on, which would end the process otherwise. `None`: the system does not let us.
pub(super) fn hang_ups() -> Option<tokio::signal::unix::Signal> {
    let hang_ups = signal(SignalKind::hangup());
    if let Err(error) = &hang_ups {
        tracing::warn!(%error, "cannot listen for SIGHUP");
    }
    hang_ups.ok()
}

/// Takes up changes with every SIGHUP, for ever. The log tells what came of it.
pub(super) async fn reload_on(hang_ups: Option<tokio::signal::unix::Signal>, host: Arc<Host>) {
    if let Some(mut hang_ups) = hang_ups {
        while hang_ups.recv().await.is_some() {
            host.reload(&Trigger::Signal).await;
        }
    }
    std::future::pending::<()>().await;
}

async fn arrival(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(error) => {
            tracing::warn!(%error, "cannot listen for a signal");
            std::future::pending::<()>().await;
        }
    }
}
