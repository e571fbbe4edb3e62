//! Somebody who listens to a stream of notifications.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long something that has to come may take to come.
const PATIENCE: Duration = Duration::from_mins(1);

/// Reads a stream until this is dropped.
#[derive(Debug)]
pub struct Listener {
    heard: mpsc::UnboundedReceiver<String>,
    reader: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Listener {
    /// Reads the events of an answer.
    pub(crate) fn new(mut response: reqwest::Response) -> Self {
        assert!(
            response.status().is_success(),
            "nothing to listen to: {}",
            response.status()
        );
        let (tell, heard) = mpsc::unbounded_channel();
        let reader = tokio::spawn(async move {
            let mut text = Vec::new();
            while let Ok(Some(chunk)) = response.chunk().await {
                text.extend_from_slice(&chunk);
                while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = text.drain(..=end).collect();
                    let line = String::from_utf8_lossy(&line);
                    let event = line.strip_prefix("data:").map(str::trim);
                    let event = event.and_then(|data| serde_json::from_str::<Value>(data).ok());
                    let method =
                        event.and_then(|event| event["method"].as_str().map(str::to_owned));
                    if let Some(method) = method {
                        // Nobody listens any more.
                        let _ = tell.send(method);
                    }
                }
            }
        });
        Self { heard, reader }
    }

    /// The method of the next notification.
    pub async fn next(&mut self) -> String {
        let next = tokio::time::timeout(PATIENCE, self.heard.recv()).await;
        next.expect("something is told in time")
            .expect("the stream goes on")
    }

    /// Waits for a notification, passing over others.
    pub async fn wait_for(&mut self, method: &str) {
        while self.next().await != method {}
    }

    /// The methods of all notifications that have come and were not looked at.
    pub fn so_far(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        while let Ok(method) = self.heard.try_recv() {
            all.push(method);
        }
        all
    }
}
