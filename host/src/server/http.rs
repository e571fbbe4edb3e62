//! MCP over HTTP: every route, and what stands before it. Both eras are on `/mcp`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, get};
use http::StatusCode;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::door::{self, Door};
use super::guard::{self, Callers, Guard, Message};
use super::operator::{self, Desk};
use super::sessions::{OldEra, Visit};
use super::{connections, metadata};
use crate::auth::{Authenticator, IssuerError};
use crate::config::{self, Config};
use crate::host::{Host, anonymous_principal, local_principal};
use crate::mcp::envelope::Era;
use crate::mcp::sessions::Sessions;
use crate::mcp::{Handler, Server};
use crate::plugin::Principal;

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
    let callers = Arc::new(callers(auth, address)?);
    let guard = Arc::new(Guard {
        host: host.clone(),
        callers: callers.clone(),
        max_body: settings.max_request_bytes,
        body_timeout: settings.body_timeout,
    });
    let server = Server::new(host, stop.clone());
    let sessions = Sessions::new(server.clone(), settings.sessions.clone());
    let desk = Arc::new(Desk {
        callers,
        sessions: sessions.clone(),
        limits: settings.sessions.clone(),
    });
    let new_era = StreamableHttpService::new(
        move || Ok(Handler::of_requests(server.clone())),
        Arc::new(NeverSessionManager::default()),
        StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_sse_keep_alive(Some(settings.keep_alive))
            // The door has looked at both.
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_max_request_body_bytes(settings.max_request_bytes),
    );
    let mcp = Arc::new(Mcp {
        old_era: OldEra {
            sessions,
            keep_alive: settings.keep_alive,
        },
        new_era,
    });
    let mut routes = Router::new()
        .route("/mcp", any(serve_mcp))
        .route("/mcp/", any(serve_mcp))
        .with_state(mcp)
        .layer(from_fn_with_state(guard, guard::guard))
        .route(
            "/mcp-sessions",
            get(operator::list_sessions).with_state(desk),
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
        .route("/health", get(async || "ok\n")))
}

/// Both eras.
struct Mcp {
    old_era: OldEra,
    new_era: StreamableHttpService<Handler, NeverSessionManager>,
}

/// `/mcp`, behind the guard: each request carries its principal and its era.
async fn serve_mcp(State(mcp): State<Arc<Mcp>>, mut request: Request) -> Response {
    if request.extensions().get() == Some(&Era::New) {
        return mcp.new_era.handle(request).await.map(Body::new);
    }
    let message = request.extensions_mut().remove::<Message>();
    let Some(principal) = request.extensions().get::<Principal>() else {
        return guard::refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "nobody knows who sent this",
        );
    };
    let visit = Visit {
        method: request.method(),
        headers: request.headers(),
        principal,
        message: message.as_ref().map(|one| (&one.envelope, &one.body)),
    };
    mcp.old_era.serve(&visit)
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
