//! The closed lists of the API, per revision, as far as a query may name them.

use crate::revision::Revision;

/// The values of a list.
type List = &'static [&'static str];

pub(crate) fn job_types(revision: Revision) -> List {
    match revision {
        Revision::V1_1Rev0 | Revision::V1_1Rev1 | Revision::V1_1Rev2 => &["Backup"],
        Revision::V1_2Rev0 | Revision::V1_2Rev1 => JOB_TYPES_1_2,
        Revision::V1_3Rev0 => JOB_TYPES_1_3_REV0,
        Revision::V1_3Rev1 => JOB_TYPES_1_3,
    }
}

pub(crate) fn job_statuses(revision: Revision) -> List {
    match revision {
        Revision::V1_3Rev0 => JOB_STATUSES_1_3_REV0,
        Revision::V1_3Rev1 => JOB_STATUSES_1_3,
        _ => JOB_STATUSES_1_2,
    }
}

pub(crate) const fn job_columns() -> List {
    JOB_COLUMNS
}

pub(crate) fn state_columns(revision: Revision) -> List {
    if revision.is_1_3() {
        STATE_COLUMNS_1_3
    } else {
        STATE_COLUMNS_1_2
    }
}

pub(crate) fn workloads(revision: Revision) -> List {
    if revision.capitals() {
        WORKLOADS_1_3
    } else {
        WORKLOADS_1_2
    }
}

pub(crate) const fn results() -> List {
    RESULTS
}

pub(crate) const fn session_states() -> List {
    SESSION_STATES
}

pub(crate) fn session_columns(revision: Revision) -> List {
    if revision.is_1_3() {
        SESSION_COLUMNS_1_3
    } else {
        SESSION_COLUMNS_1_2
    }
}

pub(crate) fn session_types(revision: Revision) -> List {
    if revision.is_1_3() {
        SESSION_TYPES_1_3
    } else if revision.is_1_1() {
        SESSION_TYPES_1_1
    } else {
        SESSION_TYPES_1_2
    }
}

pub(crate) const fn record_statuses() -> List {
    RECORD_STATUSES
}

const JOB_TYPES_1_2: List = &[
    "Backup",
    "VSphereReplica",
    "CloudDirectorBackup",
    "EntraIDTenantBackup",
    "EntraIDAuditLogBackup",
    "FileBackupCopy",
];

const JOB_TYPES_1_3_REV0: List = &[
    "Unknown",
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

const JOB_TYPES_1_3: List = &[
    "Unknown",
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

const JOB_STATUSES_1_2: List = &["running", "inactive", "disabled"];

const JOB_STATUSES_1_3_REV0: List = &[
    "running", "inactive", "disabled", "enabled", "stopping", "stopped", "starting",
];

const JOB_STATUSES_1_3: List = &[
    "Running", "Inactive", "Disabled", "Enabled", "Stopping", "Stopped", "Starting",
];

const JOB_COLUMNS: List = &["Name", "Type", "Description"];

const STATE_COLUMNS_1_2: List = &[
    "Name",
    "Type",
    "Status",
    "LastRun",
    "LastResult",
    "NextRun",
    "Description",
    "RepositoryId",
    "ObjectsCount",
];

const STATE_COLUMNS_1_3: List = &[
    "Name",
    "Type",
    "Status",
    "LastRun",
    "LastResult",
    "NextRun",
    "Description",
    "RepositoryId",
    "ObjectsCount",
    "RepositoryName",
    "AfterJobName",
];

const WORKLOADS_1_2: List = &[
    "application",
    "cloudVm",
    "file",
    "server",
    "workstation",
    "vm",
];

const WORKLOADS_1_3: List = &[
    "Application",
    "CloudVm",
    "File",
    "Server",
    "Workstation",
    "Vm",
];

const RESULTS: List = &["None", "Success", "Warning", "Failed"];

const SESSION_STATES: List = &[
    "Stopped",
    "Starting",
    "Stopping",
    "Working",
    "Pausing",
    "Resuming",
    "WaitingTape",
    "Idle",
    "Postprocessing",
    "WaitingRepository",
    "WaitingSlot",
];

const SESSION_COLUMNS_1_2: List = &[
    "Name",
    "SessionType",
    "CreationTime",
    "EndTime",
    "State",
    "Result",
];

const SESSION_COLUMNS_1_3: List = &[
    "Name",
    "SessionType",
    "CreationTime",
    "EndTime",
    "State",
    "Result",
    "InitiatedBy",
];

/// As far as this server has such sessions.
const SESSION_TYPES_1_1: List = &[
    "Infrastructure",
    "Job",
    "ConfigurationBackup",
    "RestoreVm",
    "FileLevelRestore",
    "RepositoryMaintenance",
];

const SESSION_TYPES_1_2: List = &[
    "Infrastructure",
    "BackupJob",
    "Automation",
    "ConfigurationBackup",
    "PublishBackupContentViaMount",
    "RepositoryMaintenance",
    "RepositoryEvacuate",
    "InfrastructureItemDeletion",
    "RestoreVm",
    "InstantRecovery",
    "FirstClassDiskInstantRestore",
    "AzureApplianceDeploy",
    "QuickMigration",
    "FileLevelRestore",
    "LinuxFileLevelRestore",
    "ReplicaJob",
    "ConfigurationResynchronize",
    "Failover",
    "PlannedFailover",
    "PermanentFailover",
    "UndoFailover",
    "Failback",
    "CommitFailback",
    "UndoFailback",
    "SwitchReplicaToProduction",
    "CloudDirectorVmRestore",
    "CloudDirectorVAppRestore",
    "MalwareDetection",
    "FirstClassDiskQuickMigration",
    "EntraIdRestore",
    "SecurityComplianceAnalyzer",
    "FileServerSave",
    "SureBackup",
    "NasRestore",
    "UnstructuredDataBrowse",
    "UnstructuredDownloadMeta",
    "DeleteBackup",
    "BackgroundOperation",
    "EntraIdRescanRepository",
];

const SESSION_TYPES_1_3: List = &[
    "Infrastructure",
    "BackupJob",
    "Automation",
    "ConfigurationBackup",
    "PublishBackupContentViaMount",
    "RepositoryMaintenance",
    "RepositoryEvacuate",
    "InfrastructureItemDeletion",
    "RestoreVm",
    "InstantRecovery",
    "FirstClassDiskInstantRestore",
    "AzureApplianceDeploy",
    "QuickMigration",
    "FileLevelRestore",
    "LinuxFileLevelRestore",
    "ReplicaJob",
    "ConfigurationResynchronize",
    "Failover",
    "PlannedFailover",
    "PermanentFailover",
    "UndoFailover",
    "Failback",
    "CommitFailback",
    "UndoFailback",
    "SwitchReplicaToProduction",
    "CloudDirectorVmRestore",
    "CloudDirectorVAppRestore",
    "MalwareDetection",
    "FirstClassDiskQuickMigration",
    "EntraIdRestore",
    "EntraIdRestoreFromCopy",
    "UnstructuredDataBackupCopy",
    "SecurityComplianceAnalyzer",
    "FileServerSave",
    "SureBackup",
    "NasRestore",
    "LogsExport",
    "TestCredentials",
    "SqlLogBackup",
    "OracleLogBackup",
    "PostgreSqlLogBackup",
    "AzureInstantRecovery",
    "AzureInstantRecoveryMigration",
    "AzureInstantRecoverySwitchover",
    "AzureInstantRecoveryStart",
    "AzureInstantRecoveryStop",
    "AzureInstantRecoveryMigrationUndo",
    "AzureInstantRecoveryMount",
    "FileInstantRecovery",
    "FileInstantRecoveryMigration",
    "PublishBackupContentViaNfs",
    "VolumesDiscover",
    "DeleteBackup",
    "BackgroundOperation",
    "AgentDiscovery",
    "AgentPolicy",
    "AgentBackup",
    "AgentOperationPurgeCache",
    "ApplianceUpdatesInstall",
    "FailoverPlan",
    "FailoverPlanTask",
    "UnstructuredDataBrowse",
    "BackupCopyJob",
    "UnstructuredDownloadMeta",
    "EntraIdRescanRepository",
    "HostComponentsUpdate",
    "CopyBackup",
    "FileBackupHealthCheck",
    "SureBackupContentScan",
    "ArchiveBackup",
    "ArchiveRehydration",
    "ArchiveSync",
    "ArchiveCopy",
    "ArchiveFreezing",
    "RetrieveBackup",
    "ArchiveTierDownload",
    "DirectBackupSync",
    "CheckpointRemoval",
    "Retention",
];

const RECORD_STATUSES: List = &["None", "Succeeded", "Warning", "Failed"];
