//! One field of a form: what it is called, what it takes, and what a line that somebody typed means for it.
//!
//! MCP's forms are flat: texts, numbers, yes or no, one or several of a list. Anything else is typed as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::catalog::Schema;
use crate::cli::output::{printable, say};

/// One property of a form's schema.
#[derive(Debug)]
pub(super) struct Field {
    /// Its name in the answer.
    pub(super) name: String,
    property: Value,
    required: bool,
    kind: Kind,
}

#[derive(Debug, PartialEq)]
enum Kind {
    Text,
    Number,
    Truth,
    /// Value and label of each.
    One(Vec<(Value, String)>),
    Several(Vec<(Value, String)>),
    Json,
}

/// What somebody gave.
#[derive(Debug, PartialEq)]
pub(super) enum Given {
    Value(Value),
    /// The field is left out.
    Nothing,
}

impl Field {
    /// Those of a form.
    pub(super) fn all(requested: &Value) -> Vec<Self> {
        let required = requested["required"].as_array().into_iter().flatten();
        let required: Vec<&str> = required.filter_map(Value::as_str).collect();
        let properties = requested["properties"].as_object().into_iter().flatten();
        properties
            .map(|(name, property)| Self {
                name: name.clone(),
                property: property.clone(),
                required: required.contains(&name.as_str()),
                kind: Kind::of(property),
            })
            .collect()
    }

    /// Tells what the prompt has no room for.
    pub(super) fn explain(&self) {
        say("");
        if let Some(description) = self.property["description"].as_str() {
            say(&printable(description));
        }
        if let Kind::One(choices) | Kind::Several(choices) = &self.kind {
            let mut list = String::new();
            for (index, (_, label)) in choices.iter().enumerate() {
                let _ = writeln!(list, "  {}. {label}", index + 1);
            }
            say(&printable(list.trim_end()));
        }
    }

    /// Asks for it.
    pub(super) fn prompt(&self) -> String {
        let label = self.property["title"].as_str().unwrap_or(&self.name);
        let how = match self.kind {
            Kind::Text => None,
            Kind::Number => Some("number"),
            Kind::Truth => Some("y/n"),
            Kind::One(_) => Some("number in the list"),
            Kind::Several(_) => Some("numbers in the list, separated by commas"),
            Kind::Json => Some("JSON"),
        };
        let default = self.property.get("default").map(|default| {
            let shown = match default {
                Value::String(text) => text.clone(),
                Value::Bool(true) => "y".to_owned(),
                Value::Bool(false) => "n".to_owned(),
                other => other.to_string(),
            };
            format!("Enter: {shown}")
        });
        let optional = (default.is_none() && !self.required).then(|| "Enter: leave out".to_owned());
        let notes: Vec<String> = how
            .map(str::to_owned)
            .into_iter()
            .chain(default)
            .chain(optional)
            .collect();
        if notes.is_empty() {
            format!("{label}: ")
        } else {
            format!("{label} [{}]: ", notes.join("; "))
        }
    }

    /// What a line means. The error is for the person, who is asked again.
    pub(super) fn read(&self, line: &str) -> Result<Given, String> {
        if line.is_empty() {
            return match (self.property.get("default"), self.required) {
                (Some(default), _) => Ok(Given::Value(default.clone())),
                (None, false) => Ok(Given::Nothing),
                (None, true) => Err("an answer is needed; Ctrl-D declines".to_owned()),
            };
        }
        let value = self.kind.read(line)?;
        // A field by itself may be part of the whole only in the whole; then the whole is checked.
        if let Ok(schema) = Schema::parse(&self.property.to_string()) {
            schema.check(&value)?;
        }
        Ok(Given::Value(value))
    }
}

impl Kind {
    fn of(property: &Value) -> Self {
        if let Some(choices) = choices(property) {
            return Self::One(choices);
        }
        match property["type"].as_str() {
            Some("string") => Self::Text,
            Some("integer" | "number") => Self::Number,
            Some("boolean") => Self::Truth,
            Some("array") => match choices(&property["items"]) {
                Some(choices) => Self::Several(choices),
                None => Self::Json,
            },
            _ => Self::Json,
        }
    }

    fn read(&self, line: &str) -> Result<Value, String> {
        match self {
            Self::Text => Ok(json!(line)),
            Self::Number => match serde_json::from_str(line) {
                Ok(number @ Value::Number(_)) => Ok(number),
                _ => Err(format!("{line:?} is not a number")),
            },
            Self::Truth => match line.to_lowercase().as_str() {
                "y" | "yes" | "true" => Ok(json!(true)),
                "n" | "no" | "false" => Ok(json!(false)),
                _ => Err("y or n".to_owned()),
            },
            Self::One(choices) => chosen(choices, line),
            Self::Several(choices) => {
                let parts = line
                    .split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty());
                let values = parts.map(|part| chosen(choices, part));
                values.collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            Self::Json => {
                serde_json::from_str(line).map_err(|error| format!("it is not JSON: {error}"))
            }
        }
    }
}

/// The values that a schema lists, each with what people read.
fn choices(schema: &Value) -> Option<Vec<(Value, String)>> {
    let plain = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    if let Some(values) = schema["enum"].as_array() {
        let names = |index: usize| schema["enumNames"][index].as_str();
        let labelled = values.iter().enumerate().map(|(index, value)| {
            let label = names(index).map_or_else(|| plain(value), str::to_owned);
            (value.clone(), label)
        });
        return Some(labelled.collect());
    }
    let alternatives = ["oneOf", "anyOf"]
        .into_iter()
        .find_map(|key| schema[key].as_array())?;
    alternatives
        .iter()
        .map(|one| {
            let value = one.get("const")?;
            let label = one["title"].as_str();
            Some((
                value.clone(),
                label.map_or_else(|| plain(value), str::to_owned),
            ))
        })
        .collect()
}

/// By its place in the list, its value or its label.
fn chosen(choices: &[(Value, String)], said: &str) -> Result<Value, String> {
    let by_name = choices
        .iter()
        .find(|(value, label)| value.as_str() == Some(said) || label.eq_ignore_ascii_case(said));
    let by_place = || {
        let place: usize = said.parse().ok()?;
        choices.get(place.checked_sub(1)?)
    };
    by_name
        .or_else(by_place)
        .map(|(value, _)| value.clone())
        .ok_or_else(|| format!("{said:?} is not in the list"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(property: &Value, required: bool) -> Field {
        let required = if required { json!(["f"]) } else { json!([]) };
        let schema = json!({ "properties": { "f": property }, "required": required });
        Field::all(&schema).remove(0)
    }

    #[test]
    fn a_line_means_what_the_schema_says() {
        let list =
            json!({ "type": "string", "enum": ["a", "b"], "enumNames": ["First", "Second"] });
        let titled = json!({ "oneOf": [{ "const": "v1", "title": "One" }, { "const": "v2", "title": "Two" }] });
        let several = json!({ "type": "array", "items": { "enum": ["x", "y", "z"] } });
        let table = [
            (json!({ "type": "string" }), "7", json!("7")),
            (json!({ "type": "integer" }), "7", json!(7)),
            (json!({ "type": "number" }), "7.5", json!(7.5)),
            (json!({ "type": "boolean" }), "Yes", json!(true)),
            (list.clone(), "2", json!("b")),
            (list.clone(), "first", json!("a")),
            (titled, "v2", json!("v2")),
            (several, "1, z", json!(["x", "z"])),
            (json!({ "type": "object" }), "{\"a\":1}", json!({ "a": 1 })),
        ];
        for (property, line, expected) in table {
            assert_eq!(
                field(&property, true).read(line),
                Ok(Given::Value(expected)),
                "{property} {line}"
            );
        }
        let misfits = [
            (json!({ "type": "integer" }), "7.5"),
            (json!({ "type": "integer", "maximum": 5 }), "7"),
            (json!({ "type": "number" }), "many"),
            (json!({ "type": "boolean" }), "maybe"),
            (list, "3"),
            (json!({ "type": "string", "minLength": 3 }), "ab"),
        ];
        for (property, line) in misfits {
            assert!(
                field(&property, true).read(line).is_err(),
                "{property} {line}"
            );
        }
    }

    #[test]
    fn enter_takes_the_default_or_leaves_out() {
        let with_default = json!({ "type": "boolean", "default": false });
        assert_eq!(
            field(&with_default, true).read(""),
            Ok(Given::Value(json!(false)))
        );
        let text = json!({ "type": "string" });
        assert_eq!(field(&text, false).read(""), Ok(Given::Nothing));
        assert!(field(&text, true).read("").is_err());
    }

    #[test]
    fn a_prompt_says_what_enter_does() {
        let prompt = |property: Value, required| field(&property, required).prompt();
        assert_eq!(prompt(json!({ "type": "string" }), true), "f: ");
        assert_eq!(
            prompt(
                json!({ "type": "boolean", "title": "Do it", "default": false }),
                true
            ),
            "Do it [y/n; Enter: n]: "
        );
        assert_eq!(
            prompt(json!({ "type": "integer" }), false),
            "f [number; Enter: leave out]: "
        );
    }
}
