//! What the operator is told: the log, to standard error (standard output belongs to the protocol), and the metrics.

use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

mod metrics;
pub mod outcome;
mod process;
mod series;

pub use metrics::{CONTENT_TYPE, Counted, Ending, Metrics, NONE, Now, metrics};

/// How log lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging. `filter` is a `tracing` filter such as `info` or `toolward=debug`; `watch` sees events whatever the
/// filter says, and has a filter of its own.
pub fn start(
    filter: &str,
    format: LogFormat,
    watch: Option<impl Layer<Registry> + Send + Sync>,
) -> Result<(), tracing_subscriber::filter::ParseError> {
    let filter = EnvFilter::builder().parse(filter)?;
    tracing_subscriber::registry()
        .with(watch)
        .with(lines(format).with_filter(filter))
        .init();
    Ok(())
}

fn lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(colours()).boxed(),
        LogFormat::Json => lines.json().boxed(),
    }
}

/// Whether standard error shows colours: a terminal that can, unless `NO_COLOR` says no. `CLICOLOR_FORCE` says yes.
#[must_use]
pub fn colours() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}
