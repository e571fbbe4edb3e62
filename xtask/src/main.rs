//! `cargo xtask …`: everything that is done to this repository by command.
//!
//! This file only parses and dispatches; each command has its own file. Progress goes to stderr.

mod bench;
mod conformance;
mod demo;
mod failure;
mod fuzz;
mod licences;
mod plugins;
mod process;
mod project;
mod setup;
mod stale;
mod test;
mod tools;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use failure::Failure;
use project::Project;

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Set-up, builds and checks of toolward"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Provide the WebAssembly target that plugins are built for
    Setup(SetupArguments),
    /// Build and pack the plugins into target/plugins
    Plugins(PluginsArguments),
    /// Install the test tools (Node.js, MCP clients, componentizers) into target/tools
    Tools,
    /// Set up, build, start the host with a simulated backup server, and make one real tool call
    Demo(DemoArguments),
    /// Measure the host beside baselines (docs/performance.md)
    Bench(bench::Arguments),
    /// Run the official MCP conformance suite against the host
    Conformance(conformance::Arguments),
    /// Feed the parsers and the other doors with made-up input, and see whether they hold
    Fuzz(fuzz::Arguments),
    /// Run everything that CI runs
    Test(TestArguments),
}

#[derive(Args, Debug)]
struct SetupArguments {
    /// Install again, even if the target is there and works
    #[arg(long)]
    force: bool,
}

#[derive(Args, Debug)]
struct PluginsArguments {
    /// Also build the plugins that only tests use (tests/fixtures)
    #[arg(long)]
    fixtures: bool,
}

#[derive(Args, Debug)]
struct DemoArguments {
    /// Ask the servers of this configuration instead of a simulated one
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    /// End after the call instead of serving until Ctrl-C
    #[arg(long)]
    once: bool,
}

#[derive(Args, Debug)]
struct TestArguments {
    /// Run only these steps, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', value_name = "STEP")]
    only: Vec<test::Step>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Result<(), Failure> {
    let project = Project::find();
    match command {
        Command::Setup(arguments) if arguments.force => setup::reinstall(&project),
        Command::Setup(_) => setup::ensure(&project),
        Command::Demo(DemoArguments { config, once }) => {
            demo::run(&project, demo::Options { config, once })
        }
        Command::Plugins(arguments) => {
            setup::ensure(&project)?;
            let which = if arguments.fixtures {
                plugins::Which::WithFixtures
            } else {
                plugins::Which::Shipped
            };
            plugins::build(&project, which)
        }
        Command::Tools => tools::install(&project),
        Command::Bench(arguments) => bench::run(&project, &arguments),
        Command::Conformance(arguments) => conformance::run(&project, &arguments),
        Command::Fuzz(arguments) => fuzz::run(&project, &arguments),
        Command::Test(arguments) => test::run(&project, &arguments.only),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser as _};

    use super::{Cli, Project};

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_documentation_names_commands_that_exist() {
        let root = Project::find().root;
        let pages = std::fs::read_dir(root.join("docs")).expect("the folder `docs`");
        let mut pages: Vec<_> = pages.filter_map(|page| Some(page.ok()?.path())).collect();
        pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
        pages.push(root.join("README.md"));
        let mut commands = 0;
        for page in pages {
            let text = std::fs::read_to_string(&page).expect("a page");
            let lines = text.lines().map(|line| line.trim_start_matches("$ "));
            for line in lines.filter(|line| line.starts_with("cargo xtask ")) {
                let words = line
                    .split('#')
                    .next()
                    .unwrap_or_default()
                    .split_whitespace();
                let parsed = Cli::try_parse_from(words.skip(1));
                assert!(parsed.is_ok(), "{}: {line}", page.display());
                commands += 1;
            }
        }
        assert!(commands > 3, "only {commands} commands were found");
    }
}
