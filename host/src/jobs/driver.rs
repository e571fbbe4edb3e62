//! The driver: takes the jobs' steps, so many jobs at once as configured, the rest in order.
//!
//! One task holds the queue and owns a task per driven job. What is in the queue is in the store as well, so a crash
//! loses nothing but the end of the steps under way, which are taken again with the same idempotency key.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::changes::Changes;
use super::job::{Job, JobId, Outcome, Status, Stop, now};
use super::queue::{Entry, Lane, Places, Queue};
use super::runner::{Denied, Kind, Right, Runner, StepCall, StepError};
use super::step::{self, Ended, Taken, after, line, settle};
use super::store::{Edit, Removal, Store, StoreError, Written};
use crate::config;
use crate::plugin::Principal;
use crate::plugin::wit::jobs::{Job as Seen, Step};
use crate::plugin::wit::values::Cause;

/// How often expired results are looked for.
const SWEEP: Duration = Duration::from_mins(1);
/// The pause after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(5);

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

/// Runs until it is dropped.
pub(super) async fn dispatch(inner: Arc<Inner>, mut entries: mpsc::UnboundedReceiver<Entry>) {
    let places = Places {
        all: inner.settings.max_running as usize,
        of_a_tenant: inner.settings.max_running_per_tenant as usize,
    };
    let mut queue = Queue::default();
    let mut tasks = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // All that came together, as after a restart, is put in order before anybody's turn.
        while let Ok(entry) = entries.try_recv() {
            queue.add(entry);
        }
        for lane in [Lane::Running, Lane::Stopping] {
            while let Some(entry) = queue.next(lane, places) {
                let task = tasks.spawn(drive(inner.clone(), entry.id.clone()));
                queue.begun(task.id(), entry);
            }
        }
        tokio::select! {
            Some(entry) = entries.recv() => queue.add(entry),
            Some(ended) = tasks.join_next_with_id() => {
                let id = match ended {
                    Ok((id, ())) => id,
                    Err(error) => {
                        tracing::error!(%error, "driving a job was abandoned; it goes on after a restart");
                        error.id()
                    }
                };
                queue.ended(id);
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
        let _ = inner.queue.send(Entry::to_end(job));
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
                pause(&inner, &id, &error).await;
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
            Err(error @ StoreError::NoRoom(_)) => no_room(&inner, &id, error).await,
            // The step is taken again, with the same key.
            Err(error) => pause(&inner, &id, &error).await,
        }
    }
}

/// What a step left cannot be kept, and would not be after a repetition.
async fn no_room(inner: &Inner, id: &JobId, error: StoreError) {
    let text = format!("what the step left cannot be kept: {error}");
    let edit = Box::new(move |job: &mut Job| {
        let mut written = Written::default();
        let error = step::request_error(Cause::Unavailable, text);
        step::end_failed(job, Outcome::Error(error), now(), &mut written);
        written
    });
    match inner.store.update(id, edit).await {
        Ok(_) => inner.changes.publish(id),
        Err(StoreError::Ended | StoreError::Missing) => {}
        Err(error) => pause(inner, id, &error).await,
    }
}

async fn pause(inner: &Inner, id: &JobId, error: &StoreError) {
    if inner.stop.is_cancelled() {
        // The host ends, and its threads with it: the job goes on at the next start, and this task is about to be dropped.
        std::future::pending::<()>().await;
    }
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
    let principal = match owner(inner, &job) {
        Ok(principal) => principal,
        Err(denied) => return withdrawn(kind, &denied),
    };
    let loaded = match inner.runner.loaded(&job.plugin).await {
        Ok(loaded) => loaded,
        Err(error) => return unknown(kind, error),
    };
    if !loaded.formats.contains(&job.format) {
        let text = format!(
            "plugin `{}` {} cannot go on with this job: its state has format {}, which version {} wrote, and this version reads {:?}",
            job.plugin, loaded.version, job.format, job.version, loaded.formats
        );
        return refused(kind, text);
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

/// Who started the job, if that one may still run it.
fn owner(inner: &Inner, job: &Job) -> Result<Principal, Denied> {
    let principal = inner.runner.renewed(job.principal())?;
    let right = Right::Call {
        plugin: &job.plugin,
        tool: &job.tool,
    };
    inner.runner.authorize(&principal, right)?;
    Ok(principal)
}

fn withdrawn(kind: Kind, denied: &Denied) -> Taken {
    match kind {
        Kind::Advance => refused(
            kind,
            format!("whoever started the job may no longer run it: {denied}"),
        ),
        // Nothing runs on their behalf any more, so it has stopped; the plugin is not asked.
        Kind::Cancel => Taken {
            kind,
            ended: Ended::Told(Ok(Ok(Step::Cancelled))),
            formats: Vec::new(),
        },
    }
}

fn refused(kind: Kind, text: String) -> Taken {
    let error = step::request_error(Cause::Unavailable, text);
    Taken {
        kind,
        ended: Ended::Refused(Outcome::Error(error)),
        formats: Vec::new(),
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
