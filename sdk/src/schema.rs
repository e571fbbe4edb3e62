//! JSON Schemas (2020-12) of arguments and answers, without what only takes up the model's context.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

/// The name under which an answer that is no object stands in one.
pub(crate) const RESULT: &str = "result";

/// Nested types are written where they are used: many clients do not follow `$ref`. Recursive types still use `$defs`.
fn settings() -> SchemaSettings {
    let mut settings = SchemaSettings::draft2020_12();
    settings.meta_schema = None;
    settings.inline_subschemas = true;
    settings
}

/// The schema of arguments.
pub(crate) fn input<T: JsonSchema>() -> Value {
    let schema = trimmed(
        settings()
            .for_deserialize()
            .into_generator()
            .into_root_schema_for::<T>(),
    );
    closed(object_at_root(schema))
}

/// The schema of what is returned.
pub(crate) fn output<T: JsonSchema>() -> Value {
    trimmed(
        settings()
            .for_serialize()
            .into_generator()
            .into_root_schema_for::<T>(),
    )
}

/// The arguments of a tool that takes none.
pub(crate) fn no_arguments() -> Value {
    json!({"type": "object", "additionalProperties": false})
}

/// Drops the title that schemars makes of the Rust type's name, and what is no format of JSON Schema.
fn trimmed(schema: Schema) -> Value {
    let mut schema = schema.to_value();
    if let Some(object) = schema.as_object_mut() {
        object.remove("title");
    }
    drop_number_formats(&mut schema);
    schema
}

/// `double` and `uint32` say nothing: the bounds that matter stand beside them.
fn drop_number_formats(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.contains_key("type") && object.get("format").is_some_and(is_of_number) {
                object.remove("format");
            }
            object.values_mut().for_each(drop_number_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_number_formats),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_of_number(format: &Value) -> bool {
    format.as_str().is_some_and(|format| {
        matches!(format, "float" | "double") || format.trim_start_matches('u').starts_with("int")
    })
}

/// Refuses unknown arguments where the type does not say otherwise: a misspelt filter that is
/// silently ignored answers another question than the one that was asked.
fn closed(mut schema: Value) -> Value {
    const OPEN: [&str; 6] = [
        "additionalProperties",
        "unevaluatedProperties",
        "$ref",
        "allOf",
        "anyOf",
        "oneOf",
    ];
    if let Some(object) = schema.as_object_mut()
        && object.get("type") == Some(&json!("object"))
        && !OPEN.iter().any(|key| object.contains_key(*key))
    {
        object.insert("additionalProperties".into(), false.into());
    }
    schema
}

/// The schema of the structured content made of a value of this schema; none where there may be none.
pub(crate) fn of_answer(schema: Value) -> Option<Value> {
    let schema = object_at_root(schema);
    match schema.get("type")? {
        Value::String(kind) => match kind.as_str() {
            "object" => Some(schema),
            "string" | "null" => None,
            _ => Some(wrapped(schema)),
        },
        _ => None,
    }
}

/// Says that a choice between objects, as an enum with named fields is, is an object: clients look for that at the root.
fn object_at_root(mut schema: Value) -> Value {
    if schema.get("type").is_none() && all_objects(&schema) {
        schema["type"] = "object".into();
    }
    schema
}

fn all_objects(schema: &Value) -> bool {
    ["oneOf", "anyOf"]
        .iter()
        .filter_map(|key| schema.get(*key)?.as_array())
        .any(|choices| {
            choices
                .iter()
                .all(|choice| choice.get("type") == Some(&json!("object")))
        })
}

/// `$defs` stay at the root, where the references look for them.
fn wrapped(mut schema: Value) -> Value {
    let definitions = schema
        .as_object_mut()
        .and_then(|object| object.remove("$defs"));
    let mut outer = json!({"type": "object", "properties": {RESULT: schema}, "required": [RESULT]});
    if let Some(definitions) = definitions {
        outer["$defs"] = definitions;
    }
    outer
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::{Deserialize, Serialize};

    use super::*;

    /// Not for the model.
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Filter {
        /// The page to show.
        page: Option<Page>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Page {
        number: u32,
    }

    #[derive(Serialize, JsonSchema)]
    struct Tree {
        children: Vec<Tree>,
    }

    #[derive(Deserialize, Serialize, JsonSchema)]
    #[serde(tag = "kind")]
    enum Shape {
        Circle { radius: f64 },
        Square { side: f64 },
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Open {
        #[serde(flatten)]
        rest: HashMap<String, Value>,
    }

    #[test]
    fn arguments_are_inlined_closed_and_without_noise() {
        let schema = input::<Filter>();
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(
            schema["properties"]["page"]["description"],
            "The page to show."
        );
        for key in ["$schema", "$defs", "title"] {
            assert!(schema.get(key).is_none(), "{key} in {schema}");
        }
        let text = schema.to_string();
        assert!(!text.contains("$ref") && !text.contains("uint32"), "{text}");
    }

    #[test]
    fn arguments_that_take_anything_stay_open() {
        assert_ne!(input::<Open>()["additionalProperties"], false);
    }

    #[test]
    fn a_recursive_list_keeps_its_definitions_at_the_root() {
        let schema = of_answer(output::<Vec<Tree>>()).unwrap();
        assert_eq!(schema["type"], "object");
        assert!(schema["$defs"]["Tree"].is_object(), "{schema}");
        assert!(schema["properties"][RESULT].get("$defs").is_none());
    }

    #[test]
    fn an_enum_of_structs_is_an_object() {
        let schema = of_answer(output::<Shape>()).unwrap();
        assert_eq!(input::<Shape>()["type"], "object");
        assert_eq!(schema["type"], "object");
        assert_eq!(schema["oneOf"].as_array().unwrap().len(), 2);
    }
}
