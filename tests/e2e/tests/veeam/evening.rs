//! An agent's evening.

use std::time::Duration;

use serde_json::json;
use vbr_simulator::Simulator;

use crate::{Setting, Site, confirmed, options, well};

/// Finds out why last night's backup failed, how full the repositories are, restarts the failed job after somebody has said
/// yes, and follows it to success.
#[tokio::test(flavor = "multi_thread")]
async fn last_nights_failure_is_understood_and_made_good() {
    let simulator = Simulator::start(options(16)).await.unwrap();
    let site = Site::start(&[&simulator], &Setting::default()).await;
    let agent = site.person();

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

    // Is there room to try again?
    let below = well(agent.call("repositories_below", json!({})).await);
    assert_eq!(below["below"][0]["urgency"], "critical");

    // Again, after somebody said yes; only what failed.
    let order = json!({ "job": session["job_id"], "reason": "the disk is free again" });
    let retried = confirmed(&agent, "backup_jobs_retry", order).await;
    assert_ne!(retried["isError"], true, "{retried}");
    let run = &retried["structuredContent"]["run"];
    assert_eq!(simulator.stats().of("POST /api/v1/jobs/{id}/retry"), 1);

    // To its end.
    let mut last = String::new();
    for _ in 0..200 {
        let look = json!({ "session_id": run["session_id"] });
        let session = well(agent.call("sessions_get", look).await)["session"].clone();
        last = session["result"].as_str().unwrap().to_owned();
        if session["state"] == "stopped" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(last, "success");
    let job = well(
        agent
            .call("backup_jobs_why", json!({ "job": session["job_id"] }))
            .await,
    );
    assert_eq!(job["recovered"]["result"], "success", "{job}");
}
