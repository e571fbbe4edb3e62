//! Schemas of `OpenAPI` 3.0 as JSON Schema 2020-12.
//!
//! Three things need more than a change of spelling:
//!
//! - `nullable` becomes a type, or an alternative.
//! - A discriminator decides which of the alternatives is meant. The vendor's base schemas list their
//!   children under `oneOf`, and the children include the base under `allOf`: taken literally, a
//!   validator never comes to an end. So a base becomes a choice by the discriminator's value, and its
//!   children include it without that choice.
//! - Objects are closed: a property that the schema does not name is an error. What is included by
//!   `allOf` stays open, and `unevaluatedProperties` closes the whole.

use serde_json::{Map, Value, json};

const COMPONENTS: &str = "#/components/schemas/";

/// A schema with everything it refers to.
pub(super) fn self_contained(schema: &Value, components: &Value) -> Value {
    let mut definitions = Map::new();
    let root = convert(schema, components, None, Closing::Closed);
    let mut wanted = references(&root);
    while let Some(name) = wanted.pop() {
        if definitions.contains_key(&name) {
            continue;
        }
        let converted = definition(&name, components);
        wanted.extend(references(&converted));
        definitions.insert(name, converted);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "allOf": [root],
        "$defs": definitions,
    })
}

/// Whether an object may have properties that its schema does not name.
#[derive(Clone, Copy, PartialEq)]
enum Closing {
    Closed,
    /// It is a part of a whole that is closed as a whole.
    Open,
}

/// The ways in which a component is referred to are part of the definition's name.
const PART: &str = ".part";
const BASE: &str = ".base";

fn definition(name: &str, components: &Value) -> Value {
    if let Some(own) = name.strip_suffix(BASE) {
        let mut schema = components[own].clone();
        if let Value::Object(schema) = &mut schema {
            schema.remove("oneOf");
            schema.remove("discriminator");
        }
        return convert(&schema, components, Some(own), Closing::Open);
    }
    let (own, closing) = match name.strip_suffix(PART) {
        Some(own) => (own, Closing::Open),
        None => (name, Closing::Closed),
    };
    let schema = &components[own];
    match &schema["discriminator"] {
        Value::Object(discriminator) => choice(own, discriminator, closing),
        _ => convert(schema, components, Some(own), closing),
    }
}

/// The base's own properties, and the child that the discriminator names.
fn choice(name: &str, discriminator: &Map<String, Value>, closing: Closing) -> Value {
    let property = discriminator
        .get("propertyName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mapping = discriminator.get("mapping").and_then(Value::as_object);
    let cases: Vec<(&String, String)> = mapping
        .into_iter()
        .flatten()
        .filter_map(|(value, target)| Some((value, component(target.as_str()?)?)))
        .collect();
    let values: Vec<&String> = cases.iter().map(|(value, _)| *value).collect();
    let mut all = vec![
        json!({ "$ref": format!("#/$defs/{name}{BASE}") }),
        json!({ "required": [property], "properties": { property: { "enum": values } } }),
    ];
    let suffix = if closing == Closing::Open { PART } else { "" };
    all.extend(cases.iter().map(|(value, child)| {
        json!({
            "if": { "required": [property], "properties": { property: { "const": value } } },
            "then": { "$ref": format!("#/$defs/{child}{suffix}") },
        })
    }));
    json!({ "allOf": all })
}

fn component(reference: &str) -> Option<String> {
    reference.strip_prefix(COMPONENTS).map(str::to_owned)
}

/// `within` is the component that the schema stands in, if it is one of its own `allOf`.
fn convert(schema: &Value, components: &Value, within: Option<&str>, closing: Closing) -> Value {
    let Value::Object(schema) = schema else {
        return schema.clone();
    };
    // In 3.0, nothing beside a reference counts.
    if let Some(name) = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(component)
    {
        let is_base = within.is_some_and(|child| is_child(&components[&name], child));
        let suffix = match closing {
            Closing::Open if is_base => BASE,
            Closing::Open => PART,
            Closing::Closed => "",
        };
        return json!({ "$ref": format!("#/$defs/{name}{suffix}") });
    }
    let mut converted = Map::new();
    for (keyword, value) in schema {
        match keyword.as_str() {
            "properties" => {
                let properties = value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, schema)| {
                        (
                            name.clone(),
                            convert(schema, components, None, Closing::Closed),
                        )
                    });
                // What is required is known, even where the document forgets to describe it.
                let required = schema.get("required").and_then(Value::as_array);
                let forgotten = required
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .filter(|name| value.get(name).is_none())
                    .map(|name| (name.to_owned(), json!({})));
                let own = !schema.contains_key("allOf");
                let properties: Map<String, Value> =
                    properties.chain(forgotten.filter(|_| own)).collect();
                converted.insert(keyword.clone(), Value::Object(properties));
            }
            "items" => {
                let items = convert(value, components, None, Closing::Closed);
                converted.insert(keyword.clone(), items);
            }
            "allOf" | "anyOf" | "oneOf" => {
                let parts = value.as_array().into_iter().flatten();
                let parts = parts.map(|part| convert(part, components, within, Closing::Open));
                converted.insert(keyword.clone(), parts.collect());
            }
            // Local times without a zone, such as `4:00`, which JSON Schema's `time` is not.
            "format" if value == "time" => {}
            "type" | "required" | "enum" | "format" | "minimum" | "maximum" | "minLength"
            | "maxLength" | "minItems" | "maxItems" | "uniqueItems" | "pattern" => {
                converted.insert(keyword.clone(), value.clone());
            }
            // Titles, examples, extensions; `nullable` is dealt with below.
            _ => {}
        }
    }
    let has_shape = converted.contains_key("properties") || converted.contains_key("allOf");
    if closing == Closing::Closed && has_shape {
        converted.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
    }
    let converted = Value::Object(converted);
    if schema.get("nullable") == Some(&Value::Bool(true)) {
        return json!({ "anyOf": [{ "type": "null" }, converted] });
    }
    converted
}

fn is_child(base: &Value, child: &str) -> bool {
    let mapping = base["discriminator"]["mapping"].as_object();
    mapping
        .into_iter()
        .flatten()
        .any(|(_, target)| target.as_str().and_then(component).as_deref() == Some(child))
}

fn references(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match (name.as_str(), value) {
                ("$ref", Value::String(target)) => target
                    .strip_prefix("#/$defs/")
                    .map(str::to_owned)
                    .into_iter()
                    .collect(),
                _ => references(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A base and its children, as the vendor writes them.
    fn components() -> Value {
        json!({
            "Pet": {
                "type": "object",
                "required": ["kind"],
                "properties": { "kind": { "type": "string", "enum": ["Cat", "Dog", "Fish"] } },
                "oneOf": [{ "$ref": "#/components/schemas/Cat" }, { "$ref": "#/components/schemas/Dog" }],
                "discriminator": {
                    "propertyName": "kind",
                    "mapping": { "Cat": "#/components/schemas/Cat", "Dog": "#/components/schemas/Dog" },
                },
            },
            "Cat": { "allOf": [
                { "$ref": "#/components/schemas/Pet" },
                { "type": "object", "required": ["lives"], "properties": { "lives": { "type": "integer" } } },
            ] },
            "Dog": { "allOf": [
                { "$ref": "#/components/schemas/Pet" },
                { "type": "object", "properties": {
                    "friend": { "$ref": "#/components/schemas/Pet" },
                    "name": { "type": "string", "nullable": true },
                    "born": { "type": "string", "format": "date-time" },
                } },
            ] },
        })
    }

    fn check(value: &Value, fits: bool) {
        let schema = json!({ "$ref": "#/components/schemas/Pet" });
        let schema = self_contained(&schema, &components());
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .build(&schema)
            .unwrap();
        assert_eq!(validator.is_valid(value), fits, "{value}");
    }

    #[test]
    fn the_discriminator_chooses_the_child() {
        check(&json!({ "kind": "Cat", "lives": 9 }), true);
        check(&json!({ "kind": "Cat" }), false);
        check(&json!({ "kind": "Dog" }), true);
        check(&json!({ "kind": "Fish" }), false);
        check(&json!({ "lives": 9 }), false);
    }

    #[test]
    fn a_recursive_choice_ends_and_is_checked_inside() {
        check(
            &json!({ "kind": "Dog", "friend": { "kind": "Cat", "lives": 1 } }),
            true,
        );
        check(
            &json!({ "kind": "Dog", "friend": { "kind": "Cat" } }),
            false,
        );
    }

    #[test]
    fn unknown_properties_are_errors() {
        check(&json!({ "kind": "Cat", "lives": 9, "live": 8 }), false);
        check(&json!({ "kind": "Dog", "lives": 9 }), false);
    }

    #[test]
    fn null_is_a_value_only_where_it_is_allowed() {
        check(&json!({ "kind": "Dog", "name": null }), true);
        check(&json!({ "kind": "Dog", "friend": null }), false);
    }

    #[test]
    fn formats_are_checked() {
        check(
            &json!({ "kind": "Dog", "born": "2026-11-20T22:00:04+02:00" }),
            true,
        );
        check(&json!({ "kind": "Dog", "born": "yesterday" }), false);
    }
}
