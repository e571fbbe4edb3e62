//! `toolward completions`.

use clap::CommandFactory as _;

use super::{Cli, print};
use crate::error::Exit;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(super) fn run(self) -> Exit {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "toolward", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}
