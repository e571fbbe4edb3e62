//! Server-sent events, read as they come.

use reqwest::Response;
use serde_json::Value;

use crate::PATIENCE;

/// The events of one answer.
#[derive(Debug)]
pub struct Events {
    response: Response,
    buffer: Vec<u8>,
    /// Comments so far.
    pub comments: usize,
}

/// One event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// What `Last-Event-ID` takes.
    pub id: Option<String>,
    /// When to come back, milliseconds.
    pub retry: Option<u64>,
    /// Its message; none in an event that only has an id.
    pub message: Option<Value>,
}

impl Events {
    /// Panics if the answer is no stream of events.
    #[must_use]
    pub fn of(response: Response) -> Self {
        let kind = response.headers().get("content-type");
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        assert!(
            response.status() == 200 && kind == "text/event-stream",
            "{response:?}"
        );
        Self {
            response,
            buffer: Vec::new(),
            comments: 0,
        }
    }

    /// The next event. None: the stream has ended, or broke off.
    pub async fn next(&mut self) -> Option<Event> {
        let next = tokio::time::timeout(PATIENCE, self.wait()).await;
        next.unwrap_or_else(|_| panic!("no event came, and no end"))
    }

    async fn wait(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = find(&self.buffer, b"\n\n") {
                let frame: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let frame = String::from_utf8(frame).expect("events are UTF-8");
                match event(&frame) {
                    Some(event) => return Some(event),
                    None => self.comments += 1,
                }
            }
            let chunk = self.response.chunk().await.ok()??;
            self.buffer.extend_from_slice(&chunk);
        }
    }

    /// The next message.
    pub async fn message(&mut self) -> Option<Value> {
        loop {
            if let Some(message) = self.next().await?.message {
                return Some(message);
            }
        }
    }

    /// All messages up to the end.
    pub async fn rest(mut self) -> Vec<Value> {
        let mut messages = Vec::new();
        while let Some(message) = self.message().await {
            messages.push(message);
        }
        messages
    }

    /// What has come already, without waiting for more than a moment.
    pub async fn come(&mut self, moment: std::time::Duration) -> Vec<Event> {
        let mut events = Vec::new();
        while let Ok(Some(event)) = tokio::time::timeout(moment, self.wait()).await {
            events.push(event);
        }
        events
    }
}

/// None: only comments.
fn event(frame: &str) -> Option<Event> {
    let mut event = Event::default();
    let mut has_fields = false;
    for line in frame.lines().filter(|line| !line.is_empty()) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        has_fields |= !field.is_empty();
        match field {
            "id" => event.id = Some(value.to_owned()),
            "retry" => event.retry = value.parse().ok(),
            "data" if !value.is_empty() => {
                let message = serde_json::from_str(value);
                event.message =
                    Some(message.unwrap_or_else(|error| panic!("not JSON ({error}): {frame}")));
            }
            _ => {}
        }
    }
    has_fields.then_some(event)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn frames_are_events_or_comments() {
        let id = || Some("a-1".to_owned());
        let rows = [
            (":\n\n", None),
            (": ping\n\n", None),
            (
                "id: a-1\nretry: 3000\ndata:\n\n",
                Some(Event {
                    id: id(),
                    retry: Some(3000),
                    message: None,
                }),
            ),
            (
                "id: a-1\ndata: {\"a\":\"b: c\"}\n\n",
                Some(Event {
                    id: id(),
                    retry: None,
                    message: Some(json!({ "a": "b: c" })),
                }),
            ),
        ];
        for (frame, expected) in rows {
            assert_eq!(event(frame), expected, "{frame:?}");
        }
    }
}
