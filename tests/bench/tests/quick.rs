//! The benchmark runs, measures everything, and every call is answered. How fast is not asked here.

use std::process::{Command, Stdio};

use serde_json::Value;

/// What `docs/performance.md` describes and other tools look for.
const RECORDS: [&str; 14] = [
    "bare 1",
    "rmcp 1",
    "ours-fresh 1",
    "bare 2",
    "rmcp 2",
    "ours-fresh 2",
    "rmcp-stdio 1",
    "ours-fresh-stdio 1",
    "start-rmcp 1",
    "start-ours-warm 1",
    "start-ours-cold 1",
    "start-rmcp-stdio 1",
    "start-ours-warm-stdio 1",
    "start-ours-cold-stdio 1",
];

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
    assert_eq!(names, RECORDS);
    for record in records {
        assert_eq!(record["errors"], 0, "{record}");
        for figure in ["calls", "p50_us", "p999_us", "rss_bytes"] {
            let figure = record[figure].as_f64().unwrap_or_default();
            assert!(figure > 0.0, "{record}");
        }
    }
    let fairness = report["fairness"].as_array().expect("fairness is measured");
    let floods: Vec<_> = fairness.iter().map(|one| &one["flood"]).collect();
    assert_eq!(floods, ["loops", "calls"]);
    for one in fairness {
        assert_eq!(one["errors"], 0, "{one}");
        for figure in ["quiet_calls", "flooded_calls", "flooded_p95_us"] {
            let figure = one[figure].as_f64().unwrap_or_default();
            assert!(figure > 0.0, "{one}");
        }
    }
    for ratio in ["ours-fresh/p50/2", "start-ours-warm/p50/1"] {
        let value = report["ratios"][ratio]["value"].as_f64();
        assert!(value.is_some_and(|value| value > 0.0), "{ratio}: {value:?}");
    }
}
