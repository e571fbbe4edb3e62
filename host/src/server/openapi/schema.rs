//! A tool's JSON Schema as a part of an OpenAPI document.
//!
//! Inside a document `#` is the document and not the schema, so references are pointed to where their target now is;
//! definitions become components of their own, which is what generators of clients understand. Keywords that mean
//! something in OpenAPI and nothing in JSON Schema are dropped: a plugin must not be able to spoil the document.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Where definitions are, today and before 2019.
const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];
/// Keywords that change what `#` means, or where a reference leads depending on who asks.
const FOREIGN: [&str; 6] = [
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$recursiveAnchor",
    "$recursiveRef",
    "$id",
];
/// Keywords of OpenAPI's own vocabulary.
const OPENAPI: [&str; 3] = ["discriminator", "externalDocs", "xml"];

/// Keywords with one schema, with a list of them, and with schemas by name. Under all others there is data.
const ONE: [&str; 12] = [
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "additionalItems",
];
const LIST: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
const NAMED: [&str; 5] = [
    "$defs",
    "definitions",
    "dependentSchemas",
    "patternProperties",
    "properties",
];

/// The components that stand for a schema: itself as `name`, its definitions as `name.…`. A schema that cannot be moved
/// is replaced by one that allows every object: the host checks arguments and results against the original all the same.
pub(super) fn components(name: &str, schema: &Map<String, Value>) -> Vec<(String, Value)> {
    let mut root = schema.clone();
    root.remove("$schema");
    root.remove("$id");
    let mut moved = Moved::new(name, &root);
    let definitions: Vec<_> = DEFINITIONS
        .iter()
        .filter_map(|key| Some((*key, root.remove(*key)?)))
        .collect();
    let mut components = Vec::new();
    for (key, definitions) in definitions {
        let Value::Object(definitions) = definitions else {
            continue;
        };
        for (own, mut definition) in definitions {
            moved.fix(&mut definition);
            let place = moved.definitions.get(&(key, own)).cloned();
            components.extend(place.map(|place| (place, definition)));
        }
    }
    let mut root = Value::Object(root);
    moved.fix(&mut root);
    if moved.is_foreign {
        let free = json!({
            "type": "object",
            "description": "The schema of this object cannot be shown here; `GET /api/tools` has it.",
        });
        return vec![(name.to_owned(), free)];
    }
    components.push((name.to_owned(), root));
    components
}

/// Where the parts of a schema now are.
struct Moved<'a> {
    name: &'a str,
    /// By the keyword that holds it and its name there.
    definitions: BTreeMap<(&'static str, String), String>,
    /// It has something that cannot be moved.
    is_foreign: bool,
}

impl<'a> Moved<'a> {
    fn new(name: &'a str, root: &Map<String, Value>) -> Self {
        let mut definitions = BTreeMap::new();
        let mut taken = Vec::new();
        for key in DEFINITIONS {
            let names = root.get(key).and_then(Value::as_object);
            for own in names.into_iter().flat_map(Map::keys) {
                let clean: String = own
                    .chars()
                    .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
                    .collect();
                let mut place = format!("{name}.{clean}");
                while taken.contains(&place) {
                    place.push('_');
                }
                taken.push(place.clone());
                definitions.insert((key, own.clone()), place);
            }
        }
        Self {
            name,
            definitions,
            is_foreign: false,
        }
    }

    fn fix(&mut self, schema: &mut Value) {
        let Value::Object(keywords) = schema else {
            return;
        };
        self.is_foreign |= FOREIGN.iter().any(|key| keywords.contains_key(*key));
        keywords.retain(|key, _| !OPENAPI.contains(&key.as_str()));
        for (key, value) in keywords {
            let key = key.as_str();
            match value {
                Value::String(reference) if key == "$ref" => match self.place(reference) {
                    Some(place) => *reference = place,
                    None => self.is_foreign = true,
                },
                Value::Array(list) if LIST.contains(&key) => {
                    for schema in list {
                        self.fix(schema);
                    }
                }
                // Before 2020-12 `items` could be a list; there it means nothing now, and is data.
                Value::Object(named) if NAMED.contains(&key) => {
                    for schema in named.values_mut() {
                        self.fix(schema);
                    }
                }
                value if ONE.contains(&key) => self.fix(value),
                _ => {}
            }
        }
    }

    /// Where a reference leads now. `None`: out of the schema, or to an anchor.
    fn place(&self, reference: &str) -> Option<String> {
        let pointer = reference.strip_prefix('#')?;
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return None;
        }
        let decoded = percent_encoding::percent_decode_str(pointer)
            .decode_utf8()
            .ok()?;
        let mut steps = decoded.splitn(4, '/').skip(1);
        if let (Some(key), Some(own)) = (steps.next(), steps.next())
            && let Some(key) = DEFINITIONS.iter().find(|known| **known == key)
        {
            let own = own.replace("~1", "/").replace("~0", "~");
            let place = self.definitions.get(&(*key, own))?;
            // As it was written, not as it was decoded.
            let rest = pointer
                .splitn(4, '/')
                .nth(3)
                .map_or(String::new(), |rest| format!("/{rest}"));
            return Some(format!("#/components/schemas/{place}{rest}"));
        }
        Some(format!("#/components/schemas/{}{pointer}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(schema: &Value) -> Value {
        let components = components("x_input", schema.as_object().unwrap());
        Value::Object(components.into_iter().collect())
    }

    #[test]
    fn references_lead_to_where_their_target_is() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "https://plugin.example/schema",
            "type": "object",
            "properties": {
                "job": { "$ref": "#/$defs/Job" },
                "deep": { "$ref": "#/$defs/Job/properties/name" },
                "self": { "$ref": "#" },
                "like": { "$ref": "#/properties/job" },
                "odd": { "items": { "$ref": "#/$defs/a~1b%20c" } },
                "$ref": { "type": "string", "default": { "$ref": "#/$defs/Job" } },
            },
            "$defs": {
                "Job": {
                    "type": "object", "xml": 5, "discriminator": 7,
                    "properties": { "name": { "type": "string" }, "next": { "$ref": "#/$defs/Job" } },
                },
                "a/b c": { "enum": [{ "$ref": "#/x" }] },
            },
        });
        let expected = json!({
            "x_input": {
                "type": "object",
                "properties": {
                    "job": { "$ref": "#/components/schemas/x_input.Job" },
                    "deep": { "$ref": "#/components/schemas/x_input.Job/properties/name" },
                    "self": { "$ref": "#/components/schemas/x_input" },
                    "like": { "$ref": "#/components/schemas/x_input/properties/job" },
                    "odd": { "items": { "$ref": "#/components/schemas/x_input.a_b_c" } },
                    "$ref": { "type": "string", "default": { "$ref": "#/$defs/Job" } },
                },
            },
            "x_input.Job": {
                "type": "object",
                "properties": {
                    "name": { "type": "string" },
                    "next": { "$ref": "#/components/schemas/x_input.Job" },
                },
            },
            "x_input.a_b_c": { "enum": [{ "$ref": "#/x" }] },
        });
        assert_eq!(moved(&schema), expected);
    }

    #[test]
    fn definitions_of_the_same_clean_name_stay_apart() {
        let schema = json!({
            "properties": { "a": { "$ref": "#/$defs/x-y" }, "b": { "$ref": "#/definitions/x y" } },
            "$defs": { "x-y": { "const": 1 } },
            "definitions": { "x y": { "const": 2 } },
        });
        let moved = moved(&schema);
        let at = |name: &str| {
            let place = moved["x_input"]["properties"][name]["$ref"]
                .as_str()
                .unwrap();
            moved[place.rsplit('/').next().unwrap()]["const"].clone()
        };
        assert_eq!((at("a"), at("b")), (json!(1), json!(2)));
    }

    #[test]
    fn what_cannot_be_moved_is_left_out() {
        for foreign in [
            json!({ "properties": { "a": { "$id": "https://a.example", "type": "string" } } }),
            json!({ "$dynamicRef": "#node", "$dynamicAnchor": "node" }),
            json!({ "properties": { "a": { "$ref": "#anchor" } } }),
            json!({ "properties": { "a": { "$ref": "https://plugin.example/schema#/x" } } }),
            json!({ "properties": { "a": { "$ref": "#/$defs/nowhere" } } }),
        ] {
            let moved = moved(&foreign);
            assert_eq!(moved["x_input"]["type"], "object", "{foreign}");
            assert!(moved["x_input"].get("properties").is_none(), "{moved}");
        }
    }
}
