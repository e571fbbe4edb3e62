//! What whoever looks after the host sees of its sessions.

use e2e::session::{Opening, Session};
use e2e::{Deployment, Host};
use serde_json::{Value, json};

use crate::bounds::new_token;
use crate::support::{Cx, header};

#[tokio::test(flavor = "multi_thread")]
async fn the_person_at_the_machine_sees_the_sessions_but_not_their_ids() {
    let cx = Cx::start("", "").await;
    let session = Session::open(cx.host.url()).await;
    let _listening = session.listen().await;
    let uri = json!({ "uri": "erratic://a" });
    let answer = session.request("resources/subscribe", uri).await;
    assert!(answer["result"].is_object(), "{answer}");
    let text = cx.listing(None).await.text().await.unwrap();
    assert!(!text.contains(&session.id), "{text}");
    let listing: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        listing["limits"],
        json!({ "max": 10000, "max_per_principal": 1000, "idle_timeout_seconds": 900 })
    );
    let shown = &listing["sessions"][0];
    let fingerprint = shown["fingerprint"].as_str().unwrap();
    assert_eq!(fingerprint.len(), 12, "{shown}");
    assert!(!session.id.contains(fingerprint));
    for (key, expected) in [
        ("tenant", json!("local")),
        ("subject", json!("local")),
        ("client", json!("e2e 0")),
        ("protocol", json!("2025-11-25")),
        ("readers", json!(1)),
        ("subscriptions", json!(1)),
        ("requests_under_way", json!(0)),
        ("idle_seconds", json!(0)),
    ] {
        assert_eq!(shown[key], expected, "{key}: {shown}");
    }
    // A page of another origin sees nothing of it.
    let url = cx.host.url().replace("/mcp", "/mcp-sessions");
    let page = e2e::mcp::http()
        .get(&url)
        .header("origin", "https://evil.example");
    assert_eq!(page.send().await.unwrap().status(), 403);
    let post = e2e::mcp::http().post(&url);
    assert_eq!(post.send().await.unwrap().status(), 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tokens_it_takes_the_scope_of_operators() {
    let (caller, callers_table) = new_token("caller", &["--tenant", "team-a"]);
    let (operator, operators_table) = new_token("operator", &["--scope", "admin"]);
    let cx = Cx::start("", &format!("{callers_table}\n{operators_table}")).await;
    let opening = Opening {
        token: Some(caller.clone()),
        ..Opening::default()
    };
    let session = Session::open_as(cx.host.url(), opening).await;
    let nobody = cx.listing(None).await;
    assert_eq!(nobody.status(), 401);
    assert!(header(&nobody, "www-authenticate").starts_with("Bearer"));
    let somebody = cx.listing(Some(&caller)).await;
    assert_eq!(somebody.status(), 403);
    let challenge = header(&somebody, "www-authenticate").to_owned();
    assert!(challenge.contains("scope=\"admin\""), "{challenge}");
    assert!(challenge.contains("insufficient_scope"), "{challenge}");
    let seen = cx.listing(Some(&operator)).await;
    assert_eq!(seen.status(), 200);
    let text = seen.text().await.unwrap();
    assert!(text.contains("\"tenant\":\"team-a\""), "{text}");
    assert!(!text.contains(&session.id), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_everybody_may_call_nobody_is_the_operator() {
    let deployment = Deployment::new("");
    let config = std::fs::read_to_string(deployment.config()).unwrap();
    let open = "listen = \"0.0.0.0:0\"\nallow-unauthenticated = true";
    let config = config.replace("listen = \"127.0.0.1:0\"", open);
    deployment.write("toolward.toml", &config);
    let host = Host::start(&deployment).await;
    let session = Session::open(host.url()).await;
    assert!(session.is_open().await);
    let url = host.url().replace("/mcp", "/mcp-sessions");
    let refused = e2e::mcp::http().get(url).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    let text = refused.text().await.unwrap();
    assert!(text.contains("insufficient_scope"), "{text}");
}
