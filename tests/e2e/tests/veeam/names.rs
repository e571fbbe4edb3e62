//! The names of the tools are promises: they are these, and the documentation has each of them beside its peers.

use std::fs;
use std::path::Path;

use serde_json::json;
use vbr_simulator::Simulator;

use crate::{Setting, Site, options};

/// None goes away and none is renamed.
const TOOLS: [(&str, &[&str]); 3] = [
    (
        "backup-jobs",
        &[
            "copies", "disable", "enable", "get", "list", "next", "objects", "retry", "running",
            "schedule", "start", "stop", "why",
        ],
    ),
    (
        "sessions",
        &[
            "failed", "get", "list", "log", "restores", "running", "stop", "task_log", "tasks",
        ],
    ),
    (
        "repositories",
        &[
            "backups",
            "below",
            "best_practices",
            "config_backup",
            "files",
            "license",
            "license_workloads",
            "list",
            "malware",
            "managed_servers",
            "objects",
            "proxies",
            "rescan",
            "restore_points",
            "scale_out",
            "server_info",
        ],
    ),
];

/// Those that may be answered with a job instead of a result, and so promise no client the shape of it.
const JOBS: [&str; 3] = [
    "backup_jobs_start",
    "backup_jobs_retry",
    "repositories_rescan",
];

/// Those of the first Veeam MCP server.
const PEERS: [&str; 17] = [
    "veeam_list_backup_jobs",
    "veeam_list_backup_sessions",
    "veeam_get_backup_job_details",
    "veeam_get_backup_job_schedule",
    "veeam_list_backup_proxies",
    "veeam_list_backup_repositories",
    "veeam_get_license_info",
    "veeam_get_license_workloads",
    "veeam_get_server_info",
    "veeam_start_backup_job",
    "veeam_stop_backup_job",
    "veeam_list_running_sessions",
    "veeam_list_running_backup_jobs",
    "veeam_list_failed_sessions",
    "veeam_list_backup_copy_jobs",
    "veeam_list_restore_points",
    "veeam_get_session_log",
];

fn names() -> Vec<String> {
    let names = TOOLS.iter().flat_map(|(plugin, tools)| {
        let prefix = plugin.replace('-', "_");
        tools.iter().map(move |tool| format!("{prefix}_{tool}"))
    });
    names.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_have_the_names_that_they_always_had() {
    let simulator = Simulator::start(options(4)).await.unwrap();
    let site = Site::start(&[&simulator], &Setting::default()).await;
    let tools = site
        .client()
        .request("tools/list", json!({}))
        .await
        .unwrap();
    let mut expected = names();
    expected.sort();
    let mut found = Vec::new();
    for tool in tools["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        // Those of the host itself are about its jobs.
        if name.starts_with("job_") {
            continue;
        }
        let schema = &tool["outputSchema"];
        assert_eq!(schema.is_object(), !JOBS.contains(&name), "{name}");
        found.push(name.to_owned());
    }
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn every_tool_is_in_the_documentation_and_every_peer_beside_one_of_ours() {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    let read = |plugin: &&str| fs::read_to_string(plugins.join(plugin).join("README.md")).unwrap();
    let text: String = TOOLS.iter().map(|(plugin, _)| read(plugin)).collect();
    let names = names();
    for name in &names {
        let rows = text.lines().filter(|line| line.starts_with("| `"));
        let mut rows = rows.filter(|line| line.contains(&format!("`{name}`")));
        assert!(rows.next().is_some(), "{name} is in no table");
    }
    for peer in PEERS {
        let mut rows = text
            .lines()
            .filter(|line| line.contains(&format!("`{peer}`")));
        let row = rows.next().unwrap_or_else(|| panic!("{peer} is nowhere"));
        let mut ours = names.iter();
        assert!(ours.any(|name| row.contains(&format!("`{name}`"))), "{row}");
    }
}
