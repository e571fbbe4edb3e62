//! The transports: how clients reach the host.

mod challenge;
mod connections;
mod door;
mod guard;
pub mod http;
mod metadata;
mod operator;
mod sessions;
pub mod stdio;
