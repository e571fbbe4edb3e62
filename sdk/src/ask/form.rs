//! Forms: a type whose fields the person fills in.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Ask, Question, read_answer};
use crate::error::Result;
use crate::schema::{self, JsonSchema};

/// A form for the person: the fields of a struct, which are strings, numbers, booleans or enums of names.
///
/// Doc comments become descriptions, `#[serde(default)]` and `#[schemars(…)]` become defaults and bounds, an `Option`
/// may be left empty. Never ask for passwords and the like in a form.
pub struct Form<T> {
    message: String,
    fields: PhantomData<fn() -> T>,
}

impl<T> Form<T> {
    /// What is asked and why. The host adds who asks.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            fields: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Form<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form")
            .field("message", &self.message)
            .finish()
    }
}

impl<T: DeserializeOwned + JsonSchema> Question for Form<T> {
    type Answer = T;

    fn to_ask(&self) -> Result<Ask> {
        Ok(Ask::Form {
            message: self.message.clone(),
            schema: flat(schema::parsed(&schema::input::<T>())).to_string(),
        })
    }

    fn read(answer: Value) -> Result<T> {
        read_answer(answer)
    }
}

/// A form whose schema is written by hand.
#[derive(Clone, Debug, PartialEq)]
pub struct AnyForm {
    /// What is asked and why.
    pub message: String,
    /// JSON Schema of the answer: a flat object whose properties are strings, numbers, booleans or enumerations.
    pub schema: Value,
}

impl AnyForm {
    /// A form with this message and this schema.
    pub fn new(message: impl Into<String>, schema: Value) -> Self {
        Self {
            message: message.into(),
            schema,
        }
    }
}

impl Question for AnyForm {
    type Answer = Value;

    fn to_ask(&self) -> Result<Ask> {
        Ok(Ask::Form {
            message: self.message.clone(),
            schema: self.schema.to_string(),
        })
    }

    fn read(answer: Value) -> Result<Value> {
        Ok(answer)
    }
}

/// As forms want it: nothing but type, properties and what is required; fields of one type each; names with titles.
fn flat(mut schema: Value) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.retain(|key, _| matches!(key.as_str(), "type" | "properties" | "required"));
        if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
            properties.values_mut().for_each(one_type);
        } else {
            object.insert(
                "properties".to_owned(),
                Value::Object(serde_json::Map::new()),
            );
        }
    }
    schema
}

/// A field that may be left empty is not `null` in a form, it is absent.
fn one_type(field: &mut Value) {
    if let Some(choices) = field.get("anyOf").and_then(Value::as_array)
        && let [one] = choices
            .iter()
            .filter(|choice| choice["type"] != "null")
            .collect::<Vec<_>>()
            .as_slice()
    {
        let mut one = (*one).clone();
        if let (Some(inner), Some(outer)) = (one.as_object_mut(), field.as_object()) {
            for (key, value) in outer.iter().filter(|(key, _)| *key != "anyOf") {
                inner.insert(key.clone(), value.clone());
            }
        }
        *field = one;
    }
    let Some(object) = field.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(types)) = object.get("type") {
        let one: Vec<_> = types.iter().filter(|kind| *kind != "null").collect();
        if let [one] = one.as_slice() {
            let one = (*one).clone();
            object.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(names)) = object.get_mut("enum") {
        names.retain(|name| !name.is_null());
    }
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    if let Some(Value::Array(choices)) = object.get_mut("oneOf") {
        let mut titled = true;
        for choice in choices {
            if let Some(choice) = choice.as_object_mut() {
                if let Some(description) = choice.remove("description") {
                    choice.entry("title").or_insert(description);
                }
                choice.remove("type");
                titled &= choice.contains_key("const");
            }
        }
        if titled {
            object.insert("type".to_owned(), "string".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    /// Not for the person.
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Who {
        /// Your name.
        name: String,
        age: Option<u8>,
        size: Option<Size>,
        how: How,
        #[serde(default)]
        sure: bool,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Size {
        Small,
        Large,
    }

    #[derive(Deserialize, JsonSchema)]
    enum How {
        /// As soon as possible
        Now,
        /// When nobody works
        Later,
    }

    #[test]
    fn a_form_is_flat_and_each_field_has_one_type() {
        let Ask::Form { schema, .. } = Form::<Who>::new("Who?").to_ask().unwrap() else {
            panic!("not a form")
        };
        assert_eq!(
            schema::parsed(&schema),
            json!({
                "type": "object",
                "properties": {
                    "name": {"type": "string", "description": "Your name."},
                    "age": {"type": "integer", "minimum": 0, "maximum": 255},
                    "size": {"type": "string", "enum": ["small", "large"]},
                    "how": {"type": "string", "oneOf": [
                        {"const": "Now", "title": "As soon as possible"},
                        {"const": "Later", "title": "When nobody works"},
                    ]},
                    "sure": {"type": "boolean", "default": false},
                },
                "required": ["name", "how"],
            })
        );
    }
}
