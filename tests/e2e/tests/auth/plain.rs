//! Refusals beside `/mcp`: the same ones, in the form of clients that speak no MCP.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::refusals::{INVALID, Refusal};
use crate::support::{Cx, METADATA, RESOURCE};

/// Everything that needs a token.
const CLOSED: [(&str, &str); 7] = [
    ("GET", "/api/tools"),
    ("POST", "/api/tools/echo"),
    ("POST", "/api/replies"),
    ("GET", "/api/jobs"),
    ("DELETE", "/api/jobs?older_than=0"),
    ("GET", "/openapi.json"),
    ("GET", "/metrics"),
];

fn request(cx: &Cx, (method, path): (&str, &str)) -> RequestBuilder {
    let request = cx.at(method.parse().unwrap(), path);
    match method {
        "POST" => request.json(&json!({ "text": "hi" })),
        _ => request,
    }
}

pub(crate) fn of_callers(cx: &Cx) -> Vec<Refusal> {
    let mut rows = Vec::new();
    for route in CLOSED.into_iter().chain([("PUT", "/api/tools")]) {
        rows.push(Refusal {
            what: "no token",
            request: request(cx, route),
            status: 401,
            body: r#"{"error":{"code":"unauthorized""#,
            challenge: &["Bearer scope=\"tools:call ", METADATA],
        });
        let forged = cx.issuer.sign_with_public_key(&cx.claims());
        for token in [
            &format!("toolward_{}", "A".repeat(43)),
            &cx.expired,
            &forged,
        ] {
            rows.push(Refusal {
                what: "a bad token",
                request: request(cx, route).bearer_auth(token),
                status: 401,
                body: r#"{"error":{"code":"invalid_token""#,
                challenge: INVALID,
            });
        }
    }
    rows
}

pub(crate) fn of_scopes(cx: &Cx) -> Vec<Refusal> {
    let missing = |what, route, token: &str, challenge| Refusal {
        what,
        request: request(cx, route).bearer_auth(token),
        status: 403,
        body: r#"{"error":{"code":"insufficient_scope""#,
        challenge,
    };
    let openid = cx.issuer.token(RESOURCE, "openid tools");
    let admin = cx.issuer.token(RESOURCE, "admin");
    vec![
        missing(
            "a tool of another plugin",
            ("POST", "/api/tools/hostile_loop"),
            &cx.echo,
            &["scope=\"tools:call:hostile\"", METADATA],
        ),
        missing(
            "no scope that is one of ours",
            ("POST", "/api/tools/echo"),
            &openid,
            &["scope=\"tools:call:echo\"", METADATA],
        ),
        missing(
            "a tool that nobody has",
            ("POST", "/api/tools/nothing"),
            &admin,
            &["scope=\"tools:call\"", METADATA],
        ),
        missing(
            "metrics for an agent",
            ("GET", "/metrics"),
            &cx.all,
            &["scope=\"metrics:read\"", METADATA],
        ),
    ]
}

pub(crate) fn of_places(cx: &Cx) -> Vec<Refusal> {
    let mut rows = Vec::new();
    for route in [
        ("POST", "/api/tools/echo"),
        ("GET", "/api/tools"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/nothing"),
        ("PUT", "/api/tools"),
    ] {
        for (name, value, code) in [
            ("origin", "https://evil.example", "foreign_origin"),
            ("origin", "null", "foreign_origin"),
            ("host", "evil.example", "foreign_host"),
        ] {
            rows.push(Refusal {
                what: name,
                request: request(cx, route).bearer_auth(&cx.all).header(name, value),
                status: 403,
                body: code,
                challenge: &[],
            });
        }
    }
    rows
}

fn bad_body(
    what: &'static str,
    status: u16,
    body: &'static str,
    request: RequestBuilder,
) -> Refusal {
    Refusal {
        what,
        request,
        status,
        body,
        challenge: &[],
    }
}

pub(crate) fn of_bodies(cx: &Cx) -> Vec<Refusal> {
    let mut rows = Vec::new();
    for path in ["/api/tools/echo", "/api/replies"] {
        let bare = || cx.at(Method::POST, path).bearer_auth(&cx.all);
        let send = |body: Vec<u8>| bare().header("content-type", "application/json").body(body);
        let text = |body: &str| send(body.as_bytes().to_vec());
        let nested = format!(r#"{{"text":{}{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
        let large = format!(r#"{{"text":"{}"}}"#, "x".repeat(70_000));
        rows.extend([
            bad_body("an oversized body", 413, "too_large", text(&large)),
            bad_body("deep JSON", 400, "nested more than 100", text(&nested)),
            bad_body(
                "deep JSON without an end",
                400,
                "nested more than 100",
                text(&"[".repeat(60_000)),
            ),
            bad_body("no JSON", 400, "not JSON", text("{\"text\":")),
            bad_body(
                "no UTF-8",
                400,
                "not JSON",
                send(b"{\"text\":\"\xff\"}".to_vec()),
            ),
            bad_body("an empty body", 400, "not JSON", text("")),
            bad_body(
                "a list",
                400,
                "not a JSON object",
                text("[{\"text\":\"hi\"}]"),
            ),
            bad_body("a text", 400, "not a JSON object", text("\"hi\"")),
            bad_body("two objects", 400, "not JSON", text("{} {}")),
            bad_body(
                "no content type",
                415,
                "unsupported_media_type",
                bare().body("{}"),
            ),
            bad_body(
                "a form",
                415,
                "unsupported_media_type",
                bare()
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body("text=hi"),
            ),
            bad_body("another type", 415, "unsupported_media_type", {
                bare()
                    .header("content-type", "application/jsonp")
                    .body("{}")
            }),
            bad_body("two types", 415, "unsupported_media_type", {
                let one = bare().header("content-type", "application/json");
                one.header("content-type", "text/plain").body("{}")
            }),
        ]);
    }
    rows
}

pub(crate) fn of_requests(cx: &Cx) -> Vec<Refusal> {
    let all = |method: Method, path| cx.at(method, path).bearer_auth(&cx.all);
    let json = |path, body: &Value| all(Method::POST, path).json(body);
    vec![
        bad_body(
            "an unknown tool",
            404,
            "unknown tool",
            json("/api/tools/nothing", &json!({})),
        ),
        bad_body("no tool", 404, "not_found", json("/api/tools/", &json!({}))),
        bad_body(
            "no route",
            404,
            "not_found",
            all(Method::GET, "/api/nothing"),
        ),
        bad_body(
            "another method",
            405,
            "method_not_allowed",
            all(Method::PUT, "/api/tools/echo"),
        ),
        bad_body(
            "arguments that do not fit",
            400,
            "invalid_arguments",
            json("/api/tools/echo", &json!({ "text": 7 })),
        ),
        bad_body(
            "a state that nobody gave",
            400,
            "invalid_arguments",
            json(
                "/api/replies",
                &json!({ "tool": "echo", "arguments": { "text": "" }, "state": "A", "replies": {} }),
            ),
        ),
    ]
}
