//! The shape of the file: known keys, right types. Checked against the published schema.
//!
//! Whatever does not fit is reported and taken out, so that the rest can be read by serde and checked as well: one
//! run shows everything that is wrong.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;
use serde_spanned::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::findings::Findings;
use super::inline;
use super::nearest::nearest;
use super::schema;

/// Takes out of `root` what is not as the schema says.
pub(super) fn prune(findings: &mut Findings<'_>, root: &mut DeTable<'_>) {
    prune_table(findings, root, schema::shared(), "");
}

fn prune_table(
    findings: &mut Findings<'_>,
    table: &mut DeTable<'_>,
    schema: &'static Value,
    path: &str,
) {
    let keys: Vec<(String, Range<usize>)> = table
        .keys()
        .map(|key| (key.get_ref().to_string(), key.span()))
        .collect();
    for (key, span) in keys {
        let below = inline::join(path, &key);
        let fits = if let (Some(schema), Some(value)) =
            (schema::child(schema, &key), table.get_mut(key.as_str()))
        {
            fits(findings, value, schema, &below)
        } else {
            unknown_key(findings, &key, &span, schema, path);
            false
        };
        if !fits {
            table.remove(key.as_str());
            findings.spoil(below);
        }
    }
}

/// Whether the value is of the schema's type. Parts of it that are not have been taken out.
fn fits(
    findings: &mut Findings<'_>,
    value: &mut Spanned<DeValue<'_>>,
    schema: &'static Value,
    path: &str,
) -> bool {
    let narrow = schema::follow(schema);
    if schema::is_free(narrow) {
        return is_json(findings, value);
    }
    let span = value.span();
    match (narrow["type"].as_str().unwrap_or_default(), value.get_mut()) {
        ("object", DeValue::Table(table)) => {
            prune_table(findings, table, narrow, path);
            true
        }
        ("array", DeValue::Array(array)) => {
            let items = std::mem::replace(array, DeArray::new());
            let fitting = items.into_iter().filter_map(|mut item| {
                fits(findings, &mut item, &narrow["items"], path).then_some(item)
            });
            *array = fitting.collect();
            true
        }
        ("string", DeValue::String(text)) => is_one_of(findings, text, &span, narrow, path),
        ("boolean", DeValue::Boolean(_)) => true,
        ("integer", DeValue::Integer(number)) => {
            let fits = i64::from_str_radix(number.as_str(), number.radix()).is_ok();
            if !fits {
                let hint = example(schema, narrow, path);
                findings
                    .error(&span, format!("`{path}` is too large"))
                    .hint(hint);
            }
            fits
        }
        (expected, found) => {
            let message = format!(
                "`{path}` takes {}, not {}",
                article(expected),
                article(found.type_str())
            );
            let hint = example(schema, narrow, path);
            findings.error(&span, message).hint(hint);
            false
        }
    }
}

/// Free-form values are handed on as JSON, which knows neither dates nor infinities.
fn is_json(findings: &mut Findings<'_>, value: &mut Spanned<DeValue<'_>>) -> bool {
    let span = value.span();
    let complaint = match value.get_mut() {
        DeValue::String(_) | DeValue::Boolean(_) => return true,
        // Every one of them, not only up to the first that does not fit.
        DeValue::Array(array) => {
            let fits: Vec<_> = array
                .iter_mut()
                .map(|item| is_json(findings, item))
                .collect();
            return fits.into_iter().all(|fits| fits);
        }
        DeValue::Table(table) => {
            let fits: Vec<_> = table
                .iter_mut()
                .map(|(_, field)| is_json(findings, field))
                .collect();
            return fits.into_iter().all(|fits| fits);
        }
        DeValue::Integer(number)
            if i64::from_str_radix(number.as_str(), number.radix()).is_ok() =>
        {
            return true;
        }
        DeValue::Integer(_) => "this number is too large for JSON",
        DeValue::Float(number) if !number.as_str().contains(['n', 'i']) => return true,
        DeValue::Float(_) => "JSON has no such number",
        DeValue::Datetime(_) => "JSON has no dates",
    };
    findings
        .error(&span, complaint)
        .hint("write it as text, in quotes");
    false
}

fn is_one_of(
    findings: &mut Findings<'_>,
    text: &str,
    span: &Range<usize>,
    schema: &'static Value,
    path: &str,
) -> bool {
    let Some(choices) = schema["enum"].as_array() else {
        return true;
    };
    let choices: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
    if choices.contains(&text) {
        return true;
    }
    let near = nearest(text, choices.iter().copied());
    let diagnostic = findings.error(span, format!("unknown value for `{path}`"));
    if let Some(near) = near {
        diagnostic.label(format!("nearest: {}", inline::string(near)));
    }
    let quoted: Vec<_> = choices
        .iter()
        .map(|choice| inline::string(choice))
        .collect();
    match (near, quoted.as_slice()) {
        (Some(near), _) => diagnostic.hint(format!("write {}", inline::string(near))),
        (None, [only]) => diagnostic.hint(format!("the only choice is {only}")),
        (None, _) => diagnostic.hint(format!("one of {}", quoted.join(", "))),
    };
    false
}

fn unknown_key(
    findings: &mut Findings<'_>,
    key: &str,
    span: &Range<usize>,
    schema: &'static Value,
    path: &str,
) {
    let table: Cow<'_, str> = if path.is_empty() {
        "at the top level of the file".into()
    } else {
        format!("in [{path}]").into()
    };
    let near = nearest(key, schema::keys(schema));
    if let Some(near) = near {
        findings.spoil(inline::join(path, near));
    }
    let known: Vec<_> = schema::keys(schema).collect();
    let diagnostic = findings.error(span, format!("unknown key `{key}` {table}"));
    match (near, home(key)) {
        (Some(near), _) => diagnostic
            .label(format!("nearest known key: `{near}`"))
            .hint(format!("write {near}")),
        (None, Some(home)) => diagnostic.hint(format!("`{key}` belongs in [{home}]")),
        (None, None) => diagnostic.hint(format!("known keys here: {}", known.join(", "))),
    };
}

/// The table in which a key is known.
fn home(key: &str) -> Option<String> {
    let tables = schema::shared()["properties"].as_object()?;
    tables.iter().find_map(|(name, schema)| {
        let schema = schema::follow(schema);
        if schema["properties"].get(key).is_some() {
            return Some(name.clone());
        }
        schema::keys(schema.get("additionalProperties")?)
            .any(|known| known == key)
            .then(|| format!("{name}.NAME"))
    })
}

/// A line that shows how a value of the right type looks.
fn example(schema: &Value, narrow: &Value, path: &str) -> String {
    let name = path.rsplit('.').next().unwrap_or(path);
    match (schema["examples"].get(0), narrow["type"].as_str()) {
        (Some(example), _) => format!("{name} = {}", inline::value(example)),
        (None, Some("object")) => format!("[{path}]"),
        (None, Some("string")) => "write it in quotes".to_owned(),
        (None, _) => format!("docs/configuration.md, `{path}`"),
    }
}

fn article(kind: &str) -> &'static str {
    match kind {
        "object" | "table" => "a table",
        "array" => "a list",
        "string" => "text in quotes",
        "integer" => "a whole number",
        "float" => "a number with a point",
        "boolean" => "true or false",
        "datetime" => "a date",
        _ => "something else",
    }
}
