//! HTTP: every route, and what stands before it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use futures::future::BoxFuture;
use http::{Method, StatusCode};
use hyper::body::Incoming;
use hyper::service::Service;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::door::{self, Door};
use super::guard::{self, Callers, Guard};
use super::mcp::{self, Mcp};
use super::problem::{Face, Problem};
use super::sessions::OldEra;
use super::{admin, connections, jobs, metadata, openapi, operator, rest, status, ui};
use crate::auth::{Authenticator, IssuerError};
use crate::config::{self, Config, MetricsReaders};
use crate::host::{Host, anonymous_principal, local_principal};
use crate::mcp::sessions::Sessions;
use crate::mcp::{Handler, Server};
use crate::telemetry::{NONE, metrics};

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
pub(super) fn routes(
    host: Arc<Host>,
    config: &Config,
    address: SocketAddr,
    stop: &CancellationToken,
) -> Result<Routes, HttpError> {
    let settings = &config.server;
    let auth = config.auth.as_ref();
    let oauth = auth.and_then(|auth| auth.oauth.as_ref());
    let callers = callers(host.auth().as_ref(), address)?;
    let server = Server::new(host.clone(), stop.clone());
    let guard = Arc::new(Guard {
        host,
        callers,
        sessions: Sessions::new(server.clone(), settings.sessions.clone()),
        max_body: settings.max_request_bytes,
        body_timeout: settings.body_timeout,
    });
    let status = status::Cx {
        guard: guard.clone(),
        authentication: auth.is_some(),
        stop: stop.clone(),
    };
    let known = from_fn_with_state(guard.clone(), guard::know);
    let metadata = oauth.map(metadata::paths).unwrap_or_default();
    let document = openapi::Cx {
        guard: guard.clone(),
        facts: Arc::new(openapi::Facts::new(config, &metadata)),
    };
    let plain = Router::new()
        .merge(jobs::routes().with_state(guard.clone()))
        .merge(admin::routes().with_state(guard.clone()))
        .merge(rest::routes().with_state(rest::Cx {
            guard: guard.clone(),
            server: server.clone(),
        }))
        .route(
            "/mcp-sessions",
            get(operator::list_sessions).with_state(guard.sessions.clone()),
        )
        .route("/openapi.json", get(openapi::show).with_state(document))
        // Each time before a layer: what is set after it would stand outside.
        .method_not_allowed_fallback(no_method)
        .layer(known.clone());
    let door = Arc::new(Door::new(settings, auth, address));
    let mcp = Arc::new(Mcp {
        door: door.clone(),
        old_era: OldEra {
            sessions: guard.sessions.clone(),
            keep_alive: settings.keep_alive,
        },
        guard,
        fast: settings
            .fast_path
            .then(|| Arc::new(Handler::of_requests(server.clone()))),
        new_era: Arc::new(new_era(server, settings)),
    });
    let mut inside = Router::new().merge(plain).merge(ui::routes());
    if let Some(oauth) = oauth {
        for path in metadata {
            let document = metadata::document(oauth);
            inside = inside.route(&path, get(async move || axum::Json(document)));
        }
    }
    // Whoever looks after the process asks by whatever name it has there.
    let mut outside = Router::new()
        .route("/health", get(status::health).with_state(status.clone()))
        .route("/ready", get(status::ready).with_state(status.clone()));
    let some = get(status::metrics_for_some)
        .with_state(status.clone())
        .layer(known);
    match settings.metrics {
        MetricsReaders::Everybody => {
            let all = get(status::metrics_for_all).with_state(status);
            outside = outside.route("/metrics", all);
        }
        // A page in a browser has no token, under whatever name it finds this host.
        MetricsReaders::Scoped if auth.is_some() => outside = outside.route("/metrics", some),
        MetricsReaders::Scoped => inside = inside.route("/metrics", some),
        MetricsReaders::Nobody => {}
    }
    let others = inside
        .fallback(nothing)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(door, come_in))
        .merge(outside.method_not_allowed_fallback(no_method))
        .layer(from_fn(measure));
    Ok(Routes { mcp, others })
}

/// Everything that is answered here.
#[derive(Clone)]
pub(super) struct Routes {
    mcp: Arc<Mcp>,
    others: Router,
}

impl Routes {
    /// The answer to any request.
    pub(super) fn answer(
        &self,
        request: http::Request<Body>,
    ) -> BoxFuture<'static, Result<Response, Infallible>> {
        let path = request.uri().path();
        if path.strip_suffix('/').unwrap_or(path) == mcp::PATH {
            let mcp = self.mcp.clone();
            return Box::pin(async move { Ok(mcp.answer(request).await) });
        }
        Box::pin(self.others.clone().oneshot(request))
    }
}

impl Service<http::Request<Incoming>> for Routes {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn call(&self, request: http::Request<Incoming>) -> Self::Future {
        self.answer(request.map(Body::new))
    }
}

fn new_era(
    server: Arc<Server>,
    settings: &config::Server,
) -> StreamableHttpService<Handler, NeverSessionManager> {
    StreamableHttpService::new(
        move || Ok(Handler::of_requests(server.clone())),
        Arc::new(NeverSessionManager::default()),
        // Without its token for stopping: that would cut calls off. Who listens is told by `Server`.
        StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_sse_keep_alive(Some(settings.keep_alive))
            // The door has looked at both.
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_max_request_body_bytes(settings.max_request_bytes),
    )
}

async fn nothing() -> Problem {
    let text = "there is nothing here; GET /openapi.json tells what there is";
    Problem::new(StatusCode::NOT_FOUND, "not_found", text)
}

async fn no_method() -> Problem {
    let text = "this is not how it is used; GET /openapi.json tells how";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", text)
}

/// The outermost middleware: counts and measures.
async fn measure(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = method_label(request.method());
    let response = next.run(request).await;
    let route = route.as_ref().map_or(NONE, MatchedPath::as_str);
    let status = response.status();
    metrics().http_request(route, method, status.as_str(), begun.elapsed());
    response
}

pub(super) fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn callers(auth: Option<&Arc<config::Auth>>, address: SocketAddr) -> Result<Callers, HttpError> {
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
        Err(refused) => return refused.respond(Face::of(request.uri().path())),
    };
    let mut response = if door::is_preflight(request.method(), request.headers()) {
        door::preflight(request.headers())
    } else {
        next.run(request).await
    };
    door::share(&mut response, origin);
    response
}
