//! Sessions of the old era over HTTP: how they begin and end, what is kept for clients that lose a stream, how many there
//! may be, and what whoever looks after the host sees of them. That they are their principals' alone is in `auth`.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

mod bounds;
mod life;
mod listing;
mod replay;
mod slow;
mod support;
