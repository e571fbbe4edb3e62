//! A session of the 2025-11-25 protocol as bytes on the wire.

use serde_json::{Value, json};

use crate::mcp::{ProtocolError, message, outcome};

const VERSION: &str = "2025-11-25";

/// An open session.
#[derive(Debug)]
pub struct Session {
    http: reqwest::Client,
    url: String,
    id: String,
}

impl Session {
    /// Opens one with these capabilities.
    pub async fn open(url: &str, capabilities: Value) -> Self {
        let http = crate::mcp::http();
        let params = json!({
            "protocolVersion": VERSION,
            "capabilities": capabilities,
            "clientInfo": { "name": "e2e", "version": "0" },
        });
        let body = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let response = http
            .post(url)
            .header("accept", "application/json, text/event-stream")
            .json(&body)
            .send()
            .await
            .expect("the host answers");
        let id = response.headers().get("mcp-session-id");
        let id = id.expect("a session has an id").to_str();
        let id = id.expect("an id is visible ASCII").to_owned();
        response.text().await.expect("the answer is complete");
        let session = Self {
            http,
            url: url.to_owned(),
            id,
        };
        session
            .post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))
            .await;
        session
    }

    /// Sends one request; gives the result, and the notifications that came before it.
    pub async fn request(
        &self,
        method: &str,
        params: Value,
    ) -> (Result<Value, ProtocolError>, Vec<Value>) {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let text = self.post(&body).await;
        let notifications = text
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .filter_map(|data| serde_json::from_str::<Value>(data).ok())
            .filter(|event| event["method"].is_string())
            .collect();
        (outcome(&message(&text)), notifications)
    }

    /// Calls a tool.
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<Value, ProtocolError> {
        let params = json!({ "name": tool, "arguments": arguments });
        self.request("tools/call", params).await.0
    }

    /// Sends one request, replies to what the server asks meanwhile, and gives the result.
    pub async fn request_and_reply(
        &self,
        method: &str,
        params: Value,
        reply: impl Fn(&Value) -> Value,
    ) -> Result<Value, ProtocolError> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut response = self.send(&body).await;
        let (mut seen, mut done) = (Vec::new(), 0);
        while let Some(chunk) = response.chunk().await.expect("the answer goes on") {
            seen.extend_from_slice(&chunk);
            let end = seen.iter().rposition(|byte| *byte == b'\n').unwrap_or(done);
            let lines = String::from_utf8_lossy(&seen[done..end]).into_owned();
            done = end;
            for event in lines
                .lines()
                .filter_map(|line| line.strip_prefix("data:"))
                .filter_map(|data| serde_json::from_str::<Value>(data).ok())
                .filter(|event| event["method"].is_string() && !event["id"].is_null())
            {
                let answer =
                    json!({ "jsonrpc": "2.0", "id": event["id"], "result": reply(&event) });
                self.post(&answer).await;
            }
        }
        outcome(&message(&String::from_utf8_lossy(&seen)))
    }

    async fn post(&self, body: &Value) -> String {
        let response = self.send(body).await;
        response.text().await.expect("the answer is complete")
    }

    async fn send(&self, body: &Value) -> reqwest::Response {
        self.http
            .post(&self.url)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", VERSION)
            .header("mcp-session-id", &self.id)
            .json(body)
            .send()
            .await
            .expect("the host answers")
    }
}
