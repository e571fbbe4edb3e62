//! `docs/commands.md`: the help of every command, as users read it. A change to it is reviewed like code.

use std::fmt::Write as _;

use clap::Parser as _;

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
    let meant_for_people = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set());
    for below in meant_for_people {
        describe(below, page);
    }
}

#[test]
fn the_documentation_names_commands_that_exist() {
    let mut commands = 0;
    for page in [
        "README.md",
        "docs/commands.md",
        "docs/configuration.md",
        "docs/operators.md",
        "docs/plugin-authors.md",
    ] {
        let text = std::fs::read_to_string(golden::repository(page)).expect("a page");
        for line in text.lines().map(|line| line.trim_start_matches([' ', '$'])) {
            let Some(arguments) = line.strip_prefix("toolward ") else {
                continue;
            };
            let words = std::iter::once("toolward".to_owned()).chain(words(arguments));
            if let Err(error) = super::Cli::try_parse_from(words)
                && error.use_stderr()
                // A sentence that begins with the program's name, or a table's placeholder.
                && !matches!(page, "docs/configuration.md" if line.starts_with("toolward reads"))
            {
                panic!("{page}: {line}: {error}");
            }
            commands += 1;
        }
    }
    assert!(commands > 30, "only {commands} commands were found");
}

/// The words of a command as a shell reads them, up to a comment, a pipe, a redirection or a gap of three spaces, after
/// which the help explains it.
fn words(line: &str) -> Vec<String> {
    let line = line.split("   ").next().unwrap_or_default();
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            '|' | '>' | '#' if !quoted => break,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().expect("there is one").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
