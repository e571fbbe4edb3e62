//! What the operator is told: the log, to standard error (standard output belongs to the protocol), and the metrics.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

mod metrics;
mod process;
mod series;

pub use metrics::{CONTENT_TYPE, Counted, Ending, Metrics, NONE, Now, metrics};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging. `filter` is a `tracing` filter such as `info` or `toolward=debug`.
pub fn start(
    filter: &str,
    format: LogFormat,
) -> Result<(), tracing_subscriber::filter::ParseError> {
    let filter = EnvFilter::builder().parse(filter)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}
