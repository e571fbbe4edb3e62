//! What no call may do.

use e2e::mcp;
use pve_simulator::{Account, Flavour, Grant, Options, PASSWORD, SECRET, Token};
use serde_json::json;

use crate::support::{Lab, Setup};

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_for_reading_hides_the_tools_that_write() {
    let lab = Lab::start(Setup {
        binding: "read-only = true",
        ..Setup::default()
    })
    .await;
    let tools = lab.client().tools().await;
    assert!(tools.contains(&"pve_guests".to_owned()), "{tools:?}");
    for writes in [
        "pve_guest_start",
        "pve_guest_delete",
        "pve_guest_exec",
        "pve_node_drain",
    ] {
        assert!(!tools.contains(&writes.to_owned()), "{writes}");
    }
    let outcome = lab
        .client()
        .call("pve_guest_start", json!({ "guests": ["103"] }))
        .await;
    assert!(outcome.is_err() || outcome.unwrap()["isError"] == true);
    assert_eq!(
        lab.simulator.cluster().guest(103).unwrap().status,
        "stopped"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn protected_guests_are_only_looked_at() {
    let lab = Lab::start(Setup {
        settings: "protected-tags = [\"protected\"]\nprotected-ids = [\"9000-9999\", 201]",
        ..Setup::default()
    })
    .await;
    lab.call("pve_guest_status", json!({ "guest": "db01" }))
        .await;
    for (tool, arguments) in [
        ("pve_guest_shutdown", json!({ "guests": ["103", "db01"] })),
        (
            "pve_guest_delete",
            json!({ "guest": "9000", "dry_run": true }),
        ),
        ("pve_guest_start", json!({ "guests": ["proxy"] })),
        (
            "pve_guest_clone",
            json!({ "guest": "9000", "name": "a", "id": 9500 }),
        ),
        (
            "pve_guest_set",
            json!({ "guest": "103", "tags": ["protected"] }),
        ),
    ] {
        let text = lab.fail(tool, arguments).await;
        assert!(
            text.contains("only the operator") || text.contains("choose another"),
            "{tool}: {text}"
        );
    }
    let writes = lab.simulator.cluster().stats();
    assert!(
        writes
            .requests
            .keys()
            .all(|request| request.starts_with("GET ")),
        "{:?}",
        writes.requests
    );
}

/// An account that may look at one machine, and switch it.
fn narrow(flavour: Flavour) -> Options {
    Options {
        flavour,
        accounts: vec![Account {
            user: "toolward@pve".to_owned(),
            password: PASSWORD.to_owned(),
            totp: None,
            grants: vec![
                Grant::new("/vms/101", &["VM.Audit"]),
                Grant::new("/nodes", &["Sys.Audit"]),
            ],
        }],
        tokens: vec![Token {
            id: "toolward@pve!agent".to_owned(),
            secret: SECRET.to_owned(),
            privilege_separation: false,
            grants: Vec::new(),
        }],
        ..Options::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_named_with_its_path_on_every_version() {
    for flavour in Flavour::ALL {
        let lab = Lab::of(narrow(flavour)).await;
        assert_eq!(lab.call("pve_guests", json!({})).await["total"], 1);
        let text = lab
            .fail("pve_guest_shutdown", json!({ "guests": ["101"] }))
            .await;
        assert!(
            text.contains("VM.PowerMgmt") && text.contains("/vms/101"),
            "{flavour:?}: {text}"
        );
        let rights = lab.call("pve_permissions", json!({})).await;
        assert_eq!(rights["paths"]["/vms/101"], json!(["VM.Audit"]), "{rights}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_to_ask_means_that_nothing_is_destroyed() {
    let lab = Lab::of(Options::default()).await;
    let silent = mcp::Client::new(lab.host.url());
    let error = silent
        .call("pve_guest_stop", json!({ "guests": ["101"] }))
        .await;
    assert!(error.is_err() || error.unwrap()["isError"] == true);
    // A reply that nobody asked for is no confirmation.
    let params = json!({
        "name": "pve_guest_stop", "arguments": { "guests": ["101"] },
        "inputResponses": { "confirm": { "action": "accept", "content": { "confirm": true } } },
    });
    let outcome = lab.client().request("tools/call", params).await;
    assert!(outcome.is_err() || outcome.unwrap()["resultType"] == "input_required");
    let (refused, shown) = lab
        .answer("pve_guest_stop", json!({ "guests": ["101"] }), false)
        .await;
    assert_eq!((refused["isError"].as_bool(), shown.len()), (Some(true), 1));
    assert_eq!(
        lab.simulator.cluster().guest(101).unwrap().status,
        "running"
    );
    assert_eq!(lab.simulator.cluster().tasks(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_away_is_named_and_fails_no_list() {
    let lab = Lab::of(Options::default()).await;
    lab.simulator.cluster().set_online("pve3", false);
    let list = lab.call("pve_guests", json!({})).await;
    assert_eq!(
        (&list["total"], &list["nodes_down"]["pve3"]),
        (&json!(7), &json!(1)),
        "{list}"
    );
    let overview = lab.call("pve_cluster", json!({})).await;
    let nodes = overview["clusters"][0]["nodes"].as_array().unwrap();
    assert_eq!(
        nodes.iter().filter(|node| node["online"] == false).count(),
        1,
        "{overview}"
    );
    lab.call("pve_backups", json!({})).await;
    for (tool, arguments) in [
        ("pve_guest_status", json!({ "guest": "104" })),
        ("pve_node", json!({ "node": "pve3" })),
    ] {
        let text = lab.fail(tool, arguments).await;
        assert!(
            text.contains("does not answer") && text.contains("pve_cluster"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standalone_node_is_not_a_cluster_without_quorum() {
    let alone = Lab::of(Options {
        cluster: None,
        ..Options::default()
    })
    .await;
    let overview = alone.call("pve_cluster", json!({})).await;
    assert_eq!(overview["clusters"][0]["state"], "standalone", "{overview}");
    let lab = Lab::of(Options::default()).await;
    lab.simulator.cluster().set_quorate(false);
    let overview = lab.call("pve_cluster", json!({})).await;
    assert_eq!(overview["clusters"][0]["state"], "no quorum", "{overview}");
}
