//! The driver: takes the jobs' steps, so many jobs at once as configured, the rest in order.
//!
//! One task holds the queue and owns a task per driven job. What is in the queue is in the store as well, so a crash
//! loses nothing but the end of the steps under way, which are taken again with the same idempotency key.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::changes::Changes;
use super::job::{Job, JobId, Outcome, Status, Stop, now};
use super::runner::{Kind, Right, Runner, StepCall, StepError};
use super::step::{self, Ended, Taken, after, line, settle};
use super::store::{Edit, Removal, Store, StoreError, Written};
use crate::config;
use crate::plugin::wit::jobs::{Job as Seen, Step};
use crate::plugin::wit::values::Cause;

/// How often expired results are looked for.
const SWEEP: Duration = Duration::from_mins(1);
/// The pause after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// Which places a job takes one of.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Lane {
    /// Those of running jobs.
    Running,
    /// Those of jobs that are to stop: a full house must not keep one from being stopped.
    Stopping,
}

/// A job to drive.
#[derive(Debug)]
pub(super) struct Entry {
    lane: Lane,
    /// Jobs that began come before those that did not, the older before the younger.
    place: (bool, u64),
    id: JobId,
}

impl Entry {
    pub(super) fn of(job: &Job) -> Self {
        Self {
            lane: match job.stop {
                Stop::No => Lane::Running,
                Stop::Asked | Stop::Begun => Lane::Stopping,
            },
            place: (job.started.is_none(), job.sequence),
            id: job.id.clone(),
        }
    }
}

/// What the driver and those who ask about jobs share.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) store: Arc<dyn Store>,
    pub(super) runner: Arc<dyn Runner>,
    pub(super) settings: config::Jobs,
    pub(super) changes: Changes,
    pub(super) queue: mpsc::UnboundedSender<Entry>,
    pub(super) stop: CancellationToken,
}

impl Inner {
    pub(super) fn enqueue(&self, job: &Job) {
        // Nobody receives any more when the host stops; the store remembers.
        let _ = self.queue.send(Entry::of(job));
    }
}

#[derive(Debug, Default)]
struct Queues {
    running: BTreeMap<(bool, u64), JobId>,
    stopping: BTreeMap<(bool, u64), JobId>,
}

/// Runs until it is dropped.
pub(super) async fn dispatch(inner: Arc<Inner>, mut entries: mpsc::UnboundedReceiver<Entry>) {
    let mut queues = Queues::default();
    let mut driven: HashMap<Id, (JobId, Lane)> = HashMap::new();
    let mut tasks = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        for (lane, waiting) in [
            (Lane::Running, &mut queues.running),
            (Lane::Stopping, &mut queues.stopping),
        ] {
            let taken = driven.values().filter(|(_, of)| *of == lane).count();
            let free = (inner.settings.max_running as usize).saturating_sub(taken);
            for _ in 0..free {
                // One that is driven already has its turn when that has ended.
                let next = waiting
                    .iter()
                    .find(|(_, id)| driven.values().all(|(other, _)| other != *id))
                    .map(|(place, _)| *place);
                let Some(id) = next.and_then(|place| waiting.remove(&place)) else {
                    break;
                };
                let task = tasks.spawn(drive(inner.clone(), id.clone()));
                driven.insert(task.id(), (id, lane));
            }
        }
        tokio::select! {
            Some(entry) = entries.recv() => {
                let waiting = match entry.lane {
                    Lane::Running => &mut queues.running,
                    Lane::Stopping => &mut queues.stopping,
                };
                waiting.insert(entry.place, entry.id);
            }
            Some(ended) = tasks.join_next_with_id() => {
                let id = match ended {
                    Ok((id, ())) => id,
                    Err(error) => {
                        tracing::error!(%error, "driving a job was abandoned; it goes on after a restart");
                        error.id()
                    }
                };
                driven.remove(&id);
            }
            _ = sweep.tick() => tidy(&inner).await,
            else => return,
        }
    }
}

/// Removes what is kept no longer, and ends what takes too long.
async fn tidy(inner: &Inner) {
    let keep = u64::try_from(inner.settings.keep_results.as_millis()).unwrap_or(u64::MAX);
    let expired = Removal {
        before: Some(now().saturating_sub(keep)),
        ..Removal::default()
    };
    match inner.store.remove(expired).await {
        Ok(0) => {}
        Ok(removed) => tracing::debug!(removed, "results of jobs expired"),
        Err(error) => tracing::error!(error = chain(&error), "cannot remove expired jobs"),
    }
    let Ok(unfinished) = inner.store.unfinished().await else {
        return;
    };
    for job in unfinished.iter().filter(|job| is_overdue(inner, job)) {
        let _ = inner.queue.send(Entry {
            lane: Lane::Stopping,
            ..Entry::of(job)
        });
    }
}

fn is_overdue(inner: &Inner, job: &Job) -> bool {
    after(job.created, inner.settings.max_duration) <= now()
}

/// Takes a job's steps until it ends or waits for answers.
async fn drive(inner: Arc<Inner>, id: JobId) {
    let mut changes = inner.changes.of(&id);
    loop {
        changes.borrow_and_update();
        let (job, state) = match inner.store.load(&id).await {
            Ok(Some(found)) => found,
            Ok(None) => return,
            Err(error) => {
                pause(&id, &error).await;
                continue;
            }
        };
        let overdue = is_overdue(&inner, &job);
        if job.status.is_terminal() || (job.status == Status::InputRequired && !overdue) {
            return;
        }
        let edit: Edit = if overdue {
            too_long(&inner)
        } else if job.status == Status::Queued {
            Box::new(begin)
        } else {
            let wait = Duration::from_millis(job.due.saturating_sub(now()));
            tokio::select! {
                biased;
                () = tokio::time::sleep(wait) => {}
                _ = changes.changed() => continue,
            }
            let taken = take(&inner, job, state).await;
            // The host stops: that is no failed try of the step.
            if inner.stop.is_cancelled() && matches!(taken.ended, Ended::Unknown(_)) {
                return;
            }
            let settings = inner.settings.clone();
            Box::new(move |job: &mut Job| settle(job, taken, now(), &settings))
        };
        match inner.store.update(&id, edit).await {
            Ok(_) => inner.changes.publish(&id),
            Err(StoreError::Ended | StoreError::Missing) => return,
            // The step is taken again, with the same key.
            Err(error) => pause(&id, &error).await,
        }
    }
}

async fn pause(id: &JobId, error: &StoreError) {
    tracing::error!(job = %id, error = chain(error), "a job cannot go on at the moment");
    tokio::time::sleep(STORE_PAUSE).await;
}

fn chain(error: &StoreError) -> String {
    crate::error::report(error).to_string()
}

fn too_long(inner: &Inner) -> Edit {
    let limit = inner.settings.max_duration;
    Box::new(move |job| {
        let text = format!(
            "the job took longer than jobs.max-duration, {limit:?}, and is no longer followed"
        );
        let error = step::request_error(Cause::Unavailable, text);
        let mut written = Written::default();
        step::end_failed(job, Outcome::Error(error), now(), &mut written);
        written
    })
}

/// Out of the queue.
fn begin(job: &mut Job) -> Written {
    let now = now();
    let mut written = Written::default();
    if job.started.is_none() {
        job.started = Some(now);
        written.log.push(line(now, "info", "started"));
    }
    job.status = Status::Running;
    job.updated = now;
    written
}

/// One step, authorized anew.
async fn take(inner: &Inner, job: Job, state: Vec<u8>) -> Taken {
    let kind = match job.stop {
        Stop::Asked => Kind::Cancel,
        Stop::No | Stop::Begun => Kind::Advance,
    };
    let principal = job.principal();
    let right = Right::Call {
        plugin: &job.plugin,
        tool: &job.tool,
    };
    let refused = |cause, text| Taken {
        kind,
        ended: Ended::Refused(Outcome::Error(step::request_error(cause, text))),
        formats: Vec::new(),
    };
    if let Err(denied) = inner.runner.authorize(&principal, right) {
        let text = format!("whoever started the job may no longer run it: {denied}");
        return match kind {
            Kind::Advance => refused(Cause::Unavailable, text),
            // Nothing runs on their behalf any more, so it has stopped; the plugin is not asked.
            Kind::Cancel => Taken {
                kind,
                ended: Ended::Told(Ok(Ok(Step::Cancelled))),
                formats: Vec::new(),
            },
        };
    }
    let loaded = match inner.runner.loaded(&job.plugin).await {
        Ok(loaded) => loaded,
        Err(error) => return unknown(kind, error),
    };
    if !loaded.formats.contains(&job.format) {
        let text = format!(
            "plugin `{}` {} cannot go on with this job: its state has format {}, which version {} wrote, and this version reads {:?}",
            job.plugin, loaded.version, job.format, job.version, loaded.formats
        );
        return refused(Cause::Unavailable, text);
    }
    let plugin = job.plugin.clone();
    let call = StepCall {
        plugin: job.plugin,
        principal,
        kind,
        idempotency_key: key(&job.id, job.step, kind),
        answers: job.replies,
        cancelled: inner.stop.child_token(),
        job: Seen {
            id: job.id.to_string(),
            tool: job.tool.clone(),
            step: job.step,
            attempt: job.attempt,
            state,
            format: job.format,
            extras: Vec::new(),
        },
    };
    let told = match inner.runner.take(call).await {
        Ok(told) => told,
        Err(error) => return unknown(kind, error),
    };
    let checked = match &told {
        Ok(Step::Done(output)) => inner.runner.check(&job.tool, output),
        Ok(Step::Asking(asking)) => inner.runner.check_requests(&plugin, &asking.requests),
        Ok(Step::Running(_) | Step::Cancelled) | Err(_) => Ok(()),
    };
    Taken {
        kind,
        ended: Ended::Told(checked.map(|()| told)),
        formats: loaded.formats,
    }
}

fn unknown(kind: Kind, error: StepError) -> Taken {
    Taken {
        kind,
        ended: Ended::Unknown(error),
        formats: Vec::new(),
    }
}

/// WIT: at most 64 of `A`–`Z`, `a`–`z`, `0`–`9`, `-`.
fn key(id: &JobId, step: u32, kind: Kind) -> String {
    match kind {
        Kind::Advance => format!("{id}-{step}"),
        Kind::Cancel => format!("{id}-{step}-cancel"),
    }
}
