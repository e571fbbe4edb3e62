//! What the server does, seen through a real client: the rules of the API, and the faults.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

mod client;

use std::time::Duration;

use client::{Client, send};
use reqwest::{Certificate, Method, StatusCode};
use serde_json::{Value, json};
use vbr_simulator::{Fault, Gate, Login, Options, Revision, Simulator};

const V1_2: Revision = Revision::V1_2Rev1;
const V1_3: Revision = Revision::V1_3Rev1;

async fn start(options: Options) -> Simulator {
    Simulator::start(options).await.unwrap()
}

/// The path of an action on a job of the first round.
fn job(simulator: &Simulator, number: usize, action: &str) -> String {
    format!("/api/v1/jobs/{}{action}", simulator.jobs()[number].0)
}

fn names(list: &Value) -> Vec<String> {
    let data = list["data"].as_array().unwrap().iter();
    data.map(|one| one["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn every_request_names_a_revision_that_is_served() {
    let simulator = start(Options {
        revisions: vec![V1_2],
        ..Options::default()
    })
    .await;
    let http = client::http(&simulator);
    let form = [("grant_type", "password"), ("username", "toolward")];
    for path in ["/api/oauth2/token", "/api/v1/jobs", "/api/v1/serverTime"] {
        let method = if path.contains("token") {
            Method::POST
        } else {
            Method::GET
        };
        let url = simulator.url() + path;
        let bare = send(http.request(method.clone(), &url).form(&form)).await;
        assert_eq!(bare.status, 400, "{path}");
        let newer = http
            .request(method, &url)
            .header("x-api-version", "1.3-rev1")
            .form(&form);
        let newer = send(newer).await;
        assert_eq!(newer.status, 501, "{path}");
        assert_eq!(newer.body["errorCode"], "NotImplemented");
    }
    let probe = |revision: &str| {
        http.get(format!(
            "{}/swagger/v{revision}/swagger.json",
            simulator.url()
        ))
    };
    assert_eq!(send(probe("1.2-rev1")).await.status, 200);
    assert_eq!(send(probe("1.3-rev1")).await.status, 404);
}

#[tokio::test]
async fn the_token_is_short_lived_as_told_and_the_refresh_token_serves_once() {
    let simulator = start(Options {
        token_life: Duration::from_mins(1),
        ..Options::default()
    })
    .await;
    let mut client = Client::new(&simulator, V1_3);
    assert_eq!(client.get("/api/v1/jobs").await.status, 401);
    let pair = client
        .log_in(".\\toolward", &Options::default().password)
        .await
        .body;
    assert_eq!(pair["expires_in"], 60);
    client.token = pair["access_token"].as_str().map(str::to_owned);
    assert_eq!(client.get("/api/v1/jobs?limit=1").await.status, 200);

    simulator.faults().expire_tokens();
    let expired = client.get("/api/v1/jobs?limit=1").await;
    assert_eq!(
        (expired.status, &expired.body["errorCode"]),
        (StatusCode::UNAUTHORIZED, &json!("ExpiredToken"))
    );
    client.token = None;
    let renewed = client.refresh(&pair["refresh_token"]).await;
    assert_eq!(client.refresh(&pair["refresh_token"]).await.status, 401);
    client.token = renewed.body["access_token"].as_str().map(str::to_owned);
    assert_eq!(client.get("/api/v1/jobs?limit=1").await.status, 200);

    let stats = simulator.stats();
    assert_eq!(
        (stats.logins, stats.refreshes, stats.failed_refreshes),
        (1, 1, 1)
    );
    assert_eq!(stats.of("GET /api/v1/jobs"), 4);
    let issued = simulator.issued_tokens();
    assert!(issued.contains(client.token.as_ref().unwrap()) && issued.len() == 4);
}

#[tokio::test]
async fn a_changed_password_is_noticed_at_the_next_login() {
    let simulator = start(Options::default()).await;
    let client = Client::new(&simulator, V1_2);
    let password = Options::default().password;
    assert_eq!(client.log_in("toolward", &password).await.status, 200);
    simulator.faults().change_password("toolward", "new");
    assert_eq!(client.log_in("toolward", &password).await.status, 401);
    assert_eq!(client.log_in("toolward", "new").await.status, 200);
    assert_eq!(simulator.stats().failed_logins, 1);
}

#[tokio::test]
async fn ten_thousand_jobs_come_page_by_page() {
    let simulator = start(Options {
        jobs: 10_000,
        ..Options::default()
    })
    .await;
    let client = Client::logged_in(&simulator, V1_3).await;
    let mut seen = std::collections::HashSet::new();
    let mut skip = 0;
    loop {
        let path =
            format!("/api/v1/jobs/states?skip={skip}&limit=2000&orderColumn=Name&orderAsc=true");
        let page = client.get(&path).await.body;
        seen.extend(names(&page));
        skip += page["pagination"]["count"].as_u64().unwrap();
        if skip >= page["pagination"]["total"].as_u64().unwrap() {
            break;
        }
    }
    assert_eq!(seen.len(), 10_000);
    assert_eq!(
        names(&client.get("/api/v1/jobs/states").await.body).len(),
        200
    );
}

#[tokio::test]
async fn the_revisions_differ_in_what_they_list_and_how_they_spell_it() {
    let simulator = start(Options {
        jobs: 16,
        ..Options::default()
    })
    .await;
    let (old, new) = (
        Client::logged_in(&simulator, V1_2).await,
        Client::logged_in(&simulator, V1_3).await,
    );
    let list = |client: Client| async move { client.get("/api/v1/jobs/states").await.body };
    let (old_list, new_list) = (list(old).await, list(new).await);
    assert_eq!((names(&old_list).len(), names(&new_list).len()), (10, 16));
    let state = |list: &Value, name: &str| {
        let data = list["data"].as_array().unwrap();
        data.iter().find(|one| one["name"] == name).unwrap().clone()
    };
    let (was, is) = (
        state(&old_list, "Domain controllers"),
        state(&new_list, "Domain controllers"),
    );
    assert_eq!(
        (&was["status"], &is["status"]),
        (&json!("running"), &json!("Running"))
    );
    assert_eq!(
        (&was["type"], &is["type"]),
        (&json!("Backup"), &json!("VSphereBackup"))
    );
    assert_eq!(
        (&was["workload"], &is["workload"]),
        (&json!("vm"), &json!("Vm"))
    );
    assert!(was.get("progressPercent").is_none() && is.get("progressPercent").is_some());

    let old = Client::logged_in(&simulator, V1_2).await;
    let new = Client::logged_in(&simulator, V1_3).await;
    // A Hyper-V job: the old revision knows that it is there, and cannot say what it is.
    assert_eq!(old.get(&job(&simulator, 2, "")).await.status, 400);
    assert_eq!(new.get(&job(&simulator, 2, "")).await.status, 200);
    assert_eq!(
        old.post(&job(&simulator, 1, "/retry"), Value::Null)
            .await
            .status,
        404
    );
    assert_eq!(
        new.post(&job(&simulator, 1, "/retry"), Value::Null)
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn filters_find_what_they_say_and_unknown_names_are_ignored() {
    let simulator = start(Options {
        jobs: 16,
        ..Options::default()
    })
    .await;
    let client = Client::logged_in(&simulator, V1_3).await;
    let check = async |query: &str, expected: &[&str]| {
        let list = client.get(&format!("/api/v1/jobs/states?{query}")).await;
        assert_eq!(names(&list.body), expected, "{query}");
    };
    check("nameFilter=SQL", &[]).await;
    check("nameFilter=SQL*", &["SQL-PROD nightly"]).await;
    check(
        "nameFilter=*%D0%B1%D1%83%D1%85*",
        &["Бухгалтерия, ежедневно"],
    )
    .await;
    check("statusFilter=Disabled", &["Linux web farm"]).await;
    check("statusFilter=Running", &["Domain controllers"]).await;
    check(
        "typeFilter=HyperVBackup&lastResultFilter=Warning",
        &["Exchange \"gold\" mailboxes"],
    )
    .await;
    check("workloadFilter=File", &["\\\\nas01\\projects 100%"]).await;
    check("isHighPriorityJobFilter=true", &["Бухгалтерия, ежедневно"]).await;
    check("afterJobNameFilter=SQL*", &["備份資料庫"]).await;
    let id = simulator.jobs()[3].0;
    check(&format!("idFilter={id}"), &[simulator.jobs()[3].1.as_str()]).await;

    let ignored = client.get("/api/v1/jobs/states?NameFilter=SQL*").await;
    assert_eq!(names(&ignored.body).len(), 16);
    let wrong = client.get("/api/v1/jobs/states?statusFilter=Busy").await;
    assert_eq!(
        (wrong.status, &wrong.body["errorCode"]),
        (StatusCode::BAD_REQUEST, &json!("UnexpectedContent"))
    );
}

#[tokio::test]
async fn sessions_take_several_values_only_from_1_3_on() {
    let simulator = start(Options::default()).await;
    let query = "/api/v1/sessions?resultFilter=Failed&resultFilter=Warning&limit=1000";
    let old = Client::logged_in(&simulator, V1_2).await;
    assert_eq!(old.get(query).await.status, 400);
    let new = Client::logged_in(&simulator, V1_3).await;
    let found = new.get(query).await.body;
    for session in found["data"].as_array().unwrap() {
        assert_ne!(session["result"]["result"], "Success");
    }
    let newest = new
        .get("/api/v1/sessions?orderColumn=CreationTime&orderAsc=false&limit=3")
        .await
        .body;
    let times: Vec<&str> = newest["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["creationTime"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted_by(|left, right| left >= right), "{times:?}");
}

#[tokio::test]
async fn a_started_job_runs_to_its_end_and_then_starts_its_chain() {
    let simulator = start(Options {
        run_time: Duration::from_millis(150),
        ..Options::default()
    })
    .await;
    let client = Client::logged_in(&simulator, V1_3).await;
    let body = json!({ "performActiveFull": false, "startChainedJobs": true });
    let started = client.post(&job(&simulator, 0, "/start"), body).await;
    assert_eq!(
        (started.status, &started.body["state"]),
        (StatusCode::CREATED, &json!("Starting"))
    );
    let session = format!("/api/v1/sessions/{}", started.body["id"].as_str().unwrap());
    let ended = loop {
        let session = client.get(&session).await.body;
        if session["state"] == "Stopped" {
            break session;
        }
        assert_eq!(session["result"]["result"], "None");
    };
    assert_eq!(ended["result"]["result"], "Success");
    assert!(ended["endTime"].is_string());
    let log = client.get(&format!("{session}/logs")).await.body;
    assert_eq!(
        log["totalRecords"].as_u64().unwrap(),
        log["records"].as_array().unwrap().len() as u64
    );
    let follower = client
        .get(&format!(
            "/api/v1/sessions?jobIdFilter={}&orderColumn=CreationTime&orderAsc=false&limit=1",
            simulator.jobs()[11].0
        ))
        .await;
    assert_eq!(follower.body["data"][0]["creationTime"], ended["endTime"]);
}

#[tokio::test]
async fn a_job_is_started_once_and_stopped_once() {
    let options = Options {
        run_time: Duration::from_hours(1),
        stop_time: Duration::ZERO,
        ..Options::default()
    };
    let simulator = start(options).await;
    let client = Client::logged_in(&simulator, V1_2).await;
    let (start, stop) = (job(&simulator, 0, "/start"), job(&simulator, 0, "/stop"));
    assert_eq!(client.post(&stop, Value::Null).await.status, 400);
    assert_eq!(
        client
            .post(&start, json!({ "performActiveFull": true }))
            .await
            .status,
        201
    );
    assert_eq!(client.post(&start, Value::Null).await.status, 400);
    assert_eq!(client.post(&stop, json!({})).await.status, 400);
    let stopped = client.post(&stop, json!({ "gracefulStop": false })).await;
    assert_eq!(stopped.status, 201);
    let session = format!("/api/v1/sessions/{}", stopped.body["id"].as_str().unwrap());
    let result = client.get(&session).await.body["result"].clone();
    assert_eq!(
        (&result["result"], &result["isCanceled"]),
        (&json!("Failed"), &json!(true))
    );
}

#[tokio::test]
async fn a_viewer_reads_and_does_nothing_else() {
    let viewer = Login {
        user: "viewer".to_owned(),
        password: "look".to_owned(),
    };
    let simulator = start(Options {
        viewer: Some(viewer),
        ..Options::default()
    })
    .await;
    let mut client = Client::new(&simulator, V1_3);
    let token = client.log_in("viewer", "look").await;
    client.token = token.body["access_token"].as_str().map(str::to_owned);
    assert_eq!(client.get("/api/v1/jobs/states").await.status, 200);
    for action in ["/start", "/stop", "/retry", "/enable", "/disable"] {
        let refused = client.post(&job(&simulator, 0, action), Value::Null).await;
        assert_eq!(
            (refused.status, &refused.body["errorCode"]),
            (StatusCode::FORBIDDEN, &json!("AccessDenied"))
        );
    }
}

#[tokio::test]
async fn wrong_paths_and_methods_have_their_errors() {
    let simulator = start(Options::default()).await;
    let client = Client::logged_in(&simulator, V1_3).await;
    assert_eq!(
        client.get("/api/v1/nothing").await.body["errorCode"],
        "InvalidURI"
    );
    assert_eq!(
        client.post("/api/v1/jobs/states", json!({})).await.body["errorCode"],
        "MethodNotAllowed"
    );
    assert_eq!(client.get("/api/v1/jobs/x").await.status, 400);
    let unknown = client
        .get("/api/v1/jobs/11111111-1111-4111-8111-111111111111")
        .await;
    assert_eq!(
        (&unknown.body["errorCode"], unknown.status),
        (&json!("NotFound"), StatusCode::NOT_FOUND)
    );
}

#[tokio::test]
async fn faults_happen_to_real_connections() {
    let simulator = start(Options::default()).await;
    let client = Client::logged_in(&simulator, V1_3).await;
    let faults = simulator.faults();
    let get = || client.request(Method::GET, "/api/v1/jobs/states");

    faults.inject(Fault::too_many_requests(7));
    let busy = get().send().await.unwrap();
    assert_eq!(
        (
            busy.status().as_u16(),
            busy.headers()["retry-after"].as_bytes()
        ),
        (429, &b"7"[..])
    );
    faults.inject(Fault::status(500));
    assert_eq!(send(get()).await.body["errorCode"], "UnknownError");
    faults.inject(Fault::proxy_error(502));
    assert_eq!(
        (
            send(get()).await.body,
            simulator.stats().of("GET /api/v1/jobs/states")
        ),
        (Value::Null, 3)
    );
    faults.inject(Fault::truncated());
    let half = get().send().await.unwrap();
    assert_eq!(half.status(), 200);
    assert!(half.bytes().await.is_err());
    faults.inject(Fault::dropped());
    assert!(get().send().await.is_err());
    faults.inject(Fault::huge(3_000_000));
    assert_eq!(
        get().send().await.unwrap().bytes().await.unwrap().len(),
        3_000_000
    );
    faults.inject(Fault::slow(Duration::from_millis(50)));
    let begun = std::time::Instant::now();
    assert_eq!(send(get()).await.status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn requests_in_flight_are_counted() {
    let simulator = start(Options::default()).await;
    let client = Client::logged_in(&simulator, V1_3).await;
    let gate = Gate::new();
    simulator.faults().inject(Fault::held(&gate).always());
    let tasks: Vec<_> = (0..8)
        .map(|_| tokio::spawn(client.request(Method::GET, "/api/v1/serverTime").send()))
        .collect();
    gate.reached_by(8).await;
    assert_eq!(simulator.stats().in_flight, 8);
    gate.open();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(simulator.stats().in_flight_max, 8);
}

#[tokio::test]
async fn nobody_else_s_certificate_is_taken_for_this_one() {
    let (simulator, other) = (
        start(Options::default()).await,
        start(Options::default()).await,
    );
    assert_ne!(simulator.fingerprint(), other.fingerprint());
    let stranger = client::http(&other)
        .get(simulator.url() + "/api/v1/serverTime")
        .send()
        .await;
    assert!(stranger.is_err());
    // The client gives up before the server has noticed.
    while simulator.stats().failed_handshakes == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(simulator.stats().total(), 0);
    let certificate = Certificate::from_pem(simulator.ca_pem().as_bytes());
    assert!(certificate.is_ok());
}

#[tokio::test]
async fn requests_can_be_looked_at_and_never_show_by_themselves() {
    let simulator = start(Options::default()).await;
    let client = Client::logged_in(&simulator, V1_3).await;
    let (login, token) = (
        simulator.last_request().unwrap(),
        client.token.as_ref().unwrap(),
    );
    let password = Options::default().password;
    assert!(String::from_utf8_lossy(&login.body).contains(&password));
    client.get("/api/v1/jobs/states?limit=1").await;
    let request = simulator.last_request().unwrap();
    assert_eq!(request.headers["authorization"], format!("Bearer {token}"));
    assert_eq!(
        (request.path.as_str(), request.query.as_str()),
        ("/api/v1/jobs/states", "limit=1")
    );
    let shown = format!(
        "{:?} {simulator:?} {:?}",
        simulator.recorded(),
        Options::default()
    );
    assert!(
        !shown.contains(&password) && !shown.contains(token.as_str()),
        "{shown}"
    );
}

#[tokio::test]
async fn a_stopped_server_refuses_connections() {
    let simulator = start(Options::default()).await;
    let (url, http) = (simulator.url(), client::http(&simulator));
    simulator.stop().await;
    assert!(http.get(url).send().await.is_err());
}
