//! Every tool through MCP, on every version, with both logins.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use pve_simulator::{Fate, Flavour, Options};
use serde_json::{Value, json};

use crate::support::{Lab, Login, Setup, with_tasks};

/// Calls tools, and remembers which.
struct Story {
    lab: Lab,
    called: BTreeSet<String>,
}

impl Story {
    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.called.insert(tool.to_owned());
        self.lab.call(tool, arguments).await
    }

    async fn all<const N: usize>(&mut self, calls: [(&str, Value); N]) {
        for (tool, arguments) in calls {
            self.call(tool, arguments).await;
        }
    }

    #[track_caller]
    fn state(&self, id: u32) -> (String, String) {
        let guest = self.lab.simulator.cluster().guest(id).unwrap();
        (guest.node, guest.status)
    }
}

#[track_caller]
fn is(found: &(String, String), node: &str, status: &str) {
    assert_eq!((found.0.as_str(), found.1.as_str()), (node, status));
}

async fn looks(story: &mut Story) {
    assert_eq!(story.call("pve_guests", json!({})).await["total"], 7);
    assert_eq!(story.call("pve_next_id", json!({})).await["id"], 100);
    story
        .all([
            ("pve_cluster", json!({})),
            ("pve_permissions", json!({})),
            ("pve_guest_status", json!({ "guest": "web01" })),
            ("pve_guest_config", json!({ "guest": "pve1/web01" })),
            ("pve_guest_addresses", json!({ "guest": "dns" })),
            ("pve_usage", json!({ "guest": "101", "timeframe": "hour" })),
            ("pve_storage", json!({})),
            ("pve_storage_content", json!({ "storage": "nas" })),
            ("pve_node", json!({ "node": "pve1" })),
            ("pve_node_services", json!({ "node": "pve1" })),
            ("pve_node_updates", json!({ "node": "pve1" })),
            ("pve_migrate_check", json!({ "guest": "101" })),
            ("pve_backup_jobs", json!({})),
        ])
        .await;
}

async fn switches(story: &mut Story) {
    let guests = json!({ "guests": ["103"] });
    for (tool, status) in [
        ("pve_guest_start", "running"),
        ("pve_guest_suspend", "paused"),
        ("pve_guest_resume", "running"),
        ("pve_guest_reboot", "running"),
        ("pve_guest_reset", "running"),
        ("pve_guest_shutdown", "stopped"),
    ] {
        story.call(tool, guests.clone()).await;
        assert_eq!(story.state(103).1, status, "{tool}");
    }
    let container = json!({ "guests": ["proxy"] });
    story.call("pve_guest_start", container.clone()).await;
    assert_eq!(story.state(201).1, "running");
    story.call("pve_guest_stop", container).await;
    assert_eq!(story.state(201).1, "stopped");
}

async fn changes(story: &mut Story) {
    let before = story.lab.simulator.cluster().guest(103).unwrap().config;
    let snapshot = json!({ "guest": "103", "snapshot": "before" });
    story
        .all([
            (
                "pve_snapshot_create",
                json!({ "guests": ["103"], "name": "before" }),
            ),
            ("pve_snapshots", json!({ "guest": "103" })),
            (
                "pve_guest_set",
                json!({ "guest": "103", "cores": 2, "memory_mib": 2048 }),
            ),
            ("pve_guest_resize", json!({ "guest": "103", "size": "+2G" })),
        ])
        .await;
    let changed = story.lab.simulator.cluster().guest(103).unwrap().config;
    assert_eq!(changed["memory"], "2048");
    story.call("pve_snapshot_rollback", snapshot.clone()).await;
    let after = story.lab.simulator.cluster().guest(103).unwrap().config;
    assert_eq!(after, before);
    story.call("pve_snapshot_delete", snapshot).await;
}

async fn comes_and_goes(story: &mut Story) {
    story
        .all([
            (
                "pve_guest_create",
                json!({
                    "type": "machine", "name": "fresh", "node": "pve2", "storage": "ceph", "disk_gib": 8,
                    "memory_mib": 1024, "iso": "local:iso/debian-12.iso", "id": 300,
                }),
            ),
            (
                "pve_guest_create",
                json!({
                    "type": "container", "name": "box", "node": "pve2", "storage": "ceph", "disk_gib": 4,
                    "memory_mib": 256, "template": "nas:vztmpl/debian-12-standard_12.2-1_amd64.tar.zst",
                    "id": 301, "start": true,
                }),
            ),
            (
                "pve_guest_clone",
                json!({ "guest": "103", "name": "copy", "id": 303 }),
            ),
            ("pve_guest_template", json!({ "guest": "303" })),
            (
                "pve_guest_migrate",
                json!({ "guests": ["101", "dns"], "target": "pve3" }),
            ),
        ])
        .await;
    is(&story.state(300), "pve2", "stopped");
    is(&story.state(301), "pve2", "running");
    is(&story.state(101), "pve3", "running");
    is(&story.state(200), "pve3", "running");
    assert!(story.lab.simulator.cluster().guest(303).unwrap().template);
    let drain = json!({ "node": "pve3", "with_local_disks": true });
    story.call("pve_node_drain", drain).await;
    assert_ne!(story.state(101).0, "pve3");
    story
        .call("pve_guest_delete", json!({ "guest": "303" }))
        .await;
    assert!(story.lab.simulator.cluster().guest(303).is_none());
}

async fn keeps(story: &mut Story) {
    story
        .call(
            "pve_backup_create",
            json!({ "guests": ["300"], "storage": "nas" }),
        )
        .await;
    let backups = story.call("pve_backups", json!({ "guest": "fresh" })).await;
    let backup = backups["backups"][0]["backup"].as_str().unwrap();
    let restore = json!({ "backup": backup, "id": 400, "name": "again" });
    story.call("pve_backup_restore", restore).await;
    assert_eq!(story.state(400).1, "stopped");
    story
        .call("pve_backup_delete", json!({ "backup": backup }))
        .await;
    let iso = "nas:iso/alpine.iso";
    let source = "https://example.com/x/alpine.iso";
    story
        .call(
            "pve_download",
            json!({ "source": source, "storage": "nas" }),
        )
        .await;
    let volumes = story.lab.simulator.cluster().volumes();
    assert!(volumes.iter().any(|one| one == iso), "{volumes:?}");
    story
        .call("pve_storage_delete", json!({ "volume": iso }))
        .await;
    let volumes = story.lab.simulator.cluster().volumes();
    assert!(
        !volumes.iter().any(|one| one == iso || one == backup),
        "{volumes:?}"
    );
    let command = json!({ "guest": "web01", "command": ["echo", "a b", "c"] });
    let ran = story.call("pve_guest_exec", command).await;
    assert_eq!(ran["output"], "a b c\n", "{ran}");
}

async fn follows(story: &mut Story) {
    let tasks = story.call("pve_tasks", json!({ "guest": "101" })).await;
    let upid = json!({ "upid": tasks["tasks"][0]["upid"] });
    assert_eq!(story.call("pve_task", upid.clone()).await["status"], "ok");
    story.call("pve_task_wait", upid).await;
    let cluster = story.lab.simulator.cluster().clone();
    cluster.next_task("vzdump", Fate::Hangs);
    let arguments = json!({ "guests": ["300"], "storage": "nas" });
    let client = with_tasks(&story.lab.host);
    client.call("pve_backup_create", arguments).await.unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    let running = loop {
        let running = story.call("pve_tasks", json!({ "running": true })).await;
        if running["tasks"][0]["upid"].is_string() {
            break running;
        }
        assert!(Instant::now() < deadline, "it never began: {running}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let upid = json!({ "upid": running["tasks"][0]["upid"] });
    story.call("pve_task_abort", upid).await;
    assert!(cluster.guest(300).unwrap().lock.is_none());
}

async fn every_tool(flavour: Flavour, login: Login) {
    let lab = Lab::start(Setup {
        options: Options {
            flavour,
            task_time: Duration::from_millis(50),
            ..Options::default()
        },
        credential: login.table(),
        settings: "guest-commands = true",
        ..Setup::default()
    })
    .await;
    let known = lab.client().tools().await;
    let mut story = Story {
        lab,
        called: BTreeSet::new(),
    };
    looks(&mut story).await;
    switches(&mut story).await;
    changes(&mut story).await;
    comes_and_goes(&mut story).await;
    keeps(&mut story).await;
    follows(&mut story).await;
    let missed: Vec<_> = known
        .iter()
        .filter(|tool| tool.starts_with("pve_") && !story.called.contains(*tool))
        .collect();
    assert!(known.len() > 40 && missed.is_empty(), "{missed:?}");
    let stats = story.lab.simulator.cluster().stats();
    let logins = u64::from(login == Login::Ticket);
    assert_eq!((stats.logins, stats.failed_logins), (logins, 0));
    story.lab.fits();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tool_works_with_a_token_on_every_version() {
    for flavour in Flavour::ALL {
        every_tool(flavour, Login::Token).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tool_works_with_a_ticket_on_every_version() {
    for flavour in Flavour::ALL {
        every_tool(flavour, Login::Ticket).await;
    }
}
