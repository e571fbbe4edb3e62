//! What changes something: who says yes, who may not, and what several servers have to do with it.

use std::time::Duration;

use serde_json::{Value, json};
use vbr_simulator::{Fault, Simulator};

use crate::{AUDIT, Setting, Site, confirmed, options, well};

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

/// Every tool that changes something, what it needs, and the request that changes it.
fn orders(simulator: &Simulator, session: &Value) -> [(&'static str, Value, &'static str); 7] {
    let job = |number: usize| simulator.jobs()[number].0.to_string();
    [
        ("backup_jobs_start", json!({ "job": job(0) }), START),
        (
            "backup_jobs_stop",
            json!({ "job": job(0) }),
            "POST /api/v1/jobs/{id}/stop",
        ),
        (
            "backup_jobs_retry",
            json!({ "job": job(1) }),
            "POST /api/v1/jobs/{id}/retry",
        ),
        (
            "backup_jobs_disable",
            json!({ "job": job(2) }),
            "POST /api/v1/jobs/{id}/disable",
        ),
        (
            "backup_jobs_enable",
            json!({ "job": job(2) }),
            "POST /api/v1/jobs/{id}/enable",
        ),
        (
            "repositories_rescan",
            json!({ "repositories": ["nas dedup"] }),
            "POST /api/v1/backupInfrastructure/repositories/rescan",
        ),
        (
            "sessions_stop",
            json!({ "session_id": session }),
            "POST /api/v1/sessions/{id}/stop",
        ),
    ]
}

/// All seven: declared as what they are, refused where nobody can be asked, done once after a yes, with the reason on record.
#[tokio::test(flavor = "multi_thread")]
async fn every_order_is_declared_asked_for_done_once_and_on_record() {
    let mut slow = options(16);
    slow.run_time = Duration::from_hours(1);
    let simulator = Simulator::start(slow).await.unwrap();
    let setting = Setting {
        tables: AUDIT.to_owned(),
        ..Setting::default()
    };
    let site = Site::start(&[&simulator], &setting).await;
    let (nobody, person) = (site.client(), site.person());
    let running = well(nobody.call("sessions_running", json!({})).await);
    let session = &running["sessions"][0]["session_id"];
    let tools = nobody.request("tools/list", json!({})).await.unwrap();
    let tools = tools["tools"].as_array().unwrap();
    let orders = orders(&simulator, session);
    for tool in tools {
        // Those of the host itself are about its jobs.
        if tool["name"].as_str().unwrap().starts_with("job_") {
            continue;
        }
        let changes = orders.iter().any(|(name, ..)| tool["name"] == *name);
        let hints = &tool["annotations"];
        assert_eq!(hints["readOnlyHint"], !changes, "{}", tool["name"]);
        assert_eq!(
            hints["destructiveHint"] == true,
            changes,
            "{}",
            tool["name"]
        );
    }
    for (number, (tool, mut arguments, request)) in orders.into_iter().enumerate() {
        // The last is told why by the person, the others by whoever calls.
        if tool != "sessions_stop" {
            arguments["reason"] = format!("reason {number}").into();
        }
        let mut claimed = arguments.clone();
        claimed["confirm"] = true.into();
        let refused = nobody.call(tool, claimed).await;
        assert!(refused.is_err(), "{tool}: {refused:?}");
        let asked = person.call(tool, arguments.clone()).await.unwrap();
        assert_eq!(asked["resultType"], "input_required", "{tool}");
        assert_eq!(simulator.stats().of(request), 0, "{tool}");
        well(Ok(confirmed(&person, tool, arguments).await));
        assert_eq!(simulator.stats().of(request), 1, "{tool}");
    }
    let lines = site.audited("confirmation", 7).await;
    assert_eq!(lines.len(), 7);
    let reasons: Vec<_> = lines
        .iter()
        .map(|line| line["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons[..2], ["reason 0", "reason 1"]);
    assert_eq!(reasons[6], "a person's reason");
    assert!(lines.iter().all(|line| line["by"] == "person"), "{lines:?}");

    // A yes without the reason that was asked for is none.
    let arguments = json!({ "job": simulator.jobs()[5].0.to_string() });
    let asked = person
        .call("backup_jobs_start", arguments.clone())
        .await
        .unwrap();
    let params = json!({
        "name": "backup_jobs_start",
        "arguments": arguments,
        "requestState": asked["requestState"],
        "inputResponses": { "confirm": { "action": "accept", "content": { "confirm": true } } },
    });
    let refused = person.request("tools/call", params).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(simulator.stats().of(START), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_models_word_is_enough_where_the_operator_says_so() {
    let simulator = Simulator::start(options(16)).await.unwrap();
    let setting = Setting {
        binding: "confirm = \"model\"".to_owned(),
        tables: AUDIT.to_owned(),
        ..Setting::default()
    };
    let site = Site::start(&[&simulator], &setting).await;
    let order = json!({ "job": simulator.jobs()[0].0.to_string() });
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
    let line = &site.audited("confirmation", 1).await[0];
    assert_eq!(
        (&line["by"], &line["reason"]),
        (&json!("caller"), &json!("the machine was patched"))
    );
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
