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
//! The crate is built as `crate-type = ["cdylib"]`: for `wasm32-wasip2` it is the component that the host loads; natively
//! [`testing`] runs its tools. Its manifest names `serde` beside this crate, because its derives do.
//!
//! What is deliberately not here: addresses, credentials and time-outs of backends. Those are the operator's.

#![warn(missing_docs)]

// The macros write `::toolward_sdk`, also in this crate's own tests.
extern crate self as toolward_sdk;

mod answer;
pub mod ask;
mod call;
mod completion;
mod context;
mod error;
#[cfg(target_arch = "wasm32")]
mod guest;
pub mod http;
mod job;
mod meta;
mod misfit;
mod output;
mod plugin;
mod prompt;
mod resource;
mod schema;
mod suspend;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod texts;
mod tool;
mod uri;
mod watch;

pub use answer::{IntoOutput, Outcome, Rendered};
pub use ask::Reply;
pub use call::{Backend, Capability, Change, LogLevel, NoticeLevel, Principal};
pub use completion::{Blank, Subject, Suggestions};
pub use context::{Changes, Context};
pub use error::{Cause, Failure, RequestError, Result, ToolError, Trouble};
pub use job::{Job, JobLine, JobProgress, Started, Step, Turn, Work};
pub use meta::{Freshness, Icon, Meta, Sharing, Theme};
pub use output::{Annotations, Content, Document, DocumentBody, Item, Link, Media, Output, Role};
pub use plugin::{CompleteFunction, LookFunction, Plugin, TailorFunction};
pub use prompt::{Filled, IntoFilled, Message, Prompt, PromptArgument, PromptDefinition};
pub use resource::{Found, IntoFound, Json, ListFunction, Page, Resource, ResourceDefinition};
pub use schema::{JsonSchema, Kind, Schema};
pub use serde;
pub use serde_json;
pub use suspend::Suspended;
pub use tool::{Definition, Hints, JobSupport, Tool};
pub use watch::{Sighting, Watched};

/// Makes a tool of a function.
///
/// The function's name is the tool's name, its doc comment the description that the model reads. It takes a
/// `&Context`, its arguments as one value, both in this order, or neither; and it returns a `Result`.
///
/// - `read_only`, `destructive`, `idempotent`, `open_world`: hints, each also as `destructive = false`. A hint that
///   is left out stays absent, and clients then assume the worst.
/// - `title = "…"`: a name for people.
/// - `name = "…"`: a name for the model other than the function's.
/// - `icon = "…"`: a picture for lists, as a `https:` or `data:` URL. May be given several times.
/// - `meta = FUNCTION`: what gives the [`Meta`] that travels with it in the list.
/// - `job_required`: for a tool that returns [`Work`] and always starts a job.
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

/// Makes an answer of a struct: derives `Serialize` and `JsonSchema`, and leaves out each `Option` that holds nothing,
/// so that a model reads only what there is.
///
/// ```
/// use toolward_sdk::prelude::*;
///
/// /// A job.
/// #[answer]
/// struct Job {
///     /// Its name.
///     name: String,
///     /// When it runs next, if it does.
///     next_run: Option<String>,
/// }
///
/// let job = Job { name: "Nightly".to_owned(), next_run: None };
/// assert_eq!(serde_json::to_value(job).unwrap(), json!({"name": "Nightly"}));
/// ```
pub use toolward_sdk_macros::answer;

/// Makes a prompt of a function: a text that a person picks to begin a conversation with.
///
/// The function's name is the prompt's name, its doc comment the description. It takes a `&Context`, its blanks as one
/// struct whose fields are texts, numbers, booleans or enums of names, both in this order, or neither; and it returns a
/// `Result` of text, of [`Message`]s, or of [`Filled`]. Clients send all blanks as text; here they are read as what the
/// fields are. `title`, `name`, `icon` and `meta` are as for [`#[tool]`](macro@tool).
///
/// ```
/// use toolward_sdk::prelude::*;
/// use toolward_sdk::Message;
///
/// /// What to look into.
/// #[derive(Deserialize, JsonSchema)]
/// struct Night {
///     /// The day on which the night began.
///     day: String,
///     /// How many lines the answer may have.
///     lines: Option<u32>,
/// }
///
/// /// Looks into a night's backups.
/// #[prompt(title = "Last night")]
/// fn last_night(args: Night) -> Result<Vec<Message>> {
///     let lines = args.lines.unwrap_or(10);
///     Ok(vec![Message::user(format!("What failed on {}? Answer in {lines} lines.", args.day))])
/// }
///
/// plugin! { prompts: [last_night] }
///
/// let host = toolward_sdk::testing::Host::new(&PLUGIN);
/// assert_eq!(host.prompts()[0].arguments[0].description.as_deref(), Some("The day on which the night began."));
/// let filled = host.prompt("last_night", &[("day", "Monday"), ("lines", "3")]).unwrap();
/// assert_eq!(filled.messages, [Message::user("What failed on Monday? Answer in 3 lines.")]);
/// ```
pub use toolward_sdk_macros::prompt;

/// Makes a resource of a function: something that a client can read, by its URI.
///
/// The URI comes first. With blanks (`{name}` for anything without a slash, `{+name}` for anything) it is a family of
/// resources; the function then takes a struct whose fields are named as the blanks. It may take a `&Context` before
/// that, and returns a `Result` of text, bytes, [`Json`], a [`Document`], or [`Found`]. The scheme of the URI must be
/// one that the plugin's manifest claims.
///
/// The function's name is the resource's name, its doc comment the description.
///
/// - `mime_type = "…"`: what reading it gives.
/// - `list = FUNCTION`: lists the resources of a family, as a `fn(&Context, Option<&str>) -> Result<Page>`.
/// - `priority = 0.5`, `audience = "user"` (or `"assistant"`): how it is meant to be used.
/// - `title`, `name`, `icon` and `meta`: as for [`#[tool]`](macro@tool).
///
/// ```
/// use toolward_sdk::prelude::*;
/// use toolward_sdk::{Json, Link, Page};
///
/// /// The shop's opening hours.
/// #[resource("shop://hours", mime_type = "text/plain", audience = "user")]
/// fn hours() -> Result<&'static str> {
///     Ok("Always.")
/// }
///
/// /// Which order.
/// #[derive(Deserialize)]
/// struct Order {
///     number: u32,
/// }
///
/// /// One order.
/// #[resource("shop://orders/{number}", list = orders)]
/// fn order(cx: &Context, order: Order) -> Result<Json<Value>> {
///     Ok(Json(cx.http("shop").get("/v1/orders").segment(order.number.to_string()).send()?.json()?))
/// }
///
/// fn orders(_: &Context, _: Option<&str>) -> Result<Page> {
///     Ok(Page::last([Link::new("shop://orders/7", "order 7")]))
/// }
///
/// plugin! { resources: [hours, order] }
///
/// # use toolward_sdk::testing::{Answer, Exchange, Host};
/// let host = Host::new(&PLUGIN)
///     .expect(Exchange::get("shop", "/v1/orders/7").answer(Answer::json(&json!({"total": 12}))));
/// let uris: Vec<_> = host.resources().unwrap().into_iter().map(|link| link.uri).collect();
/// assert_eq!(uris, ["shop://hours", "shop://orders/7"]);
/// assert_eq!(host.templates()[0].uri, "shop://orders/{number}");
/// assert_eq!(host.read_text("shop://hours"), "Always.");
/// assert_eq!(host.read_text("shop://orders/7"), r#"{"total":12}"#);
/// ```
pub use toolward_sdk_macros::resource;

/// What a plugin needs, for `use toolward_sdk::prelude::*`.
pub mod prelude {
    pub use serde::{Deserialize, Serialize};
    pub use serde_json::{Value, json};

    pub use crate::http::HttpError;
    pub use crate::{
        Content, Context, Failure, Job, JsonSchema, Output, Rendered, Reply, Result, Step,
        ToolError, Trouble, Turn, Work, answer, plugin, prompt, resource, tool,
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
    pub use crate::guest::{
        Offers, bindings, export_completions, export_jobs, export_prompts, export_resources,
        export_tools, export_watch, tools,
    };
    pub use crate::job::JobEntry;
    pub use crate::prompt::{PromptEntry, finish_prompt, prompt_arguments, read_prompt_arguments};
    pub use crate::resource::{ResourceEntry, finish_resource, read_blanks};
    pub mod schema {
        pub use crate::schema::{
            Branches, Choice, Content, Fallback, Field, Limits, NoFallback, Presence, Struct, Tag,
            Variant, Wrapped, input, no_input, of,
        };
    }
    pub use crate::tool::{Entry, Listed, arguments, finish, job_support, output_schema};
}
