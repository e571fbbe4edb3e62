//! Whether requests and answers fit the vendor's own description of the API.
//!
//! The description is not part of this repository; it is looked for beside it, and without it nothing is checked. It
//! is the vendor's dialect of JSON Schema: `optional` in a property in place of `required`, booleans that are 0 and 1,
//! and texts that may be numbers.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::options::Flavour;
use crate::stats::Violation;

/// The description of one version.
#[derive(Debug)]
pub struct Checker {
    paths: Map<String, Value>,
}

impl Checker {
    /// The description of this version, if it is there.
    ///
    /// # Panics
    ///
    /// When it is there and cannot be used: a test must not take that for a skipped check.
    #[must_use]
    pub fn load(flavour: Flavour) -> Option<Self> {
        let name = match flavour {
            Flavour::V8 => "pve-8.4.5.json",
            Flavour::V7 | Flavour::V9 => return None,
        };
        let path = Self::folder().join(name);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => panic!("cannot read {}: {error}", path.display()),
        };
        match serde_json::from_slice(&text) {
            Ok(Value::Object(paths)) => Some(Self { paths }),
            Ok(_) => panic!("{} is not a map of paths", path.display()),
            Err(error) => panic!("{} is not JSON: {error}", path.display()),
        }
    }

    /// Where the descriptions are looked for: beside the workspace.
    #[must_use]
    pub fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/reference/schemas")
    }

    /// The description of one request.
    #[must_use]
    pub fn operation(&self, method: &str, template: &str) -> Option<&Value> {
        // One path has a blank of another name here.
        self.paths.get(template)?.get(method)
    }

    pub(crate) fn check(
        &self,
        method: &str,
        path: &str,
        template: &str,
        given: &BTreeMap<String, Vec<String>>,
        answer: &Answer,
    ) -> Vec<Violation> {
        let operation = format!("{method} {path}");
        let violation = |side, problem| Violation {
            side,
            operation: operation.clone(),
            problem,
        };
        let Some(described) = self.operation(method, template) else {
            return vec![violation("request", "is not described".to_owned())];
        };
        let mut problems = Vec::new();
        parameters(described, template, given, &mut problems);
        let mut all: Vec<_> = problems
            .into_iter()
            .map(|problem| violation("request", problem))
            .collect();
        if answer.status == 200
            && let Some(returns) = described.get("returns")
        {
            let data = answer
                .body
                .as_ref()
                .map_or(&Value::Null, |body| &body["data"]);
            let mut problems = Vec::new();
            value(returns, data, "data", &mut problems);
            all.extend(
                problems
                    .into_iter()
                    .map(|problem| violation("answer", problem)),
            );
        }
        all
    }
}

fn parameters(
    described: &Value,
    template: &str,
    given: &BTreeMap<String, Vec<String>>,
    problems: &mut Vec<String>,
) {
    let empty = Map::new();
    let known = described["parameters"]["properties"]
        .as_object()
        .unwrap_or(&empty);
    for (name, values) in given {
        let family = format!("{}[n]", name.trim_end_matches(|c: char| c.is_ascii_digit()));
        match known.get(name).or_else(|| known.get(&family)) {
            None => problems.push(format!("parameter `{name}` is not described")),
            Some(schema) => {
                for text in values {
                    parameter(schema, name, text, problems);
                }
            }
        }
    }
    for (name, schema) in known {
        let in_path = template.contains(&format!("{{{name}}}"));
        if !is_optional(schema) && !in_path && !given.contains_key(name) {
            problems.push(format!("parameter `{name}` is missing"));
        }
    }
}

fn is_optional(schema: &Value) -> bool {
    schema["optional"].as_i64() == Some(1) || schema["optional"] == "1"
}

fn parameter(schema: &Value, name: &str, text: &str, problems: &mut Vec<String>) {
    let fits = match schema["type"].as_str() {
        Some("integer") => text.parse::<i64>().is_ok(),
        Some("number") => text.parse::<f64>().is_ok(),
        Some("boolean") => matches!(text, "0" | "1"),
        _ => true,
    };
    if !fits {
        problems.push(format!(
            "parameter `{name}` is not {}: {text:?}",
            schema["type"]
        ));
    }
    if let Some(names) = schema["enum"].as_array()
        && !names.iter().any(|one| one == text)
    {
        problems.push(format!("parameter `{name}` has no value {text:?}"));
    }
    if let Some(longest) = schema["maxLength"].as_u64()
        && text.chars().count() as u64 > longest
    {
        problems.push(format!("parameter `{name}` is longer than {longest}"));
    }
}

fn value(schema: &Value, value_: &Value, at: &str, problems: &mut Vec<String>) {
    let kind = schema["type"].as_str();
    let fits = match (kind, value_) {
        (Some("integer"), Value::Number(number)) => number.is_i64() || number.is_u64(),
        // `/cluster/nextid` is described as a number and has always been a text.
        (Some("integer"), Value::String(text)) => text.parse::<i64>().is_ok(),
        (Some("boolean"), Value::Number(number)) => matches!(number.as_u64(), Some(0 | 1)),
        (Some("null"), Value::Null)
        | (Some("any") | None, _)
        | (Some("string"), Value::String(_) | Value::Number(_))
        | (Some("number"), Value::Number(_))
        | (Some("boolean"), Value::Bool(_)) => true,
        (Some("array"), Value::Array(items)) => {
            for (number, item) in items.iter().enumerate() {
                value(&schema["items"], item, &format!("{at}[{number}]"), problems);
            }
            true
        }
        (Some("object"), Value::Object(fields)) => {
            object(schema, fields, at, problems);
            true
        }
        _ => false,
    };
    if !fits {
        problems.push(format!("{at} is not {}: {value_}", schema["type"]));
    }
    if let (Some(names), Value::String(text)) = (schema["enum"].as_array(), value_)
        && !names.iter().any(|one| one == text)
    {
        problems.push(format!("{at} has no value {text:?}"));
    }
}

fn object(schema: &Value, fields: &Map<String, Value>, at: &str, problems: &mut Vec<String>) {
    let Some(known) = schema["properties"].as_object() else {
        return;
    };
    for (name, part) in known {
        match fields.get(name) {
            Some(field) => value(part, field, &format!("{at}.{name}"), problems),
            None if is_optional(part) || name.ends_with("[n]") => {}
            None => problems.push(format!("{at}.{name} is missing")),
        }
    }
}
