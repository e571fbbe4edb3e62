//! Texts to begin a conversation with. They say which tools to use and in which order, and what to be careful about.

use toolward_sdk::Message;
use toolward_sdk::prelude::*;

/// Which cluster.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfCluster {
    /// The cluster; all of them where none is named.
    cluster: Option<String>,
}

fn one(text: String) -> Vec<Message> {
    vec![Message::user(text)]
}

fn of(cluster: Option<&String>) -> String {
    cluster.map_or_else(
        || "all clusters".to_owned(),
        |cluster| format!("cluster {cluster}"),
    )
}

/// Looks at the health of the cluster and says what needs attention.
#[prompt(title = "Cluster health")]
pub(crate) fn pve_health(args: OfCluster) -> Result<Vec<Message>> {
    Ok(one(format!(
        "Judge the health of {}. Begin with pve_cluster; for each node that is online look at pve_node and \
         pve_node_services; then pve_tasks with errors=true and pve_backup_jobs. Tell a standalone node apart from a cluster \
         that has lost its quorum. Report in this order: what is broken now, what will break soon (storages above 90 %, \
         memory, guests without backup), what is fine in one line. Name nodes and guests with their numbers. Change nothing.",
        of(args.cluster.as_ref())
    )))
}

/// Which cluster, and how far ahead.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Capacity {
    /// The cluster; all of them where none is named.
    cluster: Option<String>,
    /// How many months to look ahead.
    months: Option<u32>,
}

/// Plans capacity: what is used, how it grows, when it runs out.
#[prompt(title = "Capacity planning")]
pub(crate) fn pve_capacity(args: Capacity) -> Result<Vec<Message>> {
    let months = args.months.unwrap_or(6);
    Ok(one(format!(
        "Plan the capacity of {} for the next {months} months. Use pve_cluster, pve_storage, pve_usage of each node with \
         timeframe=month and timeframe=year, and pve_guests with full=true sorted by memory. Say for processor, memory and \
         each storage: used now, growth each month, when it is full. Say whether the cluster can lose its largest node and \
         still run all guests. End with three measures, the cheapest first. Say what is measured and what is guessed.",
        of(args.cluster.as_ref())
    )))
}

/// Which node.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfNode {
    /// The node.
    node: String,
    /// The cluster, where several are bound.
    cluster: Option<String>,
}

/// Plans how to empty a node for maintenance.
#[prompt(title = "Migrate a node's guests")]
pub(crate) fn pve_drain_plan(args: OfNode) -> Result<Vec<Message>> {
    let cluster = args
        .cluster
        .map_or_else(String::new, |cluster| format!(" of cluster {cluster}"));
    let node = args.node;
    Ok(one(format!(
        "Plan the maintenance of node {node}{cluster}. First pve_cluster: stop here if there is no quorum, or if the others \
         would not have one without {node}. Then pve_node_drain with node={node} and dry_run=true. Show a table of guests: \
         where each goes, live or with a restart, how much is copied, and which cannot move and why (pve_migrate_check tells \
         more). Propose what to do about those. Move nothing before I have agreed; then call pve_node_drain, follow the job, \
         and check with pve_guests node={node} that nothing runs there any more."
    )))
}

/// Checks that every guest is backed up, and that the backups are good.
#[prompt(title = "Backup coverage")]
pub(crate) fn pve_backup_coverage(args: OfCluster) -> Result<Vec<Message>> {
    Ok(one(format!(
        "Check the backups of {}. Use pve_guests (without templates), pve_backup_jobs and pve_backups. Show a table: guest, \
         latest backup and its age, where, verified or not, the job that makes it. First list guests without any backup, then \
         those whose latest is older than its job's schedule, then failed verifications. Propose one guest whose restore \
         should be tested, with the call of pve_backup_restore under a new number that would do it. Change nothing.",
        of(args.cluster.as_ref())
    )))
}

/// Which guest, and what is wrong.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Troubled {
    /// The guest: number, name, or node/name.
    guest: String,
    /// What is wrong, if that is known.
    symptom: Option<String>,
}

/// Finds out what is wrong with a guest.
#[prompt(title = "Troubleshoot a guest")]
pub(crate) fn pve_troubleshoot(args: Troubled) -> Result<Vec<Message>> {
    let symptom = args
        .symptom
        .map_or_else(String::new, |symptom| format!(" What is known: {symptom}."));
    let guest = args.guest;
    Ok(one(format!(
        "Find out what is wrong with guest {guest}.{symptom} Look at pve_guest_status, pve_guest_config, pve_tasks for the \
         guest with errors=true (and pve_task for the log of what failed), pve_usage of the guest and of its node with \
         timeframe=hour, pve_storage for where its disks are, and pve_guest_addresses if it runs. Say the most likely cause, \
         what speaks for it, and what would prove it. Propose one next step; before anything that changes the guest, take a \
         snapshot with pve_snapshot_create and ask me."
    )))
}
