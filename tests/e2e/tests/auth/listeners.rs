//! Who listens when the access token expires.

use std::time::{Duration, SystemTime};

use reqwest::{Method, Response};
use serde_json::json;

use crate::support::Cx;

/// How long the token is good that expires, seconds.
const LEFT: u64 = 4;
/// What clocks may differ by, by default.
const LEEWAY: u64 = 30;

/// Reads until the stream ends, or for this long.
async fn ends(stream: &mut Response, within: Duration) -> bool {
    let reading = async { while let Ok(Some(_)) = stream.chunk().await {} };
    tokio::time::timeout(within, reading).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_with_the_token_and_sessions_go_on_with_the_next_one() {
    let cx = Cx::start().await;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let short = cx.with_claim("exp", json!(now.unwrap().as_secs() - LEEWAY + LEFT));
    let listens = async |token: &str| {
        let params = json!({ "notifications": { "toolsListChanged": true } });
        let request = cx.new_era("subscriptions/listen", params);
        let mut stream = request.bearer_auth(token).send().await.unwrap();
        assert_eq!(stream.status(), 200);
        let first = stream.chunk().await.unwrap().unwrap();
        assert!(String::from_utf8_lossy(&first).contains("acknowledged"));
        stream
    };
    let reads = async |session: &str, token: &str| {
        let request = cx.request(Method::GET).header("mcp-session-id", session);
        let stream = request.bearer_auth(token).send().await.unwrap();
        assert_eq!(stream.status(), 200);
        stream
    };
    let session = cx.open_session(&short).await;
    let expire = [listens(&short).await, reads(&session, &short).await];
    let good = cx.good();
    let stays = cx.open_session(&good).await;
    let stay = [listens(&good).await, reads(&stays, &good).await];

    for mut stream in expire {
        assert!(ends(&mut stream, e2e::PATIENCE).await);
    }
    for mut stream in stay {
        assert!(!ends(&mut stream, Duration::from_millis(200)).await);
    }
    // A token counts to the end of its last second.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    for (token, status) in [(&short, 401), (&good, 200)] {
        let answer = cx.old_era(&session, &list).bearer_auth(token).send().await;
        assert_eq!(answer.unwrap().status(), status);
    }
}
