//! `toolward serve`.

use tokio_util::sync::CancellationToken;

use super::config::{Flags, load};
use super::failure::Failure;
use super::{Global, runtime, signals};
use crate::config::Config;
use crate::error::Exit;
use crate::host::Host;
use crate::server::{http, stdio};

/// Serve the tools to MCP clients, over HTTP or over standard input and output
///
/// It serves until Ctrl-C or SIGTERM. A plugin that cannot be offered is told in the log, and all others are served.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  toolward serve                           HTTP on 127.0.0.1:8825, at /mcp
  toolward serve --listen 127.0.0.1:9000   On another port; 0 takes a free one, which the log names
  toolward serve --stdio -c /etc/toolward.toml
                                           For a client that starts it: its configuration names this command")]
pub(super) struct Serve {
    /// Serve one client on standard input and output instead of HTTP
    #[arg(long, conflicts_with = "listen")]
    stdio: bool,
    #[command(flatten)]
    flags: Flags,
}

impl Serve {
    pub(super) fn run(self, global: &Global) -> Result<(), Failure> {
        let config = load(global, &self.flags.into())?;
        let runtime = runtime()?;
        let served = runtime.block_on(serve(&config, self.stdio));
        // A thread that waits in a read of standard input, or compiles, cannot be joined.
        runtime.shutdown_background();
        served.map_err(|error| Failure::of(Exit::Failure, &*error))
    }
}

async fn serve(config: &Config, over_stdio: bool) -> Result<(), Box<dyn std::error::Error>> {
    let stop = CancellationToken::new();
    let serving = async {
        if over_stdio {
            serve_stdio(config, stop.clone()).await
        } else {
            serve_http(config, stop.clone()).await
        }
    };
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => return served,
        _ = signals::first() => stop.cancel(),
    }
    serving.await
}

async fn serve_stdio(
    config: &Config,
    stop: CancellationToken,
) -> Result<(), Box<dyn std::error::Error>> {
    tokio::select! {
        served = async { Ok(stdio::serve(start(config).await?).await?) } => served,
        () = stop.cancelled() => Ok(()),
    }
}

async fn serve_http(
    config: &Config,
    stop: CancellationToken,
) -> Result<(), Box<dyn std::error::Error>> {
    // The address first: a taken port should not wait for plugins to compile.
    let listening = http::listen(config.server.listen).await?;
    let address = listening.address;
    let host = tokio::select! {
        host = start(config) => host?,
        () = stop.cancelled() => return Ok(()),
    };
    tracing::info!("serving MCP on http://{address}/mcp");
    listening.serve(host, config, stop).await?;
    tracing::info!("stopped");
    Ok(())
}

/// The host, with what it cannot offer in the log, and its jobs under way.
async fn start(config: &Config) -> Result<std::sync::Arc<Host>, crate::host::StartError> {
    let host = Host::start(config).await?;
    for problem in &host.problems {
        tracing::error!("{}", problem.report);
    }
    host.start_jobs(config).await;
    Ok(host)
}
