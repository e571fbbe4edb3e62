//! The `toolward` binary: parse, run, exit.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    toolward::cli::Cli::parse().run().into()
}
