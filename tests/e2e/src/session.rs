//! A session of the old era over HTTP, as bytes on the wire.

use std::sync::atomic::{AtomicI64, Ordering};

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::listen::Listener;
use crate::mcp::{ProtocolError, http, outcome};
use crate::sse::Events;

/// How to open one.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The revision that is asked for.
    pub version: &'static str,
    /// What the client can do.
    pub capabilities: Value,
    /// Who opens it.
    pub token: Option<String>,
}

impl Default for Opening {
    fn default() -> Self {
        Self {
            version: "2025-11-25",
            capabilities: json!({}),
            token: None,
        }
    }
}

/// An open session. It is not ended when this is dropped.
#[derive(Debug)]
pub struct Session {
    http: reqwest::Client,
    url: String,
    opening: Opening,
    /// Its id.
    pub id: String,
    next: AtomicI64,
}

impl Session {
    /// Opens one at `http://127.0.0.1:PORT/mcp`.
    pub async fn open(url: &str) -> Self {
        Self::open_as(url, Opening::default()).await
    }

    /// The same, by a client that can do this.
    pub async fn open_with(url: &str, capabilities: Value) -> Self {
        let opening = Opening {
            capabilities,
            ..Opening::default()
        };
        Self::open_as(url, opening).await
    }

    /// The same, in this way.
    pub async fn open_as(url: &str, opening: Opening) -> Self {
        let opened = Self::try_open(&http(), url, opening).await;
        opened.unwrap_or_else(|response| panic!("no session: {response:?}"))
    }

    /// The same, if it is opened.
    pub async fn try_open(
        http: &reqwest::Client,
        url: &str,
        opening: Opening,
    ) -> Result<Self, Response> {
        let mut session = Self {
            http: http.clone(),
            url: url.to_owned(),
            opening,
            id: String::new(),
            next: AtomicI64::new(1),
        };
        let params = json!({
            "protocolVersion": session.opening.version,
            "capabilities": session.opening.capabilities,
            "clientInfo": { "name": "e2e", "version": "0" },
        });
        let body = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let response = session.send(&body).await;
        if response.status() != 200 {
            return Err(response);
        }
        let id = response.headers().get("mcp-session-id");
        let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
        id.clone_into(&mut session.id);
        let answer: Value = response.json().await.expect("the answer is JSON");
        assert_eq!(
            answer["result"]["protocolVersion"], session.opening.version,
            "{answer}"
        );
        session.notify("notifications/initialized", json!({})).await;
        Ok(session)
    }

    /// A request with the session's headers.
    pub fn request_of(&self, method: Method) -> RequestBuilder {
        let mut request = self
            .http
            .request(method, &self.url)
            .header("accept", "application/json, text/event-stream");
        if !self.id.is_empty() {
            request = request
                .header("mcp-session-id", &self.id)
                .header("mcp-protocol-version", self.opening.version);
        }
        match &self.opening.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends one message.
    pub async fn send(&self, message: &Value) -> Response {
        let request = self.request_of(Method::POST).json(message);
        request.send().await.expect("the host answers")
    }

    /// The names of all tools.
    pub async fn tools(&self) -> Vec<String> {
        let result = outcome(&self.request("tools/list", json!({})).await);
        let result = result.expect("tools can be listed");
        let tools = result["tools"].as_array().cloned().unwrap_or_default();
        let names = tools.iter().filter_map(|tool| tool["name"].as_str());
        names.map(str::to_owned).collect()
    }

    /// Sends a request under an id of its own; gives the id and what comes back.
    pub async fn start(&self, method: &str, params: Value) -> (i64, Events) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        (id, Events::of(self.send(&message).await))
    }

    /// Calls a tool; gives the request's id and what comes back.
    pub async fn start_call(&self, tool: &str, arguments: Value) -> (i64, Events) {
        let params = json!({
            "name": tool, "arguments": arguments, "_meta": { "progressToken": "p" },
        });
        self.start("tools/call", params).await
    }

    /// Sends a request and gives its answer, `result` or `error`.
    pub async fn request(&self, method: &str, params: Value) -> Value {
        let (id, mut events) = self.start(method, params).await;
        loop {
            let message = events.message().await;
            let message = message.unwrap_or_else(|| panic!("{method} was not answered"));
            if message["id"] == id && message["method"].is_null() {
                return message;
            }
        }
    }

    /// Sends a request, replies to what the server asks meanwhile, and gives the answer.
    pub async fn request_and_reply(
        &self,
        method: &str,
        params: Value,
        reply: impl Fn(&Value) -> Value,
    ) -> Result<Value, ProtocolError> {
        let (_, mut events) = self.start(method, params).await;
        loop {
            let message = events.message().await;
            let message = message.unwrap_or_else(|| panic!("{method} was not answered"));
            match (message["method"].is_string(), message["id"].is_null()) {
                (true, false) => self.reply(&message["id"], reply(&message)).await,
                (true, true) => {}
                (false, _) => return outcome(&message),
            }
        }
    }

    /// Calls a tool and gives its result.
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<Value, ProtocolError> {
        let params = json!({ "name": tool, "arguments": arguments });
        outcome(&self.request("tools/call", params).await)
    }

    /// Says something that has no answer.
    pub async fn notify(&self, method: &str, params: Value) {
        let message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        let response = self.send(&message).await;
        assert_eq!(response.status(), 202, "{message}: {response:?}");
    }

    /// Replies to a request of the server.
    pub async fn reply(&self, id: &Value, result: Value) {
        let message = json!({ "jsonrpc": "2.0", "id": id, "result": result });
        assert_eq!(self.send(&message).await.status(), 202);
    }

    /// Opens a stream for what no request asked for, or goes on with a lost one.
    pub async fn get(&self, last_event_id: Option<&str>) -> Response {
        let mut request = self.request_of(Method::GET);
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        request.send().await.expect("the host answers")
    }

    /// The same, when it is opened.
    pub async fn listen(&self) -> Events {
        Events::of(self.get(None).await)
    }

    /// Listens in the background from now on, for as long as what is given is kept.
    pub async fn listener(&self) -> Listener {
        Listener::new(self.get(None).await)
    }

    /// Goes on after this event.
    pub async fn resume(&self, last_event_id: &str) -> Events {
        Events::of(self.get(Some(last_event_id)).await)
    }

    /// Ends it; gives the status.
    pub async fn end(&self) -> u16 {
        let request = self.request_of(Method::DELETE);
        let response = request.send().await.expect("the host answers");
        response.status().as_u16()
    }

    /// Whether it is there.
    pub async fn is_open(&self) -> bool {
        let ping = json!({ "jsonrpc": "2.0", "id": "ping", "method": "ping" });
        self.send(&ping).await.status() == 200
    }
}
