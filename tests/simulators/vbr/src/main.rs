//! The simulator as a program: for the demo, and for anything that is not written in Rust.
//!
//! When it is ready, it prints one line of JSON: `{"url": …, "fingerprint": …, "user": …, "jobs": …}`.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde_json::json;
use vbr_simulator::{Options, Revision, Simulator, StartError};

/// A server that behaves like the REST API of Veeam Backup & Replication.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How many jobs there are.
    #[arg(long, default_value_t = 50)]
    jobs: usize,
    /// The same seed gives the same jobs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The administrator's name.
    #[arg(long, default_value = "toolward")]
    user: String,
    /// The environment variable that holds the administrator's password.
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
    /// Writes the certificate to this file, as PEM.
    #[arg(long, value_name = "FILE")]
    ca_out: Option<PathBuf>,
    /// A revision to serve; may be repeated. All of them by default.
    #[arg(long = "revision", value_name = "REVISION")]
    revisions: Vec<Revision>,
    /// How long an access token serves.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    token_life: u64,
    /// How long a started job runs.
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    run_time: u64,
    /// Before every answer.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    latency: u64,
    /// Stops when its standard input ends, so that it never outlives the program that started it.
    #[arg(long)]
    stop_with_stdin: bool,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("environment variable `{0}` is not set")]
    NoPassword(String),
    #[error("cannot start")]
    Start(#[from] StartError),
    #[error("cannot write the certificate to `{path}`")]
    Certificate { path: PathBuf, source: io::Error },
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let mut text = format!("vbr-simulator: {failure}");
            let mut source = std::error::Error::source(&failure);
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            let _nowhere_else_to_say_it = writeln!(io::stderr(), "{text}");
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program of its own: this is where its environment comes in"
)]
async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut options = Options {
        listen: arguments.listen,
        jobs: arguments.jobs,
        seed: arguments.seed,
        user: arguments.user.clone(),
        token_life: Duration::from_secs(arguments.token_life),
        run_time: Duration::from_secs(arguments.run_time),
        latency: Duration::from_millis(arguments.latency),
        ..Options::default()
    };
    if let Some(name) = arguments.password_env {
        options.password = std::env::var(&name).map_err(|_| Failure::NoPassword(name))?;
    }
    if !arguments.revisions.is_empty() {
        options.revisions = arguments.revisions;
    }
    let simulator = Simulator::start(options).await?;
    if let Some(path) = arguments.ca_out {
        std::fs::write(&path, simulator.ca_pem())
            .map_err(|source| Failure::Certificate { path, source })?;
    }
    let ready = json!({
        "url": simulator.url(),
        "fingerprint": simulator.fingerprint(),
        "user": arguments.user,
        "jobs": arguments.jobs,
    });
    let mut stdout = io::stdout();
    writeln!(stdout, "{ready}")
        .and_then(|()| stdout.flush())
        .map_err(Failure::Output)?;

    until_told(arguments.stop_with_stdin).await;
    simulator.stop().await;
    Ok(())
}

async fn until_told(stop_with_stdin: bool) {
    let interrupted = tokio::signal::ctrl_c();
    if !stop_with_stdin {
        let _interrupted = interrupted.await;
        return;
    }
    let mut stdin = tokio::io::stdin();
    let mut rest = tokio::io::sink();
    tokio::select! {
        _interrupted = interrupted => {}
        _ended = tokio::io::copy(&mut stdin, &mut rest) => {}
    }
}
