//! Calls over a child's standard input and output, one after the other.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};

use super::{CallError, Caller, message};

/// Both ends of a child's pipes.
#[derive(Debug)]
pub(crate) struct Pipe {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    line: Vec<u8>,
    calls: u64,
}

impl Pipe {
    pub(crate) fn new(input: ChildStdin, output: ChildStdout) -> Self {
        Self {
            input,
            output: BufReader::new(output),
            line: Vec::new(),
            calls: 0,
        }
    }

    async fn exchange(&mut self) -> io::Result<()> {
        // A connection's ids must differ.
        self.calls += 1;
        let call = message::call(self.calls) + "\n";
        self.input.write_all(call.as_bytes()).await?;
        self.input.flush().await?;
        self.line.clear();
        if self.output.read_until(b'\n', &mut self.line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

impl Caller for Pipe {
    async fn call(&mut self) -> Result<(), CallError> {
        let exchanged = self.exchange().await;
        exchanged.map_err(|error| CallError::Lost(error.into()))?;
        if message::is_right(&self.line) {
            Ok(())
        } else {
            Err(CallError::Wrong(message::excerpt(&self.line)))
        }
    }
}
