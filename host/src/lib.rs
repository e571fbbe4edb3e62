//! toolward, a tool host for AI agents: MCP outside, sandboxed WebAssembly components inside.
//!
//! The modules, from the outside in; each uses only those below it (`docs/architecture.md` has their invariants):
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`] | the commands |
//! | [`server`] | the transports: stdio and HTTP |
//! | [`auth`] | who is calling |
//! | [`mcp`] | the only place that knows the protocol |
//! | [`host`] | everything put together |
//! | [`policy`] | who may do what |
//! | [`catalog`] | the snapshot of what is on offer |
//! | [`jobs`] | calls that outlive their requests |
//! | [`plugin`] | components: manifest, cache, load, call |
//! | [`capability`] | what a component can reach, one file per import |
//! | [`egress`] | the only way out |
//! | [`credential`] | logins and tokens |
//! | [`config`] | `toolward.toml`, checked as a whole |
//! | [`audit`], [`error`], [`telemetry`] | for all |
//!
//! `fuzzing` is there for tests and fuzzing only.

pub mod audit;
pub mod auth;
pub mod capability;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod credential;
pub mod egress;
pub mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod host;
pub mod jobs;
pub mod mcp;
pub mod plugin;
pub mod policy;
pub mod server;
pub mod telemetry;
