//! Whose jobs are whose, at every door: tasks, the host's own tools, REST. And what a plugin or a neighbour can do to
//! the jobs of others. The plugin is `tests/fixtures/jobs`.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::process::Command;
use std::time::{Duration, Instant};

use e2e::{Deployment, Host, Session, mcp};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_mins(1);
const NOBODYS: &str = "00000000000000000000000000000000";
const EVERYTHING: [&str; 3] = ["tools:call", "jobs:read", "jobs:cancel"];

/// A bearer of a static token.
struct Bearer {
    token: String,
    table: String,
}

fn bearer(name: &str, tenant: &str, scopes: &[&str]) -> Bearer {
    let mut command = Command::new(e2e::binary());
    command.args(["token", "new", name, "--json", "--tenant", tenant]);
    for scope in scopes {
        command.args(["--scope", scope]);
    }
    let made = command.output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let text = |key: &str| made[key].as_str().unwrap().to_owned();
    Bearer {
        token: text("token"),
        table: text("toml"),
    }
}

fn tables(jobs: &str, bearers: &[&Bearer]) -> String {
    let tokens: Vec<&str> = bearers.iter().map(|bearer| bearer.table.as_str()).collect();
    format!(
        r#"
[jobs]
answer-within = "2 s"
{jobs}

{tokens}

[plugins.jobs]
component = "{component}"
grant = ["form"]

[plugins.echo]
component = "{other}"
"#,
        tokens = tokens.join("\n"),
        component = e2e::plugin("jobs").display(),
        other = e2e::plugin("echo").display(),
    )
}

impl Bearer {
    /// A client that follows tasks.
    fn tasks(&self, host: &Host) -> mcp::Client {
        self.client(host).with_capabilities(json!({
            "elicitation": { "form": {} },
            "extensions": { "io.modelcontextprotocol/tasks": {} },
        }))
    }

    /// One that does not.
    fn client(&self, host: &Host) -> mcp::Client {
        mcp::Client::new(host.url()).with_token(&self.token)
    }

    async fn rest(&self, host: &Host, method: &str, path: &str) -> (u16, Value) {
        let response = self.answer(host, method, path).await;
        let status = response.status().as_u16();
        (status, response.json().await.unwrap())
    }

    async fn answer(&self, host: &Host, method: &str, path: &str) -> reqwest::Response {
        let url = host.url().replace("/mcp", path);
        let request = mcp::http().request(method.parse().unwrap(), url);
        request.bearer_auth(&self.token).send().await.unwrap()
    }

    async fn start(&self, host: &Host, arguments: Value) -> String {
        let task = self.tasks(host).call("count", arguments).await.unwrap();
        task["taskId"]
            .as_str()
            .unwrap_or_else(|| panic!("{task}"))
            .to_owned()
    }

    /// Waits until a job has this status.
    async fn until(&self, host: &Host, id: &str, wanted: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (status, job) = self.rest(host, "GET", &format!("/api/jobs/{id}")).await;
            assert_eq!(status, 200, "{job}");
            if job["status"] == wanted {
                return job;
            }
            assert!(Instant::now() < deadline, "`{wanted}` never came: {job}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn endless() -> Value {
    json!({ "steps": 1000, "wait_ms": 60_000 })
}

/// Everything that can be done with one job, as this bearer sees it; without what names the job.
async fn doors(host: &Host, who: &Bearer, id: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let client = who.tasks(host);
    for (method, params) in [
        ("tasks/get", json!({ "taskId": id })),
        ("tasks/cancel", json!({ "taskId": id })),
        (
            "tasks/update",
            json!({ "taskId": id, "inputResponses": { "2.how-many": { "action": "cancel" } } }),
        ),
    ] {
        let answer = client.request(method, params).await;
        seen.push(format!("{method}: {answer:?}"));
    }
    for tool in ["job_status", "job_wait", "job_cancel"] {
        let answer = client.call(tool, json!({ "job_id": id })).await;
        let answer = answer.unwrap();
        seen.push(format!(
            "{tool}: {} {}",
            answer["isError"],
            mcp::text(&answer)
        ));
    }
    for (method, path) in [
        ("GET", format!("/api/jobs/{id}")),
        ("GET", format!("/api/jobs/{id}/logs?tail=5")),
        ("POST", format!("/api/jobs/{id}/retry")),
        ("DELETE", format!("/api/jobs/{id}")),
    ] {
        let answer = who.rest(host, method, &path).await;
        let path = path.replace(id, "ID");
        seen.push(format!("{method} {path}: {answer:?}"));
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_somebody_else_is_like_none_at_every_door() {
    let alice = bearer("alice", "team-a", &EVERYTHING);
    let bob = bearer("bob", "team-a", &EVERYTHING);
    let carol = bearer("carol", "team-b", &EVERYTHING);
    let operators = ["team-a", "team-b"].map(|tenant| {
        let scopes = [&EVERYTHING[..], &["admin"]].concat();
        bearer(&format!("operator-of-{tenant}"), tenant, &scopes)
    });
    let [own, other] = &operators;
    let deployment = Deployment::new(&tables("", &[&alice, &bob, &carol, own, other]));
    let host = Host::start(&deployment).await;
    let asks = json!({ "steps": 3, "ask_at": 1, "wait_ms": 0 });
    let ids = [
        alice.start(&host, endless()).await,
        alice.start(&host, asks).await,
    ];
    alice.until(&host, &ids[0], "running").await;
    alice.until(&host, &ids[1], "input_required").await;

    for stranger in [&bob, &carol, other] {
        let none = doors(&host, stranger, NOBODYS).await;
        for answer in &none[..3] {
            assert!(answer.contains("-32602"), "{answer}");
        }
        for answer in &none[6..] {
            assert!(answer.contains("404"), "{answer}");
        }
        for id in &ids {
            assert_eq!(doors(&host, stranger, id).await, none);
        }
        let (_, list) = stranger.rest(&host, "GET", "/api/jobs").await;
        assert_eq!(list["jobs"], json!([]));
        let everything = "/api/jobs?older_than=0";
        let (_, removed) = stranger.rest(&host, "DELETE", everything).await;
        assert_eq!(removed, json!({ "removed": 0 }));
    }
    // None of that touched them.
    alice.until(&host, &ids[0], "running").await;
    alice.until(&host, &ids[1], "input_required").await;

    // Who looks after the tenant sees and stops them, and answers nothing in alice's name.
    let (_, list) = own.rest(&host, "GET", "/api/jobs").await;
    assert_eq!(list["jobs"].as_array().unwrap().len(), 2, "{list}");
    let reply = json!({ "action": "accept", "content": { "many": 7 } });
    let update = json!({ "taskId": ids[1], "inputResponses": { "2.how-many": reply } });
    let refused = own.tasks(&host).request("tasks/update", update).await;
    assert_eq!(refused.unwrap_err().code, -32602);
    alice.until(&host, &ids[1], "input_required").await;
    let (status, _) = own
        .rest(&host, "DELETE", &format!("/api/jobs/{}", ids[0]))
        .await;
    assert_eq!(status, 202);
    own.until(&host, &ids[0], "cancelled").await;
}

/// Each of these doors is closed for want of the scope.
async fn refused(host: &Host, who: &Bearer, id: &str, doors: &[(&str, String)], scope: &str) {
    for (door, target) in doors {
        let response = match *door {
            "tool" => {
                let params = json!({ "name": target, "arguments": { "job_id": id } });
                who.tasks(host).send("tools/call", params).await
            }
            "task" => {
                let mut params = json!({ "taskId": id });
                if target == "tasks/update" {
                    params["inputResponses"] = json!({});
                }
                who.tasks(host).send(target, params).await
            }
            method => who.answer(host, method, target).await,
        };
        assert_eq!(response.status(), 403, "{door} {target}");
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        let scope = format!("scope=\"{scope}\"");
        assert!(
            challenge.contains("insufficient_scope") && challenge.contains(&scope),
            "{door} {target}: {challenge}"
        );
    }
}

fn reading(id: &str) -> [(&'static str, String); 6] {
    [
        ("tool", "job_status".to_owned()),
        ("tool", "job_wait".to_owned()),
        ("task", "tasks/get".to_owned()),
        ("GET", "/api/jobs".to_owned()),
        ("GET", format!("/api/jobs/{id}")),
        ("GET", format!("/api/jobs/{id}/logs")),
    ]
}

fn stopping(id: &str) -> [(&'static str, String); 5] {
    [
        ("tool", "job_cancel".to_owned()),
        ("task", "tasks/cancel".to_owned()),
        ("task", "tasks/update".to_owned()),
        ("DELETE", format!("/api/jobs/{id}")),
        ("DELETE", "/api/jobs?older_than=0".to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_wants_its_scope() {
    let caller = bearer("caller", "team-a", &["tools:call"]);
    let reader = bearer("reader", "team-a", &["tools:call", "jobs:read"]);
    let elsewhere = bearer(
        "elsewhere",
        "team-a",
        &["tools:call", "jobs:read:echo", "jobs:cancel:echo"],
    );
    let own = bearer(
        "own",
        "team-a",
        &["tools:call:jobs", "jobs:read:jobs", "jobs:cancel:jobs"],
    );
    let deployment = Deployment::new(&tables("", &[&caller, &reader, &elsewhere, &own]));
    let host = Host::start(&deployment).await;

    // Without a token nobody gets in, as at `/mcp`.
    let url = host.url().replace("/mcp", "/api/jobs");
    let response = mcp::http().get(&url).send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert!(response.headers().contains_key("www-authenticate"));

    let id = caller.start(&host, endless()).await;
    refused(&host, &caller, &id, &reading(&id), "jobs:read").await;
    refused(&host, &caller, &id, &stopping(&id), "jobs:cancel").await;
    let tools = caller.client(&host).tools().await;
    assert!(
        !tools.iter().any(|tool| tool.starts_with("job_")),
        "{tools:?}"
    );
    // The answer to one's own call needs no scope of its own.
    let soon = caller
        .client(&host)
        .call("count", json!({ "steps": 1 }))
        .await;
    assert_eq!(soon.unwrap()["structuredContent"]["counted"], 1);

    let id = reader.start(&host, endless()).await;
    reader.until(&host, &id, "running").await;
    refused(&host, &reader, &id, &stopping(&id), "jobs:cancel").await;
    let tools = reader.client(&host).tools().await;
    assert!(!tools.contains(&"job_cancel".to_owned()), "{tools:?}");
    assert!(tools.contains(&"job_wait".to_owned()), "{tools:?}");

    // Of another plugin's jobs only.
    let id = elsewhere.start(&host, endless()).await;
    refused(
        &host,
        &elsewhere,
        &id,
        &[
            ("GET", format!("/api/jobs/{id}")),
            ("GET", format!("/api/jobs/{id}/logs")),
            ("DELETE", format!("/api/jobs/{id}")),
        ],
        "jobs:read:jobs",
    )
    .await;
    let (status, list) = elsewhere.rest(&host, "GET", "/api/jobs").await;
    assert_eq!((status, &list["jobs"]), (200, &json!([])));
    let task = elsewhere
        .tasks(&host)
        .request("tasks/get", json!({ "taskId": id }))
        .await;
    task.unwrap_err();

    let id = own.start(&host, endless()).await;
    let (_, list) = own.rest(&host, "GET", "/api/jobs").await;
    assert_eq!(list["jobs"].as_array().unwrap().len(), 1, "{list}");
    let (status, _) = own.rest(&host, "DELETE", &format!("/api/jobs/{id}")).await;
    assert_eq!(status, 202);
    own.until(&host, &id, "cancelled").await;
}

/// What a token is good for now counts, not what it was good for when the job began.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_taken_with_the_rights_of_the_moment() {
    rights_change(async |host, deployment, text| {
        host.stop().await;
        deployment.write("toolward.toml", text);
        Host::start(deployment).await
    })
    .await;
}

/// The same where nobody waits for the next start.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_goes_while_the_host_serves_takes_its_jobs_with_it() {
    rights_change(async |host, deployment, text| {
        deployment.write("toolward.toml", text);
        let process = host.process_id().to_string();
        let sent = Command::new("kill").args(["-HUP", &process]).status();
        assert!(sent.unwrap().success());
        host
    })
    .await;
}

async fn rights_change(change: impl AsyncFnOnce(Host, &Deployment, &str) -> Host) {
    let scopes = ["tools:call", "jobs:read", "jobs:cancel", "admin"];
    let [kept, narrowed, gone, operator] =
        ["kept", "narrowed", "gone", "operator"].map(|name| bearer(name, "team-a", &scopes));
    let deployment = Deployment::new(&tables("", &[&kept, &narrowed, &gone, &operator]));
    let host = Host::start(&deployment).await;
    let arguments = json!({ "steps": 1000, "wait_ms": 300 });
    let mut ids = Vec::new();
    for who in [&kept, &narrowed, &gone] {
        ids.push(who.start(&host, arguments.clone()).await);
    }
    for id in &ids {
        operator.until(&host, id, "running").await;
    }

    let text = std::fs::read_to_string(deployment.config()).unwrap();
    let less = narrowed.table.replace("\"tools:call\", ", "");
    assert_ne!(less, narrowed.table);
    let text = text
        .replace(&narrowed.table, &less)
        .replace(&gone.table, "");
    let host = change(host, &deployment, &text).await;
    for (id, reason) in [(&ids[1], "tools:call:jobs"), (&ids[2], "no longer good")] {
        let job = operator.until(&host, id, "failed").await;
        let error = job["error"].as_str().unwrap();
        assert!(error.contains(reason), "{job}");
    }
    let job = operator.until(&host, &ids[0], "running").await;
    let step = job["step"]["taken"].as_u64().unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let job = operator.until(&host, &ids[0], "running").await;
        if job["step"]["taken"].as_u64() > Some(step) {
            break;
        }
        assert!(Instant::now() < deadline, "{job}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_the_flooders_own() {
    let alice = bearer("alice", "team-a", &EVERYTHING);
    let carol = bearer("carol", "team-b", &EVERYTHING);
    let jobs =
        "max-kept-size = \"2 MiB\"\nmax-queued = 4\nmax-running = 3\nmax-running-per-tenant = 2";
    let deployment = Deployment::new(&tables(jobs, &[&alice, &carol]));
    let host = Host::start(&deployment).await;

    // A state above the limit is refused before there is a job.
    let large = json!({ "steps": 9, "state_bytes": 1_100_000 });
    let refused = alice.tasks(&host).call("count", large).await.unwrap();
    assert_eq!(refused["isError"], true, "{refused}");
    assert!(mcp::text(&refused).contains("1048576"), "{refused}");

    // Logs: so many lines of a step, so long each, so many bytes of a job.
    let id = alice
        .start(&host, json!({ "steps": 6, "log_lines": 300 }))
        .await;
    alice.until(&host, &id, "completed").await;
    let path = format!("/api/jobs/{id}/logs?tail=1000000");
    let (_, log) = alice.rest(&host, "GET", &path).await;
    let texts = log["lines"].as_array().unwrap().iter();
    let lengths: Vec<usize> = texts
        .map(|line| line["text"].as_str().unwrap().len())
        .collect();
    assert!(lengths.iter().all(|length| *length <= 2048), "{lengths:?}");
    assert!(lengths.iter().sum::<usize>() <= 256 * 1024);

    // States: three of 900 KB do not fit into 2 MiB.
    let hoard = json!({ "steps": 1000, "wait_ms": 60_000, "state_bytes": 900_000 });
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(alice.start(&host, hoard.clone()).await);
    }
    let refused = alice
        .tasks(&host)
        .call("count", hoard.clone())
        .await
        .unwrap();
    assert_eq!(refused["isError"], true, "{refused}");
    assert!(mcp::text(&refused).contains("2097152"), "{refused}");
    // Numbers: four at once.
    for _ in 0..2 {
        ids.push(alice.start(&host, endless()).await);
    }
    let refused = alice.tasks(&host).call("count", endless()).await.unwrap();
    assert!(mcp::text(&refused).contains("4 jobs"), "{refused}");

    // The neighbour notices nothing: there is room, and there is a place.
    let id = carol
        .start(&host, json!({ "steps": 3, "state_bytes": 900_000 }))
        .await;
    carol.until(&host, &id, "completed").await;
    let (_, running) = alice.rest(&host, "GET", "/api/jobs?status=running").await;
    assert_eq!(running["jobs"].as_array().unwrap().len(), 2, "{running}");
    // And what was stopped leaves its room to the next.
    for id in &ids {
        alice
            .rest(&host, "DELETE", &format!("/api/jobs/{id}"))
            .await;
        alice.until(&host, id, "cancelled").await;
    }
    alice.start(&host, hoard).await;
}

/// A client without tasks answers what a job asks while it waits for it, in either era.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_is_asked() {
    let deployment = Deployment::new(&format!(
        "[jobs]\nanswer-within = \"1 s\"\n[plugins.jobs]\ncomponent = \"{}\"\ngrant = [\"form\"]\n",
        e2e::plugin("jobs").display()
    ));
    let host = Host::start(&deployment).await;
    let forms = json!({ "elicitation": { "form": {} } });
    let asks = json!({ "steps": 3, "ask_at": 1 });
    let told = |later: &Value| {
        let text = mcp::text(later);
        assert!(text.contains("job_wait"), "{later}");
        later["structuredContent"]["job"]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };

    // New era: by an answer, and the client repeats the request with the replies.
    let client = mcp::Client::new(host.url()).with_capabilities(forms.clone());
    let id = told(&client.call("count", asks.clone()).await.unwrap());
    let params = |replies: Option<Value>| {
        let mut params = json!({ "name": "job_wait", "arguments": { "job_id": id } });
        if let Some(replies) = replies {
            params["inputResponses"] = replies;
        }
        params
    };
    let asked = client.request("tools/call", params(None)).await.unwrap();
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let requests = asked["inputRequests"].as_object().unwrap();
    let (key, request) = requests.iter().next().unwrap();
    let message = request["params"]["message"].as_str().unwrap();
    assert!(message.contains("asked by the plugin jobs"), "{message}");
    // What does not fit is not taken, and asked again.
    let misfit = json!({ key: { "action": "accept", "content": { "many": "x" } } });
    let again = client
        .request("tools/call", params(Some(misfit)))
        .await
        .unwrap();
    assert_eq!(again["inputRequests"], asked["inputRequests"], "{again}");
    let replies = json!({ key: { "action": "accept", "content": { "many": 7 } } });
    let done = client
        .request("tools/call", params(Some(replies.clone())))
        .await
        .unwrap();
    assert_eq!(
        done["structuredContent"]["answer"],
        json!({ "many": 7 }),
        "{done}"
    );
    // Once: later it means nothing.
    let after = client
        .request("tools/call", params(Some(replies)))
        .await
        .unwrap();
    assert_eq!(after["structuredContent"]["counted"], 3, "{after}");

    // Old era: by a request, while the client waits.
    let session = Session::open_with(host.url(), forms).await;
    let id = told(&session.call("count", asks.clone()).await.unwrap());
    let params = json!({ "name": "job_wait", "arguments": { "job_id": id } });
    let reply = |_: &Value| json!({ "action": "accept", "content": { "many": 8 } });
    let done = session
        .request_and_reply("tools/call", params, reply)
        .await
        .unwrap();
    assert_eq!(
        done["structuredContent"]["answer"],
        json!({ "many": 8 }),
        "{done}"
    );

    // One that cannot be asked is told so.
    let unable = mcp::Client::new(host.url());
    let id = told(&unable.call("count", asks).await.unwrap());
    let waited = unable
        .call("job_wait", json!({ "job_id": id }))
        .await
        .unwrap();
    assert!(mcp::text(&waited).contains("waits for answers"), "{waited}");
}
