//! Jobs, from a client's call to their end: as tasks, through the host's own tools, over REST, and across `kill -9`.
//! The plugin is `tests/fixtures/jobs`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use e2e::{Deployment, Host, Session, mcp};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_mins(1);

fn deployment(jobs: &str) -> Deployment {
    Deployment::new(&format!(
        "[jobs]\nanswer-within = \"2 s\"\n{jobs}\n[plugins.jobs]\ncomponent = \"{}\"\ngrant = [\"form\"]\n",
        e2e::plugin("jobs").display()
    ))
}

/// A client that follows tasks.
fn with_tasks(host: &Host) -> mcp::Client {
    mcp::Client::new(host.url()).with_capabilities(json!({
        "elicitation": { "form": {} },
        "extensions": { "io.modelcontextprotocol/tasks": {} },
    }))
}

/// Requests to `/api/jobs…`: status and body.
async fn rest(host: &Host, method: &str, path: &str) -> (u16, Value) {
    let url = host.url().replace("/mcp", path);
    let method = method.parse().expect("a method");
    let response = mcp::http().request(method, url).send().await;
    let response = response.expect("the host answers");
    let status = response.status().as_u16();
    (status, response.json().await.expect("the answer is JSON"))
}

/// Waits until a job has a status that is asked for.
async fn until(host: &Host, id: &str, wanted: &[&str]) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (status, job) = rest(host, "GET", &format!("/api/jobs/{id}")).await;
        assert_eq!(status, 200, "{job}");
        if wanted.iter().any(|wanted| job["status"] == *wanted) {
            return job;
        }
        assert!(Instant::now() < deadline, "{wanted:?} never came: {job}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn start(client: &mcp::Client, arguments: Value) -> String {
    let task = client.call("count", arguments).await;
    let task = task.expect("`count` is served");
    assert_eq!(task["resultType"], "task", "{task}");
    task["taskId"]
        .as_str()
        .expect("a task has an id")
        .to_owned()
}

const ENDED: [&str; 3] = ["completed", "failed", "cancelled"];

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_tasks_gets_a_task() {
    let deployment = deployment("");
    let host = Host::start(&deployment).await;
    let client = with_tasks(&host);
    let task = client
        .call("count", json!({ "steps": 3, "wait_ms": 100 }))
        .await;
    let task = task.expect("`count` is served");
    assert_eq!(task["resultType"], "task", "{task}");
    assert_eq!(task["status"], "working", "{task}");
    let id = task["taskId"].as_str().expect("a task has an id");
    until(&host, id, &ENDED).await;
    let got = client.request("tasks/get", json!({ "taskId": id })).await;
    let got = got.expect("`tasks/get` is served");
    assert_eq!(got["resultType"], "complete", "{got}");
    assert_eq!(got["status"], "completed", "{got}");
    let counted = json!({ "counted": 3, "supported": true, "answer": null });
    assert_eq!(got["result"]["structuredContent"], counted, "{got}");
    assert!(got["ttlMs"].as_u64().is_some(), "{got}");

    let required = client.call("count_required", json!({ "steps": 1 })).await;
    assert_eq!(required.expect("it is served")["resultType"], "task");

    for (method, id) in [
        ("tasks/get", "00000000000000000000000000000000"),
        ("tasks/cancel", "../../etc"),
    ] {
        let unknown = client.request(method, json!({ "taskId": id })).await;
        assert_eq!(unknown.expect_err("there is none").code, -32602);
    }
    let update = json!({ "taskId": id, "inputResponses": { "x": { "action": "accept" } } });
    let stale = client.request("tasks/update", update).await;
    stale.expect("what is not asked is ignored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_asks_and_is_answered() {
    let deployment = deployment("");
    let host = Host::start(&deployment).await;
    let client = with_tasks(&host);
    let id = start(&client, json!({ "steps": 3, "ask_at": 1 })).await;
    until(&host, &id, &["input_required"]).await;
    let got = client.request("tasks/get", json!({ "taskId": id })).await;
    let got = got.expect("`tasks/get` is served");
    assert_eq!(got["status"], "input_required", "{got}");
    let requests = got["inputRequests"].as_object().expect("it asks");
    let (key, asked) = requests.iter().next().expect("it asks for one thing");
    assert_eq!(asked["method"], "elicitation/create", "{got}");
    assert_eq!(
        asked["params"]["message"], "How many?\n\n(asked by the plugin jobs of development)",
        "{got}"
    );

    let wrong = json!({ key.as_str(): { "action": "accept", "content": { "many": "a lot" } } });
    let update = json!({ "taskId": id, "inputResponses": wrong });
    let ignored = client.request("tasks/update", update).await;
    ignored.expect("what does not fit is ignored");
    let got = client.request("tasks/get", json!({ "taskId": id })).await;
    let still = got.expect("`tasks/get` is served")["inputRequests"].clone();
    assert!(still.get(key).is_some(), "{still}");

    let unable = mcp::Client::new(host.url())
        .with_capabilities(json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } }));
    let unasked = unable.request("tasks/get", json!({ "taskId": id })).await;
    assert_eq!(unasked.expect_err("it cannot be asked").code, -32021);

    let right = json!({ key.as_str(): { "action": "accept", "content": { "many": 7 } } });
    let update = json!({ "taskId": id, "inputResponses": right });
    let taken = client.request("tasks/update", update).await;
    assert_eq!(taken.expect("it fits")["resultType"], "complete");
    let job = until(&host, &id, &ENDED).await;
    let answer = &job["result"]["structuredContent"]["answer"];
    assert_eq!(*answer, json!({ "many": 7 }), "{job}");

    let denied = start(
        &client,
        json!({ "steps": 3, "ask_at": 1, "ask_roots": true }),
    )
    .await;
    let job = until(&host, &denied, &ENDED).await;
    assert_eq!(job["status"], "failed", "{job}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_task_is_told_to_do_is_on_record_with_the_reason() {
    let deployment = deployment("[audit]\nfolder = \"log\"\nkey = \"file:audit.key\"");
    deployment.write("audit.key", &"5f2b8c1d".repeat(8));
    let host = Host::start(&deployment).await;
    let client = with_tasks(&host);
    let asked = json!({ "steps": 3, "ask_at": 1, "ask_confirm": true });
    let id = start(&client, asked).await;
    until(&host, &id, &["input_required"]).await;
    let got = client.request("tasks/get", json!({ "taskId": id })).await;
    let got = got.expect("`tasks/get` is served");
    let requests = got["inputRequests"].as_object().expect("it asks");
    let key = requests.keys().next().expect("it asks for one thing");
    let yes = |content: Value| {
        let replies = json!({ key.as_str(): { "action": "accept", "content": content } });
        json!({ "taskId": id, "inputResponses": replies })
    };
    // A yes without a reason does not fit, and is ignored.
    for content in [
        json!({ "confirm": true }),
        json!({ "confirm": true, "reason": "they are few" }),
    ] {
        let taken = client.request("tasks/update", yes(content)).await;
        taken.expect("`tasks/update` is served");
    }
    until(&host, &id, &ENDED).await;
    // On disk a moment after the reply was taken.
    let file = deployment.folder().join("log/audit.jsonl");
    let begun = Instant::now();
    let line = loop {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let mut lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        if let Some(line) = lines.find(|line: &Value| line["event"] == "confirmation") {
            break line;
        }
        assert!(begun.elapsed() < PATIENCE, "{text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(
        (&line["job"], &line["by"], &line["reason"]),
        (&json!(id), &json!("person"), &json!("they are few")),
        "{line}"
    );
    assert_eq!(line["shown"], "It counts on.\n- Steps: 3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_cancelled() {
    let deployment = deployment("");
    let host = Host::start(&deployment).await;
    let client = with_tasks(&host);
    for slowly in [false, true] {
        let arguments = json!({ "steps": 1000, "wait_ms": 60_000, "stop_slowly": slowly });
        let id = start(&client, arguments).await;
        let asked = client
            .request("tasks/cancel", json!({ "taskId": id }))
            .await;
        assert_eq!(asked.expect("it is served")["resultType"], "complete");
        let job = until(&host, &id, &ENDED).await;
        assert_eq!(job["status"], "cancelled", "{job}");
        let got = client.request("tasks/get", json!({ "taskId": id })).await;
        assert_eq!(got.expect("it is served")["status"], "cancelled");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_told_as_the_interface_says() {
    let deployment = deployment("");
    let host = Host::start(&deployment).await;
    let client = with_tasks(&host);
    let get = async |arguments: Value| {
        let id = start(&client, arguments).await;
        until(&host, &id, &ENDED).await;
        let got = client.request("tasks/get", json!({ "taskId": id })).await;
        got.expect("`tasks/get` is served")
    };
    // A tool error is a result, which the model reads.
    let failed = get(json!({ "steps": 2, "fail_for_good": true })).await;
    assert_eq!(failed["status"], "completed", "{failed}");
    assert_eq!(failed["result"]["isError"], true, "{failed}");
    assert!(mcp::text(&failed["result"]).contains("locked"), "{failed}");

    let refused = get(json!({ "steps": 2, "refuse": true })).await;
    assert_eq!(refused["status"], "failed", "{refused}");
    assert_eq!(refused["error"]["code"], -32603, "{refused}");

    let lied = get(json!({ "steps": 1, "lie": true })).await;
    assert_eq!(lied["status"], "failed", "{lied}");

    let passed = get(json!({ "steps": 2, "fail_times": 1, "trap_times": 0 })).await;
    assert_eq!(passed["status"], "completed", "{passed}");
    assert_eq!(
        passed["result"]["structuredContent"]["counted"], 2,
        "{passed}"
    );

    let trapped = get(json!({ "steps": 1, "trap_times": 1 })).await;
    assert_eq!(
        trapped["result"]["structuredContent"]["counted"], 1,
        "{trapped}"
    );

    let never = client.call("count_never", json!({ "steps": 1 })).await;
    let never = never.expect("it is a result");
    assert_eq!(never["isError"], true, "{never}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_tasks_gets_the_result_or_follows_the_job() {
    let deployment = deployment("");
    let host = Host::start(&deployment).await;
    let client = mcp::Client::new(host.url());
    let tools = client.tools().await;
    for own in ["job_cancel", "job_status", "job_wait"] {
        assert!(tools.iter().any(|tool| tool == own), "{tools:?}");
    }
    let soon = client.call("count", json!({ "steps": 2 })).await;
    let soon = soon.expect("`count` is served");
    assert_eq!(soon["structuredContent"]["counted"], 2, "{soon}");
    assert_eq!(soon["structuredContent"]["supported"], false, "{soon}");

    let later = client
        .call("count", json!({ "steps": 3, "wait_ms": 1500 }))
        .await;
    let later = later.expect("`count` is served");
    let id = &later["structuredContent"]["job"]["id"];
    let text = mcp::text(&later);
    let id = id.as_str().expect("the job's id is told").to_owned();
    assert!(text.contains(&id) && text.contains("job_wait"), "{later}");
    let waited = client.call("job_wait", json!({ "job_id": id })).await;
    let waited = waited.expect("`job_wait` is served");
    assert_eq!(waited["structuredContent"]["counted"], 3, "{waited}");
    let status = client.call("job_status", json!({ "job_id": id })).await;
    assert_eq!(
        status.expect("it is served")["structuredContent"]["counted"],
        3
    );

    let required = client.call("count_required", json!({ "steps": 1 })).await;
    assert_eq!(required.expect_err("it is refused").code, -32021);
    let tasks = client.request("tasks/get", json!({ "taskId": id })).await;
    assert_eq!(tasks.expect_err("it did not declare them").code, -32021);
    for arguments in [
        json!({}),
        json!({ "job_id": "x" }),
        json!({ "job_id": id, "timeout_seconds": 3600 }),
        json!({ "job_id": "00000000000000000000000000000000" }),
    ] {
        let refused = client.call("job_wait", arguments).await;
        let refused = refused.expect("the model reads it");
        assert_eq!(refused["isError"], true, "{refused}");
    }
}

/// Nobody has heard of the job, so nobody could stop it later.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_before_it_knows_the_job_stops_it() {
    let deployment = deployment("");
    let host = Host::start(&deployment).await;
    let client = mcp::Client::new(host.url());
    let call = client.call("count", json!({ "steps": 9, "wait_ms": 60_000 }));
    let gone = tokio::time::timeout(Duration::from_secs(1), call).await;
    assert!(gone.is_err(), "{gone:?}");
    let (_, list) = rest(&host, "GET", "/api/jobs").await;
    let id = list["jobs"][0]["id"].as_str().expect("the job is kept");
    until(&host, id, &["cancelled"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_waits_for_a_job() {
    let deployment = deployment("");
    let call = async |tool: &str, arguments: &str| {
        let mut command = tokio::process::Command::new(e2e::binary());
        command
            .args(["call", tool, "--args", arguments, "--json", "--config"])
            .arg(deployment.config());
        let output = command.output().await.expect("the binary can be started");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let result: Value = serde_json::from_str(&text).expect("the result is JSON");
        (output.status.code(), result)
    };
    for tool in ["count", "count_required"] {
        let (code, result) = call(tool, r#"{"steps": 3, "wait_ms": 1000}"#).await;
        assert_eq!(code, Some(0), "{result}");
        assert_eq!(result["structuredContent"]["counted"], 3, "{result}");
    }
    // It keeps its jobs apart from those of a server beside it.
    let host = Host::start(&deployment).await;
    let (code, result) = call("count", r#"{"steps": 1}"#).await;
    assert_eq!(code, Some(0), "{result}");
    assert_eq!(result["structuredContent"]["counted"], 1, "{result}");
    let client = mcp::Client::new(host.url());
    let served = client.call("count", json!({ "steps": 1 })).await;
    assert_eq!(served.expect("it is served")["isError"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_session_follows_a_job_with_progress() {
    let deployment = deployment("");
    let host = Host::start(&deployment).await;
    // The extension is of the new era; a session that names it is served like any other.
    let session = Session::open_with(
        host.url(),
        json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } }),
    )
    .await;
    let soon = session.call("count", json!({ "steps": 2 })).await;
    let soon = soon.expect("`count` is served");
    assert_eq!(soon["structuredContent"]["counted"], 2, "{soon}");
    let later = session
        .call("count", json!({ "steps": 4, "wait_ms": 1000 }))
        .await;
    let later = later.expect("`count` is served");
    let id = later["structuredContent"]["job"]["id"].clone();
    let params = json!({
        "name": "job_wait",
        "arguments": { "job_id": id, "timeout_seconds": 30 },
        "_meta": { "progressToken": "p" },
    });
    let (_, events) = session.start("tools/call", params).await;
    let mut heard = events.rest().await;
    let waited = heard.pop().expect("`job_wait` is served")["result"].take();
    assert_eq!(waited["structuredContent"]["counted"], 4, "{waited}");
    let progress: Vec<_> = heard
        .iter()
        .filter(|event| event["method"] == "notifications/progress")
        .collect();
    assert!(!progress.is_empty(), "{heard:?}");
    assert_eq!(progress[0]["params"]["total"], 4.0, "{heard:?}");

    let started = session
        .call("count", json!({ "steps": 9, "wait_ms": 60_000 }))
        .await;
    let id = started.expect("it is served")["structuredContent"]["job"]["id"].clone();
    let stopped = session.call("job_cancel", json!({ "job_id": id })).await;
    stopped.expect("`job_cancel` is served");
    until(&host, id.as_str().unwrap_or_default(), &["cancelled"]).await;

    let required = session.call("count_required", json!({ "steps": 1 })).await;
    assert_eq!(required.expect_err("it is refused").code, -32021);
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_shows_and_manages_jobs() {
    let deployment = deployment("max-running = 1");
    let host = Host::start(&deployment).await;
    let client = with_tasks(&host);
    let endless = json!({ "steps": 1000, "wait_ms": 60_000 });
    let running = start(&client, endless.clone()).await;
    let queued = start(&client, endless).await;
    until(&host, &running, &["running"]).await;
    let (status, list) = rest(&host, "GET", "/api/jobs?status=queued").await;
    assert_eq!(status, 200, "{list}");
    let ids: Vec<_> = list["jobs"].as_array().expect("a list").iter().collect();
    assert_eq!(ids.len(), 1, "{list}");
    assert_eq!(ids[0]["id"], queued, "{list}");
    let (_, first) = rest(&host, "GET", "/api/jobs?limit=1").await;
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let (_, second) = rest(&host, "GET", &format!("/api/jobs?limit=1&cursor={cursor}")).await;
    assert_eq!(second["jobs"][0]["id"], running, "{second}");
    assert_eq!(second["next_cursor"], Value::Null, "{second}");

    // A full house keeps no queued job from being stopped.
    let (status, _) = rest(&host, "DELETE", &format!("/api/jobs/{queued}")).await;
    assert_eq!(status, 202);
    until(&host, &queued, &["cancelled"]).await;
    rest(&host, "DELETE", &format!("/api/jobs/{running}")).await;
    until(&host, &running, &["cancelled"]).await;

    let failing = start(&client, json!({ "steps": 2, "fail_for_good": true })).await;
    let failed = until(&host, &failing, &ENDED).await;
    assert_eq!(failed["status"], "failed", "{failed}");
    assert_eq!(failed["type"], "count", "{failed}");
    assert_eq!(failed["error"], "locked, on purpose", "{failed}");
    assert_eq!(failed["result"]["isError"], true, "{failed}");
    let (status, again) = rest(&host, "POST", &format!("/api/jobs/{failing}/retry")).await;
    assert_eq!(status, 201, "{again}");
    assert_eq!(again["retry_of"], failing, "{again}");
    let id = again["id"].as_str().expect("a job has an id").to_owned();
    until(&host, &id, &["failed"]).await;
    let (status, _) = rest(&host, "POST", &format!("/api/jobs/{running}x/retry")).await;
    assert_eq!(status, 404);

    let counted = start(&client, json!({ "steps": 3 })).await;
    let done = until(&host, &counted, &ENDED).await;
    assert_eq!(done["progress"]["percent"], 100.0, "{done}");
    assert_eq!(done["step"]["taken"], 2, "{done}");
    let (_, log) = rest(&host, "GET", &format!("/api/jobs/{counted}/logs?tail=2")).await;
    let texts: Vec<_> = log["lines"].as_array().expect("lines").iter().collect();
    assert_eq!(texts.len(), 2, "{log}");
    assert_eq!(texts[0]["text"], "counted 2 of 3", "{log}");
    assert_eq!(texts[1]["text"], "completed", "{log}");
    let (status, _) = rest(&host, "POST", &format!("/api/jobs/{counted}/retry")).await;
    assert_eq!(status, 409);

    for bad in [
        "/api/jobs?status=done",
        "/api/jobs?limit=0",
        "/api/jobs?unknown=1",
        "/api/jobs?cursor=-1",
    ] {
        let (status, answer) = rest(&host, "GET", bad).await;
        assert_eq!(status, 400, "{bad}: {answer}");
        assert_eq!(answer["error"]["code"], "invalid", "{bad}: {answer}");
    }
    assert_eq!(rest(&host, "DELETE", "/api/jobs").await.0, 400);
    let (_, kept) = rest(&host, "DELETE", "/api/jobs?older_than=7d&status=completed").await;
    assert_eq!(kept, json!({ "removed": 0 }));
    let (_, removed) = rest(&host, "DELETE", "/api/jobs?older_than=0&status=failed").await;
    assert_eq!(removed, json!({ "removed": 2 }));
    assert_eq!(
        rest(&host, "GET", &format!("/api/jobs/{failing}")).await.0,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_does_not_reach_the_jobs() {
    let deployment = deployment("");
    let host = Host::start(&deployment).await;
    let url = host.url().replace("/mcp", "/api/jobs");
    for (header, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("host", "evil.example"),
    ] {
        let request = mcp::http().get(&url).header(header, value);
        let answer = request.send().await.expect("the host answers");
        assert_eq!(answer.status().as_u16(), 403, "{header}: {value}");
    }
}

/// The lines that steps wrote to the operator's log: kind, job, step, key.
fn steps(log: &str) -> Vec<(String, String, u32, String)> {
    let mut steps = Vec::new();
    for line in log.lines() {
        let field = |name: &str| {
            let rest = line.split_once(name)?.1;
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            Some(rest[..end.unwrap_or(rest.len())].to_owned())
        };
        if let (Some(job), Some(step), Some(key)) =
            (field(" job="), field(" step="), field(" key="))
        {
            let kind = if line.contains("cancel job=") {
                "cancel"
            } else {
                "advance"
            };
            steps.push((kind.to_owned(), job, step.parse().expect("a number"), key));
        }
    }
    steps
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_during_50_jobs_costs_a_repeated_step_at_most() {
    const JOBS: usize = 50;
    const STEPS: u32 = 8;
    let deployment = deployment("max-running = 50");
    let mut host = Host::start(&deployment).await;
    let client = with_tasks(&host);
    let mut ids = BTreeSet::new();
    for _ in 0..JOBS {
        let arguments = json!({ "steps": STEPS, "wait_ms": 200, "busy_ms": 20 });
        ids.insert(start(&client, arguments).await);
    }
    assert_eq!(ids.len(), JOBS);

    // Three times, in the middle of everything.
    let mut log = String::new();
    for _ in 0..3 {
        let (_, running) = rest(&host, "GET", "/api/jobs?status=running").await;
        let running = running["jobs"].as_array().map_or(0, Vec::len);
        assert!(running > 0, "the jobs were too fast to be killed");
        log.push_str(&host.stop().await);
        host = Host::start(&deployment).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    for id in &ids {
        let job = until(&host, id, &ENDED).await;
        assert_eq!(job["status"], "completed", "{job}");
        assert_eq!(
            job["result"]["structuredContent"]["counted"], STEPS,
            "{job}"
        );
        let (_, lines) = rest(&host, "GET", &format!("/api/jobs/{id}/logs?tail=1000")).await;
        let lines = lines["lines"].as_array().cloned().unwrap_or_default();
        let count = |text: &str| lines.iter().filter(|line| line["text"] == text).count();
        assert_eq!(count("completed"), 1, "it ends exactly once: {lines:?}");
        for step in 1..STEPS {
            let text = format!("counted {step} of {STEPS}");
            assert_eq!(count(&text), 1, "every step is kept once: {lines:?}");
        }
    }
    log.push_str(&host.stop().await);

    let mut keys: BTreeMap<(String, u32), BTreeSet<String>> = BTreeMap::new();
    let mut taken = 0;
    for (kind, job, step, key) in steps(&log) {
        assert_eq!(kind, "advance");
        taken += 1;
        keys.entry((job, step)).or_default().insert(key);
    }
    assert_eq!(keys.len(), JOBS * STEPS as usize, "every step was taken");
    for ((job, step), keys) in &keys {
        assert_eq!(keys.len(), 1, "job {job}, step {step}: {keys:?}");
    }
    let distinct: BTreeSet<_> = keys.values().flatten().collect();
    assert_eq!(distinct.len(), keys.len(), "no two steps share a key");
    e2e::tell(format_args!(
        "{JOBS} jobs of {STEPS} steps, killed three times: {} steps repeated",
        taken - keys.len()
    ));
}
