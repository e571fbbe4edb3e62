//! Where in a JSON text its reader stopped.
//!
//! A reader that keeps a path while it reads would be compiled once more for every type of arguments. The error knows the
//! line and the column, and the text is still there: walking to that place again costs one small function.

use std::fmt::Write as _;

use serde::de::DeserializeOwned;

use crate::error::{Result, ToolError};

/// Reads a whole text as JSON. An error comes with the path to what does not fit, which is empty for the root.
pub(crate) fn from_json<T: DeserializeOwned>(json: &str) -> Result<T, Misfit> {
    serde_json::from_str(json).map_err(|error| Misfit::new(json, &error))
}

/// What does not fit, and why.
#[derive(Debug)]
pub(crate) struct Misfit {
    pub(crate) path: String,
    pub(crate) reason: String,
}

impl Misfit {
    fn new(json: &str, error: &serde_json::Error) -> Self {
        let json = json.as_bytes();
        let before: usize = json
            .split_inclusive(|byte| *byte == b'\n')
            .take(error.line().saturating_sub(1))
            .map(<[u8]>::len)
            .sum();
        let end = before.saturating_add(error.column()).min(json.len());
        let mut reason = error.to_string();
        // A position says something about broken JSON, nothing about a field.
        if error.is_data() {
            let position = format!(" at line {} column {}", error.line(), error.column());
            if let Some(alone) = reason.strip_suffix(&position) {
                reason = alone.to_owned();
            }
        }
        Self {
            path: path(json.get(..end).unwrap_or_default()),
            reason,
        }
    }

    /// The error of a tool whose argument it is.
    pub(crate) fn into_tool_error(self) -> ToolError {
        ToolError::invalid_input(match self.path.as_str() {
            "" => format!("arguments: {}", self.reason),
            path => format!("argument `{path}`: {}", self.reason),
        })
    }
}

/// One step of a path.
enum Step<'j> {
    /// A field, once its name was read.
    Field(Option<&'j [u8]>),
    Item(usize),
}

/// The path to the end of a piece of JSON: `filter.states[1]`.
fn path(json: &[u8]) -> String {
    let mut steps = Vec::new();
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b'{' => steps.push(Step::Field(None)),
            b'[' => steps.push(Step::Item(0)),
            b'}' | b']' => drop(steps.pop()),
            b',' => match steps.last_mut() {
                Some(Step::Field(name)) => *name = None,
                Some(Step::Item(number)) => *number += 1,
                None => {}
            },
            b'"' => {
                let text = text(json.get(at..).unwrap_or_default());
                at += text.len() + 1;
                if let Some(Step::Field(name @ None)) = steps.last_mut() {
                    *name = Some(text);
                }
            }
            _ => {}
        }
    }
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Field(None) => {}
            Step::Field(Some(name)) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(str::from_utf8(name).unwrap_or_default());
            }
            Step::Item(number) => {
                // Writing to a text does not fail.
                let _ = write!(path, "[{number}]");
            }
        }
    }
    path
}

/// What stands before the quote that ends a text.
fn text(json: &[u8]) -> &[u8] {
    let mut escaped = false;
    let end = json.iter().position(|byte| {
        let end = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        end
    });
    json.get(..end.unwrap_or(json.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only reading it is tested")]
    struct Args {
        id: String,
        filter: Option<Filter>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only reading it is tested")]
    struct Filter {
        states: Vec<State>,
        since: Option<u32>,
        names: Option<Vec<String>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum State {
        Running,
        Stopped,
    }

    #[track_caller]
    fn check(json: &str, message: &str) {
        let misfit = from_json::<Args>(json).expect_err("it does not fit");
        let error = misfit.into_tool_error();
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

    #[test]
    fn the_place_is_found_in_any_text() {
        check(
            "{\"id\": \"}\\\"{\",\n\n \"filter\": {\n\"since\": -1, \"states\": []}}",
            "argument `filter.since`: invalid value: integer `-1`, expected u32",
        );
        check(
            r#"{"id":"a","filter":{"states":["running"],"names":["x",{}]}}"#,
            "argument `filter.names[1]`: invalid type: map, expected a string",
        );
        check(
            r#"{"filter": {"since": 3}, "id": "a"}"#,
            "argument `filter`: missing field `states`",
        );
        check(
            r#"{"filter": {"sincx": 3}, "id": "a"}"#,
            "argument `filter.sincx`: unknown field `sincx`, expected one of `states`, `since`, `names`",
        );
        check(
            r#"["a"]"#,
            "arguments: invalid length 1, expected struct Args with 2 elements",
        );
        check(
            r#"{"id": ["#,
            "argument `id`: invalid type: sequence, expected a string",
        );
        check(
            "7",
            "arguments: invalid type: integer `7`, expected struct Args",
        );
    }
}
