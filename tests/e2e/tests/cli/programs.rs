//! `--json`: what programs read.

use serde_json::{Value, json};

use crate::support::{Ran, broken, dialogue, interface, run, run_in};

#[test]
fn every_command_that_prints_has_a_document() {
    let deployment = dialogue();
    let document = |arguments: &[&str]| {
        let ran = run_in(&deployment, &[arguments, &["--json"]].concat());
        assert_eq!(ran.exit, Some(0), "{arguments:?}: {ran:?}");
        assert_eq!(ran.stdout.lines().count(), 1, "{arguments:?}: {ran:?}");
        ran.document()
    };
    let tools = document(&["tools"]);
    let names: Vec<&str> = tools["tools"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    assert_eq!(names, ["count", "delete", "login", "order", "say", "wait"]);
    let tool = document(&["tools", "delete"]);
    assert_eq!(tool["destructive"], true, "{tool}");
    assert_eq!(tool["inputSchema"]["required"], json!(["name"]), "{tool}");
    assert_eq!(tools["tools"][1], tool);

    let check = document(&["config", "check"]);
    assert_eq!(check, json!({ "ok": true, "diagnostics": [] }));
    let shown = document(&["config", "show"]);
    let shown = shown.as_array().cloned().unwrap_or_default();
    let grants = shown
        .iter()
        .find(|one| one["key"] == "plugins.dialogue.grant");
    let grants = grants.expect("it is configured");
    assert_eq!(grants["value"], json!(["form", "visit"]), "{grants}");
    assert!(
        grants["from"]
            .as_str()
            .is_some_and(|from| from.contains("toolward.toml:"))
    );
    let schema = document(&["config", "schema"]);
    assert!(schema["properties"]["plugins"].is_object(), "{schema}");

    let token = document(&["token", "new", "ci"]);
    let table = token["toml"].as_str().unwrap_or_default();
    assert!(
        table.contains("[auth.tokens.ci]") && token["token"].is_string(),
        "{token}"
    );
    let script = document(&["completions", "fish"]);
    assert_eq!(script["shell"], "fish");
    assert!(
        script["script"]
            .as_str()
            .is_some_and(|script| script.contains("toolward"))
    );
    let page = document(&["man", "call"]);
    assert_eq!(page["file"], "toolward-call.1");
    let version = document(&["--version"]);
    for fact in ["version", "target", "rustc", "wasmtime", "interface"] {
        let told = version[fact].as_str().unwrap_or_default();
        assert!(!told.is_empty() && told != "unknown", "{fact}: {version}");
    }
    assert_eq!(version["protocols"][0], "2026-07-28", "{version}");

    let component = e2e::plugin("dialogue").display().to_string();
    let inspected = document(&["plugin", "inspect", &component]);
    assert_eq!(inspected["manifest"]["name"], "dialogue", "{inspected}");
    let built = e2e::target().join("wasm32-wasip2/plugin/fixture_dialogue.wasm");
    let packed = deployment.folder().join("again.wasm");
    let manifest = e2e::repository().join("tests/fixtures/dialogue/plugin.toml");
    let [built, packed, manifest] =
        [built, packed, manifest].map(|path| path.display().to_string());
    let packed = document(&[
        "plugin",
        "pack",
        &built,
        "--manifest",
        &manifest,
        "--output",
        &packed,
    ]);
    assert_eq!(
        packed["sha256"], inspected["sha256"],
        "packing again changes nothing"
    );
}

#[test]
fn problems_are_part_of_the_list() {
    let ran = run_in(&broken(), &["tools", "--json"]);
    let document = ran.document();
    assert_eq!(document["problems"][0]["plugin"], "missing", "{document}");
    assert!(
        document["tools"]
            .as_array()
            .is_some_and(|tools| !tools.is_empty()),
        "{document}"
    );
    assert!(ran.stderr.is_empty(), "{ran:?}");
}

#[test]
fn what_is_wrong_with_a_configuration_is_listed() {
    let wrong = e2e::Deployment::new("[plugins.echo]\ncomponnet = \"echo.wasm\"\n");
    let diagnostics = |of: &Value| of["diagnostics"][0]["message"].as_str().map(str::to_owned);
    let checked = run_in(&wrong, &["config", "check", "--json"]);
    assert_eq!(checked.exit, Some(3));
    let result = checked.document();
    assert_eq!(result["ok"], false);
    let error = run_in(&wrong, &["call", "echo", "--json"]).error();
    assert_eq!(error["kind"], "config", "{error}");
    assert!(
        diagnostics(&error).is_some_and(|message| message.contains("componnet")),
        "{error}"
    );
    assert_eq!(diagnostics(&error), diagnostics(&result));
}

#[test]
fn errors_have_kind_code_causes_and_remedies() {
    let refused = run_in(&interface(), &["call", "refuse", "--json"]).error();
    assert_eq!(refused["kind"], "refused", "{refused}");
    assert_eq!(refused["code"], -32602, "{refused}");
    assert_eq!(refused["data"], json!({ "by": "interface" }), "{refused}");
    let unknown = run_in(&dialogue(), &["call", "odrer", "--json"]).error();
    assert_eq!(unknown["similar"], json!(["order"]), "{unknown}");
    assert_eq!(
        unknown["hints"],
        json!(["did you mean `order`?"]),
        "{unknown}"
    );
    let nobody = run_in(
        &dialogue(),
        &["call", "delete", "--args", r#"{"name":"x"}"#, "--json"],
    );
    assert_eq!(nobody.error()["code"], -32021, "{nobody:?}");
    let usage = run(&["tols", "--json"]).error();
    assert_eq!(
        usage["message"], "unrecognized subcommand 'tols'",
        "{usage}"
    );
    assert_eq!(
        usage["hints"],
        json!(["a similar subcommand exists: 'tools'"]),
        "{usage}"
    );
}

#[test]
fn log_lines_are_json_as_well_unless_asked_otherwise() {
    let deployment = dialogue();
    let run = |arguments: &[&str]| -> Ran {
        let common = ["tools", "--json", "--log", "info"];
        run_in(&deployment, &[&common, arguments].concat())
    };
    let lines = run(&[]).stderr;
    assert!(!lines.is_empty());
    for line in lines.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
    let lines = run(&["--log-format", "text"]).stderr;
    assert!(
        lines.contains("the catalog is ready") && !lines.starts_with('{'),
        "{lines}"
    );
}
