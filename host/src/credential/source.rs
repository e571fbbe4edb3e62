//! Reading a secret from where the configuration says it is.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

use super::error::SecretError;
use crate::config::{Secret, SecretSource};

/// The largest secret, bytes. A private key fits; a log file given by mistake does not.
const LIMIT: usize = 64 * 1024;

/// How long a command may take to print a secret.
const EXEC_LIMIT: Duration = Duration::from_secs(10);

/// Reads the secret anew.
pub async fn read(source: &SecretSource) -> Result<Secret, SecretError> {
    match source {
        SecretSource::Value(secret) => Ok(secret.clone()),
        SecretSource::File(path) => read_file(path).await,
        SecretSource::Exec(command) => run(command, EXEC_LIMIT).await,
    }
}

async fn read_file(path: &Path) -> Result<Secret, SecretError> {
    let owned = path.to_owned();
    let bytes = tokio::task::spawn_blocking(move || read_bounded(&owned))
        .await
        .unwrap_or_else(|_| Err(io::Error::other("reading it broke off")))
        .map_err(|source| SecretError::File {
            path: path.to_owned(),
            source,
        })?;
    to_secret(&bytes, || format!("file `{}`", path.display()))
}

fn read_bounded(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // Opening a pipe would wait for its writer for ever.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    // The full capacity at once: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LIMIT + 1));
    File::open(path)?
        .take(LIMIT as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Runs a command without a shell. Its standard error is not shown: such tools print secrets there, too.
async fn run(command: &[String], limit: Duration) -> Result<Secret, SecretError> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(SecretError::Unusable {
            origin: "`exec:`".to_owned(),
            reason: "has no command",
        });
    };
    let failed = |source| SecretError::Exec {
        command: program.clone(),
        source,
    };
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let Some(stdout) = child.stdout.take() else {
        return Err(failed(io::Error::other("no standard output")));
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(LIMIT + 1));
    let ended = tokio::time::timeout(limit, async {
        stdout
            .take(LIMIT as u64 + 1)
            .read_to_end(&mut bytes)
            .await?;
        if bytes.len() > LIMIT {
            child.start_kill()?;
            return Ok(None);
        }
        child.wait().await.map(Some)
    })
    .await;
    match ended {
        Err(_) => Err(SecretError::ExecTimedOut {
            command: program.clone(),
            limit,
        }),
        Ok(Err(source)) => Err(failed(source)),
        Ok(Ok(Some(status))) if !status.success() => Err(SecretError::ExecFailed {
            command: program.clone(),
            status,
        }),
        Ok(Ok(_)) => to_secret(&bytes, || format!("`{program}`")),
    }
}

fn to_secret(bytes: &[u8], origin: impl FnOnce() -> String) -> Result<Secret, SecretError> {
    let reason = if bytes.len() > LIMIT {
        "is larger than 64 KiB"
    } else if let Ok(text) = std::str::from_utf8(bytes) {
        let text = text.trim_end_matches(['\r', '\n']);
        if !text.is_empty() {
            return Ok(Secret::new(text.to_owned()));
        }
        "is empty"
    } else {
        "is not UTF-8"
    };
    Err(SecretError::Unusable {
        origin: origin(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::chain;

    async fn check_file(content: &[u8], expected: Result<&str, &str>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let read = read(&SecretSource::File(file.path().to_owned())).await;
        match (read, expected) {
            (Ok(secret), Ok(text)) => assert_eq!(secret.expose(), text),
            (Err(error), Err(part)) => assert!(chain(&error).contains(part), "{error}"),
            (read, expected) => panic!("{read:?} is not {expected:?}"),
        }
    }

    #[tokio::test]
    async fn a_file_is_its_text_without_the_last_line_ends() {
        check_file(b"hunter2\r\n\n", Ok("hunter2")).await;
        check_file(b" in ner\nlines ", Ok(" in ner\nlines ")).await;
        check_file(b"\n", Err("is empty")).await;
        check_file(&[0xff], Err("is not UTF-8")).await;
        check_file(&vec![b'a'; LIMIT + 1], Err("is larger than 64 KiB")).await;
    }

    #[tokio::test]
    async fn a_missing_file_and_a_folder_are_errors_that_name_the_path() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().join("missing"), folder.path().to_owned()] {
            let error = read(&SecretSource::File(path.clone())).await.unwrap_err();
            assert!(error.to_string().contains(path.to_str().unwrap()));
        }
    }

    fn command(parts: &[&str]) -> Vec<String> {
        parts.iter().map(|&part| part.to_owned()).collect()
    }

    #[tokio::test]
    async fn a_command_runs_without_a_shell() {
        let secret = run(&command(&["echo", "$HOME;x"]), EXEC_LIMIT)
            .await
            .unwrap();
        assert_eq!(secret.expose(), "$HOME;x");
    }

    #[tokio::test]
    async fn a_failing_command_is_named_without_its_arguments_and_its_output() {
        let script = "echo hunter2; echo hunter2 >&2; exit 3";
        let error = run(&command(&["sh", "-c", script]), EXEC_LIMIT)
            .await
            .unwrap_err();
        let text = format!("{} {error:?}", chain(&error));
        assert!(text.contains("`sh`") && text.contains("exit status: 3"));
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[tokio::test]
    async fn a_command_that_is_missing_hangs_or_floods_is_an_error() {
        let missing = run(&command(&["/nonexistent/tool"]), EXEC_LIMIT).await;
        assert!(matches!(missing, Err(SecretError::Exec { .. })));
        let hanging = run(&command(&["sleep", "600"]), Duration::from_millis(20)).await;
        assert!(matches!(hanging, Err(SecretError::ExecTimedOut { .. })));
        let flooding = run(&command(&["yes"]), EXEC_LIMIT).await.unwrap_err();
        assert!(flooding.to_string().contains("larger than 64 KiB"));
    }
}
