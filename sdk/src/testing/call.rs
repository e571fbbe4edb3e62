//! What came of a call.

use serde_json::Value;

use super::script::Sent;
use crate::call::{LogLevel, NoticeLevel};
use crate::error::{Failure, Result, ToolError};
use crate::output::{Item, Output};

/// How far a call said it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// How much is done.
    pub done: f64,
    /// Of how much.
    pub total: Option<f64>,
    /// Doing what.
    pub message: Option<String>,
}

/// A message to the client.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// How urgent it is.
    pub level: NoticeLevel,
    /// What it says.
    pub data: Value,
}

/// A line in the host's log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Logged {
    /// How urgent it is.
    pub level: LogLevel,
    /// What it says.
    pub message: String,
    /// Names and values beside it.
    pub fields: Vec<(String, String)>,
}

/// What came of a call, and what it did on the way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Called {
    /// What the host gets.
    pub result: Result<Output>,
    /// What it told about its progress.
    pub progress: Vec<Progress>,
    /// What it told the client.
    pub notices: Vec<Notice>,
    /// What it wrote to the host's log.
    pub logs: Vec<Logged>,
    /// What it sent to backends.
    pub requests: Vec<Sent>,
}

impl Called {
    /// The result.
    ///
    /// # Panics
    ///
    /// When the tool failed.
    #[must_use]
    #[track_caller]
    pub fn output(&self) -> &Output {
        match &self.result {
            Ok(output) => output,
            Err(failure) => panic!("the tool failed: {failure}"),
        }
    }

    /// The structured content.
    ///
    /// # Panics
    ///
    /// When the tool failed or gave none.
    #[must_use]
    #[track_caller]
    pub fn structured(&self) -> Value {
        let Some(json) = &self.output().structured else {
            panic!("the result is not structured: {:?}", self.result)
        };
        match serde_json::from_str(json) {
            Ok(value) => value,
            Err(error) => panic!("the structured content is not JSON: {error}"),
        }
    }

    /// The text as a client shows it: of all content that is text, or else the structured content's JSON,
    /// which the host adds.
    ///
    /// # Panics
    ///
    /// When the tool failed.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> String {
        let output = self.output();
        if output.content.is_empty() {
            return output.structured.clone().unwrap_or_default();
        }
        let texts = output
            .content
            .iter()
            .filter_map(|content| match &content.item {
                Item::Text(text) => Some(text.as_str()),
                Item::Image(_) | Item::Audio(_) | Item::Link(_) | Item::Document(_) => None,
            });
        texts.collect::<Vec<_>>().join("\n")
    }

    /// The tool's error.
    ///
    /// # Panics
    ///
    /// When the tool did not fail, or in another way.
    #[must_use]
    #[track_caller]
    pub fn error(&self) -> &ToolError {
        match &self.result {
            Err(Failure::Tool(error)) => error,
            other => panic!("this is not an error of the tool: {other:?}"),
        }
    }
}
