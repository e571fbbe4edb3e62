//! The commands. Each is a file; this one says what exists and sends them on their way.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::error::Exit;
use crate::plugin::COMPILE_COMMAND;
use crate::telemetry::{self, LogFormat};
use failure::Failure;
use output::{Audience, Said};

mod audit;
mod call;
mod compile;
mod completions;
mod config;
mod failure;
mod loading;
mod man;
mod output;
mod plugin;
#[cfg(test)]
mod reference;
mod serve;
mod signals;
mod status;
mod token;
mod tools;
mod version;

/// A tool host for AI agents: MCP outside, sandboxed WebAssembly plugins inside
///
/// Agents reach it over MCP, by HTTP or standard input and output. Every tool they call runs inside a WebAssembly
/// component that can do nothing that the configuration did not grant, and never sees a password.
#[derive(Debug, Parser)]
#[command(
    name = "toolward",
    version,
    long_version = version::long(),
    after_help = "`toolward --help` has the exit codes, `toolward COMMAND --help` has examples.",
    after_long_help = after_help(),
    disable_help_subcommand = false,
    max_term_width = 100,
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

fn after_help() -> String {
    let codes = Exit::MEANINGS
        .map(|(exit, _, meaning)| format!("  {:>3}  {}", exit as u8, meaning.replace('`', "")));
    format!(
        "Exit codes:\n{}\n\n\
         Examples:\n\
         \x20 toolward config check                  Is the configuration right?\n\
         \x20 toolward tools                         What is on offer?\n\
         \x20 toolward call TOOL --args '{{\"a\": 1}}'   Call one tool, without a server\n\
         \x20 toolward serve                         Serve MCP clients over HTTP\n\n\
         Results go to standard output, everything else to standard error. With --json a result is one JSON\n\
         document, and an error one line with one JSON object {{\"error\": …}}.",
        codes.join("\n")
    )
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// The configuration file [default: ./toolward.toml, then toolward/toolward.toml in the user's configuration folder]
    #[arg(
        long,
        short,
        global = true,
        env = "TOOLWARD_CONFIG",
        value_name = "FILE"
    )]
    config: Option<PathBuf>,
    /// Take plugins that nobody signed, or somebody unknown; for development
    #[arg(long, global = true)]
    allow_unsigned: bool,
    /// Write for programs: results, errors, progress and log lines as JSON
    #[arg(long, global = true)]
    json: bool,
    /// What to log to standard error: a level, or a filter such as `info,toolward::egress=debug` [default: info for
    /// `serve`, else error]
    #[arg(long, global = true, env = "TOOLWARD_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// How log lines look [default: text; json with --json]
    #[arg(
        long,
        global = true,
        env = "TOOLWARD_LOG_FORMAT",
        value_enum,
        value_name = "FORMAT"
    )]
    log_format: Option<LogFormat>,
}

impl Global {
    fn audience(&self) -> Audience {
        if self.json {
            Audience::Programs
        } else {
            Audience::People
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Tools(tools::Tools),
    Call(call::CallArgs),
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    #[command(subcommand)]
    Token(token::Token),
    #[command(subcommand)]
    Config(config::Config),
    #[command(subcommand)]
    Audit(audit::Audit),
    #[command(name = COMPILE_COMMAND, hide = true)]
    Compile(compile::Compile),
    Completions(completions::Completions),
    Man(man::Man),
}

/// What `serve` logs unless asked otherwise. rmcp warns of every answer that is an error and of every client that hangs up:
/// neither is news for an operator.
const QUIET_LIBRARIES: &str = "info,rmcp=warn,rmcp::service=off";

/// Runs the command of this command line. Everything that the user reads has been written when this returns.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    match Cli::try_parse_from(&arguments) {
        Ok(cli) => {
            let audience = cli.global.audience();
            let done = cli.run().and_then(|said| match said {
                Some(said) => said.print(audience),
                None => Ok(Exit::Success),
            });
            done.unwrap_or_else(|failure| failure.tell(audience))
        }
        Err(error) => not_a_command(error, &arguments),
    }
}

/// The command as clap knows it.
fn command() -> clap::Command {
    Cli::command()
}

/// What clap answers by itself: help, the version, and what is wrong with a command line.
fn not_a_command(error: clap::Error, arguments: &[OsString]) -> Exit {
    use clap::error::ErrorKind;
    let audience = if wants_json(arguments) {
        Audience::Programs
    } else {
        Audience::People
    };
    let answered = match (error.kind(), audience) {
        (ErrorKind::DisplayVersion, Audience::Programs) => {
            Said::new(String::new(), version::json()).print(audience)
        }
        (ErrorKind::DisplayHelp | ErrorKind::DisplayVersion, _) => {
            // A reader that went away is no error.
            drop(error.print());
            Ok(Exit::Success)
        }
        _ => Err(Failure::CommandLine(Box::new(error))),
    };
    answered.unwrap_or_else(|failure| failure.tell(audience))
}

/// Whether a command line that does not parse says `--json`.
fn wants_json(arguments: &[OsString]) -> bool {
    let options = arguments.iter().take_while(|argument| *argument != "--");
    options.into_iter().any(|argument| argument == "--json")
}

impl Cli {
    fn run(self) -> Result<Option<Said>, Failure> {
        let serves = matches!(self.command, Command::Serve(_));
        let usual = if serves { QUIET_LIBRARIES } else { "error" };
        let filter = self.global.log.as_deref().unwrap_or(usual);
        let format = match (self.global.log_format, self.global.audience()) {
            (Some(format), _) => format,
            (None, Audience::Programs) => LogFormat::Json,
            (None, Audience::People) => LogFormat::Text,
        };
        let loading = (!serves)
            .then(|| loading::Loading::shown_to(self.global.audience()))
            .flatten();
        telemetry::start(
            filter,
            format,
            loading.as_ref().map(loading::Loading::watch),
        )
        .map_err(|error| {
            Failure::of(Exit::Usage, &error)
                .because(format!("cannot understand the log filter {filter:?}"))
                .hint("--log info, or --log info,toolward::egress=debug")
        })?;
        let global = &self.global;
        match self.command {
            Command::Serve(command) => command.run(global).map(|()| None),
            Command::Tools(command) => command.run(global, loading).map(Some),
            Command::Call(command) => command.run(global, loading).map(Some),
            Command::Plugin(command) => command.run(global).map(Some),
            Command::Token(command) => command.run().map(Some),
            Command::Config(command) => command.run(global).map(Some),
            Command::Audit(command) => command.run(global).map(Some),
            Command::Compile(command) => command.run().map(|()| None),
            Command::Completions(command) => Ok(Some(command.run())),
            Command::Man(command) => command.run().map(Some),
        }
    }
}

/// The runtime whose threads serve I/O: half as many as there are cores. The guests' threads have the cores for the other
/// half of the work; more threads would mostly wake each other (`docs/performance.md`).
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads((cores / 2).max(1))
        .enable_all()
        .thread_name("io")
        .build()
        .map_err(|error| Failure::of(Exit::Failure, &error).because("cannot start threads"))
}
