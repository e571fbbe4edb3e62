//! `toolward:plugin/log`: a plugin's lines for the operator's log, bounded per call.

use super::State;
use super::bindings::imports::log as wit;

/// What a line takes beside its text: a million empty ones are a flood as well.
const LINE: usize = 64;

/// What a call may still write.
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self { left: bytes }
    }
}

/// Ends the call that wrote more than it may.
#[derive(Debug, thiserror::Error)]
#[error("the call wrote more to the log than it may")]
pub(crate) struct LogExceeded;

impl wit::Host for State {
    fn write(
        &mut self,
        level: wit::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let size = LINE
            + message.len()
            + fields
                .iter()
                .map(|(key, value)| key.len() + value.len())
                .sum::<usize>();
        let plugin = &self.plugin.origin.plugin;
        self.log.left = self.log.left.checked_sub(size).ok_or(LogExceeded)?;
        // `Debug` escapes control characters: a plugin cannot forge lines of the operator's log.
        match level {
            wit::Level::Trace => {
                tracing::trace!(target: "toolward::guest", %plugin, ?fields, "{message:?}");
            }
            wit::Level::Debug => {
                tracing::debug!(target: "toolward::guest", %plugin, ?fields, "{message:?}");
            }
            wit::Level::Info => {
                tracing::info!(target: "toolward::guest", %plugin, ?fields, "{message:?}");
            }
            wit::Level::Warn => {
                tracing::warn!(target: "toolward::guest", %plugin, ?fields, "{message:?}");
            }
            wit::Level::Error => {
                tracing::error!(target: "toolward::guest", %plugin, ?fields, "{message:?}");
            }
        }
        Ok(())
    }
}
