//! A host that authenticates, and requests to it.

use std::process::Command;

use e2e::issuer::Issuer;
use e2e::{Deployment, Host};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

pub(crate) const RESOURCE: &str = "https://tools.example/mcp";
pub(crate) const METADATA: &str =
    "resource_metadata=\"https://tools.example/.well-known/oauth-protected-resource/mcp\"";
pub(crate) const NEW: &str = "2026-07-28";

/// A token as `toolward token new` prints it, and the table for the configuration.
pub(crate) fn new_token(name: &str, more: &[&str]) -> (String, String) {
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
pub(crate) struct Cx {
    pub(crate) host: Host,
    pub(crate) issuer: Issuer,
    pub(crate) http: reqwest::Client,
    /// May call every tool.
    pub(crate) all: String,
    /// May call those of `echo` only.
    pub(crate) echo: String,
    pub(crate) expired: String,
    _deployment: Deployment,
}

impl Cx {
    pub(crate) async fn start() -> Self {
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

    pub(crate) fn request(&self, method: Method) -> RequestBuilder {
        self.http
            .request(method, self.host.url())
            .header("accept", "application/json, text/event-stream")
    }

    /// A request beside `/mcp`.
    pub(crate) fn at(&self, method: Method, path: &str) -> RequestBuilder {
        let root = self.host.url().strip_suffix("/mcp").unwrap();
        self.http.request(method, format!("{root}{path}"))
    }

    /// A request of the new era.
    pub(crate) fn new_era(&self, method: &str, mut params: Value) -> RequestBuilder {
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

    pub(crate) fn list(&self) -> RequestBuilder {
        self.new_era("tools/list", json!({}))
    }

    pub(crate) fn call(&self, tool: &str) -> RequestBuilder {
        self.new_era(
            "tools/call",
            json!({ "name": tool, "arguments": { "text": "hi" } }),
        )
    }

    pub(crate) fn old_era(&self, session: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST)
            .header("mcp-protocol-version", "2025-11-25")
            .header("mcp-session-id", session)
            .json(body)
    }

    pub(crate) async fn open_session(&self, token: &str) -> String {
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

    pub(crate) fn good(&self) -> String {
        self.issuer.token(RESOURCE, "tools:call")
    }

    pub(crate) fn claims(&self) -> Value {
        self.issuer.claims(RESOURCE, "tools:call")
    }

    pub(crate) fn with_claim(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims();
        claims[name] = value;
        self.issuer.sign(&self.issuer.header(), &claims)
    }

    pub(crate) fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.issuer.header();
        header[name] = value;
        self.issuer.sign(&header, &self.claims())
    }
}

pub(crate) fn client() -> reqwest::Client {
    // Wanted even for plain HTTP. An error says that another test of this process was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub(crate) fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}
