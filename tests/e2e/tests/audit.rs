//! The audit log of the real binary: who did what, without secrets, and no change to it goes unnoticed.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::fs;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use e2e::{Binding, Deployment, Host, mcp};
use serde_json::{Value, json};
use vbr_simulator::{Options, Simulator};

const KEY: &str = "5f2b8c1d9e3a4f6071829304a5b6c7d8e9f00112233445566778899aabbccdde";

const AUDIT: &str = r#"
[audit]
folder = "log"
key = "file:audit.key"
anchor = "anchors"
anchor-interval = "200 ms"
show = { hostile_request = ["path"] }
"#;

fn deployment(simulator: &Simulator) -> Deployment {
    let binding = Binding {
        url: simulator.url(),
        allow: r#"["GET /api/v1/jobs"]"#,
        ..Binding::default()
    };
    let echo = format!(
        "[plugins.echo]\ncomponent = \"{}\"\n",
        e2e::plugin("echo").display()
    );
    let tables = binding.plugin("hostile")
        + "[plugins.hostile.limits]\ncpu-time = \"200 ms\"\n"
        + &echo
        + AUDIT;
    let deployment = binding.deploy(simulator.ca_pem(), &tables);
    deployment.write("audit.key", KEY);
    deployment
}

fn run(deployment: &Deployment, arguments: &[&str]) -> Output {
    Command::new(e2e::binary())
        .args(arguments)
        .arg("--config")
        .arg(deployment.config())
        .output()
        .unwrap()
}

fn text(deployment: &Deployment) -> String {
    fs::read_to_string(deployment.folder().join("log/audit.jsonl")).unwrap_or_default()
}

/// The lines of an event, as soon as there are so many.
async fn lines(deployment: &Deployment, event: &str, number: usize) -> Vec<Value> {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let text = text(deployment);
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines: Vec<_> = lines.filter(|line| line["event"] == event).collect();
        if lines.len() >= number {
            return lines;
        }
        assert!(
            Instant::now() < end,
            "{number} lines of `{event}` do not come:\n{text}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn request(client: &mcp::Client, arguments: Value) {
    client.call("hostile_request", arguments).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_denial_and_login_has_its_line_and_no_line_a_secret() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let deployment = deployment(&simulator);
    let host = Host::start(&deployment).await;
    let client = mcp::Client::new(host.url());
    let version = json!([["x-api-version", "1.2-rev1"]]);
    request(
        &client,
        json!({ "authority": "vbr", "path": "/api/v1/jobs?filter=hunter2", "headers": version }),
    )
    .await;
    request(
        &client,
        json!({ "authority": "vbr", "path": "/api/v1/secrets" }),
    )
    .await;
    request(
        &client,
        json!({ "authority": "169.254.169.254", "path": "/latest" }),
    )
    .await;
    request(&client, json!({ "authority": "vbr", "path": "/api/v1/jobs", "headers": [["authorization", "hunter2"]] })).await;
    client.call("hostile_loop", json!({})).await.unwrap();
    client
        .call("echo", json!({ "text": "hunter2" }))
        .await
        .unwrap();
    // The same log, another process.
    let called = run(
        &deployment,
        &["call", "echo", "--args", r#"{"text":"hunter2"}"#],
    );
    assert!(called.status.success(), "{called:?}");

    let calls = lines(&deployment, "call", 7).await;
    let outcomes: Vec<_> = calls
        .iter()
        .map(|call| call["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(
        outcomes,
        [
            "success", "success", "success", "success", "cpu_time", "success", "success"
        ]
    );
    let first = &calls[0];
    assert_eq!(
        (&first["tool"], &first["plugin"]),
        (&json!("hostile_request"), &json!("hostile"))
    );
    assert_eq!(
        (&first["tenant"], &first["method"]),
        (&json!("local"), &json!("tools/call"))
    );
    assert_eq!(first["digest"].as_str().unwrap().len(), 64);
    assert_eq!(first["requests"][0]["request"], "GET /api/v1/jobs");
    assert_eq!(first["requests"][0]["outcome"], "200");
    assert_eq!(
        (&first["requests"][0]["binding"], &first["sent"]),
        (&json!("vbr01"), &json!(1))
    );
    // The operator lists the path, and so sees what is in it.
    assert_eq!(calls[1]["values"], json!({ "path": "/api/v1/secrets" }));
    assert_eq!(calls[4]["stopped"], "cpu_time");
    assert_eq!(calls[5]["arguments"], calls[6]["arguments"]);
    assert!(calls[5].get("values").is_none());
    assert_eq!(calls[6]["principal"], "local");

    let denials = lines(&deployment, "denial", 3).await;
    for (denial, expected) in
        denials
            .iter()
            .zip(["GET /api/v1/secrets", "169.254.169.254", "`authorization`"])
    {
        assert!(
            denial["denied"].as_str().unwrap().contains(expected),
            "{denial}"
        );
        assert_eq!(denial["tool"], "hostile_request");
    }
    let logins = lines(&deployment, "login", 1).await;
    assert_eq!(
        (&logins[0]["credential"], &logins[0]["outcome"]),
        (&json!("vbr"), &json!("success"))
    );
    assert_eq!(lines(&deployment, "start", 2).await.len(), 2);

    let text = text(&deployment).replace("?filter=hunter2", "");
    let login = Options::default();
    for secret in ["hunter2", KEY, &login.password, "Bearer", "127.0.0.1"] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_log_is_told_with_an_exit_code_of_its_own() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let deployment = deployment(&simulator);
    for _ in 0..3 {
        assert!(
            run(&deployment, &["call", "echo", "--args", r#"{"text":"a"}"#])
                .status
                .success()
        );
    }
    let verified = run(&deployment, &["audit", "verify"]);
    let told = String::from_utf8(verified.stdout).unwrap();
    assert_eq!(verified.status.code(), Some(0), "{told}");
    assert!(
        told.contains("9 lines (1 to 9), none changed; the last checkpoint is of line 9"),
        "{told}"
    );

    let path = deployment.folder().join("log/audit.jsonl");
    let good = fs::read_to_string(&path).unwrap();
    let cut: String = good.split_inclusive('\n').take(7).collect();
    for (bad, problem) in [
        (good.replace("\"success\"", "\"failure\""), "was changed"),
        (cut, "lines are missing at the end"),
    ] {
        fs::write(&path, bad).unwrap();
        let verified = run(&deployment, &["audit", "verify", "--json"]);
        let told: Value = serde_json::from_slice(&verified.stdout).unwrap();
        assert_eq!(
            (verified.status.code(), &told["ok"]),
            (Some(8), &json!(false))
        );
        let first = told["problems"][0]["problem"].as_str().unwrap();
        assert!(first.contains(problem), "{told}");
    }
    fs::write(&path, good).unwrap();
    deployment.write("audit.key", &KEY.replace('5', "6"));
    assert_eq!(
        run(&deployment, &["audit", "verify"]).status.code(),
        Some(8)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_log_that_can_be_kept_nothing_starts() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let deployment = deployment(&simulator);
    deployment.write("audit.key", "short");
    let called = run(&deployment, &["call", "echo", "--args", r#"{"text":"a"}"#]);
    let told = String::from_utf8(called.stderr).unwrap();
    assert!(!called.status.success());
    assert!(
        told.contains("has 5 bytes, and needs 32")
            && told.contains("hint: toolward audit key > audit.key"),
        "{told}"
    );
    let key = run(&deployment, &["audit", "key"]).stdout;
    assert_eq!(String::from_utf8(key).unwrap().trim().len(), 64);
}
