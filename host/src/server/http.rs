//! MCP over HTTP: every route, and what stands before it. Both eras are on `/mcp`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::door::{self, Door};
use super::guard::{self, Callers, Guard};
use super::sessions::{Owned, Owners};
use super::{admin, connections, jobs, metadata};
use crate::auth::{Authenticator, IssuerError};
use crate::config::{self, Config};
use crate::host::{Host, anonymous_principal, local_principal};
use crate::mcp::{Handler, Server};

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
    /// Nobody could be let in.
    #[error(transparent)]
    Auth(#[from] IssuerError),
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
        config: &Config,
        stop: CancellationToken,
    ) -> Result<(), HttpError> {
        let routes = routes(host, config, self.address, &stop)?;
        connections::serve(self.listener, routes, &config.server, &stop).await;
        Ok(())
    }
}

/// Every route there is.
fn routes(
    host: Arc<Host>,
    config: &Config,
    address: SocketAddr,
    stop: &CancellationToken,
) -> Result<Router, HttpError> {
    let settings = &config.server;
    let auth = config.auth.as_ref();
    let oauth = auth.and_then(|auth| auth.oauth.as_ref());
    let owners = Owners::default();
    let guard = Arc::new(Guard {
        host: host.clone(),
        callers: callers(auth, address)?,
        owners: owners.clone(),
        max_body: settings.max_request_bytes,
        body_timeout: settings.body_timeout,
    });
    let sessions = Owned {
        inner: LocalSessionManager::default(),
        owners,
    };
    let server = Server::new(host);
    let mcp = StreamableHttpService::new(
        move || Ok(Handler::of_requests(server.clone())),
        Arc::new(sessions),
        StreamableHttpServerConfig::default()
            .with_json_response(true)
            // The door has looked at both.
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_max_request_body_bytes(settings.max_request_bytes)
            .with_cancellation_token(stop.child_token()),
    );
    let mut routes = Router::new()
        .nest_service("/mcp", mcp)
        .layer(from_fn_with_state(guard.clone(), guard::guard))
        .merge(
            jobs::routes()
                .merge(admin::routes())
                .layer(from_fn_with_state(guard.clone(), guard::know))
                .with_state(guard.clone()),
        );
    if let Some(oauth) = oauth {
        let document = metadata::document(oauth);
        let paths: BTreeSet<String> = [
            metadata::WELL_KNOWN.to_owned(),
            format!("{}/mcp", metadata::WELL_KNOWN),
            metadata::path(&oauth.resource),
        ]
        .into();
        for path in paths {
            let document = document.clone();
            routes = routes.route(&path, get(async move || axum::Json(document)));
        }
    }
    let door = Arc::new(Door::new(settings, auth, address));
    Ok(routes
        .layer(from_fn_with_state(door, come_in))
        // Whoever looks after the process asks by whatever name it has there.
        .route("/health", get(admin::health).with_state(guard)))
}

fn callers(auth: Option<&config::Auth>, address: SocketAddr) -> Result<Callers, HttpError> {
    Ok(match auth {
        Some(auth) => Callers::Asked {
            authenticator: Box::new(Authenticator::new(auth)?),
            metadata: auth
                .oauth
                .as_ref()
                .map(|oauth| metadata::url(&oauth.resource)),
        },
        None if address.ip().is_loopback() => Callers::Unasked(local_principal()),
        None => Callers::Unasked(anonymous_principal()),
    })
}

/// The first middleware: `Host`, `Origin`, and what browsers ask beforehand.
async fn come_in(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let origin = match door.check(request.headers()) {
        Ok(origin) => origin,
        Err(reason) => return guard::unread(guard::refuse(StatusCode::FORBIDDEN, reason)),
    };
    let mut response = if door::is_preflight(request.method(), request.headers()) {
        door::preflight(request.headers())
    } else {
        next.run(request).await
    };
    door::share(&mut response, origin);
    response
}
