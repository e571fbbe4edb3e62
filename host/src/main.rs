//! The `toolward` binary: parse, run, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    toolward::cli::run(std::env::args_os()).into()
}
