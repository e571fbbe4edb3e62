//! An agent's evening.

use std::time::Duration;

use e2e::mcp;
use serde_json::{Value, json};
use vbr_simulator::Simulator;

use crate::{AUDIT, Setting, Site, confirmed, options, well};

/// Finds out why last night's backup failed, how full the repositories are, restarts the failed job after somebody has said
/// yes, and follows it to success.
#[tokio::test(flavor = "multi_thread")]
async fn last_nights_failure_is_understood_and_made_good() {
    let simulator = Simulator::start(options(16)).await.unwrap();
    let setting = Setting {
        tables: AUDIT.to_owned(),
        ..Setting::default()
    };
    let site = Site::start(&[&simulator], &setting).await;
    // Its person can be asked, and it can follow what goes on.
    let agent = site.client().with_capabilities(json!({
        "elicitation": { "form": {} },
        "extensions": { "io.modelcontextprotocol/tasks": {} },
    }));

    let session = understood(&agent).await;

    // How full are the repositories, and is there room to try again?
    let all = well(agent.call("repositories_list", json!({})).await);
    let full = all["repositories"].as_array().unwrap().iter();
    let full: Vec<f64> = full
        .filter_map(|one| one["free_percent"].as_f64())
        .collect();
    assert!(
        full.len() >= 5 && full.iter().any(|free| *free < 1.0),
        "{all}"
    );
    let below = well(agent.call("repositories_below", json!({})).await);
    assert_eq!(below["below"][0]["urgency"], "critical");

    // Again, after somebody said yes; only what failed.
    let order = json!({ "job": session["job_id"], "reason": "the disk is free again" });
    let retried = confirmed(&agent, "backup_jobs_retry", order).await;
    assert_eq!(retried["resultType"], "task", "{retried}");
    assert_eq!(simulator.stats().of("POST /api/v1/jobs/{id}/retry"), 1);

    followed(&agent, retried).await;

    // Who said yes to what, and why, is on record.
    let yes = &site.audited("confirmation", 1).await[0];
    assert_eq!(
        (&yes["tool"], &yes["by"], &yes["reason"]),
        (
            &json!("backup_jobs_retry"),
            &json!("person"),
            &json!("the disk is free again")
        ),
        "{yes}"
    );
    assert!(
        yes["shown"]
            .as_str()
            .unwrap()
            .contains("Бухгалтерия, ежедневно"),
        "{yes}"
    );
    let job = well(
        agent
            .call("backup_jobs_why", json!({ "job": session["job_id"] }))
            .await,
    );
    assert_eq!(job["recovered"]["result"], "success", "{job}");
}

/// Finds out what failed last night, and why; the session of it.
async fn understood(agent: &mcp::Client) -> Value {
    // What failed?
    let failed = well(
        agent
            .call("sessions_failed", json!({ "since": "last 24 hours" }))
            .await,
    );
    let session = failed["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|session| session["name"].as_str().unwrap().starts_with("Бухгалтерия"))
        .expect("the second job failed last")
        .clone();

    // Why?
    let why = well(
        agent
            .call(
                "backup_jobs_why",
                json!({ "job": session["job_id"], "session_id": session["session_id"] }),
            )
            .await,
    );
    assert!(
        why["causes"][0]["cause"]
            .as_str()
            .unwrap()
            .contains("holds a disk"),
        "{why}"
    );
    let machine = why["machines"][0]["name"].as_str().unwrap();
    let tasks = json!({ "session_id": session["session_id"], "result": "failed" });
    let tasks = well(agent.call("sessions_tasks", tasks).await);
    assert_eq!(tasks["tasks"][0]["name"], machine);
    let log = json!({ "task_id": tasks["tasks"][0]["task_id"], "level": "error" });
    let log = well(agent.call("sessions_task_log", log).await);
    assert!(
        log["lines"][0]["description"]
            .as_str()
            .unwrap()
            .contains("is locked"),
        "{log}"
    );
    session
}

/// Follows a task to its end, which is a success, with how far it is on the way.
async fn followed(agent: &mcp::Client, task: Value) {
    let id = json!({ "taskId": task["taskId"] });
    let (mut seen, mut said) = (task, Vec::new());
    for _ in 0..400 {
        seen = agent.request("tasks/get", id.clone()).await.unwrap();
        said.extend(seen["statusMessage"].as_str().map(str::to_owned));
        if seen["status"] != "working" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(seen["status"], "completed", "{seen}");
    let run = &seen["result"]["structuredContent"]["run"];
    assert_eq!(
        (&run["state"], &run["result"]),
        (&json!("stopped"), &json!("success"))
    );
    assert!(
        said.iter()
            .any(|text| text.contains("Бухгалтерия, ежедневно: ")),
        "{said:?}"
    );
}
