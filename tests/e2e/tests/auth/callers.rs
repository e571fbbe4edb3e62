//! What callers find, see, and share with nobody.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Cx, RESOURCE, header};

#[tokio::test(flavor = "multi_thread")]
async fn clients_find_the_authorization_server() {
    let cx = Cx::start().await;
    let root = cx.host.url().strip_suffix("/mcp").unwrap();
    for path in ["", "/mcp"] {
        let url = format!("{root}/.well-known/oauth-protected-resource{path}");
        let response = cx.http.get(url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let document: Value = response.json().await.unwrap();
        assert_eq!(document["resource"], RESOURCE);
        assert_eq!(document["authorization_servers"], json!([cx.issuer.url()]));
        assert_eq!(document["bearer_methods_supported"], json!(["header"]));
        let text = document.to_string();
        assert!(
            text.contains("tools:call") && !text.contains("hostile"),
            "{text}"
        );
    }
    let health = cx
        .http
        .get(format!("{root}/health"))
        .header("host", "10.0.0.7:8825");
    assert_eq!(health.send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_hold_what_may_be_called_and_plugins_learn_who_calls() {
    let cx = Cx::start().await;
    let names = async |token: &str| {
        let response = cx.list().bearer_auth(token).send().await.unwrap();
        let body: Value = response.json().await.unwrap();
        let tools = body["result"]["tools"].as_array().unwrap().clone();
        let names = tools
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let all = names(&cx.all).await;
    let echo = names(&cx.echo).await;
    assert!(
        all.iter().any(|name| name.starts_with("hostile")),
        "{all:?}"
    );
    assert!(
        echo.contains(&"echo".to_owned()) && echo.len() < all.len(),
        "{echo:?}"
    );
    assert!(
        !echo.iter().any(|name| name.starts_with("hostile")),
        "{echo:?}"
    );
    let narrowed = cx.issuer.token(RESOURCE, "openid tools:call:echo");
    assert_eq!(names(&narrowed).await, echo);
    assert_eq!(
        names(&cx.issuer.token(RESOURCE, "admin")).await,
        Vec::<String>::new()
    );

    let params = json!({ "name": "whoami", "arguments": {} });
    let response = cx.new_era("tools/call", params).bearer_auth(&narrowed);
    let body: Value = response.send().await.unwrap().json().await.unwrap();
    let caller =
        json!({ "tenant": "team-a", "subject": "alice", "scopes": ["openid", "tools:call:echo"] });
    assert_eq!(body["result"]["structuredContent"], caller, "{body}");

    // In the old era too, and a tool that was not listed is not called either.
    let session = cx.open_session(&cx.echo).await;
    let params = json!({ "name": "hostile_loop", "arguments": {} });
    let body = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params });
    let response = cx
        .old_era(&session, &body)
        .bearer_auth(&cx.echo)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 403);
    let challenge = header(&response, "www-authenticate");
    assert!(
        challenge.contains("scope=\"tools:call:hostile\""),
        "{challenge}"
    );
    // More scopes in the same session: the request's own token counts.
    let body = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/list" });
    let response = cx
        .old_era(&session, &body)
        .bearer_auth(&cx.echo)
        .send()
        .await
        .unwrap();
    let text = response.text().await.unwrap();
    assert!(
        text.contains("\"echo\"") && !text.contains("hostile"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_its_principals_alone() {
    let cx = Cx::start().await;
    let alice = cx.good();
    let session = cx.open_session(&alice).await;
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    let status = async |request: RequestBuilder| request.send().await.unwrap().status().as_u16();

    let bob = cx.with_claim("sub", json!("bob"));
    let other_tenant = cx.with_claim("org", json!("team-b"));
    for stranger in [&bob, &other_tenant, &cx.all] {
        let post = cx.old_era(&session, &list).bearer_auth(stranger);
        assert_eq!(status(post).await, 404);
        for method in [Method::GET, Method::DELETE] {
            let request = cx.request(method).header("mcp-session-id", &session);
            assert_eq!(status(request.bearer_auth(stranger)).await, 404);
        }
    }
    assert_eq!(status(cx.old_era(&session, &list)).await, 401);
    // A newer token of the same person goes on.
    let newer = cx.issuer.token(RESOURCE, "tools:call:echo");
    assert_eq!(
        status(cx.old_era(&session, &list).bearer_auth(&newer)).await,
        200
    );
    // In the new era the header means nothing, and opens nothing.
    let stray = cx
        .list()
        .header("mcp-session-id", &session)
        .bearer_auth(&bob);
    assert_eq!(status(stray).await, 200);
    let end = cx
        .request(Method::DELETE)
        .header("mcp-session-id", &session);
    assert_eq!(status(end.bearer_auth(&alice)).await, 204);
    assert_eq!(
        status(cx.old_era(&session, &list).bearer_auth(&alice)).await,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_and_made_up_ones_cost_the_issuer_little() {
    let cx = Cx::start().await;
    let status = async |token: &str| {
        let response = cx.list().bearer_auth(token).send().await.unwrap();
        response.status().as_u16()
    };
    let before = cx.good();
    assert_eq!(status(&before).await, 200);
    cx.issuer.rotate();
    assert_eq!(status(&before).await, 200);
    assert_eq!(status(&cx.good()).await, 200);
    assert_eq!(status(&before).await, 401);
    for made_up in 0..30 {
        let token = cx.with_header("kid", json!(format!("made-up-{made_up}")));
        assert_eq!(status(&token).await, 401);
    }
    let fetches = cx.issuer.key_fetches();
    assert!((2..=6).contains(&fetches), "{fetches} fetches");
    // Down, and bridged by what is known.
    cx.issuer.go_down();
    assert_eq!(status(&cx.good()).await, 200);
    assert_eq!(status(&cx.all).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_issuers_keys_nobody_is_told_that_his_token_is_wrong() {
    let cx = Cx::start().await;
    cx.issuer.go_down();
    let response = cx.list().bearer_auth(cx.good()).send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(!header(&response, "retry-after").is_empty());
    let response = cx.list().bearer_auth(&cx.all).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_known_origins_may_ask_and_read() {
    let cx = Cx::start().await;
    let asked = cx
        .request(Method::OPTIONS)
        .header("origin", "https://agents.example")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "Authorization, mcp-param-region, x-evil",
        );
    let response = asked.send().await.unwrap();
    assert_eq!(response.status(), 204);
    assert_eq!(
        header(&response, "access-control-allow-origin"),
        "https://agents.example"
    );
    assert_eq!(
        header(&response, "access-control-allow-headers"),
        "authorization, mcp-param-region"
    );
    assert!(header(&response, "access-control-allow-methods").contains("DELETE"));
    assert_eq!(header(&response, "access-control-allow-credentials"), "");
    assert_eq!(header(&response, "vary"), "origin");
    let asked = cx
        .at(Method::OPTIONS, "/api/tools/echo")
        .header("origin", "https://agents.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type");
    let beside = asked.send().await.unwrap();
    assert_eq!(beside.status(), 204);
    assert_eq!(
        header(&beside, "access-control-allow-headers"),
        "content-type"
    );

    let foreign = cx
        .request(Method::OPTIONS)
        .header("origin", "https://evil.example");
    let foreign = foreign
        .header("access-control-request-method", "POST")
        .send()
        .await
        .unwrap();
    assert_eq!(foreign.status(), 403);
    assert_eq!(header(&foreign, "access-control-allow-origin"), "");

    // A page can read why it was refused, and where to go.
    let refused = cx
        .list()
        .header("origin", "https://agents.example")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(
        header(&refused, "access-control-allow-origin"),
        "https://agents.example"
    );
    assert!(header(&refused, "access-control-expose-headers").contains("www-authenticate"));
}
