//! A plugin's settings: the operator's values against the schema that the manifest has for them.

use serde_json::{Map, Value};

use super::effort::Effort;
use crate::config;

/// Largest schema, bytes of JSON.
const MAX_SCHEMA: usize = 64 * 1024;
/// Violations told at once.
const MAX_VIOLATIONS: usize = 10;
/// Longest text of one, bytes.
const MAX_TEXT: usize = 300;

/// Compiles a schema that a stranger wrote: it reaches nothing outside itself, and its patterns run in linear time.
pub(super) fn compile(schema: &Map<String, Value>) -> Result<jsonschema::Validator, String> {
    let schema = Value::Object(schema.clone());
    let size = schema.to_string().len();
    if size > MAX_SCHEMA {
        return Err(format!("has {size} bytes; at most {MAX_SCHEMA} are taken"));
    }
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .offline()
        .build(&schema)
        .map_err(|error| format!("is not a JSON Schema: {}", cut(error.to_string())))
}

/// What does not fit, each with its place in the file. Empty: all fits.
pub(super) fn violations(
    schema: &Map<String, Value>,
    plugin: &config::Plugin,
) -> Result<Vec<String>, String> {
    let validator = compile(schema)?;
    let settings = Value::Object(plugin.settings.clone());
    if let Err(problem) = Effort::of(&Value::Object(schema.clone()))?.bears(&settings) {
        return Ok(vec![problem]);
    }
    Ok(validator
        .iter_errors(&settings)
        .take(MAX_VIOLATIONS)
        .map(|error| {
            let pointer = error.instance_path().to_string();
            let keys: Vec<String> = pointer
                .split('/')
                .skip(1)
                .map(|key| key.replace("~1", "/").replace("~0", "~"))
                .collect();
            let place = plugin.settings_places.of(&keys);
            cut(format!("{place}: {error}"))
        })
        .collect())
}

fn cut(mut text: String) -> String {
    text.retain(|c| !c.is_control());
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        text.push('…');
    }
    text
}
