//! `toolward:plugin/log`: a plugin's lines for the operator's log, bounded per call.

use super::State;
use super::bindings::imports::log as wit;

/// Bytes of log text that one call may write; what follows is dropped, once noted.
const LOG_BYTES_PER_CALL: usize = 64 * 1024;

/// What a call may still write.
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            left: LOG_BYTES_PER_CALL,
        }
    }
}

impl wit::Host for State {
    fn write(
        &mut self,
        level: wit::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        if self.log.left == 0 {
            return Ok(());
        }
        let size = message.len()
            + fields
                .iter()
                .map(|(key, value)| key.len() + value.len())
                .sum::<usize>();
        let plugin = &self.plugin.origin.plugin;
        if size > self.log.left {
            self.log.left = 0;
            tracing::warn!(%plugin, "the plugin's log lines of this call passed {LOG_BYTES_PER_CALL} bytes; the rest is dropped");
            return Ok(());
        }
        self.log.left -= size;
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
