//! Running other programs: shown as they go, read, or kept quiet unless they fail.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::project::environment;

/// How much of a failed program's output is shown.
const SHOWN_LINES: usize = 30;

/// How often a long quiet step says that it is still at work.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// Cargo of the toolchain in use, with the traces of the `cargo run` around us removed.
///
/// `cargo run` describes our own package in the environment; build scripts that watch those variables
/// (ring's does) would run, and their crates be built, again and again, each time somebody alternates
/// between `cargo test` and `cargo xtask test`.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(environment("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let ours = text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || text == "CARGO_CRATE_NAME"
            || text == "CARGO_BIN_NAME"
            || text == "CARGO_PRIMARY_PACKAGE";
        if ours {
            command.env_remove(&name);
        }
    }
    command
}

/// Is there such a program? (Looked for as the system does; it is run with `argument`.)
pub(crate) fn exists(program: &str, argument: &str) -> bool {
    Command::new(program)
        .arg(argument)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// Runs a program whose output the person sees.
pub(crate) fn show(command: &mut Command) -> Result<(), Failure> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|source| not_started(command, &source))?;
    check(command, status, "")
}

/// Runs a program and gives what it writes to stdout; what it writes to stderr is shown if it fails.
pub(crate) fn read(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| not_started(command, &source))?;
    check(
        command,
        output.status,
        &String::from_utf8_lossy(&output.stderr),
    )?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program that may take long and whose output matters only if it fails: it goes to the file `log`.
/// Ends it when `limit` is over. Gives the output.
pub(crate) fn quiet(command: &mut Command, log: &Path, limit: Duration) -> Result<String, Failure> {
    let open = || {
        File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(log)
    };
    let mut file = open().map_err(|source| Failure::file("write to", log, &source))?;
    let pipes = file
        .try_clone()
        .and_then(|out| Ok((out, file.try_clone()?)));
    let (out, err) = pipes.map_err(|source| Failure::file("write to", log, &source))?;
    let child = command
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .map_err(|source| not_started(command, &source))?;
    let ended = wait(child, limit).map_err(|source| {
        Failure::new(format!("cannot wait for {}", describe(command))).because(&source)
    })?;
    let mut output = Vec::new();
    file.seek(SeekFrom::Start(0))
        .and_then(|_| file.read_to_end(&mut output))
        .map_err(|source| Failure::file("read", log, &source))?;
    let output = String::from_utf8_lossy(&output).into_owned();
    match ended {
        Some(status) => check(command, status, &output).map(|()| output),
        None => Err(Failure::new(format!(
            "{} did not end within {} s",
            describe(command),
            limit.as_secs()
        ))
        .with_details(last_lines(&output))),
    }
}

/// Waits for the program, with a sign of life now and then. `None`: it was ended at the limit.
fn wait(mut child: Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    let mut next_sign = HEARTBEAT;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let elapsed = start.elapsed();
        if elapsed >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        if elapsed >= next_sign {
            eprintln!("       … still at it after {} s", elapsed.as_secs());
            next_sign += HEARTBEAT;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn check(command: &Command, status: ExitStatus, output: &str) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    let what = format!("{} failed ({status})", describe(command));
    Err(Failure::new(what).with_details(last_lines(output)))
}

fn not_started(command: &Command, source: &io::Error) -> Failure {
    Failure::new(format!("cannot run {}", describe(command))).because(source)
}

/// The command as a person would type it: without apt's many `-o` settings, cut after a few arguments.
fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let mut words = vec![program.to_string_lossy()];
    let mut arguments = command.get_args().map(OsStr::to_string_lossy);
    while let Some(argument) = arguments.next() {
        if argument == "-o" && program == "apt-get" {
            arguments.next();
        } else {
            words.push(argument);
        }
    }
    let shown = words.len().min(6);
    let more = if shown < words.len() { " …" } else { "" };
    format!("`{}{more}`", words[..shown].join(" "))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{quiet, read};

    #[test]
    fn a_failed_program_is_quoted() {
        let failure =
            read(Command::new("sh").args(["-c", "echo no luck >&2; exit 3"])).unwrap_err();
        let text = failure.to_string();
        assert!(text.contains("no luck"), "{text}");
        assert!(text.contains("exit status: 3"), "{text}");
    }

    #[test]
    fn a_quiet_program_ends_at_its_limit() {
        let log = std::env::temp_dir().join(format!("xtask-quiet-{}", std::process::id()));
        let limit = Duration::from_millis(200);
        let failure = quiet(
            Command::new("sh").args(["-c", "echo begun; exec sleep 600"]),
            &log,
            limit,
        )
        .unwrap_err();
        std::fs::remove_file(&log).unwrap();
        assert!(failure.to_string().contains("begun"), "{failure}");
    }
}
