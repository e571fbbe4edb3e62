//! The transports: how clients reach the host.

mod guard;
pub mod http;
mod jobs;
pub mod stdio;
