//! The host over standard input and output, as lines of JSON.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::{Deployment, PATIENCE, paths};

/// A host that serves one client. It is killed when this is dropped.
#[derive(Debug)]
pub struct Pipes {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    next: i64,
}

impl Pipes {
    /// Starts it. Nothing is said yet.
    #[must_use]
    pub fn start(deployment: &Deployment) -> Self {
        let mut child = Command::new(paths::binary())
            .args(["serve", "--stdio", "--config"])
            .arg(deployment.config())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary can be started");
        let input = child.stdin.take().expect("stdin is a pipe");
        let output = child.stdout.take().expect("stdout is a pipe");
        Self {
            child,
            input,
            output: BufReader::new(output).lines(),
            next: 1,
        }
    }

    /// Starts it and opens a session of the old era.
    pub async fn open(deployment: &Deployment, capabilities: Value) -> Self {
        let mut pipes = Self::start(deployment);
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": capabilities,
            "clientInfo": { "name": "e2e", "version": "0" },
        });
        let answer = pipes.request("initialize", params).await;
        assert!(answer["result"].is_object(), "{answer}");
        pipes.notify("notifications/initialized", json!({})).await;
        pipes
    }

    /// Sends one message.
    pub async fn send(&mut self, message: &Value) {
        let line = format!("{message}\n");
        let sent = self.input.write_all(line.as_bytes()).await;
        sent.expect("the host reads");
    }

    /// Sends a request and gives its id.
    pub async fn start_request(&mut self, method: &str, params: Value) -> i64 {
        let id = self.next;
        self.next += 1;
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(&message).await;
        id
    }

    /// Says something that has no answer.
    pub async fn notify(&mut self, method: &str, params: Value) {
        let message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        self.send(&message).await;
    }

    /// Replies to a request of the server.
    pub async fn reply(&mut self, id: &Value, result: Value) {
        let message = json!({ "jsonrpc": "2.0", "id": id, "result": result });
        self.send(&message).await;
    }

    /// The next message.
    pub async fn message(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE * 4, self.output.next_line()).await;
        let line = line.expect("a line comes").expect("stdout can be read");
        let line = line.expect("the host is there");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"))
    }

    /// Sends a request and gives its answer; what comes before it is lost.
    pub async fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.start_request(method, params).await;
        self.answer(id).await
    }

    /// The answer to a request; what comes before it is lost.
    pub async fn answer(&mut self, id: i64) -> Value {
        loop {
            let message = self.message().await;
            if message["id"] == id && message["method"].is_null() {
                return message;
            }
        }
    }

    /// Ends the input and waits until the host has ended.
    pub async fn end(mut self) {
        drop(self.input);
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = ended.expect("it ends in time").expect("it was running");
        assert!(status.success(), "{status}");
    }
}

/// A request of the new era, over a connection without headers.
#[must_use]
pub fn new_era(mut params: Value, capabilities: &Value) -> Value {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities.clone();
    params
}
