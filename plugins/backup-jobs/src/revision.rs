//! Revisions of the API, as far as they differ in what they are asked. Differences in what they answer are
//! the model's affair, and mostly one of tolerance.

use std::fmt;
use std::str::FromStr;

use toolward_sdk::ToolError;

use crate::tools::list::{LastResult, Status};

/// A revision of the API, as sent in `x-api-version`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Revision {
    /// `1.2-rev1`, of version 12.3.
    V1_2Rev1,
    /// `1.3-rev1`, of version 13.0.1.
    V1_3Rev1,
}

impl Revision {
    /// What is tried first where nobody says which: a server keeps the older ones.
    pub(crate) const NEWEST: Self = Self::V1_3Rev1;

    /// What to try next when the server does not serve this one.
    pub(crate) const fn older(self) -> Option<Self> {
        match self {
            Self::V1_3Rev1 => Some(Self::V1_2Rev1),
            Self::V1_2Rev1 => None,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::V1_2Rev1 => "1.2-rev1",
            Self::V1_3Rev1 => "1.3-rev1",
        }
    }

    /// Whether `POST /jobs/{id}/retry` exists.
    pub(crate) const fn has_retry(self) -> bool {
        matches!(self, Self::V1_3Rev1)
    }

    /// Whether a stop may cancel the jobs that would follow.
    pub(crate) const fn stops_chains(self) -> bool {
        matches!(self, Self::V1_3Rev1)
    }

    /// The job type in this revision's words. The names of one revision are understood at the other, where
    /// both mean the same jobs; names we have never heard of are the server's to judge.
    pub(crate) fn job_type(self, asked: &str) -> Result<String, ToolError> {
        let known = match self {
            Self::V1_2Rev1 => JOB_TYPES_1_2,
            Self::V1_3Rev1 => JOB_TYPES_1_3,
        };
        let asked = asked.trim();
        let synonym = match (self, asked.to_ascii_lowercase().as_str()) {
            (Self::V1_2Rev1, "vspherebackup") => "Backup",
            (Self::V1_3Rev1, "backup") => "VSphereBackup",
            _ => asked,
        };
        if let Some(name) = known.iter().find(|name| name.eq_ignore_ascii_case(synonym)) {
            return Ok((*name).to_owned());
        }
        match self {
            Self::V1_2Rev1 => Err(ToolError::unsupported(format!(
                "revision {self} of the backup server's API shows no jobs of type {asked:?}, only {}",
                known.join(", ")
            ))),
            Self::V1_3Rev1 => Ok(asked.to_owned()),
        }
    }

    /// The job status in this revision's words.
    pub(crate) fn status(self, asked: Status) -> Result<&'static str, ToolError> {
        Ok(match (self, asked) {
            (Self::V1_2Rev1, Status::Running) => "running",
            // It tells apart no more than these three; a stopped job is an inactive one.
            (Self::V1_2Rev1, Status::Inactive | Status::Stopped) => "inactive",
            (Self::V1_2Rev1, Status::Disabled) => "disabled",
            (Self::V1_2Rev1, Status::Enabled | Status::Starting | Status::Stopping) => {
                return Err(ToolError::unsupported(format!(
                    "revision {self} of the backup server's API knows no such status, \
                     only running, inactive and disabled"
                )));
            }
            (Self::V1_3Rev1, Status::Running) => "Running",
            (Self::V1_3Rev1, Status::Inactive) => "Inactive",
            (Self::V1_3Rev1, Status::Stopped) => "Stopped",
            (Self::V1_3Rev1, Status::Disabled) => "Disabled",
            (Self::V1_3Rev1, Status::Enabled) => "Enabled",
            (Self::V1_3Rev1, Status::Starting) => "Starting",
            (Self::V1_3Rev1, Status::Stopping) => "Stopping",
        })
    }
}

/// The same in both revisions.
pub(crate) const fn last_result(asked: LastResult) -> &'static str {
    match asked {
        LastResult::None => "None",
        LastResult::Success => "Success",
        LastResult::Warning => "Warning",
        LastResult::Failed => "Failed",
    }
}

const JOB_TYPES_1_2: &[&str] = &[
    "Backup",
    "VSphereReplica",
    "CloudDirectorBackup",
    "EntraIDTenantBackup",
    "EntraIDAuditLogBackup",
    "FileBackupCopy",
];

const JOB_TYPES_1_3: &[&str] = &[
    "VSphereBackup",
    "HyperVBackup",
    "VSphereReplica",
    "CloudDirectorBackup",
    "EntraIDTenantBackup",
    "EntraIDAuditLogBackup",
    "FileBackupCopy",
    "LegacyBackupCopy",
    "BackupCopy",
    "WindowsAgentBackup",
    "LinuxAgentBackup",
    "FileBackup",
    "ObjectStorageBackup",
    "EntraIDTenantBackupCopy",
    "SureBackupContentScan",
    "CloudBackupAzure",
    "CloudBackupAWS",
    "CloudBackupGoogle",
    "WindowsAgentBackupWorkstationPolicy",
    "LinuxAgentBackupWorkstationPolicy",
    "WindowsAgentBackupServerPolicy",
    "LinuxAgentBackupServerPolicy",
];

impl fmt::Display for Revision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The operator named a revision that this plugin does not speak.
#[derive(Debug)]
pub(crate) struct UnknownRevision(String);

impl fmt::Display for UnknownRevision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "revision {:?} is not one that plugin backup-jobs speaks (1.2-rev1, 1.3-rev1); newer servers \
             serve these, too. hint: ask the operator to set revision = \"1.3-rev1\", or nothing",
            self.0
        )
    }
}

impl FromStr for Revision {
    type Err = UnknownRevision;

    fn from_str(text: &str) -> Result<Self, UnknownRevision> {
        match text.trim() {
            "1.2-rev1" => Ok(Self::V1_2Rev1),
            "1.3-rev1" => Ok(Self::V1_3Rev1),
            other => Err(UnknownRevision(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use toolward_sdk::Trouble;

    use super::*;

    #[test]
    fn types_are_understood_across_revisions_and_in_any_case() {
        let check = |revision: Revision, asked: &str, expected: &str| {
            assert_eq!(
                revision.job_type(asked).unwrap(),
                expected,
                "{asked} at {revision}"
            );
        };
        check(Revision::V1_2Rev1, "VSphereBackup", "Backup");
        check(Revision::V1_2Rev1, "filebackupcopy", "FileBackupCopy");
        check(Revision::V1_3Rev1, "backup", "VSphereBackup");
        check(Revision::V1_3Rev1, "HYPERVBACKUP", "HyperVBackup");
        check(Revision::V1_3Rev1, "ProxmoxBackupJob", "ProxmoxBackupJob");
    }

    #[test]
    fn the_old_revision_says_what_it_does_not_know() {
        let error = Revision::V1_2Rev1.job_type("BackupCopy").unwrap_err();
        assert_eq!(error.kind, Trouble::Unsupported);
        assert!(error.message.contains("FileBackupCopy"), "{error}");
        let error = Revision::V1_2Rev1.status(Status::Starting).unwrap_err();
        assert_eq!(error.kind, Trouble::Unsupported);
        assert_eq!(
            Revision::V1_2Rev1.status(Status::Stopped).unwrap(),
            "inactive"
        );
    }

    #[test]
    fn a_revision_that_is_not_spoken_is_refused_with_what_to_do() {
        let error = "1.1-rev0".parse::<Revision>().unwrap_err().to_string();
        assert!(error.contains("hint: ask the operator"), "{error}");
    }
}
