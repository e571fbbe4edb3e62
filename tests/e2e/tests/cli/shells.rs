//! Completions: for every shell a script, which the shell itself takes where it is installed.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::run;

fn script(shell: &str) -> String {
    let ran = run(&["completions", shell]);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    ran.stdout
}

#[test]
fn every_shell_has_a_script_that_knows_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = script(shell);
        for word in ["serve", "call", "args", "inspect", "log-format"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
    }
    assert_eq!(run(&["completions", "tcsh"]).exit, Some(2));
}

/// Runs the shell with this on standard input. `None`: it is not installed.
fn shell(program: &str, arguments: &[&str], input: &str) -> Option<String> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        e2e::tell(format_args!(
            "{program} is not installed: its completions are not tried"
        ));
        return None;
    };
    let mut stdin = child.stdin.take().expect("it is a pipe");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {told}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn bash_completes() {
    let script = script("bash");
    assert!(
        shell("bash", &["-n"], &script).is_some(),
        "bash is everywhere"
    );
    let complete = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let last = words.len() - 1;
        let input = format!(
            "{script}\nCOMP_WORDS=({line})\n[[ ${{#COMP_WORDS[@]}} -gt {last} ]] || COMP_WORDS+=('')\n\
             COMP_CWORD={last}\n_toolward toolward \"${{COMP_WORDS[{last}]}}\"\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
        );
        shell("bash", &["--norc"], &input).unwrap_or_default()
    };
    assert_eq!(
        complete("toolward to")
            .split_whitespace()
            .collect::<Vec<_>>(),
        ["tools", "token"]
    );
    assert_eq!(complete("toolward completions z").trim(), "zsh");
    assert!(complete("toolward call --a").contains("--args"));
}

#[test]
fn zsh_and_fish_take_theirs() {
    let _ = shell("zsh", &["-n"], &script("zsh"));
    let completed = format!("{}\ncomplete -C 'toolward to'\n", script("fish"));
    if let Some(completed) = shell("fish", &["--no-config"], &completed) {
        assert!(
            completed.contains("tools") && completed.contains("token"),
            "{completed}"
        );
    }
}
