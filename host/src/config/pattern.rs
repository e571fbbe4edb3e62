//! Patterns of requests, as written in `allow` and `deny`: `GET /api/v1/jobs/*`, `* /api/**`.

/// Which requests: a method and a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestPattern {
    /// As written, for messages.
    pub text: String,
    /// The method, or any.
    pub method: MethodPattern,
    /// The path, segment by segment, percent-decoded.
    pub path: Vec<Segment>,
}

/// Which method.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MethodPattern {
    /// `*`
    Any,
    /// One or several, joined by commas (`GET,HEAD`).
    Of(Vec<http::Method>),
}

/// One segment of a path pattern.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Segment {
    /// Exactly this text, after percent-decoding.
    Literal(String),
    /// `*`: any one non-empty segment.
    One,
    /// `**`, last only: any number of segments, none included.
    Rest,
}
