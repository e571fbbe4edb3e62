//! The transports: how clients reach the host.

mod admin;
mod challenge;
mod connections;
mod door;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod guard;
pub mod http;
mod http2;
mod jobs;
mod mcp;
mod metadata;
mod openapi;
mod operator;
mod problem;
mod protocol;
mod rest;
mod sessions;
mod status;
pub mod stdio;
mod ui;
