//! From a tool function's return type to a result with an output schema.

use serde::Serialize;

use crate::error::{Failure, Result};
use crate::output::{Content, Output};
use crate::schema::{self, JsonSchema};

/// What a tool function may return inside its `Result`.
///
/// Every type that is `Serialize` and `JsonSchema` is an answer:
///
/// - a struct, a map or an enum of structs becomes structured content with an output schema; for clients that know only
///   text, the host adds the same JSON as text;
/// - a list, a number or a boolean becomes structured content `{"result": …}`, since older clients take only objects;
/// - a string becomes text; `()` becomes an empty result;
/// - a type that may be an object or something else (such as `Option<Job>`) has no output schema.
///
/// [`Output`] gives full control, [`Rendered`] a text of its own beside the structured content, and
/// [`Work`](crate::Work) is for answers that may take long.
#[diagnostic::on_unimplemented(
    message = "a tool cannot answer with `{Self}`",
    note = "derive `Serialize` and `JsonSchema` for it, or return `Output`"
)]
pub trait IntoOutput {
    /// Whether it may become a job instead.
    #[doc(hidden)]
    const WORK: bool = false;
    /// The JSON Schema of the structured content, if there always is some.
    fn schema() -> Option<String>;
    /// The result.
    fn into_output(self) -> Result<Output>;
}

impl<T: Serialize + JsonSchema> IntoOutput for T {
    fn schema() -> Option<String> {
        schema::output::<T>()
    }

    fn into_output(self) -> Result<Output> {
        from_json(serde_json::to_string(&self))
    }
}

impl IntoOutput for Output {
    fn schema() -> Option<String> {
        None
    }

    fn into_output(self) -> Result<Output> {
        Ok(self)
    }
}

/// A value with a text of its own, for answers that read better as prose or a table than as JSON.
///
/// ```
/// use toolward_sdk::prelude::*;
///
/// #[derive(Serialize, JsonSchema)]
/// struct Load { percent: u8 }
///
/// /// Shows how busy the machine is.
/// #[tool(read_only)]
/// fn load() -> Result<Rendered<Load>> {
///     Ok(Rendered::new(Load { percent: 12 }, "The machine idles (12 %)."))
/// }
///
/// plugin!(load);
/// # let host = toolward_sdk::testing::Host::new(&PLUGIN);
/// # let call = host.call("load", json!({}));
/// # assert_eq!(call.text(), "The machine idles (12 %).");
/// # assert_eq!(call.structured(), json!({"percent": 12}));
/// ```
#[derive(Clone, Debug)]
pub struct Rendered<T> {
    value: T,
    text: String,
}

impl<T> Rendered<T> {
    /// A value and how it reads.
    pub fn new(value: T, text: impl Into<String>) -> Self {
        Self {
            value,
            text: text.into(),
        }
    }
}

impl<T: Serialize + JsonSchema> IntoOutput for Rendered<T> {
    fn schema() -> Option<String> {
        T::schema()
    }

    fn into_output(self) -> Result<Output> {
        let mut output = self.value.into_output()?;
        output.content = vec![Content::text(self.text)];
        Ok(output)
    }
}

/// The return type of a tool function: a `Result` whose error is, or becomes, a [`Failure`].
#[diagnostic::on_unimplemented(
    message = "a tool function returns `Result<…>`, not `{Self}`",
    note = "`toolward_sdk::Result<T>` is the usual choice"
)]
pub trait Outcome {
    /// What it holds when all went well.
    type Answer: IntoOutput;
    /// The result or the failure.
    fn finish(self) -> Result<Output>;
}

impl<T: IntoOutput, E: Into<Failure>> Outcome for std::result::Result<T, E> {
    type Answer = T;

    fn finish(self) -> Result<Output> {
        self.map_err(Into::into)?.into_output()
    }
}

/// Goes by the value, not the type, and agrees with [`schema::output`].
fn from_json(json: Result<String, serde_json::Error>) -> Result<Output> {
    let json = json?;
    Ok(match json.as_bytes().first() {
        Some(b'{') => Output {
            structured: Some(json),
            ..Output::new()
        },
        Some(b'"') => Output::text(serde_json::from_str::<String>(&json)?),
        Some(b'n') => Output::new(),
        _ => Output {
            structured: Some(format!("{{\"{}\":{json}}}", schema::RESULT)),
            ..Output::new()
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[derive(Serialize, JsonSchema)]
    struct Point {
        x: i32,
    }

    #[track_caller]
    fn check<T: IntoOutput>(
        answer: T,
        schema: Option<&Value>,
        structured: Option<&Value>,
        text: Option<&str>,
    ) {
        let output = answer.into_output().unwrap();
        assert_eq!(
            T::schema().map(|schema| schema::parsed(&schema)).as_ref(),
            schema
        );
        assert_eq!(
            output
                .structured
                .map(|json| serde_json::from_str::<Value>(&json).unwrap())
                .as_ref(),
            structured
        );
        assert_eq!(
            output.content,
            text.map(Content::text).into_iter().collect::<Vec<_>>()
        );
    }

    #[test]
    fn an_object_is_structured() {
        let schema =
            json!({"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]});
        check(Point { x: 1 }, Some(&schema), Some(&json!({"x": 1})), None);
        check(
            Rendered::new(Point { x: 1 }, "one"),
            Some(&schema),
            Some(&json!({"x": 1})),
            Some("one"),
        );
    }

    #[test]
    fn a_list_is_wrapped_in_an_object() {
        let schema = json!({
            "type": "object",
            "properties": {"result": {"type": "array", "items": {"type": "boolean"}}},
            "required": ["result"],
        });
        check(
            vec![true],
            Some(&schema),
            Some(&json!({"result": [true]})),
            None,
        );
    }

    #[test]
    fn text_and_nothing_are_not_structured() {
        check(
            "a \"quoted\"\nline".to_owned(),
            None,
            None,
            Some("a \"quoted\"\nline"),
        );
        check((), None, None, None);
    }

    #[test]
    fn a_type_that_may_or_may_not_be_an_object_has_no_schema() {
        check(Some(Point { x: 2 }), None, Some(&json!({"x": 2})), None);
        check(None::<Point>, None, None, None);
    }
}
