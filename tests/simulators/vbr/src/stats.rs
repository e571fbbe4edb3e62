//! What the server has seen, for tests to assert on. Nothing of it is ever logged.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method};

/// Counters since the start.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Password grants that gave tokens.
    pub logins: u64,
    /// Password grants that were refused.
    pub failed_logins: u64,
    /// Refresh grants that gave tokens.
    pub refreshes: u64,
    /// Refresh grants that were refused.
    pub failed_refreshes: u64,
    /// Logouts.
    pub logouts: u64,
    /// TLS connections that were set up.
    pub connections: u64,
    /// Connections that ended before TLS was set up: a client that does not trust the certificate.
    pub failed_handshakes: u64,
    /// Requests by method and path, such as `POST /api/v1/jobs/{id}/start`, whatever the answer was.
    pub requests: BTreeMap<String, u64>,
    /// Bytes of the bodies of answers, as announced; errors in front of the API and endless answers are not counted.
    pub sent: u64,
    /// Requests being answered right now.
    pub in_flight: usize,
    /// The most there ever were at the same time.
    pub in_flight_max: usize,
    /// What did not fit the vendor's document, when the server was given one.
    pub violations: Vec<Violation>,
}

impl Stats {
    /// How often a request was seen, such as `GET /api/v1/jobs/states`.
    #[must_use]
    pub fn of(&self, request: &str) -> u64 {
        self.requests.get(request).copied().unwrap_or(0)
    }

    /// All requests together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.requests.values().sum()
    }
}

/// A request or an answer that does not fit the vendor's document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// Whose fault it is.
    pub side: Side,
    /// Method and path.
    pub operation: String,
    /// What is wrong, and where.
    pub problem: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Request => "request",
            Side::Answer => "answer",
        };
        write!(formatter, "{side} {}: {}", self.operation, self.problem)
    }
}

/// Which half of an exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// What the client sent.
    Request,
    /// What the server answered.
    Answer,
}

/// A request as it came in. It holds secrets: `Debug` shows neither header values nor the body.
#[derive(Clone)]
pub struct Recorded {
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The query, as sent.
    pub query: String,
    /// Every header.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl fmt::Debug for Recorded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Recorded")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}
