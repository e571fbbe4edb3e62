//! The transports: how clients reach the host.

mod admin;
mod challenge;
mod connections;
mod door;
mod guard;
pub mod http;
mod jobs;
mod metadata;
mod sessions;
pub mod stdio;
