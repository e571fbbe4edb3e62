//! A program that serves until it is dropped.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::failure::Failure;

/// How long a start may take: a first start compiles the plugins.
const PATIENCE: Duration = Duration::from_mins(2);

/// How a program says that it is ready.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Says {
    /// With the first line of its standard output.
    FirstLine,
    /// With its MCP endpoint, somewhere in its log. The log goes on to our standard error.
    Endpoint,
}

/// A running program. Its process ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// What it said: the line, or the endpoint.
    pub(crate) line: String,
}

impl Server {
    pub(crate) fn start(command: &mut Command, says: Says) -> Result<Self, Failure> {
        let name = command.get_program().to_string_lossy().into_owned();
        // Held open as long as the child: a program that stops with its input never outlives us.
        command.stdin(Stdio::piped());
        match says {
            Says::FirstLine => command.stdout(Stdio::piped()),
            Says::Endpoint => command.stdout(Stdio::null()).stderr(Stdio::piped()),
        };
        let mut child = command
            .spawn()
            .map_err(|source| Failure::new(format!("cannot run `{name}`")).because(&source))?;
        let (said, hear) = mpsc::channel();
        match says {
            Says::FirstLine => {
                let stdout = child
                    .stdout
                    .take()
                    .ok_or_else(|| Failure::new("standard output is not a pipe"))?;
                thread::spawn(move || {
                    let _ = BufReader::new(stdout)
                        .lines()
                        .map_while(Result::ok)
                        .try_for_each(|line| said.send(line));
                });
            }
            Says::Endpoint => {
                let stderr = child
                    .stderr
                    .take()
                    .ok_or_else(|| Failure::new("standard error is not a pipe"))?;
                thread::spawn(move || {
                    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                        eprintln!("{line}");
                        if let Some(endpoint) = endpoint(&line) {
                            // Nobody listens after the first.
                            let _ = said.send(endpoint);
                        }
                    }
                });
            }
        }
        let mut server = Self {
            child,
            line: String::new(),
        };
        server.line = hear.recv_timeout(PATIENCE).map_err(|_| {
            Failure::new(format!("`{name}` did not start")).with_hint("its own lines above say why")
        })?;
        Ok(server)
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> Result<(), Failure> {
        let status = self
            .child
            .wait()
            .map_err(|source| Failure::new("cannot wait for the host").because(&source))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::new(format!("the host ended with {status}")))
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `http://…/mcp` in a line of log.
fn endpoint(line: &str) -> Option<String> {
    let start = line.find("http://")?;
    let end = start + line[start..].find("/mcp")? + "/mcp".len();
    Some(line[start..end].to_owned())
}
