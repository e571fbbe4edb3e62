//! `toolward plugin inspect`: one screen that answers who signed a plugin, what it offers, what it asks for, and what it
//! would get here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::Said;
use super::trial::Trial;
use super::verify::{Candidate, words};
use super::{Global, PluginError, configuration_if_there};
use crate::config::{Binding, Config, Grant, Isolation, Limits};
use crate::error::report;
use crate::plugin::hex;
use crate::plugin::manifest::{Manifest, interfaces};
use crate::plugin::trust::Memory;

/// Show who signed a plugin, what it offers, what it asks for, and what it would get here
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  toolward plugin inspect backup-jobs.wasm
  toolward plugin inspect backup-jobs.wasm --json | jq -r .sha256")]
pub(in crate::cli) struct Inspect {
    /// The plugin; its signature is beside it, in FILE.minisig
    file: PathBuf,
}

impl Inspect {
    pub(super) fn run(&self, global: &Global) -> Result<Said, PluginError> {
        let config = configuration_if_there(global)?;
        let candidate = Candidate::read(&self.file)?;
        let trust = trust(config.as_ref(), &candidate)?;
        let exports =
            interfaces(&candidate.component).map_err(|source| PluginError::Component {
                path: self.file.clone(),
                source,
            })?;
        // Only what would be served here is run, and without any backend.
        let tools = match &trust {
            Ok(_) => Some(Trial::new(config.as_ref()).tools(&candidate)),
            Err(_) => None,
        };
        let here = here(config.as_ref(), &candidate.manifest);
        let would_get = config.as_ref().map(|config| {
            let plugin = config.plugins.get(&candidate.manifest.name);
            let limits = plugin.map_or(&config.limits, |plugin| &plugin.limits);
            let isolation = plugin.map_or(Isolation::Fresh, |plugin| plugin.isolation);
            (given(limits), self::isolation(isolation))
        });
        let json = json!({
            "manifest": candidate.manifest,
            "sha256": hex(&candidate.digest),
            "bytes": candidate.component.len(),
            "taken": trust.is_ok(),
            "trust": match &trust { Ok(words) | Err(words) => words },
            "exports": exports,
            "tools": match &tools { Some(Ok(tools)) => json!(tools), _ => Value::Null },
            "here": here.iter().map(Line::json).collect::<Vec<_>>(),
            "limits": would_get.as_ref().map(|(limits, _)| json!(limits.iter().cloned().collect::<BTreeMap<_, _>>())),
            "isolation": would_get.as_ref().map(|(_, isolation)| isolation),
        });
        let mut text = head(&candidate);
        let _ = writeln!(
            text,
            "signature  {}\n",
            match &trust {
                Ok(words) => words.clone(),
                Err(problem) => format!("NOT TAKEN: {problem}"),
            }
        );
        text += &offers(&exports, tools.as_ref());
        text += &asks(&candidate.manifest, &here, would_get.as_ref());
        Ok(Said::new(text, json))
    }
}

/// Who signed it, or why it is not taken.
fn trust(
    config: Option<&Config>,
    candidate: &Candidate,
) -> Result<Result<String, String>, PluginError> {
    let Some(config) = config else {
        return Ok(Err(match candidate.signature {
            Some(_) => "signed; without a configuration nobody can tell by whom".to_owned(),
            None => "not signed".to_owned(),
        }));
    };
    let memory = Memory::open(&config.trust, &config.runtime.state_dir)?;
    let judged = candidate.signer(config).and_then(|signer| {
        candidate.check_version(&memory, &signer)?;
        Ok(words(&signer))
    });
    Ok(judged.map_err(|error| match error {
        PluginError::Trust { source, .. } => report(&*source).to_string(),
        other => report(&other).to_string(),
    }))
}

fn head(candidate: &Candidate) -> String {
    let manifest = &candidate.manifest;
    let mut text = format!(
        "{} {}\n{}\n\n",
        manifest.name, manifest.version, manifest.description
    );
    for (label, value) in [
        ("says of", &manifest.publisher),
        ("licence", &manifest.licence),
        ("homepage", &manifest.homepage),
    ] {
        if let Some(value) = value {
            let label = if label == "says of" {
                "says it is of"
            } else {
                label
            };
            let _ = writeln!(text, "{label:10} {value}");
        }
    }
    for (word, link) in &manifest.links {
        let _ = writeln!(text, "{word:10} {link}");
    }
    let _ = writeln!(
        text,
        "{:10} {}\n{:10} {}",
        "sha256",
        hex(&candidate.digest),
        "bytes",
        candidate.component.len()
    );
    text
}

fn offers(exports: &[String], tools: Option<&Result<Vec<(String, String)>, String>>) -> String {
    let mut text = format!("offers     {}\n", exports.join(", "));
    match tools {
        Some(Ok(tools)) => {
            for (name, description) in tools {
                let _ = writeln!(text, "  {name}: {description}");
            }
        }
        Some(Err(problem)) => {
            let _ = writeln!(text, "  its tools cannot be listed: {problem}");
        }
        None => text += "  its tools are listed once it is taken: until then it is not run\n",
    }
    text
}

/// One thing that it asks for, and what it gets.
struct Line {
    what: String,
    reason: String,
    gets: String,
}

impl Line {
    fn json(&self) -> Value {
        json!({ "what": self.what, "reason": self.reason, "gets": self.gets })
    }
}

fn here(config: Option<&Config>, manifest: &Manifest) -> Vec<Line> {
    let plugin = config.and_then(|config| config.plugins.get(&manifest.name));
    let grant = |grant: Grant| match plugin {
        None => "not configured here".to_owned(),
        Some(plugin) if plugin.grants.contains(&grant) => "granted".to_owned(),
        Some(plugin) => format!("not granted (plugins.{}.grant)", plugin.name),
    };
    let mut lines: Vec<Line> = manifest
        .wants()
        .into_iter()
        .map(|(wanted, reason)| Line {
            what: wanted.as_str().to_owned(),
            reason: reason.to_owned(),
            gets: grant(wanted),
        })
        .collect();
    for backend in &manifest.backends {
        // Several bindings may answer one of its backends.
        let bound = plugin.into_iter().flat_map(|plugin| {
            let answers = |name| {
                let choice = plugin.choices.get(name);
                *choice.map_or(name, |choice| &choice.answers) == backend.name
            };
            let backends = plugin.backends.iter();
            backends
                .filter(move |(name, _)| answers(name))
                .map(|(_, binding)| bound(binding))
        });
        let bound: Vec<String> = bound.collect();
        lines.push(Line {
            what: format!("backend {}", backend.name),
            reason: backend.purpose.clone(),
            gets: match bound.as_slice() {
                [] => "not bound here".to_owned(),
                bound => bound.join("; "),
            },
        });
        for request in &backend.requests {
            lines.push(Line {
                what: format!("  {request}"),
                reason: String::new(),
                gets: String::new(),
            });
        }
    }
    if let Some(visit) = &manifest.asks.visit {
        for url in &visit.urls {
            lines.push(Line {
                what: format!("link {url}"),
                reason: String::new(),
                gets: String::new(),
            });
        }
    }
    lines
}

fn bound(binding: &Binding) -> String {
    let allowed: Vec<&str> = binding.allow.iter().map(|one| one.text.as_str()).collect();
    let only = if binding.read_only {
        ", for reading only"
    } else {
        ""
    };
    format!(
        "bound to {}{only}, which allows {}",
        binding.name,
        allowed.join(", ")
    )
}

/// Limits by their keys, as the configuration writes them.
type Given = Vec<(&'static str, String)>;

/// All limits that it would get here. Taken apart, so that a new limit cannot be forgotten.
fn given(limits: &Limits) -> Given {
    let Limits {
        memory,
        host_memory,
        cpu_time,
        wall_time,
        concurrency,
        queue,
        calls_per_second,
        result_bytes,
        continuation_bytes,
        log_bytes,
        max_entries,
    } = limits;
    let rate = calls_per_second.map_or("not limited".to_owned(), |rate| rate.to_string());
    vec![
        ("memory", size(*memory)),
        ("host-memory", size(*host_memory)),
        ("cpu-time", time(*cpu_time)),
        ("wall-time", time(*wall_time)),
        ("concurrency", concurrency.to_string()),
        ("queue", queue.to_string()),
        ("calls-per-second", rate),
        ("result-size", size(*result_bytes)),
        ("continuation-size", size(*continuation_bytes)),
        ("log-size", size(*log_bytes)),
        ("max-entries", max_entries.to_string()),
    ]
}

/// Whether its calls share instances here.
fn isolation(isolation: Isolation) -> String {
    match isolation {
        Isolation::Fresh => "fresh: every call gets an instance of its own".to_owned(),
        Isolation::PerPrincipal { calls, idle } => format!(
            "per-principal: up to {calls} calls of the same principal in one instance, which ends when idle for {}",
            time(idle)
        ),
    }
}

/// In the largest unit that needs no fraction.
fn size(bytes: usize) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let fits = units
        .iter()
        .find(|(bits, _)| bytes > 0 && bytes.trailing_zeros() >= *bits);
    fits.map_or_else(
        || format!("{bytes} B"),
        |(bits, unit)| format!("{} {unit}", bytes >> bits),
    )
}

fn time(time: Duration) -> String {
    match time.as_millis() {
        millis if millis % 1000 == 0 => format!("{} s", millis / 1000),
        millis => format!("{millis} ms"),
    }
}

/// `memory 32 MiB, cpu-time 2 s`
fn in_words(limits: &[(&'static str, String)]) -> String {
    let words: Vec<String> = limits
        .iter()
        .map(|(key, value)| format!("{key} {value}"))
        .collect();
    words.join(", ")
}

fn asks(manifest: &Manifest, here: &[Line], would_get: Option<&(Given, String)>) -> String {
    let mut text = String::new();
    if here.is_empty() {
        text += "\nasks for nothing\n";
    } else {
        text += "\nasks for\n";
    }
    for Line { what, reason, gets } in here {
        let _ = match (reason.is_empty(), gets.is_empty()) {
            (true, _) => writeln!(text, "  {what}"),
            (false, true) => writeln!(text, "  {what}: {reason}"),
            (false, false) => writeln!(text, "  {what}: {reason}\n    here: {gets}"),
        };
    }
    let suggested = manifest.limits.lines();
    if !suggested.is_empty() {
        let _ = writeln!(text, "\nworks well with {}", in_words(&suggested));
    }
    if let Some((limits, isolation)) = would_get {
        let _ = writeln!(text, "\nlimits here {}", in_words(limits));
        let _ = writeln!(text, "isolation here {isolation}");
    }
    if let Some(schema) = &manifest.settings {
        text += "\nsettings\n";
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let kind = property["type"].as_str().unwrap_or("any");
            let about = property["description"].as_str().unwrap_or_default();
            let line = format!("  {name} ({kind}) {about}");
            let line: String = line.chars().filter(|c| !c.is_control()).collect();
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    text
}
