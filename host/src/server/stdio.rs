//! MCP over standard input and output: one client, who started this process. It ends with its input.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rmcp::ServiceExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

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
    let (input, output) = rmcp::transport::stdio();
    serve_on(host, input, output).await
}

pub(super) async fn serve_on(
    host: Arc<Host>,
    input: impl AsyncRead + Send + Unpin + 'static,
    output: impl AsyncWrite + Send + Unpin + 'static,
) -> Result<(), StdioError> {
    let ended = CancellationToken::new();
    let server = Server::new(host, ended.clone());
    let handler = Handler::new(server, local_principal());
    let input = Watched { input, ended };
    let running = match Box::pin(handler.serve((input, output))).await {
        Ok(running) => running,
        // Closing the input without a word is a way to end, not an error.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(StdioError::Open(Box::new(error))),
    };
    running.waiting().await.map_err(StdioError::Abandoned)?;
    Ok(())
}

/// An input whose end is told. rmcp waits for what is under way then, and whoever listens for news would let it wait.
struct Watched<R> {
    input: R,
    ended: CancellationToken,
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.input).poll_read(cx, buffer));
        if read.is_err() || buffer.filled().len() == before {
            self.ended.cancel();
        }
        Poll::Ready(read)
    }
}
