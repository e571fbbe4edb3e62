//! A backend in this process, and a plugin that asks it.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use toolward::audit::{Audit, Trail};
use toolward::config::{
    AddressKind, AddressRule, Binding, Credential, CredentialKind, OAuth2, OAuth2Grant,
    RequestPattern, Secret, SecretSource, Tls, Traffic,
};
use toolward::egress::{Body, Deadlines, Egress, Origin, Refusal};

/// A request as the backend saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

type Handler = Arc<dyn Fn(Seen) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// A server for as long as it is held.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Backend {
    pub(crate) async fn http<F, R>(handler: F) -> Self
    where
        F: Fn(Seen) -> R + Send + Sync + 'static,
        R: Future<Output = Response<Body>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve(listener, None, handler)
    }

    pub(crate) async fn https<F, R>(tls: rustls::ServerConfig, handler: F) -> Self
    where
        F: Fn(Seen) -> R + Send + Sync + 'static,
        R: Future<Output = Response<Body>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve(listener, Some(TlsAcceptor::from(Arc::new(tls))), handler)
    }

    pub(crate) fn serve<F, R>(listener: TcpListener, tls: Option<TlsAcceptor>, handler: F) -> Self
    where
        F: Fn(Seen) -> R + Send + Sync + 'static,
        R: Future<Output = Response<Body>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |seen| Box::pin(handler(seen)));
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server = tokio::spawn({
            let (connections, seen) = (Arc::clone(&connections), Arc::clone(&seen));
            async move {
                let mut open = tokio::task::JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    connections.fetch_add(1, Ordering::SeqCst);
                    let (handler, seen, tls) =
                        (Arc::clone(&handler), Arc::clone(&seen), tls.clone());
                    open.spawn(async move {
                        match tls {
                            None => serve_one(stream, false, handler, seen).await,
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(stream).await {
                                    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                                    serve_one(stream, http2, handler, seen).await;
                                }
                            }
                        }
                    });
                }
            }
        });
        Self {
            address,
            scheme,
            connections,
            seen,
            server,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, path: &str) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|seen| seen.path() == path).count()
    }
}

async fn serve_one<S>(stream: S, http2: bool, handler: Handler, seen: Arc<Mutex<Vec<Seen>>>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let (handler, seen) = (Arc::clone(&handler), Arc::clone(&seen));
        async move {
            let (parts, body) = request.into_parts();
            // A body that breaks off is seen as far as it came.
            let body = body
                .collect()
                .await
                .map(http_body_util::Collected::to_bytes);
            let request = Seen {
                method: parts.method,
                target: parts.uri.path_and_query().unwrap().to_string(),
                headers: parts.headers,
                body: body.unwrap_or_default(),
            };
            seen.lock().unwrap().push(request.clone());
            Ok::<_, Infallible>(handler(request).await)
        }
    });
    // A client that goes away is an error here and expected there.
    let stream = TokioIo::new(stream);
    let _ = if http2 {
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(stream, service)
            .await
    } else {
        hyper::server::conn::http1::Builder::new()
            .serve_connection(stream, service)
            .await
    };
}

pub(crate) fn body(content: impl Into<Bytes>) -> Body {
    Body::new(Full::new(content.into()).map_err(|never| match never {}))
}

/// A body in these pieces, without a length.
pub(crate) fn pieces(pieces: Vec<Bytes>) -> Body {
    let frames = pieces.into_iter().map(|p| Ok(http_body::Frame::data(p)));
    Body::new(http_body_util::StreamBody::new(futures::stream::iter(
        frames,
    )))
}

/// A body that never ends.
pub(crate) fn endless(first: &'static str) -> Body {
    use futures::StreamExt as _;
    let first = futures::stream::iter([Ok(http_body::Frame::data(Bytes::from(first)))]);
    Body::new(http_body_util::StreamBody::new(
        first.chain(futures::stream::pending()),
    ))
}

pub(crate) fn answer(status: u16, content: impl Into<Bytes>) -> Response<Body> {
    let mut answer = Response::new(body(content));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

pub(crate) fn json(status: u16, content: &serde_json::Value) -> Response<Body> {
    let mut answer = answer(status, content.to_string());
    let value = http::HeaderValue::from_static("application/json");
    answer.headers_mut().insert("content-type", value);
    answer
}

pub(crate) fn value(text: &str) -> SecretSource {
    SecretSource::Value(Secret::new(text.to_owned()))
}

/// A binding that allows everything and has no credential.
pub(crate) fn binding(url: &str) -> Binding {
    Binding {
        name: "vbr01".parse().unwrap(),
        kind: "vbr".to_owned(),
        title: None,
        read_only: false,
        confirm: toolward::config::Confirm::Person,
        facts: serde_json::Map::new(),
        url: url.parse().unwrap(),
        tls: Tls::SystemRoots,
        credential: credential(CredentialKind::None),
        allow: patterns(&["* /**"]),
        deny: Vec::new(),
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(30),
        max_request_bytes: 4 << 20,
        max_response_bytes: 1 << 20,
        addresses: vec![AddressRule::Kind(AddressKind::Loopback)],
        traffic: Traffic {
            concurrency: 256,
            requests_per_second: None,
            retries: 0,
            circuit_failures: 1000,
            circuit_pause: Duration::from_secs(10),
        },
    }
}

pub(crate) fn credential(kind: CredentialKind) -> Arc<Credential> {
    Arc::new(Credential {
        name: "service".parse().unwrap(),
        kind,
    })
}

pub(crate) fn patterns(texts: &[&str]) -> Vec<RequestPattern> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// A plugin called `jobs` and what it was granted: the backend `vbr`.
pub(crate) struct Plugin {
    pub(crate) egress: Arc<Egress>,
    pub(crate) origin: Origin,
}

impl Plugin {
    pub(crate) fn bound_to(binding: Binding) -> Self {
        let binding = Arc::new(binding);
        let egress = Egress::new(std::iter::once(Arc::clone(&binding)), Audit::default()).unwrap();
        Self {
            egress: Arc::new(egress),
            origin: Origin {
                trail: Trail::default(),
                plugin: "jobs".parse().unwrap(),
                tenant: "default".parse().unwrap(),
                http_granted: true,
                backends: Arc::new(BTreeMap::from([("vbr".parse().unwrap(), binding)])),
                wanted: Arc::new(BTreeMap::from([(
                    "vbr".parse().unwrap(),
                    patterns(&["* /**"]),
                )])),
            },
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Response<Body>, Refusal> {
        self.egress
            .send(&self.origin, request, Deadlines::default())
            .await
    }

    /// Status and body of the answer to a GET.
    pub(crate) async fn get(&self, path: &str) -> Result<(u16, String), Refusal> {
        read(self.send(get(path)).await?).await
    }

    /// The refusal of a request; it holds no address.
    pub(crate) async fn refused(&self, request: Request<Body>) -> String {
        let refusal = self.send(request).await.unwrap_err().to_string();
        assert!(!refusal.contains("127.0.0.1"), "{refusal}");
        refusal
    }
}

pub(crate) fn get(path: &str) -> Request<Body> {
    request("GET", &format!("http://vbr{path}"))
}

pub(crate) fn request(method: &str, uri: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(uri)
        .body(body(""))
        .unwrap()
}

pub(crate) fn post(path: &str, content: Body) -> Request<Body> {
    let mut request = request("POST", &format!("http://vbr{path}"));
    *request.body_mut() = content;
    request
}

pub(crate) async fn read(answer: Response<Body>) -> Result<(u16, String), Refusal> {
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await;
    let body = body.map_err(|error| *error.downcast::<Refusal>().unwrap())?;
    Ok((status, String::from_utf8(body.to_bytes().to_vec()).unwrap()))
}

/// Moves the clock. Between two calls it runs, because a paused clock jumps to the next timer whenever everybody
/// waits for the network.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Lets the others run until something is so.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(std::time::Instant::now() < end, "it never happens");
        tokio::task::yield_now().await;
    }
}

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A token endpoint at `/token` and something that wants its tokens everywhere else.
pub(crate) struct Auth {
    pub(crate) logins: AtomicUsize,
    pub(crate) refreshes: AtomicUsize,
    /// Whether the password is taken.
    pub(crate) accepts_password: Mutex<bool>,
    /// What `expires_in` says.
    pub(crate) lifetime: Mutex<serde_json::Value>,
    pub(crate) gives_refresh_tokens: bool,
    access: Mutex<BTreeSet<String>>,
    refresh: Mutex<BTreeSet<String>>,
}

impl Auth {
    pub(crate) fn new() -> Self {
        Self {
            logins: AtomicUsize::new(0),
            refreshes: AtomicUsize::new(0),
            accepts_password: Mutex::new(true),
            lifetime: Mutex::new(900.into()),
            gives_refresh_tokens: false,
            access: Mutex::default(),
            refresh: Mutex::default(),
        }
    }

    pub(crate) fn logins(&self) -> usize {
        self.logins.load(Ordering::SeqCst)
    }

    pub(crate) fn refreshes(&self) -> usize {
        self.refreshes.load(Ordering::SeqCst)
    }

    /// No access token given so far is taken any more.
    pub(crate) fn revoke(&self) {
        self.access.lock().unwrap().clear();
    }

    pub(crate) fn revoke_refresh_tokens(&self) {
        self.refresh.lock().unwrap().clear();
    }

    pub(crate) fn takes(&self, seen: &Seen) -> bool {
        let token = seen.header("authorization").unwrap_or_default();
        let token = token.strip_prefix("Bearer ").unwrap_or_default();
        self.access.lock().unwrap().contains(token)
    }

    pub(crate) fn token(&self, seen: &Seen) -> Response<Body> {
        let form: BTreeMap<String, String> = serde_urlencoded::from_bytes(&seen.body).unwrap();
        let number = match form["grant_type"].as_str() {
            "password" => {
                let number = self.logins.fetch_add(1, Ordering::SeqCst) + 1;
                let is_right = form["username"] == "ann" && form["password"] == PASSWORD;
                if !is_right || !*self.accepts_password.lock().unwrap() {
                    let error = serde_json::json!({
                        "error": "invalid_grant",
                        "error_description": format!("no {}", form["password"]),
                    });
                    return json(400, &error);
                }
                number
            }
            "refresh_token" => {
                let number = self.refreshes.fetch_add(1, Ordering::SeqCst) + 1000;
                // Each is taken once.
                if !self.refresh.lock().unwrap().remove(&form["refresh_token"]) {
                    return json(400, &serde_json::json!({"error": "invalid_grant"}));
                }
                number
            }
            other => panic!("grant {other}"),
        };
        let access = format!("access-token-{number:05}");
        self.access.lock().unwrap().insert(access.clone());
        let mut answer = serde_json::json!({
            "access_token": access,
            "token_type": "bearer",
            "expires_in": *self.lifetime.lock().unwrap(),
        });
        if self.gives_refresh_tokens {
            let refresh = format!("refresh-token-{number:05}");
            self.refresh.lock().unwrap().insert(refresh.clone());
            answer["refresh_token"] = refresh.into();
        }
        json(200, &answer)
    }

    /// The whole server.
    pub(crate) fn answer(&self, seen: &Seen) -> Response<Body> {
        if seen.path() == "/token" {
            self.token(seen)
        } else if self.takes(seen) {
            answer(200, format!("hello {}", seen.body.len()))
        } else {
            let mut answer = answer(401, "who are you?");
            let challenge = http::HeaderValue::from_static("Bearer realm=\"inner\"");
            answer.headers_mut().insert("www-authenticate", challenge);
            answer
        }
    }

    pub(crate) async fn serve(self: &Arc<Self>) -> Backend {
        let auth = Arc::clone(self);
        Backend::http(move |seen| std::future::ready(auth.answer(&seen))).await
    }
}

pub(crate) fn password_grant() -> OAuth2 {
    OAuth2 {
        token_path: "/token".to_owned(),
        grant: OAuth2Grant::Password {
            username: value("ann"),
            password: value(PASSWORD),
        },
        scope: None,
        headers: Vec::new(),
        default_lifetime: Duration::from_mins(10),
    }
}

/// A binding whose credential logs in at `/token`.
pub(crate) fn with_login(url: &str) -> Binding {
    let mut binding = binding(url);
    binding.credential = credential(CredentialKind::OAuth2(password_grant()));
    binding
}

/// Sets a flag when the server gives up its answer.
pub(crate) struct Gone(pub(crate) Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
