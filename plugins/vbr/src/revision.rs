//! Revisions of the API, as far as they differ in what they are asked. Differences in what they answer are
//! the readers' affair, and mostly one of tolerance.
//!
//! Where it is not known whether a revision between two known ones has something, it is taken not to have it: the
//! answer then says which revision has.

use std::fmt;
use std::str::FromStr;

use toolward_sdk::{Result, ToolError};

/// A revision of the API, as sent in `x-api-version`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Revision {
    /// `1.1-rev0`, of version 12.0.
    V1_1Rev0,
    /// `1.1-rev1`, of version 12.1.
    V1_1Rev1,
    /// `1.1-rev2`, of a later 12.1.
    V1_1Rev2,
    /// `1.2-rev0`, of version 12.2.
    V1_2Rev0,
    /// `1.2-rev1`, of version 12.3.
    V1_2Rev1,
    /// `1.3-rev0`, of version 13.0.0.
    V1_3Rev0,
    /// `1.3-rev1`, of version 13.0.1 and newer.
    V1_3Rev1,
}

/// Something that not every revision has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Feature {
    /// Retrying what failed in a run.
    Retry,
    /// What a run did with each machine.
    TaskSessions,
    /// The states of proxies.
    ProxyStates,
    /// The licence.
    Licence,
    /// Looking at repositories anew.
    Rescan,
    /// Files of backups.
    BackupFiles,
    /// Events of malware detection.
    Malware,
    /// The security & compliance analyzer.
    BestPractices,
    /// Backup copy jobs, agent jobs and the rest that only 1.3 lists.
    AllJobTypes,
    /// Stopping the jobs that follow, too.
    StopChains,
    /// Filtering a log by its level.
    LogFilter,
}

impl Feature {
    /// The first revision that has it.
    const fn since(self) -> Revision {
        match self {
            Self::Malware => Revision::V1_1Rev1,
            Self::TaskSessions
            | Self::Licence
            | Self::Rescan
            | Self::BackupFiles
            | Self::BestPractices => Revision::V1_2Rev0,
            Self::Retry
            | Self::ProxyStates
            | Self::AllJobTypes
            | Self::StopChains
            | Self::LogFilter => Revision::V1_3Rev0,
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Retry => "retrying a job",
            Self::TaskSessions => "the results of single machines",
            Self::ProxyStates => "the states of proxies",
            Self::Licence => "the licence",
            Self::Rescan => "rescanning repositories",
            Self::BackupFiles => "the files of backups",
            Self::Malware => "malware events",
            Self::BestPractices => "security best practices",
            Self::AllJobTypes => "jobs of all types",
            Self::StopChains => "stopping the jobs that follow",
            Self::LogFilter => "filtering a log",
        }
    }
}

impl Revision {
    /// Every revision that is spoken, oldest first.
    pub const ALL: [Self; 7] = [
        Self::V1_1Rev0,
        Self::V1_1Rev1,
        Self::V1_1Rev2,
        Self::V1_2Rev0,
        Self::V1_2Rev1,
        Self::V1_3Rev0,
        Self::V1_3Rev1,
    ];

    /// What is tried first where nobody says which: a server keeps the older ones.
    pub const NEWEST: Self = Self::V1_3Rev1;

    /// What every server speaks.
    pub const OLDEST: Self = Self::V1_1Rev0;

    /// What to try next when the server does not serve this one.
    #[must_use]
    pub fn older(self) -> Option<Self> {
        Self::ALL.into_iter().rfind(|one| *one < self)
    }

    /// The newest revision that a server of this build serves.
    #[must_use]
    pub fn of_build(build: &str) -> Option<Self> {
        let mut parts = build.split('.').map(|part| part.parse::<u32>().ok());
        let (major, minor, patch) = (parts.next()??, parts.next()??, parts.next()??);
        Some(match (major, minor, patch) {
            (..=11, ..) => return None,
            (12, 0, _) => Self::V1_1Rev0,
            // 1.1-rev2 came within 12.1; a server that has it serves this one, too.
            (12, 1, _) => Self::V1_1Rev1,
            (12, 2, _) => Self::V1_2Rev0,
            (12, ..) => Self::V1_2Rev1,
            (13, 0, 0) => Self::V1_3Rev0,
            _ => Self::V1_3Rev1,
        })
    }

    /// The text of the header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_1Rev0 => "1.1-rev0",
            Self::V1_1Rev1 => "1.1-rev1",
            Self::V1_1Rev2 => "1.1-rev2",
            Self::V1_2Rev0 => "1.2-rev0",
            Self::V1_2Rev1 => "1.2-rev1",
            Self::V1_3Rev0 => "1.3-rev0",
            Self::V1_3Rev1 => "1.3-rev1",
        }
    }

    /// Whether it has this.
    #[must_use]
    pub fn has(self, feature: Feature) -> bool {
        self >= feature.since()
    }

    /// Fails where it does not have this: which one has, and what to do instead.
    pub fn needs(self, feature: Feature, instead: &str) -> Result<()> {
        if self.has(feature) {
            return Ok(());
        }
        Err(ToolError::unsupported(format!(
            "revision {self} of the backup server's API does not offer {}; {} does. hint: {instead}",
            feature.what(),
            feature.since()
        ))
        .into())
    }

    /// Whether names of states begin with a capital letter.
    #[must_use]
    pub fn capitals(self) -> bool {
        self >= Self::V1_3Rev1
    }

    /// Whether a filter by type or result takes several values.
    #[must_use]
    pub fn filters_by_several(self) -> bool {
        self >= Self::V1_3Rev0
    }

    /// Where restore points are listed.
    #[must_use]
    pub fn restore_points(self) -> &'static str {
        match self {
            Self::V1_1Rev0 => "/api/v1/objectRestorePoints",
            _ => "/api/v1/restorePoints",
        }
    }

    /// How a stop says that it waits for what is being processed. The oldest misspells it.
    #[must_use]
    pub fn graceful(self) -> &'static str {
        match self {
            Self::V1_1Rev0 => "gracefullStop",
            _ => "gracefulStop",
        }
    }

    /// The types of sessions that run backup jobs.
    #[must_use]
    pub fn backup_session(self) -> &'static str {
        if self < Self::V1_2Rev0 {
            "Job"
        } else {
            "BackupJob"
        }
    }

    /// The types of jobs that it lists; of the newest, those that were known when this was written.
    #[must_use]
    pub fn job_types(self) -> &'static [&'static str] {
        match self {
            Self::V1_1Rev0 | Self::V1_1Rev1 | Self::V1_1Rev2 => JOB_TYPES_1_1,
            Self::V1_2Rev0 | Self::V1_2Rev1 => JOB_TYPES_1_2,
            Self::V1_3Rev0 => JOB_TYPES_1_3_REV0,
            Self::V1_3Rev1 => JOB_TYPES_1_3,
        }
    }

    /// The job type in this revision's words. The names of one revision are understood at the other, where
    /// both mean the same jobs; names we have never heard of are the server's to judge.
    pub fn job_type(self, asked: &str) -> Result<String> {
        let asked = asked.trim();
        let newer = self >= Self::V1_3Rev0;
        let synonym = match (newer, asked.to_ascii_lowercase().as_str()) {
            (false, "vspherebackup") => "Backup",
            (true, "backup") => "VSphereBackup",
            _ => asked,
        };
        let known = self.job_types();
        if let Some(name) = known.iter().find(|name| name.eq_ignore_ascii_case(synonym)) {
            return Ok((*name).to_owned());
        }
        if self == Self::NEWEST {
            return Ok(asked.to_owned());
        }
        Err(ToolError::unsupported(format!(
            "revision {self} of the backup server's API shows no jobs of type {asked:?}, only {}. hint: leave the \
             type out, or ask for one of these",
            known.join(", ")
        ))
        .into())
    }
}

const JOB_TYPES_1_1: &[&str] = &["Backup"];

const JOB_TYPES_1_2: &[&str] = &[
    "Backup",
    "VSphereReplica",
    "CloudDirectorBackup",
    "EntraIDTenantBackup",
    "EntraIDAuditLogBackup",
    "FileBackupCopy",
];

const JOB_TYPES_1_3_REV0: &[&str] = &[
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
    "EntraIDTenantBackupCopy",
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

/// The operator named a revision that these plugins do not speak.
#[derive(Debug)]
pub struct UnknownRevision(String);

impl fmt::Display for UnknownRevision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&str> = Revision::ALL.iter().map(|one| one.as_str()).collect();
        write!(
            formatter,
            "revision {:?} is not one that this plugin speaks ({}); newer servers \
             serve these, too. hint: ask the operator to set revision = \"{}\", or nothing",
            self.0,
            known.join(", "),
            Revision::NEWEST
        )
    }
}

impl FromStr for Revision {
    type Err = UnknownRevision;

    fn from_str(text: &str) -> Result<Self, UnknownRevision> {
        let text = text.trim();
        let known = Self::ALL.into_iter().find(|one| one.as_str() == text);
        known.ok_or_else(|| UnknownRevision(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use toolward_sdk::{Failure, Trouble};

    use super::*;

    #[test]
    fn types_are_understood_across_revisions_and_in_any_case() {
        for (revision, asked, expected) in [
            (Revision::V1_1Rev0, "VSphereBackup", "Backup"),
            (Revision::V1_2Rev1, "filebackupcopy", "FileBackupCopy"),
            (Revision::V1_3Rev0, "backup", "VSphereBackup"),
            (Revision::V1_3Rev1, "HYPERVBACKUP", "HyperVBackup"),
            (Revision::V1_3Rev1, "ProxmoxBackupJob", "ProxmoxBackupJob"),
        ] {
            assert_eq!(
                revision.job_type(asked).unwrap(),
                expected,
                "{asked} at {revision}"
            );
        }
    }

    #[test]
    fn what_a_revision_lacks_is_said_with_what_has_it() {
        let Err(Failure::Tool(error)) = Revision::V1_2Rev1.job_type("BackupCopy") else {
            panic!("1.2 lists no copy jobs")
        };
        assert_eq!(error.kind, Trouble::Unsupported);
        assert!(error.message.contains("FileBackupCopy"), "{error}");
        let Err(Failure::Tool(error)) = Revision::V1_2Rev1.needs(Feature::Retry, "start it") else {
            panic!("1.2 retries nothing")
        };
        assert!(
            error.message.contains("1.3-rev0 does. hint: start it"),
            "{error}"
        );
    }

    #[test]
    fn a_build_tells_its_newest_revision() {
        for (build, expected) in [
            ("11.0.1.1261", None),
            ("12.0.0.1420", Some(Revision::V1_1Rev0)),
            ("12.1.0.2131", Some(Revision::V1_1Rev1)),
            ("12.2.0.334", Some(Revision::V1_2Rev0)),
            ("12.3.1.1139", Some(Revision::V1_2Rev1)),
            ("13.0.0.4967", Some(Revision::V1_3Rev0)),
            ("13.0.1.180", Some(Revision::V1_3Rev1)),
            ("14.2.0.1", Some(Revision::V1_3Rev1)),
            ("?", None),
        ] {
            assert_eq!(Revision::of_build(build), expected, "{build}");
        }
        assert_eq!(Revision::V1_3Rev0.older(), Some(Revision::V1_2Rev1));
        assert_eq!(Revision::OLDEST.older(), None);
    }

    #[test]
    fn a_revision_that_is_not_spoken_is_refused_with_what_to_do() {
        let error = "1.0-rev2".parse::<Revision>().unwrap_err().to_string();
        assert!(error.contains("hint: ask the operator"), "{error}");
    }
}
