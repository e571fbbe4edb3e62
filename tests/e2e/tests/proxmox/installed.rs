//! The test of the whole idea: the plugin comes into a host that serves already, by the operator's commands alone.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use e2e::operator::Operator;
use e2e::{Deployment, Host, Session, mcp, versions};
use pve_simulator::{Options, SECRET, Simulator};
use serde_json::{Value, json};

use crate::support::{Login, client};

const TOOLS: &str = "notifications/tools/list_changed";

/// Runs the binary in this folder.
fn toolward(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(e2e::binary())
        .args(arguments)
        .current_dir(folder)
        .env_remove("TOOLWARD_CONFIG")
        .output()
        .unwrap()
}

#[track_caller]
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    text
}

/// Puts more lines at the end of the configuration.
fn add(deployment: &Deployment, tables: &str) {
    let text = fs::read_to_string(deployment.config()).unwrap();
    versions::put(&deployment.config(), (text + tables).as_bytes());
}

/// A host that serves another plugin; the clusters are bound, but nobody uses them yet.
fn before(simulator: &Simulator) -> Deployment {
    let deployment = Deployment::new(&format!(
        r#"
[reload]
settle-time = "60 ms"
[jobs]
answer-within = "30 s"
{credential}
[bindings.lab]
kind = "pve"
url = "{url}"
tls = {{ ca-file = "lab.pem" }}
credential = "pve"
allow = ["GET /api2/json/**", "POST /api2/json/nodes/**", "PUT /api2/json/nodes/**", "DELETE /api2/json/nodes/**"]
[plugins.echo]
component = "{echo}"
"#,
        credential = Login::Token.table(),
        url = simulator.url(),
        echo = e2e::plugin("echo").display(),
    ));
    deployment.write("lab.pem", simulator.ca_pem());
    deployment.write("pve-token", SECRET);
    deployment
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_signed_installed_into_a_running_host_and_used() {
    let lab = Simulator::start(&Options::default()).await.unwrap();
    let deployment = before(&lab);
    let host = Host::start(&deployment).await;
    let operator = Operator::of(&host);
    let process = host.process_id();
    let session = Session::open(host.url()).await;
    let mut of_session = session.listener().await;
    let mut listener = client(&host).listen().await;
    let others = session.tools().await;
    assert!(!others.iter().any(|tool| tool.starts_with("pve_")));

    // Its author, elsewhere: what was built, and a key of their own.
    let author = tempfile::tempdir().unwrap();
    let built = e2e::plugin("proxmox-vms");
    fs::copy(built, author.path().join("proxmox-vms.wasm")).unwrap();
    let keygen = ["plugin", "keygen", "acme", "--unencrypted", "--json"];
    let made: Value = serde_json::from_str(&said(&toolward(author.path(), &keygen))).unwrap();
    let key = made["key"].as_str().unwrap();
    let install = |json: &[&str]| {
        let from = author.path().join("proxmox-vms.wasm");
        let from = from.display().to_string();
        let config = deployment.config().display().to_string();
        let arguments = [&["plugin", "install", &from, "--config", &config][..], json];
        toolward(deployment.folder(), &arguments.concat())
    };
    // Neither unsigned nor from whom the operator does not trust.
    let refused = install(&[]);
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    let sign = ["plugin", "sign", "proxmox-vms.wasm", "--key", "acme.key"];
    said(&toolward(author.path(), &sign));
    let refused = install(&[]);
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");

    // The operator: trust, install, paste what the command printed, name the binding.
    add(
        &deployment,
        &format!(
            "[publishers.acme]\nkeys = [{{ key = \"{key}\" }}]\nplugins = [\"proxmox-vms\"]\n"
        ),
    );
    let printed = said(&install(&[]));
    assert!(printed.contains("acme"), "{printed}");
    assert_eq!(session.tools().await, others, "it is not configured yet");
    let table = printed.split_once("[plugins.proxmox-vms]").unwrap().1;
    assert!(
        table.contains("backends = { pve = \"BINDING\" }"),
        "{table}"
    );
    let table = table.replace("BINDING", "lab");
    add(&deployment, &format!("[plugins.proxmox-vms]{table}\n"));

    listener.wait_for(TOOLS).await;
    of_session.wait_for(TOOLS).await;
    operator.until_serving("proxmox-vms", "0.1.0").await;
    let tools = session.tools().await;
    assert!(others.iter().all(|tool| tools.contains(tool)), "{tools:?}");
    assert!(tools.contains(&"pve_node_drain".to_owned()), "{tools:?}");

    // By the session of before, and by anybody.
    let list = session.call("pve_guests", json!({})).await.unwrap();
    assert_eq!(list["structuredContent"]["total"], 7, "{list}");
    let start = json!({ "guests": ["103"] });
    let started = client(&host).call("pve_guest_start", start).await.unwrap();
    assert_ne!(started["isError"], true, "{}", mcp::text(&started));
    let cluster = lab.cluster();
    assert_eq!(cluster.guest(103).unwrap().status, "running");
    let moved = json!({ "guests": ["101"], "target": "pve2" });
    let moved = client(&host).call("pve_guest_migrate", moved).await;
    assert_ne!(moved.as_ref().unwrap()["isError"], true, "{moved:?}");
    assert_eq!(cluster.guest(101).unwrap().node, "pve2");
    // What was there before has not noticed.
    let echo = session.call("echo", json!({ "text": "still" })).await;
    assert_eq!(mcp::text(&echo.unwrap()), "still");

    // Once more finds it configured and at its place, signed by whom the operator trusts.
    let again: Value = serde_json::from_str(&said(&install(&["--json"]))).unwrap();
    assert_eq!(
        (&again["configured"], &again["signer"]["publisher"]),
        (&json!(true), &json!("acme")),
        "{again}"
    );

    // One process all along: that of the beginning, which began to serve once.
    assert_eq!(host.process_id(), process);
    let log = host.terminate().await;
    assert_eq!(log.matches("/mcp").count(), 1, "{log}");
}
