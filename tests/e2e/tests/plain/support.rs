//! A host, and requests to it as any client of HTTP sends them.

use std::process::Command;

use e2e::{Deployment, Host};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

/// What the hostile plugin is granted: it imports everything.
pub(crate) const HTTP: &str = "grant = [\"http\"]";

/// A host and whoever talks to it.
pub(crate) struct Cx {
    pub(crate) host: Host,
    pub(crate) http: reqwest::Client,
    _deployment: Deployment,
}

impl Cx {
    pub(crate) async fn start(deployment: Deployment) -> Self {
        // Wanted even for plain HTTP. An error says that another test of this process was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            host: Host::start(&deployment).await,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            _deployment: deployment,
        }
    }

    /// With these plugins, each with more lines of its table.
    pub(crate) async fn with(plugins: &[(&str, &str)]) -> Self {
        Self::start(Deployment::new(&tables(plugins))).await
    }

    pub(crate) fn root(&self) -> &str {
        self.host.url().strip_suffix("/mcp").unwrap()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.root()))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        self.get(path).send().await.unwrap().text().await.unwrap()
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        self.get(path).send().await.unwrap().json().await.unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    /// The status and the body.
    pub(crate) async fn call(&self, tool: &str, arguments: &Value) -> (u16, Value) {
        answer(self.post(&format!("/api/tools/{tool}"), arguments)).await
    }
}

pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    assert_eq!(header(&response, "content-type"), "application/json");
    (status, response.json().await.unwrap())
}

pub(crate) fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

pub(crate) fn tables(plugins: &[(&str, &str)]) -> String {
    let tables = plugins.iter().map(|(name, more)| {
        let component = e2e::plugin(name);
        let component = component.display();
        format!("\n[plugins.{name}]\ncomponent = \"{component}\"\n{more}\n")
    });
    tables.collect()
}

/// A token as `toolward token new` prints it, and the table for the configuration.
pub(crate) fn new_token(name: &str, scopes: &[&str]) -> (String, String) {
    let scopes = scopes.iter().flat_map(|scope| ["--scope", scope]);
    let made = Command::new(e2e::binary())
        .args(["token", "new", name, "--json"])
        .args(scopes)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let text = |key: &str| made[key].as_str().unwrap().to_owned();
    (text("token"), text("toml"))
}

/// What a program of ours in Python says about the input. It fails the test when the program fails.
pub(crate) async fn python(program: &str, input: &str) -> String {
    use tokio::io::AsyncWriteExt as _;

    let mut child = tokio::process::Command::new(e2e::Tools::installed().python)
        .args(["-c", program])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}
