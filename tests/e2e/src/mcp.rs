//! Requests of the new protocol as bytes on the wire, without a client library in between.

use serde_json::{Value, json};

use crate::listen::Listener;

const VERSION: &str = "2026-07-28";

/// Somebody who sends requests to one endpoint.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    capabilities: Value,
    token: Option<String>,
}

/// What the server answers to a request that it does not serve.
#[derive(Clone, Debug, PartialEq)]
pub struct ProtocolError {
    /// JSON-RPC's code.
    pub code: i64,
    /// For people.
    pub message: String,
}

impl Client {
    /// Towards `http://127.0.0.1:PORT/mcp`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            http: http(),
            url: url.to_owned(),
            capabilities: json!({}),
            token: None,
        }
    }

    /// The same, over one connection of HTTP/2.
    #[must_use]
    pub fn over_http2(mut self) -> Self {
        self.http = http2();
        self
    }

    /// The same, which says that it can do this.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Value) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// The same, which sends a bearer token.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Sends one request and gives its result.
    pub async fn request(&self, method: &str, params: Value) -> Result<Value, ProtocolError> {
        let response = self.send(method, params).await;
        let text = response.text().await.expect("the answer is complete");
        outcome(&message(&text))
    }

    /// Sends one request and gives what comes back, as it comes. Dropping it is a disconnect.
    pub async fn send(&self, method: &str, mut params: Value) -> reqwest::Response {
        let own = json!({
            "protocolVersion": VERSION,
            "clientCapabilities": self.capabilities,
            "clientInfo": { "name": "e2e", "version": "0" },
        });
        for (key, value) in own.as_object().into_iter().flatten() {
            params["_meta"][format!("io.modelcontextprotocol/{key}")] = value.clone();
        }
        let mut request = self
            .http
            .post(&self.url)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", VERSION)
            .header("mcp-method", method);
        let name = ["name", "uri", "taskId"]
            .iter()
            .find_map(|key| params[key].as_str());
        if let Some(name) = name {
            request = request.header("mcp-name", name);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        request.json(&body).send().await.expect("the host answers")
    }

    /// Listens to changes of all lists.
    pub async fn listen(&self) -> Listener {
        let lists = json!({
            "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
        });
        let params = json!({ "notifications": lists });
        let mut listener = Listener::new(self.send("subscriptions/listen", params).await);
        let first = listener.next().await;
        assert_eq!(first, "notifications/subscriptions/acknowledged");
        listener
    }

    /// The names of all tools, in the order of the list.
    pub async fn tools(&self) -> Vec<String> {
        let result = self.request("tools/list", json!({})).await;
        let result = result.expect("tools can be listed");
        let tools = result["tools"].as_array().cloned().unwrap_or_default();
        let names = tools
            .iter()
            .map(|tool| tool["name"].as_str().unwrap_or_default());
        names.map(str::to_owned).collect()
    }

    /// Calls a tool.
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<Value, ProtocolError> {
        let params = json!({ "name": tool, "arguments": arguments });
        self.request("tools/call", params).await
    }
}

/// A client for HTTP on this machine.
#[must_use]
pub fn http() -> reqwest::Client {
    let built = usual().build();
    built.expect("a client without options can be built")
}

/// The same, which begins with HTTP/2.
#[must_use]
pub fn http2() -> reqwest::Client {
    let built = usual().http2_prior_knowledge().build();
    built.expect("a client with one option can be built")
}

fn usual() -> reqwest::ClientBuilder {
    // Wanted even for plain HTTP. An error says that another test of this process was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A proxy of the machine has no business between a test and its own host.
    reqwest::Client::builder().no_proxy()
}

/// The texts of a tool's result, one after the other.
#[must_use]
pub fn text(result: &Value) -> String {
    let content = result["content"].as_array().cloned().unwrap_or_default();
    let texts: Vec<&str> = content
        .iter()
        .filter_map(|item| item["text"].as_str())
        .collect();
    texts.join("\n")
}

/// The answer's message: the body itself, or the last event of a stream.
pub(crate) fn message(text: &str) -> Value {
    let last = text
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .next_back();
    let body = last.unwrap_or(text);
    serde_json::from_str(body).unwrap_or_else(|error| panic!("not JSON ({error}): {text}"))
}

pub(crate) fn outcome(message: &Value) -> Result<Value, ProtocolError> {
    let error = &message["error"];
    if let Some(code) = error["code"].as_i64() {
        let message = error["message"].as_str().unwrap_or_default().to_owned();
        return Err(ProtocolError { code, message });
    }
    Ok(message["result"].clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_body_or_the_last_event() {
        let body = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#;
        let events =
            format!(": hello\n\nevent: message\ndata: {{\"method\":\"x\"}}\n\ndata: {body}\n\n");
        for text in [body, &events] {
            assert_eq!(outcome(&message(text)), Ok(json!({ "tools": [] })));
        }
        let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}"#;
        let expected = ProtocolError {
            code: -32602,
            message: "no".to_owned(),
        };
        assert_eq!(outcome(&message(error)), Err(expected));
    }
}
