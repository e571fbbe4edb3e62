//! What the server has seen, for tests to assert on.

use std::collections::BTreeMap;
use std::fmt;

/// Counters since the start.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Logins that gave a ticket, with all their factors.
    pub logins: u64,
    /// Tickets that were given for an older one.
    pub renewals: u64,
    /// Logins that were refused.
    pub failed_logins: u64,
    /// Requests by method and path, such as `GET /nodes/{node}/status`, whatever the answer was.
    pub requests: BTreeMap<String, u64>,
    /// What did not fit the vendor's document, where there is one.
    pub violations: Vec<Violation>,
}

impl Stats {
    /// How often a request was seen, such as `GET /cluster/resources`.
    #[must_use]
    pub fn of(&self, request: &str) -> u64 {
        self.requests.get(request).copied().unwrap_or(0)
    }

    /// All requests together, logins aside.
    #[must_use]
    pub fn total(&self) -> u64 {
        let counted = self
            .requests
            .iter()
            .filter(|(name, _)| *name != "POST /access/ticket");
        counted.map(|(_, count)| count).sum()
    }
}

/// A request or an answer that does not fit the vendor's document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// Whose fault it is: `request` or `answer`.
    pub side: &'static str,
    /// Method and path.
    pub operation: String,
    /// What is wrong, and where.
    pub problem: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.side, self.operation, self.problem)
    }
}
