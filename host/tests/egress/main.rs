//! The way out, against real servers on real sockets: what leaves, what comes back, and what does neither.

#![expect(clippy::unwrap_used, reason = "tests")]

mod answers;
mod requests;
mod secrecy;
mod support;
mod tls;
mod tokens;
