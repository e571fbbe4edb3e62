//! The way out, against real servers on real sockets: what leaves, what comes back, and what does neither.

#![expect(clippy::unwrap_used, reason = "tests")]

mod addresses;
mod answers;
mod proxies;
mod requests;
mod secrecy;
mod smuggling;
mod support;
mod tls;
mod tokens;
mod traffic;
