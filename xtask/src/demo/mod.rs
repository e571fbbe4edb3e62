//! `cargo xtask demo`: from a checkout to a tool call that was really made.
//!
//! Without `--config`, the backend is the simulator from `tests/simulators/vbr`, over real TLS with a real login. With it,
//! the configuration's own servers are asked.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::plugins::{self, Which};
use crate::process;
use crate::project::{Project, make_folder, write_file};
use crate::setup;

mod connect;
mod mcp;
pub(crate) mod server;

use server::Server;

/// What the user asked for.
#[derive(Debug)]
pub(crate) struct Options {
    /// Use this configuration instead of the simulator.
    pub(crate) config: Option<PathBuf>,
    /// End after the call instead of serving until Ctrl-C.
    pub(crate) once: bool,
}

/// The address that the documentation names; another is taken when it is in use.
const ADDRESS: &str = "127.0.0.1:8825";

/// Sets up, builds, starts, calls, and serves until it is interrupted.
pub(crate) fn run(project: &Project, options: Options) -> Result<(), Failure> {
    setup::ensure(project)?;
    plugins::build(project, Which::Shipped)?;
    let (_simulator, config) = match options.config {
        Some(config) => (None, absolute(&config)?),
        None => simulated(project).map(|(simulator, config)| (Some(simulator), config))?,
    };
    let host = program(project, "toolward");
    let mut serving = serve(&host, &config)?;
    let client = mcp::Client::new(&serving.line);
    show_a_call(&client)?;
    print(&connect::instructions(&host, &config, &client))?;
    if options.once {
        return Ok(());
    }
    eprintln!("demo: serving; stop with Ctrl-C");
    serving.wait()
}

fn absolute(config: &Path) -> Result<PathBuf, Failure> {
    fs::canonicalize(config).map_err(|source| {
        Failure::file("read", config, &source)
            .with_hint("name an existing toolward.toml with --config")
    })
}

fn program(project: &Project, name: &str) -> PathBuf {
    project
        .target
        .join("debug")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Starts the simulator and writes a configuration that is bound to it.
fn simulated(project: &Project) -> Result<(Server, PathBuf), Failure> {
    eprintln!("demo: building the simulator");
    process::show(project.cargo().args([
        "build",
        "--locked",
        "--quiet",
        "--package",
        "vbr-simulator",
    ]))?;
    let folder = project.target.join("demo");
    make_folder(&folder)?;
    let certificate = folder.join("vbr01.pem");
    let password = connect::password()?;
    write_secret(&folder.join("vbr-password"), &password)?;
    let mut command = std::process::Command::new(program(project, "vbr-simulator"));
    command
        .args([
            "--jobs",
            "50",
            "--stop-with-stdin",
            "--password-env",
            "VBR_PASSWORD",
            "--ca-out",
        ])
        .arg(&certificate)
        .env("VBR_PASSWORD", &password);
    let simulator = Server::start(&mut command, server::Says::FirstLine)?;
    let ready: Value = serde_json::from_str(&simulator.line)
        .map_err(|source| Failure::new("cannot read what the simulator says").because(&source))?;
    let url = ready["url"].as_str().unwrap_or_default();
    eprintln!("demo: a simulated backup server answers at {url}");
    let config = folder.join("toolward.toml");
    let plugins = project.target.join("plugins");
    let publisher = plugins::development_publisher(project)?;
    write_file(&config, &connect::configuration(url, &plugins, &publisher))?;
    Ok((simulator, config))
}

fn write_secret(path: &Path, secret: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .and_then(|mut file| file.write_all(secret.as_bytes()))
        .map_err(|source| Failure::file("write", path, &source))
}

/// Starts the host at the usual address, or at a free one when that is taken.
fn serve(host: &Path, config: &Path) -> Result<Server, Failure> {
    let start = |address: &str| {
        let mut command = std::process::Command::new(host);
        command
            .arg("serve")
            .args(["--listen", address])
            .arg("--config")
            .arg(config);
        Server::start(&mut command, server::Says::Endpoint)
    };
    if std::net::TcpListener::bind(ADDRESS).is_ok() {
        return start(ADDRESS);
    }
    eprintln!("demo: {ADDRESS} is in use; taking another port");
    start("127.0.0.1:0")
}

/// One real call, shown as it goes over the wire.
fn show_a_call(client: &mcp::Client) -> Result<(), Failure> {
    let tools = client.request("tools/list", json!({}))?;
    let tools = tools["tools"].as_array().cloned().unwrap_or_default();
    let name = |tool: &Value| tool["name"].as_str().unwrap_or_default().to_owned();
    print(&format!("\n{} tools are on offer:", tools.len()))?;
    for tool in &tools {
        let description = tool["description"].as_str().unwrap_or_default();
        print(&format!(
            "  {:24} {}",
            name(tool),
            description.lines().next().unwrap_or_default()
        ))?;
    }
    let Some(tool) = tools.iter().find(|tool| can_be_shown(tool)) else {
        return print("\nNone of them only reads and needs no arguments, so none is called here.");
    };
    let arguments = if tool["inputSchema"]["properties"].get("limit").is_some() {
        json!({ "limit": 3 })
    } else {
        json!({})
    };
    print(&format!("\nCalling {} with {arguments}:", name(tool)))?;
    let result = client.request(
        "tools/call",
        json!({ "name": name(tool), "arguments": arguments }),
    )?;
    let shown = match result.get("structuredContent") {
        Some(structured) => format!("{structured:#}"),
        None => result["content"][0]["text"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    };
    print(&shown)?;
    if result["isError"] == true {
        return Err(Failure::new(format!("{} answered with an error", name(tool)))
            .with_hint("the host's lines above say why; `toolward config check` and docs/operators.md help"));
    }
    Ok(())
}

/// A tool that changes nothing and needs nothing to be known.
fn can_be_shown(tool: &Value) -> bool {
    let needs = tool["inputSchema"]["required"]
        .as_array()
        .is_some_and(|required| !required.is_empty());
    tool["annotations"]["readOnlyHint"] == true && !needs
}

#[expect(clippy::print_stdout, reason = "what the demo shows is its result")]
fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    println!("{text}");
    std::io::stdout()
        .flush()
        .map_err(|source| Failure::new("cannot write to standard output").because(&source))
}
