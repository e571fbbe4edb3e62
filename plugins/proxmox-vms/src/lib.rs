//! Proxmox VE, as tools: clusters and nodes, machines and containers, snapshots, backups, storage, tasks.
//!
//! | module | what it decides |
//! |---|---|
//! | `tools` | what the model may ask for, and what it is told: one file for each family |
//! | `guest` | which guest somebody means |
//! | `guard` | what stands between a call and a change: settings, locks, running tasks, the person |
//! | `plan`, `run`, `report` | what a call would change, carrying it out as a job, what came of it |
//! | `api` | requests, the envelope, what errors mean |
//! | `prompts`, `resources` | what there is besides tools |
//! | `loose`, `show`, `upid`, `settings` | values: read, shown, parsed |
//!
//! Not here: addresses, logins, tickets, certificates. Requests go to backends that the operator bound as `pve`, and the
//! host knows the rest.

mod api;
mod guard;
mod guest;
mod loose;
mod plan;
mod prompts;
mod report;
mod resources;
mod run;
mod settings;
mod show;
mod tools;
mod upid;

use toolward_sdk::plugin;

plugin! {
    tools: [
        tools::cluster::pve_cluster,
        tools::guests::pve_guests,
        tools::guest::pve_guest_status,
        tools::guest::pve_guest_config,
        tools::guest::pve_guest_addresses,
        tools::usage::pve_usage,
        tools::snapshots::pve_snapshots,
        tools::backups::pve_backups,
        tools::backups::pve_backup_jobs,
        tools::storage::pve_storage,
        tools::storage::pve_storage_content,
        tools::nodes::pve_node,
        tools::nodes::pve_node_services,
        tools::nodes::pve_node_updates,
        tools::tasks::pve_tasks,
        tools::tasks::pve_task,
        tools::tasks::pve_task_wait,
        tools::migrate::pve_migrate_check,
        tools::cluster::pve_permissions,
        tools::cluster::pve_next_id,
        tools::power::pve_guest_start,
        tools::power::pve_guest_shutdown,
        tools::power::pve_guest_stop,
        tools::power::pve_guest_reboot,
        tools::power::pve_guest_reset,
        tools::power::pve_guest_suspend,
        tools::power::pve_guest_resume,
        tools::create::pve_guest_create,
        tools::create::pve_guest_clone,
        tools::change::pve_guest_set,
        tools::change::pve_guest_resize,
        tools::change::pve_guest_template,
        tools::delete::pve_guest_delete,
        tools::migrate::pve_guest_migrate,
        tools::migrate::pve_node_drain,
        tools::snapshots::pve_snapshot_create,
        tools::snapshots::pve_snapshot_rollback,
        tools::snapshots::pve_snapshot_delete,
        tools::backups::pve_backup_create,
        tools::backups::pve_backup_restore,
        tools::backups::pve_backup_delete,
        tools::storage::pve_download,
        tools::storage::pve_storage_delete,
        tools::tasks::pve_task_abort,
        tools::exec::pve_guest_exec,
    ],
    jobs: [run::Run],
    resources: [resources::nodes, resources::guest, resources::storage, resources::task],
    watch: resources::look,
    prompts: [
        prompts::pve_health,
        prompts::pve_capacity,
        prompts::pve_drain_plan,
        prompts::pve_backup_coverage,
        prompts::pve_troubleshoot,
    ],
    completions: resources::complete,
}
