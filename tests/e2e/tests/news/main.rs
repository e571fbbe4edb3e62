//! What changes, and who is told: lists and resources, in both eras, over HTTP and over pipes. The plugins are
//! `tests/fixtures/erratic` and `tests/fixtures/neighbour`.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

mod lists;
mod neighbours;
mod resources;
mod support;
