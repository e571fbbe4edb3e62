//! MCP over HTTP, both eras on `/mcp`, and `/health`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{guard, jobs};
use crate::config;
use crate::host::{Host, local_principal};
use crate::mcp::Handler;

/// How long calls in flight may take to finish when the host is stopped.
const DRAIN: Duration = Duration::from_secs(10);

/// Why HTTP is not served.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is taken, or not ours.
    #[error(
        "cannot listen on {address}\nhint: choose another address with --listen or server.listen"
    )]
    Listen {
        /// `server.listen`.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// Accepting failed for good.
    #[error("serving HTTP ended")]
    Serve(#[source] std::io::Error),
}

/// A bound address: connections are accepted from now on and answered once [`Listening::serve`] runs.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    /// The address, with the port that was given.
    pub address: SocketAddr,
}

/// Binds the address.
pub async fn listen(address: SocketAddr) -> Result<Listening, HttpError> {
    let failed = |source| HttpError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Listening { listener, address })
}

impl Listening {
    /// Serves until `stop` is cancelled, then lets calls in flight finish.
    pub async fn serve(
        self,
        host: Arc<Host>,
        settings: &config::Server,
        stop: CancellationToken,
    ) -> Result<(), HttpError> {
        let routes = routes(host, settings, self.address, &stop);
        // Without it, answers that are written in pieces wait for acknowledgements of the client, 40 ms each.
        let listener = self.listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "cannot set TCP_NODELAY");
            }
        });
        let serving =
            axum::serve(listener, routes).with_graceful_shutdown(stop.clone().cancelled_owned());
        let drained = async {
            stop.cancelled().await;
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            ended = serving => ended.map_err(HttpError::Serve),
            () = drained => Ok(()),
        }
    }
}

/// Every route there is.
fn routes(
    host: Arc<Host>,
    settings: &config::Server,
    address: SocketAddr,
    stop: &CancellationToken,
) -> Router {
    let served = host.clone();
    let mcp = StreamableHttpService::new(
        move || Ok(Handler::new(served.clone(), local_principal())),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default()
            .with_json_response(true)
            .with_allowed_hosts(allowed_hosts(settings, address))
            .with_allowed_origins(allowed_origins(settings, address))
            .enforce_origin_validation()
            .with_max_request_body_bytes(settings.max_request_bytes)
            .with_cancellation_token(stop.child_token()),
    );
    let allowed = Arc::new(guard::Allowed {
        hosts: allowed_hosts(settings, address),
        origins: allowed_origins(settings, address),
    });
    let api = jobs::routes()
        .layer(axum::middleware::from_fn_with_state(allowed, guard::check))
        .with_state(host);
    Router::new()
        .nest_service("/mcp", mcp)
        .merge(api)
        .route("/health", get(|| async { "ok\n" }))
}

/// `Host` values of the listening address, and what the operator added: a page of another site that has its name
/// resolved to this machine does not get in.
fn allowed_hosts(settings: &config::Server, address: SocketAddr) -> Vec<String> {
    [
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
        address.ip().to_string(),
    ]
    .into_iter()
    .chain(settings.allowed_hosts.iter().cloned())
    .collect()
}

fn allowed_origins(settings: &config::Server, address: SocketAddr) -> Vec<String> {
    [
        format!("http://localhost:{}", address.port()),
        format!("http://{address}"),
    ]
    .into_iter()
    .chain(settings.allowed_origins.iter().cloned())
    .collect()
}
