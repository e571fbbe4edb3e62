//! Who waits for a job to change, inside this process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::job::JobId;

/// One channel per job that somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Changes(Mutex<HashMap<JobId, watch::Sender<u64>>>);

impl Changes {
    /// Hears of every change from now on.
    pub(super) fn of(&self, id: &JobId) -> watch::Receiver<u64> {
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those whom nobody hears any more would gather.
        channels.retain(|_, channel| channel.receiver_count() > 0);
        channels
            .entry(id.clone())
            .or_insert_with(|| watch::Sender::new(0))
            .subscribe()
    }

    /// Something about the job changed.
    pub(super) fn publish(&self, id: &JobId) {
        let channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(id) {
            channel.send_modify(|changes| *changes = changes.wrapping_add(1));
        }
    }
}
