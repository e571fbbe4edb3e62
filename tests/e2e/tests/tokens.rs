//! Logins and tokens, seen from the backend: how many there are, and that nobody but the backend sees them.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::time::Duration;

use e2e::{Binding, Deployment, Host, mcp};
use serde_json::{Value, json};
use vbr_simulator::{Fault, Gate, Options, Simulator};

/// A host whose hostile plugin is bound to the simulator. There is another binding, which is not the plugin's. The
/// folder with the password lives as long as the first part.
async fn host(simulator: &Simulator, log: &str) -> (Deployment, Host) {
    let binding = Binding {
        url: simulator.url(),
        allow: r#"["GET /api/v1/**", "POST /api/v1/jobs/*/*"]"#,
        // One plugin may have three quarters of them.
        more: "concurrency = 128".to_owned(),
        ..Binding::default()
    };
    let other = format!(
        r#"
[plugins.hostile.limits]
concurrency = 64

[bindings.other]
kind = "vbr"
url = "{}"
tls = {{ fingerprint = "{}" }}
allow = ["* /**"]
"#,
        simulator.url(),
        simulator.fingerprint(),
    );
    let deployment = binding.deploy(simulator.ca_pem(), &(binding.plugin("hostile") + &other));
    let host = Host::start_with(&deployment, &[("TOOLWARD_LOG", log)]).await;
    (deployment, host)
}

fn list() -> Value {
    json!({ "authority": "vbr", "path": "/api/v1/jobs?limit=1", "headers": [["x-api-version", "1.2-rev1"]] })
}

/// Sends a request through the plugin and gives what the plugin saw.
async fn send(client: &mcp::Client, request: Value) -> Value {
    let answer = client.call("hostile_request", request).await.unwrap();
    answer["structuredContent"].clone()
}

async fn send_many(client: &mcp::Client, many: usize) -> Vec<Value> {
    let calls: Vec<_> = (0..many)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { send(&client, list()).await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers
}

fn assert_all_served(answers: &[Value]) {
    for answer in answers {
        assert_eq!(answer["status"], 200, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_calls_on_a_cold_cache_log_in_once() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    // The login takes its time, so that all who come meanwhile have to wait for it.
    simulator
        .faults()
        .inject(Fault::slow(Duration::from_millis(300)).path("/api/oauth2/token"));
    let (_folder, host) = host(&simulator, "info").await;
    let client = mcp::Client::new(host.url());
    assert_all_served(&send_many(&client, 200).await);
    let stats = simulator.stats();
    assert_eq!(
        (stats.logins, stats.failed_logins, stats.refreshes),
        (1, 0, 0),
        "{stats:?}"
    );
    assert_eq!(stats.of("GET /api/v1/jobs"), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_under_fifty_calls_is_renewed_once() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let (_folder, host) = host(&simulator, "info").await;
    let client = mcp::Client::new(host.url());
    assert_all_served(&send_many(&client, 1).await);

    // Thirty requests carry the old token to the gate; it expires while they stand there.
    let gate = Gate::new();
    simulator
        .faults()
        .inject(Fault::held(&gate).path("/api/v1/jobs").times(30));
    let calls = tokio::spawn({
        let client = client.clone();
        async move { send_many(&client, 50).await }
    });
    gate.reached_by(30).await;
    simulator.faults().expire_tokens();
    gate.open();
    assert_all_served(&calls.await.unwrap());

    let stats = simulator.stats();
    assert_eq!((stats.logins, stats.refreshes), (1, 1), "{stats:?}");
    assert_eq!(
        (stats.failed_logins, stats.failed_refreshes),
        (0, 0),
        "{stats:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_was_kept_is_sent_again_and_a_larger_one_fails_as_retryable() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let (_folder, host) = host(&simulator, "info").await;
    let client = mcp::Client::new(host.url());
    assert_all_served(&send_many(&client, 1).await);
    let (id, _) = simulator.jobs()[0].clone();
    let start = |padding: usize| {
        json!({
            "method": "POST",
            "authority": "vbr",
            "path": format!("/api/v1/jobs/{id}/start"),
            "headers": [["x-api-version", "1.2-rev1"], ["content-type", "application/json"]],
            "body": format!("{{\"performActiveFull\":false{}}}", " ".repeat(padding)),
        })
    };

    simulator.faults().expire_tokens();
    let large = send(&client, start(300 * 1024)).await;
    assert_eq!(large["status"], 0, "{large}");
    let error = large["error"].as_str().unwrap();
    assert!(
        error.starts_with("unavailable: ") && error.contains("again"),
        "{error}"
    );

    simulator.faults().expire_tokens();
    let kept = send(&client, start(200 * 1024)).await;
    assert_eq!(kept["status"], 201, "{kept}");
}

/// Bytes in hexadecimal, masked so that the plugin does not find the question itself.
fn masked(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{:02x}", byte ^ 0x55);
        digits
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_password_nor_token_reaches_the_plugin_or_the_log() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let (_folder, host) = host(&simulator, "trace").await;
    let client = mcp::Client::new(host.url());
    assert_all_served(&send_many(&client, 3).await);
    simulator.faults().expire_tokens();
    assert_all_served(&send_many(&client, 3).await);

    let password = Options::default().password;
    let mut secrets = simulator.issued_tokens();
    assert!(
        secrets.len() >= 4,
        "two access tokens and two refresh tokens: {}",
        secrets.len()
    );
    secrets.push(password);

    // In the memory of an instance that has just been served with the token, and in the request's own fields.
    let mut request = list();
    let needles: Vec<String> = secrets.iter().map(|secret| masked(secret)).collect();
    request["masked"] = json!([&needles[..], &[masked("\"pagination\"")]].concat());
    request["keep_headers"] = json!(true);
    let answer = send(&client, request).await;
    let found: Vec<u64> = answer["found"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    let (control, found) = found.split_last().unwrap();
    assert!(
        *control > 0,
        "the search does not even find the answer's own text"
    );
    assert_eq!(
        found,
        vec![0; secrets.len()],
        "a secret is in the plugin's memory"
    );
    for secret in &secrets {
        assert!(
            !answer.to_string().contains(secret),
            "a secret is in what the plugin saw"
        );
    }

    // In the log, with everything in it that can be in it.
    let log = host.stop().await;
    assert!(
        log.contains("TRACE") && log.contains("DEBUG"),
        "the log is not as talkative as it can be"
    );
    for secret in &secrets {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_cannot_steal_replace_or_mint_a_credential() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let (_folder, host) = host(&simulator, "info").await;
    let client = mcp::Client::new(host.url());
    assert_all_served(&send_many(&client, 1).await);
    let before = simulator.stats();

    let with = |key: &str, value: Value| {
        let mut request = list();
        request[key] = value;
        request
    };
    let header = |name: &str, value: &str| {
        with(
            "headers",
            json!([["x-api-version", "1.2-rev1"], [name, value]]),
        )
    };
    let path = |path: &str| with("path", json!(path));
    let refused = [
        // Another binding, under its name or its address.
        ("other binding", with("authority", json!("other"))),
        ("binding's name", with("authority", json!("vbr01"))),
        (
            "address",
            with("authority", json!(simulator.address().to_string())),
        ),
        ("port", with("authority", json!("vbr:443"))),
        ("userinfo", with("authority", json!("x@vbr"))),
        // The login and token-minting paths, however they are spelled.
        ("login", path("/api/oauth2/token")),
        ("login, encoded", path("/api/%6fauth2/token")),
        ("login, dots", path("/api/v1/../oauth2/token")),
        ("login, encoded dots", path("/api/v1/%2e%2e/oauth2/token")),
        ("login, slashes", path("//api//oauth2/token")),
        ("outside", path("/swagger/v1.2-rev1/swagger.json")),
        ("method", with("method", json!("DELETE"))),
        // Headers that are the host's.
        ("authorization", header("authorization", "Bearer mine")),
        ("Authorization", header("Authorization", "Bearer mine")),
        ("cookie", header("cookie", "a=b")),
        ("host", header("host", "evil.example")),
        ("proxy", header("proxy-authorization", "Basic eDp5")),
        ("transfer", header("transfer-encoding", "chunked")),
        ("connection", header("connection", "authorization")),
    ];
    for (what, request) in refused {
        let answer = send(&client, request).await;
        assert_eq!(answer["status"], 0, "{what}: {answer}");
        assert_ne!(answer["error"], "", "{what}: {answer}");
    }
    let after = simulator.stats();
    assert_eq!(after.total(), before.total(), "something left the host");
    assert_eq!(after.logins, 1);
}
