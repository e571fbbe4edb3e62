//! `toolward man`: the manual, from the same source as the help.

use std::fs;
use std::path::{Path, PathBuf};

use clap_mangen::Man as Page;
use clap_mangen::roff::{Roff, bold, roman};
use serde_json::json;

use super::failure::Failure;
use super::output::Said;
use crate::error::Exit;

/// Print or write the manual: one page for the program and one for each command
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  toolward man | man -l -                       Read the program's page
  toolward man plugin pack | man -l -           Read a command's page
  toolward man --output /usr/local/share/man/man1
                                                Write all pages, for man(1) to find")]
pub(super) struct Man {
    /// The command whose page is printed [default: the program's own page]
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Write all pages into this folder instead
    #[arg(long, short, value_name = "FOLDER", conflicts_with = "command")]
    output: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self) -> Result<Said, Failure> {
        let program = program();
        match self.output {
            Some(folder) => write_all(&program, &folder),
            None => print_one(&program, &self.command),
        }
    }
}

fn program() -> clap::Command {
    let mut program = super::command().disable_help_subcommand(true);
    program.build();
    program
}

fn print_one(program: &clap::Command, path: &[String]) -> Result<Said, Failure> {
    let mut command = program;
    for name in path {
        command = command.find_subcommand(name).ok_or_else(|| {
            let names = command.get_subcommands().map(clap::Command::get_name);
            let names = names.collect::<Vec<_>>().join(", ");
            Failure::new(
                Exit::Usage,
                format!("`{}` has no command `{name}`", command.get_name()),
            )
            .hint(if names.is_empty() {
                "it has no commands".to_owned()
            } else {
                format!("it has {names}")
            })
        })?;
    }
    let (file, page) = render(command)?;
    let json = json!({ "file": file, "page": page });
    Ok(Said::new(page, json))
}

fn write_all(program: &clap::Command, folder: &Path) -> Result<Said, Failure> {
    let failed = |path: &Path, error: &std::io::Error| {
        Failure::of(Exit::Failure, error).because(format!("cannot write `{}`", path.display()))
    };
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let mut files = Vec::new();
    for command in all(program) {
        let (file, page) = render(command)?;
        let path = folder.join(file);
        fs::write(&path, page).map_err(|error| failed(&path, &error))?;
        files.push(path.display().to_string());
    }
    Ok(Said::new(files.join("\n"), json!({ "files": files })))
}

/// The command and everything below it.
fn all(command: &clap::Command) -> Vec<&clap::Command> {
    let meant_for_people = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set());
    let below = meant_for_people.flat_map(all);
    std::iter::once(command).chain(below).collect()
}

/// The file's name and its contents.
fn render(command: &clap::Command) -> Result<(String, String), Failure> {
    // What follows the options in the help has sections of its own here.
    let plain = command
        .clone()
        .after_help(None::<&str>)
        .after_long_help(None::<&str>)
        .long_version(env!("CARGO_PKG_VERSION"));
    let page = Page::new(plain)
        .source(concat!("toolward ", env!("CARGO_PKG_VERSION")))
        .manual("toolward");
    let mut bytes = Vec::new();
    let rendered = page
        .render(&mut bytes)
        .and_then(|()| rest(command).to_writer(&mut bytes));
    rendered.map_err(|error| Failure::of(Exit::Failure, &error).because("cannot make the page"))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok((page.get_filename(), text))
}

/// The sections that clap knows nothing of.
fn rest(command: &clap::Command) -> Roff {
    let mut roff = Roff::new();
    let own = command.get_name() == "toolward";
    let help = command.get_after_long_help().map(ToString::to_string);
    if let Some(examples) = help.filter(|_| !own) {
        roff.control("SH", ["EXAMPLES"]);
        roff.control("nf", []);
        for line in examples.lines().filter(|line| *line != "Examples:") {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
    if own {
        roff.control("SH", ["EXIT STATUS"]);
        for (exit, _, meaning) in Exit::MEANINGS {
            roff.control("TP", []);
            roff.text([bold((exit as u8).to_string())]);
            roff.text([roman(meaning.replace('`', ""))]);
        }
        roff.control("SH", ["FILES"]);
        for (file, meaning) in FILES {
            roff.control("TP", []);
            roff.text([bold(file)]);
            roff.text([roman(meaning)]);
        }
    }
    roff
}

const FILES: [(&str, &str); 3] = [
    ("./toolward.toml", "the configuration, when it is there"),
    (
        "~/.config/toolward/toolward.toml",
        "the configuration otherwise; $XDG_CONFIG_HOME in place of ~/.config where that is set",
    ),
    ("~/.cache/toolward", "compiled components; may be removed"),
];
