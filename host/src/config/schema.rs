//! The JSON Schema of `toolward.toml`, generated from [`raw`](super::raw).
//!
//! It is also what the file's shape is checked against, so the published schema cannot say anything else than the
//! host does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::Value;

use super::raw;

static SCHEMA: LazyLock<Value> = LazyLock::new(generate);

/// The JSON Schema (2020-12) of `toolward.toml`.
#[must_use]
pub fn schema() -> Value {
    SCHEMA.clone()
}

pub(super) fn shared() -> &'static Value {
    &SCHEMA
}

fn generate() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = Some("https://json-schema.org/draft/2020-12/schema".into());
    });
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<raw::File>();
    RecursiveTransform(without_null).transform(&mut schema);
    schema.insert("title".to_owned(), "toolward.toml".into());
    sorted(&schema.to_value())
}

/// With the keys in alphabetical order, whatever features of `serde_json` somebody else in the build turns on.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields
                .iter()
                .map(|(name, field)| (name.clone(), sorted(field)))
                .collect();
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// TOML has no null: what schemars says of an `Option` is taken back.
fn without_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    let Some(Value::Array(choices)) = object.get("anyOf") else {
        return;
    };
    let choices: Vec<_> = choices
        .iter()
        .filter(|choice| choice["type"] != "null")
        .cloned()
        .collect();
    if let [Value::Object(only)] = choices.as_slice() {
        object.remove("anyOf");
        object.extend(only.clone());
    }
}

/// Follows `$ref`, if the schema is one.
pub(super) fn follow(schema: &'static Value) -> &'static Value {
    match schema["$ref"]
        .as_str()
        .and_then(|reference| reference.strip_prefix('#'))
    {
        Some(pointer) => shared().pointer(pointer).unwrap_or(schema),
        None => schema,
    }
}

/// The schema of a key of a table: `None` where there is no such key.
pub(super) fn child(table: &'static Value, key: &str) -> Option<&'static Value> {
    let table = follow(table);
    if is_free(table) {
        return Some(table);
    }
    if let Some(schema) = table["properties"].get(key) {
        return Some(schema);
    }
    match &table["additionalProperties"] {
        Value::Null | Value::Bool(false) => None,
        schema => Some(schema),
    }
}

/// Whether any JSON goes.
pub(super) fn is_free(schema: &Value) -> bool {
    match schema {
        Value::Bool(free) => *free,
        Value::Object(schema) => !["type", "$ref", "enum", "const"]
            .iter()
            .any(|keyword| schema.contains_key(*keyword)),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => false,
    }
}

/// The keys that a table may have, where they are fixed.
pub(super) fn keys(table: &'static Value) -> impl Iterator<Item = &'static str> {
    let properties = follow(table)["properties"].as_object();
    properties
        .into_iter()
        .flat_map(|properties| properties.keys().map(String::as_str))
}

/// Whether any table has such a key.
pub(super) fn is_known_anywhere(key: &str) -> bool {
    static KEYS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let mut keys = BTreeSet::new();
        collect(shared(), &mut keys);
        keys
    });
    KEYS.contains(key)
}

fn collect(schema: &Value, keys: &mut BTreeSet<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        keys.extend(properties.keys().cloned());
    }
    if let Some(fields) = schema.as_object() {
        fields.values().for_each(|field| collect(field, keys));
    }
}
