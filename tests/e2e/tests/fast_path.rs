//! The fast path of HTTP answers what rmcp answers, to the byte: the same requests to a host with it and to one without.

use e2e::{Deployment, Host, mcp};
use serde_json::{Value, json};

/// Plugins for every kind of answer.
async fn host(fast_path: bool) -> (Deployment, Host) {
    let plugin = |name, grant| {
        format!(
            "[plugins.{name}]\ncomponent = \"{}\"\ngrant = {grant}\n",
            e2e::plugin(name).display()
        )
    };
    let tables = [
        "[jobs]\n".to_owned(),
        plugin("echo", "[]"),
        plugin("jobs", "[\"form\"]"),
        plugin(
            "conformance",
            "[\"changes\", \"form\", \"sample\", \"roots\"]",
        ),
    ]
    .concat();
    let deployment = Deployment::new(&tables);
    let head = std::fs::read_to_string(deployment.config()).expect("it was just written");
    let set = format!("[server]\nfast-path = {fast_path}\n");
    deployment.write("toolward.toml", &head.replace("[server]\n", &set));
    let host = Host::start(&deployment).await;
    (deployment, host)
}

/// A request: what is usual, and what this one changes.
struct Sent {
    what: &'static str,
    method: &'static str,
    params: Value,
    headers: Vec<(&'static str, &'static str)>,
    without: Option<&'static str>,
    body: Option<String>,
}

fn sent(what: &'static str, method: &'static str, params: Value) -> Sent {
    Sent {
        what,
        method,
        params,
        headers: Vec::new(),
        without: None,
        body: None,
    }
}

fn call(what: &'static str, tool: &str, arguments: &Value) -> Sent {
    let params = json!({ "name": tool, "arguments": arguments });
    sent(what, "tools/call", params)
}

impl Sent {
    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    fn without(mut self, header: &'static str) -> Self {
        self.without = Some(header);
        self
    }

    fn meta(mut self, key: &str, value: Value) -> Self {
        self.params["_meta"][key] = value;
        self
    }

    /// The same with another body.
    fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Status, media type and body of the answer.
    async fn to(&self, host: &Host) -> (u16, String, String) {
        let mut params = self.params.clone();
        for (key, value) in [
            ("protocolVersion", json!("2026-07-28")),
            ("clientCapabilities", json!({})),
        ] {
            let key = format!("io.modelcontextprotocol/{key}");
            if params["_meta"].get(&key).is_none() {
                params["_meta"][key] = value;
            }
        }
        // Null stands for what is left out.
        if let Some(meta) = params["_meta"].as_object_mut() {
            meta.retain(|_, value| !value.is_null());
        }
        let name = params["name"].as_str().unwrap_or_default().to_owned();
        let usual = [
            ("accept", "application/json, text/event-stream"),
            ("content-type", "application/json"),
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", self.method),
            ("mcp-name", &name),
        ];
        let mut request = mcp::http().post(host.url());
        for (header, value) in usual {
            let replaced = self.headers.iter().any(|(own, _)| *own == header);
            if !replaced && self.without != Some(header) && !value.is_empty() {
                request = request.header(header, value);
            }
        }
        for (header, value) in &self.headers {
            request = request.header(*header, *value);
        }
        let message = json!({ "jsonrpc": "2.0", "id": 7, "method": self.method, "params": params });
        let body = self.body.clone().unwrap_or_else(|| message.to_string());
        let response = request.body(body).send().await.expect("the host answers");
        let status = response.status().as_u16();
        let media = response.headers().get("content-type");
        let media = media.map(|value| value.to_str().expect("a text").to_owned());
        let text = response.text().await.expect("the answer is complete");
        (status, media.unwrap_or_default(), timeless(&text))
    }
}

/// Without the time at which the conformance plugin listed its tools.
fn timeless(text: &str) -> String {
    const KEY: &str = "\"listed-at\":\"";
    let Some((before, time)) = text.split_once(KEY) else {
        return text.to_owned();
    };
    let after = time.trim_start_matches(|digit: char| digit.is_ascii_digit());
    [before, KEY, after].concat()
}

/// The beginning of an answer.
fn shown(answer: &(u16, String, String)) -> String {
    let (status, media, text) = answer;
    let text: String = text.chars().take(500).collect();
    format!("{status} {media} {text}")
}

fn requests() -> Vec<Sent> {
    let echo = |what| call(what, "echo", &json!({ "text": "é \u{1F600} \"quoted\"" }));
    let discover = |what| sent(what, "server/discover", json!({}));
    let list = |what| sent(what, "tools/list", json!({}));
    let tasks = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
    vec![
        echo("a call"),
        call(
            "a large call",
            "echo",
            &json!({ "text": "é \u{1F600} \"quoted\"".repeat(20_000) }),
        ),
        call(
            "large arguments that do not fit",
            "echo",
            &json!({ "text": vec![1; 50_000] }),
        ),
        call(
            "a large tool error",
            "fail",
            &json!({ "message": "no ".repeat(50_000) }),
        ),
        call("numbers", "add", &json!({ "a": 1, "b": 2.5 })),
        call("arguments that do not fit", "echo", &json!({ "text": 1 })),
        call("a tool error", "fail", &json!({ "message": "no" })),
        call("nobody's tool", "nobodys", &json!({})),
        call(
            "the host's own tool",
            "job_status",
            &json!({ "job_id": "none" }),
        ),
        call("the host's own tool, badly", "job_status", &json!({})),
        call("a tool that needs tasks", "count", &json!({ "steps": 1 })),
        sent("no arguments", "tools/call", json!({ "name": "whoami" })),
        sent("no name", "tools/call", json!({})),
        sent("a name of another type", "tools/call", json!({ "name": 1 })),
        sent(
            "arguments of another type",
            "tools/call",
            json!({ "name": "echo", "arguments": [] }),
        ),
        sent(
            "a state that nobody gave",
            "tools/call",
            json!({ "name": "echo", "arguments": { "text": "a" }, "requestState": "x" }),
        ),
        sent(
            "replies to nothing",
            "tools/call",
            json!({ "name": "echo", "arguments": { "text": "a" }, "inputResponses": { "a": { "action": "decline" } } }),
        ),
        discover("discover"),
        list("a list"),
        sent("a cursor", "tools/list", json!({ "cursor": "x" })),
        sent(
            "a cursor that is none",
            "tools/list",
            json!({ "cursor": 1 }),
        ),
        sent("another list", "prompts/list", json!({})),
        sent("no method of MCP", "tools/dance", json!({})),
        echo("a trace").meta(
            "traceparent",
            json!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ),
        echo("another revision").meta(
            "io.modelcontextprotocol/protocolVersion",
            json!("2027-01-01"),
        ),
        echo("another revision in both places")
            .meta(
                "io.modelcontextprotocol/protocolVersion",
                json!("2027-01-01"),
            )
            .header("mcp-protocol-version", "2027-01-01"),
        echo("no revision").meta("io.modelcontextprotocol/protocolVersion", Value::Null),
        echo("no capabilities").meta("io.modelcontextprotocol/clientCapabilities", Value::Null),
        echo("capabilities that are none")
            .meta("io.modelcontextprotocol/clientCapabilities", json!(1)),
        discover("discover without capabilities")
            .meta("io.modelcontextprotocol/clientCapabilities", Value::Null),
        list("a list without capabilities")
            .meta("io.modelcontextprotocol/clientCapabilities", Value::Null),
        echo("a client that follows tasks")
            .meta("io.modelcontextprotocol/clientCapabilities", tasks),
        echo("no header with the revision").without("mcp-protocol-version"),
        echo("no header with the method").without("mcp-method"),
        echo("no header with the name").without("mcp-name"),
        list("no header with the method, of a list").without("mcp-method"),
        discover("no header with the method, of discover").without("mcp-method"),
        echo("another method in the header").header("mcp-method", "tools/list"),
        echo("another name in the header").header("mcp-name", "add"),
        echo("a name in the header twice")
            .header("mcp-name", "echo")
            .header("mcp-name", "add"),
        echo("a name in Base64").header("mcp-name", "=?base64?ZWNobw==?="),
        list("a name where none belongs").header("mcp-name", "echo"),
        echo("weights").header("accept", "application/json;q=0.5, text/event-stream;q=1"),
        echo("events refused").header("accept", "application/json"),
        echo("anything").header("accept", "*/*"),
        echo("a value in a header that nobody asked for").header("mcp-param-text", "x"),
        call(
            "a value that belongs in a header",
            "test_header_parameter",
            &json!({ "region": "eu" }),
        ),
        echo("an id that is a text").body(raw(r#""a""#, "")),
        echo("an id that is null").body(raw("null", "")),
        echo("an id that is a fraction").body(raw("1.5", "")),
        echo("members that nobody knows").body(raw("1", r#","more":[1]"#)),
        echo("another version of JSON-RPC").body(raw("1", "").replace("2.0", "1.0")),
        echo("no version of JSON-RPC").body(raw("1", "").replace(r#""jsonrpc":"2.0","#, "")),
        echo("no id").body(raw("1", "").replace(r#""id":1,"#, "")),
        echo("a notification that no method stands for")
            .body(r#"{"jsonrpc":"2.0","method":"tools/call"}"#),
        echo("the arguments twice").body(raw("1", "").replace(
            r#""arguments":{"text":"a"}"#,
            r#""arguments":{"text":"a"},"arguments":{"text":"b"}"#,
        )),
        echo("one argument twice")
            .body(raw("1", "").replace(r#"{"text":"a"}"#, r#"{"text":"a","text":"b"}"#)),
        echo("not UTF-8 in JSON").body(raw("1", "").replace(r#""text":"a""#, r#""text":"\ud800""#)),
        echo("no JSON").body("{"),
        echo("much that is no JSON").body("{".repeat(100_000)),
        echo("much that is no message").body(format!("[{}1]", "1,".repeat(100_000))),
        echo("an array").body("[]"),
    ]
}

/// A call with this id, and this behind `params`.
fn raw(id: &str, more: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"echo","arguments":{{"text":"a"}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}{more}}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ways_answer_the_same() {
    let (_with, fast) = host(true).await;
    let (_without, slow) = host(false).await;
    for sent in requests() {
        let (one, other) = tokio::join!(sent.to(&fast), sent.to(&slow));
        let same = one == other;
        assert!(same, "{}:\n{}\n{}", sent.what, shown(&one), shown(&other));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slash_at_the_end_of_the_address_is_forgiven() {
    let (_with, host) = host(true).await;
    let client = mcp::Client::new(&format!("{}/", host.url()));
    let said = client.call("echo", json!({ "text": "still here" })).await;
    assert_eq!(mcp::text(&said.expect("it is served")), "still here");
    let below = mcp::http().post(format!("{}/below", host.url()));
    let answer = below.send().await.expect("the host answers");
    assert_eq!(answer.status().as_u16(), 404);
}
