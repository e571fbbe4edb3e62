//! Whose plugins are served: signatures, what was served before, what the manifest asks for, and the commands that go
//! with all of it.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

mod commands;
mod interop;
mod manifest;
mod new;
mod race;
mod recorded;
mod support;
mod table;
