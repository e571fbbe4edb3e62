//! The part of an answer that comes with its head, or right behind it.
//!
//! A guest that waits for a piece of the body leaves its thread and is woken on it again. Most answers are small and
//! come as a whole: their body is read before the guest hears of the answer, so that it waits once.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;

use super::{Body, BodyError};

/// What is read ahead, at most, but for the last piece: one that connections hand over is no larger.
const SMALL: usize = 64 * 1024;

/// How long the head waits for its body. A backend that answers piece by piece is not held up more than that.
const SOON: Duration = Duration::from_millis(2);

/// Reads what is there.
pub(crate) async fn read_ahead(answer: http::Response<Body>) -> http::Response<Body> {
    let (head, mut rest) = answer.into_parts();
    let mut pieces = VecDeque::new();
    let mut seen = 0;
    let whole = tokio::time::timeout(SOON, async {
        while seen < SMALL {
            match rest.frame().await {
                None => return true,
                Some(Ok(frame)) => {
                    // The host hands on no trailers.
                    if let Ok(piece) = frame.into_data() {
                        seen += piece.len();
                        pieces.push_back(Ok(piece));
                    }
                }
                Some(Err(error)) => {
                    pieces.push_back(Err(error));
                    return true;
                }
            }
        }
        false
    });
    let is_whole = whole.await.unwrap_or(false);
    let body = Early {
        pieces,
        rest: (!is_whole).then_some(rest),
    };
    http::Response::from_parts(head, Body::new(body))
}

/// What was read, then what is left.
struct Early {
    pieces: VecDeque<Result<Bytes, BodyError>>,
    rest: Option<Body>,
}

impl HttpBody for Early {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(piece) = self.pieces.pop_front() {
            return Poll::Ready(Some(piece.map(Frame::data)));
        }
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(rest).poll_frame(cx));
        if frame.is_none() {
            self.rest = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.rest.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc;
    use http_body_util::StreamBody;

    use super::*;

    type Piece = Result<Frame<Bytes>, BodyError>;

    fn data(text: &'static str) -> Frame<Bytes> {
        Frame::data(Bytes::from(text))
    }

    /// An answer whose body comes over a channel.
    fn answer() -> (mpsc::UnboundedSender<Piece>, http::Response<Body>) {
        let (pieces, body) = mpsc::unbounded();
        (
            pieces,
            http::Response::new(Body::new(StreamBody::new(body))),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_at_once_is_there_without_waiting() {
        let (pieces, answer) = answer();
        for text in ["one", "two"] {
            pieces.unbounded_send(Ok(data(text))).unwrap();
        }
        drop(pieces);
        let mut body = read_ahead(answer).await.into_body();
        assert!(!body.is_end_stream());
        for text in ["one", "two"] {
            let frame = futures::FutureExt::now_or_never(body.frame());
            let frame = frame.expect("is there").expect("a piece").unwrap();
            assert_eq!(frame.into_data().unwrap(), text);
        }
        assert!(body.is_end_stream());
        assert!(body.frame().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_takes_its_time_follows_its_head() {
        let (pieces, answer) = answer();
        pieces.unbounded_send(Ok(data("one"))).unwrap();
        let body = read_ahead(answer).await.into_body();
        pieces.unbounded_send(Ok(data("two"))).unwrap();
        drop(pieces);
        let whole = body.collect().await.unwrap().to_bytes();
        assert_eq!(whole, "onetwo");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_breaks_off_does_so_after_what_came() {
        let (pieces, answer) = answer();
        pieces.unbounded_send(Ok(data("one"))).unwrap();
        pieces.unbounded_send(Err("broken".into())).unwrap();
        let mut body = read_ahead(answer).await.into_body();
        let first = body.frame().await.expect("a piece").unwrap();
        assert_eq!(first.into_data().unwrap(), "one");
        let error = body.frame().await.expect("an error").unwrap_err();
        assert_eq!(error.to_string(), "broken");
        assert!(body.frame().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_body_is_not_read_to_its_end() {
        let (pieces, answer) = answer();
        let piece = Bytes::from(vec![0; SMALL]);
        for _ in 0..3 {
            pieces
                .unbounded_send(Ok(Frame::data(piece.clone())))
                .unwrap();
        }
        let (head, body) = read_ahead(answer).await.into_parts();
        assert_eq!(head.status, http::StatusCode::OK);
        drop(pieces);
        let whole = body.collect().await.unwrap().to_bytes();
        assert_eq!(whole.len(), 3 * SMALL);
    }
}
