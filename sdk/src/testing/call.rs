//! What came of a call.

use std::rc::Rc;

use serde_json::Value;

use super::job::JobRun;
use super::script::Sent;
use super::world::Shared;
use crate::ask::Ask;
use crate::call::{Change, LogLevel, NoticeLevel};
use crate::error::{Failure, Result, ToolError};
use crate::output::{Item, Output};
use crate::plugin::Plugin;
use crate::suspend::Suspension;

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
    /// The part of the plugin that speaks, if it said so.
    pub logger: Option<String>,
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

/// A question that was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The name by which its reply is found.
    pub key: String,
    /// What was asked.
    pub ask: Ask,
}

/// What came of a call, and what it did on the way.
///
/// The `T` is an [`Output`] for a tool, [`Filled`](crate::Filled) for a prompt, [`Found`](crate::Found) for a
/// resource.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Called<T = Output> {
    /// What the host gets. A call that ended with questions to which the test has no replies ends with
    /// [`Failure::Suspended`]; so does one that started a job.
    pub result: Result<T>,
    /// What it told about its progress.
    pub progress: Vec<Progress>,
    /// What it told the client.
    pub notices: Vec<Notice>,
    /// What it wrote to the host's log.
    pub logs: Vec<Logged>,
    /// What it sent to backends.
    pub requests: Vec<Sent>,
    /// What it asked, over all rounds.
    pub asked: Vec<Asked>,
    /// What it said has changed.
    pub changes: Vec<Change>,
    pub(super) plugin: &'static Plugin,
    pub(super) shared: Rc<Shared>,
}

impl<T> Called<T> {
    /// The result.
    ///
    /// # Panics
    ///
    /// When the call failed, or ended with questions or a job.
    #[must_use]
    #[track_caller]
    pub fn output(&self) -> &T {
        match &self.result {
            Ok(output) => output,
            Err(failure) => panic!("the tool failed: {failure}"),
        }
    }

    /// The result, to keep.
    ///
    /// # Panics
    ///
    /// When the call failed, or ended with questions or a job.
    #[must_use]
    #[track_caller]
    pub fn unwrap(self) -> T {
        match self.result {
            Ok(output) => output,
            Err(failure) => panic!("the call failed: {failure}"),
        }
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
            Err(other) => panic!("this is not an error of the tool: {other:?}"),
            Ok(_) => panic!("this is not an error of the tool: it worked"),
        }
    }
}

impl Called {
    /// The job that the tool started, before its first step.
    ///
    /// # Panics
    ///
    /// When it started none.
    #[must_use]
    #[track_caller]
    pub fn job(self) -> JobRun {
        match self.result {
            Err(Failure::Suspended(suspended)) => match suspended.take() {
                Suspension::Starts(job) => JobRun::new(self.plugin, self.shared, job),
                Suspension::Asks(questions) => panic!(
                    "the tool asks instead of starting a job: {:?}",
                    questions.requests
                ),
            },
            other => panic!("the tool started no job: {other:?}"),
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
                Item::Image(_)
                | Item::Audio(_)
                | Item::Link(_)
                | Item::Document(_)
                | Item::Other(_) => None,
            });
        texts.collect::<Vec<_>>().join("\n")
    }
}
