//! Tools. The `#[tool]` attribute writes the code that uses this.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::answer::{IntoOutput, Outcome};
use crate::context::Context;
use crate::error::Result;
use crate::meta::{Icon, Meta};
use crate::misfit::from_json;
use crate::output::Output;
use crate::schema;

/// What a tool says about itself. An absent hint stays absent: clients then assume the worst
/// (destructive, open world), so a forgotten hint never declares a tool safe.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Hints {
    /// It changes nothing.
    pub read_only: Option<bool>,
    /// It may destroy something.
    pub destructive: Option<bool>,
    /// Calling it twice does no more than calling it once.
    pub idempotent: Option<bool>,
    /// It reaches out to an open world, such as the web.
    pub open_world: Option<bool>,
}

/// A tool as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The name it is called by.
    pub name: &'static str,
    /// Its name for people.
    pub title: Option<&'static str>,
    /// What it does, for the model.
    pub description: &'static str,
    /// The JSON Schema of its arguments.
    pub input_schema: Value,
    /// The JSON Schema of its structured content.
    pub output_schema: Option<Value>,
    /// What it says about itself.
    pub hints: Hints,
    /// Whether it may end in a job.
    pub jobs: JobSupport,
    /// Pictures for lists.
    pub icons: Vec<Icon>,
    /// Travels as its `_meta`.
    pub meta: Meta,
}

/// Whether a call of a tool may end in a job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum JobSupport {
    /// It never does.
    Never,
    /// It may. For a client that cannot follow jobs the host waits a little, and then hands out the job's id.
    Optional,
    /// It always does. A client that cannot follow jobs is refused before the tool is called.
    Required,
}

/// A function marked with [`#[tool]`](crate::tool); only that attribute implements this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    note = "put `#[tool]` on the function that is named in `plugin!`"
)]
pub trait Tool {
    /// The tool as it is listed.
    #[doc(hidden)]
    const LISTED: Listed;
    /// The tool as it is listed.
    #[must_use]
    fn definition() -> Definition {
        Self::LISTED.definition()
    }
    /// Runs it on arguments in JSON.
    fn call(cx: &Context, arguments: &str) -> Result<Output>;
}

/// What a [`Definition`] is made of when somebody asks for it: a component that is only called makes none.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "as in a definition")]
pub struct Listed {
    pub name: &'static str,
    pub title: Option<&'static str>,
    pub description: &'static str,
    pub input_schema: fn() -> String,
    pub output_schema: fn() -> Option<String>,
    pub hints: Hints,
    pub jobs: JobSupport,
    pub icons: fn() -> Vec<Icon>,
    pub meta: fn() -> Meta,
}

impl Listed {
    pub(crate) fn definition(&self) -> Definition {
        self.offered().into()
    }

    pub(crate) fn offered(&self) -> Offered {
        Offered {
            name: self.name,
            title: self.title,
            description: self.description,
            input_schema: (self.input_schema)(),
            output_schema: (self.output_schema)(),
            hints: self.hints,
            jobs: self.jobs,
            icons: (self.icons)(),
            meta: (self.meta)(),
        }
    }
}

/// A [`Definition`] on its way to the host, which takes schemas as texts. Only a plugin that looks into its definitions
/// has code that reads them.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) name: &'static str,
    pub(crate) title: Option<&'static str>,
    pub(crate) description: &'static str,
    pub(crate) input_schema: String,
    pub(crate) output_schema: Option<String>,
    pub(crate) hints: Hints,
    pub(crate) jobs: JobSupport,
    pub(crate) icons: Vec<Icon>,
    pub(crate) meta: Meta,
}

impl From<Offered> for Definition {
    fn from(tool: Offered) -> Self {
        Self {
            name: tool.name,
            title: tool.title,
            description: tool.description,
            input_schema: schema::parsed(&tool.input_schema),
            output_schema: tool.output_schema.as_deref().map(schema::parsed),
            hints: tool.hints,
            jobs: tool.jobs,
            icons: tool.icons,
            meta: tool.meta,
        }
    }
}

impl From<Definition> for Offered {
    fn from(tool: Definition) -> Self {
        Self {
            name: tool.name,
            title: tool.title,
            description: tool.description,
            input_schema: tool.input_schema.to_string(),
            output_schema: tool.output_schema.map(|schema| schema.to_string()),
            hints: tool.hints,
            jobs: tool.jobs,
            icons: tool.icons,
            meta: tool.meta,
        }
    }
}

/// One tool of a [`Plugin`](crate::Plugin).
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub(crate) listed: Listed,
    pub(crate) call: fn(&Context, &str) -> Result<Output>,
}

impl Entry {
    /// The entry of a tool.
    #[must_use]
    pub const fn of<T: Tool>() -> Self {
        Self {
            listed: T::LISTED,
            call: T::call,
        }
    }
}

/// The output schema of a function with this return type.
#[must_use]
pub fn output_schema<T: Outcome>() -> Option<String> {
    T::Answer::schema()
}

/// Whether a function with this return type may start a job.
#[must_use]
pub const fn job_support<T: Outcome, const REQUIRED: bool>() -> JobSupport {
    const {
        assert!(
            T::Answer::WORK || !REQUIRED,
            "a tool with `job_required` returns `Result<Work<…>>`"
        );
    }
    match (T::Answer::WORK, REQUIRED) {
        (false, _) => JobSupport::Never,
        (true, false) => JobSupport::Optional,
        (true, true) => JobSupport::Required,
    }
}

/// Reads arguments; the error names the argument that does not fit.
pub fn arguments<T: DeserializeOwned>(json: &str) -> Result<T> {
    from_json(json).map_err(|misfit| misfit.into_tool_error().into())
}

/// Turns what the function returned into what the host gets.
pub fn finish<T: Outcome>(outcome: T) -> Result<Output> {
    outcome.finish()
}
