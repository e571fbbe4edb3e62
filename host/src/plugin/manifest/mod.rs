//! The manifest: what a component says of itself, as data, in a custom section of its own.
//!
//! Authors write `plugin.toml`; [`pack`] puts it into the component; [`read`] takes it out again. It is never code to
//! run. It is a stranger's word: bounded in size, known keys only, and no text in it can steer a terminal. What the
//! plugin may do is what is asked for here *and* granted by the operator: `plugin::right`.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::capability::Lesson;
use crate::config::{self, BackendName, Grant, PluginName, RequestPattern};

mod check;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod section;
pub(crate) mod text;

pub use section::{ManifestError, SECTION, interfaces, pack, read, section_digest};

/// A checked manifest.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Manifest {
    /// The plugin's name; the configuration's `[plugins.NAME]` must agree.
    #[serde(with = "text")]
    pub name: PluginName,
    /// Its version, <https://semver.org>.
    #[serde(with = "text")]
    pub version: semver::Version,
    /// One line for people.
    pub description: String,
    /// Who made it, in its own words. Who signed it is another matter, and the one that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// SPDX expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Where to read more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// More addresses, each under a word of the author's (`source`, `issues`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, String>,
    /// How a model should use the tools together; part of the server's instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// A tool that changes nothing and takes no arguments, run before the version is served: one that fails is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_check: Option<String>,
    /// The backends it asks for. Whoever asks for one asks for the import `http`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<WantedBackend>,
    /// The imports it asks for beyond the harmless ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<WantedImport>,
    /// What it asks of people and clients.
    #[serde(default, skip_serializing_if = "Asks::is_empty")]
    pub asks: Asks,
    /// JSON Schema of its settings. Without one any settings are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Map<String, Value>>,
    /// Limits under which it works well; the operator's count.
    #[serde(default, skip_serializing_if = "SuggestedLimits::is_empty")]
    pub limits: SuggestedLimits,
}

/// A backend that a plugin asks for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WantedBackend {
    /// The name it uses in requests.
    #[serde(with = "text")]
    pub name: BackendName,
    /// What for, for the operator who grants it.
    pub purpose: String,
    /// Requests it needs, as patterns of a binding's `allow`. It gets no others, whatever the binding allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "text::list")]
    pub requests: Vec<RequestPattern>,
    /// What the host is to remember of its answers for later calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learn: Vec<Lesson>,
    /// The kinds of credentials that it works with; none: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<CredentialWord>,
}

/// A kind of credential, as `credentials.NAME.kind` has it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are those of the configuration")]
pub enum CredentialWord {
    None,
    Header,
    Basic,
    OAuth2,
    Login,
}

/// An import that a plugin asks for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WantedImport {
    /// Which.
    pub name: ImportWord,
    /// What for, for the operator who grants it.
    pub reason: String,
}

/// An import that must be granted, by its word in `plugins.NAME.grant`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the words are those of the configuration")]
pub enum ImportWord {
    Http,
    Changes,
}

impl From<ImportWord> for Grant {
    fn from(word: ImportWord) -> Self {
        match word {
            ImportWord::Http => Self::Http,
            ImportWord::Changes => Self::Changes,
        }
    }
}

/// What a plugin asks of people and clients, each with its reason.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Asks {
    /// Questions and confirmations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Asked>,
    /// Links to open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<AskedVisit>,
    /// The client's model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Asked>,
    /// The client's roots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roots: Option<Asked>,
}

impl Asks {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One kind of question.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Asked {
    /// What for, for the operator who grants it.
    pub reason: String,
}

/// Links that people are asked to open.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AskedVisit {
    /// What for, for the operator who grants it.
    pub reason: String,
    /// These links and all below them, and no others.
    #[serde(with = "text::list")]
    pub urls: Vec<url::Url>,
}

/// Limits as the configuration writes them.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the keys are those of `[limits]`")]
pub struct SuggestedLimits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_memory: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_size: Option<String>,
}

impl SuggestedLimits {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Those that it names, each as `key = value` has it.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        [
            ("memory", self.memory.clone()),
            ("host-memory", self.host_memory.clone()),
            ("cpu-time", self.cpu_time.clone()),
            ("wall-time", self.wall_time.clone()),
            (
                "concurrency",
                self.concurrency.map(|number| number.to_string()),
            ),
            ("result-size", self.result_size.clone()),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect()
    }

    /// Those that ask for more than the operator gives: there the plugin may not work well.
    #[must_use]
    pub fn beyond(&self, given: &config::Limits) -> Vec<(&'static str, String)> {
        let size = |text: &String, given: usize| {
            config::parse_size(text).is_some_and(|bytes| bytes > given as u64)
        };
        let time = |text: &String, given: Duration| {
            config::parse_duration(text).is_some_and(|time| time > given)
        };
        let is_beyond = |key: &str, text: &String| match key {
            "memory" => size(text, given.memory),
            "host-memory" => size(text, given.host_memory),
            "cpu-time" => time(text, given.cpu_time),
            "wall-time" => time(text, given.wall_time),
            "concurrency" => self.concurrency > Some(given.concurrency),
            _ => size(text, given.result_bytes),
        };
        let mut lines = self.lines();
        lines.retain(|(key, text)| is_beyond(key, text));
        lines
    }
}

impl Manifest {
    /// What it asks for, each with its reason, in the configuration's words.
    #[must_use]
    pub fn wants(&self) -> Vec<(Grant, &str)> {
        let mut wants: Vec<(Grant, &str)> = self
            .imports
            .iter()
            .map(|import| (import.name.into(), import.reason.as_str()))
            .collect();
        if !self.backends.is_empty() && !wants.iter().any(|(grant, _)| *grant == Grant::Http) {
            wants.push((Grant::Http, "to reach the backends below"));
        }
        let Asks {
            form,
            visit,
            sample,
            roots,
        } = &self.asks;
        let asks = [
            (Grant::Form, form.as_ref().map(|asked| &asked.reason)),
            (Grant::Visit, visit.as_ref().map(|asked| &asked.reason)),
            (Grant::Sample, sample.as_ref().map(|asked| &asked.reason)),
            (Grant::Roots, roots.as_ref().map(|asked| &asked.reason)),
        ];
        wants.extend(
            asks.into_iter()
                .filter_map(|(grant, reason)| Some((grant, reason?.as_str()))),
        );
        wants
    }

    /// Whether it asks for this.
    #[must_use]
    pub fn asks_for(&self, grant: Grant) -> bool {
        self.wants().iter().any(|(wanted, _)| *wanted == grant)
    }
}

impl FromStr for Manifest {
    type Err = String;

    /// Reads `plugin.toml`. The error names line and column, or the key.
    fn from_str(text: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        check::check(&manifest)?;
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests;
