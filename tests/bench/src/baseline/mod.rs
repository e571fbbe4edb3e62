//! The servers that the host is compared with, each a process of its own: this binary, started as `bench serve`.
//!
//! They use the listener and the options that the host uses, so that what differs is the work done. Their runtime has as
//! many threads as tokio gives it, which is what a server has whose author did not measure; one of them has as many as the
//! host has for I/O, to show what that alone does.

mod backend;
mod bare;
mod rmcp;

use std::io;
use std::path::Path;

use axum::Router;
use axum::serve::ListenerExt as _;
use clap::ValueEnum;
use tokio::net::TcpListener;

pub(crate) use backend::{CERTIFICATE, LOGIN, SECRET};

/// Which of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Baseline {
    /// A handler that answers a constant: HTTP and nothing else
    Bare,
    /// The official SDK with a native tool
    Rmcp,
    /// The same with as many threads as the host has for I/O
    RmcpHalfThreads,
    /// The official SDK over standard input and output
    RmcpStdio,
    /// What plugins ask, over HTTPS
    Backend,
}

/// Serves until it is killed, or until standard input ends. What is written goes to the folder.
pub(crate) fn serve(baseline: Baseline, folder: &Path) -> io::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if baseline == Baseline::RmcpHalfThreads {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        runtime.worker_threads((cores / 2).max(1));
    }
    let runtime = runtime.enable_all().build()?;
    let served = runtime.block_on(async {
        match baseline {
            Baseline::Bare => listen(bare::routes()).await,
            Baseline::Rmcp | Baseline::RmcpHalfThreads => listen(rmcp::routes()).await,
            Baseline::RmcpStdio => rmcp::stdio().await,
            Baseline::Backend => backend::serve(folder).await,
        }
    });
    // A thread that waits in a read of standard input cannot be joined.
    runtime.shutdown_background();
    served
}

async fn listen(routes: Router) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            eprintln!("cannot set TCP_NODELAY: {error}");
        }
    });
    eprintln!("serving MCP on http://{address}/mcp");
    axum::serve(listener, routes).await
}
