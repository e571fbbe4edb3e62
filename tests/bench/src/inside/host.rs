//! The whole host as a part of this binary: what `toolward serve` does.
//!
//! A tool that watches a process, as valgrind does, would otherwise see its own program started to compile components.

use std::error::Error;

use tokio_util::sync::CancellationToken;
use toolward::host::Host;
use toolward::server::http;

use super::{Files, configuration, runtime};

/// Serves until it is killed.
pub(super) fn serve(files: &Files) -> Result<(), Box<dyn Error>> {
    let config = configuration(files)?;
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        let listening = http::listen(config.server.listen).await?;
        let address = listening.address;
        let host = Host::start(&config).await?;
        for problem in host.problems() {
            eprintln!("{}", problem.report);
        }
        host.start_jobs(&config).await;
        eprintln!("serving MCP on http://{address}/mcp");
        let stop = CancellationToken::new();
        listening.serve(host, &config, stop).await?;
        Ok(())
    });
    runtime.shutdown_background();
    served
}
