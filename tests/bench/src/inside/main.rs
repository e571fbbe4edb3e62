//! The host's library without its transports, in a process of its own; `bench` starts it. A binary of its own, too: the
//! servers that the host is compared with are `bench` itself, and must not carry what they do not use.
//!
//! | module | what it is for |
//! |---|---|
//! | `child` | measures the sandbox, a backend request and the cache of tokens |
//! | `host` | the whole host in this binary, for tools that count what a process does |

mod child;
mod host;

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser};

#[derive(Debug, Parser)]
#[command(name = "bench-inside", about = "A part of the benchmark")]
enum Cli {
    /// Measure, and print what was seen as JSON
    Measure(Measure),
    /// Be the host
    Serve(Files),
}

/// Whose configuration it is, and who compiles for it.
#[derive(Args, Debug)]
struct Files {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The program that compiles components [default: this one]
    #[arg(long, value_name = "FILE")]
    compiler: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Measure {
    #[command(flatten)]
    files: Files,
    /// The backend that plugins ask
    #[arg(long, value_name = "ADDRESS")]
    backend: SocketAddr,
    /// Its certificate
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// The token that opens it
    #[arg(long, value_name = "TOKEN")]
    token: String,
    /// The path that plugins ask for
    #[arg(long, value_name = "PATH")]
    path: String,
    /// What it answers
    #[arg(long, value_name = "TEXT")]
    text: String,
    /// How many calls
    #[arg(long, value_name = "N")]
    calls: u32,
}

fn main() -> ExitCode {
    let done = match Cli::parse() {
        Cli::Measure(options) => measure(&options),
        Cli::Serve(files) => host::serve(&files),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// As many threads as the host has for I/O (`cli::runtime`).
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads((cores / 2).max(1))
        .enable_all()
        .thread_name("io")
        .build()
}

fn measure(options: &Measure) -> Result<(), Box<dyn Error>> {
    let runtime = runtime()?;
    let taken = runtime.block_on(child::measure(options));
    // What waits in a blocking call cannot be joined.
    runtime.shutdown_background();
    let text = serde_json::to_string(&taken?)?;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

/// The configuration of a host that is a part of this process. What it has to compile it compiles itself, unless another
/// program does; the host starts `/proc/self/exe` for that, which is not this one.
fn configuration(
    Files { config, compiler }: &Files,
) -> Result<toolward::config::Config, Box<dyn Error>> {
    let location = toolward::config::Location {
        path: absolute(config)?,
        env: |_| None,
        overrides: toolward::config::Overrides::default(),
        compile_with: compiler.as_deref().map(absolute).transpose()?,
    };
    let loaded = location.load();
    loaded.map_err(|diagnostics| diagnostics.to_string().into())
}

fn absolute(path: &Path) -> std::io::Result<PathBuf> {
    std::path::absolute(path)
}
