//! `toolward config …`, and the one way in which every command gets its configuration.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::Global;
use super::failure::Failure;
use super::output::{Audience, Said, say};
use crate::config::{self, Diagnostics, Location, Overrides};
use crate::error::Exit;
use crate::telemetry;

/// Check and explain the configuration
#[derive(Debug, clap::Subcommand)]
pub(super) enum Config {
    /// Check the whole file; every mistake is shown with its place and remedy
    ///
    /// With --json the result has `ok` and `diagnostics`, each with `severity`, `message`, `file`, `line`, `column`, `label` and
    /// `hint`, whether the file is right or wrong.
    Check,
    /// Print the JSON Schema of the file, for editors
    #[command(
        after_long_help = "Examples:\n  toolward config schema > toolward.schema.json\n\nand, as the first line of toolward.toml:\n  #:schema ./toolward.schema.json"
    )]
    Schema,
    /// Print every effective value and where it comes from; secrets are not shown
    #[command(
        after_long_help = "Examples:\n  toolward config show | grep ^server\n  toolward config show --json | jq '.[] | select(.from != \"default\")'"
    )]
    Show,
}

/// Settings of the configuration that flags may change.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Flags {
    /// Address to listen on [default: server.listen of the configuration, else 127.0.0.1:8825]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Where compiled components are kept
    #[arg(long, value_name = "FOLDER")]
    cache_dir: Option<String>,
    /// Where jobs are kept
    #[arg(long, value_name = "FOLDER")]
    state_dir: Option<String>,
    /// Instances alive at once over all plugins
    #[arg(long, value_name = "NUMBER")]
    max_instances: Option<String>,
    /// Calls that may wait for an instance
    #[arg(long, value_name = "NUMBER")]
    max_waiting: Option<String>,
    /// Threads that run plugins
    #[arg(long, value_name = "NUMBER")]
    guest_threads: Option<String>,
}

impl From<Flags> for Overrides {
    fn from(flags: Flags) -> Self {
        Self {
            listen: flags.listen,
            cache_dir: flags.cache_dir,
            state_dir: flags.state_dir,
            max_instances: flags.max_instances,
            max_waiting: flags.max_waiting,
            guest_threads: flags.guest_threads,
            allow_unsigned: None,
        }
    }
}

impl Config {
    pub(super) fn run(self, global: &Global) -> Result<Said, Failure> {
        match self {
            Self::Check => check(&find(global)?, global.audience()),
            Self::Schema => {
                let schema = config::schema();
                Ok(Said::new(format!("{schema:#}"), schema))
            }
            Self::Show => {
                let shown = config::show_origin(&find(global)?, &env, &Overrides::default());
                let shown = shown.map_err(wrong)?;
                Ok(Said::new(shown.text, shown.json))
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the real environment comes in"
)]
fn env(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The environment of a host that is not the operator's: only what says where a cache goes.
pub(super) fn environment(name: &str) -> Option<OsString> {
    matches!(name, "HOME" | "XDG_CACHE_HOME")
        .then(|| env(name))
        .flatten()
}

/// The checked configuration.
pub(super) fn load(global: &Global, overrides: &Overrides) -> Result<config::Config, Failure> {
    load_from(&location(global, overrides.clone())?)
}

/// Where the configuration is, for a command that reads it more than once.
pub(super) fn location(global: &Global, overrides: Overrides) -> Result<Location, Failure> {
    Ok(Location {
        path: find(global)?,
        env,
        overrides: Overrides {
            allow_unsigned: global.allow_unsigned.then(|| "true".to_owned()),
            ..overrides
        },
        // Whatever the file of this program is called by now, and whatever it has been replaced by since.
        compile_with: Some(PathBuf::from("/proc/self/exe")),
    })
}

/// The same from there.
pub(super) fn load_from(location: &Location) -> Result<config::Config, Failure> {
    let config = location.load().map_err(wrong)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

/// The checked configuration where there is one; a file that was named must be there.
pub(super) fn load_if_there(global: &Global) -> Result<Option<config::Config>, Failure> {
    if global.config.is_none() && config::find(None, &env).is_err() {
        return Ok(None);
    }
    load(global, &Overrides::default()).map(Some)
}

/// For programs, what is wrong with the file is the result of checking it; people read it where errors are told.
fn check(path: &Path, audience: Audience) -> Result<Said, Failure> {
    let result =
        |ok: bool, found: &Diagnostics| json!({ "ok": ok, "diagnostics": found.to_json() });
    match (config::check(path, &env, &Overrides::default()), audience) {
        (Ok(checked), _) => {
            let warnings = checked.warnings.render(telemetry::colours());
            if audience == Audience::People && !warnings.is_empty() {
                say(warnings.trim_end());
            }
            Ok(Said::new(checked.summary, result(true, &checked.warnings)))
        }
        (Err(diagnostics), Audience::People) => Err(wrong(diagnostics)),
        (Err(diagnostics), Audience::Programs) => {
            let json = result(false, &diagnostics);
            Ok(Said::new(String::new(), json).and_exit(Exit::Config))
        }
    }
}

fn find(global: &Global) -> Result<PathBuf, Failure> {
    config::find(global.config.as_deref(), &env).map_err(|error| Failure::of(Exit::Config, &error))
}

fn wrong(diagnostics: Diagnostics) -> Failure {
    Failure::Config(Box::new(diagnostics))
}
