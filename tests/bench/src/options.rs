//! The command line, and the plan that it comes down to.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::baseline::Baseline;

/// Measure the host beside baselines, interleaved, on loopback
#[derive(Debug, Parser)]
#[command(name = "bench", args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Be one of the servers that the host is compared with
    #[command(hide = true)]
    Serve(Serve),
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    #[arg(value_enum)]
    pub(crate) baseline: Baseline,
    /// Where it may write files
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Measure for moments only: shows that everything runs, gives no figures to rely on
    #[arg(long)]
    pub(crate) quick: bool,
    /// Print the report as JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// End with exit code 1 when a ratio does not hold or a call failed
    #[arg(long)]
    pub(crate) check: bool,
    /// Measure only these parts, separated by commas; the report has no others
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    only: Vec<Part>,
    /// Connections to load the programs with, or calls in flight, one measurement each, separated by commas
    /// [default: 1,16,64,256; with --quick 1,64]
    #[arg(long, value_delimiter = ',', value_name = "N", value_parser = connections)]
    connections: Vec<usize>,
    /// How often each measurement takes its turn
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// How long each turn lasts, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    turn: Option<Duration>,
    /// How often each program is started
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    starts: Option<u32>,
    /// Where the report goes as JSON [default: target/bench/latest.json]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Where the tables go as Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Part {
    /// Calls per second, latency and CPU time of every program
    Calls,
    /// The sandbox, a backend request and the cache of tokens, without transports
    Inside,
    /// From the creation of a process to its first answered call
    Starts,
    /// From writing a component to the first call of the new version
    Reload,
    /// What grows with plugins, tools, sizes and clients
    Scale,
    /// What one tenant feels of another
    Fairness,
    /// Long lists of a large backup server
    Lists,
    /// Instructions of one call, counted by valgrind where it is installed
    Instructions,
}

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) quick: bool,
    only: Vec<Part>,
    pub(crate) connections: Vec<usize>,
    pub(crate) rounds: u32,
    pub(crate) turn: Duration,
    pub(crate) starts: u32,
}

impl Options {
    pub(crate) fn plan(&self) -> Plan {
        let (rounds, turn, starts, connections) = if self.quick {
            (1, Duration::from_millis(50), 1, vec![1, 64])
        } else {
            (4, Duration::from_millis(500), 12, vec![1, 16, 64, 256])
        };
        Plan {
            quick: self.quick,
            only: self.only.clone(),
            connections: if self.connections.is_empty() {
                connections
            } else {
                self.connections.clone()
            },
            rounds: self.rounds.unwrap_or(rounds),
            turn: self.turn.unwrap_or(turn),
            starts: self.starts.unwrap_or(starts),
        }
    }
}

impl Plan {
    /// Whether a part is to be measured.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// Whether all of them are.
    pub(crate) fn is_whole(&self) -> bool {
        Part::value_variants().iter().all(|part| self.has(*part))
    }
}

fn connections(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1_000) => Ok(number),
        _ => Err("a number from 1 to 1000 is needed".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(number) if (0.05..=600.0).contains(&number) => Ok(Duration::from_secs_f64(number)),
        _ => Err("a number of seconds from 0.05 to 600 is needed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_win_over_quick() {
        let cli = Cli::parse_from(["bench", "--quick", "--rounds", "3", "--connections", "1,64"]);
        let plan = cli.options.plan();
        assert_eq!(plan.rounds, 3);
        assert_eq!(plan.connections, [1, 64]);
        assert_eq!(plan.turn, Duration::from_millis(50));
        assert!(plan.is_whole());
    }

    #[test]
    fn parts_are_chosen() {
        let cli = Cli::parse_from(["bench", "--only", "calls,starts"]);
        let plan = cli.options.plan();
        assert!(plan.has(Part::Calls) && plan.has(Part::Starts));
        assert!(!plan.has(Part::Lists) && !plan.is_whole());
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [
            "--connections=0",
            "--turn=0",
            "--turn=NaN",
            "--rounds=0",
            "--only=it",
        ] {
            assert!(Cli::try_parse_from(["bench", wrong]).is_err(), "{wrong}");
        }
    }
}
