//! The manual and the help.

use std::collections::BTreeSet;
use std::process::Command;

use crate::support::run;

#[test]
fn every_command_has_a_page_and_examples() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("man1").display().to_string();
    let ran = run(&["man", "--output", &folder]);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    let files: BTreeSet<String> = std::fs::read_dir(&folder)
        .expect("it was made")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let told: BTreeSet<String> = ran
        .stdout
        .lines()
        .map(|line| line.rsplit('/').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(files, told);
    for command in [
        "",
        "-serve",
        "-tools",
        "-call",
        "-plugin",
        "-plugin-pack",
        "-config-show",
        "-token-new",
        "-man",
    ] {
        assert!(
            files.contains(&format!("toolward{command}.1")),
            "{command}: {files:?}"
        );
    }
    for file in &files {
        let path = format!("{folder}/{file}");
        let page = std::fs::read_to_string(&path).expect("it is there");
        for section in [".TH ", ".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"] {
            assert!(page.contains(section), "{file}: no {section}");
        }
        // groff, where it is: a mistake in the page is a warning.
        if let Ok(output) = Command::new("groff")
            .args(["-man", "-ww", "-Tutf8", &path])
            .output()
        {
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && told.is_empty(), "{file}: {told}");
        }
    }
    let own = run(&["man"]).stdout;
    for section in ["EXIT STATUS", "FILES", "TOOLWARD_CONFIG"] {
        assert!(own.contains(section), "no {section}");
    }
    let call = run(&["man", "call"]).stdout;
    assert!(
        call.contains(".SH EXAMPLES") && call.contains("backup_jobs_list"),
        "{call}"
    );
}

#[test]
fn help_has_examples_that_name_real_options() {
    for command in [
        &["serve"][..],
        &["tools"],
        &["call"],
        &["plugin", "pack"],
        &["plugin", "inspect"],
        &["token", "new"],
        &["config", "schema"],
        &["config", "show"],
        &["completions"],
        &["man"],
    ] {
        let help = run(&[command, &["--help"]].concat()).stdout;
        let examples = help.split("Examples:\n").nth(1);
        let examples = examples.unwrap_or_else(|| panic!("{command:?} has no examples:\n{help}"));
        let line = format!("toolward {}", command.join(" "));
        assert!(examples.contains(&line), "{command:?}: {examples}");
        let options = examples
            .split([' ', '\n'])
            .filter(|word| word.starts_with("--") && word.len() > 2);
        for option in options {
            assert!(
                help.contains(&format!("{option} ")) || help.contains(&format!("{option}\n")),
                "{command:?}: {option}"
            );
        }
    }
}

#[test]
fn the_version_tells_what_was_built() {
    assert_eq!(
        run(&["-V"]).stdout,
        concat!("toolward ", env!("CARGO_PKG_VERSION"), "\n")
    );
    let long = run(&["--version"]).stdout;
    for part in [
        "commit:",
        "wasmtime 48.",
        "toolward:plugin@0.1.0",
        "rustc 1.",
        "2026-07-28, 2025-11-25",
    ] {
        assert!(long.contains(part), "no {part} in {long}");
    }
}
