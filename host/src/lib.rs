//! toolward

pub mod config;
pub mod credential;
pub mod egress;
