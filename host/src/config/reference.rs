//! The list of keys in `docs/configuration.md`, from the schema, so that page, schema and host cannot differ.

use std::fmt::Write as _;

use serde_json::Value;

use super::golden;
use super::inline;
use super::schema;

const BEGIN: &str = "<!-- begin: keys -->";
const END: &str = "<!-- end: keys -->";

#[test]
fn the_page_lists_every_key() {
    let path = golden::repository("docs/configuration.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    golden::check(&path, &format!("{before}{BEGIN}\n{}{END}{after}", keys()));
}

#[test]
fn the_committed_schema_is_the_hosts() {
    let mut text = serde_json::to_string_pretty(&schema::schema()).unwrap();
    text.push('\n');
    golden::check(&golden::repository("docs/toolward.schema.json"), &text);
}

/// What `shape` relies on: one type for each value, nothing to choose from.
#[test]
fn the_schema_is_of_the_simple_kind() {
    fn check(value: &Value, path: &str) {
        for keyword in ["anyOf", "oneOf", "allOf", "patternProperties"] {
            assert!(value.get(keyword).is_none(), "{keyword} at {path}");
        }
        assert!(!value["type"].is_array(), "several types at {path}");
        match value {
            Value::Object(fields) => {
                fields
                    .iter()
                    .for_each(|(name, field)| check(field, &format!("{path}/{name}")));
            }
            Value::Array(items) => items.iter().for_each(|item| check(item, path)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    check(schema::shared(), "");
}

/// Every key of every table in the order of the file.
fn keys() -> String {
    let mut text = String::new();
    for name in [
        "server",
        "auth",
        "runtime",
        "limits",
        "tenant-limits",
        "tenants",
        "jobs",
        "reload",
        "audit",
        "credentials",
        "bindings",
        "trust",
        "publishers",
        "plugins",
    ] {
        let table = &schema::shared()["properties"][name];
        match schema::follow(table)["additionalProperties"].as_object() {
            Some(_) => {
                let inner = &schema::follow(table)["additionalProperties"];
                section(&mut text, &format!("{name}.NAME"), table, inner);
            }
            None => section(&mut text, name, table, table),
        }
    }
    text
}

fn section(text: &mut String, path: &str, described: &'static Value, table: &'static Value) {
    let header = if schema::follow(described)["type"] == "array" {
        format!("[[{path}]]")
    } else {
        format!("[{path}]")
    };
    writeln!(
        text,
        "\n### `{header}`\n\n{}\n",
        described["description"].as_str().unwrap()
    )
    .unwrap();
    let table = schema::follow(table);
    let mut inner = Vec::new();
    for (name, key) in table["properties"].as_object().unwrap() {
        let required = table["required"]
            .as_array()
            .is_some_and(|names| names.contains(&name.as_str().into()));
        entry(text, name, key, required);
        let narrow = schema::follow(key);
        let parts = if narrow["type"] == "array" {
            &narrow["items"]
        } else {
            key
        };
        if schema::follow(parts)["properties"].is_object() {
            inner.push((name.clone(), key, parts));
        }
        let named = &narrow["additionalProperties"];
        if schema::follow(named)["properties"].is_object() {
            inner.push((format!("{name}.NAME"), key, named));
        }
    }
    // `limits` has a section of its own, and a renewal has the keys of a request.
    let repeated = |name: &str| {
        (path != "limits" && name == "limits") || name == "renewal" || name == "challenge"
    };
    for (name, described, parts) in inner.into_iter().filter(|(name, _, _)| !repeated(name)) {
        section(text, &format!("{path}.{name}"), described, parts);
    }
}

fn entry(text: &mut String, name: &str, key: &'static Value, required: bool) {
    let meaning = key["description"].as_str().unwrap().replace('\n', " ");
    let mut facts = vec![kind(key)];
    if required {
        facts.push("required".to_owned());
    }
    if let Some(default) = key.get("default") {
        facts.push(format!("default `{}`", inline::value(default)));
    }
    writeln!(text, "- **`{name}`** ({}): {meaning}", facts.join(", ")).unwrap();
    if let Some(example) = key["examples"].get(0) {
        writeln!(text, "  Example: `{name} = {}`", inline::value(example)).unwrap();
    }
}

fn kind(key: &'static Value) -> String {
    let narrow = schema::follow(key);
    let format = key["format"].as_str().or(narrow["format"].as_str());
    if let Some(choices) = narrow["enum"].as_array() {
        let choices: Vec<_> = choices
            .iter()
            .map(|choice| format!("`{}`", inline::value(choice)))
            .collect();
        return choices.join(" or ");
    }
    match (narrow["type"].as_str(), format) {
        (Some("string"), Some("size")) => "size".to_owned(),
        (Some("string"), Some("duration-text")) => "duration".to_owned(),
        (Some("string"), Some(format)) => format.to_owned(),
        (Some("string"), None) => "text".to_owned(),
        (Some("integer"), _) => "number".to_owned(),
        (Some("boolean"), _) => "true or false".to_owned(),
        (Some("array"), _) => format!("list of {}", plural(&kind(&narrow["items"]))),
        (Some("object"), _) => "table".to_owned(),
        (_, _) => "any value".to_owned(),
    }
}

fn plural(kind: &str) -> String {
    if kind.ends_with(['`', 't']) {
        kind.replace("text", "texts")
    } else {
        format!("{kind}s")
    }
}

/// The page's own examples are configurations: no example may be wrong.
#[test]
fn the_examples_of_the_page_are_correct() {
    let page = std::fs::read_to_string(golden::repository("docs/configuration.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let examples = page
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split_once("```").unwrap().0);
    let mut seen = 0;
    for example in examples {
        let path = folder.path().join("toolward.toml");
        std::fs::write(&path, example).unwrap();
        let env = |name: &str| {
            ["HOME", "VBR_USERNAME"]
                .contains(&name)
                .then(|| "/home/op".into())
        };
        let checked = super::check(&path, &env, &super::Overrides::default());
        assert!(checked.is_ok(), "{example}\n{}", checked.unwrap_err());
        seen += 1;
    }
    assert_eq!(seen, 7);
}
