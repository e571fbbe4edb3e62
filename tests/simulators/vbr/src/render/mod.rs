//! The model as JSON of one revision: every difference in names, spelling and shape is here.

mod configuration;
mod session;
mod state;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::model::{Kind, Outcome, State, Work, Workload};
use crate::revision::Revision;

pub(crate) use configuration::configuration;
pub(crate) use session::{log, platform, record_status, session};
pub(crate) use state::{job_state, status};

/// Where real servers do not keep to their own document. All off by default: then every answer fits it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Quirks {
    /// Optional properties without a value are `null` instead of absent.
    pub nulls: bool,
    /// Times of files and of what a session does with one machine are local, without an offset.
    pub local_times: bool,
    /// At 1.3, the machines of a job are `{inventoryObject: {…}, size}`, as in the vendor's examples.
    pub nested_includes: bool,
}

/// What an answer is rendered for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cx {
    pub(crate) revision: Revision,
    pub(crate) quirks: Quirks,
    pub(crate) now: OffsetDateTime,
}

impl Cx {
    /// Optional properties into `object`: left out, or null, where there is no value.
    pub(crate) fn extend<const N: usize>(
        self,
        object: &mut Map<String, Value>,
        optional: [(&str, Option<Value>); N],
    ) {
        for (name, value) in optional {
            match value {
                Some(value) => {
                    object.insert(name.to_owned(), value);
                }
                None if self.quirks.nulls => {
                    object.insert(name.to_owned(), Value::Null);
                }
                None => {}
            }
        }
    }
}

/// A name that is the same in every revision but for its case: the old ones write it small.
fn spelled(revision: Revision, name: &'static str) -> String {
    if revision.capitals() {
        name.to_owned()
    } else {
        name[..1].to_lowercase() + &name[1..]
    }
}

/// The type of a job, or `None` where the revision does not expose such jobs.
pub(crate) fn job_type(revision: Revision, kind: Kind) -> Option<&'static str> {
    let name = match (revision.is_1_3(), kind) {
        (_, Kind::Replica) => "VSphereReplica",
        (_, Kind::FileCopy) => "FileBackupCopy",
        (false, Kind::VSphere) => "Backup",
        (false, Kind::HyperV | Kind::BackupCopy | Kind::WindowsAgent | Kind::CloudAws) => {
            return None;
        }
        (true, Kind::VSphere) => "VSphereBackup",
        (true, Kind::HyperV) => "HyperVBackup",
        (true, Kind::BackupCopy) => "BackupCopy",
        (true, Kind::WindowsAgent) => "WindowsAgentBackup",
        (true, Kind::CloudAws) => "CloudBackupAWS",
    };
    crate::lists::job_types(revision)
        .contains(&name)
        .then_some(name)
}

pub(crate) fn session_type(revision: Revision, work: Work, kind: Option<Kind>) -> &'static str {
    let kind = match (work, kind) {
        (Work::Job, Some(kind)) => kind,
        // The job is gone.
        (Work::Job, None) => Kind::VSphere,
        (Work::RestoreVm, _) => return "RestoreVm",
        (Work::RestoreFiles, _) => return "FileLevelRestore",
        (Work::Rescan, _) => return "RepositoryMaintenance",
        (Work::Analyzer, _) if revision.is_1_1() => return "Infrastructure",
        (Work::Analyzer, _) => return "SecurityComplianceAnalyzer",
    };
    match (revision.is_1_3(), kind) {
        _ if revision.is_1_1() => "Job",
        (_, Kind::Replica) => "ReplicaJob",
        (true, Kind::BackupCopy) => "BackupCopyJob",
        (true, Kind::WindowsAgent) => "AgentBackup",
        (true, Kind::FileCopy) => "UnstructuredDataBackupCopy",
        (
            _,
            Kind::VSphere
            | Kind::HyperV
            | Kind::CloudAws
            | Kind::BackupCopy
            | Kind::WindowsAgent
            | Kind::FileCopy,
        ) => "BackupJob",
    }
}

pub(crate) fn workload(revision: Revision, workload: Workload) -> String {
    let name = match workload {
        Workload::Application => "Application",
        Workload::CloudVm => "CloudVm",
        Workload::File => "File",
        Workload::Server => "Server",
        Workload::Vm => "Vm",
    };
    spelled(revision, name)
}

/// `None` is what the API says of a run that has not ended, and of a job that never ran.
pub(crate) fn result(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        None => "None",
        Some(Outcome::Success) => "Success",
        Some(Outcome::Warning) => "Warning",
        Some(Outcome::Failed) => "Failed",
    }
}

pub(crate) fn session_state(state: State) -> &'static str {
    match state {
        State::Starting => "Starting",
        State::Working => "Working",
        State::Postprocessing => "Postprocessing",
        State::Stopping => "Stopping",
        State::Stopped => "Stopped",
    }
}
