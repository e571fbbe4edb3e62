//! What the end-to-end tests share: the real binary with a configuration of its own, and ways to talk to it.
//!
//! | module | what it is for |
//! |---|---|
//! | `paths` | where the binary, the packed plugins and the test tools are |
//! | `deployment` | a configuration file in a folder that goes away with the test |
//! | `host` | the binary serving over HTTP: started, waited for, stopped |
//! | `issuer` | an OAuth 2.1 authorization server, honest and otherwise |
//! | `echo` | what every echo plugin does, in whatever language |
//! | `terminal` | the binary at a terminal, with somebody who types |
//! | `control` | the backend of the fixture `erratic`: answers what a test wants, and when |
//! | `listen` | somebody who listens to a stream of notifications |
//! | `versions` | versions of one plugin |
//! | `operator` | what an operator sees and does over HTTP |
//! | `mcp` | requests as bytes on the wire, without a client library in between |
//! | `session`, `sse`, `stdio` | the same for sessions of the old era, for streams of events, and over pipes |
//!
//! Helpers panic when they cannot do their work: a test that cannot be set up is a failed test.
#![warn(missing_docs)]
#![expect(
    clippy::missing_panics_doc,
    reason = "a helper that cannot do its work fails the test, and the message says why"
)]

pub mod control;
mod deployment;
pub mod echo;
mod host;
pub mod issuer;
mod listen;
pub mod mcp;
pub mod operator;
mod paths;
pub mod session;
pub mod sse;
pub mod stdio;
pub mod terminal;
pub mod versions;

use std::fmt::Arguments;
use std::io::Write as _;
use std::time::Duration;

/// Prints what was measured, or why something was left out, past the test runner, which keeps to itself what a test that
/// passes prints with `eprintln!`.
pub fn tell(what: Arguments<'_>) {
    // Nobody reads it where it cannot be written.
    let _ = writeln!(std::io::stderr().lock(), "{what}");
}

/// How long something may take that takes milliseconds.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub use deployment::{Binding, Deployment};
pub use host::Host;
pub use listen::Listener;
pub use paths::{Tools, binary, development_key, plugin, repository, sign, target};
pub use session::Session;
pub use terminal::Terminal;
