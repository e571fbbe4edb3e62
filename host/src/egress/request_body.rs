//! The body of a guest's request on its way out.
//!
//! The beginning is read before anything is sent. A body that ends within [`KEPT`] is sent as a whole, with its
//! exact length, and can be sent again after a 401. A longer one is streamed behind what was read.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::Stream;
use http_body::Body as _;
use http_body_util::BodyExt as _;

use super::Body;
use super::refusal::Refusal;

/// The longest body that is kept to be sent again.
pub(super) const KEPT: usize = 256 * 1024;

/// What a body must keep to.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    /// The backend's name, for messages.
    pub(super) backend: String,
    /// What the request's `Content-Length` says, if it has one.
    pub(super) declared: Option<u64>,
    /// The binding's limit.
    pub(super) most: u64,
}

impl Bounds {
    /// Checks the bytes seen so far, or the whole when `ended`.
    fn check(&self, seen: u64, ended: bool) -> Result<(), Refusal> {
        if seen > self.most {
            return Err(self.too_large());
        }
        match self.declared {
            Some(declared) if seen > declared || (ended && seen < declared) => {
                Err(Refusal::invalid_input(format!(
                    "a request to backend \"{}\" has a body that is not as long as its `content-length`, {declared} bytes",
                    self.backend
                )))
            }
            _ => Ok(()),
        }
    }

    fn too_large(&self) -> Refusal {
        Refusal::invalid_input(format!(
            "a request to backend \"{}\" has a body of more than {} bytes",
            self.backend, self.most
        ))
    }

    fn broken(&self) -> Refusal {
        Refusal::invalid_input(format!(
            "the body of a request to backend \"{}\" broke off",
            self.backend
        ))
    }

    fn trailers(&self) -> Refusal {
        Refusal::invalid_input(format!(
            "a request to backend \"{}\" has trailers, which are not sent",
            self.backend
        ))
    }
}

/// A body of which the beginning has been read.
pub(super) enum Prepared {
    /// All of it.
    Whole(Bytes),
    /// Too long to be kept.
    Long(Box<LongBody>),
}

/// Reads the beginning of a body. Refuses what is known to be too long before anything is sent.
pub(super) async fn prepare(mut body: Body, bounds: Bounds) -> Result<Prepared, Refusal> {
    if bounds
        .declared
        .is_some_and(|declared| declared > bounds.most)
    {
        return Err(bounds.too_large());
    }
    // Copied together: pieces of one byte each would cost many times their size.
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| bounds.broken())?;
        let piece = frame.into_data().map_err(|_| bounds.trailers())?;
        bounds.check((read.len() + piece.len()) as u64, false)?;
        if read.len() + piece.len() > KEPT {
            return Ok(Prepared::Long(Box::new(LongBody {
                seen: (read.len() + piece.len()) as u64,
                waiting: vec![piece, read.freeze()],
                rest: body,
                bounds,
                fault: Fault::default(),
            })));
        }
        read.extend_from_slice(&piece);
    }
    bounds.check(read.len() as u64, true)?;
    Ok(Prepared::Whole(read.freeze()))
}

/// Why a body broke off while it was sent. The error that comes back from the connection does not tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Fault(Arc<OnceLock<Refusal>>);

impl Fault {
    pub(super) fn get(&self) -> Option<Refusal> {
        self.0.get().cloned()
    }
}

/// A body that is streamed.
pub(super) struct LongBody {
    /// Read but not sent; the last one goes first.
    waiting: Vec<Bytes>,
    rest: Body,
    seen: u64,
    bounds: Bounds,
    fault: Fault,
}

impl LongBody {
    pub(super) fn declared(&self) -> Option<u64> {
        self.bounds.declared
    }

    pub(super) fn fault(&self) -> Fault {
        self.fault.clone()
    }

    fn fail(&self, refusal: Refusal) -> Poll<Option<Result<Bytes, Refusal>>> {
        Poll::Ready(Some(Err(self.fault.0.get_or_init(|| refusal).clone())))
    }
}

impl Stream for LongBody {
    type Item = Result<Bytes, Refusal>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(piece) = this.waiting.pop() {
            return Poll::Ready(Some(Ok(piece)));
        }
        match ready!(Pin::new(&mut this.rest).poll_frame(cx)) {
            None => match this.bounds.check(this.seen, true) {
                Ok(()) => Poll::Ready(None),
                Err(refusal) => this.fail(refusal),
            },
            Some(Err(_)) => this.fail(this.bounds.broken()),
            Some(Ok(frame)) => {
                let Ok(piece) = frame.into_data() else {
                    return this.fail(this.bounds.trailers());
                };
                this.seen += piece.len() as u64;
                match this.bounds.check(this.seen, false) {
                    Ok(()) => Poll::Ready(Some(Ok(piece))),
                    Err(refusal) => this.fail(refusal),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    fn body(pieces: Vec<Result<Frame<Bytes>, super::super::BodyError>>) -> Body {
        Body::new(StreamBody::new(futures::stream::iter(pieces)))
    }

    fn data(lengths: &[usize]) -> Body {
        let frame = |&length: &usize| Ok(Frame::data(Bytes::from(vec![b'a'; length])));
        body(lengths.iter().map(frame).collect())
    }

    /// Kept or streamed, and how many bytes came out; or what the refusal says.
    async fn send(body: Body, declared: Option<u64>, most: u64) -> Result<(bool, usize), String> {
        let bounds = Bounds {
            backend: "vbr".to_owned(),
            declared,
            most,
        };
        match prepare(body, bounds).await.map_err(|r| r.message)? {
            Prepared::Whole(bytes) => Ok((true, bytes.len())),
            Prepared::Long(mut long) => {
                let mut sent = 0;
                while let Some(piece) = long.next().await {
                    let piece = piece.map_err(|r| r.message);
                    assert_eq!(
                        piece.as_ref().err(),
                        long.fault().get().map(|r| r.message).as_ref()
                    );
                    sent += piece?.len();
                }
                Ok((false, sent))
            }
        }
    }

    #[tokio::test]
    async fn a_body_is_kept_up_to_a_size_and_streamed_above() {
        let most = 1 << 20;
        assert_eq!(send(data(&[]), None, most).await, Ok((true, 0)));
        assert_eq!(send(data(&[1, 2]), Some(3), most).await, Ok((true, 3)));
        assert_eq!(send(data(&[KEPT]), None, most).await, Ok((true, KEPT)));
        let longer = data(&[KEPT, 1, 5]);
        assert_eq!(send(longer, None, most).await, Ok((false, KEPT + 6)));
        let longer = data(&[KEPT + 1]);
        assert_eq!(
            send(longer, Some(KEPT as u64 + 1), most).await,
            Ok((false, KEPT + 1))
        );
    }

    #[tokio::test]
    async fn lengths_are_enforced_before_and_while_sending() {
        let most = 1 << 20;
        let huge = 2 << 20;
        for (lengths, declared, part) in [
            (&[3][..], Some(4), "not as long as"),
            (&[3], Some(2), "not as long as"),
            (&[KEPT, 2], Some(KEPT as u64 + 1), "not as long as"),
            (&[KEPT, 2], Some(KEPT as u64 + 3), "not as long as"),
            (&[1], Some(huge), "more than"),
            (&[KEPT, 1 << 20], None, "more than"),
            (&[KEPT, 1, 1 << 20], None, "more than"),
        ] {
            let message = send(data(lengths), declared, most).await.unwrap_err();
            assert!(message.contains(part), "{lengths:?}: {message}");
        }
        assert!(send(data(&[11]), None, 10).await.is_err());
    }

    #[tokio::test]
    async fn a_broken_body_and_trailers_are_refused() {
        for start in [1, KEPT + 1] {
            let first = || Ok(Frame::data(Bytes::from(vec![b'a'; start])));
            let broken = body(vec![first(), Err("secret detail".into())]);
            let message = send(broken, None, 1 << 20).await.unwrap_err();
            assert!(message.ends_with("broke off"), "{message}");
            let trailers = body(vec![first(), Ok(Frame::trailers(http::HeaderMap::new()))]);
            let message = send(trailers, None, 1 << 20).await.unwrap_err();
            assert!(message.contains("trailers"), "{message}");
        }
    }
}
