//! Reloading on demand: by signal and over HTTP.

use std::process::Command;
use std::time::{Duration, Instant};

use e2e::{Deployment, Host, mcp, versions};
use serde_json::json;

use crate::support::{SHOP, Served, shop};

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_and_a_request_take_up_what_changed_and_tell_what_came_of_it() {
    let served = Served::start(&shop("echo", "1.0.0"), "watch = false").await;
    let (code, told) = served.operator.reload().await;
    assert_eq!((code, &told["ok"]), (200, &json!(true)), "{told}");
    assert_eq!(told["plugins"]["shop"]["outcome"], "unchanged", "{told}");

    served.put(&shop("echo", "2.0.0"));
    let (code, told) = served.operator.reload().await;
    assert_eq!(code, 200, "{told}");
    assert_eq!(told["plugins"]["shop"]["outcome"], "replaced", "{told}");
    assert_eq!(told["plugins"]["shop"]["version"], "2.0.0", "{told}");

    served.put_bytes(b"garbage");
    let (code, told) = served.operator.reload().await;
    assert_eq!((code, &told["ok"]), (422, &json!(false)), "{told}");
    assert_eq!(told["plugins"]["shop"]["outcome"], "refused", "{told}");
    assert_eq!(told["plugins"]["shop"]["version"], "2.0.0", "{told}");
    let problem = told["plugins"]["shop"]["problem"].to_string();
    assert!(problem.contains("not a WebAssembly component"), "{told}");

    served.put(&shop("echo", "3.0.0"));
    let process = served.host.process_id().to_string();
    let sent = Command::new("kill").args(["-HUP", &process]).status();
    assert!(sent.unwrap().success());
    served.operator.until_serving("shop", "3.0.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_operators_reload_and_see_why() {
    let auth = r#"
[auth.tokens.usual]
hash = "sha256:{usual}"
scopes = ["tools:call", "jobs:cancel", "resources:read"]
[auth.tokens.operator]
hash = "sha256:{operator}"
scopes = ["admin"]
"#
    .replace("{usual}", &hash(&token("usual")))
    .replace("{operator}", &hash(&token("operator")));
    let deployment = Deployment::new(&format!("{auth}{SHOP}"));
    let host = Host::start(&deployment).await;
    let base = host.url().trim_end_matches("/mcp").to_owned();
    let http = mcp::http();
    let rows = [(None, 401), (Some("usual"), 403), (Some("operator"), 422)];
    for (token, expected) in rows {
        let mut request = http.post(format!("{base}/api/admin/reload"));
        if let Some(token) = token {
            request = request.bearer_auth(self::token(token));
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), expected, "{token:?}");
        let text = response.text().await.unwrap();
        assert_eq!(text.contains("shop.wasm"), expected == 422, "{text}");
        let mut request = http.get(format!("{base}/api/admin/plugins"));
        if let Some(token) = token {
            request = request.bearer_auth(self::token(token));
        }
        let status = request.send().await.unwrap().status().as_u16();
        assert_eq!(status, if expected == 422 { 200 } else { expected });
    }
    // A page in the operator's browser.
    let across = http
        .post(format!("{base}/api/admin/reload"))
        .bearer_auth(token("operator"))
        .header("origin", "https://evil.example");
    assert_eq!(across.send().await.unwrap().status().as_u16(), 403);
    let health = http.get(format!("{base}/health")).send().await.unwrap();
    assert_eq!(health.text().await.unwrap(), "ok\nproblems: 1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_come_and_go_with_the_configuration() {
    let table = |name: &str, scope: &str| {
        let hash = hash(&token(name));
        format!("[auth.tokens.{name}]\nhash = \"sha256:{hash}\"\nscopes = [\"{scope}\"]\n")
    };
    let reload = "[reload]\nwatch = false\n";
    let both = table("old", "tools:call") + &table("operator", "admin");
    let served = Served::start_with(&shop("echo", "1.0.0"), &format!("{reload}{both}{SHOP}")).await;
    let base = served.host.url().trim_end_matches("/mcp").to_owned();
    let status = async |name: &str| {
        let request = mcp::http().get(format!("{base}/api/tools"));
        let response = request.bearer_auth(token(name)).send().await.unwrap();
        response.status().as_u16()
    };
    let reloaded = async || {
        let request = mcp::http().post(format!("{base}/api/admin/reload"));
        let response = request.bearer_auth(token("operator")).send().await.unwrap();
        response.json::<serde_json::Value>().await.unwrap()
    };
    assert_eq!((status("old").await, status("new").await), (200, 401));

    let next = table("new", "tools:call") + &table("operator", "admin");
    served.configure(&format!("{reload}{next}{SHOP}"));
    let told = reloaded().await;
    assert_eq!(told["configuration"]["outcome"], "replaced", "{told}");
    assert_eq!(
        told["configuration"]["needs_restart"],
        json!(null),
        "{told}"
    );
    assert_eq!((status("old").await, status("new").await), (401, 200));

    // Without anybody who is asked everything would be open: not before the next start.
    served.configure(&format!("{reload}{SHOP}"));
    let told = reloaded().await;
    assert_eq!(told["configuration"]["needs_restart"], json!(["auth"]));
    assert_eq!((status("old").await, status("new").await), (401, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_leave_lines_in_the_audit_log() {
    let key = "5f2b8c1d9e3a4f6071829304a5b6c7d8e9f00112233445566778899aabbccdde";
    let deployment = Deployment::new(&format!(
        "[reload]\nwatch = false\n{SHOP}[audit]\nfolder = \"log\"\nkey = \"file:audit.key\"\n"
    ));
    deployment.write("audit.key", key);
    let path = deployment.folder().join("shop.wasm");
    versions::put_version(&path, &shop("echo", "1.0.0"));
    let host = Host::start(&deployment).await;
    let operator = e2e::operator::Operator::of(&host);
    versions::put_version(&path, &shop("echo", "2.0.0"));
    assert_eq!(operator.reload().await.0, 200);
    versions::put(&path, b"garbage");
    assert_eq!(operator.reload().await.0, 422);

    // Lines are written by a thread of their own.
    let end = Instant::now() + e2e::PATIENCE;
    let (log, lines) = loop {
        let log = std::fs::read_to_string(deployment.folder().join("log/audit.jsonl")).unwrap();
        let whole = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let is_reload = |line: &serde_json::Value| line["event"] == "reload";
        let lines: Vec<serde_json::Value> = whole.filter(is_reload).collect();
        if lines.len() >= 4 || Instant::now() > end {
            break (log, lines);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let outcomes: Vec<_> = lines.iter().map(|line| &line["outcome"]).collect();
    assert_eq!(outcomes, ["replaced", "ok", "refused", "refused"], "{log}");
    assert_eq!(lines[0]["plugin"], "shop", "{log}");
    assert_eq!(lines[0]["version"], "2.0.0", "{log}");
    assert!(lines[0]["digest"].is_string(), "{log}");
    assert_eq!(lines[1]["by"], "request", "{log}");
    assert_eq!(lines[1]["principal"], "local", "{log}");
    assert_eq!(lines[2]["version"], "2.0.0", "what serves on: {log}");
    let reason = lines[2]["reason"].as_str().unwrap();
    assert!(reason.contains("cannot be used"), "{log}");
    let verified = Command::new(e2e::binary())
        .args(["audit", "verify", "--config"])
        .arg(deployment.config())
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

/// A well-formed token.
pub(crate) fn token(name: &str) -> String {
    format!("toolward_{name:A<43}")
}

pub(crate) fn hash(token: &str) -> String {
    use std::fmt::Write as _;
    let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
    digest
        .as_ref()
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
