//! The signals that end a command: Ctrl-C and SIGTERM.

use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;
use crate::error::Exit;

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

async fn arrival(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(error) => {
            tracing::warn!(%error, "cannot listen for a signal");
            std::future::pending::<()>().await;
        }
    }
}
