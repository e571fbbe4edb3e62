//! Every answer of every endpoint against the vendor's documents, and proof that the check can fail.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

mod client;

use std::time::Duration;

use bytes::Bytes;
use client::{Client, Reply};
use http::HeaderMap;
use serde_json::{Value, json};
use vbr_simulator::openapi::{Checker, Request, Response};
use vbr_simulator::{Options, Quirks, Revision, Side, Simulator, Violation};

/// The checker, or a line that says why there is none.
fn checker(revision: Revision) -> Option<Checker> {
    let checker = Checker::load(revision);
    if checker.is_none() {
        eprintln!(
            "skipped: the vendor's document for {revision} is not in {}",
            Checker::folder().display()
        );
    }
    checker
}

async fn start(checker: Checker, quirks: Quirks) -> Simulator {
    let options = Options {
        run_time: Duration::from_hours(1),
        stop_time: Duration::ZERO,
        quirks,
        checkers: vec![checker],
        ..Options::default()
    };
    Simulator::start(options).await.unwrap()
}

fn listed(violations: &[Violation]) -> String {
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[tokio::test]
async fn every_answer_fits_the_document() {
    for revision in Revision::ALL {
        let Some(checker) = checker(revision) else {
            continue;
        };
        let newest = revision >= Revision::V1_3Rev0;
        let simulator = start(checker, Quirks::default()).await;
        let seen = visit_everything(&simulator, revision).await;
        let stats = simulator.stats();
        assert!(
            stats.violations.is_empty(),
            "{revision}:\n{}",
            listed(&stats.violations)
        );
        // The visit saw every operation the server has, so no answer went unchecked.
        assert_eq!(seen, if newest { 38 } else { 36 });
    }
}

/// Sends every request there is, with every outcome there is; returns how many operations that were.
async fn visit_everything(simulator: &Simulator, revision: Revision) -> usize {
    let mut client = Client::logged_in(simulator, revision).await;
    for path in [
        "/api/v1/serverTime",
        "/api/v1/serverInfo",
        "/api/v1/jobs",
        "/api/v1/jobs?limit=2",
    ] {
        expect(&client.get(path).await, 200);
    }
    for job in client.get("/api/v1/jobs/states?limit=500").await.body["data"]
        .as_array()
        .unwrap()
    {
        let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
        let status = if job["type"] == "CloudBackupAWS" {
            400
        } else {
            200
        };
        expect(&client.get(&path).await, status);
    }
    visit_lists(&client).await;
    visit_tasks(&client).await;
    visit_estate(&client, revision).await;
    visit_actions(&client, simulator).await;
    // Errors.
    for (path, status) in [
        ("/api/v1/jobs/11111111-1111-4111-8111-111111111111", 404),
        ("/api/v1/sessions/11111111-1111-4111-8111-111111111111", 404),
    ] {
        expect(&client.get(path).await, status);
    }
    let token = client.token.take();
    expect(&client.log_in("toolward", "wrong").await, 401);
    let pair = client
        .log_in("toolward", &Options::default().password)
        .await
        .body;
    let renewed = client.refresh(&pair["refresh_token"]).await;
    expect(&renewed, 200);
    expect(&client.refresh(&pair["refresh_token"]).await, 401);
    client.token = token;
    expect(&client.post("/api/oauth2/logout", Value::Null).await, 200);
    expect(&client.get("/api/v1/jobs").await, 401);
    simulator.stats().requests.len()
}

async fn visit_lists(client: &Client) {
    let (kind, status) = if client.revision >= Revision::V1_3Rev1 {
        ("VSphereBackup", "Running")
    } else {
        ("Backup", "running")
    };
    let lists = [
        "/api/v1/jobs?orderColumn=Name&orderAsc=false&nameFilter=*SQL*".to_owned(),
        format!("/api/v1/jobs/states?typeFilter={kind}&statusFilter={status}&orderColumn=LastRun"),
        "/api/v1/jobs/states?lastRunAfterFilter=2020-01-01T00:00:00%2B02:00&skip=3&limit=4"
            .to_owned(),
        "/api/v1/sessions?limit=1000".to_owned(),
        "/api/v1/sessions?typeFilter=BackupJob&resultFilter=Failed&stateFilter=Stopped".to_owned(),
    ];
    for path in lists {
        let reply = client.get(&path).await;
        expect(&reply, 200);
        assert!(!reply.body["data"].as_array().unwrap().is_empty(), "{path}");
    }
    let sessions = client.get("/api/v1/sessions?limit=60").await.body;
    for session in sessions["data"].as_array().unwrap() {
        let path = format!("/api/v1/sessions/{}", session["id"].as_str().unwrap());
        expect(&client.get(&path).await, 200);
        expect(&client.get(&format!("{path}/logs")).await, 200);
    }
}

async fn visit_tasks(client: &Client) {
    let failed = "/api/v1/taskSessions?resultFilter=Failed&orderColumn=Name&orderAsc=true&limit=5";
    let tasks = client.get(failed).await;
    expect(&tasks, 200);
    for task in tasks.body["data"].as_array().unwrap() {
        let (id, session) = (
            task["id"].as_str().unwrap(),
            task["sessionId"].as_str().unwrap(),
        );
        for path in [
            format!("/api/v1/taskSessions/{id}"),
            format!("/api/v1/taskSessions/{id}/logs"),
            format!("/api/v1/sessions/{session}/taskSessions"),
            format!("/api/v1/taskSessions?sessionIdFilter={session}"),
        ] {
            let reply = client.get(&path).await;
            expect(&reply, 200);
            assert_ne!(reply.body["data"], json!([]), "{path}");
        }
    }
}

async fn visit_estate(client: &Client, revision: Revision) {
    let backups = client.get("/api/v1/backups?orderColumn=Name&limit=3").await;
    expect(&backups, 200);
    let backup = backups.body["data"][0]["id"].as_str().unwrap();
    let mut paths = vec![
        format!("/api/v1/backups/{backup}"),
        format!("/api/v1/backups/{backup}/backupFiles?orderColumn=CreationTime&orderAsc=false"),
        format!("/api/v1/backups/{backup}/objects"),
        "/api/v1/backupObjects?orderColumn=Name&nameFilter=*srv*".to_owned(),
        "/api/v1/restorePoints?orderColumn=CreationTime&orderAsc=false&nameFilter=*srv*".to_owned(),
        "/api/v1/backupInfrastructure/repositories/states?orderColumn=Name".to_owned(),
        "/api/v1/backupInfrastructure/repositories/states?isOnlineFilter=false".to_owned(),
        "/api/v1/backupInfrastructure/repositories/states?typeFilter=LinuxHardened".to_owned(),
        "/api/v1/backupInfrastructure/scaleOutRepositories".to_owned(),
        "/api/v1/backupInfrastructure/proxies?orderColumn=Name".to_owned(),
        "/api/v1/backupInfrastructure/managedServers?orderColumn=Name&typeFilter=WindowsHost"
            .to_owned(),
        "/api/v1/backupInfrastructure/managedServers".to_owned(),
        "/api/v1/license".to_owned(),
        "/api/v1/license/instances?limit=4".to_owned(),
        "/api/v1/malwareDetection/events?orderColumn=DetectionTimeUtc&severityFilter=Infected"
            .to_owned(),
        "/api/v1/securityAnalyzer/bestPractices".to_owned(),
        "/api/v1/securityAnalyzer/lastRun".to_owned(),
        "/api/v1/configBackup".to_owned(),
    ];
    if revision >= Revision::V1_3Rev0 {
        paths.push("/api/v1/backupInfrastructure/proxies/states".to_owned());
    }
    for path in paths {
        let reply = client.get(&path).await;
        expect(&reply, 200);
        assert_ne!(reply.body["data"], json!([]), "{path}");
    }
    let states = client
        .get("/api/v1/backupInfrastructure/repositories/states")
        .await;
    let rescan = "/api/v1/backupInfrastructure/repositories/rescan";
    let one = json!({ "repositoryIds": [states.body["data"][0]["id"]] });
    let rescanned = client.post(rescan, one).await;
    expect(&rescanned, 201);
    let session = rescanned.body["id"].as_str().unwrap();
    expect(
        &client.get(&format!("/api/v1/sessions/{session}")).await,
        200,
    );
    expect(
        &client.post(rescan, json!({ "repositoryIds": [ID] })).await,
        404,
    );
}

async fn visit_actions(client: &Client, simulator: &Simulator) {
    let jobs = simulator.jobs();
    let path = |number: usize, action: &str| format!("/api/v1/jobs/{}/{action}", jobs[number].0);
    let full = json!({ "performActiveFull": true, "startChainedJobs": true });
    let started = client.post(&path(0, "start"), full).await;
    expect(&started, 201);
    expect(&client.post(&path(0, "start"), Value::Null).await, 400);
    let session = started.body["id"].as_str().unwrap();
    expect(
        &client.get(&format!("/api/v1/sessions/{session}")).await,
        200,
    );
    expect(
        &client
            .post(&format!("/api/v1/sessions/{session}/stop"), Value::Null)
            .await,
        200,
    );
    expect(
        &client
            .post(&path(4, "stop"), json!({ "gracefulStop": false }))
            .await,
        201,
    );
    let newest = client.revision >= Revision::V1_3Rev0;
    let disabled = if newest { 204 } else { 200 };
    expect(
        &client.post(&path(3, "disable"), Value::Null).await,
        disabled,
    );
    expect(
        &client.post(&path(3, "enable"), Value::Null).await,
        disabled,
    );
    if newest {
        expect(
            &client
                .post(&path(14, "retry"), json!({ "startChainedJobs": false }))
                .await,
            201,
        );
        expect(&client.post(&path(14, "retry"), Value::Null).await, 400);
    }
}

fn expect(reply: &Reply, status: u16) {
    assert_eq!(reply.status.as_u16(), status, "{}", reply.body);
}

#[tokio::test]
async fn quirks_are_what_the_document_does_not_allow() {
    let Some(checker) = checker(Revision::V1_3Rev1) else {
        return;
    };
    for quirks in [
        Quirks {
            nulls: true,
            ..Quirks::default()
        },
        Quirks {
            nested_includes: true,
            ..Quirks::default()
        },
        Quirks {
            local_times: true,
            ..Quirks::default()
        },
    ] {
        let simulator = start(checker.clone(), quirks).await;
        let client = Client::logged_in(&simulator, Revision::V1_3Rev1).await;
        client.get("/api/v1/jobs").await;
        client.get("/api/v1/sessions").await;
        client.get("/api/v1/taskSessions?limit=2").await;
        let violations = simulator.stats().violations;
        assert!(
            violations.iter().any(|one| one.side == Side::Answer),
            "{quirks:?}"
        );
    }
}

#[tokio::test]
async fn the_server_records_wrong_requests() {
    let Some(checker) = checker(Revision::V1_2Rev1) else {
        return;
    };
    let simulator = start(checker, Quirks::default()).await;
    let client = Client::logged_in(&simulator, Revision::V1_2Rev1).await;
    client.get("/api/v1/jobs/states?namefilter=SQL").await;
    let violations = simulator.stats().violations;
    assert_eq!(violations.len(), 1, "{}", listed(&violations));
    assert_eq!(violations[0].side, Side::Request);
    assert!(
        violations[0].problem.contains("namefilter"),
        "{}",
        violations[0]
    );
}

const ID: &str = "11111111-1111-4111-8111-111111111111";

fn headers(revision: Revision) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-api-version", revision.as_str().parse().unwrap());
    headers.insert("authorization", "Bearer x".parse().unwrap());
    headers.insert("content-type", "application/json".parse().unwrap());
    headers
}

/// What is found wrong with a request at 1.3.
fn wrong(checker: &Checker, method: &str, target: &str, body: &Value) -> Vec<String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let body = if body.is_null() {
        Bytes::new()
    } else {
        Bytes::from(body.to_string())
    };
    let headers = headers(checker.revision());
    let request = Request {
        method,
        path,
        query,
        headers: &headers,
        body: &body,
    };
    let violations = checker.check_request(&request).into_iter();
    violations.map(|violation| violation.problem).collect()
}

#[test]
fn wrong_requests_are_found() {
    let Some(checker) = checker(Revision::V1_3Rev1) else {
        return;
    };
    let check = |method: &str, target: &str, body: Value, expected: &str| {
        let problems = wrong(&checker, method, target, &body);
        if expected.is_empty() {
            assert_eq!(problems, [""; 0], "{method} {target}");
        } else {
            assert!(
                problems.iter().any(|one| one.contains(expected)),
                "{target}: {problems:?}"
            );
        }
    };
    let start = format!("/api/v1/jobs/{ID}/start");
    let start = start.as_str();
    check("POST", start, json!({ "performActiveFull": true }), "");
    check("POST", start, Value::Null, "");
    check(
        "POST",
        start,
        json!({ "startChainedJobs": true }),
        "performActiveFull",
    );
    check(
        "POST",
        start,
        json!({ "performActiveFull": "yes" }),
        "performActiveFull",
    );
    check(
        "POST",
        start,
        json!({ "performActiveFull": true, "force": true }),
        "force",
    );
    check("GET", start, Value::Null, "not an operation");
    check(
        "POST",
        "/api/v1/jobs/x/start",
        Value::Null,
        "path parameter id",
    );
    check("GET", "/api/v1/job", Value::Null, "not an operation");
    check(
        "GET",
        "/api/v1/jobs/states?limit=10&statusFilter=Running",
        Value::Null,
        "",
    );
    check("GET", "/api/v1/jobs/states?limit=ten", Value::Null, "limit");
    check("GET", "/api/v1/jobs/states?Limit=10", Value::Null, "Limit");
    check(
        "GET",
        "/api/v1/jobs/states?statusFilter=running",
        Value::Null,
        "statusFilter",
    );
    check(
        "GET",
        "/api/v1/jobs/states?limit=1&limit=2",
        Value::Null,
        "more than once",
    );
    check(
        "GET",
        "/api/v1/sessions?typeFilter=BackupJob&typeFilter=ReplicaJob",
        Value::Null,
        "",
    );
    check(
        "GET",
        "/api/v1/sessions?typeFilter=BackupJob&typeFilter=X",
        Value::Null,
        "typeFilter",
    );
    check(
        "GET",
        "/api/v1/sessions?createdAfterFilter=yesterday",
        Value::Null,
        "createdAfter",
    );
    check("GET", "/api/v1/serverTime", json!({}), "takes none");
}

#[test]
fn requests_without_their_headers_are_found() {
    let Some(checker) = checker(Revision::V1_2Rev1) else {
        return;
    };
    let mut headers = headers(Revision::V1_3Rev1);
    headers.remove("authorization");
    let body = Bytes::new();
    let check = |path: &str, expected: usize| {
        let request = Request {
            method: "GET",
            path,
            query: "",
            headers: &headers,
            body: &body,
        };
        assert_eq!(checker.check_request(&request).len(), expected, "{path}");
    };
    // The wrong revision, and no token; the time is told to anybody.
    check("/api/v1/jobs", 2);
    check("/api/v1/serverTime", 1);
}

#[test]
fn wrong_answers_are_found() {
    let Some(checker) = checker(Revision::V1_3Rev1) else {
        return;
    };
    let headers = headers(Revision::V1_3Rev1);
    let check = |path: &str, status: u16, body: Value, fits: bool| {
        let empty = Bytes::new();
        let request = Request {
            method: "GET",
            path,
            query: "",
            headers: &headers,
            body: &empty,
        };
        let text = Bytes::from(body.to_string());
        let response = Response {
            status,
            content_type: Some("application/json"),
            body: &text,
        };
        let violations = checker.check_response(&request, &response);
        assert_eq!(
            violations.is_empty(),
            fits,
            "{body}\n{}",
            listed(&violations)
        );
    };
    let state = json!({
        "id": ID, "name": "a", "type": "VSphereBackup", "description": "", "status": "Running",
        "lastResult": "None", "workload": "Vm", "objectsCount": 1, "highPriority": false,
        "progressPercent": 1, "sessionProgress": null,
    });
    let states = |change: &dyn Fn(&mut Value)| {
        let mut state = state.clone();
        change(&mut state);
        json!({ "data": [state], "pagination": { "total": 1, "count": 1 } })
    };
    let path = "/api/v1/jobs/states";
    check(path, 200, states(&|_| {}), true);
    check(
        path,
        200,
        states(&|state| state["status"] = "running".into()),
        false,
    );
    check(
        path,
        200,
        states(&|state| state["lastRun"] = "2026-11-20T22:00:04".into()),
        false,
    );
    check(
        path,
        200,
        states(&|state| state["lastRun"] = Value::Null),
        false,
    );
    check(path, 200, states(&|state| state["id"] = "1".into()), false);
    check(
        path,
        200,
        states(&|state| state["nextrun"] = "x".into()),
        false,
    );
    check(
        path,
        200,
        states(&|state| drop(state.as_object_mut().unwrap().remove("name"))),
        false,
    );
    check(path, 204, Value::Null, false);
    check(
        path,
        500,
        json!({ "errorCode": "UnknownError", "message": "m" }),
        true,
    );
    check(
        path,
        429,
        json!({ "errorCode": "ServiceUnavailable", "message": "m" }),
        true,
    );
    check(
        path,
        500,
        json!({ "errorCode": "Unknown", "message": "m" }),
        false,
    );
    check(path, 500, json!({ "message": "m" }), false);
    // A configuration that says it is of one kind and looks like another.
    let job = json!({
        "id": ID, "name": "a", "type": "FileBackupCopy", "isDisabled": false,
        "primaryJobId": ID, "backupRepositoryId": ID,
    });
    let mut other = job.clone();
    other["type"] = "VSphereBackup".into();
    let path = format!("/api/v1/jobs/{ID}");
    check(&path, 200, job, true);
    check(&path, 200, other, false);
}

#[test]
fn an_absent_document_is_no_checker_and_a_damaged_one_is_an_error() {
    let folder = std::env::temp_dir().join(format!("vbr-openapi-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let revision = Revision::V1_2Rev1;
    assert!(matches!(Checker::load_from(&folder, revision), Ok(None)));
    std::fs::write(folder.join("vbr-1.2-rev1.openapi.json"), "{").unwrap();
    assert!(Checker::load_from(&folder, revision).is_err());
    std::fs::remove_dir_all(folder).unwrap();
}
