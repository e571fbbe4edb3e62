//! One tool as a person wants to know it: what it does, what it takes, how to call it.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::catalog::Tool;

/// The text.
pub(super) fn tool(tool: &Tool) -> String {
    let mut text = tool.name.clone();
    if let Some(title) = &tool.title {
        let _ = write!(text, ": {title}");
    }
    let manifest = &tool.plugin.manifest;
    let _ = writeln!(
        text,
        "\nplugin {} {}; {}",
        manifest.name,
        manifest.version,
        effects(tool)
    );
    let _ = writeln!(text, "\n{}", tool.description.trim_end());
    let schema = &*tool.input.json;
    let arguments = arguments(schema);
    if !arguments.is_empty() {
        text.push_str("\nArguments:\n");
    }
    let width = arguments.iter().map(|one| one.name.len()).max();
    let width = width.unwrap_or(0);
    for one in &arguments {
        let needed = if one.required { ", required" } else { "" };
        let _ = writeln!(text, "  {:width$}  {}{needed}", one.name, one.kind);
        for line in one.description.lines() {
            let _ = writeln!(text, "  {:width$}    {line}", "");
        }
    }
    let _ = write!(text, "\nExample:\n  {}", example(&tool.name, &arguments));
    text
}

/// What it says of itself; where it says nothing, what MCP has people assume.
fn effects(tool: &Tool) -> String {
    let hints = &tool.hints;
    if hints.read_only == Some(true) {
        return "only reads".to_owned();
    }
    let mut effects = vec![match hints.destructive {
        Some(false) => "changes things, destroys nothing",
        Some(true) => "may destroy things",
        None => "does not say whether it destroys things",
    }];
    if hints.idempotent == Some(true) {
        effects.push("calling it again changes nothing more");
    }
    effects.join("; ")
}

/// One argument.
#[derive(Debug, PartialEq)]
struct Argument {
    name: String,
    kind: String,
    description: String,
    required: bool,
    example: Value,
}

/// Those that are required first.
fn arguments(schema: &Map<String, Value>) -> Vec<Argument> {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut arguments: Vec<Argument> = properties
        .into_iter()
        .flatten()
        .map(|(name, property)| {
            let property = Property { schema, property };
            Argument {
                name: name.clone(),
                kind: property.kind(),
                description: property.text("description"),
                required: required.contains(&name.as_str()),
                example: property.example(),
            }
        })
        .collect();
    arguments.sort_by_key(|one| !one.required);
    arguments
}

/// A part of a schema, with the whole, which it may refer to.
#[derive(Clone, Copy)]
struct Property<'a> {
    schema: &'a Map<String, Value>,
    property: &'a Value,
}

/// References and alternatives that are looked through; a schema may refer to itself.
const DEPTH: usize = 8;

impl<'a> Property<'a> {
    fn text(self, key: &str) -> String {
        let own = self.property[key].as_str();
        let meant = || self.meant().property[key].as_str();
        own.or_else(meant).unwrap_or_default().to_owned()
    }

    /// What a reference stands for, and what is left of an alternative when `null` is taken away.
    fn meant(self) -> Self {
        let mut this = self;
        for _ in 0..DEPTH {
            let next = match this.property["$ref"].as_str() {
                Some(reference) => this.referred(reference),
                None => this.only_alternative(),
            };
            match next {
                Some(property) => this.property = property,
                None => break,
            }
        }
        this
    }

    fn referred(self, reference: &str) -> Option<&'a Value> {
        let name = reference.strip_prefix("#/$defs/")?;
        self.schema.get("$defs")?.get(name)
    }

    fn only_alternative(self) -> Option<&'a Value> {
        let all = ["anyOf", "oneOf"]
            .into_iter()
            .find_map(|key| self.property[key].as_array())?;
        let mut others = all.iter().filter(|one| one["type"] != "null");
        let first = others.next()?;
        (others.next().is_none() && all.len() > 1).then_some(first)
    }

    fn kind(self) -> String {
        let meant = self.meant();
        let property = meant.property;
        let mut kind = meant.name();
        let choices = meant.choices();
        if !choices.is_empty() {
            kind = format!("one of {}", choices.join(", "));
        }
        match (&property["minimum"], &property["maximum"]) {
            (Value::Null, Value::Null) => {}
            (least, Value::Null) => kind = format!("{kind}, at least {least}"),
            (Value::Null, most) => kind = format!("{kind}, at most {most}"),
            (least, most) => kind = format!("{kind}, {least} to {most}"),
        }
        let default = Some(&self.property["default"]).filter(|default| !default.is_null());
        match default.or_else(|| property.get("default")) {
            None | Some(Value::Null) => kind,
            Some(default) => format!("{kind}, default {default}"),
        }
    }

    /// The name of its type.
    fn name(self) -> String {
        let name = |name: &str| match name {
            "array" => {
                let items = Self {
                    property: &self.property["items"],
                    ..self
                };
                format!("list of {}", items.meant().name())
            }
            other => other.to_owned(),
        };
        match &self.property["type"] {
            Value::String(one) => name(one),
            Value::Array(several) => {
                let names = several.iter().filter_map(Value::as_str);
                let names: Vec<String> = names.filter(|one| *one != "null").map(name).collect();
                names.join(" or ")
            }
            _ => "any".to_owned(),
        }
    }

    /// The values to choose from, as JSON.
    fn choices(self) -> Vec<String> {
        let listed = self.property["enum"].as_array().into_iter().flatten();
        let constants = self.property["oneOf"].as_array().into_iter().flatten();
        let constants = constants.filter_map(|one| one.get("const"));
        listed
            .chain(constants)
            .filter(|value| !value.is_null())
            .map(Value::to_string)
            .collect()
    }

    /// A value of the right type.
    fn example(self) -> Value {
        let meant = self.meant();
        let property = meant.property;
        let choices = property["enum"].as_array().and_then(|all| all.first());
        let constant = || property["oneOf"][0].get("const");
        if let Some(value) = choices.or_else(constant) {
            return value.clone();
        }
        let name = match &property["type"] {
            Value::Array(several) => several.first().and_then(Value::as_str),
            other => other.as_str(),
        };
        match name {
            Some("integer" | "number") => property.get("minimum").cloned().unwrap_or(json!(1)),
            Some("boolean") => json!(true),
            Some("array") => json!([]),
            Some("object") => json!({}),
            _ => json!("…"),
        }
    }
}

/// A call with what is required.
fn example(tool: &str, arguments: &[Argument]) -> String {
    let required = arguments.iter().filter(|one| one.required);
    let values: Map<String, Value> = required
        .map(|one| (one.name.clone(), one.example.clone()))
        .collect();
    if values.is_empty() {
        return format!("toolward call {tool}");
    }
    let text = Value::Object(values).to_string().replace('\'', r"'\''");
    format!("toolward call {tool} --args '{text}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_told_in_words() {
        let schema = json!({
            "type": "object",
            "properties": {
                "limit": { "type": ["integer", "null"], "minimum": 1, "maximum": 500, "default": 50 },
                "state": { "anyOf": [{ "$ref": "#/$defs/State" }, { "type": "null" }] },
                "ids": { "type": "array", "items": { "$ref": "#/$defs/Id" }, "description": "Which\nones" },
                "who": { "$ref": "#/$defs/Loop" },
                "any": true,
            },
            "required": ["ids"],
            "$defs": {
                "Id": { "type": "string" },
                "State": { "type": "string", "enum": ["on", "off"], "description": "Its state" },
                "Loop": { "$ref": "#/$defs/Loop" },
            },
        });
        let told = arguments(schema.as_object().expect("an object"));
        let told: Vec<_> = told
            .iter()
            .map(|one| (&*one.name, &*one.kind, &*one.description, one.required))
            .collect();
        assert_eq!(
            told,
            [
                ("ids", "list of string", "Which\nones", true),
                ("any", "any", "", false),
                ("limit", "integer, 1 to 500, default 50", "", false),
                ("state", "one of \"on\", \"off\"", "Its state", false),
                ("who", "any", "", false),
            ]
        );
    }

    #[test]
    fn an_example_can_be_pasted() {
        let schema = json!({
            "properties": { "a": { "type": "number" }, "b": { "enum": ["it's"] }, "c": {} },
            "required": ["a", "b"],
        });
        let arguments = arguments(schema.as_object().expect("an object"));
        assert_eq!(
            example("t", &arguments),
            r#"toolward call t --args '{"a":1,"b":"it'\''s"}'"#
        );
        assert_eq!(example("t", &[]), "toolward call t");
    }
}
