//! `GET /openapi.json`: valid, complete, for its reader.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use e2e::Deployment;
use e2e::issuer::Issuer;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Cx, HTTP, new_token, python, tables};

/// Against the metaschema of OpenAPI 3.1, schemas included.
const VALIDATE: &str = "
import json, sys
from openapi_spec_validator import OpenAPIV31SpecValidator
errors = [f'{list(e.absolute_path)}: {e.message}' for e in OpenAPIV31SpecValidator(json.load(sys.stdin)).iter_errors()]
print('\\n'.join(errors))
";

const METHODS: [&str; 4] = ["get", "post", "delete", "put"];

async fn validate(document: &Value) {
    let errors = python(VALIDATE, &document.to_string()).await;
    assert_eq!(errors.trim(), "", "{document:#}");
}

/// By their ids: method and path.
fn operations(document: &Value) -> BTreeMap<String, (String, String)> {
    let mut operations = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if !METHODS.contains(&method.as_str()) {
                continue;
            }
            let id = operation["operationId"].as_str().unwrap().to_owned();
            let before = operations.insert(id.clone(), (method.clone(), path.clone()));
            assert_eq!(before, None, "{id} twice");
        }
    }
    operations
}

/// A host with an authorization server, metrics and jobs: with every route there is.
async fn with_everything(issuer: &Issuer, more: &str) -> Cx {
    let tables = format!(
        r#"
[auth.oauth]
issuer = "{}"
resource = "https://tools.example/mcp"
ca-file = "issuer.pem"
{more}
"#,
        issuer.url()
    );
    let deployment = Deployment::new(&tables);
    deployment.write("issuer.pem", issuer.ca_pem());
    Cx::start(deployment).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_validates_whatever_plugins_offer() {
    let plugins = [
        ("interface", ""),
        ("conformance", ""),
        ("jobs", ""),
        ("backup-jobs", ""),
    ];
    let cx = Cx::with(&plugins).await;
    let document = cx.json("/openapi.json").await;
    validate(&document).await;
    assert_eq!(document["servers"], json!([{ "url": cx.root() }]));
    let operations = operations(&document);
    let listed = cx.json("/api/tools").await;
    for tool in listed["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        let expected = ("post".to_owned(), format!("/api/tools/{name}"));
        assert_eq!(operations.get(name), Some(&expected), "{name}");
        // The schemas are the tool's own.
        let schemas = &document["components"]["schemas"];
        let input = &schemas[format!("{name}_input")];
        assert_eq!(
            input["properties"].is_null(),
            tool["inputSchema"]["properties"].is_null()
        );
    }
    let sum = &document["components"]["schemas"]["add_output"]["properties"]["sum"];
    assert_eq!(sum["type"], "number", "{document:#}");
}

/// The host's own routes, as they are for a host without plugins: read its changes as those of code.
#[tokio::test(flavor = "multi_thread")]
async fn the_committed_document_is_the_hosts() {
    let issuer = Issuer::start().await;
    let (token, table) = new_token("reader", &["tools:call"]);
    let cx = with_everything(&issuer, &table).await;
    let request = cx.get("/openapi.json").bearer_auth(&token);
    let document: Value = request.send().await.unwrap().json().await.unwrap();
    validate(&document).await;
    let text = serde_json::to_string_pretty(&document).unwrap();
    let text = format!("{}\n", text.replace(issuer.url(), "https://login.example"));
    let path = e2e::repository().join("docs/openapi.json");
    #[expect(clippy::disallowed_methods, reason = "how tests are told to update")]
    let is_update = std::env::var_os("TOOLWARD_UPDATE").is_some();
    if is_update {
        fs::write(&path, &text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/openapi.json is stale: run the test with TOOLWARD_UPDATE=1\n{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_in_it_and_everything_in_it_is_a_route() {
    let issuer = Issuer::start().await;
    let (token, table) = new_token("all", &["tools:call", "jobs:read", "jobs:cancel", "admin"]);
    let more = format!("{table}\n{}", tables(&[("echo", "")]));
    let cx = with_everything(&issuer, &more).await;
    let request = cx.get("/openapi.json").bearer_auth(&token);
    let document: Value = request.send().await.unwrap().json().await.unwrap();
    let paths = document["paths"].as_object().unwrap();

    for (method, path) in operations(&document).into_values() {
        let made_up = path.replace("{id}", "0123456789abcdef0123456789abcdef");
        let method: Method = method.to_uppercase().parse().unwrap();
        let request = cx.request(method.clone(), &made_up).bearer_auth(&token);
        let response = request.send().await.unwrap();
        let status = response.status();
        let body = response.text().await.unwrap();
        assert_ne!(status, 405, "{method} {path}");
        assert!(
            !body.contains("there is nothing here"),
            "{method} {path}: {body}"
        );
        // What it answers is in it, too.
        let operation = &paths[&path][method.as_str().to_lowercase()];
        let known = &operation["responses"][status.as_str()];
        assert!(known.is_object(), "{method} {path}: {status} {body}");
    }

    let mut routes = BTreeSet::new();
    for entry in fs::read_dir(e2e::repository().join("host/src/server")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let words: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in words.split(".route(").skip(1) {
            let literal = part.trim_start().strip_prefix('"');
            routes.extend(
                literal
                    .and_then(|rest| rest.split('"').next())
                    .map(str::to_owned),
            );
        }
    }
    assert!(
        routes.len() > 10,
        "only {routes:?} were found: does this look at anything?"
    );
    for route in routes {
        let is_part_of_the_pages = route.starts_with("/docs/");
        let is_there = paths.contains_key(&route) || route == "/api/tools/{*tool}";
        assert!(
            is_there || is_part_of_the_pages,
            "{route} is not in the document"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_for_its_reader() {
    let (all, all_table) = new_token("all", &["tools:call"]);
    let (echo, echo_table) = new_token("echo-only", &["tools:call:echo"]);
    let plugins = tables(&[("echo", ""), ("hostile", HTTP)]);
    let deployment = Deployment::new(&format!("{all_table}\n{echo_table}\n{plugins}"));
    let text = fs::read_to_string(deployment.config()).unwrap();
    let public = "[server]\npublic-url = \"https://tools.example/team/\"";
    deployment.write("toolward.toml", &text.replace("[server]", public));
    let cx = Cx::start(deployment).await;
    let document = async |token: &str| -> Value {
        let request = cx.get("/openapi.json").bearer_auth(token);
        request.send().await.unwrap().json().await.unwrap()
    };
    let (all, echo) = (document(&all).await, document(&echo).await);
    assert!(all.to_string().contains("hostile_loop"));
    assert!(echo["paths"]["/api/tools/echo"].is_object());
    assert!(!echo.to_string().contains("hostile"), "{echo:#}");
    assert_eq!(
        all["servers"],
        json!([{ "url": "https://tools.example/team" }])
    );
    assert_eq!(all["security"], json!([{ "bearer": [] }]));
    // Pages under that name come from here.
    let page = cx.get("/docs").header("host", "tools.example");
    let page = page.header("origin", "https://tools.example").send().await;
    assert_eq!(page.unwrap().status(), 200);
    let nobody = cx.get("/openapi.json").send().await.unwrap();
    assert_eq!(nobody.status(), 401);
}
