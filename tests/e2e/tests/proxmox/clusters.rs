//! Several clusters behind one plugin, and who may confirm.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

use e2e::{Deployment, Host, mcp};
use pve_simulator::{Options, SECRET, Simulator};
use serde_json::{Value, json};

use crate::support::{Login, client};

/// A binding of a simulated cluster.
fn binding(name: &str, simulator: &Simulator, more: &str) -> String {
    format!(
        r#"
[bindings.{name}]
kind = "pve"
url = "{url}"
tls = {{ fingerprint = "{fingerprint}" }}
credential = "pve"
allow = ["GET /api2/json/**", "POST /api2/json/nodes/**", "PUT /api2/json/nodes/**", "DELETE /api2/json/nodes/**"]
{more}
"#,
        url = simulator.url(),
        fingerprint = simulator.fingerprint(),
    )
}

async fn serve(bindings: &str, backends: &str) -> (Host, Deployment) {
    let tables = format!(
        r#"
[jobs]
answer-within = "30 s"
{credential}
{bindings}
[plugins.proxmox-vms]
component = "{component}"
grant = ["http", "form"]
{backends}
"#,
        credential = Login::Token.table(),
        component = e2e::plugin("proxmox-vms").display(),
    );
    let deployment = Deployment::new(&tables);
    deployment.write("pve-token", SECRET);
    (Host::start(&deployment).await, deployment)
}

async fn call(host: &Host, tool: &str, arguments: Value) -> Value {
    let result = client(host).call(tool, arguments).await.unwrap();
    assert_ne!(result["isError"], true, "{tool}: {}", mcp::text(&result));
    result["structuredContent"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clusters_are_served_and_one_half_down_fails_no_list() {
    let east = Simulator::start(&Options::default()).await.unwrap();
    let west = Simulator::start(&Options::default()).await.unwrap();
    let bindings = binding("east", &east, "") + &binding("west", &west, "");
    let backends = "backends = { pve = \"east\" }\nmore-backends = { pve = [\"west\"] }";
    let (host, _deployment) = serve(&bindings, backends).await;

    let list = call(&host, "pve_guests", json!({})).await;
    assert_eq!(list["total"], 14, "{list}");
    west.cluster().set_online("pve2", false);
    west.cluster().set_online("pve3", false);
    west.cluster().set_quorate(false);
    let list = call(&host, "pve_guests", json!({})).await;
    assert_eq!(list["total"], 14, "{list}");
    assert_eq!(
        list["nodes_down"],
        json!({ "west/pve2": 2, "west/pve3": 1 }),
        "{list}"
    );
    let overview = call(&host, "pve_cluster", json!({})).await;
    let states: Vec<_> = overview["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["state"])
        .collect();
    assert_eq!(states, ["quorate", "no quorum"], "{overview}");

    // One order goes where it is meant to go.
    let unclear = client(&host)
        .call("pve_guest_start", json!({ "guests": ["103"] }))
        .await
        .unwrap();
    assert!(mcp::text(&unclear).contains("set `cluster`"), "{unclear}");
    west.cluster().set_online("pve2", true);
    call(
        &host,
        "pve_guest_start",
        json!({ "guests": ["103"], "cluster": "west" }),
    )
    .await;
    assert_eq!(west.cluster().guest(103).unwrap().status, "running");
    assert_eq!(east.cluster().guest(103).unwrap().status, "stopped");

    // The whole of it is away.
    drop(west);
    let list = call(&host, "pve_guests", json!({})).await;
    assert_eq!(
        (&list["total"], &list["unreachable"][0]["cluster"]),
        (&json!(7), &json!("west")),
        "{list}"
    );
    let overview = call(&host, "pve_cluster", json!({})).await;
    assert_eq!(
        overview["clusters"].as_array().unwrap().len(),
        1,
        "{overview}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_own_word_counts_only_where_the_operator_takes_it() {
    let lab = Simulator::start(&Options::default()).await.unwrap();
    let arguments = json!({ "guests": ["101"], "confirm": true, "reason": "it hangs" });
    let backends = "backends = { pve = \"lab\" }";
    for (more, status) in [("", "running"), ("confirm = \"model\"", "stopped")] {
        let (host, _deployment) = serve(&binding("lab", &lab, more), backends).await;
        // Nobody can be asked.
        let silent = mcp::Client::new(host.url());
        let no_reason = json!({ "guests": ["101"], "confirm": true });
        let refused = silent.call("pve_guest_stop", no_reason).await;
        assert!(refused.is_err() || refused.unwrap()["isError"] == true);
        assert_eq!(lab.cluster().guest(101).unwrap().status, "running");
        let _either = silent.call("pve_guest_stop", arguments.clone()).await;
        assert_eq!(lab.cluster().guest(101).unwrap().status, status, "{more}");
    }
}
