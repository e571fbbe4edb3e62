//! What leaves, and what does not.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request};
use toolward::audit::Audit;
use toolward::config::{CredentialKind, Login, LoginBody, LoginRequest};
use toolward::egress::{Body, Egress, EgressError};

use crate::support::*;

async fn echo() -> Backend {
    Backend::http(|seen| async move { answer(200, seen.target) }).await
}

/// What a plugin is told, and that nothing left.
async fn check_refused(plugin: &Plugin, backend: &Backend, request: Request<Body>, parts: &[&str]) {
    let shown = format!("{} {}", request.method(), request.uri());
    let refusal = plugin.refused(request).await;
    for part in parts {
        assert!(refusal.contains(part), "{shown}: {refusal}");
    }
    assert_eq!(backend.connections(), 0, "{shown}");
}

#[tokio::test]
async fn a_request_goes_to_the_bindings_address_below_its_prefix() {
    let backend = echo().await;
    let plugin = Plugin::bound_to(binding(&format!("{}/base/", backend.url())));
    for (uri, target) in [
        ("http://vbr/a/b?x=1&y=%20", "/base/a/b?x=1&y=%20"),
        ("https://vbr/%61%2Db", "/base/a-b"),
        ("http://vbr", "/base/"),
        ("http://vbr/", "/base/"),
        ("http://vbr/a/?", "/base/a/?"),
    ] {
        let answer = read(plugin.send(request("GET", uri)).await.unwrap()).await;
        assert_eq!(answer, Ok((200, target.to_owned())), "{uri}");
    }
    let seen = &backend.seen()[0];
    assert_eq!(
        seen.header("host"),
        Some(backend.address.to_string().as_str())
    );
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn only_the_plugins_backends_are_reached_and_under_their_exact_names() {
    let backend = echo().await;
    let plugin = Plugin::bound_to(binding(&backend.url()));
    let port = backend.address.port();
    for authority in [
        format!("127.0.0.1:{port}"),
        format!("[::1]:{port}"),
        "localhost".to_owned(),
        "example.com".to_owned(),
        "VBR".to_owned(),
        "vbr.".to_owned(),
        "vbr:80".to_owned(),
        format!("vbr:{port}"),
        "ann:pw@vbr".to_owned(),
        "vbr@example.com".to_owned(),
        "vbr01".to_owned(),
        "169.254.169.254".to_owned(),
    ] {
        let request = request("GET", &format!("http://{authority}/a"));
        let refusal = plugin.send(request).await.unwrap_err().to_string();
        assert!(
            refusal.starts_with("denied: plugin \"jobs\" may not send \"GET /a\" to \""),
            "{refusal}"
        );
        assert!(refusal.contains("its backends only"), "{refusal}");
        assert!(refusal.contains("which are: vbr"), "{refusal}");
        assert!(!refusal.contains("pw"), "{refusal}");
    }
    let other = plugin.refused(request("GET", "http://pve/a")).await;
    assert!(
        other.ends_with("hint: add pve = \"BINDING\" to plugins.jobs.backends"),
        "{other}"
    );
    let nowhere = Request::get("/a").body(body("")).unwrap();
    assert!(plugin.refused(nowhere).await.starts_with("denied: "));
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn without_the_grant_nothing_leaves() {
    let backend = echo().await;
    let mut plugin = Plugin::bound_to(binding(&backend.url()));
    plugin.origin.http_granted = false;
    let parts = [
        "denied: plugin \"jobs\" may not send \"GET /a\" to backend \"vbr\": it is not granted \"http\"",
        "\nhint: add \"http\" to plugins.jobs.grant",
    ];
    check_refused(&plugin, &backend, get("/a"), &parts).await;
}

#[tokio::test]
async fn what_the_patterns_do_not_allow_is_refused_with_the_missing_pattern() {
    let backend = echo().await;
    let mut bound = with_login(&backend.url());
    bound.allow = patterns(&["GET /api/**", "POST /token"]);
    bound.deny = patterns(&["* /api/secret/**"]);
    let plugin = Plugin::bound_to(bound);
    for (method, path, reason) in [
        (
            "POST",
            "/api/jobs",
            "not allowed by binding \"vbr01\"\nhint: add \"POST /api/jobs\" to bindings.vbr01.allow",
        ),
        (
            "GET",
            "/",
            "not allowed by binding \"vbr01\"\nhint: add \"GET /\" to",
        ),
        // A hint must not grant more than was asked for.
        (
            "GET",
            "/**",
            "hint: add \"GET /%2A%2A\" to bindings.vbr01.allow",
        ),
        (
            "GET",
            "/api/Secret/x",
            "denied by \"* /api/secret/**\" of binding \"vbr01\"",
        ),
        ("POST", "/token", "the host logs in there"),
        ("POST", "/TOKEN/", "the host logs in there"),
        ("TRACE", "/api/x", "such a method is never sent"),
        ("get", "/api/x", "such a method is never sent"),
    ] {
        let uri = format!("http://vbr{path}");
        let start = format!(
            "denied: plugin \"jobs\" may not send \"{method} {path}\" to backend \"vbr\": "
        );
        check_refused(&plugin, &backend, request(method, &uri), &[&start, reason]).await;
    }
}

#[tokio::test]
async fn a_read_only_binding_only_reads() {
    let backend = echo().await;
    let mut bound = binding(&backend.url());
    bound.read_only = true;
    let plugin = Plugin::bound_to(bound);
    let parts = ["denied: ", "binding \"vbr01\" is read-only"];
    check_refused(&plugin, &backend, post("/a", body("x")), &parts).await;
    assert_eq!(plugin.get("/a").await.unwrap().0, 200);
}

#[tokio::test]
async fn paths_that_can_be_read_in_two_ways_do_not_leave() {
    let backend = echo().await;
    let plugin = Plugin::bound_to(binding(&backend.url()));
    for path in [
        "//a",
        "//example.com/a",
        "/a//b",
        "/a/../b",
        "/a/./b",
        "/..",
        "/%2e%2e/a",
        "/a/%2E./b",
        "/a%2fb",
        "/token%3Fa",
        "/a%5cb",
        "/a\\b",
        "/..;/a",
        "/a;b=c",
        "/a%3Bb",
        "/a%00b",
        "/a%0D%0AX:%20y",
        "/a%",
        "/a%zz",
        "/%252e%252e/a",
        "/%ff",
        "/%C0%AF",
        "/a%E2%80",
    ] {
        let parts = [
            "invalid-input: plugin \"jobs\" may not send \"GET ",
            "in its path, it ",
        ];
        check_refused(&plugin, &backend, get(path), &parts).await;
    }
    // What does not even get to be a URI.
    for uri in [
        "http://vbr/a b",
        "http://vbr/a\r\nX: y",
        "http://vbr /a",
        "ht tp://vbr/",
    ] {
        assert!(Request::get(uri).body(()).is_err(), "{uri:?}");
    }
    let star = Request::builder().method("OPTIONS").uri("*").body(body(""));
    assert!(plugin.send(star.unwrap()).await.is_err());
    let ftp = request("GET", "ftp://vbr/a");
    check_refused(&plugin, &backend, ftp, &["invalid-input: ", "scheme"]).await;
}

#[tokio::test]
async fn messages_escape_and_cut_what_the_guest_wrote() {
    let backend = echo().await;
    let mut bound = binding(&backend.url());
    bound.allow.clear();
    let plugin = Plugin::bound_to(bound);
    let refusal = plugin
        .refused(get(&format!("/ü\"{}", "a".repeat(4000))))
        .await;
    assert!(refusal.contains("\"GET /\\u{fc}\\\"aaa"), "{refusal}");
    assert!(refusal.len() < 500, "{refusal}");
    let refusal = plugin.refused(get("/a?token=hunter2")).await;
    assert!(!refusal.contains("hunter2"), "{refusal}");
}

#[tokio::test]
async fn the_hosts_headers_are_refused_and_the_rest_arrives() {
    let backend = echo().await;
    let mut bound = binding(&backend.url());
    bound.credential = credential(CredentialKind::Header {
        header: "x-api-key".parse().unwrap(),
        prefix: "key=".to_owned(),
        value: value("0123456789"),
    });
    let plugin = Plugin::bound_to(bound);
    for name in [
        "x-api-key",
        "x_api_key",
        "authorization",
        "cookie",
        "transfer-encoding",
        "x-forwarded-for",
    ] {
        let mut request = get("/a");
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static("mine"));
        let parts = [
            "denied: a request to backend \"vbr\" must not have the header",
            name,
        ];
        check_refused(&plugin, &backend, request, &parts).await;
    }
    let mut request = get("/a");
    for (name, value) in [
        ("x-api-version", "1.2-rev1"),
        ("host", "vbr"),
        ("accept-encoding", "gzip"),
    ] {
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    plugin.send(request).await.unwrap();
    let seen = &backend.seen()[0];
    assert_eq!(seen.header("x-api-key"), Some("key=0123456789"));
    assert_eq!(seen.header("x-api-version"), Some("1.2-rev1"));
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert_eq!(
        seen.header("host"),
        Some(backend.address.to_string().as_str())
    );
}

#[tokio::test]
async fn bodies_arrive_whole_with_their_length_or_streamed() {
    let backend = echo().await;
    let plugin = Plugin::bound_to(binding(&backend.url()));
    let large = vec![Bytes::from(vec![b'a'; 200 << 10]); 3];
    plugin
        .send(post(
            "/small",
            pieces(vec![Bytes::from("ab"), Bytes::from("c")]),
        ))
        .await
        .unwrap();
    plugin.send(post("/empty", body(""))).await.unwrap();
    plugin
        .send(post("/large", pieces(large.clone())))
        .await
        .unwrap();
    let mut declared = post("/declared", pieces(large));
    declared
        .headers_mut()
        .insert("content-length", (600 << 10).into());
    plugin.send(declared).await.unwrap();
    let seen = backend.seen();
    let table: Vec<_> = seen
        .iter()
        .map(|seen| {
            (
                seen.path(),
                seen.body.len(),
                seen.header("content-length"),
                seen.header("transfer-encoding"),
            )
        })
        .collect();
    assert_eq!(
        table,
        [
            ("/small", 3, Some("3"), None),
            ("/empty", 0, Some("0"), None),
            ("/large", 600 << 10, None, Some("chunked")),
            ("/declared", 600 << 10, Some("614400"), None),
        ]
    );
}

#[tokio::test]
async fn bodies_beyond_their_bounds_are_refused_before_or_while_they_are_sent() {
    let backend = echo().await;
    let mut bound = binding(&backend.url());
    bound.max_request_bytes = 300 << 10;
    let plugin = Plugin::bound_to(bound);
    let piece = || Bytes::from(vec![b'a'; 200 << 10]);
    let too_large =
        "invalid-input: a request to backend \"vbr\" has a body of more than 307200 bytes";

    let mut declared = post("/a", body("x"));
    declared
        .headers_mut()
        .insert("content-length", 307_201.into());
    check_refused(&plugin, &backend, declared, &[too_large]).await;
    let mut mismatch = post("/a", body("x"));
    mismatch.headers_mut().insert("content-length", 2.into());
    check_refused(
        &plugin,
        &backend,
        mismatch,
        &["not as long as its `content-length`"],
    )
    .await;
    let at_once = post("/a", pieces(vec![piece(), piece()]));
    check_refused(&plugin, &backend, at_once, &[too_large]).await;

    let later = vec![piece(), Bytes::from(vec![b'a'; 80 << 10]), piece()];
    assert_eq!(plugin.refused(post("/a", pieces(later))).await, too_large);
    let mut short = post(
        "/a",
        pieces(vec![piece(), Bytes::from(vec![b'a'; 80 << 10])]),
    );
    short
        .headers_mut()
        .insert("content-length", (290 << 10).into());
    assert!(plugin.refused(short).await.contains("not as long as"));
}

#[test]
fn a_credential_that_cannot_be_kept_from_guests_is_an_error_at_start() {
    for path in ["/a/../token", "token", "/a%2ftoken"] {
        let mut oauth2 = password_grant();
        oauth2.token_path = path.to_owned();
        let mut bound = binding("http://host");
        bound.credential = credential(CredentialKind::OAuth2(oauth2));
        let error = Egress::new(std::iter::once(Arc::new(bound)), Audit::default()).unwrap_err();
        assert!(matches!(error, EgressError::CredentialPath { .. }));
        assert!(error.to_string().contains(path), "{error}");
    }
}

#[tokio::test]
async fn the_renewal_path_of_a_declared_login_is_denied_too() {
    let backend = echo().await;
    let request = |path: &str| LoginRequest {
        method: http::Method::POST,
        path: path.to_owned(),
        headers: Vec::new(),
        body: LoginBody::Empty,
    };
    let mut bound = binding(&backend.url());
    bound.credential = credential(CredentialKind::Login(Box::new(Login {
        values: std::collections::BTreeMap::new(),
        request: request("/session"),
        answer: std::collections::BTreeMap::new(),
        lifetime_pointer: None,
        lifetime: std::time::Duration::from_mins(1),
        apply: Vec::new(),
        renewal: Some(request("/session/renew")),
        totp: std::collections::BTreeMap::new(),
        challenge: None,
    })));
    let plugin = Plugin::bound_to(bound);
    for path in ["/session", "/Session/Renew"] {
        check_refused(&plugin, &backend, get(path), &["the host logs in there"]).await;
    }
}
