//! The same schemas as `schemars` makes, which knows every attribute of serde and has many users.

use schemars::Schema;
use schemars::generate::SchemaSettings;

use super::*;

fn settings() -> SchemaSettings {
    let mut settings = SchemaSettings::draft2020_12();
    settings.meta_schema = None;
    settings.inline_subschemas = true;
    settings
}

fn their_input<T: schemars::JsonSchema>() -> Value {
    let generator = settings().for_deserialize().into_generator();
    closed(object_at_root(trimmed(
        generator.into_root_schema_for::<T>(),
    )))
}

fn their_output<T: schemars::JsonSchema>() -> Option<Value> {
    let generator = settings().for_serialize().into_generator();
    of_answer(trimmed(generator.into_root_schema_for::<T>()))
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
fn of_answer(schema: Value) -> Option<Value> {
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

#[track_caller]
fn check<T: JsonSchema + schemars::JsonSchema>() {
    assert_eq!(parsed(&input::<T>()), their_input::<T>(), "read");
    assert_eq!(
        output::<T>().as_deref().map(parsed),
        their_output::<T>(),
        "written"
    );
}

#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
struct Scalars {
    flag: bool,
    small: u8,
    signed: i16,
    large: u64,
    real: f64,
    letter: char,
    text: String,
    borrowed: Cow<'static, str>,
    address: std::net::IpAddr,
    anything: Value,
    nothing: (),
    positive: std::num::NonZeroU16,
}

#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
struct Collections {
    list: Vec<String>,
    set: BTreeSet<u16>,
    three: [f32; 3],
    pair: (String, i64),
    map: BTreeMap<String, bool>,
    open: HashMap<String, Value>,
    object: serde_json::Map<String, Value>,
    boxed: Box<[Option<u32>]>,
    values: Vec<Value>,
}

#[test]
fn types_of_the_standard_library_are_alike() {
    check::<Scalars>();
    check::<Collections>();
    check::<Vec<u8>>();
    check::<Option<Vec<u8>>>();
    check::<String>();
    check::<BTreeMap<String, Scalars>>();
    check::<f64>();
    check::<()>();
}

fn ten() -> u32 {
    10
}

/// How it is sorted.
#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Order {
    #[default]
    ByName,
    ByAge,
}

/// What is \"listed\".
///
/// And more.
#[expect(
    dead_code,
    reason = "some fields are never written, and nobody reads them"
)]
#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Args {
    /// How many.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 1_000))]
    at_most: u32,
    /// Which share.
    #[schemars(range(min = -0.5, max = 100.0))]
    share: Option<f64>,
    #[schemars(length(min = 1, max = 50))]
    names: Vec<String>,
    #[schemars(length(equal = 3))]
    code: Option<String>,
    #[schemars(regex(pattern = "^[a-z]\\d+$"))]
    pattern: String,
    #[schemars(extend("x-header" = "Region", "x-weight" = 2))]
    region: String,
    #[serde(default)]
    order: Order,
    other_order: Option<Order>,
    #[serde(default)]
    flag: bool,
    #[serde(default)]
    none: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    absent: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rarely: Vec<bool>,
    #[serde(rename(deserialize = "in", serialize = "out"))]
    both: u8,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip)]
    hidden: String,
    #[serde(skip_serializing)]
    password: String,
    #[schemars(with = "String")]
    as_text: u64,
    #[schemars(title = "Size", description = "How large.")]
    size: u32,
}

#[test]
fn attributes_are_alike() {
    check::<Args>();
    check::<Vec<Args>>();
    check::<Option<Args>>();
}

/// Inside.
#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Inner {
    /// Of the inside.
    a: String,
}

#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
struct Nested {
    own: Inner,
    /// Said outside.
    said: Inner,
    perhaps: Option<Inner>,
    /// Wrapped.
    wrapped: Wrapper,
    unit: Unit,
    pair: Pair,
}

/// A wrapper.
#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
struct Wrapper(Inner);

#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
struct Unit;

#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
struct Pair(u8, String);

#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
#[serde(transparent)]
struct Transparent {
    inner: Inner,
}

#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
struct Generic<T> {
    value: T,
    #[serde(default)]
    more: Vec<T>,
}

#[test]
fn nested_types_are_alike() {
    check::<Nested>();
    check::<Wrapper>();
    check::<Transparent>();
    check::<Generic<Generic<u32>>>();
}

#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
struct Flat {
    before: u32,
    #[serde(flatten)]
    open: Open,
    #[serde(flatten)]
    perhaps: Option<Page>,
    after: Option<u32>,
}

#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
struct Open {
    x: u32,
}

#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
struct Page {
    number: u32,
}

#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
struct Rest {
    id: String,
    #[serde(flatten)]
    rest: HashMap<String, u32>,
}

/// Its own words count.
#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
struct WithChoice {
    id: String,
    #[serde(flatten)]
    shape: Tagged,
}

#[test]
fn flattened_types_are_alike() {
    check::<Flat>();
    check::<Rest>();
    check::<WithChoice>();
}

#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
enum Described {
    /// As soon as possible.
    Now,
    Later,
}

#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
enum External {
    JustAName,
    /// One.
    One(Inner),
    Two(u8, String),
    Three {
        /// A field.
        the_field: Option<u8>,
    },
}

/// A shape.
#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Tagged {
    /// Round.
    Circle {
        radius: f64,
    },
    Square(Page),
    Nothing,
}

#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
#[serde(tag = "kind", content = "of")]
enum Adjacent {
    Circle { radius: f64 },
    Nothing,
}

#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
#[serde(untagged)]
enum Untagged {
    Text(String),
    /// Several.
    List(Vec<String>),
    Page(Page),
    Fields {
        a: u8,
    },
}

#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
struct Choices {
    /// Which.
    described: Described,
    perhaps: Option<Described>,
    /// Perhaps.
    tagged: Option<Tagged>,
    external: Vec<External>,
    adjacent: Adjacent,
    untagged: Option<Untagged>,
}

#[test]
fn choices_are_alike() {
    check::<Order>();
    check::<Described>();
    check::<External>();
    check::<Tagged>();
    check::<Adjacent>();
    check::<Untagged>();
    check::<Choices>();
}

#[derive(Deserialize, Serialize, JsonSchema, schemars::JsonSchema)]
#[serde(default)]
struct Defaults {
    limit: u32,
    text: Option<String>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            limit: 7,
            text: None,
        }
    }
}

#[test]
fn defaults_of_a_whole_type_are_alike() {
    check::<Defaults>();
}
