//! Runs what a plugin offers natively, against a backend that answers from a script.
//!
//! ```
//! use toolward_sdk::prelude::*;
//! use toolward_sdk::testing::{Answer, Exchange, Host};
//!
//! /// Starts a job.
//! #[tool(idempotent)]
//! fn job_start(cx: &Context) -> Result<String> {
//!     cx.http("vbr").post("/api/v1/jobs/7/start").json(&json!({"full": true})).send()?;
//!     Ok("started".to_owned())
//! }
//!
//! plugin!(job_start);
//!
//! let start = || Exchange::post("vbr", "/api/v1/jobs/7/start").json(&json!({"full": true}));
//!
//! let host = Host::new(&PLUGIN).expect(start().answer(Answer::status(204)));
//! assert_eq!(host.call("job_start", json!({})).text(), "started");
//!
//! let host = Host::new(&PLUGIN).expect(start().answer(Answer::status(409).body(r#"{"message": "It runs already."}"#)));
//! let call = host.call("job_start", json!({}));
//! assert_eq!(call.error().kind, Trouble::Conflict);
//! assert!(call.error().message.ends_with("It runs already."));
//! ```
//!
//! A request that no [`Exchange`] expects fails the test, and says what was asked and what was expected. So does an
//! expected request that never came, when the [`Host`] is dropped.
//!
//! A tool that asks is called again with the replies that [`Host::answer`] and [`Host::reply`] have for it; one that
//! starts a job gives it with [`Called::job`], to be taken step by step or [run](JobRun::run) to its end.
//!
//! What is not here: the host's own checks of schemas, grants and limits. Tests with the real host are for those.

mod call;
mod flat;
mod host;
mod job;
mod script;
mod world;

pub use call::{Asked, Called, Logged, Notice, Progress};
pub use host::Host;
pub use job::JobRun;
pub use script::{Answer, Exchange, Sent};
pub(crate) use world::Call;
