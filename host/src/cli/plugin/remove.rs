//! `toolward plugin remove`.

use std::fmt::Write as _;

use serde_json::json;

use super::Said;
use super::record::recorded;
use super::{Global, PluginError, configuration, place};
use crate::audit::Call;
use crate::config::{Config, PluginName};
use crate::plugin::history::remove_if_there;
use crate::plugin::signature_path;
use crate::plugin::trust::Memory;

/// Take a plugin out of its place; older versions are kept
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  toolward plugin remove shop")]
pub(in crate::cli) struct Remove {
    /// The plugin
    name: PluginName,
}

impl Remove {
    pub(super) fn run(&self, global: &Global) -> Result<Said, PluginError> {
        let config = configuration(global)?;
        recorded(&config, "remove", |line| {
            line.with("plugin", self.name.as_str());
            self.remove(&config, line)
        })
    }

    fn remove(&self, config: &Config, line: &mut Call) -> Result<Said, PluginError> {
        let memory = Memory::open(&config.trust, &config.runtime.state_dir)?;
        let name = &self.name;
        let component = place::target(config, name);
        let locked = memory.lock.get(name);
        if !component.exists() && locked.is_none() {
            return Err(PluginError::Plugin {
                name: name.clone(),
                problem: format!(
                    "it is not installed: there is no `{}`\nhint: toolward plugin list",
                    component.display()
                ),
            });
        }
        if let Some(locked) = locked {
            line.with("version", locked.version.to_string());
            line.with("digest", locked.sha256.as_str());
        }
        // The component first: a signature without one is nothing, one without its signature would be an error.
        for path in [&component, &signature_path(&component)] {
            remove_if_there(path).map_err(|source| PluginError::Write {
                path: path.clone(),
                source,
            })?;
        }
        let mut lock = memory.lock.clone();
        lock.set(name, None);
        lock.write(&config.trust.lock_file)?;
        let is_configured = config.plugins.contains_key(name);
        let mut text = format!("{name} is removed: {}", component.display());
        if is_configured {
            let _ = write!(
                text,
                "\nhint: delete [plugins.{name}] from the configuration as well"
            );
        }
        Ok(Said::new(
            text,
            json!({ "name": name.as_str(), "component": component, "configured": is_configured }),
        ))
    }
}
