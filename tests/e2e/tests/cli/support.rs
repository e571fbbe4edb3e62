//! Running the binary to its end.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use e2e::Deployment;
use serde_json::Value;

/// How a run ended and what it wrote.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Standard output as one JSON document.
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The object `error` on standard error. Every line there is JSON.
    pub(crate) fn error(&self) -> Value {
        let lines = self.stderr.lines().map(|line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        });
        let errors: Vec<Value> = lines
            .filter_map(|line: Value| line.get("error").cloned())
            .collect();
        assert_eq!(errors.len(), 1, "{self:?}");
        errors[0].clone()
    }
}

/// A command that runs the binary with nothing of the developer's own environment that it would read.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(e2e::binary());
    command.args(arguments);
    for name in ["TOOLWARD_CONFIG", "TOOLWARD_LOG", "TOOLWARD_LOG_FORMAT"] {
        command.env_remove(name);
    }
    command
}

/// Runs it with nothing on standard input.
pub(crate) fn run(arguments: &[&str]) -> Ran {
    run_with(command(arguments), "")
}

/// The same, with this configuration.
pub(crate) fn run_in(deployment: &Deployment, arguments: &[&str]) -> Ran {
    let mut command = command(arguments);
    command.env("TOOLWARD_CONFIG", deployment.config());
    run_with(command, "")
}

/// The same, with this on standard input.
pub(crate) fn run_with(mut command: Command, input: &str) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read may be gone before.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ran {
        exit: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The fixture that talks with its caller. At most one call of it runs at a time.
pub(crate) fn dialogue() -> Deployment {
    Deployment::new(&format!(
        r#"
[plugins.dialogue]
component = "{}"
grant = ["form", "visit"]
visit-urls = ["https://login.example/"]
limits = {{ concurrency = 1 }}
"#,
        e2e::plugin("dialogue").display()
    ))
}

/// A plugin that cannot be offered, beside one that can.
pub(crate) fn broken() -> Deployment {
    Deployment::new(&format!(
        "[plugins.echo]\ncomponent = \"{}\"\n[plugins.missing]\ncomponent = \"missing.wasm\"\n",
        e2e::plugin("echo").display()
    ))
}

/// The plugin that uses the whole interface.
pub(crate) fn interface() -> Deployment {
    Deployment::new(&format!(
        "[plugins.interface]\ncomponent = \"{}\"\ngrant = [\"form\", \"roots\", \"visit\"]\n",
        e2e::plugin("interface").display()
    ))
}
