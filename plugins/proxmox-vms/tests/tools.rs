//! Every tool on every version of the simulated API.

mod lab;

use lab::Lab;
use pve_simulator::{Fate, Flavour};
use serde_json::{Value, json};

/// Every tool, on every version; what each changed is looked at in the simulator. The calls build on one another.
#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story, in which each call builds on the last"
)]
fn every_tool_works_on_every_version() {
    for flavour in Flavour::ALL {
        let mut lab = Lab::new(flavour);
        lab.settings = json!({ "guest-commands": true });
        let mut called = std::collections::BTreeSet::new();
        let mut call = |tool: &'static str, arguments: Value| {
            called.insert(tool);
            let outcome = lab.call(tool, arguments.clone());
            assert!(
                outcome.result.is_ok(),
                "{flavour:?} {tool} {arguments}: {}",
                outcome.text
            );
            outcome
        };
        let guest = |id| lab.cluster().guest(id).unwrap();

        let overview = call("pve_cluster", json!({}));
        assert_eq!(overview.ok()["clusters"][0]["state"], "quorate");
        assert_eq!(call("pve_guests", json!({})).ok()["total"], 7);
        call("pve_permissions", json!({}));
        assert_eq!(call("pve_next_id", json!({})).ok()["id"], 100);
        let status = call("pve_guest_status", json!({ "guest": "web01" }));
        assert_eq!(status.ok()["memory"]["human"], "2 GiB");
        let config = call(
            "pve_guest_config",
            json!({ "guest": "pve1/web01", "full": true }),
        );
        assert_eq!(config.ok()["disks"][0]["size"]["bytes"], 34_359_738_368_u64);
        assert_eq!(config.ok()["memory"]["bytes"], 2_147_483_648_u64);
        for name in ["web01", "dns"] {
            let addresses = call("pve_guest_addresses", json!({ "guest": name }));
            assert!(
                addresses.ok()["interfaces"][0]["addresses"][0]
                    .as_str()
                    .unwrap()
                    .contains('/')
            );
        }
        call("pve_usage", json!({ "guest": "101", "timeframe": "hour" }));
        call("pve_usage", json!({ "node": "pve1", "full": true }));
        let storages = call("pve_storage", json!({}));
        let names: Vec<_> = storages.ok()["storages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["storage"].as_str().unwrap())
            .collect();
        assert_eq!(
            names.iter().filter(|name| **name == "ceph").count(),
            1,
            "{names:?}"
        );
        call(
            "pve_storage_content",
            json!({ "storage": "nas", "content": "iso" }),
        );
        call("pve_node", json!({ "node": "pve1" }));
        assert_eq!(
            call("pve_node_services", json!({ "node": "pve1" })).ok()["not_running"],
            json!(["postfix"])
        );
        assert_eq!(
            call("pve_node_updates", json!({ "node": "pve1" })).ok()["count"],
            2
        );
        assert_eq!(
            call("pve_migrate_check", json!({ "guest": "101" })).ok()["how"],
            "live"
        );
        assert_eq!(
            call("pve_migrate_check", json!({ "guest": "dns" })).ok()["how"],
            "with a restart"
        );

        call("pve_guest_start", json!({ "guests": ["103", "proxy"] }));
        assert_eq!(
            (guest(103).status, guest(201).status),
            ("running".to_owned(), "running".to_owned())
        );
        call("pve_guest_suspend", json!({ "guests": ["103"] }));
        assert_eq!(guest(103).status, "paused");
        call("pve_guest_resume", json!({ "guests": ["103"] }));
        call(
            "pve_guest_reboot",
            json!({ "guests": ["103", "201"], "timeout_seconds": 30 }),
        );
        assert_eq!(
            call("pve_guest_reset", json!({ "guests": ["103"] }))
                .asked
                .len(),
            1
        );
        assert_eq!(guest(103).status, "running");
        call("pve_guest_shutdown", json!({ "guests": ["103"] }));
        assert_eq!(guest(103).status, "stopped");
        assert_eq!(
            call("pve_guest_stop", json!({ "guests": ["201"] }))
                .asked
                .len(),
            1
        );
        assert_eq!(guest(201).status, "stopped");

        call(
            "pve_snapshot_create",
            json!({ "guests": ["103", "201"], "name": "before", "description": "a test" }),
        );
        assert_eq!(
            call("pve_snapshots", json!({ "guest": "103" })).ok()["snapshots"][0]["name"],
            "before"
        );
        call(
            "pve_guest_config",
            json!({ "guest": "103", "snapshot": "before" }),
        );
        call(
            "pve_guest_set",
            json!({ "guest": "103", "cores": 2, "memory_mib": 2048, "tags": ["lab"] }),
        );
        call(
            "pve_guest_set",
            json!({ "guest": "201", "cores": 2, "name": "proxy2", "start_on_boot": true }),
        );
        assert_eq!(
            (
                guest(103).config["memory"].as_str(),
                guest(201).name.as_str()
            ),
            ("2048", "proxy2")
        );
        call("pve_guest_resize", json!({ "guest": "103", "size": "+2G" }));
        call(
            "pve_guest_resize",
            json!({ "guest": "201", "disk": "rootfs", "size": "6G" }),
        );
        assert!(
            guest(103).config["scsi0"].ends_with("size=10240M"),
            "{:?}",
            guest(103).config
        );
        assert_eq!(
            call(
                "pve_snapshot_rollback",
                json!({ "guest": "103", "snapshot": "before" })
            )
            .asked
            .len(),
            1
        );
        assert_eq!(guest(103).config["memory"], "1024");
        assert_eq!(
            call(
                "pve_snapshot_delete",
                json!({ "guest": "103", "snapshot": "before" })
            )
            .asked
            .len(),
            1
        );
        assert!(guest(103).snapshots.is_empty());

        call(
            "pve_guest_create",
            json!({ "type": "machine", "name": "fresh", "node": "pve2", "storage": "ceph", "disk_gib": 8, "memory_mib": 1024, "iso": "local:iso/debian-12.iso", "id": 300 }),
        );
        call(
            "pve_guest_create",
            json!({ "type": "container", "name": "box", "node": "pve2", "storage": "ceph", "disk_gib": 4, "memory_mib": 256, "template": "nas:vztmpl/debian-12-standard_12.2-1_amd64.tar.zst", "id": 301, "start": true }),
        );
        assert_eq!(
            (guest(300).name.as_str(), guest(301).status.as_str()),
            ("fresh", "running")
        );
        call(
            "pve_guest_clone",
            json!({ "guest": "9000", "name": "linked", "id": 302 }),
        );
        call(
            "pve_guest_clone",
            json!({ "guest": "103", "name": "copy", "id": 303 }),
        );
        assert_eq!(
            (guest(302).name.as_str(), guest(303).name.as_str()),
            ("linked", "copy")
        );
        assert_eq!(
            call("pve_guest_template", json!({ "guest": "303" }))
                .asked
                .len(),
            1
        );
        assert!(guest(303).template);
        let moved = call(
            "pve_guest_migrate",
            json!({ "guests": ["101", "dns"], "target": "pve3" }),
        );
        assert!(moved.job.is_some());
        assert_eq!(
            (guest(101).node, guest(200).node),
            ("pve3".to_owned(), "pve3".to_owned())
        );
        let drained = call(
            "pve_node_drain",
            json!({ "node": "pve3", "with_local_disks": true }),
        );
        assert_eq!(drained.asked.len(), 1);
        assert!(
            [101, 104, 200]
                .into_iter()
                .all(|id| guest(id).node != "pve3"),
            "{}",
            drained.text
        );

        call(
            "pve_backup_create",
            json!({ "guests": ["300", "301"], "storage": "nas", "notes": "{{guestname}}" }),
        );
        let backups = call("pve_backups", json!({ "guest": "fresh" }));
        let backup = backups.ok()["backups"][0]["backup"]
            .as_str()
            .unwrap()
            .to_owned();
        call(
            "pve_backup_restore",
            json!({ "backup": backup, "id": 400, "name": "again" }),
        );
        assert_eq!(guest(400).name, "again");
        let replaced = call(
            "pve_backup_restore",
            json!({ "backup": backup, "id": 400, "overwrite": true }),
        );
        assert_eq!(
            (replaced.asked.len(), guest(400).name.as_str()),
            (1, "fresh")
        );
        assert_eq!(
            call("pve_backup_delete", json!({ "backup": backup }))
                .asked
                .len(),
            1
        );
        assert!(!lab.cluster().volumes().contains(&backup));
        let jobs = call("pve_backup_jobs", json!({}));
        assert!(
            jobs.ok()["not_covered"]
                .as_array()
                .unwrap()
                .iter()
                .any(|one| one["guest"] == 102)
        );
        assert_eq!(
            call("pve_guest_delete", json!({ "guest": "400" }))
                .asked
                .len(),
            1
        );
        assert!(lab.cluster().guest(400).is_none());

        call(
            "pve_download",
            json!({ "source": "https://example.com/x/alpine.iso", "storage": "nas" }),
        );
        call(
            "pve_download",
            json!({ "source": "alpine", "storage": "nas", "node": "pve1" }),
        );
        assert!(
            lab.cluster()
                .volumes()
                .contains(&"nas:iso/alpine.iso".to_owned())
        );
        assert_eq!(
            call(
                "pve_storage_delete",
                json!({ "volume": "nas:iso/alpine.iso" })
            )
            .asked
            .len(),
            1
        );
        assert!(
            !lab.cluster()
                .volumes()
                .contains(&"nas:iso/alpine.iso".to_owned())
        );

        let ran = call(
            "pve_guest_exec",
            json!({ "guest": "web01", "command": ["echo", "a b", "c"] }),
        );
        assert_eq!(
            (&ran.ok()["output"], &ran.ok()["exit_code"]),
            (&json!("a b c\n"), &json!(0))
        );

        let tasks = call("pve_tasks", json!({ "guest": "101" }));
        let upid = tasks.ok()["tasks"][0]["upid"].as_str().unwrap().to_owned();
        assert_eq!(
            call("pve_task", json!({ "upid": upid })).ok()["status"],
            "ok"
        );
        call("pve_task_wait", json!({ "upid": upid }));
        lab.cluster().next_task("vzdump", Fate::Hangs);
        let host = lab.host();
        let mut job = host
            .call(
                "pve_backup_create",
                json!({ "guests": ["300"], "storage": "nas" }),
            )
            .job();
        assert!(job.step() && job.step() && job.step());
        let running = call("pve_tasks", json!({ "running": true }));
        assert!(
            !running.ok()["tasks"].as_array().unwrap().is_empty(),
            "{:?} {:?}",
            job.state(),
            lab.cluster().tasks()
        );
        let upid = running.ok()["tasks"][0]["upid"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(
            call("pve_task_abort", json!({ "upid": upid })).asked.len(),
            1
        );
        assert!(lab.cluster().guest(300).unwrap().lock.is_none());

        let known: std::collections::BTreeSet<_> = proxmox_vms::PLUGIN
            .definitions()
            .iter()
            .map(|tool| tool.name)
            .collect();
        let missed: Vec<_> = known.difference(&called).collect();
        assert!(missed.is_empty(), "never called: {missed:?}");
        lab.fits();
    }
}
