//! What people do with it, from end to end through MCP.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

use std::time::{Duration, Instant};

use e2e::{Host, mcp};
use pve_simulator::{Fate, Options};
use serde_json::{Value, json};

use crate::support::{Lab, with_tasks};

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_kept_enlarged_and_rolled_back() {
    let lab = Lab::of(Options::default()).await;
    let cluster = lab.simulator.cluster();
    let before = cluster.guest(101).unwrap();
    lab.call(
        "pve_snapshot_create",
        json!({ "guests": ["web01"], "name": "before-resize" }),
    )
    .await;
    lab.call(
        "pve_guest_resize",
        json!({ "guest": "web01", "disk": "scsi0", "size": "+8G" }),
    )
    .await;
    lab.call(
        "pve_guest_set",
        json!({ "guest": "web01", "memory_mib": 4096 }),
    )
    .await;
    let enlarged = lab
        .call("pve_guest_config", json!({ "guest": "web01" }))
        .await;
    assert_eq!(
        enlarged["disks"][0]["size"]["human"], "40 GiB",
        "{enlarged}"
    );
    assert_eq!(enlarged["memory"]["human"], "4 GiB", "{enlarged}");

    let back = json!({ "guest": "web01", "snapshot": "before-resize", "start": true });
    let (refused, shown) = lab
        .answer("pve_snapshot_rollback", back.clone(), false)
        .await;
    assert_eq!(refused["isError"], true, "{refused}");
    for part in [
        "web01 (101) on pve1",
        "State: running",
        "scsi0",
        "40 GiB",
        "Snapshots: before-resize",
    ] {
        assert!(shown[0].contains(part), "{part}: {}", shown[0]);
    }
    assert_eq!(cluster.guest(101).unwrap().config["memory"], "4096");

    lab.call("pve_snapshot_rollback", back).await;
    let after = cluster.guest(101).unwrap();
    assert_eq!(
        (&after.config, after.status.as_str()),
        (&before.config, "running")
    );
    lab.fits();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_emptied_for_maintenance() {
    let lab = Lab::of(Options::default()).await;
    let cluster = lab.simulator.cluster();
    // Something works on one of them: it stays, and is named.
    cluster.set_lock(102, Some("backup"));
    let dry = lab
        .call("pve_node_drain", json!({ "node": "pve1", "dry_run": true }))
        .await;
    assert_eq!(dry["dry_run"], true, "{dry}");
    assert_eq!(
        dry["plan"][0]["request"], "POST /nodes/pve1/qemu/101/migrate",
        "{dry}"
    );
    assert!(
        dry["notes"][0]
            .as_str()
            .unwrap()
            .contains("locked (backup)"),
        "{dry}"
    );
    assert_eq!(cluster.guest(101).unwrap().node, "pve1");

    let (result, shown) = lab
        .answer("pve_node_drain", json!({ "node": "pve1" }), true)
        .await;
    assert!(
        shown[0].contains("Node pve1 is emptied: one guest move"),
        "{}",
        shown[0]
    );
    assert!(shown[0].contains("Guest 102 stays"), "{}", shown[0]);
    assert_ne!(result["isError"], true, "{}", mcp::text(&result));
    assert_ne!(cluster.guest(101).unwrap().node, "pve1");
    assert_eq!(cluster.guest(102).unwrap().node, "pve1");

    cluster.set_lock(102, None);
    lab.call("pve_node_drain", json!({ "node": "pve1" })).await;
    let left = lab
        .call("pve_guests", json!({ "node": "pve1", "status": "running" }))
        .await;
    assert_eq!(left["total"], 0, "{left}");
    lab.fits();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_tried_out_under_a_new_number() {
    let lab = Lab::of(Options::default()).await;
    let cluster = lab.simulator.cluster();
    let backups = lab.call("pve_backups", json!({ "guest": "web01" })).await;
    let on_server = &backups["backups"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["verification"].is_string())
        .unwrap();
    assert_eq!(on_server["verification"], "failed");
    let backup = backups["backups"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["verification"].is_null())
        .unwrap();
    let backup = backup["backup"].as_str().unwrap();
    let restored = lab
        .call(
            "pve_backup_restore",
            json!({ "backup": backup, "id": 500, "name": "web01-test", "start": true }),
        )
        .await;
    assert_eq!(restored["results"][0]["outcome"], "ok", "{restored}");
    let copy = cluster.guest(500).unwrap();
    assert_eq!(
        (copy.name.as_str(), copy.status.as_str()),
        ("web01-test", "running")
    );
    let text = lab
        .fail("pve_guest_delete", json!({ "guest": "500" }))
        .await;
    assert!(
        text.contains("hint: shut it down with pve_guest_shutdown first"),
        "{text}"
    );
    lab.call("pve_guest_shutdown", json!({ "guests": ["500"] }))
        .await;
    lab.call("pve_guest_delete", json!({ "guest": "web01-test" }))
        .await;
    assert!(cluster.guest(500).is_none() && cluster.guest(101).is_some());
    lab.fits();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_guests_are_one_request() {
    let lab = Lab::of(Options {
        more_guests: 1993,
        ..Options::default()
    })
    .await;
    // The host has asked for the lists of resources once.
    let before = lab.simulator.cluster().stats().total();
    let list = lab
        .call("pve_guests", json!({ "limit": 2000, "full": true }))
        .await;
    assert_eq!(
        (
            list["total"].as_u64(),
            list["guests"].as_array().map(Vec::len)
        ),
        (Some(2000), Some(2000))
    );
    assert_eq!(lab.simulator.cluster().stats().total() - before, 1);
    let found = lab
        .call("pve_guests", json!({ "name": "farm-19*", "tag": "farm" }))
        .await;
    assert_eq!(found["total"], 93, "{found}");
    let stats = lab.simulator.cluster().stats();
    assert_eq!(stats.total() - before, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_resources_and_completions_are_served() {
    let lab = Lab::of(Options::default()).await;
    let client = lab.client();
    let prompts = client.request("prompts/list", json!({})).await.unwrap();
    assert_eq!(prompts["prompts"].as_array().unwrap().len(), 5);
    let filled = json!({ "name": "pve_drain_plan", "arguments": { "node": "pve1" } });
    let filled = client.request("prompts/get", filled).await.unwrap();
    assert!(
        filled["messages"][0]["content"]["text"]
            .as_str()
            .unwrap()
            .contains("pve_node_drain with node=pve1")
    );
    let cluster = "pve";
    for rest in ["nodes", "storage", "guests/101"] {
        let uri = format!("pve://{cluster}/{rest}");
        let read = client
            .request("resources/read", json!({ "uri": uri }))
            .await
            .unwrap();
        let text: Value =
            serde_json::from_str(read["contents"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text["cluster"], cluster, "{text}");
    }
    let listed = client.request("resources/list", json!({})).await.unwrap();
    let uris: Vec<_> = listed["resources"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["uri"].as_str())
        .collect();
    assert!(uris.contains(&"pve://pve/guests/200"), "{uris:?}");
    for missing in ["pve://pve/guests/999", "pve://nowhere/nodes"] {
        assert!(
            client
                .request("resources/read", json!({ "uri": missing }))
                .await
                .is_err(),
            "{missing}"
        );
    }
    let params = json!({
        "ref": { "type": "ref/prompt", "name": "pve_troubleshoot" },
        "argument": { "name": "guest", "value": "we" },
    });
    let completed = client.request("completion/complete", params).await.unwrap();
    assert_eq!(completed["completion"]["values"], json!(["web01"]));
}

/// A job as the host's own interface shows it.
async fn job(host: &Host, id: &str) -> Value {
    let url = host.url().replace("/mcp", &format!("/api/jobs/{id}"));
    let response = mcp::http().get(url).send().await.unwrap();
    response.json().await.unwrap()
}

async fn ended(host: &Host, id: &str) -> Value {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let job = job(host, id).await;
        if ["completed", "failed", "cancelled"]
            .iter()
            .any(|end| job["status"] == *end)
        {
            return job;
        }
        assert!(
            Instant::now() < deadline,
            "it never ended: {job}\n{}",
            host.log()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Begins a migration as a job; gives its id once the cluster has the task.
async fn migrate(lab: &Lab, guests: &[&str]) -> String {
    let arguments = json!({ "guests": guests, "target": "pve3" });
    let task = with_tasks(&lab.host)
        .call("pve_guest_migrate", arguments)
        .await
        .unwrap();
    assert_eq!(task["resultType"], "task", "{task}");
    let deadline = Instant::now() + Duration::from_mins(1);
    while !lab
        .simulator
        .cluster()
        .tasks()
        .iter()
        .any(|(kind, ..)| kind.ends_with("migrate"))
    {
        assert!(
            Instant::now() < deadline,
            "it never began\n{}",
            lab.host.log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    task["taskId"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_in_the_middle_of_a_migration_loses_nothing() {
    let mut lab = Lab::of(Options {
        task_time: Duration::from_secs(15),
        ..Options::default()
    })
    .await;
    let id = migrate(&lab, &["101"]).await;
    lab.host.stop().await;
    let cluster = lab.simulator.cluster();
    let tasks = cluster.tasks();
    assert!(
        tasks.len() == 1 && tasks[0].2.is_none(),
        "it was killed in the middle: {tasks:?}"
    );
    lab.host = Host::start(&lab.deployment).await;
    let job = ended(&lab.host, &id).await;
    assert_eq!(job["status"], "completed", "{job}");
    let result = &job["result"]["structuredContent"]["results"][0];
    assert_eq!(
        (&result["outcome"], &result["guest"]["id"]),
        (&json!("ok"), &json!(101)),
        "{job}"
    );
    assert_eq!(cluster.guest(101).unwrap().node, "pve3");
    // It was begun once.
    let begun = cluster
        .tasks()
        .into_iter()
        .filter(|(kind, ..)| kind.ends_with("migrate"))
        .count();
    assert_eq!(begun, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_tells_its_log_its_warnings_and_its_failures_and_is_cancelled() {
    let lab = Lab::of(Options::default()).await;
    let cluster = lab.simulator.cluster();
    cluster.next_task("vzdump", Fate::Warnings(2));
    cluster.next_task("vzdump", Fate::Fails("no space left on device".to_owned()));
    let arguments = json!({ "guests": ["103", "104"], "storage": "nas" });
    let task = with_tasks(&lab.host)
        .call("pve_backup_create", arguments)
        .await
        .unwrap();
    let job = ended(&lab.host, task["taskId"].as_str().unwrap()).await;
    assert_eq!(job["status"], "completed", "{job}");
    let report = &job["result"]["structuredContent"];
    let outcomes: Vec<_> = report["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["warnings", "failed"], "{report}");
    assert_eq!(
        report["results"][1]["message"], "no space left on device",
        "{report}"
    );
    assert!(
        report["results"][0]["warnings"][0]
            .as_str()
            .unwrap()
            .starts_with("WARN"),
        "{report}"
    );
    let url = lab.host.url().replace(
        "/mcp",
        &format!(
            "/api/jobs/{}/logs?tail=100",
            task["taskId"].as_str().unwrap()
        ),
    );
    let log = mcp::http()
        .get(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        log.contains("104: TASK ERROR: no space left on device"),
        "{log}"
    );

    cluster.next_task("vzdump", Fate::Hangs);
    let arguments = json!({ "guests": ["103"], "storage": "nas" });
    let client = with_tasks(&lab.host);
    let task = client.call("pve_backup_create", arguments).await.unwrap();
    let id = task["taskId"].as_str().unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while cluster.guest(103).unwrap().lock.is_none() {
        assert!(Instant::now() < deadline, "it never began");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    client
        .request("tasks/cancel", json!({ "taskId": id }))
        .await
        .unwrap();
    assert_eq!(ended(&lab.host, id).await["status"], "cancelled");
    assert!(cluster.guest(103).unwrap().lock.is_none());
}
