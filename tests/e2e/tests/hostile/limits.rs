//! Each limit is named, and ends that call only.

use e2e::mcp;
use serde_json::json;

use super::support::{Attacked, Recorded, plugin};

/// The hostile plugin, tightly bounded.
fn tables() -> String {
    plugin(
        "hostile",
        r#"
grant = ["http"]

[plugins.hostile.limits]
memory = "32 MiB"
host-memory = "4 MiB"
cpu-time = "500 ms"
wall-time = "10s"
result-size = "1 MiB"
"#,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn each_limit_is_named_and_ends_that_call_only() {
    use Recorded::Outcome;
    let mut attacked = Attacked::start(&tables()).await;
    let table = [
        (
            "hostile_loop",
            json!({}),
            "cpu-time limit of 500ms",
            Outcome("cpu_time"),
        ),
        (
            "hostile_allocate",
            json!({}),
            "memory limit of 33554432 bytes",
            Outcome("memory"),
        ),
        (
            "hostile_recurse",
            json!({}),
            "calls nest too deep",
            Outcome("stack"),
        ),
        (
            "hostile_trap",
            json!({}),
            "a defect of the plugin",
            Outcome("trap"),
        ),
        (
            "hostile_sleep",
            json!({ "milliseconds": 3_600_000 }),
            "wall-time limit of 10s",
            Outcome("wall_time"),
        ),
        (
            "hostile_big_result",
            json!({ "amount": 2_000_000 }),
            "result-size limit of 1048576 bytes",
            Outcome("result_size"),
        ),
        (
            "hostile_big_result",
            json!({ "amount": 8_000_000 }),
            "host-memory limit of 4194304 bytes",
            Outcome("host_memory"),
        ),
        // A gigabyte: the guest does not even have it.
        (
            "hostile_big_result",
            json!({ "amount": 1_000_000_000 }),
            "memory limit of 33554432 bytes",
            Outcome("memory"),
        ),
        (
            "hostile_hoard",
            json!({ "amount": 1_000_000 }),
            "host-memory limit of 4194304 bytes",
            Outcome("host_memory"),
        ),
        (
            "hostile_log",
            json!({ "amount": 1_000_000 }),
            "log-size limit of 262144 bytes",
            Outcome("log_size"),
        ),
        (
            "hostile_loop_in_calls",
            json!({}),
            "cpu-time limit of 500ms",
            Outcome("cpu_time"),
        ),
        (
            "hostile_trap_midway",
            json!({}),
            "a defect of the plugin",
            Outcome("trap"),
        ),
        (
            "hostile_not_text",
            json!({}),
            "a defect of the plugin",
            Outcome("trap"),
        ),
        (
            "hostile_lie",
            json!({}),
            "does not fit its output schema",
            Outcome("defect"),
        ),
    ];
    // What attacks for the first time touches code and pools for the first time.
    attacked
        .client
        .call("hostile_allocate", json!({}))
        .await
        .unwrap();
    attacked.settle().await;
    for (tool, arguments, expected, recorded) in table {
        let text = attacked.attack(tool, arguments).await;
        assert!(text.contains(expected), "{tool}: {text}");
        attacked.is_unharmed(tool, recorded).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_log_lines_cannot_forge_lines() {
    let attacked = Attacked::start(&tables()).await;
    attacked
        .attack("hostile_log", json!({ "amount": 100_000 }))
        .await;
    let answer = attacked
        .client
        .call("hostile_log", json!({ "amount": 100 }));
    assert_eq!(mcp::text(&answer.await.unwrap()), "written");
    let log = attacked.host.stop().await;
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
