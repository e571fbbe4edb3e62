//! A started process, and the way to talk to it.

use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio_util::task::AbortOnDropHandle;

use crate::load::{CallError, Caller as _, Connection, Pipe, Request};
use crate::subject::Transport;

/// How long a start may take: with a thousand plugins that were never compiled, minutes.
const PATIENCE: Duration = Duration::from_mins(10);

/// Why a program cannot be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The system refused.
    #[error("cannot start {name}")]
    Spawn {
        name: String,
        #[source]
        source: io::Error,
    },
    /// It ended, or waits for something.
    #[error("{name} does not say where it listens; it says:\n{said}")]
    Silent { name: String, said: String },
    /// It started, and is not what it is to be: its figures would be those of something else.
    #[error("{name} is not as it should be: {problem}")]
    Unready { name: String, problem: String },
    /// It started, and does not do what it is measured by.
    #[error("{name} does not answer the first call")]
    Call {
        name: String,
        #[source]
        source: CallError,
    },
}

/// Where its calls go.
#[derive(Debug)]
pub(crate) enum Door {
    Http(SocketAddr),
    Stdio(Box<Pipe>),
}

/// A process that has answered its first call. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) id: u32,
    pub(crate) door: Door,
    child: Child,
    _stderr: AbortOnDropHandle<()>,
    /// Where its configuration is.
    folder: Option<TempDir>,
}

impl Server {
    /// Starts it and calls it once.
    pub(crate) async fn start(
        name: &str,
        command: Command,
        transport: Transport,
    ) -> Result<Self, StartError> {
        Self::start_for(name, command, transport, None).await
    }

    /// The same with a token, for a server that asks who calls.
    pub(crate) async fn start_for(
        name: &str,
        command: Command,
        transport: Transport,
        token: Option<&str>,
    ) -> Result<Self, StartError> {
        Self::start_with(name, command, transport, &Request::echo(token)).await
    }

    /// The same with another first call.
    pub(crate) async fn start_with(
        name: &str,
        command: Command,
        transport: Transport,
        first: &Request,
    ) -> Result<Self, StartError> {
        let mut server = Self::spawn(name, command, transport).await?;
        let called = match &mut server.door {
            Door::Stdio(pipe) => pipe.call().await,
            Door::Http(address) => call_once(*address, first).await,
        };
        called.map_err(|source| StartError::Call {
            name: name.to_owned(),
            source,
        })?;
        Ok(server)
    }

    /// Starts it, until it says where it listens.
    pub(crate) async fn spawn(
        name: &str,
        mut command: Command,
        transport: Transport,
    ) -> Result<Self, StartError> {
        let refused = |source| StartError::Spawn {
            name: name.to_owned(),
            source,
        };
        let (input, output) = match transport {
            Transport::Http => (Stdio::null(), Stdio::null()),
            Transport::Stdio => (Stdio::piped(), Stdio::piped()),
        };
        let mut child = command
            .stdin(input)
            .stdout(output)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(refused)?;
        let gone = || refused(io::ErrorKind::BrokenPipe.into());
        let id = child.id().ok_or_else(gone)?;
        let mut stderr = BufReader::new(child.stderr.take().ok_or_else(gone)?);
        let door = match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Door::Stdio(Box::new(Pipe::new(input, output))),
            _ => Door::Http(endpoint(name, &mut stderr).await?),
        };
        Ok(Self {
            id,
            door,
            child,
            _stderr: AbortOnDropHandle::new(tokio::spawn(drain(stderr))),
            folder: None,
        })
    }

    /// With a folder that goes away when the server has ended.
    pub(crate) fn with(mut self, folder: TempDir) -> Self {
        self.folder = Some(folder);
        self
    }

    /// Makes sure that a host offers so many tools and has so many sessions, and no plugin that it cannot offer. A
    /// plugin that is left out costs nothing, and would be measured as one that costs nothing.
    pub(crate) async fn ready(&self, tools: usize, sessions: usize) -> Result<(), StartError> {
        let unready = |problem: String| StartError::Unready {
            name: format!("the host of process {}", self.id),
            problem,
        };
        let seen = state(self.address()?).await;
        let seen = seen.map_err(|error| unready(error.to_string()))?;
        let expected = json!({ "status": "ready", "tools": tools, "sessions": sessions });
        let differs = |key: &&str| seen[*key] != expected[*key];
        if ["status", "tools", "sessions"].iter().any(differs) {
            return Err(unready(format!("{seen} instead of {expected}")));
        }
        Ok(())
    }

    /// Where it listens, if it does.
    pub(crate) fn address(&self) -> Result<SocketAddr, StartError> {
        match self.door {
            Door::Http(address) => Ok(address),
            Door::Stdio(_) => Err(StartError::Silent {
                name: "a program that does not listen".to_owned(),
                said: String::new(),
            }),
        }
    }

    /// Ends it and waits until it is gone.
    pub(crate) async fn stop(mut self) -> io::Result<()> {
        self.child.kill().await
    }
}

async fn call_once(address: SocketAddr, first: &Request) -> Result<(), CallError> {
    let mut connection = Connection::open(address, first).await?;
    connection.call().await
}

/// What the host says of itself to everybody.
async fn state(address: SocketAddr) -> Result<Value, Box<dyn std::error::Error>> {
    let body = Connection::open(address, &Request::state())
        .await?
        .knock()
        .await?
        .1;
    Ok(serde_json::from_slice(&body)?)
}

/// Reads lines up to the one with the address.
async fn endpoint(
    name: &str,
    stderr: &mut BufReader<ChildStderr>,
) -> Result<SocketAddr, StartError> {
    let mut said = String::new();
    let listening = async {
        let mut line = String::new();
        while stderr.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            if let Some(address) = address(&line) {
                return Some(address);
            }
            said.push_str(&line);
            line.clear();
        }
        None
    };
    let found = tokio::time::timeout(PATIENCE, listening).await;
    found.ok().flatten().ok_or_else(|| StartError::Silent {
        name: name.to_owned(),
        said,
    })
}

/// The address in `http://127.0.0.1:PORT/mcp`, somewhere in a line for people.
fn address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("://")?;
    let (address, _) = rest.split_once('/')?;
    address.parse().ok()
}

/// Throws away what it logs, in large pieces: a full pipe would stop it, and reading lines would cost the generator.
async fn drain(mut stderr: BufReader<ChildStderr>) {
    let mut piece = vec![0; 64 * 1024];
    while stderr.read(&mut piece).await.is_ok_and(|read| read > 0) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_a_line_for_people() {
        let expected = Some(SocketAddr::from(([127, 0, 0, 1], 8825)));
        assert_eq!(
            address("INFO cli: serving MCP on http://127.0.0.1:8825/mcp\n"),
            expected
        );
        assert_eq!(address("INFO the catalog is ready\n"), None);
        assert_eq!(address("see http://example.com/mcp\n"), None);
    }

    #[tokio::test]
    async fn a_program_that_fails_is_quoted() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such luck >&2; exit 3"]);
        let failed = Server::start("it", command, Transport::Http).await;
        let text = failed.expect_err("it ends at once").to_string();
        assert!(text.contains("no such luck"), "{text}");
    }
}
