//! What the plugin asks and what the simulator answers, held against the vendor's OpenAPI documents: by the simulator's
//! own checker, which is stricter than the document, and by Prism, which is not ours.
//!
//! The documents are not part of this repository. Where they do not lie beside the checkout, these tests say that they
//! checked nothing.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use e2e::{Binding, Deployment, Host, Tools, mcp};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use vbr_simulator::openapi::Checker;
use vbr_simulator::{Options, Revision, Simulator};

/// The vendor's document of a revision.
fn document(revision: Revision) -> Option<PathBuf> {
    let name = format!("vbr-{revision}.openapi.json");
    let path = e2e::repository()
        .join("../shared/reference/schemas")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    e2e::tell(format_args!(
        "skipped: the vendor's document of {revision} is not there"
    ));
    None
}

async fn host(url: &str, tls: String, revision: Revision, certificate: &str) -> (Deployment, Host) {
    let binding = Binding {
        url: url.to_owned(),
        tls,
        allow: r#"["GET /**", "POST /api/v1/jobs/*/*"]"#,
        revision,
        more: format!("facts = {{ revision = \"{revision}\" }}\nconfirm = \"model\""),
    };
    let plugin = binding
        .plugin("backup-jobs")
        .replace("[\"http\"]", "[\"http\", \"form\"]");
    let deployment = binding.deploy(certificate, &plugin);
    let host = Host::start(&deployment).await;
    (deployment, host)
}

/// Uses every tool, with every filter, rightly and wrongly. Gives the texts of those calls that should have gone well
/// and did not.
async fn use_everything(client: &mcp::Client, revision: Revision) -> Vec<String> {
    let mut failed = Vec::new();
    let mut call = async |tool: &str, arguments: Value, well: bool| {
        let answer = client.call(tool, arguments.clone()).await.unwrap();
        if (answer["isError"] != true) != well {
            failed.push(format!("{tool} {arguments}: {}", mcp::text(&answer)));
        }
        answer["structuredContent"].clone()
    };
    let all = call("backup_jobs_list", json!({ "limit": 200 }), true).await;
    let job = all["jobs"][0].clone();
    for filter in [
        json!({ "limit": 2, "skip": 1 }),
        json!({ "name": job["name"] }),
        json!({ "type": job["type"] }),
        json!({ "last_result": "failed" }),
        json!({ "name": "no such job \u{201c}anywhere\u{201d}" }),
    ] {
        call("backup_jobs_list", filter, true).await;
    }
    for one in all["jobs"].as_array().unwrap() {
        let arguments = json!({ "job": one["id"], "whole_configuration": true });
        call("backup_jobs_get", arguments, true).await;
    }
    // Another one than the failed one, which is retried below.
    let at_rest = |job: &&Value| {
        job["status"] != "running" && job["status"] != "disabled" && job["last_result"] != "failed"
    };
    let at_rest = all["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .find(at_rest)
        .unwrap();
    let order = json!({ "job": at_rest["id"], "confirm": true, "reason": "a test" });
    call("backup_jobs_start", order.clone(), true).await;
    call("backup_jobs_start", order.clone(), false).await;
    call("backup_jobs_stop", order.clone(), true).await;
    let missing = json!({ "job": "00000000-0000-4000-8000-000000000000" });
    call("backup_jobs_get", missing.clone(), false).await;
    call("backup_jobs_start", missing, false).await;
    let was_failed = all["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|job| job["last_result"] == "failed");
    let broken = was_failed.unwrap();
    call("backup_jobs_why", json!({ "job": broken["id"] }), true).await;
    let retry = json!({ "job": broken["id"], "confirm": true, "reason": "a test" });
    call("backup_jobs_retry", retry, revision >= Revision::V1_3Rev0).await;
    failed
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_answers_fit_the_vendors_document() {
    for revision in Revision::ALL {
        let Some(checker) = Checker::load(revision) else {
            continue;
        };
        let options = Options {
            jobs: 12,
            checkers: vec![checker],
            ..Options::default()
        };
        let simulator = Simulator::start(options).await.unwrap();
        let tls = Binding::default().tls;
        let (_folder, host) = host(&simulator.url(), tls, revision, simulator.ca_pem()).await;
        let client = mcp::Client::new(host.url());
        let failed = use_everything(&client, revision).await;
        assert!(failed.is_empty(), "{revision}:\n{}", failed.join("\n"));
        let stats = simulator.stats();
        let violations: Vec<String> = stats.violations.iter().map(ToString::to_string).collect();
        assert!(
            violations.is_empty(),
            "{revision}:\n{}",
            violations.join("\n")
        );
        assert!(stats.total() > 20, "{revision}: {stats:?}");
    }
}

/// Prism as a proxy: it checks each request and each answer and turns a violation into an error.
struct Prism {
    _child: Child,
    url: String,
}

impl Prism {
    async fn start(document: PathBuf, upstream: &str) -> Self {
        let tools = Tools::installed();
        let port = free_port();
        let mut child = Command::new(&tools.node)
            .arg(
                tools
                    .node_modules
                    .join("@stoplight/prism-cli/dist/index.js"),
            )
            .args([
                "proxy",
                "--errors",
                "--host",
                "127.0.0.1",
                "--port",
                &port.to_string(),
            ])
            .arg(document)
            .arg(upstream)
            // The simulator's certificate is its own.
            .env("NODE_TLS_REJECT_UNAUTHORIZED", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains("Prism is listening") {
                    return;
                }
            }
            panic!("Prism ended before it listened");
        };
        tokio::time::timeout(Duration::from_mins(2), listening)
            .await
            .expect("Prism starts");
        // Whoever fills the pipe would wait for ever.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            _child: child,
            url: format!("http://127.0.0.1:{port}"),
        }
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[tokio::test(flavor = "multi_thread")]
async fn prism_finds_nothing_between_host_and_backend() {
    for revision in Revision::ALL {
        let Some(document) = document(revision) else {
            continue;
        };
        let simulator = Simulator::start(Options {
            jobs: 6,
            ..Options::default()
        })
        .await
        .unwrap();
        let prism = Prism::start(document, &simulator.url()).await;
        let (_folder, host) = host(&prism.url, String::new(), revision, "").await;
        let client = mcp::Client::new(host.url());
        let failed = use_everything(&client, revision).await;
        assert!(failed.is_empty(), "{revision}:\n{}", failed.join("\n"));
        assert!(
            simulator.stats().total() > 15,
            "{revision}: {:?}",
            simulator.stats()
        );
    }
}
