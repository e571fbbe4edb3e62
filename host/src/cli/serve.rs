//! `toolward serve`.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::config::{Flags, load};
use super::{Global, fail, runtime};
use crate::config::Config;
use crate::error::Exit;
use crate::host::Host;
use crate::server::{http, stdio};

/// Serve the tools to MCP clients
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// Serve one client on standard input and output instead of HTTP
    #[arg(long, conflicts_with = "listen")]
    stdio: bool,
    #[command(flatten)]
    flags: Flags,
}

impl Serve {
    pub(super) fn run(self, global: &Global) -> Exit {
        let config = match load(global, &self.flags.into()) {
            Ok(config) => config,
            Err(exit) => return exit,
        };
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return fail(Exit::Failure, &error),
        };
        let exit = runtime.block_on(serve(&config, self.stdio));
        // A thread that waits in a read of standard input cannot be joined.
        runtime.shutdown_background();
        exit
    }
}

async fn serve(config: &Config, over_stdio: bool) -> Exit {
    let stop = CancellationToken::new();
    let _signals = StopOnSignal::start(stop.clone());
    let served = if over_stdio {
        serve_stdio(config, stop).await
    } else {
        serve_http(config, stop).await
    };
    match served {
        Ok(()) => Exit::Success,
        Err(error) => fail(Exit::Failure, &*error),
    }
}

async fn serve_stdio(
    config: &Config,
    stop: CancellationToken,
) -> Result<(), Box<dyn std::error::Error>> {
    let host = Host::start(config).await?;
    host.start_jobs(config).await;
    tokio::select! {
        served = stdio::serve(host) => Ok(served?),
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
    let host: Arc<Host> = Host::start(config).await?;
    host.start_jobs(config).await;
    tracing::info!("serving MCP on http://{address}/mcp");
    listening.serve(host, config, stop).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Cancels the token on SIGINT or SIGTERM, and stops listening for them on drop.
struct StopOnSignal(tokio::task::JoinHandle<()>);

impl StopOnSignal {
    fn start(stop: CancellationToken) -> Self {
        Self(tokio::spawn(async move {
            let terminate = async {
                match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                    Ok(mut signal) => drop(signal.recv().await),
                    Err(error) => {
                        tracing::warn!(%error, "cannot listen for SIGTERM");
                        std::future::pending::<()>().await;
                    }
                }
            };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                () = terminate => {}
            }
            stop.cancel();
        }))
    }
}

impl Drop for StopOnSignal {
    fn drop(&mut self) {
        self.0.abort();
    }
}
