//! The real binary, serving over HTTP.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::deployment::Deployment;
use crate::paths;

/// How long a start may take: a component in Python is compiled for many seconds.
const PATIENCE: Duration = Duration::from_mins(3);

/// A running host. It is killed when this is dropped.
#[derive(Debug)]
pub struct Host {
    child: Child,
    url: String,
    log: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Host {
    /// Starts it and returns when it accepts connections. The deployment has to outlive it where it refers to
    /// files: secrets are read again for each login.
    pub async fn start(deployment: &Deployment) -> Self {
        Self::start_with(deployment, &[]).await
    }

    /// The same with some variables of the environment set.
    pub async fn start_with(deployment: &Deployment, env: &[(&str, &str)]) -> Self {
        let mut child = Command::new(paths::binary())
            .args(["serve", "--config"])
            .arg(deployment.config())
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary can be started");
        let stderr = child.stderr.take().expect("stderr is a pipe");
        let log = Arc::new(Mutex::new(String::new()));
        let (found, endpoint) = oneshot::channel();
        let reader = tokio::spawn(read(stderr, Arc::clone(&log), found));
        let Ok(Ok(url)) = tokio::time::timeout(PATIENCE, endpoint).await else {
            panic!("the host did not say where it listens:\n{}", text(&log));
        };
        Self {
            child,
            url,
            log,
            reader,
        }
    }

    /// `http://127.0.0.1:PORT/mcp`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it has written to stderr so far.
    #[must_use]
    pub fn log(&self) -> String {
        text(&self.log)
    }

    /// The process, for those who look at it from outside.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.child.id().expect("the host is running")
    }

    /// Asks it to stop, waits until it has, and gives all that it wrote to stderr.
    pub async fn terminate(mut self) -> String {
        let id = self.process_id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(asked.expect("there is a `kill`").success());
        let ended = tokio::time::timeout(crate::PATIENCE, self.child.wait()).await;
        let status = ended.expect("it stops in time").expect("it was running");
        self.reader.await.expect("reading does not panic");
        let log = text(&self.log);
        assert!(status.success(), "{status}\n{log}");
        log
    }

    /// Stops it and gives all that it wrote to stderr.
    pub async fn stop(mut self) -> String {
        self.child.kill().await.expect("the host was running");
        self.reader.await.expect("reading does not panic");
        text(&self.log)
    }
}

/// Gathers lines; sends the first endpoint that one of them names.
async fn read(
    stderr: impl AsyncRead + Unpin,
    log: Arc<Mutex<String>>,
    found: oneshot::Sender<String>,
) {
    let mut found = Some(found);
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(url) = endpoint(&line)
            && let Some(found) = found.take()
        {
            // Nobody listens any more: the start took too long.
            let _ = found.send(url);
        }
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_str(&line);
        log.push('\n');
    }
}

fn text(log: &Mutex<String>) -> String {
    log.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// `http://127.0.0.1:PORT/mcp` in a line for people.
fn endpoint(line: &str) -> Option<String> {
    const BEFORE: &str = "http://127.0.0.1:";
    const AFTER: &str = "/mcp";
    // Every address is this machine's, too.
    let line = line.replace("http://0.0.0.0:", BEFORE);
    let start = line.find(BEFORE)?;
    let rest = &line[start + BEFORE.len()..];
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    let port = &rest[..digits];
    rest[digits..]
        .starts_with(AFTER)
        .then(|| format!("{BEFORE}{port}{AFTER}"))
}

#[cfg(test)]
mod tests {
    use super::endpoint;

    #[test]
    fn the_endpoint_is_found_in_a_line_for_people() {
        let url = Some("http://127.0.0.1:8825/mcp".to_owned());
        assert_eq!(
            endpoint("INFO listening url=http://127.0.0.1:8825/mcp plugins=2"),
            url
        );
        assert_eq!(endpoint("listening on \"http://127.0.0.1:8825/mcp\""), url);
        assert_eq!(endpoint("serving MCP on http://0.0.0.0:8825/mcp"), url);
        assert_eq!(
            endpoint("binding vbr01 is at http://127.0.0.1:9419/api"),
            None
        );
        assert_eq!(endpoint("nothing"), None);
    }
}
