//! JSON Schemas (2020-12) of arguments and answers, without what only takes up the model's context.
//!
//! What a type looks like is a constant table, which the derive fills in when the plugin is compiled; one function that is
//! not generic writes the text when the host asks for it. So a type costs a component a few dozen bytes of data, and no
//! code. `schemars` makes the same schemas from code for each type, on a tree of maps: that was half of a small plugin.

use serde_json::Value;

#[expect(
    missing_docs,
    reason = "what only the derive writes says itself what it is"
)]
mod table;
mod types;
mod write;

/// Says what the JSON of a type looks like; see the trait [`JsonSchema`](trait@JsonSchema).
pub use toolward_sdk_macros::JsonSchema;

pub use table::{
    Branches, Choice, Content, Field, JsonSchema, Kind, Limits, Presence, Schema, Struct, Tag,
    Variant, Wrapped, of,
};
use write::Writer;

/// The name under which an answer that is no object stands in one.
pub(crate) const RESULT: &str = "result";

/// The arguments of a tool that takes none.
const NO_ARGUMENTS: &str = r#"{"type":"object","additionalProperties":false}"#;

/// The schema of arguments. Unknown ones are refused where the type does not say otherwise: a misspelt filter that is
/// silently ignored answers another question than the one that was asked.
#[must_use]
pub fn input<T: JsonSchema>() -> String {
    write_input(of::<T>())
}

fn write_input(schema: &'static Schema) -> String {
    let mut writer = Writer::reading();
    writer.root(schema, true);
    writer.finish()
}

/// The schema of a tool without arguments.
#[must_use]
pub fn no_input() -> String {
    NO_ARGUMENTS.to_owned()
}

/// The schema of the structured content made of a value of this type; none where there may be none.
pub(crate) fn output<T: JsonSchema>() -> Option<String> {
    write_output(of::<T>())
}

fn write_output(schema: &'static Schema) -> Option<String> {
    let mut writer = Writer::writing();
    match schema.kind() {
        Kind::Object => writer.root(schema, false),
        Kind::Other => writer.wrapped(schema, RESULT),
        Kind::Text | Kind::Nothing | Kind::Mixed => return None,
    }
    Some(writer.finish())
}

/// For those who look into a schema.
pub(crate) fn parsed(schema: &str) -> Value {
    serde_json::from_str(schema).unwrap_or_default()
}

/// A default value as JSON, where it can be written: the derive does not know whether a type is [`serde::Serialize`].
#[derive(Debug)]
pub struct Fallback<T>(pub T);

impl<T: serde::Serialize> Fallback<T> {
    /// The value as JSON.
    pub fn json(self) -> Option<String> {
        serde_json::to_string(&self.0).ok()
    }
}

/// Found for a [`Fallback`] whose value cannot be written, where the method above does not apply.
pub trait NoFallback: Sized {
    /// Nothing.
    fn json(self) -> Option<String> {
        None
    }
}

impl<T> NoFallback for Fallback<T> {}

#[cfg(test)]
mod tests;
