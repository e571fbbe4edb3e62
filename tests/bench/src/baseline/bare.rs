//! A constant answer to any request: what HTTP alone costs.

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use http::header::CONTENT_TYPE;

use crate::load::message;

pub(super) fn routes() -> Router {
    let answer = Bytes::from(message::answer());
    let handler = move |request: Bytes| async move {
        // Received in full, as the others must, and not looked at.
        drop(request);
        ([(CONTENT_TYPE, "application/json")], answer)
    };
    Router::new().route("/mcp", post(handler))
}
