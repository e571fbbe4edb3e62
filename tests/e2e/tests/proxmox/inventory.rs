//! The lists, filtered as people ask for them.

use pve_simulator::Options;
use serde_json::{Value, json};

use crate::support::Lab;

fn ids(list: &Value) -> Vec<u64> {
    let guests = list["guests"].as_array().into_iter().flatten();
    guests.filter_map(|guest| guest["id"].as_u64()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_filter_of_the_inventory_leaves_the_right_guests() {
    let lab = Lab::of(Options::default()).await;
    for (filter, expected) in [
        (json!({ "node": "PVE2" }), &[103, 200][..]),
        (json!({ "type": "container" }), &[200, 201]),
        (
            json!({ "type": "machine", "status": "stopped" }),
            &[103, 9000],
        ),
        (json!({ "status": "running", "node": "pve1" }), &[101, 102]),
        (json!({ "tag": "Prod" }), &[101, 102, 200]),
        (json!({ "pool": "dev" }), &[101]),
        (json!({ "template": true }), &[9000]),
        (json!({ "name": "WEB" }), &[101]),
        (json!({ "name": "te?t" }), &[103, 104]),
        (json!({ "name": "102" }), &[102]),
        (json!({ "name": "nobody" }), &[]),
    ] {
        let list = lab.call("pve_guests", filter.clone()).await;
        assert_eq!(ids(&list), expected, "{filter}: {list}");
    }
    let pages = lab
        .call("pve_guests", json!({ "limit": 2, "skip": 2 }))
        .await;
    assert_eq!(
        (ids(&pages), &pages["next_skip"]),
        (vec![103, 104], &json!(4))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_tells_nodes_and_high_availability() {
    let lab = Lab::of(Options::default()).await;
    let overview = lab.call("pve_cluster", json!({})).await;
    let cluster = &overview["clusters"][0];
    assert_eq!(cluster["ha"]["managed"], 1, "{overview}");
    let nodes = cluster["nodes"].as_array().map(Vec::len);
    assert_eq!(nodes, Some(3), "{overview}");
    let guest = lab.call("pve_guests", json!({ "name": "web01" })).await;
    assert_eq!(guest["guests"][0]["ha"], "started", "{guest}");
}
