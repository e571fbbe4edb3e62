//! The whole host as a part of this binary: what `toolward serve` does, with another program to compile components.
//!
//! A tool that watches a process, as valgrind does, would otherwise watch its own program start again: the host compiles
//! in a child that it starts from `/proc/self/exe`.

use std::error::Error;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;
use toolward::host::Host;
use toolward::server::http;

use super::configuration;

/// Serves until it is killed.
pub(crate) fn serve(config: &PathBuf, compiler: &PathBuf) -> Result<(), Box<dyn Error>> {
    let config = configuration(config, compiler)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("io")
        .build()?;
    let served = runtime.block_on(async {
        let listening = http::listen(config.server.listen).await?;
        let address = listening.address;
        let host = Host::start(&config).await?;
        for problem in host.problems() {
            eprintln!("{}", problem.report);
        }
        host.start_jobs(&config).await;
        eprintln!("serving MCP on http://{address}/mcp");
        listening
            .serve(host, &config, CancellationToken::new())
            .await?;
        Ok::<_, Box<dyn Error>>(())
    });
    runtime.shutdown_background();
    served
}
