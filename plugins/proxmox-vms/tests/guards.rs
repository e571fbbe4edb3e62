//! What is refused before anything is sent, and what the person is shown.

mod lab;

use lab::Lab;
use pve_simulator::Flavour;
use serde_json::json;
use toolward_sdk::testing::{Answer, Exchange, Host};
use toolward_sdk::{Failure, Reply, Trouble};

#[test]
fn a_dry_run_sends_nothing_and_shows_every_request() {
    let lab = Lab::new(Flavour::V8);
    lab.call(
        "pve_guest_clone",
        json!({ "guest": "9000", "name": "linked", "id": 302 }),
    );
    let before = lab.cluster().tasks().len();
    for (tool, arguments, request) in [
        (
            "pve_guest_stop",
            json!({ "guests": ["101"] }),
            "POST /nodes/pve1/qemu/101/status/stop",
        ),
        (
            "pve_guest_delete",
            json!({ "guest": "proxy" }),
            "DELETE /nodes/pve1/lxc/201",
        ),
        (
            "pve_guest_resize",
            json!({ "guest": "103", "size": "+1G" }),
            "PUT /nodes/pve2/qemu/103/resize",
        ),
        (
            "pve_backup_create",
            json!({ "guests": ["103"], "storage": "nas" }),
            "POST /nodes/pve2/vzdump",
        ),
        (
            "pve_snapshot_create",
            json!({ "guests": ["103"], "name": "aa" }),
            "POST /nodes/pve2/qemu/103/snapshot",
        ),
    ] {
        let mut arguments = arguments;
        arguments["dry_run"] = json!(true);
        let outcome = lab.call(tool, arguments);
        assert_eq!(
            outcome.ok()["plan"][0]["request"],
            request,
            "{}",
            outcome.text
        );
        assert!(
            outcome.ok()["plan"][0]["needs"]
                .as_str()
                .unwrap()
                .contains(" on "),
            "{}",
            outcome.text
        );
        assert!(
            outcome.asked.is_empty() && outcome.requests.iter().all(|sent| sent.method == "GET")
        );
    }
    assert_eq!(lab.cluster().tasks().len(), before);
    // Who depends on it.
    let web = lab.call(
        "pve_guest_delete",
        json!({ "guest": "9000", "dry_run": true }),
    );
    assert!(
        web.text.contains("linked clones depend on it: guest 302"),
        "{}",
        web.text
    );
    let refused = lab.call("pve_guest_delete", json!({ "guest": "9000" }));
    assert_eq!(refused.error().kind, Trouble::Conflict);
    lab.call("pve_guest_shutdown", json!({ "guests": ["101"] }));
    let web = lab.call(
        "pve_guest_delete",
        json!({ "guest": "101", "dry_run": true }),
    );
    for part in [
        "backup job backup-nightly names it",
        "high availability manages it",
    ] {
        assert!(web.text.contains(part), "{part}: {}", web.text);
    }
}

#[test]
fn a_change_between_question_and_answer_is_asked_about_anew() {
    let lab = Lab::new(Flavour::V8);
    let first = lab.call_alone("pve_guest_stop", &json!({ "guests": ["101"] }));
    let key = first.asked[0].key.clone();
    assert!(matches!(first.result, Err(Failure::Suspended(_))));
    lab.call(
        "pve_snapshot_create",
        json!({ "guests": ["101"], "name": "meanwhile" }),
    );
    let second = lab
        .host()
        .answer(&key, json!({ "confirm": true }))
        .call("pve_guest_stop", json!({ "guests": ["101"] }));
    assert_ne!(second.asked[0].key, key);
    assert_eq!(lab.cluster().guest(101).unwrap().status, "running");
    let declined = lab.host().reply(&second.asked[0].key, Reply::Declined);
    let declined = declined.call("pve_guest_stop", json!({ "guests": ["101"] }));
    assert_eq!(declined.error().kind, Trouble::Denied);
}

/// The host takes it only where the operator lets it, and looks at the arguments itself.
#[test]
fn a_callers_own_word_needs_a_yes_and_a_reason() {
    let lab = Lab::new(Flavour::V8);
    let given = |arguments| {
        let called = lab.call_alone("pve_guest_delete", &arguments);
        format!("{:?}", called.asked[0].ask)
    };
    let with = given(json!({ "guest": "201", "confirm": true, "reason": "not used any more" }));
    assert!(
        with.contains("reason_given: Some(\"not used any more\")"),
        "{with}"
    );
    for arguments in [
        json!({ "guest": "201" }),
        json!({ "guest": "201", "confirm": true }),
        json!({ "guest": "201", "confirm": true, "reason": " " }),
        json!({ "guest": "201", "reason": "not used any more" }),
    ] {
        assert!(given(arguments).contains("reason_given: None"));
    }
}

#[test]
fn locked_protected_and_busy_guests_are_left_alone() {
    let mut lab = Lab::new(Flavour::V8);
    lab.settings = json!({ "protected-tags": ["PROTECTED"], "protected-ids": ["200"] });
    lab.cluster().set_lock(103, Some("backup"));
    for (guest, kind) in [
        ("103", Trouble::Conflict),
        ("db01", Trouble::Denied),
        ("dns", Trouble::Denied),
    ] {
        for tool in ["pve_guest_start", "pve_guest_stop", "pve_guest_shutdown"] {
            let outcome = lab.call(tool, json!({ "guests": [guest] }));
            assert_eq!(outcome.error().kind, kind, "{}", outcome.text);
        }
    }
    let drained = lab.call("pve_node_drain", json!({ "node": "pve2" }));
    assert!(
        drained.error().message.contains("protected-ids"),
        "{}",
        drained.text
    );
    lab.settings = json!({ "read-only": true });
    let outcome = lab.call("pve_guest_shutdown", json!({ "guests": ["101"] }));
    assert_eq!(outcome.error().kind, Trouble::Denied);
    lab.settings = json!({ "protected_tags": ["x"] });
    let outcome = lab.call("pve_guest_shutdown", json!({ "guests": ["101"] }));
    assert!(
        outcome.error().message.contains("protected_tags"),
        "{}",
        outcome.text
    );
}

#[test]
fn who_is_meant_must_be_clear() {
    let lab = Lab::new(Flavour::V8);
    let twins = lab.call("pve_guest_status", json!({ "guest": "test" }));
    assert!(
        twins.error().message.contains("(103) on pve2")
            && twins.error().message.contains("(104) on pve3")
    );
    assert_eq!(
        lab.call("pve_guest_status", json!({ "guest": "pve3/test" }))
            .ok()["id"],
        104
    );
    let near = lab.call("pve_guest_status", json!({ "guest": "web" }));
    assert!(
        near.error().message.contains("did you mean web01 (101)"),
        "{}",
        near.text
    );
}

#[test]
fn two_clusters_are_one_and_half_of_one_may_be_away() {
    let lab = Lab::new(Flavour::V8).and("east");
    let list = lab.call("pve_guests", json!({ "limit": 100 }));
    assert_eq!(list.ok()["total"], 14);
    lab.clusters[1].1.set_online("pve3", false);
    let list = lab.call("pve_guests", json!({ "limit": 100 }));
    assert_eq!(list.ok()["nodes_down"], json!({ "east/pve3": 1 }));
    // Which one is meant has to be said.
    let unclear = lab.call("pve_guest_start", json!({ "guests": ["103"] }));
    assert!(
        unclear.error().message.contains("set `cluster`"),
        "{}",
        unclear.text
    );
    lab.call(
        "pve_guest_start",
        json!({ "guests": ["103"], "cluster": "east" }),
    )
    .ok();
    assert_eq!(lab.clusters[1].1.guest(103).unwrap().status, "running");
    assert_eq!(lab.cluster().guest(103).unwrap().status, "stopped");
    let unclear = lab.call("pve_node", json!({ "node": "pve1" }));
    assert!(
        unclear.error().message.contains("lab, east"),
        "{}",
        unclear.text
    );
}

#[test]
fn a_cluster_that_is_away_is_named_and_the_others_are_listed() {
    let lab = Lab::new(Flavour::V8).and("east");
    let away = Answer::refused(Trouble::Unavailable, "backend \"west\" does not answer");
    let mut west = toolward_sdk::Backend::named("west");
    "pve".clone_into(&mut west.answers);
    let host = || {
        let away = away.clone();
        lab.host()
            .backend(west.clone())
            .serve("west", move |_| away.clone())
    };
    let list = host().call("pve_guests", json!({})).structured();
    assert_eq!(
        (&list["total"], &list["unreachable"][0]["cluster"]),
        (&json!(14), &json!("west"))
    );
    let overview = host().call("pve_cluster", json!({})).structured();
    assert_eq!(overview["clusters"].as_array().unwrap().len(), 2);
    let only = Host::new(&proxmox_vms::PLUGIN)
        .backend(west.clone())
        .serve("west", move |_| away.clone());
    assert_eq!(
        only.call("pve_guests", json!({})).error().kind,
        Trouble::Unavailable
    );
}

#[test]
fn odd_answers_are_read_or_explained() {
    let answer = |answer: Answer| {
        let host = Host::new(&proxmox_vms::PLUGIN).expect(
            Exchange::get("pve", "/api2/json/cluster/resources")
                .query("type", "vm")
                .answer(answer),
        );
        host.call("pve_guests", json!({}))
    };
    for empty in [json!({ "data": null }), json!({}), json!({ "data": [] })] {
        assert_eq!(answer(Answer::json(&empty)).structured()["total"], 0);
    }
    let odd = json!({ "data": [{ "type": "qemu", "vmid": "7", "node": "a", "maxmem": "12", "cpu": "0.5" }, { "type": "qemu" }] });
    assert_eq!(
        answer(Answer::json(&odd)).structured()["guests"][0]["id"],
        7
    );
    for (told, kind, part) in [
        (
            Answer::status(401),
            Trouble::Denied,
            "only the operator can help",
        ),
        (Answer::status(595), Trouble::Unavailable, "does not answer"),
        (
            Answer::status(596).header("x-reason-phrase", "TLS handshake failed"),
            Trouble::Unavailable,
            "TLS handshake failed",
        ),
        (
            Answer::status(403),
            Trouble::Denied,
            "needs VM.Audit on /vms",
        ),
        (Answer::status(501), Trouble::Unsupported, "newer"),
        (
            Answer::status(200).body("<html>"),
            Trouble::Internal,
            "not JSON",
        ),
        (
            Answer::status(500)
                .body(r#"{"data":null,"message":"cluster not ready - no quorum?\n"}"#),
            Trouble::Unavailable,
            "quorum",
        ),
    ] {
        let called = answer(told);
        assert_eq!(called.error().kind, kind, "{}", called.error());
        assert!(called.error().message.contains(part), "{}", called.error());
    }
}

#[test]
fn commands_in_guests_are_off_until_the_operator_allows_them() {
    let mut lab = Lab::new(Flavour::V8);
    let command = json!({ "guest": "web01", "command": ["false"] });
    assert!(
        lab.call("pve_guest_exec", command.clone())
            .error()
            .message
            .contains("guest-commands = true")
    );
    lab.settings = json!({ "guest-commands": true });
    let ran = lab.call("pve_guest_exec", command.clone());
    assert_eq!(
        (&ran.ok()["exit_code"], &ran.ok()["error_output"]),
        (&json!(1), &json!("it is false\n"))
    );
    assert!(ran.asked[0].as_str().unwrap().contains("false"));
    lab.cluster().set_agent(101, false);
    assert!(
        lab.call("pve_guest_exec", command)
            .error()
            .message
            .contains("install and start qemu-guest-agent")
    );
    let container = lab.call(
        "pve_guest_exec",
        json!({ "guest": "dns", "command": ["true"] }),
    );
    assert_eq!(container.error().kind, Trouble::Unsupported);
}
