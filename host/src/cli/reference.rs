//! `docs/commands.md`: the help of every command, as users read it. A change to it is reviewed like code.

use std::fmt::Write as _;

use crate::config::golden;

const HEAD: &str = "# Commands\n\n\
    What `--help` says of every command. `toolward man` has the same as pages of the manual; [operators.md](operators.md) explains\n\
    exit codes and `--json`.\n\n\
    Generated: `TOOLWARD_UPDATE=1 cargo test -p toolward --lib cli::` rewrites it.\n";

#[test]
fn the_page_is_what_help_says() {
    let mut program = super::command()
        .disable_help_subcommand(true)
        .term_width(100);
    program.build();
    let mut page = HEAD.to_owned();
    describe(&program, &mut page);
    golden::check(&golden::repository("docs/commands.md"), &page);
}

#[test]
fn the_command_line_is_well_formed() {
    super::command().debug_assert();
}

fn describe(command: &clap::Command, page: &mut String) {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    // Of this machine's environment nothing belongs here.
    let mut shown = command
        .clone()
        .mut_args(|argument| argument.hide_env_values(true));
    if command.get_name() != "toolward" {
        // These are the same everywhere.
        shown = shown.mut_args(|argument| {
            let global = argument.is_global_set();
            argument.hide(global)
        });
    }
    let help = shown.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(
        page,
        "\n## `{name}`\n\n```text\n{}\n```\n",
        help.join("\n").trim_end()
    );
    for below in command.get_subcommands() {
        describe(below, page);
    }
}
