//! Compiling, out of harm's way: a component is compiled by a process of its own, which has limits.
//!
//! Compiling cannot be interrupted, and a component can be made so that it takes hours and all memory. So the host
//! starts itself once more ([`child`](super::compile_child) is the other side): with bounds on address space and CPU
//! time, at low priority, without environment, in no folder of interest; the component goes in by a pipe and the code
//! comes out by another. What comes out is trusted as far as the compiler is: it ran on nothing but the component.
//!
//! A library that is not the `toolward` program has no such program to start, and compiles where it is.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::compile_child::produce;
use crate::config;

/// The hidden command that compiles.
pub const COMMAND: &str = "compile-component";

/// What is kept of what the compiler says.
const LOG: u64 = 16 * 1024;

/// Compiled code is larger than the component, but not without measure.
const MOST_CODE: u64 = 1 << 30;

/// Components compiled at once, at least and at most: one that takes its whole time must not hold up all others.
const AT_ONCE: (usize, usize) = (2, 8);

/// Why a component was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The compiler does not take it.
    #[error("{0}")]
    Component(String),
    /// `runtime.compile-memory`.
    #[error(
        "compiling it needed more than the limit of {limit} bytes\nhint: raise runtime.compile-memory if you trust it"
    )]
    Memory {
        /// The limit, bytes.
        limit: u64,
    },
    /// `runtime.compile-time`.
    #[error(
        "compiling it took longer than the limit of {limit:?}\nhint: raise runtime.compile-time if you trust it"
    )]
    Time {
        /// The limit.
        limit: Duration,
    },
    /// It took the compiler with it.
    #[error("compiling it ended with {status}: {said}")]
    Crashed {
        /// How the compiler ended.
        status: ExitStatus,
        /// Its last words.
        said: String,
    },
    /// No process.
    #[error("cannot start the compiler `{program}`")]
    Start {
        /// The program.
        program: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The pipes.
    #[error("cannot talk to the compiler")]
    Pipe(#[source] std::io::Error),
}

/// Compiles components, a few at once.
#[derive(Debug)]
pub struct Compiler {
    settings: config::Compile,
    io: Handle,
    places: Semaphore,
}

impl Compiler {
    /// `io` is the runtime that waits for the processes.
    #[must_use]
    pub fn new(settings: config::Compile, io: Handle) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            settings,
            io,
            places: Semaphore::new(cores.clamp(AT_ONCE.0, AT_ONCE.1)),
        }
    }

    /// Compiles a component. Blocks, so call it on a thread that may.
    pub fn compile(&self, component: &[u8]) -> Result<Vec<u8>, CompileError> {
        let Some(program) = &self.settings.program else {
            return produce(component)
                .map_err(|error| CompileError::Component(format!("{error:#}")));
        };
        self.io.block_on(async {
            // Never closed; without a place there would only be more at once.
            let _place = self.places.acquire().await;
            self.run(program, component).await
        })
    }

    async fn run(&self, program: &PathBuf, component: &[u8]) -> Result<Vec<u8>, CompileError> {
        let limit = self.settings.time;
        let seconds = limit.as_millis().div_ceil(1000);
        let mut child = Command::new(program)
            .arg(COMMAND)
            .args(["--memory", &self.settings.memory.to_string()])
            .args(["--seconds", &seconds.to_string()])
            .env_clear()
            // Each of the allocator's arenas reserves address space, which is what is bounded.
            .env("MALLOC_ARENA_MAX", "2")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| CompileError::Start {
                program: program.clone(),
                source,
            })?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(CompileError::Pipe(std::io::ErrorKind::BrokenPipe.into()));
        };
        let feed = async {
            // A compiler that dies early says why on its standard error.
            let _ = stdin.write_all(component).await;
            drop(stdin);
        };
        let talk = async {
            tokio::join!(
                feed,
                read(stdout, MOST_CODE),
                read(stderr, LOG),
                child.wait()
            )
        };
        let Ok(((), code, said, status)) = tokio::time::timeout(limit, talk).await else {
            // Dropping the child kills it; waiting makes sure that it is gone before the next one starts.
            let _ = child.kill().await;
            return Err(CompileError::Time { limit });
        };
        let (code, said, status) = (
            code.map_err(CompileError::Pipe)?,
            said.map_err(CompileError::Pipe)?,
            status.map_err(CompileError::Pipe)?,
        );
        let said = String::from_utf8_lossy(&said);
        let said = said.trim().trim_start_matches("error: ").to_owned();
        if !said.is_empty() {
            tracing::debug!(said, "the compiler says");
        }
        if status.success() {
            return Ok(code);
        }
        Err(self.explain(status, said))
    }

    /// Which limit an end stands for.
    fn explain(&self, status: ExitStatus, said: String) -> CompileError {
        use rustix::process::Signal;

        let signal = status.signal().and_then(Signal::from_named_raw);
        // The words of the allocator, of the system (EAGAIN for a thread, ENOMEM), and of wasmtime.
        let out_of_memory = [
            "memory allocation of",
            "os error 11",
            "os error 12",
            "Cannot allocate memory",
        ]
        .iter()
        .any(|words| said.contains(words));
        if matches!(signal, Some(Signal::XCPU | Signal::KILL)) {
            CompileError::Time {
                limit: self.settings.time,
            }
        } else if out_of_memory {
            CompileError::Memory {
                limit: self.settings.memory,
            }
        } else if status.code() == Some(i32::from(REFUSED)) {
            CompileError::Component(said)
        } else {
            let said = said
                .lines()
                .last()
                .unwrap_or("(it said nothing)")
                .to_owned();
            CompileError::Crashed { status, said }
        }
    }
}

/// How the compiler ends when the component is at fault.
pub(super) const REFUSED: u8 = 1;

async fn read(from: impl AsyncRead + Unpin, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut from = from.take(most);
    from.read_to_end(&mut bytes).await?;
    // What goes on is read and thrown away, or its writer would wait for ever.
    tokio::io::copy(from.get_mut(), &mut tokio::io::sink()).await?;
    Ok(bytes)
}
