//! The state of the simulated server and everything that changes it.

use std::collections::HashMap;
use std::time::Duration;

use time::OffsetDateTime;

use super::session::Stop;
use super::{Estate, Job, Outcome, Schedule, Session, View, Work};
use crate::id::Id;

/// Why a job was not started, stopped or retried.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    NoSuchJob,
    NoSuchSession,
    AlreadyRunning { job: String },
    NotRunning { job: String },
    NothingToRetry { job: String },
}

/// How to start a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start<'a> {
    pub(crate) by: &'a str,
    /// Start the jobs that run after this one, too, once it has ended.
    pub(crate) chained: bool,
}

#[derive(Debug)]
pub(crate) struct World {
    jobs: Vec<Job>,
    job_places: HashMap<Id, usize>,
    sessions: Vec<Session>,
    session_places: HashMap<Id, usize>,
    /// The runs of each job, oldest first.
    of_job: HashMap<Id, Vec<usize>>,
    estate: Estate,
    /// Sessions after which the jobs of their chain start.
    chains: Vec<Id>,
    run_time: Duration,
    stop_time: Duration,
    random: crate::random::Random,
}

impl World {
    pub(crate) fn new(
        (jobs, estate): (Vec<Job>, Estate),
        sessions: Vec<Session>,
        (run_time, stop_time): (Duration, Duration),
        random: crate::random::Random,
    ) -> Self {
        let job_places = jobs
            .iter()
            .enumerate()
            .map(|(at, job)| (job.id, at))
            .collect();
        let mut world = Self {
            jobs,
            job_places,
            sessions: Vec::with_capacity(sessions.len()),
            session_places: HashMap::new(),
            of_job: HashMap::new(),
            estate,
            chains: Vec::new(),
            run_time,
            stop_time,
            random,
        };
        for session in sessions {
            world.add(session);
        }
        world
    }

    pub(crate) fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    pub(crate) fn job(&self, id: Id) -> Option<&Job> {
        self.job_places.get(&id).map(|&at| &self.jobs[at])
    }

    pub(crate) fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    pub(crate) fn session(&self, id: Id) -> Option<&Session> {
        self.session_places.get(&id).map(|&at| &self.sessions[at])
    }

    /// The newest session of a job and what it looks like now.
    pub(crate) fn latest(&self, job: Id, now: OffsetDateTime) -> Option<(&Session, View)> {
        let session = &self.sessions[*self.of_job.get(&job)?.last()?];
        Some((session, session.view(now)))
    }

    /// The runs of a job, oldest first.
    pub(crate) fn runs(&self, job: Id) -> impl Iterator<Item = &Session> {
        let runs = self.of_job.get(&job).map(Vec::as_slice);
        runs.unwrap_or_default()
            .iter()
            .map(|&at| &self.sessions[at])
    }

    pub(crate) fn estate(&self) -> &Estate {
        &self.estate
    }

    /// Does something that belongs to no job.
    pub(crate) fn work(
        &mut self,
        work: Work,
        name: &str,
        by: &str,
        now: OffsetDateTime,
    ) -> &Session {
        let session = Session {
            id: self.random.id(),
            work,
            job: Id::NIL,
            name: name.to_owned(),
            created: now,
            run: self.run_time,
            outcome: Outcome::Success,
            stop: None,
            usn: 0,
            initiated_by: by.to_owned(),
        };
        let at = self.add(session);
        &self.sessions[at]
    }

    /// Deletes a job; its sessions stay.
    pub(crate) fn remove(&mut self, id: Id) {
        self.jobs.retain(|job| job.id != id);
        let jobs = self.jobs.iter().enumerate();
        self.job_places = jobs.map(|(at, job)| (job.id, at)).collect();
    }

    pub(crate) fn start(
        &mut self,
        id: Id,
        start: Start<'_>,
        now: OffsetDateTime,
    ) -> Result<&Session, Refusal> {
        let job = self.job(id).ok_or(Refusal::NoSuchJob)?;
        if self.is_running(id, now) {
            return Err(Refusal::AlreadyRunning {
                job: job.name.clone(),
            });
        }
        let outcome = if job.broken {
            Outcome::Failed
        } else {
            Outcome::Success
        };
        Ok(self.run(id, outcome, start, now))
    }

    pub(crate) fn retry(
        &mut self,
        id: Id,
        start: Start<'_>,
        now: OffsetDateTime,
    ) -> Result<&Session, Refusal> {
        let job = self.job(id).ok_or(Refusal::NoSuchJob)?;
        let name = job.name.clone();
        match self.latest(id, now) {
            Some((_, view)) if view.running() => Err(Refusal::AlreadyRunning { job: name }),
            Some((_, view)) if view.outcome == Some(Outcome::Failed) => self.start(id, start, now),
            _ => Err(Refusal::NothingToRetry { job: name }),
        }
    }

    pub(crate) fn stop(
        &mut self,
        id: Id,
        graceful: bool,
        now: OffsetDateTime,
    ) -> Result<&Session, Refusal> {
        let name = self.job(id).ok_or(Refusal::NoSuchJob)?.name.clone();
        let Some(&at) = self.of_job.get(&id).and_then(|runs| runs.last()) else {
            return Err(Refusal::NotRunning { job: name });
        };
        if !self.sessions[at].view(now).running() {
            return Err(Refusal::NotRunning { job: name });
        }
        Ok(self.end(at, graceful, now))
    }

    pub(crate) fn stop_session(&mut self, id: Id, now: OffsetDateTime) -> Result<(), Refusal> {
        let &at = self.session_places.get(&id).ok_or(Refusal::NoSuchSession)?;
        let session = &self.sessions[at];
        if !session.view(now).running() {
            return Err(Refusal::NotRunning {
                job: session.name.clone(),
            });
        }
        self.end(at, false, now);
        Ok(())
    }

    pub(crate) fn set_disabled(&mut self, id: Id, disabled: bool) -> Result<(), Refusal> {
        let &at = self.job_places.get(&id).ok_or(Refusal::NoSuchJob)?;
        self.jobs[at].disabled = disabled;
        Ok(())
    }

    /// Starts what was to follow sessions that have ended by now. Called before anything is read.
    pub(crate) fn settle(&mut self, now: OffsetDateTime) {
        let chains = std::mem::take(&mut self.chains);
        for parent in chains {
            let Some(session) = self.session(parent) else {
                continue;
            };
            let Some(ended) = session.view(now).ended else {
                self.chains.push(parent);
                continue;
            };
            let (job, by) = (session.job, session.initiated_by.clone());
            let followers: Vec<Id> = self
                .jobs
                .iter()
                .filter(|next| {
                    !next.disabled
                        && matches!(next.schedule, Schedule::After { job: before, .. } if before == job)
                })
                .map(|next| next.id)
                .collect();
            for follower in followers {
                let start = Start {
                    by: &by,
                    chained: true,
                };
                // One that somebody has started in between runs already, which is as good.
                let _already_running = self.start(follower, start, ended);
            }
        }
    }

    fn is_running(&self, id: Id, now: OffsetDateTime) -> bool {
        self.latest(id, now).is_some_and(|(_, view)| view.running())
    }

    fn run(
        &mut self,
        job: Id,
        outcome: Outcome,
        start: Start<'_>,
        now: OffsetDateTime,
    ) -> &Session {
        let id = self.random.id();
        let name = self
            .job(job)
            .map(|job| job.name.clone())
            .unwrap_or_default();
        let session = Session {
            id,
            work: Work::Job,
            job,
            name,
            created: now,
            run: self.run_time,
            outcome,
            stop: None,
            usn: 0,
            initiated_by: start.by.to_owned(),
        };
        if start.chained {
            self.chains.push(id);
        }
        let at = self.add(session);
        &self.sessions[at]
    }

    fn end(&mut self, at: usize, graceful: bool, now: OffsetDateTime) -> &Session {
        let takes = self.stop_time;
        let session = &mut self.sessions[at];
        // A second stop may turn a graceful one into an immediate one, but not start it over.
        let at = session.stop.map_or(now, |stop| stop.at);
        session.stop = Some(Stop {
            at,
            graceful,
            takes,
        });
        session
    }

    fn add(&mut self, mut session: Session) -> usize {
        let at = self.sessions.len();
        session.usn = u64::try_from(at).unwrap_or(u64::MAX) + 1;
        self.session_places.insert(session.id, at);
        if session.work == Work::Job {
            self.of_job.entry(session.job).or_default().push(at);
        }
        self.sessions.push(session);
        at
    }
}
