//! Tools and the plugin they make up. The `#[tool]` attribute and `plugin!` write the code that uses this.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::answer::{IntoOutput, Outcome};
use crate::context::Context;
use crate::error::{Cause, RequestError, Result, ToolError};
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

/// One tool of a [`Plugin`].
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    name: &'static str,
    definition: fn() -> Definition,
    call: fn(&Context, &str) -> Result<Output>,
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

/// The tools of a plugin; [`plugin!`](crate::plugin) makes one, called `PLUGIN`.
#[derive(Clone, Copy, Debug)]
pub struct Plugin {
    entries: &'static [Entry],
}

impl Plugin {
    /// A plugin of these tools.
    ///
    /// # Panics
    ///
    /// When two have the same name; in a constant, as `plugin!` makes one, this is an error when it is compiled.
    #[must_use]
    pub const fn new(entries: &'static [Entry]) -> Self {
        let mut first = 0;
        while first < entries.len() {
            let mut second = first + 1;
            while second < entries.len() {
                assert!(
                    !same(entries[first].name, entries[second].name),
                    "two tools of this plugin have the same name"
                );
                second += 1;
            }
            first += 1;
        }
        Self { entries }
    }

    /// Its tools as they are listed, in the order of `plugin!`.
    #[must_use]
    pub fn definitions(&self) -> Vec<Definition> {
        self.entries
            .iter()
            .map(|entry| (entry.definition)())
            .collect()
    }

    /// Its tools as the host offers them, given which backends are bound for reading only: where all are, those
    /// that may write are left out. A tool that does not say that it only reads may write.
    pub(crate) fn offered(&self, read_only: &[bool]) -> Vec<Definition> {
        let read_only = !read_only.is_empty() && read_only.iter().all(|&backend| backend);
        let mut definitions = self.definitions();
        definitions.retain(|tool| !read_only || tool.hints.read_only == Some(true));
        definitions
    }

    /// Runs a tool on arguments in JSON.
    pub(crate) fn call(&self, cx: &Context, name: &str, arguments: &str) -> Result<Output> {
        let Some(entry) = self.entries.iter().find(|entry| entry.name == name) else {
            return Err(RequestError::new(
                Cause::NotFound,
                format!("this plugin has no tool `{name}`"),
            )
            .into());
        };
        (entry.call)(cx, arguments)
    }
}

/// `str` cannot be compared with `==` in constants.
const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
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
