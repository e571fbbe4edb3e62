//! What a request carries through rmcp that rmcp knows nothing of: the room that its large body has, and the news that its
//! answer is large.
//!
//! rmcp writes answers itself, wherever its future is polled. So once an answer turns out to be large, that future, or the
//! body that is a stream of it, goes on on the threads for large values.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use serde::Serialize;
use tokio::sync::mpsc;

use super::weight::is_large;
use crate::host::Host;
use crate::plugin::{Principal, Room};

/// Among the extensions of a request.
#[derive(Debug, Default)]
pub struct Load {
    room: Mutex<Option<Room>>,
    is_large: AtomicBool,
}

impl Load {
    /// What a request carries with such a body.
    #[must_use]
    pub fn new(room: Option<Room>) -> Arc<Self> {
        Arc::new(Self {
            room: Mutex::new(room),
            is_large: AtomicBool::new(false),
        })
    }

    fn of(context: &RequestContext<RoleServer>) -> Option<&Arc<Self>> {
        let parts = context.extensions.get::<http::request::Parts>()?;
        parts.extensions.get()
    }

    fn has_grown(&self) -> bool {
        self.is_large.load(Ordering::Acquire)
    }
}

/// The room of the request's body, which is needed until the body has become what is asked for.
pub(super) fn room(context: &RequestContext<RoleServer>) -> Option<Room> {
    let load = Load::of(context)?;
    let mut room = load.room.lock().unwrap_or_else(PoisonError::into_inner);
    room.take()
}

/// The answer to a request, which says so if it is large.
pub(super) fn weighed<T: Serialize>(context: &RequestContext<RoleServer>, answer: T) -> T {
    if let Some(load) = Load::of(context)
        && is_large(&answer)
    {
        load.is_large.store(true, Ordering::Release);
    }
    answer
}

/// Polls here what answers a request, until the answer is large.
pub async fn answered<T: Send + 'static>(
    host: &Host,
    principal: &Principal,
    load: &Load,
    mut answer: BoxFuture<'static, T>,
) -> T {
    let here = std::future::poll_fn(|cx| {
        if load.has_grown() {
            return Poll::Ready(None);
        }
        answer.as_mut().poll(cx).map(Some)
    });
    match here.await {
        Some(answer) => answer,
        None => host.large().serve(principal, answer).await,
    }
}

/// The body of an answer that may become large while it is sent.
pub struct Growing<B> {
    host: Arc<Host>,
    principal: Principal,
    load: Arc<Load>,
    from: From<B>,
}

enum From<B> {
    /// Written when it is polled.
    Here(B),
    /// Written by a task, which ends with this.
    Elsewhere {
        frames: mpsc::Receiver<Frame<Bytes>>,
        writing: BoxFuture<'static, ()>,
        is_written: bool,
    },
    Nowhere,
}

impl<B> std::fmt::Debug for Growing<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Growing").finish_non_exhaustive()
    }
}

impl<B> Growing<B>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    /// The body as it is, for as long as nothing in it is large.
    pub fn new(host: Arc<Host>, principal: Principal, load: Arc<Load>, body: B) -> Self {
        Self {
            host,
            principal,
            load,
            from: From::Here(body),
        }
    }

    fn move_on(&mut self) {
        let From::Here(mut body) = std::mem::replace(&mut self.from, From::Nowhere) else {
            return;
        };
        let (sender, frames) = mpsc::channel(1);
        let writing = self.host.large().serve(&self.principal, async move {
            while let Some(Ok(frame)) = body.frame().await {
                if sender.send(frame).await.is_err() {
                    return;
                }
            }
        });
        self.from = From::Elsewhere {
            frames,
            writing: Box::pin(writing),
            is_written: false,
        };
    }
}

impl<B> Body for Growing<B>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        if matches!(this.from, From::Here(_)) && this.load.has_grown() {
            this.move_on();
        }
        match &mut this.from {
            From::Here(body) => Pin::new(body).poll_frame(cx),
            From::Elsewhere {
                frames,
                writing,
                is_written,
            } => {
                if !*is_written {
                    *is_written = writing.as_mut().poll(cx).is_ready();
                }
                frames.poll_recv(cx).map(|frame| frame.map(Ok))
            }
            From::Nowhere => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.from {
            From::Here(body) => body.is_end_stream(),
            From::Elsewhere { .. } | From::Nowhere => false,
        }
    }
}
