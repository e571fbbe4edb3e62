//! Who may call over HTTP: every refusal with its status, its body and its challenge; what tokens allow; and that
//! nothing of a token is written anywhere.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::process::Command;
use std::time::{Duration, Instant};

use e2e::issuer::{self, Issuer};
use e2e::{Deployment, Host};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vbr_simulator::{Options, Simulator};

const RESOURCE: &str = "https://tools.example/mcp";
const METADATA: &str =
    "resource_metadata=\"https://tools.example/.well-known/oauth-protected-resource/mcp\"";
const NEW: &str = "2026-07-28";

/// A token as `toolward token new` prints it, and the table for the configuration.
fn new_token(name: &str, more: &[&str]) -> (String, String) {
    let made = Command::new(e2e::binary())
        .args(["token", "new", name, "--json"])
        .args(more)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let text = |key: &str| made[key].as_str().unwrap().to_owned();
    (text("token"), text("toml"))
}

/// A host that knows static tokens and an authorization server, with two plugins.
struct Cx {
    host: Host,
    issuer: Issuer,
    http: reqwest::Client,
    /// May call every tool.
    all: String,
    /// May call those of `echo` only.
    echo: String,
    expired: String,
    _deployment: Deployment,
}

impl Cx {
    async fn start() -> Self {
        let issuer = Issuer::start().await;
        let (all, all_table) = new_token("all", &["--tenant", "team-a"]);
        let (echo, echo_table) = new_token("echo-only", &["--scope", "tools:call:echo"]);
        let (expired, expired_table) = new_token("expired", &["--expires", "2020-01-01"]);
        let tables = format!(
            r#"
[auth.oauth]
issuer = "{issuer}"
resource = "{RESOURCE}"
ca-file = "issuer.pem"
tenant-claim = "org"

{all_table}
{echo_table}
{expired_table}

[plugins.echo]
component = "{echo_plugin}"

[plugins.hostile]
component = "{hostile_plugin}"
grant = ["http"]
"#,
            issuer = issuer.url(),
            echo_plugin = e2e::plugin("echo").display(),
            hostile_plugin = e2e::plugin("hostile").display(),
        );
        let deployment = Deployment::new("");
        let head = std::fs::read_to_string(deployment.config()).unwrap();
        let server = "allowed-origins = [\"https://agents.example\"]\nmax-request-size = \"64 KiB\"\n\
                      header-timeout = \"1 s\"\nbody-timeout = \"500 ms\"\nmax-connections = 64\n";
        let head = head.replace("listen =", &format!("{server}listen ="));
        deployment.write("toolward.toml", &format!("{head}{tables}"));
        deployment.write("issuer.pem", issuer.ca_pem());
        // Everything that can be logged is.
        let host = Host::start_with(&deployment, &[("TOOLWARD_LOG", "trace")]).await;
        Self {
            host,
            issuer,
            http: client(),
            all,
            echo,
            expired,
            _deployment: deployment,
        }
    }

    fn request(&self, method: Method) -> RequestBuilder {
        self.http
            .request(method, self.host.url())
            .header("accept", "application/json, text/event-stream")
    }

    /// A request of the new era.
    fn new_era(&self, method: &str, mut params: Value) -> RequestBuilder {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": NEW,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let mut request = self
            .request(Method::POST)
            .header("mcp-protocol-version", NEW)
            .header("mcp-method", method);
        if let Some(name) = params["name"].as_str() {
            request = request.header("mcp-name", name);
        }
        request.json(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }))
    }

    fn list(&self) -> RequestBuilder {
        self.new_era("tools/list", json!({}))
    }

    fn call(&self, tool: &str) -> RequestBuilder {
        self.new_era(
            "tools/call",
            json!({ "name": tool, "arguments": { "text": "hi" } }),
        )
    }

    fn old_era(&self, session: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST)
            .header("mcp-protocol-version", "2025-11-25")
            .header("mcp-session-id", session)
            .json(body)
    }

    async fn open_session(&self, token: &str) -> String {
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": "e2e", "version": "0" },
        });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
        let response = self.request(Method::POST).bearer_auth(token).json(&body);
        let response = response.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let session = header(&response, "mcp-session-id");
        let body = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let response = self
            .old_era(&session, &body)
            .bearer_auth(token)
            .send()
            .await;
        assert_eq!(response.unwrap().status(), 202);
        session
    }

    fn good(&self) -> String {
        self.issuer.token(RESOURCE, "tools:call")
    }

    fn claims(&self) -> Value {
        self.issuer.claims(RESOURCE, "tools:call")
    }

    fn with_claim(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims();
        claims[name] = value;
        self.issuer.sign(&self.issuer.header(), &claims)
    }

    fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.issuer.header();
        header[name] = value;
        self.issuer.sign(&header, &self.claims())
    }
}

fn client() -> reqwest::Client {
    // Wanted even for plain HTTP. An error says that another test of this process was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

/// A request that is refused: what comes back.
struct Refusal {
    what: &'static str,
    request: RequestBuilder,
    status: u16,
    /// A part of the body.
    body: &'static str,
    /// Parts of the challenge; none: there is no challenge.
    challenge: &'static [&'static str],
}

const INVALID: &[&str] = &["error=\"invalid_token\"", "scope=\"tools:call ", METADATA];

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
    let now = issuer::now();
    let (head, signature) = {
        let good = cx.good();
        let (head, signature) = good.rsplit_once('.').unwrap();
        (head.to_owned(), signature.to_owned())
    };
    let altered = head.replacen('e', "f", 5);
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
    let rows = refusals_of_callers(&cx)
        .into_iter()
        .chain(refusals_of_requests(&cx));
    let mut wrong = Vec::new();
    for row in rows {
        let request = row.request.build().unwrap();
        if let Some(sent) = request.headers().get("authorization") {
            let sent = sent
                .to_str()
                .unwrap()
                .trim_start_matches("Bearer ")
                .to_owned();
            secrets.push(sent);
        }
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
            wrong.push(format!("{}: {status} {challenge:?} {body}", row.what));
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
    assert_eq!(status(end.bearer_auth(&alice)).await, 202);
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

/// What a raw connection answers until it closes, and how long that took.
async fn raw(cx: &Cx, pieces: &[&str]) -> (String, Duration) {
    let address = cx.host.url().strip_prefix("http://").unwrap();
    let address = address.strip_suffix("/mcp").unwrap();
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    for piece in pieces {
        stream.write_all(piece.as_bytes()).await.unwrap();
    }
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer));
    // A reset instead of an end is an end too.
    let _how = read.await.expect("the connection is closed in time");
    (
        String::from_utf8_lossy(&answer).into_owned(),
        begun.elapsed(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_and_large_bodies_are_cut_off() {
    let cx = Cx::start().await;
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nAuthorization: Bearer {}\r\n",
        cx.all
    );
    // Half a head.
    let (answer, took) = raw(&cx, &["POST /mcp HTTP/1.1\r\nHost: local"]).await;
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    // Half a body.
    let (answer, took) = raw(&cx, &[&head, "Content-Length: 100\r\n\r\n{\"jsonrpc\":"]).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    // A body that is announced too large is refused before it comes.
    let (answer, _) = raw(
        &cx,
        &[
            &head,
            "Content-Length: 99999999\r\nConnection: close\r\n\r\n",
        ],
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // One that is not announced, while it comes.
    let chunk = format!("{:x}\r\n{}\r\n", 40_000, "x".repeat(40_000));
    let (answer, _) = raw(
        &cx,
        &[
            &head,
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
            &chunk,
            &chunk,
        ],
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // Without a token nobody waits for a body at all.
    let (answer, _) = raw(&cx, &["POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 100\r\n\r\n"]).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");

    // More half requests than there are places: others wait, and are served when those are cut off.
    let address = cx
        .host
        .url()
        .strip_prefix("http://")
        .unwrap()
        .strip_suffix("/mcp")
        .unwrap();
    let mut idle = Vec::new();
    for _ in 0..80 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"POST /mcp HTTP/1.1\r\n").await.unwrap();
        idle.push(stream);
    }
    let response = cx.call("echo").bearer_auth(&cx.all).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_do_not_share_logins() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let deployment = Deployment::backup_jobs(&simulator);
    let tokens: Vec<_> = ["team-a", "team-b"]
        .into_iter()
        .flat_map(|tenant| [(tenant, "one"), (tenant, "two")])
        .map(|(tenant, name)| new_token(&format!("{tenant}-{name}"), &["--tenant", tenant]))
        .collect();
    let mut text = std::fs::read_to_string(deployment.config()).unwrap();
    for (_, table) in &tokens {
        text.push_str(&format!("\n{table}\n"));
    }
    deployment.write("toolward.toml", &text);
    let host = Host::start(&deployment).await;
    let http = client();
    for (token, _) in &tokens {
        let params = json!({ "name": "backup_jobs_list", "arguments": {}, "_meta": {
            "io.modelcontextprotocol/protocolVersion": NEW,
            "io.modelcontextprotocol/clientCapabilities": {},
        } });
        let request = http
            .post(host.url())
            .bearer_auth(token)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", NEW)
            .header("mcp-method", "tools/call")
            .header("mcp-name", "backup_jobs_list")
            .json(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }));
        let body = request.send().await.unwrap().text().await.unwrap();
        assert!(body.contains("structuredContent"), "{body}");
    }
    let stats = simulator.stats();
    assert_eq!(stats.logins, 2, "{stats:?}");
    // Without an authorization server there is nothing to point to.
    let refused = http.post(host.url()).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(!header(&refused, "www-authenticate").contains("resource_metadata"));
}

#[test]
fn the_network_is_not_served_without_authentication() {
    let refused = |text: &str| {
        let deployment = Deployment::new("");
        deployment.write("toolward.toml", text);
        let output = Command::new(e2e::binary())
            .args(["serve", "--config"])
            .arg(deployment.config())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let open = refused("[server]\nlisten = \"0.0.0.0:0\"\n");
    assert!(
        open.contains("without [auth]") && open.contains("toolward token new"),
        "{open}"
    );
    let (_, table) = new_token("a", &[]);
    let both = refused(&format!(
        "[server]\nallow-unauthenticated = true\n{table}\n"
    ));
    assert!(both.contains("contradict each other"), "{both}");
}
