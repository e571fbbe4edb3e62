//! `toolward plugin test`: a plugin against recorded answers of its backends, and `--record`, which makes the recordings.
//!
//! Both run the plugin in a host of its own, behind stand-ins for the backends. A recording holds no login: the real
//! requests leave from this process, by the configuration's bindings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::Said;
use super::trial::{Tables, Trial};
use super::verify::Candidate;
use super::{Audience, Global, PluginError, configuration, configuration_if_there, step};
use crate::audit::Audit;
use crate::config::Config;
use crate::egress::Egress;
use crate::error::{Exit, report};

mod mask;
mod recording;
mod stand_in;

use recording::{Backend, Recording};
use stand_in::{Source, StandIns};

/// Run a plugin against recorded answers of its backends
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  toolward plugin test shop.wasm
  toolward plugin test shop.wasm --record one-order --tool order_get --args '{\"number\": \"7\"}'")]
pub(in crate::cli) struct Test {
    /// The packed plugin
    file: PathBuf,
    /// Folder of the recordings, one JSON file each
    #[arg(long, value_name = "FOLDER", default_value = "recordings")]
    recordings: PathBuf,
    /// Make the recording NAME: call --tool with the configuration's bindings, and write down what passes
    #[arg(long, value_name = "NAME", requires = "tool")]
    record: Option<String>,
    /// The tool to call for --record
    #[arg(long, value_name = "TOOL", requires = "record")]
    tool: Option<String>,
    /// Its arguments: a JSON object
    #[arg(long, value_name = "JSON", default_value = "{}", requires = "record")]
    args: String,
}

impl Test {
    pub(super) fn run(&self, global: &Global) -> Result<Said, PluginError> {
        let candidate = Candidate::read(&self.file)?;
        let runtime = super::runtime()?;
        if let (Some(name), Some(tool)) = (&self.record, &self.tool) {
            let config = configuration(global)?;
            runtime.block_on(self.record(&config, &candidate, (name, tool), global.audience()))
        } else {
            let config = configuration_if_there(global)?;
            runtime.block_on(self.replay(config.as_ref(), &candidate, global.audience()))
        }
    }

    async fn replay(
        &self,
        config: Option<&Config>,
        candidate: &Candidate,
        audience: Audience,
    ) -> Result<Said, PluginError> {
        let mut results = Vec::new();
        for path in recording::all(&self.recordings)? {
            let recording = Recording::read(&path)?;
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            step(audience, &format!("{name}: {}", recording.tool));
            results.push((name, check(config, candidate, &recording).await?));
        }
        if results.is_empty() {
            return Err(problem(
                candidate,
                format!(
                    "there is no recording in `{}`\nhint: toolward plugin test {} --record NAME --tool TOOL --args JSON",
                    self.recordings.display(),
                    self.file.display()
                ),
            ));
        }
        let failed = results
            .iter()
            .filter(|(_, wrong)| !wrong.is_empty())
            .count();
        let lines = results.iter().map(|(name, wrong)| match wrong.as_slice() {
            [] => format!("{name}: ok"),
            wrong => format!("{name}: FAILED\n  {}", wrong.join("\n  ")),
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let rows = results.iter().map(
            |(name, wrong)| json!({ "name": name, "ok": wrong.is_empty(), "problems": wrong }),
        );
        let exit = if failed == 0 {
            Exit::Success
        } else {
            Exit::Tool
        };
        let text = format!("{text}\n{} passed, {failed} failed", results.len() - failed);
        Ok(Said::new(text, json!({ "recordings": rows.collect::<Vec<_>>() })).and_exit(exit))
    }

    async fn record(
        &self,
        config: &Config,
        candidate: &Candidate,
        (name, tool): (&str, &str),
        audience: Audience,
    ) -> Result<Said, PluginError> {
        let arguments: Map<String, Value> = serde_json::from_str(&self.args)
            .map_err(|error| PluginError::Usage(format!("--args is not a JSON object: {error}")))?;
        if name.is_empty() || name.contains(['/', '\\', '.']) {
            return Err(PluginError::Usage(format!(
                "`{name}` is not a recording's name"
            )));
        }
        let plugin = config
            .plugins
            .get(&candidate.manifest.name)
            .ok_or_else(|| {
                problem(
                    candidate,
                    "it is not configured, so nobody can tell where its backends are".to_owned(),
                )
            })?;
        let backends = plugin.backends.iter().map(|(name, binding)| {
            let told = Backend {
                kind: binding.kind.clone(),
                read_only: binding.read_only,
                facts: binding.facts.clone(),
            };
            (name.to_string(), told)
        });
        let mut recording = Recording {
            tool: tool.to_owned(),
            arguments,
            settings: plugin.settings.clone(),
            backends: backends.collect(),
            exchanges: Vec::new(),
            result: Map::new(),
        };
        let failed = |text: String| problem(candidate, text);
        let egress = Egress::new(config.bindings.values().cloned(), Audit::default())
            .map_err(|error| failed(report(&error).to_string()))?;
        let origin =
            crate::plugin::origin(plugin, &candidate.manifest, crate::host::local_tenant());
        let source = Source::Real { egress, origin };
        let stand_ins = StandIns::start(names(candidate), source, Vec::new())
            .await
            .map_err(|error| failed(error.to_string()))?;
        step(audience, &format!("calling {tool} with the real backends"));
        let result = call(Some(config), candidate, &recording, &stand_ins).await?;
        let complaints = stand_ins.complaints();
        if !complaints.is_empty() {
            return Err(failed(complaints.join("\n")));
        }
        recording.exchanges = stand_ins.passed();
        recording.result = result;
        let masked = mask::mask(&mut recording);
        std::fs::create_dir_all(&self.recordings).map_err(|source| PluginError::Write {
            path: self.recordings.clone(),
            source,
        })?;
        let path = self.recordings.join(format!("{name}.json"));
        recording.write(&path)?;
        let exchanges = recording.exchanges.len();
        Ok(Said::new(
            format!(
                "{}: {exchanges} exchanges, {masked} secret values masked; look at it before you commit it",
                path.display()
            ),
            json!({ "recording": path, "exchanges": exchanges, "masked": masked }),
        ))
    }
}

fn problem(candidate: &Candidate, problem: String) -> PluginError {
    PluginError::Plugin {
        name: candidate.manifest.name.clone(),
        problem,
    }
}

/// The backends that the manifest asks for.
fn names(candidate: &Candidate) -> impl Iterator<Item = String> {
    let backends = candidate.manifest.backends.iter();
    backends.map(|backend| backend.name.to_string())
}

/// What is wrong when the recording is played; empty: nothing.
async fn check(
    config: Option<&Config>,
    candidate: &Candidate,
    recording: &Recording,
) -> Result<Vec<String>, PluginError> {
    let stand_ins = StandIns::start(
        names(candidate),
        Source::Recorded,
        recording.exchanges.clone(),
    )
    .await
    .map_err(|error| problem(candidate, error.to_string()))?;
    let result = call(config, candidate, recording, &stand_ins).await?;
    let mut wrong = stand_ins.complaints();
    for (key, expected) in &recording.result {
        let found = result.get(key).unwrap_or(&Value::Null);
        if found != expected {
            wrong.push(format!("`{key}` of the result is {found}, not {expected}"));
        }
    }
    Ok(wrong)
}

/// Calls the tool in a host whose backends are the stand-ins.
async fn call(
    config: Option<&Config>,
    candidate: &Candidate,
    recording: &Recording,
    stand_ins: &StandIns,
) -> Result<Map<String, Value>, PluginError> {
    let tables = tables(candidate, recording, &stand_ins.urls);
    let running = Trial::new(config)
        .start(candidate, &tables)
        .await
        .map_err(|text| problem(candidate, text))?;
    let result =
        super::super::call::unattended(&running.host, &recording.tool, recording.arguments.clone())
            .await
            .map_err(|failure| PluginError::Failed(Box::new(failure)))?;
    match serde_json::to_value(result) {
        Ok(Value::Object(result)) => Ok(result),
        _ => Err(problem(candidate, "the result is not an object".to_owned())),
    }
}

fn tables(candidate: &Candidate, recording: &Recording, urls: &BTreeMap<String, String>) -> Tables {
    let mut root = Map::new();
    let (mut bindings, mut credentials) = (Map::new(), Map::new());
    for wanted in &candidate.manifest.backends {
        let name = wanted.name.to_string();
        let told = recording.backends.get(&name);
        let mut binding = json!({
            "kind": told.map_or(&name, |told| &told.kind),
            "url": urls[&name],
            "allow": ["* /**"],
            "read-only": told.is_some_and(|told| told.read_only),
            "facts": told.map(|told| told.facts.clone()).unwrap_or_default(),
        });
        if let Some(credential) = credential(&wanted.credentials) {
            binding["credential"] = json!(name);
            credentials.insert(name.clone(), credential);
        }
        bindings.insert(name, binding);
    }
    root.insert("bindings".to_owned(), bindings.into());
    root.insert("credentials".to_owned(), credentials.into());
    let backends: Map<String, Value> = names(candidate)
        .map(|name| (name.clone(), name.into()))
        .collect();
    let mut plugin = Map::new();
    plugin.insert("backends".to_owned(), backends.into());
    plugin.insert("settings".to_owned(), recording.settings.clone().into());
    Tables { root, plugin }
}

/// A login of a kind that the plugin works with, which the stand-in takes.
fn credential(kinds: &[crate::plugin::manifest::CredentialWord]) -> Option<Value> {
    use crate::plugin::manifest::CredentialWord as Word;
    if kinds.is_empty() || kinds.contains(&Word::None) {
        return None;
    }
    Some(match kinds[0] {
        Word::None | Word::Header => {
            json!({ "kind": "header", "header": "x-toolward-test", "value": "test" })
        }
        Word::Basic => json!({ "kind": "basic", "username": "test", "password": "test" }),
        Word::OAuth2 => json!({
            "kind": "oauth2", "grant": "client-credentials", "token-path": stand_in::LOGIN,
            "client-id": "test", "client-secret": "test",
        }),
        Word::Login => json!({
            "kind": "login", "lifetime": "1 h", "values": { "password": "test" },
            "request": { "path": stand_in::LOGIN, "json": { "password": "{password}" } },
            "answer": { "token": "/access_token" },
            "apply": [{ "header": "x-toolward-test", "value": "{token}" }],
        }),
    })
}
