//! Versions of plugins and configurations that come and go while the host serves.

mod calls;
mod configuration;
mod files;
mod leave;
mod operators;
mod storm;
mod support;
mod trust;
