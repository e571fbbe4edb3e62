//! Jobs: calls that outlive their requests. Durable, in steps, cancellable; known to MCP and REST alike, and knowing
//! neither.
//!
//! | file | what it is |
//! |---|---|
//! | `job` | what a job is |
//! | `store`, `embedded` | where jobs are kept |
//! | `runner` | what jobs need of the rest of the host |
//! | `new` | a job as it begins |
//! | `step` | what a step's end does to a job |
//! | `driver`, `queue` | who takes the steps, and when |
//! | `view` | a job as programs see it |
//! | this file | what a principal can do with jobs |
//!
//! Every operation is authorized. A job of another tenant, or of somebody else in the same one, is not there; who has
//! the scope `admin` besides sees all of its own tenant.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::plugin::wit::values::Cause;
use crate::plugin::{Event, Principal, Reply};

mod changes;
mod driver;
mod embedded;
mod job;
mod new;
mod queue;
mod runner;
mod step;
mod store;
#[cfg(test)]
mod tests;
mod view;

pub use embedded::{Embedded, OpenError};
pub use job::{BadJobId, BadStatus, Job, JobId, Line, Outcome, Progress, Status, Stop, now};
pub use runner::{
    Access, Authorize, Begun, Denied, Kind, Loaded, Right, Runner, Start, StepCall, StepError,
};
pub use store::{Bounds, Edit, LOG_LINES, Query, Removal, Store, StoreError, Written};
pub use view::time;

/// Jobs on one page of a list.
pub const PAGE: usize = 100;

/// All jobs of the host. Dropping it stops the driver; the jobs go on when the store is opened again.
#[derive(Debug)]
pub struct Jobs {
    inner: Arc<driver::Inner>,
    driver: JoinHandle<()>,
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.inner.stop.cancel();
        self.driver.abort();
    }
}

/// Why an operation was not done. The texts are safe for whoever asked.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// There is none that this principal may see.
    #[error("there is no such job")]
    NotFound,
    /// A scope is missing.
    #[error("not allowed: {0}")]
    Denied(#[from] Denied),
    /// Too many.
    #[error("{0} jobs are waiting or running already; try again when some have ended")]
    Full(u32),
    /// Too large.
    #[error(
        "the jobs of this tenant take the {0} bytes that they may; try again when some have ended, or remove those that have"
    )]
    NoRoom(u64),
    /// The job is not in a state for that.
    #[error("the job is {}, and {problem}", .status.as_str())]
    Conflict {
        /// What it is.
        status: Status,
        /// Why that does not go together.
        problem: &'static str,
    },
    /// What was asked makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The store.
    #[error("the job store cannot be used at the moment")]
    Store(#[source] StoreError),
}

impl From<StoreError> for JobsError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing => Self::NotFound,
            StoreError::Full(count) => Self::Full(count),
            StoreError::NoRoom(bytes) => Self::NoRoom(bytes),
            StoreError::Ended | StoreError::Failed(_) => Self::Store(error),
        }
    }
}

/// A job, and how it ended if it has.
#[derive(Clone, Debug)]
pub struct Details {
    /// The job.
    pub job: Job,
    /// How it ended; none while it has not, and for one that was cancelled.
    pub outcome: Option<Outcome>,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// Newest first.
    pub jobs: Vec<Job>,
    /// Where the next page begins.
    pub next: Option<u64>,
}

impl Jobs {
    /// Starts the driver. Jobs that had not ended go on.
    pub async fn open(
        store: Arc<dyn Store>,
        runner: Arc<dyn Runner>,
        settings: config::Jobs,
    ) -> Result<Self, StoreError> {
        let unfinished = store.unfinished().await?;
        let (queue, entries) = mpsc::unbounded_channel();
        let inner = Arc::new(driver::Inner {
            store,
            runner,
            settings,
            changes: changes::Changes::default(),
            queue,
            stop: CancellationToken::new(),
        });
        if !unfinished.is_empty() {
            tracing::info!(jobs = unfinished.len(), "unfinished jobs go on");
        }
        for job in &unfinished {
            inner.enqueue(job);
        }
        let driver = tokio::spawn(driver::dispatch(inner.clone(), entries));
        Ok(Self { inner, driver })
    }

    /// What was configured.
    #[must_use]
    pub fn settings(&self) -> &config::Jobs {
        &self.inner.settings
    }

    /// Begins a job. When this returns, it is stored.
    pub async fn start(&self, principal: &Principal, start: Start) -> Result<Job, JobsError> {
        self.add(principal, Begun::Started(start), None).await
    }

    /// One job and how it ended.
    pub async fn get(&self, principal: &Principal, id: &JobId) -> Result<Details, JobsError> {
        let job = self.seen(principal, id).await?;
        self.details(job).await
    }

    async fn details(&self, job: Job) -> Result<Details, JobsError> {
        let outcome = if job.status.is_terminal() {
            self.inner.store.outcome(&job.id).await?
        } else {
            None
        };
        Ok(Details { job, outcome })
    }

    /// The jobs that the principal sees, newest first; `before` is the `next` of an earlier page.
    pub async fn list(
        &self,
        principal: &Principal,
        status: Option<Status>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page, JobsError> {
        self.inner.runner.authorize(principal, Right::Read(None))?;
        let limit = limit.clamp(1, PAGE);
        let query = Query {
            tenant: principal.tenant.clone(),
            subject: self.whose(principal),
            plugins: self.inner.runner.plugins(principal, Access::Read),
            status,
            before,
            limit: limit + 1,
        };
        let mut jobs = self.inner.store.list(query).await?;
        let more = jobs.len() > limit;
        jobs.truncate(limit);
        let next = jobs.last().filter(|_| more).map(|job| job.sequence);
        Ok(Page { jobs, next })
    }

    /// Waits until the job has ended or waits for answers, at most so long. Meanwhile tells how far it is.
    pub async fn wait(
        &self,
        principal: &Principal,
        id: &JobId,
        limit: Duration,
        events: Option<&mpsc::Sender<Event>>,
    ) -> Result<Job, JobsError> {
        self.seen(principal, id).await?;
        self.follow(id, limit, events).await
    }

    /// The same for the call that has just started the job: its answer needs no right to look at jobs.
    pub async fn wait_started(
        &self,
        job: &Job,
        limit: Duration,
        events: Option<&mpsc::Sender<Event>>,
    ) -> Result<Details, JobsError> {
        let job = self.follow(&job.id, limit, events).await?;
        self.details(job).await
    }

    async fn follow(
        &self,
        id: &JobId,
        limit: Duration,
        events: Option<&mpsc::Sender<Event>>,
    ) -> Result<Job, JobsError> {
        let deadline = Instant::now() + limit;
        let mut changes = self.inner.changes.of(id);
        let mut told = None;
        loop {
            changes.borrow_and_update();
            let job = self.inner.store.get(id).await?;
            let job = job.ok_or(JobsError::NotFound)?;
            if let Some(events) = events
                && told != Some(job.step)
                && job.step > 0
            {
                told = Some(job.step);
                // A slow reader misses some.
                let _ = events.try_send(Event::Progress {
                    done: job.progress.done,
                    total: job.progress.total,
                    message: job.progress.message.clone().or(job.progress.step.clone()),
                });
            }
            if job.status.is_terminal() || job.status == Status::InputRequired {
                return Ok(job);
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep_until(deadline) => return Ok(job),
            }
        }
    }

    /// Asks for the job to be stopped. One that has ended, or was asked before, stays as it is.
    pub async fn cancel(&self, principal: &Principal, id: &JobId) -> Result<Job, JobsError> {
        let job = self.stoppable(principal, id).await?;
        self.stop(job).await
    }

    /// The same for the call that has just started the job and is cancelled: that needs no right of its own.
    pub async fn cancel_started(&self, job: &Job) -> Result<Job, JobsError> {
        let job = self.inner.store.get(&job.id).await?;
        self.stop(job.ok_or(JobsError::NotFound)?).await
    }

    async fn stop(&self, job: Job) -> Result<Job, JobsError> {
        let id = &job.id;
        // One that asks something while it stops may be told again, or nobody could end it.
        let told = |job: &Job| job.stop != Stop::No && job.status != Status::InputRequired;
        if job.status.is_terminal() || told(&job) {
            return Ok(job);
        }
        let edit = Box::new(move |job: &mut Job| {
            let mut written = Written::default();
            if !told(job) {
                let now = now();
                job.stop = Stop::Asked;
                if job.status == Status::InputRequired {
                    // It waits for nobody any more.
                    job.status = Status::Queued;
                    job.requests.clear();
                    job.replies.clear();
                }
                (job.due, job.attempt, job.updated) = (now, 0, now);
                written
                    .log
                    .push(step::line(now, "info", "somebody asked for it to stop"));
            }
            written
        });
        match self.inner.store.update(id, edit).await {
            Ok(job) => {
                self.inner.changes.publish(id);
                self.inner.enqueue(&job);
                Ok(job)
            }
            // It was faster.
            Err(StoreError::Ended) => {
                let job = self.inner.store.get(id).await?;
                job.ok_or(JobsError::NotFound)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Calls the tool of a job that failed or was cancelled again, with the same arguments, as a new job.
    pub async fn retry(&self, principal: &Principal, id: &JobId) -> Result<Job, JobsError> {
        let job = self.seen(principal, id).await?;
        if !matches!(job.status, Status::Failed | Status::Cancelled) {
            return Err(JobsError::Conflict {
                status: job.status,
                problem: "only one that failed or was cancelled is tried again",
            });
        }
        self.inner.runner.authorize(
            principal,
            Right::Call {
                plugin: &job.plugin,
                tool: &job.tool,
            },
        )?;
        let arguments = self.inner.store.arguments(id).await?;
        let arguments = arguments.ok_or(JobsError::NotFound)?;
        let begun = self
            .inner
            .runner
            .begin(principal, &job.tool, &arguments)
            .await
            .map_err(JobsError::Invalid)?;
        self.add(principal, begun, Some((&job, arguments))).await
    }

    /// Hands in replies to what the job asked for. Others than those that are due are ignored. Only whoever started
    /// the job answers for it.
    pub async fn reply(
        &self,
        principal: &Principal,
        id: &JobId,
        replies: Vec<(String, Reply)>,
    ) -> Result<Job, JobsError> {
        let job = self.stoppable(principal, id).await?;
        if job.subject != principal.subject {
            return Err(JobsError::Denied(Denied {
                reason: "only the one who started the job answers what it asks".to_owned(),
                scopes: Vec::new(),
            }));
        }
        let step = job.step;
        let edit = Box::new(move |job: &mut Job| {
            if job.status == Status::InputRequired && job.step == step {
                for (key, reply) in replies {
                    if job.unanswered().any(|request| request.key == key) {
                        job.replies.push((key, reply));
                    }
                }
                job.updated = now();
                if job.unanswered().next().is_none() {
                    job.status = Status::Queued;
                    job.due = job.updated;
                }
            }
            Written::default()
        });
        match self.inner.store.update(id, edit).await {
            Ok(job) => {
                self.inner.changes.publish(id);
                if job.status == Status::Queued {
                    self.inner.enqueue(&job);
                }
                Ok(job)
            }
            Err(StoreError::Ended) => self.seen(principal, id).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Ends a job whose questions nobody can be shown: they are not what they should be, or no longer granted.
    pub async fn cannot_ask(
        &self,
        principal: &Principal,
        id: &JobId,
        problem: String,
    ) -> Result<Job, JobsError> {
        let job = self.seen(principal, id).await?;
        let step = job.step;
        let edit = Box::new(move |job: &mut Job| {
            let mut written = Written::default();
            if job.status == Status::InputRequired && job.step == step {
                let error = step::request_error(Cause::Internal, problem);
                step::end_failed(job, Outcome::Error(error), now(), &mut written);
            }
            written
        });
        match self.inner.store.update(id, edit).await {
            Ok(job) => {
                self.inner.changes.publish(id);
                Ok(job)
            }
            Err(StoreError::Ended) => self.seen(principal, id).await,
            Err(error) => Err(error.into()),
        }
    }

    /// The last lines of a job's log, oldest first.
    pub async fn log(
        &self,
        principal: &Principal,
        id: &JobId,
        tail: usize,
    ) -> Result<Vec<Line>, JobsError> {
        self.seen(principal, id).await?;
        Ok(self.inner.store.log(id, tail).await?)
    }

    /// Removes ended jobs that the principal sees; tells how many.
    pub async fn remove(
        &self,
        principal: &Principal,
        older_than: Duration,
        status: Option<Status>,
    ) -> Result<usize, JobsError> {
        self.inner
            .runner
            .authorize(principal, Right::Cancel(None))?;
        if status.is_some_and(|status| !status.is_terminal()) {
            return Err(JobsError::Invalid(
                "only jobs that are completed, failed or cancelled can be removed".to_owned(),
            ));
        }
        let age = u64::try_from(older_than.as_millis()).unwrap_or(u64::MAX);
        let removal = Removal {
            tenant: Some(principal.tenant.clone()),
            subject: self.whose(principal),
            plugins: self.inner.runner.plugins(principal, Access::Cancel),
            status,
            before: Some(now().saturating_sub(age).saturating_add(1)),
        };
        Ok(self.inner.store.remove(removal).await?)
    }

    /// A job that the principal may see.
    async fn seen(&self, principal: &Principal, id: &JobId) -> Result<Job, JobsError> {
        let runner = &self.inner.runner;
        runner.authorize(principal, Right::Read(None))?;
        let job = self.inner.store.get(id).await?;
        let job = job.filter(|job| {
            let whose = self.whose(principal);
            job.tenant == principal.tenant && whose.is_none_or(|subject| subject == job.subject)
        });
        let job = job.ok_or(JobsError::NotFound)?;
        runner.authorize(principal, Right::Read(Some(&job.plugin)))?;
        Ok(job)
    }

    /// A job that the principal may see, and stop.
    async fn stoppable(&self, principal: &Principal, id: &JobId) -> Result<Job, JobsError> {
        let runner = &self.inner.runner;
        runner.authorize(principal, Right::Cancel(None))?;
        let job = self.seen(principal, id).await?;
        runner.authorize(principal, Right::Cancel(Some(&job.plugin)))?;
        Ok(job)
    }

    /// Whose jobs the principal sees; `None`: all of its tenant's.
    #[expect(clippy::option_option, reason = "nobody is a subject of its own")]
    fn whose(&self, principal: &Principal) -> Option<Option<String>> {
        let all = self.inner.runner.authorize(principal, Right::Others);
        all.is_err().then(|| principal.subject.clone())
    }

    async fn add(
        &self,
        principal: &Principal,
        begun: Begun,
        retried: Option<(&Job, Value)>,
    ) -> Result<Job, JobsError> {
        let now = now();
        let retry_of = retried.as_ref().map(|(job, _)| job.id.to_string());
        let (job, written) = match (begun, retried) {
            (Begun::Started(start), _) => {
                let loaded = self.inner.runner.loaded(&start.plugin).await;
                let formats = loaded.map(|loaded| loaded.formats).unwrap_or_default();
                step::check_state(start.job.state.len(), start.job.format, &formats)
                    .map_err(JobsError::Invalid)?;
                new::started(principal, start, retry_of, now)
            }
            (Begun::Done(output), Some((retried, arguments))) => {
                new::done(principal, retried, arguments, output, now)
            }
            (Begun::Done(_), None) => {
                return Err(JobsError::Invalid("there is nothing to begin".to_owned()));
            }
        };
        let job = self.inner.store.insert(job, written).await?;
        if !job.status.is_terminal() {
            self.inner.enqueue(&job);
        }
        Ok(job)
    }
}
