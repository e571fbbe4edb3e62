//! What a reload came to: as it is answered, logged and recorded.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::audit::{Audit, Event, Kind};
use crate::capability::Principal;
use crate::error::Report;

/// Why a reload happens.
#[derive(Clone, Debug)]
pub enum Trigger {
    /// Files changed.
    Files,
    /// SIGHUP.
    Signal,
    /// Somebody asked for it.
    Request(Principal),
}

/// What a reload came to.
#[derive(Clone, Debug, Serialize)]
pub struct Reloaded {
    /// Whether everything is served as it is written: nothing stayed out.
    pub ok: bool,
    /// The configuration.
    pub configuration: ConfigurationChange,
    /// Each plugin, of the configuration that is served now and of the one before, by name.
    pub plugins: BTreeMap<String, Taken>,
}

/// What became of the configuration.
#[derive(Clone, Debug, Serialize)]
pub struct ConfigurationChange {
    /// In one word.
    pub outcome: Outcome,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Report>,
    /// Tables that were changed and take effect with the next start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs_restart: Vec<&'static str>,
}

/// What became of one plugin.
#[derive(Clone, Debug, Serialize)]
pub struct Taken {
    /// In one word.
    pub outcome: Outcome,
    /// The version that is served now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its component's digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Why the other one was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Report>,
}

/// What became of something.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is as it was.
    Unchanged,
    /// It is new.
    Added,
    /// It took the place of another version.
    Replaced,
    /// It is gone.
    Removed,
    /// It stayed out; what was served before is served on.
    Refused,
}

/// In short.
pub(super) fn change(
    outcome: Outcome,
    problem: Option<Report>,
    needs_restart: Vec<&'static str>,
) -> ConfigurationChange {
    ConfigurationChange {
        outcome,
        problem,
        needs_restart,
    }
}

impl Outcome {
    /// The word for it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Added => "added",
            Self::Replaced => "replaced",
            Self::Removed => "removed",
            Self::Refused => "refused",
        }
    }
}

impl Reloaded {
    /// For the operator.
    pub(super) fn log(&self) {
        let count = |outcome| {
            let plugins = self.plugins.values();
            plugins.filter(|taken| taken.outcome == outcome).count()
        };
        for (name, taken) in &self.plugins {
            let version = taken.version.as_deref().unwrap_or("none");
            match (taken.outcome, &taken.problem) {
                (Outcome::Unchanged, _) => {}
                (Outcome::Refused, Some(problem)) => {
                    tracing::error!(plugin = %name, serving = version, "not taken: {problem}");
                }
                (outcome, None) => tracing::info!(plugin = %name, version, ?outcome, "reloaded"),
                (outcome, Some(problem)) => {
                    tracing::warn!(plugin = %name, ?outcome, "reloaded: {problem}");
                }
            }
        }
        if let Some(problem) = &self.configuration.problem {
            tracing::error!("the configuration is not taken: {problem}");
        }
        if !self.configuration.needs_restart.is_empty() {
            let tables = self.configuration.needs_restart.join(", ");
            tracing::warn!("changes in these tables of the configuration need a restart: {tables}");
        }
        tracing::info!(
            added = count(Outcome::Added),
            replaced = count(Outcome::Replaced),
            removed = count(Outcome::Removed),
            refused = count(Outcome::Refused),
            unchanged = count(Outcome::Unchanged),
            configuration = ?self.configuration.outcome,
            "reload done"
        );
    }

    /// A line for each plugin that changed or was refused, and one for the whole.
    pub(super) fn record(&self, audit: &Audit, trigger: &Trigger, took: Duration) {
        let event = || match trigger {
            Trigger::Files => Event::new(Kind::Reload).with("by", "files"),
            Trigger::Signal => Event::new(Kind::Reload).with("by", "signal"),
            Trigger::Request(principal) => Event::new(Kind::Reload)
                .with("by", "request")
                .by(principal.tenant.as_str(), principal.subject.as_deref()),
        };
        for (name, taken) in &self.plugins {
            if taken.outcome == Outcome::Unchanged {
                continue;
            }
            let line = event()
                .with("plugin", name.as_str())
                .with("version", taken.version.as_deref())
                .with("digest", taken.sha256.as_deref())
                .with("reason", reason(taken.problem.as_ref()))
                .outcome(taken.outcome.as_str());
            audit.record(line);
        }
        let line = event()
            .with("configuration", self.configuration.outcome.as_str())
            .with("reason", reason(self.configuration.problem.as_ref()))
            .outcome(if self.ok { "ok" } else { "refused" })
            .took(took);
        audit.record(line);
    }
}

fn reason(problem: Option<&Report>) -> Option<&str> {
    problem?.chain.first().map(String::as_str)
}
