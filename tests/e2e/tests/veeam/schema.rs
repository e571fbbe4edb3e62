//! Every reading tool through the host, requests and answers held against the vendor's documents where they are present.

use serde_json::json;
use vbr_simulator::openapi::Checker;
use vbr_simulator::{Options, Revision, Simulator};

use crate::{Setting, Site, confirmed, options, well};

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_answers_of_every_tool_fit_the_vendors_document() {
    for revision in Revision::ALL {
        let Some(checker) = Checker::load(revision) else {
            continue;
        };
        let simulator = Simulator::start(Options {
            revisions: Revision::ALL
                .into_iter()
                .filter(|one| *one <= revision)
                .collect(),
            checkers: vec![checker],
            ..options(16)
        })
        .await
        .unwrap();
        let setting = Setting {
            revision: Some(revision),
            binding: format!("facts = {{ revision = \"{revision}\" }}"),
            ..Setting::default()
        };
        let site = Site::start(&[&simulator], &setting).await;
        let client = site.person();
        let id = simulator.jobs()[1].0.to_string();
        let tools = client.request("tools/list", json!({})).await.unwrap();
        let mut called = 0;
        for tool in tools["tools"].as_array().unwrap() {
            let name = tool["name"].as_str().unwrap();
            let known = ["backup_jobs_", "sessions_", "repositories_"];
            let writes = tool["annotations"]["readOnlyHint"] != true;
            if writes || !known.iter().any(|plugin| name.starts_with(plugin)) {
                continue;
            }
            let needs = tool["inputSchema"]["required"].to_string();
            let arguments = if needs.contains("\"job\"") {
                json!({ "job": id })
            } else if needs.contains("\"backup\"") {
                json!({ "backup": "SQL-PROD nightly" })
            } else if needs == "null" || needs == "[]" {
                json!({})
            } else {
                // A session or a part of one.
                continue;
            };
            well(client.call(name, arguments).await);
            called += 1;
        }
        assert_eq!(called, 27);
        let runs = well(client.call("backup_jobs_get", json!({ "job": id })).await)["runs"].clone();
        let run = json!({ "session_id": runs[0]["session_id"] });
        for tool in ["sessions_get", "sessions_log"] {
            well(client.call(tool, run.clone()).await);
        }
        let tasks = well(client.call("sessions_tasks", run).await)["tasks"].clone();
        let task = json!({ "task_id": tasks[0]["task_id"], "level": "error" });
        well(client.call("sessions_task_log", task).await);
        let order = json!({ "job": simulator.jobs()[0].0.to_string() });
        let started = confirmed(&client, "backup_jobs_start", order).await;
        assert_ne!(started["isError"], true, "{started}");
        let violations = simulator.stats().violations;
        assert!(violations.is_empty(), "{revision}: {violations:?}");
    }
}
