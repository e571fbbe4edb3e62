//! `toolward serve`.

use tokio_util::sync::CancellationToken;

use super::config::{Flags, load_from, location};
use super::failure::Failure;
use super::{Global, runtime, signals};
use crate::config::{Config, Location};
use crate::error::Exit;
use crate::host::Host;
use crate::server::{http, stdio};

/// Serve the tools to MCP clients, over HTTP or over standard input and output
///
/// It serves until Ctrl-C or SIGTERM. Changes of plugins and of the configuration are taken up while it serves; over HTTP, SIGHUP
/// takes them up at once. A plugin that cannot be offered is told in the log, and all others are served.
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
        let location = location(global, self.flags.into())?;
        let config = load_from(&location)?;
        let runtime = runtime()?;
        let served = runtime.block_on(serve(&config, location, self.stdio));
        // A thread that waits in a read of standard input, or compiles, cannot be joined.
        runtime.shutdown_background();
        served.map_err(|error| Failure::of(Exit::Failure, &*error))
    }
}

async fn serve(
    config: &Config,
    location: Location,
    over_stdio: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let stop = CancellationToken::new();
    let serving = async {
        if over_stdio {
            serve_stdio(config, location, stop.clone()).await
        } else {
            serve_http(config, location, stop.clone()).await
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
    location: Location,
    stop: CancellationToken,
) -> Result<(), Box<dyn std::error::Error>> {
    tokio::select! {
        served = async { Ok(stdio::serve(start(config, location).await?).await?) } => served,
        () = stop.cancelled() => Ok(()),
    }
}

async fn serve_http(
    config: &Config,
    location: Location,
    stop: CancellationToken,
) -> Result<(), Box<dyn std::error::Error>> {
    // The address first: a taken port should not wait for plugins to compile.
    let listening = http::listen(config.server.listen).await?;
    let address = listening.address;
    let hang_ups = signals::hang_ups();
    let host = tokio::select! {
        host = start(config, location) => host?,
        () = stop.cancelled() => return Ok(()),
    };
    tracing::info!("serving MCP on http://{address}/mcp");
    let reloads = signals::reload_on(hang_ups, host.clone());
    tokio::select! {
        served = listening.serve(host, config, stop) => served?,
        () = reloads => {}
    }
    tracing::info!("stopped");
    Ok(())
}

/// The host, with what it cannot offer in the log, its jobs under way, and its files watched.
async fn start(
    config: &Config,
    location: Location,
) -> Result<std::sync::Arc<Host>, crate::host::StartError> {
    let host = Host::start(config).await?;
    for problem in host.problems() {
        tracing::error!("{}", problem.report);
    }
    host.start_jobs(config).await;
    host.keep_current(location);
    Ok(host)
}
