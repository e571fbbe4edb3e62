//! Tools. The `#[tool]` attribute writes the code that uses this.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::answer::{IntoOutput, Outcome};
use crate::context::Context;
use crate::error::{Result, ToolError};
use crate::meta::{Icon, Meta};
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
    /// The name it is called by.
    const NAME: &'static str;
    /// The tool as it is listed.
    fn definition() -> Definition;
    /// Runs it on arguments in JSON.
    fn call(cx: &Context, arguments: &str) -> Result<Output>;
}

/// One tool of a [`Plugin`](crate::Plugin).
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub(crate) name: &'static str,
    pub(crate) definition: fn() -> Definition,
    pub(crate) call: fn(&Context, &str) -> Result<Output>,
}

impl Entry {
    /// The entry of a tool.
    #[must_use]
    pub const fn of<T: Tool>() -> Self {
        Self {
            name: T::NAME,
            definition: T::definition,
            call: T::call,
        }
    }
}

/// The schema of arguments of this type.
#[must_use]
pub fn input_schema<T: JsonSchema>() -> Value {
    schema::input::<T>()
}

/// The schema of a tool without arguments.
#[must_use]
pub fn empty_input_schema() -> Value {
    schema::no_arguments()
}

/// The output schema of a function with this return type.
#[must_use]
pub fn output_schema<T: Outcome>() -> Option<Value> {
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
    from_json(json.as_bytes())
        .map_err(|(path, error)| ToolError::invalid_input(misfit(&path, &error)).into())
}

/// Reads a whole text as JSON. An error comes with the path to what does not fit, `.` being the root.
pub(crate) fn from_json<T: DeserializeOwned>(
    json: &[u8],
) -> Result<T, (String, serde_json::Error)> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| (error.path().to_string(), error.into_inner()))?;
    match reader.end() {
        Ok(()) => Ok(value),
        Err(error) => Err((".".to_owned(), error)),
    }
}

fn misfit(path: &str, error: &serde_json::Error) -> String {
    let reason = without_position(&error.to_string()).to_owned();
    if path == "." {
        format!("arguments: {reason}")
    } else {
        format!("argument `{path}`: {reason}")
    }
}

/// Line and column point into JSON that nobody has seen.
pub(crate) fn without_position(reason: &str) -> &str {
    reason
        .rsplit_once(" at line ")
        .map_or(reason, |(reason, _)| reason)
}

/// Turns what the function returned into what the host gets.
pub fn finish<T: Outcome>(outcome: T) -> Result<Output> {
    outcome.finish()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::error::Failure;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only reading it is tested")]
    struct Args {
        id: String,
        filter: Option<Filter>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only reading it is tested")]
    struct Filter {
        states: Vec<State>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum State {
        Running,
        Stopped,
    }

    #[track_caller]
    fn check(json: &str, message: &str) {
        let Err(Failure::Tool(error)) = arguments::<Args>(json) else {
            panic!("{json} was taken")
        };
        assert_eq!(error.kind, crate::Trouble::InvalidInput);
        assert_eq!(error.message, message);
    }

    #[test]
    fn a_misfit_names_the_argument() {
        check(r"{}", "arguments: missing field `id`");
        check(
            r#"{"id": 7}"#,
            "argument `id`: invalid type: integer `7`, expected a string",
        );
        check(
            r#"{"id": "a", "filter": {"states": ["running", "gone"]}}"#,
            "argument `filter.states[1]`: unknown variant `gone`, expected `running` or `stopped`",
        );
    }
}
