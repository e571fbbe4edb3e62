//! Where jobs are kept: one trait, because a host of several processes will share a database. The one that ships is
//! in `embedded`.
//!
//! The store knows nothing of steps. It promises three things: what it acknowledged is there after a crash; a change
//! is seen whole or not at all; a job that has ended never changes again, so it ends exactly once. And it keeps no more
//! of a tenant's than its [`Bounds`] say.

use std::fmt;

use futures::future::BoxFuture;
use serde_json::Value;

use super::job::{Job, JobId, Line, Outcome, Status};
use crate::config::{PluginName, TenantName};

/// Lines that a job's log keeps; older ones go.
pub const LOG_LINES: u64 = 1000;
/// Bytes that a job's log keeps.
pub(super) const LOG_BYTES: u64 = 256 * 1024;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The job ended before: it does not change any more.
    #[error("the job has ended")]
    Ended,
    /// There is no such job, or no longer.
    #[error("there is no such job")]
    Missing,
    /// The tenant has as many unfinished jobs as it may.
    #[error("{0} jobs are waiting or running already")]
    Full(u32),
    /// The tenant's jobs take all the bytes that they may.
    #[error("the jobs of this tenant take the {0} bytes that they may (`jobs.max-kept-size`)")]
    NoRoom(u64),
    /// The database, or what is in it.
    #[error("the job store failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a change writes besides the job.
#[derive(Debug, Default)]
pub struct Written {
    /// The new state.
    pub state: Option<Vec<u8>>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// New lines of its log.
    pub log: Vec<Line>,
    /// The tool's arguments, for another try; with a new job.
    pub arguments: Option<Value>,
}

/// A change of one job, made inside a transaction.
pub type Edit = Box<dyn FnOnce(&mut Job) -> Written + Send>;

/// How much of a tenant's is kept.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Jobs that have not ended.
    pub unfinished: u32,
    /// Jobs in all; the oldest that ended make room.
    pub kept: u32,
    /// Bytes in all; the oldest that ended make room.
    pub bytes: u64,
}

/// Which jobs to list.
#[derive(Clone, Debug)]
pub struct Query {
    /// Whose.
    pub tenant: TenantName,
    /// Only those started by this one; the outer `None`: by anybody.
    pub subject: Option<Option<String>>,
    /// Only those of these plugins.
    pub plugins: Option<Vec<PluginName>>,
    /// Only those.
    pub status: Option<Status>,
    /// Only those begun before that one.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// Which ended jobs to remove.
#[derive(Clone, Debug, Default)]
pub struct Removal {
    /// Only this tenant's; `None`: everybody's.
    pub tenant: Option<TenantName>,
    /// Only those started by this one; the outer `None`: by anybody.
    pub subject: Option<Option<String>>,
    /// Only those of these plugins.
    pub plugins: Option<Vec<PluginName>>,
    /// Only those.
    pub status: Option<Status>,
    /// Only those that ended before; milliseconds since 1970.
    pub before: Option<u64>,
}

type Stored<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// A durable store of jobs.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Adds a job and gives it its place in the order.
    fn insert(&self, job: Job, written: Written) -> Stored<'_, Job>;

    /// One job.
    fn get(&self, id: &JobId) -> Stored<'_, Option<Job>>;

    /// One job and its state.
    fn load(&self, id: &JobId) -> Stored<'_, Option<(Job, Vec<u8>)>>;

    /// How a job ended.
    fn outcome(&self, id: &JobId) -> Stored<'_, Option<Outcome>>;

    /// The arguments that it was begun with.
    fn arguments(&self, id: &JobId) -> Stored<'_, Option<Value>>;

    /// Changes a job that has not ended; gives it as it is afterwards.
    fn update(&self, id: &JobId, edit: Edit) -> Stored<'_, Job>;

    /// Jobs, newest first.
    fn list(&self, query: Query) -> Stored<'_, Vec<Job>>;

    /// All jobs that have not ended, oldest first.
    fn unfinished(&self) -> Stored<'_, Vec<Job>>;

    /// The last lines of a job's log, oldest first.
    fn log(&self, id: &JobId, tail: usize) -> Stored<'_, Vec<Line>>;

    /// Removes ended jobs; tells how many.
    fn remove(&self, removal: Removal) -> Stored<'_, usize>;
}
