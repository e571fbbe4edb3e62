//! Plugins that attack: each attack costs its own call and nothing else.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

mod forged;
mod limits;
mod lists;
mod loops;
mod reach;
mod requests;
mod support;
