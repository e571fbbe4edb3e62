//! A plugin that attacks its host costs its own call and nothing else.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use e2e::{Deployment, Host, mcp};
use serde_json::{Value, json};

/// The hostile plugin, tightly bounded, beside one that behaves.
async fn host() -> Host {
    let tables = format!(
        r#"
[plugins.echo]
component = "{echo}"

[plugins.hostile]
component = "{hostile}"
grant = ["http"]

[plugins.hostile.limits]
memory = "32 MiB"
host-memory = "4 MiB"
cpu-time = "500 ms"
wall-time = "10s"
result-size = "1 MiB"
"#,
        echo = e2e::plugin("echo").display(),
        hostile = e2e::plugin("hostile").display(),
    );
    Host::start(&Deployment::new(&tables)).await
}

async fn echo_answers(client: &mcp::Client) {
    let answer = client
        .call("echo", json!({ "text": "still here" }))
        .await
        .unwrap();
    assert_eq!(mcp::text(&answer), "still here");
}

/// Megabytes of memory that the process holds.
fn resident(host: &Host) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.process_id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn each_limit_is_named_and_ends_that_call_only() {
    let host = host().await;
    let client = mcp::Client::new(host.url());
    let table = [
        ("hostile_loop", json!({}), "cpu-time limit of 500ms"),
        (
            "hostile_allocate",
            json!({}),
            "memory limit of 33554432 bytes",
        ),
        ("hostile_recurse", json!({}), "calls nest too deep"),
        ("hostile_trap", json!({}), "a defect of the plugin"),
        (
            "hostile_sleep",
            json!({ "milliseconds": 3_600_000 }),
            "wall-time limit of 10s",
        ),
        (
            "hostile_big_result",
            json!({ "amount": 2_000_000 }),
            "result-size limit of 1048576 bytes",
        ),
        (
            "hostile_big_result",
            json!({ "amount": 8_000_000 }),
            "host-memory limit of 4194304 bytes",
        ),
        (
            "hostile_hoard",
            json!({ "amount": 1_000_000 }),
            "host-memory limit of 4194304 bytes",
        ),
        // A gigabyte: the guest does not even have it.
        (
            "hostile_big_result",
            json!({ "amount": 1_000_000_000 }),
            "memory limit of 33554432 bytes",
        ),
        (
            "hostile_log",
            json!({ "amount": 1_000_000 }),
            "log-size limit of 262144 bytes",
        ),
        (
            "hostile_loop_in_calls",
            json!({}),
            "cpu-time limit of 500ms",
        ),
        ("hostile_trap_midway", json!({}), "a defect of the plugin"),
        ("hostile_not_text", json!({}), "a defect of the plugin"),
        ("hostile_lie", json!({}), "does not fit its output schema"),
    ];
    echo_answers(&client).await;
    let before = resident(&host);
    for (tool, arguments, expected) in table {
        let answer = client.call(tool, arguments).await.unwrap();
        assert_eq!(answer["isError"], true, "{tool}: {answer}");
        let text = mcp::text(&answer);
        assert!(text.contains(expected), "{tool}: {text}");
        echo_answers(&client).await;
    }
    let after = resident(&host);
    assert!(
        after < before + 64,
        "the host held {before} MiB before and {after} MiB after"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_loops_on_every_core_leave_the_others_served() {
    let host = host().await;
    let client = mcp::Client::new(host.url());
    let loops: Vec<_> = (0..4)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.call("hostile_loop", json!({})).await })
        })
        .collect();
    // Served while the loops run, not after them: each loop has half a second of CPU time of its own.
    for _ in 0..20 {
        echo_answers(&client).await;
    }
    let running = loops.iter().filter(|call| !call.is_finished()).count();
    assert!(
        running > 0,
        "all loops had ended before the last echo was answered"
    );
    for call in loops {
        let answer = call.await.unwrap().unwrap();
        assert!(mcp::text(&answer).contains("cpu-time"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_log_lines_ends_the_call_and_cannot_forge_lines() {
    let host = host().await;
    let client = mcp::Client::new(host.url());
    let answer = client
        .call("hostile_log", json!({ "amount": 100_000 }))
        .await
        .unwrap();
    assert!(
        mcp::text(&answer).contains("log-size limit of 262144 bytes"),
        "{answer}"
    );
    let answer = client
        .call("hostile_log", json!({ "amount": 100 }))
        .await
        .unwrap();
    assert_eq!(mcp::text(&answer), "written");
    let log = host.stop().await;
    assert!(log.len() < 1024 * 1024, "{} bytes of log", log.len());
    assert!(
        !log.lines()
            .any(|line| line.contains("ERROR forged") && !line.contains("toolward::guest")),
        "a line was forged"
    );
    assert!(
        !log.contains('\u{1b}'),
        "an escape sequence reached the log"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_machine_can_be_seen_or_reached() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let host = host().await;
    let client = mcp::Client::new(host.url());
    let attempts = [
        ("hostile_environment", json!({})),
        (
            "hostile_files",
            json!({ "paths": ["/", ".", "..", "/etc/passwd", "/proc/self/environ", "toolward.toml"] }),
        ),
        ("hostile_network", json!({ "address": address })),
    ];
    for (tool, arguments) in attempts {
        let answer = client.call(tool, arguments).await.unwrap();
        assert_eq!(
            answer["structuredContent"],
            json!({ "result": [] }),
            "{tool}: {answer}"
        );
    }
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "a connection came through");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_without_backends_sends_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let host = host().await;
    let client = mcp::Client::new(host.url());
    for authority in [
        &*address,
        "localhost",
        "169.254.169.254",
        "[::1]",
        "vbr",
        "vbr@localhost",
    ] {
        let request = json!({ "authority": authority, "path": "/" });
        let answer = client.call("hostile_request", request).await.unwrap();
        let answer: &Value = &answer["structuredContent"];
        assert_eq!(answer["status"], 0, "{authority}: {answer}");
        let error = answer["error"].as_str().unwrap();
        assert!(
            error == "authority"
                || error.starts_with("denied: plugin \"hostile\"")
                || error.starts_with("invalid-input: "),
            "{authority}: {error}"
        );
    }
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "a connection came through");
}
