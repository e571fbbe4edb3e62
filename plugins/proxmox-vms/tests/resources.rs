//! Prompts, resources, what subscribers are told, and suggestions.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

mod lab;

use lab::Lab;
use pve_simulator::Flavour;
use serde_json::{Value, json};
use toolward_sdk::{Blank, Watched};

fn read(lab: &Lab, uri: &str) -> Value {
    serde_json::from_str(&lab.host().read_text(uri)).unwrap()
}

#[test]
fn every_resource_is_read_on_every_version() {
    for flavour in Flavour::ALL {
        let lab = Lab::new(flavour);
        let nodes = read(&lab, "pve://pve/nodes");
        assert_eq!(nodes["nodes"].as_array().unwrap().len(), 3);
        let storages = read(&lab, "pve://pve/storage");
        assert_eq!(
            storages["storages"].as_array().unwrap().len(),
            9,
            "two of each node, three shared ones"
        );
        let guest = read(&lab, "pve://pve/guests/101");
        assert_eq!(
            (&guest["name"], &guest["config"]["name"]),
            (&json!("web01"), &json!("web01"))
        );
        let started = lab.call("pve_guest_start", json!({ "guests": ["103"] }));
        let upid = started.ok()["results"][0]["task"].as_str().unwrap();
        let task = read(&lab, &format!("pve://pve/tasks/{upid}"));
        assert_eq!(
            (&task["exit"], &task["running"]),
            (&json!("OK"), &json!(false))
        );
        for missing in [
            "pve://pve/guests/999",
            "pve://other/nodes",
            "pve://pve/tasks/UPID",
        ] {
            assert!(lab.host().read(missing).result.is_err(), "{missing}");
        }
        lab.fits();
    }
}

#[test]
fn subscribers_hear_of_changes_and_of_nothing_else() {
    let lab = Lab::new(Flavour::V8);
    let watched = [
        "pve://pve/guests/103",
        "pve://pve/nodes",
        "pve://pve/storage",
    ]
    .map(Watched::new);
    let look = || {
        let before = lab.cluster().stats().total();
        let seen = lab.host().look(&watched).unwrap();
        assert_eq!(
            lab.cluster().stats().total() - before,
            1,
            "one request for all of them"
        );
        seen.into_iter()
            .map(|one| one.unwrap().version)
            .collect::<Vec<_>>()
    };
    let first = look();
    // Time goes by, uptimes and loads with it.
    assert_eq!(look(), first);
    lab.call("pve_guest_start", json!({ "guests": ["103"] }));
    let second = look();
    assert_ne!(second[0], first[0]);
    assert_eq!(second[1..], first[1..]);
    lab.cluster().set_online("pve3", false);
    assert_ne!(look()[1], first[1]);
    let gone = lab
        .host()
        .look(&[Watched::new("pve://pve/guests/999"), Watched::new("x://y")])
        .unwrap();
    assert!(gone.iter().all(Result::is_err));
}

#[test]
fn blanks_are_suggested_from_what_there_is() {
    let lab = Lab::new(Flavour::V8).and("east");
    let host = lab.host();
    let values = |blank: Blank| host.complete(blank).unwrap().values;
    assert_eq!(
        values(Blank::of_prompt("pve_health", "cluster", "l")),
        ["lab"]
    );
    assert_eq!(
        values(Blank::of_prompt("pve_drain_plan", "node", "pve")),
        ["pve1", "pve2", "pve3"]
    );
    let mut blank = Blank::of_resource("pve://{cluster}/guests/{id}", "id", "10");
    blank.filled.push(("cluster".to_owned(), "east".to_owned()));
    assert_eq!(values(blank), ["101", "102", "103", "104"]);
    assert!(values(Blank::of_prompt("pve_health", "nothing", "")).is_empty());
    for (name, blanks) in [
        ("pve_health", vec![]),
        ("pve_capacity", vec![("months", "3")]),
        (
            "pve_drain_plan",
            vec![("node", "pve1"), ("cluster", "east")],
        ),
        ("pve_backup_coverage", vec![("cluster", "lab")]),
        (
            "pve_troubleshoot",
            vec![("guest", "web01"), ("symptom", "slow")],
        ),
    ] {
        let filled = host.prompt(name, &blanks).unwrap();
        let text = format!("{:?}", filled.messages);
        assert!(
            blanks.iter().all(|(_, value)| text.contains(value)),
            "{text}"
        );
        // A prompt names tools that there are.
        let known: Vec<_> = proxmox_vms::PLUGIN
            .definitions()
            .iter()
            .map(|tool| tool.name)
            .collect();
        for word in text
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.starts_with("pve_"))
        {
            assert!(known.contains(&word), "{name}: {word}");
        }
    }
}
