//! MCP over standard input and output: one client, who started this process. It ends with its input.

use std::sync::Arc;

use rmcp::ServiceExt as _;

use crate::host::{Host, local_principal};
use crate::mcp::{Handler, Server};

/// Why the stdio transport ended badly.
#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    /// The client broke off before the protocol was agreed on.
    #[error("the client did not open a session")]
    Open(#[source] Box<rmcp::service::ServerInitializeError>),
    /// The serving task died.
    #[error("serving the client was abandoned")]
    Abandoned(#[source] tokio::task::JoinError),
}

/// Serves until the input ends.
pub async fn serve(host: Arc<Host>) -> Result<(), StdioError> {
    let handler = Handler::new(Server::new(host), local_principal());
    let running = match Box::pin(handler.serve(rmcp::transport::stdio())).await {
        Ok(running) => running,
        // Closing the input without a word is a way to end, not an error.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(StdioError::Open(Box::new(error))),
    };
    running.waiting().await.map_err(StdioError::Abandoned)?;
    Ok(())
}
