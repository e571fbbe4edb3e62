//! `toolward plugin rollback`.

use serde_json::json;

use super::Said;
use super::record::recorded;
use super::verify::{Candidate, words};
use super::{Global, PluginError, configuration, place};
use crate::audit::Call;
use crate::config::{Config, PluginName};
use crate::plugin::history::{self, Version};
use crate::plugin::trust::Memory;
use crate::plugin::{COMPONENT_BYTES, files, hex};

/// Go back to a version that was served before
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  toolward plugin rollback shop
  toolward plugin rollback shop --to 1.1.0")]
pub(in crate::cli) struct Rollback {
    /// The plugin
    name: PluginName,
    /// The version to go back to [default: the one before]
    #[arg(long, value_name = "VERSION")]
    to: Option<semver::Version>,
}

impl Rollback {
    pub(super) fn run(&self, global: &Global) -> Result<Said, PluginError> {
        let config = configuration(global)?;
        recorded(&config, "rollback", |line| {
            line.with("plugin", self.name.as_str());
            self.roll_back(&config, line)
        })
    }

    fn roll_back(&self, config: &Config, line: &mut Call) -> Result<Said, PluginError> {
        let mut memory = Memory::open(&config.trust, &config.runtime.state_dir)?;
        let version = self.choose(&memory, &place::target(config, &self.name))?;
        line.with("version", version.version.to_string());
        let mut candidate = Candidate::read(&version.component)?;
        line.with("digest", hex(&candidate.digest));
        candidate.label = format!("{} {}", self.name, version.version);
        // What was good then may be revoked now, and the kept file may have been tampered with.
        let signer = candidate.signer(config)?;
        if candidate.manifest.name != self.name {
            return Err(self.problem("what was kept is another plugin".to_owned()));
        }
        memory.seen.roll_back(&self.name, &hex(&candidate.digest))?;
        let component = place::put(config, &memory, &candidate, &signer)?;
        Ok(Said::new(
            format!(
                "{} is back at {}, {}\n{}",
                self.name,
                version.version,
                words(&signer),
                component.display()
            ),
            json!({
                "name": self.name.as_str(),
                "version": version.version.to_string(),
                "sha256": version.digest,
                "signer": signer.to_json(),
                "component": component,
            }),
        ))
    }

    fn choose(&self, memory: &Memory, current: &std::path::Path) -> Result<Version, PluginError> {
        use sha2::{Digest as _, Sha256};
        let current = files::read(current, COMPONENT_BYTES)
            .ok()
            .map(|bytes| hex(&Sha256::digest(&bytes)));
        let kept = history::versions(&memory.seen, &self.name);
        let others = || {
            kept.iter()
                .filter(|version| Some(&version.digest) != current.as_ref())
        };
        let chosen = match &self.to {
            Some(wanted) => others().find(|version| version.version == *wanted),
            None => others().next(),
        };
        chosen.cloned().ok_or_else(|| {
            let known: Vec<String> = others().map(|one| one.version.to_string()).collect();
            self.problem(if known.is_empty() {
                "no other version was kept".to_owned()
            } else {
                format!("that version was not kept; there are {}", known.join(", "))
            })
        })
    }

    fn problem(&self, problem: String) -> PluginError {
        PluginError::Plugin {
            name: self.name.clone(),
            problem,
        }
    }
}
