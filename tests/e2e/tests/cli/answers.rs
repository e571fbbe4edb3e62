//! At a terminal: questions are answered there, progress is shown, Ctrl-C cancels, and nothing that a plugin says acts.

use e2e::terminal::{END, INTERRUPT, Terminal};
use e2e::{Deployment, target};

use crate::support::dialogue;

fn at_terminal(deployment: &Deployment, arguments: &[&str]) -> Terminal {
    Terminal::start(&deployment.config(), arguments, &[("NO_COLOR", "1")])
}

#[test]
fn a_form_is_filled_in() {
    let deployment = dialogue();
    let mut terminal = at_terminal(&deployment, &["call", "order"]);
    let shown = terminal.wait_for("name: ");
    for part in [
        "What do you order?",
        "asked by the plugin dialogue of development",
        "Who orders.",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    terminal.type_in("Ada\r");
    let _ = terminal.wait_for("pieces [number; Enter: 1]: ");
    // What does not fit is asked again.
    terminal.type_in("eleven\r");
    let _ = terminal.wait_for("\"eleven\" is not a number");
    terminal.type_in("11\r");
    let _ = terminal.wait_for("11 is greater than the maximum of 10");
    terminal.type_in("2\r");
    let shown = terminal.wait_for("size [number in the list]: ");
    assert!(
        shown.contains("1. small") && shown.contains("2. large"),
        "{shown}"
    );
    terminal.type_in("2\r");
    let (exit, shown) = terminal.end();
    assert_eq!(exit, Some(0), "{shown}");
    for part in ["\"name\": \"Ada\"", "\"pieces\": 2", "\"size\": \"large\""] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn a_confirmation_is_no_until_somebody_says_yes() {
    let deployment = dialogue();
    let delete = ["call", "delete", "--args", r#"{"name":"db1"}"#];
    // Enter, a no, and the end of the input.
    for said in ["\r", "n\r", END] {
        let mut terminal = at_terminal(&deployment, &delete);
        let shown = terminal.wait_for("Do it [y/n; Enter: n]: ");
        assert!(shown.contains("db1 is deleted."), "{shown}");
        terminal.type_in(said);
        let (exit, shown) = terminal.end();
        assert_eq!(exit, Some(5), "{said:?}: {shown}");
        assert!(shown.contains("the person declined"), "{said:?}: {shown}");
        assert!(!shown.contains("Reason"), "{said:?}: {shown}");
    }
    let mut terminal = at_terminal(&deployment, &delete);
    let _ = terminal.wait_for("Do it");
    terminal.type_in("y\r");
    let _ = terminal.wait_for("Reason: ");
    terminal.type_in("no longer needed\r");
    let (exit, shown) = terminal.end();
    assert_eq!(exit, Some(0), "{shown}");
    assert!(shown.contains("deleted db1: no longer needed"), "{shown}");
}

#[test]
fn with_json_nobody_is_asked() {
    let (exit, shown) = at_terminal(&dialogue(), &["call", "order", "--json"]).end();
    assert_eq!(exit, Some(7), "{shown}");
    assert!(shown.contains("\"kind\":\"nobody\""), "{shown}");
}

#[test]
fn a_link_is_shown_and_not_opened() {
    let deployment = dialogue();
    let mut terminal = at_terminal(&deployment, &["call", "login"]);
    let shown = terminal.wait_for("Done? [y/N] ");
    assert!(
        shown.contains("https://login.example/start?state=1"),
        "{shown}"
    );
    terminal.type_in("y\r");
    let (exit, shown) = terminal.end();
    assert_eq!(exit, Some(0), "{shown}");
    assert!(shown.contains("logged in"), "{shown}");
}

#[test]
fn ctrl_c_cancels_a_call_that_works_and_one_that_asks() {
    let deployment = dialogue();
    let arguments: [&[&str]; 2] = [
        &["call", "wait", "--args", r#"{"seconds":3600}"#],
        &["call", "order"],
    ];
    for (arguments, sign) in arguments.into_iter().zip(["waiting", "name: "]) {
        let mut terminal = at_terminal(&deployment, arguments);
        let _ = terminal.wait_for(sign);
        terminal.type_in(INTERRUPT);
        let (exit, shown) = terminal.end();
        assert_eq!(exit, Some(130), "{shown}");
        assert!(shown.contains("was cancelled"), "{shown}");
    }
}

#[test]
fn progress_is_written_over() {
    let deployment = dialogue();
    let count = ["call", "count", "--args", r#"{"steps":3}"#];
    let (exit, shown) = at_terminal(&deployment, &count).end();
    assert_eq!(exit, Some(0), "{shown}");
    assert!(
        shown.contains("\u{1b}[Kprogress: 2 of 3: step 2\r"),
        "{shown}"
    );
    let result = shown.rsplit("\u{1b}[K").next().unwrap_or_default();
    assert_eq!(
        result.replace(['\r', '\n', ' '], ""),
        "{\"counted\":3}",
        "{shown}"
    );
}

#[test]
fn compiling_is_told_while_somebody_waits() {
    let cold = tempfile::tempdir().expect("a folder");
    let deployment = Deployment::new(&format!(
        "[plugins.proxmox-vms]\ncomponent = \"{}\"\n",
        e2e::plugin("proxmox-vms").display()
    ));
    let cache = cold.path().join("cache").display().to_string();
    let config = std::fs::read_to_string(deployment.config()).expect("it is there");
    let warm = target().join("e2e-cache").display().to_string();
    deployment.write("toolward.toml", &config.replace(&warm, &cache));
    let mut terminal = at_terminal(&deployment, &["tools"]);
    let _ = terminal.wait_for("compiling proxmox-vms, once: 0 s");
    // Nobody has to wait for the end.
    terminal.type_in(INTERRUPT);
    let (exit, shown) = terminal.end();
    assert_eq!(exit, Some(130), "{shown}");
}

#[test]
fn nothing_that_a_plugin_says_acts_on_the_terminal() {
    let deployment = dialogue();
    // Clears the screen, sets the title, goes back in the line, writes to the left.
    let hostile = "\u{1b}[2J\u{1b}]0;owned\u{7}safe\rgone \u{9b}31m \u{202e}on";
    let arguments = serde_json::json!({ "text": hostile }).to_string();
    let mut terminal = at_terminal(&deployment, &["call", "say", "--args", &arguments]);
    let _ = terminal.wait_for("Do it");
    terminal.type_in("y\r");
    let (exit, shown) = terminal.end();
    assert_eq!(exit, Some(0), "{shown}");
    // Progress and line of both rounds, the question, the result.
    assert_eq!(shown.matches("\\u{1b}[2J").count(), 6, "{shown:?}");
    for acting in [
        "\u{1b}[2J",
        "\u{1b}]",
        "\u{7}",
        "\rgone",
        "\u{9b}",
        "\u{202e}",
    ] {
        assert!(!shown.contains(acting), "{acting:?} in {shown:?}");
    }
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let deployment = dialogue();
    let unknown = ["call", "nothing"];
    let (_, plain) = at_terminal(&deployment, &unknown).end();
    assert!(!plain.contains("\u{1b}["), "{plain:?}");
    let (_, coloured) = Terminal::start(&deployment.config(), &unknown, &[]).end();
    assert!(coloured.contains("\u{1b}[1;31merror:"), "{coloured:?}");
    let (_, dumb) = Terminal::start(&deployment.config(), &unknown, &[("TERM", "dumb")]).end();
    assert!(!dumb.contains("\u{1b}[1"), "{dumb:?}");
    // clap's own words, and the log.
    for arguments in [&["tols"][..], &["--help"], &["tools", "--log", "info"]] {
        let (_, coloured) = Terminal::start(&deployment.config(), arguments, &[]).end();
        assert!(coloured.contains("\u{1b}["), "{arguments:?}: {coloured:?}");
        let (_, plain) = at_terminal(&deployment, arguments).end();
        assert!(
            !plain.replace("\u{1b}[K", "").contains("\u{1b}["),
            "{arguments:?}: {plain:?}"
        );
    }
}
