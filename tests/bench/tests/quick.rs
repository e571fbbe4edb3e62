//! The benchmark runs, measures everything, and every call is answered. How fast is not asked here.

use std::process::{Command, Stdio};

use serde_json::Value;

/// What `docs/performance.md` describes and other tools look for: programs that are called over HTTP.
const HTTP: [&str; 11] = [
    "bare",
    "rmcp",
    "rmcp-half-threads",
    "ours-floor",
    "ours-fresh",
    "ours-fresh-named",
    "ours-per-principal",
    "ours-session",
    "ours-rest",
    "ours-backend",
    "direct-backend",
];

/// Those that are called over pipes.
const STDIO: [&str; 2] = ["rmcp-stdio", "ours-fresh-stdio"];

const STARTS: [&str; 7] = [
    "start-rmcp",
    "start-ours-warm",
    "start-ours-10-plugins",
    "start-ours-cold",
    "start-rmcp-stdio",
    "start-ours-warm-stdio",
    "start-ours-cold-stdio",
];

/// What comes after those, one at a time or at one number of connections.
const OTHERS: [&str; 27] = [
    "reload 1",
    "inside-sandbox 1",
    "inside-backend 1",
    "inside-direct 1",
    "inside-token 1",
    "plugins-1 1",
    "plugins-1 64",
    "plugins-1-list 1",
    "plugins-10 1",
    "plugins-10 64",
    "plugins-10-list 1",
    "tools-1 1",
    "tools-1-list 1",
    "tools-100 1",
    "tools-100-list 1",
    "size-100-B 1",
    "size-100-B-rmcp 1",
    "size-1-kB 1",
    "size-1-kB-rmcp 1",
    "size-10-kB 1",
    "size-10-kB-rmcp 1",
    "size-100-kB 1",
    "size-100-kB-rmcp 1",
    "size-1-MB 1",
    "size-1-MB-rmcp 1",
    "clients-1 1",
    "clients-100 1",
];

/// Points of the curves of memory.
const POINTS: [&str; 10] = [
    "plugins 1",
    "plugins 10",
    "sdk-plugins 0",
    "sdk-plugins 10",
    "tools 1",
    "tools 100",
    "sessions 1",
    "sessions 100",
    "clients 1",
    "clients 100",
];

/// What is promised.
const RATIOS: [&str; 17] = [
    "backend-added",
    "cpu-fresh",
    "cpu-per-principal",
    "fairness-backend",
    "fairness-bodies",
    "fairness-calls",
    "fairness-loops",
    "fairness-loops-backend",
    "memory-per-plugin",
    "memory-per-session",
    "p99-fresh",
    "reload",
    "sandbox-alone",
    "throughput-1000-plugins",
    "throughput-fresh",
    "token-cache-hit",
    "warm-start",
];

/// Calls that read lists, with the most requests that each may take of a server with a thousand jobs.
const LISTS: [(&str, u64); 6] = [
    ("jobs-failed", 1),
    ("jobs-named-200", 1),
    ("job-without-accents", 5),
    ("job-why", 8),
    ("sessions-failed", 1),
    ("sessions-failed-200", 1),
];

/// What a call may have unless the operator says otherwise.
const MEMORY: u64 = 64 * 1024 * 1024;

#[test]
fn everything_is_measured_without_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("report.json");
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["--quick", "--json", "--connections", "1,2", "--output"])
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .expect("the benchmark can be started");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    let written = std::fs::read(&file).expect("the report is written");
    assert_eq!(written, output.stdout);

    let report: Value = serde_json::from_slice(&written).expect("the report is JSON");
    let records = report["records"].as_array().expect("there are records");
    let names: Vec<String> = records
        .iter()
        .map(|record| {
            let name = record["name"].as_str().unwrap_or_default();
            format!("{name} {}", record["connections"])
        })
        .collect();
    let mut expected = Vec::new();
    for connections in ["1", "2"] {
        expected.extend(HTTP.map(|name| format!("{name} {connections}")));
    }
    for connections in ["1", "2"] {
        expected.extend(STDIO.map(|name| format!("{name} {connections}")));
    }
    expected.extend(STARTS.map(|name| format!("{name} 1")));
    expected.extend(OTHERS.map(str::to_owned));
    assert_eq!(names, expected);
    for record in records {
        assert_eq!(record["errors"], 0, "{record}");
        let is_process = !record["name"]
            .as_str()
            .unwrap_or_default()
            .starts_with("inside-");
        for figure in ["calls", "p50_us", "p999_us", "rss_bytes"] {
            let figure = &record[figure];
            let measured = figure.as_f64().is_some_and(|figure| figure > 0.0);
            assert!(measured || figure.is_null() && !is_process, "{record}");
        }
    }
    let points = report["scale"].as_array().expect("there are curves");
    let points = points.iter().map(|point| {
        let curve = point["curve"].as_str().unwrap_or_default();
        format!("{curve} {}", point["size"])
    });
    assert_eq!(points.collect::<Vec<_>>(), POINTS);
    let fairness = report["fairness"].as_array().expect("fairness is measured");
    let floods: Vec<_> = fairness.iter().map(|one| &one["flood"]).collect();
    assert_eq!(
        floods,
        ["loops", "calls", "bodies", "backend", "loops-backend"]
    );
    for one in fairness {
        assert_eq!(one["errors"], 0, "{one}");
        for figure in ["quiet_calls", "flooded_calls", "flooded_p95_us"] {
            let figure = one[figure].as_f64().unwrap_or_default();
            assert!(figure > 0.0, "{one}");
        }
    }
    lists(&report["lists"]);
    let comparisons = [
        "ours-fresh/p50/2",
        "start-ours-warm/p50/1",
        "jobs-failed/p50/1",
        "sessions-failed-200/bytes/1",
    ];
    for name in comparisons {
        let value = report["comparisons"][name]["value"].as_f64();
        assert!(value.is_some_and(|value| value > 0.0), "{name}: {value:?}");
    }
    ratios(&report["ratios"]);
    instructions(&report["instructions"]);
}

/// What is not counted has a reason. Valgrind need not be there, and with --quick the host is left out.
fn instructions(counted: &Value) {
    let records = counted["records"].as_array().expect("there are kinds");
    assert_eq!(records.len(), 8);
    for record in records {
        let instructions = &record["instructions_per_call"];
        let is_counted = instructions.as_f64().is_some_and(|number| number > 0.0);
        let is_explained = instructions.is_null() && counted["problem"].is_string();
        assert!(is_counted || is_explained, "{counted}");
    }
}

/// Each promise is there, and was measured; whether it holds depends on the machine.
fn ratios(ratios: &Value) {
    let all = ratios.as_object().expect("there are ratios");
    let names: Vec<&str> = all.keys().map(String::as_str).collect();
    assert_eq!(names, RATIOS);
    for (name, ratio) in all {
        assert!(ratio["limit"].as_f64() > Some(0.0), "{name}: {ratio}");
        assert!(ratio["holds"].is_boolean(), "{name}: {ratio}");
    }
}

/// Only what is needed is transferred and returned, within the memory that a call has; no speed here either.
fn lists(lists: &Value) {
    assert_eq!(lists["jobs"], 1_000);
    assert!(lists["sessions"].as_u64() > Some(10_000), "{lists}");
    let records = lists["records"].as_array().expect("there are records");
    assert_eq!(records.len(), LISTS.len());
    for (record, (name, most)) in records.iter().zip(LISTS) {
        assert_eq!(record["name"], name);
        assert_eq!(record["errors"], 0, "{record}");
        let requests = record["requests"].as_u64().expect("is a number");
        assert!((1..=most).contains(&requests), "{record}");
        let memory = record["memory_bytes"].as_u64().expect("is a number");
        assert!((1..=MEMORY).contains(&memory), "{record}");
        for figure in ["p50_us", "direct_p50_us", "returned_bytes"] {
            assert!(record[figure].as_f64() > Some(0.0), "{record}");
        }
        // The baseline sends the same requests, and gets the same answers but for what changes from second to second.
        let (ours, direct) = (&record["received_bytes"], &record["direct_bytes"]);
        let (ours, direct) = (ours.as_f64().unwrap_or(0.0), direct.as_f64().unwrap_or(1.0));
        assert!((ours / direct - 1.0).abs() < 0.1, "{record}");
        assert!(ours < 1_000_000.0, "{record}");
    }
}
