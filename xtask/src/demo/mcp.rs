//! The smallest client of MCP 2026-07-28 over HTTP: one request, one connection, one answer.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::failure::Failure;

const VERSION: &str = "2026-07-28";

/// A client of one endpoint.
#[derive(Debug)]
pub(super) struct Client {
    /// `http://ADDRESS/mcp`
    pub(super) url: String,
}

impl Client {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
        }
    }

    /// The body and the headers of a request, as a client sends them.
    pub(super) fn message(method: &str, mut params: Value) -> (Vec<String>, String) {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let mut headers = vec![
            "Content-Type: application/json".to_owned(),
            "Accept: application/json, text/event-stream".to_owned(),
            format!("MCP-Protocol-Version: {VERSION}"),
            format!("Mcp-Method: {method}"),
        ];
        if let Some(name) = params["name"].as_str() {
            headers.push(format!("Mcp-Name: {name}"));
        }
        (
            headers,
            json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string(),
        )
    }

    /// Sends a request and gives its result.
    pub(super) fn request(&self, method: &str, params: Value) -> Result<Value, Failure> {
        let failed = |source: &dyn std::error::Error| {
            Failure::new(format!("cannot send {method} to {}", self.url)).because(source)
        };
        let (headers, body) = Self::message(method, params);
        let text = self
            .post(&headers, &body)
            .map_err(|source| failed(&source))?;
        let (_, answer) = text.split_once("\r\n\r\n").unwrap_or(("", &text));
        let answer: Value = serde_json::from_str(answer).map_err(|source| failed(&source))?;
        match answer.get("error") {
            Some(error) => {
                Err(Failure::new(format!("{method} was refused")).with_details(error.to_string()))
            }
            None => Ok(answer["result"].clone()),
        }
    }

    fn post(&self, headers: &[String], body: &str) -> std::io::Result<String> {
        let address = self
            .url
            .trim_start_matches("http://")
            .trim_end_matches("/mcp");
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(90)))?;
        let headers = headers.join("\r\n");
        // HTTP/1.0: the answer is not chunked and ends with the connection.
        write!(
            stream,
            "POST /mcp HTTP/1.0\r\nHost: {address}\r\n{headers}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }
}
