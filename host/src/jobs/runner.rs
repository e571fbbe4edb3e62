//! What jobs need from the rest of the host: rights, and the plugins that take the steps. `host` provides it; the
//! tests of the driver have one of their own.

use std::fmt;

use futures::future::BoxFuture;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::audit::Unavailable;
use crate::config::PluginName;
use crate::plugin::wit::jobs::{Job as Seen, Step};
use crate::plugin::wit::tools::NewJob;
use crate::plugin::wit::values::{Failure, InputRequest, Output};
use crate::plugin::{CallError, Principal, Reply};

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Right<'a> {
    /// Take a step of a job that this tool started, or start it anew.
    Call {
        /// Whose tool.
        plugin: &'a PluginName,
        /// The tool.
        tool: &'a str,
    },
    /// See jobs that this plugin runs; `None`: that some plugin does.
    Read(Option<&'a PluginName>),
    /// Stop such jobs, answer what they ask, and remove those that ended.
    Cancel(Option<&'a PluginName>),
    /// Do so with everybody's in the tenant.
    Others,
}

/// What [`Authorize::plugins`] is asked about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// [`Right::Read`].
    Read,
    /// [`Right::Cancel`].
    Cancel,
}

/// Somebody may not.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub struct Denied {
    /// Why, for whoever asked.
    pub reason: String,
    /// The scopes that would be enough; none: nothing would.
    pub scopes: Vec<String>,
}

/// Decides what a principal may do, anew each time.
pub trait Authorize: fmt::Debug + Send + Sync + 'static {
    /// Whether the principal may.
    fn authorize(&self, principal: &Principal, right: Right<'_>) -> Result<(), Denied>;

    /// The one who started a job, with the rights of this moment.
    fn renewed(&self, owner: Principal) -> Result<Principal, Denied>;

    /// With the jobs of which plugins the principal may; `None`: of all.
    fn plugins(&self, principal: &Principal, access: Access) -> Option<Vec<PluginName>>;
}

/// Which of the two functions a step is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `jobs.advance`.
    Advance,
    /// `jobs.cancel`.
    Cancel,
}

/// One step to take.
#[derive(Debug)]
pub struct StepCall {
    /// Who takes it.
    pub plugin: PluginName,
    /// On whose behalf.
    pub principal: Principal,
    /// Which function.
    pub kind: Kind,
    /// The same for every repetition of this step.
    pub idempotency_key: String,
    /// What came back for what the last step asked.
    pub answers: Vec<(String, Reply)>,
    /// Ends the step when the host stops.
    pub cancelled: CancellationToken,
    /// The job, as the plugin sees it.
    pub job: Seen,
}

/// The plugin as it is loaded now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Loaded {
    /// Its version.
    pub version: String,
    /// SHA-256 of its component.
    pub digest: String,
    /// The state formats that it can advance.
    pub formats: Vec<u32>,
}

/// Why a step has no end that the plugin told.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StepError {
    /// The plugin is not there at the moment.
    #[error("plugin `{0}` is not loaded")]
    Absent(PluginName),
    /// It could not be recorded, so it was not taken.
    #[error(transparent)]
    Unrecorded(#[from] Unavailable),
    /// The sandbox ended it.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl StepError {
    /// Whether there was no try of the step at all, and one another time may do.
    pub(super) fn is_not_now(&self) -> bool {
        match self {
            Self::Absent(_) => true,
            Self::Call(error) => error.is_not_now(),
            Self::Unrecorded(_) => false,
        }
    }
}

/// What a tool that can start jobs answered.
#[derive(Debug)]
pub enum Begun {
    /// With a job.
    Started(Start),
    /// At once.
    Done(Output),
}

/// A job to begin, and who began it.
#[derive(Debug)]
pub struct Start {
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Value,
    /// The plugin.
    pub plugin: PluginName,
    /// Its version.
    pub version: String,
    /// Its component.
    pub digest: String,
    /// What the tool returned.
    pub job: NewJob,
}

/// Takes steps.
pub trait Runner: Authorize {
    /// The plugin as it is loaded now.
    fn loaded<'a>(&'a self, plugin: &'a PluginName) -> BoxFuture<'a, Result<Loaded, StepError>>;

    /// Takes a step, in a fresh instance.
    fn take(&self, call: StepCall) -> BoxFuture<'_, Result<Result<Step, Failure>, StepError>>;

    /// Whether a result fits what the tool promised; `Err` says how not.
    fn check(&self, tool: &str, output: &Output) -> Result<(), String>;

    /// Whether the plugin may ask for these, and they can be shown; `Err` says which not, and why.
    fn check_requests(&self, plugin: &PluginName, requests: &[InputRequest]) -> Result<(), String>;

    /// Calls the tool anew, for another try of a job. `Err` says why there is none.
    fn begin<'a>(
        &'a self,
        principal: &'a Principal,
        tool: &'a str,
        arguments: &'a Value,
    ) -> BoxFuture<'a, Result<Begun, String>>;
}
