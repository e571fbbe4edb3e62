//! Reloading on demand: by signal and over HTTP.

use std::process::Command;

use e2e::{Deployment, Host, mcp};
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

    served.put(b"garbage");
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

/// A well-formed token.
fn token(name: &str) -> String {
    format!("toolward_{name:A<43}")
}

fn hash(token: &str) -> String {
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
