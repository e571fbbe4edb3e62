//! The command line, and the plan that it comes down to.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

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
}

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Measure for moments only: shows that everything runs, gives no figures to rely on
    #[arg(long)]
    pub(crate) quick: bool,
    /// Print the report as JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Connections to load the HTTP servers with, one measurement each, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16], value_name = "N", value_parser = connections)]
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
}

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) quick: bool,
    pub(crate) connections: Vec<usize>,
    pub(crate) rounds: u32,
    pub(crate) turn: Duration,
    pub(crate) starts: u32,
}

impl Options {
    pub(crate) fn plan(&self) -> Plan {
        let (rounds, turn, starts) = if self.quick {
            (1, Duration::from_millis(200), 1)
        } else {
            (8, Duration::from_secs(1), 16)
        };
        Plan {
            quick: self.quick,
            connections: self.connections.clone(),
            rounds: self.rounds.unwrap_or(rounds),
            turn: self.turn.unwrap_or(turn),
            starts: self.starts.unwrap_or(starts),
        }
    }
}

fn connections(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=10_000) => Ok(number),
        _ => Err("a number from 1 to 10000 is needed".to_owned()),
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
        assert_eq!(plan.turn, Duration::from_millis(200));
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in ["--connections=0", "--turn=0", "--turn=NaN", "--rounds=0"] {
            assert!(Cli::try_parse_from(["bench", wrong]).is_err(), "{wrong}");
        }
    }
}
