//! `toolward:plugin/settings`: the operator's settings for this plugin, as JSON text.

use super::State;
use super::bindings::imports::settings as wit;

impl wit::Host for State {
    fn all(&mut self) -> wasmtime::Result<String> {
        Ok(self.plugin.settings.clone())
    }
}
