//! A job that a tool started, in a test.

use std::rc::Rc;
use std::time::Duration;

use super::world::{Call, Round, Shared, Traces};
use super::{Asked, Called};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::job::{End, JobProgress, NewJob, Next, State, Step, Turn};
use crate::plugin::Plugin;

/// More steps than a job of a test needs.
const STEPS: u32 = 1000;

/// A job, taken step by step. No time goes by between them. A step that asks gets the replies that the test has.
#[derive(Debug)]
pub struct JobRun {
    plugin: &'static Plugin,
    shared: Rc<Shared>,
    title: String,
    wait: Duration,
    state: State,
    progress: JobProgress,
    steps: u32,
    attempt: u32,
    round: Round,
    asked: Vec<Asked>,
    traces: Traces,
    cancelled: bool,
    end: Option<Result<Option<crate::Output>>>,
}

impl JobRun {
    pub(super) fn new(plugin: &'static Plugin, shared: Rc<Shared>, job: NewJob) -> Self {
        Self {
            plugin,
            shared,
            title: job.title,
            wait: job.wait,
            state: job.state,
            progress: JobProgress::default(),
            steps: 0,
            attempt: 0,
            round: Round::default(),
            asked: Vec::new(),
            traces: Traces::default(),
            cancelled: false,
            end: None,
        }
    }

    /// What it does, to what.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// How far it said it was.
    #[must_use]
    pub fn progress(&self) -> &JobProgress {
        &self.progress
    }

    /// When it wants its next step.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// What it asked so far.
    #[must_use]
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// Its state, as JSON.
    ///
    /// # Panics
    ///
    /// When it is not JSON, which cannot be: it was made by this crate.
    #[must_use]
    #[track_caller]
    pub fn state(&self) -> serde_json::Value {
        match serde_json::from_slice(&self.state.bytes) {
            Ok(value) => value,
            Err(error) => panic!("the state is not JSON: {error}"),
        }
    }

    /// Whether it ended because it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.end, Some(Ok(None)))
    }

    /// Takes the next step; whether there is another.
    ///
    /// # Panics
    ///
    /// When it has ended, sends a request that nobody expects, or asks what the test has no reply to.
    #[track_caller]
    pub fn step(&mut self) -> bool {
        let plugin = self.plugin;
        self.take(|cx, turn, state| plugin.advance(cx, turn, state.format, &state.bytes))
    }

    /// Somebody wants it stopped: in place of the next step. Whether there is another.
    ///
    /// # Panics
    ///
    /// As [`step`](Self::step) does.
    #[track_caller]
    pub fn cancel(&mut self) -> bool {
        self.cancelled = true;
        let plugin = self.plugin;
        self.take(|cx, turn, state| plugin.cancel(cx, turn, state.format, &state.bytes))
    }

    /// The host does not know how the last step ended: the next one is the same again.
    pub fn repeat(&mut self) {
        self.attempt += 1;
    }

    /// Takes all steps that are left, and gives what came of them.
    ///
    /// # Panics
    ///
    /// When it was cancelled, does not end, or as [`step`](Self::step) does.
    #[must_use]
    #[track_caller]
    pub fn run(mut self) -> Called {
        while self.end.is_none() {
            assert!(
                self.steps < STEPS,
                "the job does not end: {:?}",
                self.progress
            );
            self.step();
        }
        let result = match self.end {
            Some(Ok(Some(output))) => Ok(output),
            Some(Err(failure)) => Err(failure),
            Some(Ok(None)) | None => panic!("the job was cancelled"),
        };
        Called {
            result,
            progress: self.traces.progress,
            notices: self.traces.notices,
            logs: self.traces.logs,
            requests: self.traces.requests,
            asked: self.asked,
            changes: self.traces.changes,
            plugin: self.plugin,
            shared: self.shared,
        }
    }

    #[track_caller]
    fn take(&mut self, step: impl FnOnce(&Context, &Turn, &State) -> Result<Step>) -> bool {
        assert!(self.end.is_none(), "the job has ended");
        let turn = Turn::new(
            "test-job".to_owned(),
            "test".to_owned(),
            self.steps,
            self.attempt,
        );
        let round = std::mem::take(&mut self.round);
        let traces = std::mem::take(&mut self.traces);
        let cx = Context {
            call: Call::with(Rc::clone(&self.shared), traces, round),
        };
        let ended = step(&cx, &turn, &self.state);
        self.traces = cx.call.traces.into_inner();
        self.steps += 1;
        self.attempt = 0;
        match ended {
            Ok(Step(End::Next(next))) => {
                self.go_on(next);
                true
            }
            Ok(Step(End::Done(output))) => {
                self.end = Some(Ok(Some(output)));
                false
            }
            Ok(Step(End::Cancelled)) => {
                self.end = Some(Ok(None));
                false
            }
            Err(failure) => {
                self.end = Some(Err(failure));
                false
            }
        }
    }

    #[track_caller]
    fn go_on(&mut self, next: Next) {
        super::flat::check(&next.requests);
        self.state = next.state;
        self.progress = next.progress;
        self.wait = next.wait;
        if next.requests.is_empty() {
            return;
        }
        let Some(answers) = self.shared.replies(&next.requests) else {
            panic!(
                "the test has no reply to these questions: {:?}",
                next.requests
            );
        };
        self.round = Round {
            continuation: None,
            answers,
        };
        self.asked.extend(
            next.requests
                .into_iter()
                .map(|(key, ask)| Asked { key, ask }),
        );
    }

    /// How it ended, if it has: with an output, or cancelled, or failed.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match &self.end {
            Some(Err(failure)) => Some(failure),
            Some(Ok(_)) | None => None,
        }
    }
}
