//! `/docs`: Swagger UI over `/openapi.json`, out of the binary.
//!
//! The page loads nothing from anywhere else, runs no script that stands in a page, and cannot be framed: plugins write
//! titles and descriptions, and these are shown here.

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::HeaderValue;
use http::header::{self, HeaderName};

const PAGE: &str = include_str!("ui/index.html");
const SCRIPT: &[u8] = include_bytes!("ui/docs.js");
const STYLE: &[u8] = include_bytes!("ui/docs.css");

// `build.rs` takes these from the crate that holds them.
const BUNDLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz"));
const BUNDLE_STYLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz"));
const LICENCE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/LICENSE.gz"));
const NOTICE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/NOTICE.gz"));

/// Swagger UI draws its icons as `data:`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CODE: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// The routes.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    // The version is in the links, so that browsers keep the files until there is another.
    let page = PAGE.replace("{version}", env!("SWAGGER_UI_VERSION"));
    Router::new()
        .route("/docs", get(async move || plain(HTML, page)))
        .route("/docs/docs.js", get(async || plain(CODE, SCRIPT)))
        .route("/docs/docs.css", get(async || plain(CSS, STYLE)))
        .route(
            "/docs/swagger-ui-bundle.js",
            get(async || packed(CODE, BUNDLE)),
        )
        .route(
            "/docs/swagger-ui.css",
            get(async || packed(CSS, BUNDLE_STYLE)),
        )
        .route(
            "/docs/swagger-ui-license.txt",
            get(async || packed(TEXT, LICENCE)),
        )
        .route(
            "/docs/swagger-ui-notice.txt",
            get(async || packed(TEXT, NOTICE)),
        )
}

fn plain(media_type: &'static str, body: impl Into<axum::body::Body>) -> Response {
    let headers: [(HeaderName, &'static str); 6] = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, body.into()).into_response()
}

/// A file of Swagger UI: as gzip, whatever the client says, because there is no browser that cannot unpack it.
fn packed(media_type: &'static str, body: &'static [u8]) -> Response {
    let mut response = plain(media_type, body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, forever);
    response
}
