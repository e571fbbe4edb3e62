//! `toolward completions`.

use clap_complete::Shell;
use serde_json::json;

use super::output::Said;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  toolward completions bash > ~/.local/share/bash-completion/completions/toolward
  toolward completions zsh  > \"${fpath[1]}/_toolward\"
  toolward completions fish > ~/.config/fish/completions/toolward.fish
  toolward completions elvish >> ~/.config/elvish/rc.elv
  toolward completions powershell >> $PROFILE")]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Said {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::command(), "toolward", &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        let json = json!({ "shell": self.shell.to_string(), "script": script });
        Said::new(script, json)
    }
}
