//! What the simulated server knows: jobs, repositories, machines and sessions, independent of any revision.
//!
//! A session is not moved along by a task: what it looks like follows from the time that has passed
//! since it was created, so there is nothing to run, to stop or to wait for.

mod estate;
mod generate;
mod session;
mod world;

use time::OffsetDateTime;

use crate::id::Id;

pub(crate) use estate::{Estate, Host, Proxy, Store};
pub(crate) use generate::{Size, generate};
pub(crate) use session::{Outcome, Record, RecordStatus, Session, State, View, Work};
pub(crate) use world::{Refusal, Start, World};

/// What a job protects and how; names for it differ by revision.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    VSphere,
    HyperV,
    Replica,
    BackupCopy,
    FileCopy,
    WindowsAgent,
    /// Listed from 1.3 on, but without a configuration in any revision.
    CloudAws,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Workload {
    Application,
    CloudVm,
    File,
    Server,
    Vm,
}

/// When a job runs by itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Schedule {
    Manual,
    /// Every day at this hour and minute of local time.
    Daily {
        hour: u8,
        minute: u8,
    },
    Hourly {
        every: u8,
    },
    After {
        job: Id,
        name: String,
    },
}

/// A machine, a bucket or a share that a job protects.
#[derive(Clone, Debug)]
pub(crate) struct Protected {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) reference: String,
    pub(crate) size_gb: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Repository {
    pub(crate) id: Id,
    pub(crate) name: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) kind: Kind,
    pub(crate) workload: Workload,
    pub(crate) disabled: bool,
    pub(crate) high_priority: bool,
    pub(crate) schedule: Schedule,
    /// `None` for a job that keeps its backups where no repository of this server is.
    pub(crate) repository: Option<Repository>,
    pub(crate) protected: Vec<Protected>,
    /// The job whose backups this one copies.
    pub(crate) source: Option<(Id, String)>,
    /// Fails whenever it runs, a retry included.
    pub(crate) broken: bool,
}

impl Job {
    /// When it runs next by itself; nothing for one that does not.
    pub(crate) fn next_run(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        if self.disabled {
            return None;
        }
        match self.schedule {
            Schedule::Manual | Schedule::After { .. } => None,
            Schedule::Daily { hour, minute } => {
                let today = now.replace_time(time::Time::from_hms(hour, minute, 0).ok()?);
                Some(if today > now {
                    today
                } else {
                    today + time::Duration::days(1)
                })
            }
            Schedule::Hourly { every } => {
                let hour = now.replace_time(time::Time::from_hms(now.hour(), 0, 0).ok()?);
                Some(hour + time::Duration::hours(i64::from(every)))
            }
        }
    }
}
