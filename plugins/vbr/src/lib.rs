//! What the plugins for Veeam Backup & Replication share: how its REST API is asked, and how its answers are told.
//!
//! | module | what it decides |
//! |---|---|
//! | `servers` | which backup server is meant, where the operator bound several |
//! | `client` | which requests are sent, at which revision, and what an error of the API means |
//! | `revision` | where the revisions of the API differ in what is asked |
//! | `page` | how lists are gone through: only the pages that are needed, nothing twice |
//! | `names` | which of many names somebody means |
//! | `moment`, `window`, `size` | how times and sizes are told, and how spans of time are understood |
//! | `job`, `session` | what of the API's answers is kept, written alike for every revision |
//! | `order` | what happens before something is changed |
//! | `follow` | the job that follows a run to its end |
//! | `read` | values that may be absent, null, empty, or the nil UUID |
//!
//! Not here: tools, addresses, logins, tokens, certificates.
#![warn(missing_docs)]

pub mod client;
pub mod follow;
pub mod job;
pub mod moment;
pub mod names;
pub mod order;
pub mod page;
pub mod read;
pub mod revision;
pub mod servers;
pub mod session;
pub mod size;
pub mod window;

pub use client::Client;
pub use moment::Moment;
pub use revision::Revision;
pub use servers::{Server, tailor};
pub use size::Size;
