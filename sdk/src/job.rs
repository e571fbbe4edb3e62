//! Jobs: work that outlives its call, as a chain of short steps over a state that the host keeps.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::IntoOutput;
use crate::ask::{Ask, Question};
use crate::call::NoticeLevel;
use crate::context::Context;
use crate::error::{Failure, Result, ToolError};
use crate::output::Output;
use crate::suspend::Suspended;

/// Work that outlives its call. The type is its state: the host keeps it between steps, as JSON.
///
/// A step is short: it begins the work, or looks how far it is. Each runs in a fresh instance, and one whose end the
/// host cannot tell (a crash, a time-out) is repeated with the same state and the same
/// [idempotency key](Context::idempotency_key). So is, after a while, a step that fails with an error of kind
/// `Limited`, `TimedOut` or `Unavailable`; any other failure ends the job.
///
/// ```
/// use std::time::Duration;
/// use toolward_sdk::prelude::*;
///
/// /// What to export.
/// #[derive(Deserialize, JsonSchema)]
/// struct ExportArgs {
///     /// The year.
///     year: u16,
/// }
///
/// #[derive(Deserialize, Serialize, JsonSchema)]
/// struct Export {
///     /// How many orders it holds.
///     orders: u32,
/// }
///
/// /// Exports the orders of a year.
/// #[tool]
/// fn orders_export(cx: &Context, args: ExportArgs) -> Result<Work<Export>> {
///     Work::start(Exporting { year: args.year, task: None }, format!("Exports the orders of {}", args.year))
/// }
///
/// /// The vendor's task that is followed.
/// #[derive(Deserialize, Serialize)]
/// struct Exporting { year: u16, task: Option<String> }
///
/// impl Job for Exporting {
///     const FORMAT: u32 = 1;
///
///     fn advance(mut self, cx: &Context, _: &Turn) -> Result<Step> {
///         let shop = cx.http("shop");
///         let Some(task) = &self.task else {
///             let begun: Value = shop.post("/v1/exports").json(&json!({"year": self.year})).send()?.json()?;
///             self.task = begun["id"].as_str().map(str::to_owned);
///             return Ok(Step::next(&self)?.after(Duration::from_secs(2)));
///         };
///         let task: Value = shop.get("/v1/exports").segment(task).send()?.json()?;
///         if task["done"] == true {
///             return Step::done(Export { orders: 12 });
///         }
///         Ok(Step::next(&self)?.after(Duration::from_secs(5)).percent(task["percent"].as_f64().unwrap_or(0.0)))
///     }
/// }
///
/// plugin! { tools: [orders_export], jobs: [Exporting] }
///
/// # use toolward_sdk::testing::{Answer, Exchange, Host};
/// let host = Host::new(&PLUGIN)
///     .expect(Exchange::post("shop", "/v1/exports").answer(Answer::json(&json!({"id": "7"}))))
///     .expect(Exchange::get("shop", "/v1/exports/7").answer(Answer::json(&json!({"done": true}))));
/// let mut job = host.call("orders_export", json!({"year": 2025})).job();
/// assert_eq!(job.title(), "Exports the orders of 2025");
/// assert_eq!(job.run().structured(), json!({"orders": 12}));
/// ```
pub trait Job: Serialize + DeserializeOwned {
    /// Names this state among all that the plugin ever had: another job has another number, and so has this one when
    /// its fields change. Keep the old type, with its number, as long as jobs may be under way in it.
    const FORMAT: u32;

    /// Takes the next step.
    fn advance(self, cx: &Context, turn: &Turn) -> Result<Step>;

    /// Somebody wants the job stopped: begin that. Called in place of the next step. Where stopping takes time, leave
    /// in the state that it was asked for and answer [`Step::next`]; `advance` then follows it to
    /// [`Step::cancelled`], or to [`Step::done`] if it came too late.
    fn cancel(self, cx: &Context, turn: &Turn) -> Result<Step> {
        let _ = (cx, turn);
        Ok(Step::cancelled())
    }
}

/// Where a job stands before a step.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Turn {
    /// By which clients and people know the job.
    pub id: String,
    /// The tool that started it.
    pub tool: String,
    /// Steps taken so far; 0 for the first.
    pub step: u32,
    /// How often this step was tried before; 0 for the first time.
    pub attempt: u32,
}

impl Turn {
    #[cfg_attr(
        not(target_arch = "wasm32"),
        allow(dead_code, reason = "tests make them too")
    )]
    pub(crate) fn new(id: String, tool: String, step: u32, attempt: u32) -> Self {
        Self {
            id,
            tool,
            step,
            attempt,
        }
    }
}

/// How a step ends.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a step does nothing until it is returned"]
pub struct Step(pub(crate) End);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    Next(Next),
    Done(Output),
    Cancelled,
}

/// There is another step, perhaps once questions are answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Next {
    pub(crate) state: State,
    pub(crate) progress: JobProgress,
    pub(crate) wait: Duration,
    pub(crate) requests: Vec<(String, Ask)>,
}

/// A job's state as the host keeps it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct State {
    pub(crate) format: u32,
    pub(crate) bytes: Vec<u8>,
}

impl State {
    fn of<J: Job>(job: &J) -> Result<Self> {
        Ok(Self {
            format: J::FORMAT,
            bytes: serde_json::to_vec(job)?,
        })
    }
}

impl Step {
    /// There is another step, with this state. At once, until [`after`](Self::after) says otherwise.
    pub fn next<J: Job>(state: &J) -> Result<Self> {
        Ok(Self(End::Next(Next {
            state: State::of(state)?,
            progress: JobProgress::default(),
            wait: Duration::ZERO,
            requests: Vec::new(),
        })))
    }

    /// It was the last: the tool's result. The type is the one that the tool promised with [`Work`].
    pub fn done(answer: impl IntoOutput) -> Result<Self> {
        Ok(Self(End::Done(answer.into_output()?)))
    }

    /// The work was stopped, because somebody asked for it here or at the vendor's console.
    pub fn cancelled() -> Self {
        Self(End::Cancelled)
    }

    /// Waits before the next step. The host may wait longer.
    pub fn after(self, wait: Duration) -> Self {
        self.change(|next| next.wait = wait)
    }

    /// Tells how far the job is.
    pub fn progress(self, progress: JobProgress) -> Self {
        self.change(|next| next.progress = progress)
    }

    /// Tells how far the job is, of a hundred.
    pub fn percent(self, done: f64) -> Self {
        self.change(|next| {
            next.progress.done = done;
            next.progress.total = Some(100.0);
        })
    }

    /// Takes the next step only when this is answered: [`Context::answer`] gives the reply then. At most 16 questions.
    pub fn ask<Q: Question>(self, key: &str, question: &Q) -> Result<Self> {
        let ask = question.to_ask()?;
        Ok(self.change(|next| next.requests.push((key.to_owned(), ask))))
    }

    /// What ends a job has no next step to change.
    fn change(mut self, change: impl FnOnce(&mut Next)) -> Self {
        if let End::Next(next) = &mut self.0 {
            change(next);
        }
        self
    }
}

/// How far a job is. What is not known stays as [`Default`] has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobProgress {
    /// Grows towards `total`, in any unit.
    pub done: f64,
    /// The whole, if that is known.
    pub total: Option<f64>,
    /// What goes on at the moment, as people would call it.
    pub step: Option<String>,
    /// How many of such steps are behind.
    pub steps_done: Option<u32>,
    /// How many are ahead.
    pub steps_left: Option<u32>,
    /// The work's own estimate of the time left.
    pub remaining: Option<Duration>,
    /// One line for people.
    pub message: Option<String>,
    /// New lines for the job's log, oldest first.
    pub log: Vec<JobLine>,
}

/// A line of a job's log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JobLine {
    /// When it happened, as an RFC 3339 time; none: now.
    pub at: Option<String>,
    /// How important it is.
    pub level: NoticeLevel,
    /// What happened.
    pub text: String,
}

/// A job to begin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NewJob {
    pub(crate) state: State,
    pub(crate) title: String,
    pub(crate) wait: Duration,
}

/// What a tool returns that may become a [`Job`]: `T` is what it answers, at once or when the job is done.
///
/// Such a tool is listed as one that may start a job; with `#[tool(job_required)]`, as one that always does: a client
/// that cannot follow jobs is then refused before the tool is called.
#[derive(Clone, Debug, PartialEq)]
pub enum Work<T> {
    /// It is done already.
    Done(T),
    /// It goes on as a job.
    Started(Started),
}

/// A job that was started; [`Work::start`] makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Started(pub(crate) NewJob);

impl<T> Work<T> {
    /// Starts a job. The title is one line for people: what it does, to what.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the caller has no use for it afterwards"
    )]
    pub fn start<J: Job>(job: J, title: impl Into<String>) -> Result<Self> {
        Ok(Self::Started(Started(NewJob {
            state: State::of(&job)?,
            title: title.into(),
            wait: Duration::ZERO,
        })))
    }

    /// Waits before the first step.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        if let Self::Started(Started(job)) = &mut self {
            job.wait = wait;
        }
        self
    }
}

impl<T: IntoOutput> IntoOutput for Work<T> {
    const WORK: bool = true;

    fn schema() -> Option<String> {
        T::schema()
    }

    fn into_output(self) -> Result<Output> {
        match self {
            Self::Done(answer) => answer.into_output(),
            Self::Started(Started(job)) => Err(Failure::Suspended(Suspended::starts(job))),
        }
    }
}

/// One kind of job of a plugin.
#[derive(Clone, Copy, Debug)]
pub struct JobEntry {
    pub(crate) format: u32,
    advance: StepFunction,
    cancel: StepFunction,
}

type StepFunction = fn(&Context, &Turn, &[u8]) -> Result<Step>;

impl JobEntry {
    /// The entry of a job.
    #[must_use]
    pub const fn of<J: Job>() -> Self {
        Self {
            format: J::FORMAT,
            advance: |cx, turn, state| read::<J>(state)?.advance(cx, turn),
            cancel: |cx, turn, state| read::<J>(state)?.cancel(cx, turn),
        }
    }

    pub(crate) fn advance(&self, cx: &Context, turn: &Turn, state: &[u8]) -> Result<Step> {
        settled((self.advance)(cx, turn, state))
    }

    pub(crate) fn cancel(&self, cx: &Context, turn: &Turn, state: &[u8]) -> Result<Step> {
        settled((self.cancel)(cx, turn, state))
    }
}

fn read<J: Job>(state: &[u8]) -> Result<J> {
    serde_json::from_slice(state).map_err(|error| {
        let message = format!("the state of the job (format {}): {error}", J::FORMAT);
        ToolError::internal(message).into()
    })
}

/// A step has no continuation in which the replies of several rounds could travel, so it asks in its own way.
fn settled(step: Result<Step>) -> Result<Step> {
    match step {
        Err(Failure::Suspended(_)) => Err(ToolError::internal(
            "a job asks with `Step::ask`, and reads the reply with `Context::answer` in its next step",
        )
        .into()),
        other => other,
    }
}
