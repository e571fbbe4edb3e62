//! A recording: one call of a tool, the requests that it made, what was answered, and what came out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::{PluginError, read_text, write};

/// One file of the folder `recordings`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Recording {
    /// The tool that is called.
    pub(super) tool: String,
    /// With these arguments.
    #[serde(default)]
    pub(super) arguments: Map<String, Value>,
    /// The plugin's settings.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) settings: Map<String, Value>,
    /// What is bound, by the plugin's name for it. Those that are asked for and not here are bound with nothing to tell.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) backends: BTreeMap<String, Backend>,
    /// Requests and answers, in the order in which they were made.
    #[serde(default)]
    pub(super) exchanges: Vec<Exchange>,
    /// What the result must have: each key as it is here, and others besides.
    pub(super) result: Map<String, Value>,
}

/// What a plugin is told of a backend.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Backend {
    pub(super) kind: String,
    #[serde(default)]
    pub(super) read_only: bool,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) facts: Map<String, Value>,
}

/// One request and its answer.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Exchange {
    pub(super) backend: String,
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    #[serde(default, skip_serializing_if = "Body::is_empty")]
    pub(super) body: Body,
    pub(super) answer: Answer,
}

/// What a backend answered.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Answer {
    pub(super) status: u16,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Body::is_empty")]
    pub(super) body: Body,
}

/// A body, as people can read and change it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Body {
    #[default]
    Empty,
    Json(Value),
    Text(String),
    Base64(String),
}

impl Body {
    pub(super) fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        if let Ok(json) = serde_json::from_slice(bytes) {
            return Self::Json(json);
        }
        std::str::from_utf8(bytes).map_or_else(
            |_| Self::Base64(STANDARD.encode(bytes)),
            |text| Self::Text(text.to_owned()),
        )
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Empty => Vec::new(),
            Self::Json(json) => json.to_string().into_bytes(),
            Self::Text(text) => text.clone().into_bytes(),
            Self::Base64(text) => STANDARD.decode(text).unwrap_or_default(),
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::Empty
    }
}

impl Recording {
    pub(super) fn read(path: &Path) -> Result<Self, PluginError> {
        serde_json::from_str(&read_text(path)?).map_err(|error| PluginError::BadManifest {
            path: path.to_owned(),
            problem: format!("it is not a recording: {error}"),
        })
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), PluginError> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        write(path, text.as_bytes(), 0o644)
    }
}

/// Every recording of a folder, in the order of the names.
pub(super) fn all(folder: &Path) -> Result<Vec<PathBuf>, PluginError> {
    let failed = |source| PluginError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
