//! Every refusal: right status, right body, right challenge, and nothing of a token in any of them or in the log.

use e2e::issuer;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::plain;
use crate::support::{Cx, METADATA, NEW, RESOURCE, header};

/// A request that is refused: what comes back.
pub(crate) struct Refusal {
    pub(crate) what: &'static str,
    pub(crate) request: RequestBuilder,
    pub(crate) status: u16,
    /// A part of the body.
    pub(crate) body: &'static str,
    /// Parts of the challenge; none: there is no challenge.
    pub(crate) challenge: &'static [&'static str],
}

pub(crate) const INVALID: &[&str] = &["error=\"invalid_token\"", "scope=\"tools:call ", METADATA];

fn unauthorized(what: &'static str, body: &'static str, request: RequestBuilder) -> Refusal {
    Refusal {
        what,
        request,
        status: 401,
        body,
        challenge: INVALID,
    }
}

fn refused(
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

fn refusals_of_callers(cx: &Cx) -> Vec<Refusal> {
    let bearer = |token: &str| cx.list().bearer_auth(token);
    let bad = |what, body, token: String| unauthorized(what, body, bearer(&token));
    vec![
        Refusal {
            what: "no token",
            request: cx.list(),
            status: 401,
            body: "unauthorized",
            challenge: &["Bearer scope=\"tools:call ", METADATA],
        },
        unauthorized(
            "another scheme",
            "no single bearer",
            cx.list().basic_auth("a", Some("b")),
        ),
        unauthorized(
            "two tokens",
            "no single bearer",
            bearer(&cx.all).bearer_auth(&cx.all),
        ),
        Refusal {
            what: "a token in the query",
            request: {
                let url = format!("{}?access_token={}", cx.host.url(), cx.all);
                cx.http.post(url).json(&json!({}))
            },
            status: 401,
            body: "unauthorized",
            challenge: &["Bearer scope=", METADATA],
        },
        bad(
            "a wrong token",
            "not known",
            format!("toolward_{}", "A".repeat(43)),
        ),
        bad(
            "a token cut short",
            "no signed JWT",
            cx.all[..cx.all.len() - 1].to_owned(),
        ),
        bad("an expired static token", "has expired", cx.expired.clone()),
    ]
}

fn refusals_of_access_tokens(cx: &Cx) -> Vec<Refusal> {
    let bad = |what, body, token: String| unauthorized(what, body, cx.list().bearer_auth(token));
    let now = issuer::now();
    vec![
        bad("no JWT", "no signed JWT", "a.b.c".to_owned()),
        bad(
            "expired",
            "has expired",
            cx.with_claim("exp", json!(now - 60)),
        ),
        bad(
            "not valid yet",
            "not valid yet",
            cx.with_claim("nbf", json!(now + 300)),
        ),
        bad(
            "without an end",
            "lacks a claim",
            cx.with_claim("exp", Value::Null),
        ),
        bad(
            "wrong audience",
            "another audience",
            cx.with_claim("aud", json!("https://other.example")),
        ),
        bad(
            "wrong issuer",
            "another issuer",
            cx.with_claim("iss", json!("https://evil.example")),
        ),
        bad(
            "nobody",
            "names nobody",
            cx.with_claim("sub", json!("token:all")),
        ),
        bad(
            "no tenant",
            "no tenant",
            cx.with_claim("org", json!("Team A")),
        ),
    ]
}

fn refusals_of_forgeries(cx: &Cx) -> Vec<Refusal> {
    let bad = |what, body, token: String| unauthorized(what, body, cx.list().bearer_auth(token));
    let good = cx.good();
    let (head, signature) = good.rsplit_once('.').unwrap();
    let altered = head.replacen('e', "f", 5);
    vec![
        bad("alg none", "no signed JWT", issuer::unsigned(&cx.claims())),
        bad(
            "HS256 with the public key",
            "algorithm is not taken",
            cx.issuer.sign_with_public_key(&cx.claims()),
        ),
        bad(
            "an algorithm not pinned",
            "algorithm is not taken",
            cx.with_header("alg", json!("ES384")),
        ),
        bad(
            "the algorithm of another key",
            "does not have",
            cx.with_header("alg", json!("RS256")),
        ),
        bad(
            "the key of another algorithm",
            "does not have",
            cx.with_header("kid", json!("rsa")),
        ),
        bad(
            "a shared key of the set",
            "does not have",
            cx.with_header("kid", json!("shared")),
        ),
        bad(
            "a key that is a path",
            "does not have",
            cx.with_header("kid", json!("../../dev/null")),
        ),
        bad(
            "an unknown key",
            "does not have",
            cx.with_header("kid", json!("ec-0")),
        ),
        bad(
            "a critical extension",
            "not understood",
            cx.with_header("crit", json!(["exp"])),
        ),
        bad(
            "a token for something else",
            "no access token",
            cx.with_header("typ", json!("logout+jwt")),
        ),
        bad("altered", "", format!("{altered}.{signature}")),
        bad("no signature", "signature is wrong", format!("{head}.")),
        bad(
            "too long",
            "too long",
            format!("{head}{}.{signature}", "A".repeat(20_000)),
        ),
    ]
}

fn refusals_of_requests(cx: &Cx) -> Vec<Refusal> {
    let all = |request: RequestBuilder| request.bearer_auth(&cx.all);
    vec![
        Refusal {
            what: "a missing scope",
            request: cx.call("hostile_loop").bearer_auth(&cx.echo),
            status: 403,
            body: "insufficient_scope",
            challenge: &[
                "error=\"insufficient_scope\"",
                "scope=\"tools:call:hostile\"",
                METADATA,
            ],
        },
        Refusal {
            what: "no scope that is one of ours",
            request: cx
                .call("echo")
                .bearer_auth(cx.issuer.token(RESOURCE, "openid tools")),
            status: 403,
            body: "insufficient_scope",
            challenge: &["scope=\"tools:call:echo\"", METADATA],
        },
        Refusal {
            what: "a missing scope for a tool that nobody has",
            request: cx
                .call("nothing")
                .bearer_auth(cx.issuer.token(RESOURCE, "admin")),
            status: 403,
            body: "insufficient_scope",
            challenge: &["scope=\"tools:call\"", METADATA],
        },
        refused(
            "a bad Origin",
            403,
            "Origin",
            all(cx.list()).header("origin", "https://evil.example"),
        ),
        refused(
            "a null Origin",
            403,
            "Origin",
            all(cx.list()).header("origin", "null"),
        ),
        refused(
            "a bad Host",
            403,
            "Host",
            all(cx.list()).header("host", "evil.example"),
        ),
    ]
}

fn refusals_of_bodies(cx: &Cx) -> Vec<Refusal> {
    let text = |body: &str| {
        let request = cx.request(Method::POST).bearer_auth(&cx.all);
        request
            .header("content-type", "application/json")
            .body(body.to_owned())
    };
    let all = |request: RequestBuilder| request.bearer_auth(&cx.all);
    let nested = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{{"text":{}{}}}}}}}"#,
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    vec![
        refused(
            "an oversized body",
            413,
            "larger than 65536",
            text(&format!("\"{}\"", "x".repeat(70_000))),
        ),
        refused("deep JSON", 400, "nested more than 100", text(&nested)),
        refused(
            "deep JSON without an end",
            400,
            "nested more than 100",
            text(&"[".repeat(60_000)),
        ),
        refused("no JSON", 400, "-32700", text("{\"jsonrpc\":")),
        refused("no UTF-8", 400, "-32700", {
            let request = cx.request(Method::POST).bearer_auth(&cx.all);
            request
                .header("content-type", "application/json")
                .body(b"{\"method\":\"\xff\"}".to_vec())
        }),
        refused("an empty body", 400, "-32700", text("")),
        refused("no message", 400, "-32600", text("7")),
        refused(
            "a message that is none",
            400,
            "-32600",
            text(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"x"}"#),
        ),
        refused(
            "a batch",
            400,
            "batches are not supported",
            text(&json!([list]).to_string()),
        ),
        refused(
            "two methods",
            400,
            "-32600",
            text(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"ping"}"#),
        ),
        refused(
            "no content type",
            415,
            "application/json",
            all(cx.request(Method::POST)).body(list.to_string()),
        ),
        refused("a wrong content type", 415, "application/json", {
            all(cx.request(Method::POST))
                .header("content-type", "text/plain")
                .body(list.to_string())
        }),
    ]
}

fn refusals_of_messages(cx: &Cx) -> Vec<Refusal> {
    let all = |request: RequestBuilder| request.bearer_auth(&cx.all);
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    vec![
        refused(
            "an unknown method",
            404,
            "-32601",
            all(cx.new_era("tools/frobnicate", json!({}))),
        ),
        refused("an unknown tool", 200, "-32602", all(cx.call("nothing"))),
        refused("a header that says another method", 400, "-32020", {
            let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                "name": "echo", "arguments": { "text": "x" }, "_meta": {
                    "io.modelcontextprotocol/protocolVersion": NEW,
                    "io.modelcontextprotocol/clientCapabilities": {},
                } } });
            let request = all(cx.request(Method::POST)).header("mcp-protocol-version", NEW);
            request
                .header("mcp-method", "tools/list")
                .header("mcp-name", "echo")
                .json(&body)
        }),
        refused("a header that names another tool", 400, "-32020", {
            let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                "name": "echo", "arguments": { "text": "x" }, "_meta": {
                    "io.modelcontextprotocol/protocolVersion": NEW,
                    "io.modelcontextprotocol/clientCapabilities": {},
                } } });
            let request = all(cx.request(Method::POST)).header("mcp-protocol-version", NEW);
            request
                .header("mcp-method", "tools/call")
                .header("mcp-name", "add")
                .json(&body)
        }),
        refused(
            "a session that nobody opened",
            404,
            "no such session",
            all(cx.old_era("made-up", &list)),
        ),
        refused(
            "a method of HTTP that means nothing",
            405,
            "",
            all(cx.request(Method::PUT)),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_the_right_one_and_tells_nothing() {
    let cx = Cx::start().await;
    let mut secrets = vec![cx.all.clone(), cx.echo.clone(), cx.expired.clone()];
    let rows = [
        refusals_of_callers(&cx),
        refusals_of_access_tokens(&cx),
        refusals_of_forgeries(&cx),
        refusals_of_requests(&cx),
        refusals_of_bodies(&cx),
        refusals_of_messages(&cx),
        plain::of_callers(&cx),
        plain::of_scopes(&cx),
        plain::of_places(&cx),
        plain::of_bodies(&cx),
        plain::of_requests(&cx),
    ];
    let mut wrong = Vec::new();
    for row in rows.into_iter().flatten() {
        let request = row.request.build().unwrap();
        if let Some(sent) = request.headers().get("authorization") {
            let sent = sent
                .to_str()
                .unwrap()
                .trim_start_matches("Bearer ")
                .to_owned();
            secrets.push(sent);
        }
        let url = request.url().clone();
        let response = cx.http.execute(request).await.unwrap();
        let status = response.status().as_u16();
        let challenge = header(&response, "www-authenticate");
        let body = response.text().await.unwrap();
        let challenged = match row.challenge {
            [] => challenge.is_empty(),
            parts => {
                challenge.starts_with("Bearer ")
                    && parts.iter().all(|part| challenge.contains(part))
            }
        };
        if status != row.status || !body.contains(row.body) || !challenged {
            let url = url.path();
            wrong.push(format!(
                "{url}: {}: {status} {challenge:?} {body}",
                row.what
            ));
        }
        assert!(
            !body.contains("/work") && !body.contains("panicked"),
            "{body}"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // Whoever is right is served, after all that.
    for token in [&cx.all, &cx.good(), &cx.issuer.sign_rsa(&cx.claims())] {
        let response = cx.call("echo").bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.text().await.unwrap().contains("hi"));
        secrets.push(token.clone());
    }
    let log = cx.host.stop().await;
    assert!(
        log.contains("TRACE") || log.contains("DEBUG"),
        "nothing was logged"
    );
    assert!(!log.contains("panicked"), "{log}");
    for secret in secrets.iter().filter(|secret| secret.len() > 8) {
        // Neither whole nor its last part, which is the signature of a JWT.
        let last = secret.rsplit('.').next().filter(|last| last.len() > 8);
        for part in [Some(secret.as_str()), last].into_iter().flatten() {
            assert!(!log.contains(part), "a token is in the log: {part}");
        }
    }
}
