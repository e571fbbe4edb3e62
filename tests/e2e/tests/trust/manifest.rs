//! What a plugin asks for in its manifest bounds what it gets, whatever the operator grants.

use e2e::{Deployment, Host, mcp};
use serde_json::json;

use super::support::{Workshop, manifest, place, raw, refused, run, served, shop};

/// A workshop with a plugin of this manifest around the component of `fixture`, signed by the development key.
fn plugin(fixture: &str, manifest: &str) -> Workshop {
    let workshop = Workshop::new();
    let plugin = workshop.pack_component("shop.wasm", manifest, &raw(fixture));
    e2e::sign(&plugin);
    workshop
}

fn deploy(fixture: &str, manifest: &str, table: &str) -> Deployment {
    let workshop = plugin(fixture, manifest);
    let deployment = Deployment::new(table);
    place(&deployment, &workshop.path("shop.wasm"));
    deployment
}

#[test]
fn settings_fit_the_schema_of_the_manifest() {
    let schema = r#"
[settings]
type = "object"
additionalProperties = false
required = ["page-size"]
[settings.properties.page-size]
type = "integer"
maximum = 100
description = "Orders on a page."
"#;
    let manifest = manifest("shop", "1.0.0") + schema;
    let with = |settings: &str| {
        let table = format!("[plugins.shop]\ncomponent = \"shop.wasm\"\n{settings}");
        deploy("echo", &manifest, &table)
    };
    served(&with("settings = { page-size = 50 }\n"));
    let line = |deployment: &Deployment, text: &str| {
        let file = std::fs::read_to_string(deployment.config()).unwrap();
        1 + file.lines().position(|line| line.contains(text)).unwrap()
    };
    for (settings, at, key, problem) in [
        (
            "settings.page-size = 500\n",
            "page-size",
            ".page-size",
            "500 is greater than the maximum of 100",
        ),
        (
            "[plugins.shop.settings]\npage-size = 5\nlimit = 1\n",
            "page-size",
            "",
            "Additional properties are not allowed",
        ),
        (
            "",
            "[plugins.shop]",
            "",
            "\"page-size\" is a required property",
        ),
    ] {
        let deployment = with(settings);
        let words = format!(
            "toolward.toml:{}: plugins.shop.settings{key}: {problem}",
            line(&deployment, at)
        );
        let tools = run(&deployment, &["tools"]);
        assert!(
            tools.code == 4 && tools.stderr.contains(&words),
            "{words}\n{tools:?}"
        );
    }
}

/// The hostile plugin can send any request; its manifest names a few.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_the_manifest_does_not_name_is_refused() {
    let asks = "[[backends]]\nname = \"vbr\"\npurpose = \"to read jobs\"\nrequests = [\"GET /api/v1/jobs/*\"]\n";
    let table = r#"
[bindings.vbr01]
kind = "vbr"
url = "http://127.0.0.1:1"
allow = ["* /**"]

[plugins.shop]
component = "shop.wasm"
grant = ["http"]
backends = { vbr = "vbr01", other = "vbr01" }
"#;
    let deployment = deploy("hostile", &(manifest("shop", "1.0.0") + asks), table);
    let host = Host::start(&deployment).await;
    let client = mcp::Client::new(host.url());
    for (method, authority, path, words) in [
        ("GET", "vbr", "/api/v1/jobs/7", None),
        ("GET", "vbr", "/api/v1/jobs/%37", None),
        (
            "POST",
            "vbr",
            "/api/v1/jobs/7",
            Some("its manifest does not ask for this request"),
        ),
        (
            "GET",
            "vbr",
            "/api/v1/users",
            Some("its manifest does not ask for this request"),
        ),
        (
            "GET",
            "vbr",
            "/api/v1/jobs/7/",
            Some("its manifest does not ask for this request"),
        ),
        (
            "GET",
            "other",
            "/api/v1/jobs/7",
            Some("its manifest does not ask for this backend"),
        ),
    ] {
        let request = json!({ "method": method, "authority": authority, "path": path });
        let answer = client.call("hostile_request", request).await.unwrap();
        let told = answer["structuredContent"]["error"].as_str().unwrap();
        match words {
            Some(words) => assert!(told.contains(words), "{method} {authority}{path}: {told}"),
            // It may be sent, and nobody is there.
            None => assert!(
                !told.contains("manifest"),
                "{method} {authority}{path}: {told}"
            ),
        }
    }
    host.stop().await;
}

#[test]
fn an_import_that_the_manifest_does_not_name_is_refused() {
    let table = "[plugins.shop]\ncomponent = \"shop.wasm\"\ngrant = [\"http\", \"changes\"]\n";
    let deployment = deploy("hostile", &manifest("shop", "1.0.0"), table);
    let tools = run(&deployment, &["tools"]);
    assert_eq!(tools.code, 4, "{tools:?}");
    let words = "imports `wasi:http/outgoing-handler@0.2";
    assert!(tools.stderr.contains(words), "{tools:?}");
    assert!(
        tools.stderr.contains("which its manifest does not ask for"),
        "{tools:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_the_manifest_does_not_name_is_not_asked() {
    let table = "[plugins.shop]\ncomponent = \"shop.wasm\"\ngrant = [\"form\", \"roots\", \"visit\"]\nvisit-urls = [\"https://login.example/\"]\n";
    let deployment = deploy("interface", &manifest("shop", "1.0.0"), table);
    let host = Host::start(&deployment).await;
    let client = mcp::Client::new(host.url());
    let told = client.call("context", json!({})).await.unwrap();
    assert_eq!(
        told["structuredContent"]["supports"],
        json!([false, false, false, false, false, false])
    );
    host.stop().await;
}

#[test]
fn credentials_of_a_kind_that_the_plugin_does_not_work_with() {
    let asks =
        "[[backends]]\nname = \"vbr\"\npurpose = \"to read jobs\"\ncredentials = [\"oauth2\"]\n";
    let table = r#"
[credentials.basic]
kind = "basic"
username = "env:HOME"
password = "env:HOME"

[bindings.vbr01]
kind = "vbr"
url = "http://127.0.0.1:1"
allow = ["* /**"]
credential = "basic"

[plugins.shop]
component = "shop.wasm"
grant = ["http"]
backends = { vbr = "vbr01" }
"#;
    let deployment = deploy("echo", &(manifest("shop", "1.0.0") + asks), table);
    let tools = run(&deployment, &["tools"]);
    assert_eq!(tools.code, 4, "{tools:?}");
    let words =
        "works with credentials of the kinds oauth2; binding `vbr01` has one of the kind basic";
    assert!(tools.stderr.contains(words), "{tools:?}");
}

#[test]
fn what_is_packed_is_checked() {
    let workshop = Workshop::new();
    for (more, words) in [
        ("colour = \"red\"\n", "unknown field `colour`"),
        (
            "[asks.visit]\nreason = \"r\"\nurls = [\"mailto:a@b\"]\n",
            "not the beginning of a link",
        ),
        (
            "[[imports]]\nname = \"filesystem\"\nreason = \"r\"\n",
            "unknown variant `filesystem`",
        ),
        (
            "[[imports]]\nname = \"changes\"\n",
            "missing field `reason`",
        ),
        (
            "[limits]\nmemory = \"much\"\n",
            "`limits.memory` is not a size",
        ),
    ] {
        std::fs::write(workshop.path("raw.wasm"), raw("echo")).unwrap();
        let text = manifest("shop", "1.0.0") + more;
        std::fs::write(workshop.path("plugin.toml"), text).unwrap();
        let packed = workshop.run(&["plugin", "pack", "raw.wasm", "--output", "x.wasm"]);
        assert_eq!(packed.code, 1, "{packed:?}");
        assert!(packed.stderr.contains(words), "{words}: {packed:?}");
    }
    let text = format!(
        "{}instructions = \"{}\"\n",
        manifest("shop", "1.0.0"),
        "x".repeat(20_000)
    );
    std::fs::write(workshop.path("plugin.toml"), text).unwrap();
    let packed = workshop.run(&["plugin", "pack", "raw.wasm", "--output", "x.wasm"]);
    assert!(
        packed.stderr.contains("at most 16384 are taken"),
        "{packed:?}"
    );
}

#[test]
fn inspect_answers_on_one_screen() {
    let asks = r#"
publisher = "Shop Ltd"
[[backends]]
name = "vbr"
purpose = "to read jobs"
requests = ["GET /api/v1/jobs/*"]
[asks.form]
reason = "to have orders confirmed"
[limits]
memory = "32 MiB"
"#;
    let table = r#"
[bindings.vbr01]
kind = "vbr"
url = "http://127.0.0.1:1"
allow = ["GET /api/**"]
read-only = true

[plugins.shop]
component = "shop.wasm"
grant = ["http"]
backends = { vbr = "vbr01" }
limits = { calls-per-second = 5 }
isolation = "per-principal"
reuse-calls = 7
"#;
    let deployment = deploy("echo", &(manifest("shop", "1.0.0") + asks), table);
    let screen = run(&deployment, &["plugin", "inspect", "shop.wasm"])
        .succeeded()
        .stdout;
    for line in [
        "shop 1.0.0",
        "says it is of Shop Ltd",
        "signature  signed by publisher `development` with the key ",
        "offers     tools",
        "  echo: ",
        "  http: to reach the backends below\n    here: granted",
        "  backend vbr: to read jobs\n    here: bound to vbr01, for reading only, which allows GET /api/**",
        "    GET /api/v1/jobs/*",
        "  form: to have orders confirmed\n    here: not granted (plugins.shop.grant)",
        "works well with memory 32 MiB",
        "limits here memory 64 MiB, host-memory 16 MiB, cpu-time 5 s, wall-time 60 s, concurrency 32, \
         queue 256, calls-per-second 5, result-size 4 MiB, continuation-size 64 KiB, log-size 256 KiB, max-entries 1000",
        "isolation here per-principal: up to 7 calls of the same principal in one instance, which ends when idle for 60 s",
    ] {
        assert!(screen.contains(line), "no {line:?} in\n{screen}");
    }
    assert!(
        screen.lines().count() <= 40,
        "more than a screen:\n{screen}"
    );
    let json = run(&deployment, &["plugin", "inspect", "shop.wasm", "--json"])
        .succeeded()
        .json();
    assert_eq!(json["taken"], true);
    let limits = json["limits"].as_object().unwrap();
    assert_eq!(limits.len(), 11, "{json}");
    assert_eq!(limits["wall-time"], "60 s", "{json}");
    assert_eq!(limits["calls-per-second"], "5", "{json}");
    let isolation = json["isolation"].as_str().unwrap();
    assert!(isolation.starts_with("per-principal: "), "{json}");
    assert_eq!(json["tools"].as_array().unwrap().len(), 5, "{json}");

    // What is not taken is shown, and not run.
    let workshop = Workshop::new();
    workshop.key("stranger");
    workshop.signed("strange.wasm", "shop", "2.0.0", "stranger");
    let file = workshop.path("strange.wasm").display().to_string();
    let screen = run(&deployment, &["plugin", "inspect", &file])
        .succeeded()
        .stdout;
    assert!(
        screen.contains("signature  NOT TAKEN: it is signed with the key "),
        "{screen}"
    );
    assert!(screen.contains("until then it is not run"), "{screen}");
}

/// Nothing else stands beside the table's own plugin.
#[test]
fn a_manifest_of_another_name_is_refused() {
    let deployment = shop("");
    let workshop = plugin("echo", &manifest("other", "1.0.0"));
    place(&deployment, &workshop.path("shop.wasm"));
    refused(&deployment, "is the plugin `other`");
}
