//! One `OpenAPI` document: finding an operation in it, and validating a value against one of its schemas.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Map, Value};

use super::convert;

pub(super) struct Document {
    root: Value,
    /// By the schema's text: the same few schemas come again and again.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// An operation of the document, and the values its path has in one request.
pub(super) struct Operation<'a> {
    document: &'a Document,
    own: &'a Value,
    path_item: &'a Value,
    path_values: Vec<(&'a str, String)>,
}

impl Document {
    pub(super) fn new(root: Value) -> Self {
        Self {
            root,
            validators: Mutex::default(),
        }
    }

    pub(super) fn operation(&self, method: &str, path: &str) -> Option<Operation<'_>> {
        let paths = self.root["paths"].as_object()?;
        let mut matching: Vec<_> = paths
            .iter()
            .filter_map(|(template, item)| Some((match_path(template, path)?, item)))
            .collect();
        // `/jobs/states` is also a `/jobs/{id}`; the one with fewer variables is meant.
        matching.sort_by_key(|(values, _)| values.len());
        let (path_values, path_item) = matching.into_iter().next()?;
        let operation = path_item.get(method.to_lowercase())?;
        Some(Operation {
            document: self,
            own: operation,
            path_item,
            path_values,
        })
    }

    /// Follows references until there is none.
    pub(super) fn resolve<'a>(&'a self, mut value: &'a Value) -> &'a Value {
        while let Some(target) = value.get("$ref").and_then(Value::as_str) {
            let pointer = target.trim_start_matches('#');
            value = self.root.pointer(pointer).unwrap_or(&Value::Null);
        }
        value
    }

    /// The type a schema names.
    pub(super) fn kind(&self, schema: &Value) -> Option<String> {
        self.resolve(schema)["type"].as_str().map(str::to_owned)
    }

    pub(super) fn errors(&self, schema: &Value, value: &Value) -> Vec<String> {
        let validator = match self.validator(schema) {
            Ok(validator) => validator,
            Err(error) => return vec![format!("the document's schema is unusable: {error}")],
        };
        validator
            .iter_errors(value)
            .map(|error| format!("at `{}`: {error}", error.instance_path()))
            .collect()
    }

    fn validator(&self, schema: &Value) -> Result<Arc<Validator>, String> {
        let key = schema.to_string();
        let mut validators = self
            .validators
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = validators.get(&key) {
            return Ok(Arc::clone(validator));
        }
        let components = &self.root["components"]["schemas"];
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .build(&convert::self_contained(schema, components))
            .map_err(|error| error.to_string())?;
        let validator = Arc::new(validator);
        validators.insert(key, Arc::clone(&validator));
        Ok(validator)
    }
}

impl<'a> Operation<'a> {
    pub(super) fn path_values(&self) -> impl Iterator<Item = (String, &str)> {
        self.path_values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_str()))
    }

    /// An operation that does not say so needs what the document says as a whole: a login.
    pub(super) fn needs_login(&self) -> bool {
        self.own["security"]
            .as_array()
            .is_none_or(|all| !all.is_empty())
    }

    pub(super) fn parameter(&self, place: &str, name: &str) -> Option<&'a Value> {
        [self.own, self.path_item]
            .into_iter()
            .filter_map(|owner| owner["parameters"].as_array())
            .flatten()
            .map(|parameter| self.document.resolve(parameter))
            .find(|parameter| parameter["in"] == place && parameter["name"] == name)
            .map(|parameter| &parameter["schema"])
    }

    /// Whether there must be a body, and the media types it may have.
    pub(super) fn request_body(&self) -> Option<(bool, &'a Map<String, Value>)> {
        let body = self.document.resolve(self.own.get("requestBody")?);
        let required = body["required"].as_bool().unwrap_or(false);
        Some((required, body["content"].as_object()?))
    }

    pub(super) fn response(&self, status: u16) -> Option<&'a Value> {
        self.own["responses"].get(status.to_string())
    }
}

/// The values of the template's variables, where the path fits it.
fn match_path<'a>(template: &'a str, path: &str) -> Option<Vec<(&'a str, String)>> {
    let (expected, actual) = (template.split('/'), path.split('/'));
    if expected.clone().count() != actual.clone().count() {
        return None;
    }
    let mut values = Vec::new();
    for (expected, actual) in expected.zip(actual) {
        let variable = expected
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        match variable {
            Some(name) => values.push((name, actual.to_owned())),
            None if expected == actual => {}
            None => return None,
        }
    }
    Some(values)
}
