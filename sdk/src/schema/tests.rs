use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;

mod alike;

/// Not for the model.
#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Filter {
    /// The page to show.
    page: Option<Page>,
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Page {
    number: u32,
}

#[derive(Serialize, JsonSchema)]
struct Tree {
    children: Vec<Tree>,
    /// The next one.
    next: Option<Box<Tree>>,
}

#[derive(Deserialize)]
struct Even(#[expect(dead_code, reason = "only its schema is used")] u32);

impl JsonSchema for Even {
    const SCHEMA: Schema = Schema::Json {
        kind: Kind::Other,
        text: r#" { "type": "integer", "multipleOf": 2 } "#,
    };
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct ByHand {
    /// An even number.
    even: Even,
    perhaps: Option<Even>,
}

#[test]
fn arguments_are_inlined_closed_and_without_noise() {
    let schema = parsed(&input::<Filter>());
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(
        schema["properties"]["page"]["description"],
        "The page to show."
    );
    for key in ["$schema", "$defs", "title"] {
        assert!(schema.get(key).is_none(), "{key} in {schema}");
    }
    let text = schema.to_string();
    assert!(!text.contains("$ref") && !text.contains("uint32"), "{text}");
}

#[test]
fn a_recursive_list_keeps_its_definitions_at_the_root() {
    let tree = json!({
        "type": "object",
        "properties": {
            "children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}},
            "next": {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}], "description": "The next one."},
        },
        "required": ["children", "next"],
    });
    let mut expected = json!({
        "type": "object",
        "properties": {"result": {"type": "array", "items": tree}},
        "required": ["result"],
    });
    expected["$defs"]["Tree"] = tree;
    assert_eq!(parsed(&output::<Vec<Tree>>().unwrap()), expected);
}

#[test]
fn a_schema_by_hand_stands_among_others() {
    let schema = parsed(&input::<ByHand>());
    let properties = json!({
        "even": {"type": "integer", "multipleOf": 2, "description": "An even number."},
        "perhaps": {"anyOf": [{"type": "integer", "multipleOf": 2}, {"type": "null"}]},
    });
    assert_eq!(schema["properties"], properties);
    assert_eq!(schema["required"], json!(["even"]));
}

#[test]
fn texts_are_json() {
    #[doc = "A \"quoted\" \\ back\u{1}one\nline, ünïcode"]
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Odd {
        a: u8,
    }
    let schema = parsed(&input::<Odd>());
    assert_eq!(
        schema["description"],
        "A \"quoted\" \\ back\u{1}one\nline, ünïcode"
    );
}
