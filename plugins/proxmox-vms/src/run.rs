//! Carrying out a plan: each request is sent, the task that it begins is followed to its end, and not too many at once.
//!
//! The same steps run inside a call, for what is quick, and as a job, for what is not. A job may lose its host between
//! sending a request and writing down the answer. So it first writes down which tasks there are, and sends in the next
//! step: a step that is repeated looks whether its task has begun meanwhile before it sends again.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;
use toolward_sdk::prelude::*;
use toolward_sdk::{JobLine, JobProgress, NoticeLevel};

use crate::api::{self, ApiError, Cluster};
use crate::loose::Loose;
use crate::path;
use crate::plan::{Action, Begun, Plan};
use crate::report::{Line, Outcome, Report};
use crate::settings::Settings;
use crate::show;
use crate::upid::Upid;

/// How long quick tasks are waited for before the call becomes a job.
pub(crate) const PATIENCE: Duration = Duration::from_secs(6);

/// How often a task that cannot be asked for is asked for again; at the longest interval, ten minutes.
const ATTEMPTS: u32 = 120;

const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(5);

/// Lines of a task's log that are passed on in one step.
const LINES: u64 = 200;

/// A plan being carried out. Its JSON is the state of a job.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Run {
    title: String,
    items: Vec<Item>,
    parallel: usize,
    notes: Vec<String>,
    cancelled: bool,
    rounds: u32,
}

#[derive(Debug, Deserialize, Serialize)]
struct Item {
    action: Action,
    state: State,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Waiting,
    /// To be sent in this step. The tasks of its kind that there were before; none where they could not be listed.
    Ready {
        before: Option<Vec<String>>,
    },
    /// Sent, and the answer was lost.
    Lost {
        before: Option<Vec<String>>,
        why: String,
    },
    Running {
        upid: String,
        lines: u64,
        failures: u32,
    },
    Done(Line),
}

/// What a round of work found out, for the job's progress.
#[derive(Default)]
struct Found {
    log: Vec<JobLine>,
    last: Option<String>,
}

/// Carries a plan out: at once if it is quick, else as a job.
pub(crate) fn carry_out(
    cx: &Context,
    plan: Plan,
    patience: Duration,
) -> Result<Work<Rendered<Report>>> {
    let settings = Settings::of(cx)?;
    let mut run = Run::new(plan, settings.parallel);
    if run
        .items
        .iter()
        .all(|item| matches!(item.state, State::Done(_)))
    {
        return Ok(Work::Done(run.report()?));
    }
    let quick = run.items.iter().all(|item| item.action.task.is_none());
    if patience.is_zero() && !quick {
        let title = run.title.clone();
        return Work::start(run, title);
    }
    let mut waited = Duration::ZERO;
    loop {
        run.round(cx, true)?;
        cx.progress(run.done(), run.total(), run.title.as_str());
        if run.is_over() {
            return Ok(Work::Done(run.report()?));
        }
        if waited >= patience {
            let title = run.title.clone();
            return Ok(Work::start(run, title)?.after(LONGEST));
        }
        let pause = run.pause();
        cx.sleep(pause)?;
        waited += pause;
    }
}

impl Run {
    fn new(plan: Plan, parallel: usize) -> Self {
        let mut items: Vec<Item> = plan
            .actions
            .into_iter()
            .map(|action| Item {
                action,
                state: State::Waiting,
            })
            .collect();
        items.extend(plan.skipped.into_iter().map(|(guest, why)| {
            let mut action = Action::new("", "", Vec::new(), "");
            action.guest.clone_from(&guest);
            let line = Line {
                cluster: String::new(),
                effect: match &guest {
                    Some(guest) => format!("guest {}", guest.id),
                    None => "part of the plan".to_owned(),
                },
                guest,
                outcome: Outcome::Skipped,
                task: None,
                message: Some(why),
                warnings: Vec::new(),
            };
            Item {
                action,
                state: State::Done(line),
            }
        }));
        Self {
            title: plan.title,
            items,
            parallel,
            notes: plan.notes,
            cancelled: false,
            rounds: 0,
        }
    }

    fn is_over(&self) -> bool {
        self.items
            .iter()
            .all(|item| matches!(item.state, State::Done(_)))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a call works on a few hundred guests at most"
    )]
    fn done(&self) -> f64 {
        self.items
            .iter()
            .filter(|item| matches!(item.state, State::Done(_)))
            .count() as f64
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a call works on a few hundred guests at most"
    )]
    fn total(&self) -> f64 {
        self.items.len() as f64
    }

    /// Longer from round to round: half a second, then up to five.
    fn pause(&self) -> Duration {
        (SHORTEST * 2_u32.pow((self.rounds / 4).min(4))).min(LONGEST)
    }

    fn report(self) -> Result<Rendered<Report>> {
        let lines = self.items.into_iter().filter_map(|item| match item.state {
            State::Done(line) => Some(line),
            State::Waiting | State::Ready { .. } | State::Lost { .. } | State::Running { .. } => {
                None
            }
        });
        Report::finished(&self.title, lines.collect(), self.notes)
    }

    /// Looks at every task that runs, and begins as many more as may run. `at_once`: without writing down first what
    /// is about to be sent.
    fn round(&mut self, cx: &Context, at_once: bool) -> Result<Found> {
        self.rounds += 1;
        let mut found = Found::default();
        let mut busy = 0;
        for item in &mut self.items {
            item.proceed(cx, &mut found)?;
            busy += usize::from(!matches!(item.state, State::Waiting | State::Done(_)));
        }
        let cancelled = self.cancelled;
        for item in &mut self.items {
            if !matches!(item.state, State::Waiting) {
                continue;
            }
            if cancelled {
                item.end(
                    Outcome::Skipped,
                    None,
                    Some("the job was cancelled before it began".to_owned()),
                );
            } else if busy < self.parallel {
                item.prepare(cx, at_once)?;
                if at_once {
                    item.proceed(cx, &mut found)?;
                }
                busy += usize::from(!matches!(item.state, State::Done(_)));
            }
        }
        Ok(found)
    }

    fn step(mut self, cx: &Context) -> Result<Step> {
        let found = self.round(cx, false)?;
        // The last step has no room for the last lines of logs, so they go before it.
        if self.is_over() && found.log.is_empty() {
            if self.cancelled {
                return Ok(Step::cancelled());
            }
            return Step::done(self.report()?);
        }
        let begins = self
            .items
            .iter()
            .any(|item| matches!(item.state, State::Ready { .. }));
        let at_once = begins || self.is_over();
        let pause = if at_once {
            Duration::ZERO
        } else {
            self.pause()
        };
        let steps = |wanted: bool| {
            let count = self
                .items
                .iter()
                .filter(|item| matches!(item.state, State::Done(_)) == wanted)
                .count();
            u32::try_from(count).ok()
        };
        let progress = JobProgress {
            done: self.done(),
            total: Some(self.total()),
            step: self.running().first().map(|(effect, _)| effect.clone()),
            steps_done: steps(true),
            steps_left: steps(false),
            message: found.last,
            log: found.log,
            ..JobProgress::default()
        };
        Ok(Step::next(&self)?.after(pause).progress(progress))
    }

    fn running(&self) -> Vec<(String, String)> {
        self.items
            .iter()
            .filter_map(|item| match &item.state {
                State::Running { upid, .. } => Some((item.action.effect.clone(), upid.clone())),
                _ => None,
            })
            .collect()
    }
}

impl Job for Run {
    const FORMAT: u32 = 1;

    fn advance(mut self, cx: &Context, turn: &Turn) -> Result<Step> {
        if turn.attempt > 0 {
            // How the last try ended nobody knows: what was to be sent may have been.
            for item in &mut self.items {
                item.doubt();
            }
        }
        self.step(cx)
    }

    fn cancel(mut self, cx: &Context, turn: &Turn) -> Result<Step> {
        self.cancelled = true;
        if turn.attempt > 0 {
            for item in &mut self.items {
                item.doubt();
            }
        }
        for item in &mut self.items {
            if matches!(item.state, State::Ready { .. }) {
                item.state = State::Waiting;
            }
            item.abort(cx)?;
        }
        self.step(cx)
    }
}

impl Item {
    fn cluster<'c>(&self, cx: &'c Context) -> Result<Cluster<'c>> {
        api::one(cx, Some(&self.action.cluster))
    }

    /// A step that is repeated does not know whether it sent its request.
    fn doubt(&mut self) {
        if let State::Ready { before } = &mut self.state
            && self.action.task.is_some()
        {
            self.state = State::Lost {
                before: before.take(),
                why: "the host was restarted while the request was sent".to_owned(),
            };
        }
    }

    /// Writes down which tasks there are, so that the one that is about to begin can be told from them.
    fn prepare(&mut self, cx: &Context, at_once: bool) -> Result<()> {
        let before = match &self.action.task {
            Some(task) if !at_once => list_tasks(&self.cluster(cx)?, task).ok(),
            _ => None,
        };
        self.state = State::Ready { before };
        Ok(())
    }

    fn proceed(&mut self, cx: &Context, found: &mut Found) -> Result<()> {
        match std::mem::replace(&mut self.state, State::Waiting) {
            State::Ready { before } => self.send(cx, before),
            State::Lost { before, why } => self.look_for(cx, before, why),
            State::Running {
                upid,
                lines,
                failures,
            } => self.follow(cx, found, upid, lines, failures),
            state @ (State::Waiting | State::Done(_)) => {
                self.state = state;
                Ok(())
            }
        }
    }

    fn send(&mut self, cx: &Context, before: Option<Vec<String>>) -> Result<()> {
        let cluster = self.cluster(cx)?;
        let Action {
            method,
            path,
            parameters,
            ..
        } = &self.action;
        match cluster.send(method, path, parameters) {
            Ok(answer) => self.sent(&answer),
            Err(error) if error.is_cancelled() => return Err(Failure::Cancelled),
            Err(error) if error.is_open() && self.action.task.is_some() => {
                self.state = State::Lost {
                    before,
                    why: error.to_string(),
                };
            }
            Err(error) => {
                let message = told(&error, &self.action.needs);
                let outcome = if error.is_open() {
                    Outcome::Unknown
                } else {
                    Outcome::Failed
                };
                self.end(outcome, None, Some(message));
            }
        }
        Ok(())
    }

    /// A task's name, or nothing: some versions do at once what others do in a task.
    fn sent(&mut self, answer: &Value) {
        match answer.as_str().and_then(|text| Upid::parse(text).ok()) {
            Some(upid) => {
                self.state = State::Running {
                    upid: upid.text,
                    lines: 0,
                    failures: 0,
                };
            }
            None => self.end(Outcome::Ok, None, None),
        }
    }

    fn look_for(&mut self, cx: &Context, before: Option<Vec<String>>, why: String) -> Result<()> {
        let (Some(task), Some(known)) = (&self.action.task, &before) else {
            let message = format!(
                "{why}. hint: the request may have been taken all the same: look with pve_tasks before you repeat it"
            );
            self.end(Outcome::Unknown, None, Some(message));
            return Ok(());
        };
        match list_tasks(&self.cluster(cx)?, task) {
            Ok(now) => match now.into_iter().find(|upid| !known.contains(upid)) {
                Some(upid) => {
                    self.state = State::Running {
                        upid,
                        lines: 0,
                        failures: 0,
                    }
                }
                // It has not begun, so sending it is not doing it twice.
                None => return self.send(cx, before),
            },
            Err(error) if error.is_away() => self.state = State::Lost { before, why },
            Err(error) => {
                let message = told(&error, &self.action.needs);
                self.end(Outcome::Unknown, None, Some(message));
            }
        }
        Ok(())
    }

    fn follow(
        &mut self,
        cx: &Context,
        found: &mut Found,
        upid: String,
        mut lines: u64,
        failures: u32,
    ) -> Result<()> {
        let cluster = self.cluster(cx)?;
        let state = match task_state(&cluster, &upid) {
            Ok(state) => state,
            Err(error) if error.is_cancelled() => return Err(Failure::Cancelled),
            Err(error) if failures + 1 < ATTEMPTS && (error.is_away() || error.status() == 500) => {
                self.state = State::Running {
                    upid,
                    lines,
                    failures: failures + 1,
                };
                return Ok(());
            }
            Err(error) => {
                let message = told(&error, "Sys.Audit on the node");
                self.end(Outcome::Unknown, Some(upid), Some(message));
                return Ok(());
            }
        };
        let mut warnings = Vec::new();
        // The log is for people; the work does not depend on it.
        for text in task_log(&cluster, &upid, lines).unwrap_or_default() {
            lines += 1;
            let level = if text.starts_with("TASK ERROR") {
                NoticeLevel::Error
            } else if text.starts_with("WARN") {
                warnings.push(text.clone());
                NoticeLevel::Warning
            } else {
                NoticeLevel::Info
            };
            found.last = Some(text.clone());
            found.log.push(JobLine {
                at: None,
                level,
                text: format!("{}: {text}", self.subject()),
            });
        }
        let Some(exit) = state else {
            self.state = State::Running {
                upid,
                lines,
                failures: 0,
            };
            return Ok(());
        };
        if exit == "OK" {
            self.end(Outcome::Ok, Some(upid), None);
        } else if exit.starts_with("WARNINGS") {
            self.end(Outcome::Warnings, Some(upid), Some(exit));
            if let State::Done(line) = &mut self.state {
                line.warnings = warnings;
            }
        } else if exit.contains("received interrupt") || exit == "unexpected status" {
            self.end(Outcome::Aborted, Some(upid), Some(exit));
        } else {
            self.end(Outcome::Failed, Some(upid), Some(exit));
        }
        Ok(())
    }

    fn subject(&self) -> String {
        match &self.action.guest {
            Some(guest) => guest.id.to_string(),
            None => self
                .action
                .task
                .as_ref()
                .map_or_else(String::new, |task| task.kind.clone()),
        }
    }

    fn abort(&self, cx: &Context) -> Result<()> {
        if let State::Running { upid, .. } = &self.state {
            let task = Upid::parse(upid)?;
            let path = path!["nodes", task.node, "tasks", task.text];
            // Its end is seen by following it; one that has ended meanwhile is just as well.
            if let Err(error) = self.cluster(cx)?.send("DELETE", &path, &[])
                && !error.is_away()
                && error.is_denied()
            {
                return Err(error.explain("Sys.Modify on the node"));
            }
        }
        Ok(())
    }

    fn end(&mut self, outcome: Outcome, task: Option<String>, message: Option<String>) {
        self.state = State::Done(Line {
            cluster: self.action.cluster.clone(),
            guest: self.action.guest.clone(),
            effect: self.action.effect.clone(),
            outcome,
            task,
            message,
            warnings: Vec::new(),
        });
    }
}

fn told(error: &ApiError, needs: &str) -> String {
    match error.explain(needs) {
        Failure::Tool(error) => error.message,
        other => other.to_string(),
    }
}

/// The newest tasks of this kind about the same thing.
fn list_tasks(cluster: &Cluster<'_>, task: &Begun) -> Result<Vec<String>, ApiError> {
    let mut query = vec![
        ("source", "all"),
        ("typefilter", task.kind.as_str()),
        ("limit", "50"),
    ];
    if task.about.parse::<u64>().is_ok() {
        query.push(("vmid", &task.about));
    }
    let all = cluster.get_with(path!["nodes", task.node, "tasks"], &query)?;
    let same = all
        .items()
        .iter()
        .filter(|one| one.text("type").as_deref() == Some(&task.kind));
    Ok(same.filter_map(|one| one.text("upid")).collect())
}

/// How a task ended; none while it runs.
pub(crate) fn task_state(cluster: &Cluster<'_>, upid: &str) -> Result<Option<String>, ApiError> {
    let node = upid.split(':').nth(1).unwrap_or_default();
    let state = cluster.get(path!["nodes", node, "tasks", upid, "status"])?;
    let stopped = state.text("status").as_deref() == Some("stopped");
    // A task that lost its process has stopped and has no status of its own.
    Ok(stopped.then(|| {
        state
            .text("exitstatus")
            .unwrap_or_else(|| "unexpected status".to_owned())
    }))
}

/// Lines of a task's log from one on.
pub(crate) fn task_log(
    cluster: &Cluster<'_>,
    upid: &str,
    start: u64,
) -> Result<Vec<String>, ApiError> {
    let node = upid.split(':').nth(1).unwrap_or_default();
    let query = [("start", start.to_string()), ("limit", LINES.to_string())];
    let query: Vec<(&str, &str)> = query
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let log = cluster.get_with(path!["nodes", node, "tasks", upid, "log"], &query)?;
    let lines = log.items().iter();
    // An empty log is one line that says so.
    let lines = lines.filter(|one| one.whole("n").is_some_and(|number| number > start));
    Ok(lines
        .map(|one| show::line(&one.text("t").unwrap_or_default(), 500))
        .collect())
}
