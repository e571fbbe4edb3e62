//! Whoever lost the token hears no more, on streams that were open before either.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use e2e::mcp;
use e2e::session::{Opening, Session};
use reqwest::{Method, Response};
use serde_json::json;

use crate::operators::{hash, token};
use crate::support::{SHOP, Served, shop};

/// A token: what it is called, and what it is.
fn table(name: &str, is: &str, scope: &str) -> String {
    let hash = hash(&token(is));
    format!("[auth.tokens.{name}]\nhash = \"sha256:{hash}\"\nscopes = [\"{scope}\"]\n")
}

/// A listener of the new era, as it comes.
async fn listens(url: &str, token: &str) -> Response {
    let client = mcp::Client::new(url).with_token(token);
    let params = json!({ "notifications": { "toolsListChanged": true } });
    let mut stream = client.send("subscriptions/listen", params).await;
    assert_eq!(stream.status(), 200);
    let first = stream.chunk().await.unwrap().unwrap();
    let first = String::from_utf8_lossy(&first).into_owned();
    assert!(first.contains("acknowledged"), "{first}");
    stream
}

/// One of the old era, in a session.
async fn reads(url: &str, token: &str) -> (Session, Response) {
    let opening = Opening {
        token: Some(token.to_owned()),
        ..Opening::default()
    };
    let session = Session::open_as(url, opening).await;
    let stream = session.request_of(Method::GET).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    (session, stream)
}

/// Reads until the stream ends.
async fn ends(what: &str, mut stream: Response) {
    let reading = async { while let Ok(Some(_)) = stream.chunk().await {} };
    let ended = tokio::time::timeout(e2e::PATIENCE, reading).await;
    assert!(ended.is_ok(), "{what} goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_sessions_end_with_the_token_that_opened_them() {
    const RELOAD: &str = "[reload]\nwatch = false\n";
    let others = table("stays", "stays", "tools:call") + &table("operator", "operator", "admin");
    let before = table("gone", "gone", "tools:call") + &table("changed", "changed", "tools:call");
    let served = Served::start_with(
        &shop("echo", "1.0.0"),
        &format!("{RELOAD}{before}{others}{SHOP}"),
    )
    .await;
    let url = served.host.url();
    let mut ended = Vec::new();
    for name in ["gone", "changed"] {
        ended.push(listens(url, &token(name)).await);
        ended.push(reads(url, &token(name)).await.1);
    }
    let stays = mcp::Client::new(url).with_token(&token("stays"));
    let mut listener = stays.listen().await;
    let (session, _stream) = reads(url, &token("stays")).await;

    let after = table("changed", "another", "tools:call");
    served.configure(&format!("{RELOAD}{after}{others}{SHOP}"));
    let reload = async || {
        let request = mcp::http().post(url.replace("/mcp", "/api/admin/reload"));
        let answer = request.bearer_auth(token("operator")).send().await.unwrap();
        answer.json::<serde_json::Value>().await.unwrap()
    };
    let told = reload().await;
    assert_eq!(told["configuration"]["outcome"], "replaced", "{told}");
    for (number, stream) in ended.into_iter().enumerate() {
        ends(&format!("stream {number}"), stream).await;
    }
    // Everybody else hears what comes.
    served.put(&shop("dialogue", "2.0.0"));
    let told = reload().await;
    assert_eq!(told["plugins"]["shop"]["outcome"], "replaced", "{told}");
    listener.wait_for("notifications/tools/list_changed").await;
    assert_eq!(session.tools().await, stays.tools().await);
}
