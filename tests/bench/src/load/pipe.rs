//! Calls over a child's standard input and output: one after the other, or several in flight.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};

use super::message::{self, Call};
use super::{CallError, Caller, Seen};

/// Both ends of a child's pipes.
#[derive(Debug)]
pub(crate) struct Pipe {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    call: Call,
    line: Vec<u8>,
    calls: u64,
}

impl Pipe {
    pub(crate) fn new(input: ChildStdin, output: ChildStdout) -> Self {
        Self {
            input,
            output: BufReader::new(output),
            call: Call::echo(),
            line: Vec::new(),
            calls: 0,
        }
    }

    /// Keeps so many calls in flight until the time is over, and then waits for the last of them.
    pub(crate) async fn run(&mut self, in_flight: usize, turn: Duration) -> Seen {
        let mut seen = Seen::default();
        if let Err(_lost) = self.pipeline(in_flight, turn, &mut seen).await {
            seen.errors += 1;
        }
        seen
    }

    async fn pipeline(
        &mut self,
        in_flight: usize,
        turn: Duration,
        seen: &mut Seen,
    ) -> io::Result<()> {
        let end = Instant::now() + turn;
        let mut begun = HashMap::with_capacity(in_flight);
        for _ in 0..in_flight {
            let at = Instant::now();
            begun.insert(self.send().await?, at);
        }
        while !begun.is_empty() {
            self.receive().await?;
            let now = Instant::now();
            // Answers come in any order.
            let Some(at) = message::id(&self.line).and_then(|id| begun.remove(&id)) else {
                seen.errors += 1;
                continue;
            };
            if self.call.is_right(&self.line) {
                seen.latencies.push(now - at);
            } else {
                seen.errors += 1;
            }
            if now < end {
                begun.insert(self.send().await?, now);
            }
        }
        Ok(())
    }

    /// A connection's ids must differ.
    async fn send(&mut self) -> io::Result<u64> {
        self.calls += 1;
        let call = self.call.message(self.calls) + "\n";
        self.input.write_all(call.as_bytes()).await?;
        self.input.flush().await?;
        Ok(self.calls)
    }

    async fn receive(&mut self) -> io::Result<()> {
        self.line.clear();
        if self.output.read_until(b'\n', &mut self.line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    async fn exchange(&mut self) -> io::Result<()> {
        self.send().await?;
        self.receive().await
    }
}

impl Caller for Pipe {
    async fn call(&mut self) -> Result<(), CallError> {
        let exchanged = self.exchange().await;
        exchanged.map_err(|error| CallError::Lost(error.into()))?;
        if self.call.is_right(&self.line) {
            Ok(())
        } else {
            Err(CallError::Wrong(message::excerpt(&self.line)))
        }
    }
}
