//! JSON Schemas of tools: checked and compiled once, when a plugin is loaded.
//!
//! A schema is a plugin's word, so it is not trusted: it is bounded in size, reaches nothing outside itself, and
//! its patterns run in linear time. How much work a value would be is counted before it is checked ([`Effort`]).

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::plugin::Effort;

/// Largest schema, bytes of JSON.
const MAX_BYTES: usize = 256 * 1024;
/// Violations told at once.
const MAX_VIOLATIONS: usize = 5;
/// Longest text of one violation, bytes.
const MAX_TEXT: usize = 300;

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    /// As the plugin wrote it.
    pub json: Arc<Map<String, Value>>,
    /// Whether clients may repeat parts of a value in headers: there is an `x-mcp-header` in it (MCP 2026-07-28).
    pub mirrored: bool,
    validator: jsonschema::Validator,
    effort: Effort,
}

impl Schema {
    /// Parses and compiles a schema. The error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!(
                "has {} bytes; at most {MAX_BYTES} are taken",
                text.len()
            ));
        }
        let json: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| format!("is not a JSON object: {error}"))?;
        let schema = Value::Object(json);
        let effort = Effort::of(&schema)?;
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .offline()
            .build(&schema)
            .map_err(|error| format!("is not a JSON Schema: {}", cut(error.to_string())))?;
        let mirrored = schema.to_string().contains("\"x-mcp-header\"");
        let Value::Object(json) = schema else {
            unreachable!("made from a map three lines above")
        };
        Ok(Self {
            mirrored,
            json: Arc::new(json),
            validator,
            effort,
        })
    }

    /// Whether `value` fits. The error lists the first few violations, each with its place.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        self.effort.bears(value)?;
        if self.validator.is_valid(value) {
            return Ok(());
        }
        let violations: Vec<String> = self
            .validator
            .iter_errors(value)
            .take(MAX_VIOLATIONS)
            .map(|error| {
                let place = error.instance_path().to_string();
                let place = if place.is_empty() {
                    "the value itself"
                } else {
                    &place
                };
                cut(format!("at {place}: {error}"))
            })
            .collect();
        Err(violations.join("; "))
    }
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn violations_name_their_place() {
        let schema = Schema::parse(
            r#"{"type":"object","properties":{"id":{"type":"string"},"n":{"type":"integer"}},"required":["id"]}"#,
        )
        .expect("a schema");
        assert_eq!(schema.check(&json!({"id": "a"})), Ok(()));
        let violations = schema
            .check(&json!({"n": "x"}))
            .expect_err("two violations");
        assert!(
            violations.contains("at /n:") && violations.contains("\"id\" is a required property"),
            "{violations}"
        );
    }

    #[test]
    fn hostile_schemas_are_refused_or_harmless() {
        let refused = [
            "[]",
            "{",
            r#"{"type":"nonsense"}"#,
            r#"{"$ref":"http://169.254.169.254/latest"}"#,
            r#"{"$ref":"file:///etc/passwd"}"#,
            r##"{"$ref":"#/$defs/nowhere"}"##,
        ];
        for text in refused {
            assert!(Schema::parse(text).is_err(), "{text} was taken");
        }
        let deep = format!("{}1{}", r#"{"not":"#.repeat(5000), "}".repeat(5000));
        assert!(Schema::parse(&deep).is_err());
        // Exponential in a backtracking engine.
        let pattern = Schema::parse(r#"{"type":"string","pattern":"^(a+)+$"}"#).expect("a schema");
        assert!(
            pattern
                .check(&json!(format!("{}b", "a".repeat(50_000))))
                .is_err()
        );
    }

    /// Each definition is made of twice the one before, in ways that would tempt a compiler to unfold them.
    #[test]
    fn schemas_that_explode_are_refused_before_they_are_compiled() {
        let ways: [fn(Value) -> Value; 3] = [
            |before| json!({ "allOf": [before, before], "unevaluatedProperties": false }),
            |before| json!({ "anyOf": [before, before], "unevaluatedItems": false }),
            |before| json!({ "if": before, "then": before, "else": before, "unevaluatedProperties": before }),
        ];
        for way in ways {
            let mut schema =
                json!({ "$defs": { "a0": { "type": "object" } }, "$ref": "#/$defs/a60" });
            for step in 1..=60 {
                let before = json!({ "$ref": format!("#/$defs/a{}", step - 1) });
                schema["$defs"][format!("a{step}")] = way(before);
            }
            let refused = Schema::parse(&schema.to_string()).expect_err("too much");
            assert!(refused.contains("parts that it depends on"), "{refused}");
        }
    }
}
