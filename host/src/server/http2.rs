//! HTTP/2: a connection of a client that begins with it, in clear text («prior knowledge»).
//!
//! One connection carries many requests, so what bounds connections bounds streams here: each takes a place of
//! `max-connections`, as if it had come by itself. A client gains nothing by HTTP/2 but fewer handshakes.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::{self, HeaderValue};
use http::{Request, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2::Builder;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::http::Routes;
use super::problem::Problem;

/// Streams of one connection at once. RFC 9113 wants no fewer than 100 allowed.
const STREAMS: u32 = 100;
/// Bytes of a stream's body that a client may send before they are read: what HTTP/1.1 buffers of a connection.
const WINDOW: u32 = 64 * 1024;
/// Bytes of an answer that wait in the library for a client that takes its time, for each stream.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams that a client may reset before they were looked at. More of them at once are an attack («rapid reset»,
/// CVE-2023-44487), and end the connection.
const UNSEEN_RESETS: usize = 20;
/// Streams that the library may have to reset for errors of the client's in the life of a connection.
const ERRORS: usize = 64;
/// Requests that a client may give up before they are answered, more than it hears the answers of. Each was begun for nothing.
const GIVEN_UP: u64 = 100;

/// How long a client may take to say goodbye that has been told to go and asks nothing.
const GOODBYE: Duration = Duration::from_secs(1);

/// What all connections share.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// How long a connection without requests is kept.
    pub(super) idle: Duration,
    /// How long a client may leave an answer untaken.
    pub(super) silence: Duration,
    /// How often it is asked whether it is still there.
    pub(super) keep_alive: Duration,
    /// The longest head of a request.
    pub(super) longest_head: u32,
}

/// Serves one connection to its end. Once `drain` is cancelled, requests in flight finish and no new ones are taken.
pub(super) async fn serve(
    stream: TcpStream,
    routes: Routes,
    slots: Arc<Semaphore>,
    settings: &Settings,
    drain: &CancellationToken,
) -> Result<(), hyper::Error> {
    let streams = Arc::new(Streams::default());
    let mut http = Builder::new(streams.clone().owner());
    http.timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        // As many as all streams may send: none of them has to wait for another that nobody reads.
        .initial_connection_window_size(WINDOW * STREAMS)
        .max_frame_size(16 * 1024)
        .max_header_list_size(settings.longest_head)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(UNSEEN_RESETS)
        .max_local_error_reset_streams(ERRORS)
        .keep_alive_interval(settings.keep_alive)
        .keep_alive_timeout(settings.silence);
    let service = OfStreams {
        routes,
        slots,
        streams: streams.clone(),
    };
    let connection = http.serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let (mut idle, mut is_ending) = (settings.idle, false);
    loop {
        let over = async {
            tokio::select! {
                over = streams.over(idle, settings.silence) => over,
                () = drain.cancelled(), if !is_ending => Over::Drained,
            }
        };
        let over = tokio::select! {
            ended = connection.as_mut() => return ended,
            over = over => over,
        };
        match over {
            Over::Idle | Over::Drained if !is_ending => {
                is_ending = true;
                idle = GOODBYE.min(idle);
                streams.rest();
                connection.as_mut().graceful_shutdown();
            }
            // It was told to go, and is still there.
            Over::Idle | Over::Drained | Over::Untaken | Over::GivenUp => {
                tracing::debug!(?over, "a connection of HTTP/2 is cut off");
                return Ok(());
            }
        }
    }
}

/// Why a connection is to end.
#[derive(Clone, Copy, Debug)]
enum Over {
    /// Nobody asks anything.
    Idle,
    /// The host stops.
    Drained,
    /// The client takes nothing of an answer.
    Untaken,
    /// The client begins requests to give them up.
    GivenUp,
}

/// The requests of one connection.
#[derive(Debug, Default)]
struct Streams {
    state: Mutex<State>,
    changed: Notify,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// Requests that are not answered to the end, by number. The time: since when the client could take more of the
    /// answer. Nothing: the answer is ours to give.
    open: BTreeMap<u64, Option<Instant>>,
    /// Since when there are none.
    idle: Option<Instant>,
    /// Given up before they were answered, less those that were answered.
    given_up: u64,
}

impl Streams {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What runs the streams for as long as the connection lives.
    fn owner(self: Arc<Self>) -> Tasks {
        self.state().idle = Some(Instant::now());
        Tasks::default()
    }

    fn begin(self: &Arc<Self>, place: OwnedSemaphorePermit) -> Stream {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state();
        state.open.insert(number, None);
        state.idle = None;
        drop(state);
        Stream {
            streams: self.clone(),
            number,
            is_answered: false,
            _place: place,
        }
    }

    /// Counts anew how long there are no requests.
    fn rest(&self) {
        if let Some(since) = &mut self.state().idle {
            *since = Instant::now();
        }
    }

    /// Waits until the connection is to end for what its requests do, or do not.
    async fn over(&self, idle: Duration, silence: Duration) -> Over {
        loop {
            let changed = self.changed.notified();
            let until = {
                let state = self.state();
                if state.given_up > GIVEN_UP {
                    return Over::GivenUp;
                }
                let untaken = state.open.values().flatten().min();
                match (state.idle, untaken) {
                    (Some(since), _) => Some((since + idle, Over::Idle)),
                    (None, Some(since)) => Some((*since + silence, Over::Untaken)),
                    (None, None) => None,
                }
            };
            let look_again = async {
                match until {
                    Some((until, _)) => tokio::time::sleep_until(until).await,
                    None => tokio::time::sleep(silence).await,
                }
            };
            tokio::select! {
                () = changed => {}
                () = look_again => {
                    if let Some((until, over)) = until && self.is_still(until, over, idle, silence) {
                        return over;
                    }
                }
            }
        }
    }

    /// Whether nothing has happened meanwhile: not everything that does is told.
    fn is_still(&self, until: Instant, over: Over, idle: Duration, silence: Duration) -> bool {
        let state = self.state();
        let at = if matches!(over, Over::Idle) {
            state.idle.map(|since| since + idle)
        } else {
            let untaken = state.open.values().flatten().min();
            untaken.map(|since| *since + silence)
        };
        at.is_some_and(|at| at <= until)
    }
}

/// A request that is not answered to the end.
#[derive(Debug)]
struct Stream {
    streams: Arc<Streams>,
    number: u64,
    /// Whether the answer has begun.
    is_answered: bool,
    _place: OwnedSemaphorePermit,
}

impl Stream {
    /// The client can take more from now on, or has.
    fn offered(&self, now: Option<Instant>) {
        if let Some(since) = self.streams.state().open.get_mut(&self.number) {
            *since = now;
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.streams.state();
        state.open.remove(&self.number);
        if state.open.is_empty() {
            state.idle = Some(Instant::now());
        }
        if self.is_answered {
            state.given_up = state.given_up.saturating_sub(1);
        } else {
            state.given_up += 1;
        }
        let tells = state.open.is_empty() || state.given_up > GIVEN_UP;
        drop(state);
        if tells {
            self.streams.changed.notify_one();
        }
    }
}

/// Answers the requests of one connection.
struct OfStreams {
    routes: Routes,
    slots: Arc<Semaphore>,
    streams: Arc<Streams>,
}

impl Service<Request<Incoming>> for OfStreams {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let Ok(place) = self.slots.clone().try_acquire_owned() else {
            let text = "the host has as many connections and streams as its limit max-connections allows; try again shortly";
            let busy = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", text);
            let busy = busy.retry_after(1).into_response();
            return Box::pin(async { Ok(busy) });
        };
        let mut stream = self.streams.begin(place);
        let answer = self.routes.answer(as_in_http1(request.map(Body::new)));
        Box::pin(async move {
            let Ok(mut response) = answer.await;
            // It means nothing here: the library ends a stream whose body nobody wants.
            response.headers_mut().remove(header::CONNECTION);
            stream.is_answered = true;
            if response.body().is_end_stream() {
                return Ok(response);
            }
            stream.offered(Some(Instant::now()));
            Ok(response.map(|body| Body::new(Taken::new(body, stream))))
        })
    }
}

/// Names the host where everything behind looks for it. In HTTP/2 `:authority` counts, and `Host` need not be there.
fn as_in_http1(mut request: Request<Body>) -> Request<Body> {
    let authority = request.uri().authority();
    if let Some(host) = authority.and_then(|host| HeaderValue::try_from(host.as_str()).ok()) {
        request.headers_mut().insert(header::HOST, host);
    }
    request
}

/// The body of an answer, as the client takes it: piece by piece, so that the library holds no more than it was told.
struct Taken {
    body: Body,
    left: Bytes,
    stream: Stream,
}

impl Taken {
    fn new(body: Body, stream: Stream) -> Self {
        Self {
            body,
            left: Bytes::new(),
            stream,
        }
    }

    fn piece(&mut self) -> Frame<Bytes> {
        let piece = self.left.split_to(self.left.len().min(SEND_BUFFER));
        self.stream.offered(Some(Instant::now()));
        Frame::data(piece)
    }
}

impl http_body::Body for Taken {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if !this.left.is_empty() {
            return Poll::Ready(Some(Ok(this.piece())));
        }
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => {
                    this.left = data;
                    Poll::Ready(Some(Ok(this.piece())))
                }
                Err(trailers) => Poll::Ready(Some(Ok(trailers))),
            },
            Poll::Ready(ended) => Poll::Ready(ended),
            Poll::Pending => {
                this.stream.offered(None);
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.left.len() as u64;
        let rest = self.body.size_hint();
        let mut all = SizeHint::new();
        all.set_lower(rest.lower().saturating_add(left));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(left)) {
            all.set_upper(upper);
        }
        all
    }
}

/// The tasks of one connection's streams. They end with it.
#[derive(Clone, Debug, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_is_the_host() {
        let check = |uri: &str, host: Option<&str>, expected: Option<&str>| {
            let mut request = Request::builder().uri(uri);
            if let Some(host) = host {
                request = request.header("host", host);
            }
            let request = as_in_http1(request.body(Body::empty()).expect("a request"));
            let host = request.headers().get(header::HOST);
            assert_eq!(host.map(HeaderValue::as_bytes), expected.map(str::as_bytes));
            assert_eq!(request.headers().len(), usize::from(expected.is_some()));
        };
        check("http://a.example:80/mcp", None, Some("a.example:80"));
        check("http://a.example/mcp", Some("b.example"), Some("a.example"));
        check("/mcp", Some("b.example"), Some("b.example"));
        check("/mcp", None, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_ends_for_what_its_requests_do() {
        let (idle, silence) = (Duration::from_secs(10), Duration::from_mins(1));
        let slots = Arc::new(Semaphore::new(1000));
        let place = || slots.clone().try_acquire_owned().expect("there are enough");
        let streams = Arc::new(Streams::default());
        let _tasks = streams.clone().owner();
        let begun = Instant::now();
        assert!(matches!(streams.over(idle, silence).await, Over::Idle));
        assert_eq!(begun.elapsed().as_secs(), 10);
        // While something is asked, it may take its time.
        let mut asked = streams.begin(place());
        let waited = tokio::time::timeout(Duration::from_hours(1), streams.over(idle, silence));
        assert!(waited.await.is_err());
        // What can be taken is to be taken.
        asked.offered(Some(Instant::now()));
        let begun = Instant::now();
        let over = {
            let over = streams.over(idle, silence);
            let takes = async {
                tokio::time::sleep(Duration::from_secs(50)).await;
                asked.offered(Some(Instant::now()));
                std::future::pending::<()>().await;
            };
            tokio::select! { over = over => over, () = takes => unreachable!("it never ends") }
        };
        assert!(matches!(over, Over::Untaken));
        assert_eq!(begun.elapsed().as_secs(), 110);
        asked.is_answered = true;
        drop(asked);
        for _ in 0..=GIVEN_UP {
            drop(streams.begin(place()));
        }
        assert!(matches!(streams.over(idle, silence).await, Over::GivenUp));
        assert_eq!(slots.available_permits(), 1000);
    }
}
