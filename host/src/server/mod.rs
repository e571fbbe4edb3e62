//! The transports: how clients reach the host.

pub mod http;
pub mod stdio;
