//! From a path to a checked configuration.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::DeTable;

use super::diagnostic::{Diagnostics, Spot};
use super::findings::Findings;
use super::mask;
use super::origin::Origins;
use super::resolve::{self, Cx};
use super::source::Source;
use super::syntax::{self, Syntax};
use super::{Config, Env, raw, shape};

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

/// What flags of the command line set, as they were written. They win over the environment and the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--listen`, over `server.listen` and `TOOLWARD_LISTEN`.
    pub listen: Option<String>,
    /// `--cache-dir`, over `runtime.cache-dir` and `TOOLWARD_CACHE_DIR`.
    pub cache_dir: Option<String>,
    /// `--state-dir`, over `runtime.state-dir` and `TOOLWARD_STATE_DIR`.
    pub state_dir: Option<String>,
    /// `--max-instances`, over `runtime.max-instances` and `TOOLWARD_MAX_INSTANCES`.
    pub max_instances: Option<String>,
    /// `--max-waiting`, over `runtime.max-waiting` and `TOOLWARD_MAX_WAITING`.
    pub max_waiting: Option<String>,
    /// `--guest-threads`, over `runtime.guest-threads` and `TOOLWARD_GUEST_THREADS`.
    pub guest_threads: Option<String>,
    /// `--allow-unsigned`, over `trust.allow-unsigned` and `TOOLWARD_ALLOW_UNSIGNED`.
    pub allow_unsigned: Option<String>,
}

/// Where the configuration is, for those who read it again.
#[derive(Clone, Debug)]
pub struct Location {
    /// The file.
    pub path: PathBuf,
    /// The environment.
    pub env: fn(&str) -> Option<OsString>,
    /// The flags that the host was started with.
    pub overrides: Overrides,
    /// The program that compiles components.
    pub compile_with: Option<PathBuf>,
}

impl Location {
    /// Reads and checks it, as [`load`] does.
    pub fn load(&self) -> Result<Config, Diagnostics> {
        let mut config = load(&self.path, &self.env, &self.overrides)?;
        config
            .runtime
            .compile
            .program
            .clone_from(&self.compile_with);
        Ok(config)
    }
}

/// What `toolward config check` says of a configuration without errors.
#[derive(Debug)]
pub struct Checked {
    /// One line: what is configured.
    pub summary: String,
    /// The warnings, perhaps none.
    pub warnings: Diagnostics,
}

/// What `toolward config show` says.
#[derive(Debug)]
pub struct Shown {
    /// One line for each value, TOML with a comment.
    pub text: String,
    /// An array of objects with `key`, `value` and `from`.
    pub json: serde_json::Value,
}

/// Reads and checks the whole configuration. All errors come at once.
pub fn load(path: &Path, env: Env<'_>, overrides: &Overrides) -> Result<Config, Diagnostics> {
    let loaded = read(path, env, overrides)?;
    Ok(Config {
        warnings: loaded.diagnostics.warning_lines(),
        ..loaded.config
    })
}

/// For `toolward config check`.
pub fn check(path: &Path, env: Env<'_>, overrides: &Overrides) -> Result<Checked, Diagnostics> {
    let Loaded {
        config,
        diagnostics,
        ..
    } = read(path, env, overrides)?;
    let count = |number: usize, what: &str| {
        format!("{number} {what}{}", if number == 1 { "" } else { "s" })
    };
    let plugins = count(config.plugins.len(), "plugin");
    let bindings = count(config.bindings.len(), "binding");
    let summary = format!("{} is correct: {plugins}, {bindings}", path.display());
    Ok(Checked {
        summary,
        warnings: diagnostics,
    })
}

/// For `toolward config show`: each effective value, with where it came from. Secrets are masked.
pub fn show_origin(path: &Path, env: Env<'_>, overrides: &Overrides) -> Result<Shown, Diagnostics> {
    let origins = read(path, env, overrides)?.origins;
    Ok(Shown {
        text: origins.render(path),
        json: origins.to_json(path),
    })
}

struct Loaded {
    config: Config,
    /// Warnings only.
    diagnostics: Diagnostics,
    origins: Origins,
}

fn read(path: &Path, env: Env<'_>, overrides: &Overrides) -> Result<Loaded, Diagnostics> {
    let nothing = |message: String, hint: &str| {
        let mut findings = Findings::new(Source::new(""));
        findings.error_of(Spot::File, message).hint(hint);
        findings.into_diagnostics(path)
    };
    let bytes = std::fs::read(path).map_err(|error| {
        nothing(
            format!("cannot read the configuration: {error}"),
            "--config FILE, or TOOLWARD_CONFIG=FILE",
        )
    })?;
    let folder = folder_of(path)
        .map_err(|error| nothing(format!("there is no working directory: {error}"), "cd /"))?;
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) => {
            let readable = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            let line = 1 + readable.matches('\n').count();
            return Err(nothing(
                format!("line {line} of the configuration is not UTF-8"),
                "save the file as UTF-8",
            ));
        }
    };
    resolve_text(path, text, folder, env, overrides)
}

fn folder_of(path: &Path) -> std::io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    Ok(path
        .parent()
        .map_or_else(|| PathBuf::from("/"), Path::to_owned))
}

fn resolve_text(
    path: &Path,
    text: &str,
    folder: PathBuf,
    env: Env<'_>,
    overrides: &Overrides,
) -> Result<Loaded, Diagnostics> {
    let mut source = Source::new(text);
    let (mut root, errors) = DeTable::parse_recoverable(text);
    let leaves = mask::survey(&mut source, root.get_ref());
    let mut findings = Findings::new(source);
    if syntax::report(&mut findings, &errors) == Syntax::Broken {
        return Err(findings.into_diagnostics(path));
    }
    shape::prune(&mut findings, root.get_mut());
    if !errors.is_empty() {
        // Of things that are there twice one is lost, and what the other lacks would be reported as missing.
        return Err(findings.into_diagnostics(path));
    }
    let file = match raw::File::deserialize(toml::de::Deserializer::from(root)) {
        Ok(file) => file,
        Err(error) => {
            // Not serde's own text: it repeats values.
            findings
                .error(
                    &error.span().unwrap_or(0..0),
                    "this value does not fit the schema",
                )
                .hint("toolward config schema");
            return Err(findings.into_diagnostics(path));
        }
    };
    let mut cx = Cx {
        findings,
        origins: Origins::of_file(leaves),
        env,
        overrides,
        file: path.to_owned(),
        folder,
    };
    let config = resolve::resolve(&mut cx, file);
    let failed = cx.findings.has_errors();
    let diagnostics = cx.findings.into_diagnostics(path);
    if failed {
        Err(diagnostics)
    } else {
        Ok(Loaded {
            config,
            diagnostics,
            origins: cx.origins,
        })
    }
}
