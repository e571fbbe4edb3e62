//! Exit codes: each that is documented, by a command that ends so; with `--json` the error says the same.

use std::net::TcpListener;
use std::process::Stdio;

use e2e::Deployment;
use serde_json::json;

use crate::support::{broken, command, dialogue, interface, run, run_in, run_with};

/// Configuration, arguments, exit code, and a part of what is told.
type Row<'a> = (&'a Deployment, &'a [&'a str], i32, &'a str);

#[test]
fn every_command_exits_as_documented() {
    let dialogue = dialogue();
    let interface = interface();
    let broken = broken();
    let wrong = Deployment::new("[plugins.echo]\ncomponnet = \"echo.wasm\"\n");
    let none = Deployment::new("");
    std::fs::remove_file(none.config()).expect("it was there");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("it is bound").to_string();
    let table: [Row<'_>; 30] = [
        (&dialogue, &["tools"], 0, ""),
        (&dialogue, &["tools", "count"], 0, ""),
        (
            &dialogue,
            &["call", "count", "--args", r#"{"steps":2}"#],
            0,
            "",
        ),
        (&dialogue, &["config", "check"], 0, ""),
        (&dialogue, &["config", "show"], 0, ""),
        (&none, &["config", "schema"], 0, ""),
        (&none, &["token", "new", "ci"], 0, ""),
        (&none, &["completions", "bash"], 0, ""),
        (&none, &["man"], 0, ""),
        (&none, &["--version"], 0, ""),
        (&none, &["call", "--help"], 0, ""),
        (
            &dialogue,
            &["plugin", "inspect", "nothing.wasm"],
            1,
            "nothing.wasm",
        ),
        (
            &dialogue,
            &["serve", "--listen", &taken],
            1,
            "cannot listen on",
        ),
        (&none, &[], 2, "command"),
        (&none, &["tols"], 2, "tools"),
        (&none, &["call"], 2, "<TOOL>"),
        (&none, &["man", "plugin", "pock"], 2, "pack"),
        (
            &none,
            &["token", "new", "ci", "--scope", "all"],
            2,
            "there is no scope",
        ),
        (&none, &["tools", "--log", "=x="], 2, "log filter"),
        (
            &dialogue,
            &["call", "count", "--args", "[1]"],
            2,
            "not a JSON object",
        ),
        (
            &dialogue,
            &["call", "count", "--args", "@nothing.json"],
            2,
            "nothing.json",
        ),
        (&none, &["tools"], 3, "cannot read the configuration"),
        (&wrong, &["tools"], 3, "componnet"),
        (&wrong, &["config", "show"], 3, "componnet"),
        (&broken, &["tools"], 4, "missing.wasm"),
        (&interface, &["call", "fail"], 5, "it is locked"),
        (&dialogue, &["call", "count"], 5, "`toolward tools count`"),
        (&interface, &["call", "refuse"], 6, "on purpose"),
        (&dialogue, &["call", "conut"], 6, "did you mean `count`?"),
        (&dialogue, &["call", "order"], 7, "call it at a terminal"),
    ];
    for (deployment, arguments, exit, told) in table {
        let ran = run_in(deployment, arguments);
        assert_eq!(ran.exit, Some(exit), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(told), "{arguments:?}: {ran:?}");
        // A list is a list, even where something is missing from it.
        let has_result = exit == 0 || exit == 4;
        assert_eq!(!ran.stdout.is_empty(), has_result, "{arguments:?}: {ran:?}");

        let arguments = [arguments, &["--json"]].concat();
        let ran = run_in(deployment, &arguments);
        assert_eq!(ran.exit, Some(exit), "{arguments:?}: {ran:?}");
        // What a tool answers when it fails is its result.
        if exit == 0 || exit == 4 || exit == 5 {
            if !arguments.contains(&"--help") {
                ran.document();
            }
        } else {
            let error = ran.error();
            assert_eq!(error["exitCode"], exit, "{arguments:?}: {error}");
            assert!(error["message"].is_string(), "{arguments:?}: {error}");
            assert!(error.to_string().contains(told), "{arguments:?}: {error}");
            assert!(ran.stdout.is_empty(), "{arguments:?}: {ran:?}");
        }
    }
}

#[test]
fn signals_cancel_a_call_and_are_told_apart() {
    let deployment = dialogue();
    for (signal, exit, kind) in [("INT", 130, "interrupted"), ("TERM", 143, "terminated")] {
        let mut command = command(&["call", "wait", "--json", "--args", r#"{"seconds":3600}"#]);
        command
            .env("TOOLWARD_CONFIG", deployment.config())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let stderr = child.stderr.take().expect("it is a pipe");
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stderr));
        let first = lines.next().expect("a line").expect("it is text");
        assert!(first.contains("waiting"), "{first}");
        let sent = std::process::Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status();
        assert!(sent.expect("`kill` is there").success());
        let last = lines.next().expect("a line").expect("it is text");
        let error: serde_json::Value = serde_json::from_str(&last).expect("JSON");
        assert_eq!(error["error"]["kind"], kind, "{error}");
        assert_eq!(child.wait().expect("it ends").code(), Some(exit));
    }
}

#[test]
fn arguments_come_from_the_command_line_a_file_or_standard_input() {
    let deployment = dialogue();
    deployment.write("steps.json", r#"{"steps": 3}"#);
    let file = format!("@{}", deployment.folder().join("steps.json").display());
    let call = |given: &str, input: &str| {
        let mut command = command(&["call", "count", "--json", "--args", given]);
        command.env("TOOLWARD_CONFIG", deployment.config());
        run_with(command, input)
    };
    for (given, input) in [
        (r#"{"steps":3}"#, ""),
        (&*file, ""),
        ("-", "{\n \"steps\": 3\n}\n"),
    ] {
        let ran = call(given, input);
        assert_eq!(ran.exit, Some(0), "{ran:?}");
        assert_eq!(ran.document()["structuredContent"], json!({ "counted": 3 }));
        // Progress is told meanwhile.
        assert_eq!(ran.stderr.lines().count(), 3, "{ran:?}");
    }
    let ran = call("-", "");
    assert_eq!(ran.exit, Some(2), "{ran:?}");
}

#[test]
fn the_codes_are_the_same_in_help_manual_and_documentation() {
    let help = run(&["--help"]).stdout;
    let manual = run(&["man"]).stdout.replace('\\', "");
    let page = std::fs::read_to_string(e2e::repository().join("docs/operators.md"));
    let page = page.expect("it is there");
    let section = help
        .split("Exit codes:\n")
        .nth(1)
        .expect("the help has them");
    let rows: Vec<(&str, &str)> = section
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.trim().split_once("  "))
        .collect();
    assert_eq!(rows.len(), 11, "{rows:?}");
    for (code, meaning) in rows {
        assert!(
            page.replace('`', "")
                .contains(&format!("| {code} | {meaning} |")),
            "operators.md: {code} {meaning}"
        );
        assert!(
            manual.contains(&format!("fB{code}fR\n{meaning}")),
            "manual: {code} {meaning}"
        );
    }
}
