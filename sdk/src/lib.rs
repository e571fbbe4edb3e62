//! Write toolward plugins in Rust.
//!
//! A tool is a function; its arguments and its answer are types; their doc comments are what the model reads:
//!
//! ```
//! use toolward_sdk::prelude::*;
//!
//! /// Which job to look at.
//! #[derive(Deserialize, JsonSchema)]
//! struct JobArgs {
//!     /// The job's id.
//!     id: String,
//! }
//!
//! #[derive(Deserialize, Serialize, JsonSchema)]
//! struct Job {
//!     name: String,
//! }
//!
//! /// Shows one backup job.
//! #[tool(read_only, idempotent)]
//! fn job_get(cx: &Context, args: JobArgs) -> Result<Job> {
//!     Ok(cx.http("vbr").get("/api/v1/jobs").segment(&args.id).send()?.json()?)
//! }
//!
//! plugin!(job_get);
//!
//! # use toolward_sdk::testing::{Answer, Exchange, Host};
//! // In a test, without a backend:
//! let host = Host::new(&PLUGIN)
//!     .expect(Exchange::get("vbr", "/api/v1/jobs/7").answer(Answer::json(&json!({"name": "Nightly"}))));
//! assert_eq!(host.call("job_get", json!({"id": "7"})).structured(), json!({"name": "Nightly"}));
//! ```
//!
//! The crate is built as `crate-type = ["cdylib", "rlib"]`: for `wasm32-wasip2` it is the component that the host
//! loads; natively it is a library whose tools [`testing`] runs. Its manifest names `serde` and `schemars` beside
//! this crate, because their derives do.
//!
//! What is deliberately not here: addresses, credentials and time-outs of backends. Those are the operator's.

#![warn(missing_docs)]

// The macros write `::toolward_sdk`, also in this crate's own tests.
extern crate self as toolward_sdk;

mod answer;
mod call;
mod context;
mod error;
#[cfg(target_arch = "wasm32")]
mod guest;
pub mod http;
mod output;
mod schema;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod tool;

pub use answer::{IntoOutput, Outcome, Rendered};
pub use call::{Backend, LogLevel, NoticeLevel, Principal};
pub use context::Context;
pub use error::{Cause, Failure, RequestError, Result, ToolError, Trouble};
pub use output::{Annotations, Content, Document, DocumentBody, Item, Link, Media, Output, Role};
pub use schemars;
pub use serde;
pub use serde_json;
pub use tool::{Definition, Hints, Plugin, Tool};

/// Makes a tool of a function.
///
/// The function's name is the tool's name, its doc comment the description that the model reads. It takes a
/// `&Context`, its arguments as one value, both in this order, or neither; and it returns a `Result`.
///
/// - `read_only`, `destructive`, `idempotent`, `open_world`: hints, each also as `destructive = false`. A hint that
///   is left out stays absent, and clients then assume the worst.
/// - `title = "…"`: a name for people.
/// - `name = "…"`: a name for the model other than the function's.
///
/// ```
/// use toolward_sdk::prelude::*;
///
/// /// What to add up.
/// #[derive(Deserialize, JsonSchema)]
/// struct Sum {
///     /// The numbers.
///     numbers: Vec<f64>,
/// }
///
/// /// Adds numbers up.
/// #[tool(read_only, idempotent, open_world = false, title = "Add up")]
/// fn add(args: Sum) -> Result<f64> {
///     Ok(args.numbers.iter().sum())
/// }
///
/// plugin!(add);
///
/// let tool = &PLUGIN.definitions()[0];
/// assert_eq!((tool.name, tool.description), ("add", "Adds numbers up."));
/// assert_eq!(tool.input_schema["properties"]["numbers"]["description"], "The numbers.");
/// assert_eq!(tool.hints.destructive, None);
/// ```
pub use toolward_sdk_macros::tool;

/// What a plugin needs, for `use toolward_sdk::prelude::*`.
pub mod prelude {
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};
    pub use serde_json::{Value, json};

    pub use crate::http::HttpError;
    pub use crate::{
        Content, Context, Failure, Output, Rendered, Result, ToolError, Trouble, plugin, tool,
    };
}

/// The examples of the guide, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/plugin-authors.md")]
mod plugin_authors {}

/// What the macros use; not for anyone else.
#[doc(hidden)]
pub mod __private {
    #[cfg(target_arch = "wasm32")]
    pub use crate::guest::{bindings, call_tool, list_tools};
    pub use crate::tool::{
        Entry, arguments, empty_input_schema, finish, input_schema, output_schema,
    };
}

/// Makes a plugin of tools: functions marked with [`#[tool]`](macro@tool), by name or path. Used once in a crate.
///
/// Defines `PLUGIN`, which [`testing::Host`] runs, and in a component the exports that the host calls.
///
/// ```
/// use toolward_sdk::prelude::*;
///
/// mod tools {
///     use toolward_sdk::prelude::*;
///
///     /// Answers at once.
///     #[tool(read_only)]
///     pub(crate) fn ping() -> Result<String> {
///         Ok("pong".to_owned())
///     }
/// }
///
/// plugin!(tools::ping);
/// assert_eq!(PLUGIN.definitions()[0].name, "ping");
/// ```
///
/// Two tools of one name do not compile:
///
/// ```compile_fail
/// # use toolward_sdk::prelude::*;
/// /// Answers at once.
/// #[tool]
/// fn ping() -> Result<String> { Ok("pong".to_owned()) }
///
/// plugin!(ping, ping);
/// ```
#[macro_export]
macro_rules! plugin {
    ($($tool:path),+ $(,)?) => {
        /// The tools of this plugin.
        pub static PLUGIN: $crate::Plugin =
            $crate::Plugin::new(const { &[$($crate::__private::Entry::of::<$tool>()),+] });

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Exports;

            impl $crate::__private::bindings::exports::toolward::plugin::tools::Guest for Exports {
                fn list_tools(
                    _: &$crate::__private::bindings::toolward::plugin::call::Context,
                ) -> ::core::result::Result<
                    $crate::__private::bindings::exports::toolward::plugin::tools::Listing,
                    $crate::__private::bindings::toolward::plugin::values::Failure,
                > {
                    ::core::result::Result::Ok($crate::__private::list_tools(&PLUGIN))
                }

                fn call_tool(
                    cx: &$crate::__private::bindings::toolward::plugin::call::Context,
                    name: ::std::string::String,
                    arguments: ::std::string::String,
                ) -> ::core::result::Result<
                    $crate::__private::bindings::exports::toolward::plugin::tools::Outcome,
                    $crate::__private::bindings::toolward::plugin::values::Failure,
                > {
                    $crate::__private::call_tool(&PLUGIN, cx, &name, &arguments)
                }
            }

            $crate::__private::bindings::export!(Exports with_types_in $crate::__private::bindings);
        };
    };
}
