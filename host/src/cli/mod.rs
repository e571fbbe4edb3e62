//! The commands. Each is a file; this one says what exists and sends them on their way.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::error::Exit;
use crate::plugin::COMPILE_COMMAND;
use crate::telemetry::{self, LogFormat};

mod audit;
mod call;
mod compile;
mod completions;
mod config;
mod plugin;
mod serve;
mod token;
mod tools;

/// A tool host for AI agents: MCP outside, sandboxed WebAssembly plugins inside.
#[derive(Debug, Parser)]
#[command(name = "toolward", version, after_help = AFTER_HELP, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 success, 1 failure, 2 wrong command line, 3 wrong configuration, 4 a plugin cannot be offered, 5 the tool answered with an error, 6 the audit log was changed.

Start with `toolward config check`, then `toolward serve`.";

/// Options of every command.
#[derive(Debug, Args)]
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
    /// What to log to standard error: a level, or a filter such as `info,toolward::egress=debug`
    #[arg(long, global = true, env = "TOOLWARD_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// How log lines look
    #[arg(
        long,
        global = true,
        env = "TOOLWARD_LOG_FORMAT",
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the tools to MCP clients, over HTTP or over standard input and output
    Serve(serve::Serve),
    /// List the tools on offer
    Tools(tools::Tools),
    /// Call one tool and print its result
    Call(call::Call),
    /// Look at and make plugins
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    /// Make bearer tokens for callers
    #[command(subcommand)]
    Token(token::Token),
    /// Check and explain the configuration
    #[command(subcommand)]
    Config(config::Config),
    /// Look after the audit log
    #[command(subcommand)]
    Audit(audit::Audit),
    #[command(name = COMPILE_COMMAND, hide = true)]
    Compile(compile::Compile),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

impl Cli {
    /// Runs the command. Everything the user reads has been printed when this returns.
    #[must_use]
    pub fn run(self) -> Exit {
        let quiet_by_default = !matches!(self.command, Command::Serve(_));
        let filter = self.global.log.as_deref().unwrap_or(if quiet_by_default {
            "error"
        } else {
            "info,rmcp=warn"
        });
        if let Err(error) = telemetry::start(filter, self.global.log_format) {
            return fail(Exit::Usage, &error);
        }
        match self.command {
            Command::Serve(command) => command.run(&self.global),
            Command::Tools(command) => command.run(&self.global),
            Command::Call(command) => command.run(&self.global),
            Command::Plugin(command) => command.run(),
            Command::Token(command) => command.run(),
            Command::Config(command) => command.run(&self.global),
            Command::Audit(command) => command.run(&self.global),
            Command::Compile(command) => command.run(),
            Command::Completions(command) => command.run(),
        }
    }
}

/// Prints an error with its causes and hints.
fn fail(exit: Exit, error: &dyn std::error::Error) -> Exit {
    eprintln!("error: {}", crate::error::report(error));
    exit
}

/// Prints a result to standard output. A reader that went away is no error.
fn print(text: &str) -> Exit {
    use std::io::Write as _;
    match writeln!(std::io::stdout().lock(), "{}", text.trim_end()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => fail(Exit::Failure, &error),
        _ => Exit::Success,
    }
}

/// The runtime whose threads serve I/O.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("io")
        .build()
}
