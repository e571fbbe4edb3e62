//! `toolward config …`, and the one way in which every command gets its configuration.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use serde_json::json;

use super::{Global, fail, print};
use crate::config::{self, Diagnostics, Overrides};
use crate::error::Exit;

/// Check and explain the configuration
#[derive(Debug, clap::Subcommand)]
pub(super) enum Config {
    /// Check the whole file; every mistake is shown with its place and remedy
    Check {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of the file, for editors
    Schema,
    /// Print every effective value and where it comes from; secrets are not shown
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
        }
    }
}

impl Config {
    pub(super) fn run(self, global: &Global) -> Exit {
        match self {
            Self::Check { json } => check(global, json),
            Self::Schema => print(&format!("{:#}", config::schema())),
            Self::Show => with_file(global, |path| {
                config::show_origin(path, &env, &Overrides::default())
            })
            .map_or_else(|exit| exit, |text| print(&text)),
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

/// The checked configuration; what is wrong with it has been printed otherwise.
pub(super) fn load(global: &Global, overrides: &Overrides) -> Result<config::Config, Exit> {
    let mut config = with_file(global, |path| config::load(path, &env, overrides))?;
    // Whatever the file of this program is called by now, and whatever it has been replaced by since.
    config.runtime.compile.program = Some(PathBuf::from("/proc/self/exe"));
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

fn check(global: &Global, as_json: bool) -> Exit {
    let path = match find(global) {
        Ok(path) => path,
        Err(exit) => return exit,
    };
    match config::check(&path, &env, &Overrides::default()) {
        Ok(checked) if as_json => {
            print(&json!({ "ok": true, "diagnostics": checked.warnings.to_json() }).to_string())
        }
        Ok(checked) => {
            show(&checked.warnings);
            print(&checked.summary)
        }
        Err(diagnostics) if as_json => {
            print(&json!({ "ok": false, "diagnostics": diagnostics.to_json() }).to_string());
            Exit::Config
        }
        Err(diagnostics) => {
            show(&diagnostics);
            Exit::Config
        }
    }
}

fn find(global: &Global) -> Result<PathBuf, Exit> {
    config::find(global.config.as_deref(), &env).map_err(|error| fail(Exit::Config, &error))
}

fn with_file<T>(
    global: &Global,
    read: impl FnOnce(&std::path::Path) -> Result<T, Diagnostics>,
) -> Result<T, Exit> {
    read(&find(global)?).map_err(|diagnostics| {
        show(&diagnostics);
        Exit::Config
    })
}

fn show(diagnostics: &Diagnostics) {
    let text = diagnostics.render(std::io::stderr().is_terminal());
    if !text.is_empty() {
        eprintln!("{}", text.trim_end());
    }
}
