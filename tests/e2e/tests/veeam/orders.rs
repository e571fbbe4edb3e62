//! What changes something: who says yes, who may not, and what several servers have to do with it.

use std::time::Duration;

use serde_json::{Value, json};
use vbr_simulator::{Fault, Simulator};

use crate::{Setting, Site, confirmed, options, well};

const START: &str = "POST /api/v1/jobs/{id}/start";

async fn one(binding: &str) -> (Simulator, Site, Value) {
    let simulator = Simulator::start(options(16)).await.unwrap();
    let setting = Setting {
        binding: binding.to_owned(),
        ..Setting::default()
    };
    let site = Site::start(&[&simulator], &setting).await;
    let order = json!({ "job": simulator.jobs()[0].0.to_string() });
    (simulator, site, order)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_believed_who_cannot_be_asked_and_a_person_sees_what_will_happen() {
    let (simulator, site, order) = one("").await;
    let mut claimed = order.clone();
    claimed["confirm"] = true.into();
    claimed["reason"] = "because".into();
    // Not even with a confirmation in the arguments: the operator did not say that this is enough.
    let refused = site.client().call("backup_jobs_start", claimed).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(simulator.stats().of(START), 0);

    let person = site.person();
    let asked = person
        .call("backup_jobs_start", order.clone())
        .await
        .unwrap();
    let shown = asked["inputRequests"]["confirm"]["params"]["message"]
        .as_str()
        .unwrap();
    assert!(
        shown.contains("SQL-PROD nightly") && shown.contains("incremental"),
        "{shown}"
    );
    assert_eq!(simulator.stats().of(START), 0);
    let answer = confirmed(&person, "backup_jobs_start", order).await;
    assert_ne!(answer["isError"], true, "{answer}");
    assert_eq!(simulator.stats().of(START), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_models_word_is_enough_where_the_operator_says_so() {
    let (simulator, site, order) = one("confirm = \"model\"").await;
    let client = site.client();
    for (confirm, reason) in [
        (json!(false), json!("why not")),
        (json!(true), json!(null)),
        (json!(true), json!("  ")),
    ] {
        let mut said = order.clone();
        said["confirm"] = confirm;
        if !reason.is_null() {
            said["reason"] = reason;
        }
        let refused = client.call("backup_jobs_start", said).await;
        assert!(refused.is_err(), "{refused:?}");
    }
    assert_eq!(simulator.stats().of(START), 0);
    let mut said = order;
    said["confirm"] = true.into();
    said["reason"] = "the machine was patched".into();
    let started = well(client.call("backup_jobs_start", said).await);
    assert_eq!(started["run"]["state"], "starting");
    assert_eq!(simulator.stats().of(START), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_looked_at_only_has_no_tools_that_change_it() {
    let (_simulator, site, order) = one("read-only = true").await;
    let tools = site.client().tools().await;
    assert!(tools.contains(&"backup_jobs_list".to_owned()));
    for tool in ["start", "stop", "retry", "enable", "disable"] {
        assert!(!tools.contains(&format!("backup_jobs_{tool}")), "{tools:?}");
    }
    assert!(!tools.contains(&"sessions_stop".to_owned()));
    assert!(!tools.contains(&"repositories_rescan".to_owned()));
    let unknown = site.person().call("backup_jobs_start", order).await;
    assert!(unknown.is_err(), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_servers_are_reached_by_name_and_one_may_be_down() {
    let first = Simulator::start(options(16)).await.unwrap();
    let mut other = options(16);
    other.seed = 7;
    let second = Simulator::start(other).await.unwrap();
    let site = Site::start(&[&first, &second], &Setting::default()).await;
    let client = site.client();

    let info = well(client.call("repositories_server_info", json!({})).await);
    assert_eq!(info["servers"][0]["server"], "vbr01");
    assert_eq!(info["servers"][1]["title"], "Backup server 2");
    let job = second.jobs()[0].0.to_string();
    let found = well(
        client
            .call("backup_jobs_get", json!({ "job": job, "server": "vbr02" }))
            .await,
    );
    assert_eq!(
        (&found["server"], &found["id"]),
        (&json!("vbr02"), &json!(job))
    );
    // Not on the other one.
    let missing = client
        .call("backup_jobs_get", json!({ "job": job }))
        .await
        .unwrap();
    assert_eq!(missing["isError"], true);

    second.faults().inject(Fault::dropped().always());
    let low = well(client.call("repositories_below", json!({})).await);
    assert_eq!(low["unreachable"][0]["server"], "vbr02", "{low}");
    assert_ne!(low["below"], json!([]));

    // An only server has no argument to choose it by.
    let alone = Site::start(&[&first], &Setting::default()).await;
    let tools = alone
        .client()
        .request("tools/list", json!({}))
        .await
        .unwrap();
    for tool in tools["tools"].as_array().unwrap() {
        assert!(
            tool["inputSchema"]["properties"].get("server").is_none(),
            "{}",
            tool["name"]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_resources_and_completion_are_there() {
    let (simulator, site, _) = one("").await;
    let client = site.client();
    let prompts = client.request("prompts/list", json!({})).await.unwrap();
    assert_eq!(prompts["prompts"].as_array().unwrap().len(), 7);
    let params = json!({ "name": "investigate_failed_job", "arguments": { "job": "SQL" } });
    let filled = client.request("prompts/get", params).await.unwrap();
    assert!(
        filled["messages"][0]["content"]["text"]
            .as_str()
            .unwrap()
            .contains("backup_jobs_why")
    );

    let templates = client
        .request("resources/templates/list", json!({}))
        .await
        .unwrap();
    assert_eq!(
        templates["resourceTemplates"].as_array().unwrap().len(),
        4,
        "{templates}"
    );
    let id = simulator.jobs()[1].0.to_string();
    let run =
        well(client.call("backup_jobs_get", json!({ "job": id })).await)["runs"][0]["session_id"]
            .clone();
    let run = run.as_str().unwrap();
    for uri in [
        "vbr://servers".to_owned(),
        "vbr://vbr/jobs".to_owned(),
        format!("vbr://vbr/jobs/{id}"),
        "vbr://vbr/repositories".to_owned(),
        format!("vbr://vbr/sessions/{run}/log"),
    ] {
        let read = client
            .request("resources/read", json!({ "uri": uri }))
            .await;
        let read = read.unwrap_or_else(|error| panic!("{uri}: {error:?}"));
        let text = read["contents"][0]["text"].as_str().unwrap();
        let value: Value = serde_json::from_str(text).unwrap();
        assert!(value.is_array() || value["id"] == id, "{uri}: {value}");
    }
    let gone = client
        .request("resources/read", json!({ "uri": "vbr://nowhere/jobs" }))
        .await;
    assert!(gone.is_err());
    let complete = json!({
        "ref": { "type": "ref/prompt", "name": "investigate_failed_job" },
        "argument": { "name": "job", "value": "бухг" },
    });
    let completed = client
        .request("completion/complete", complete)
        .await
        .unwrap();
    assert_eq!(
        completed["completion"]["values"][0],
        "Бухгалтерия, ежедневно"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_started_job_is_a_task_that_follows_the_run_to_its_end() {
    let (simulator, site, order) = one("confirm = \"model\"").await;
    let client = site.client().with_capabilities(json!({
        "elicitation": { "form": {} },
        "extensions": { "io.modelcontextprotocol/tasks": {} },
    }));
    let mut said = order;
    said["confirm"] = true.into();
    said["reason"] = "the machine was patched".into();
    let task = client
        .call("backup_jobs_start", said.clone())
        .await
        .unwrap();
    assert_eq!(task["resultType"], "task", "{task}");
    let id = json!({ "taskId": task["taskId"] });
    let mut seen = task;
    for _ in 0..300 {
        seen = client.request("tasks/get", id.clone()).await.unwrap();
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
    assert_eq!(simulator.stats().of(START), 1);
}
