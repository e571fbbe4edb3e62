//! How much work a value is for a schema, found out before that work is begun.
//!
//! A schema of a kilobyte can take a validator for ever: twenty-four definitions, each of which refers twice to the one
//! before, are sixteen million checks of the same value. Nobody can stop a validator, so the pairs of a part of the schema
//! and a part of the value are counted first, and the count ends at a bound. It counts what the validator would do if it
//! stopped nowhere early; what is counted too often is never what is reasonable.
//!
//! A pair is not always one check: a list of sixty thousand numbers to choose from is compared one by one, and a pattern
//! takes as many steps for each byte of a text as it has states ([`pattern`](super::pattern)). Both are part of the count.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::pattern;

/// Pairs that are checked at most.
const MOST: u32 = 1_000_000;
/// Parts of a schema that are entered one in another, those of the value's own depth included.
const DEEPEST: usize = 500;

/// Subschemas of the same value: one, or an array.
const HERE: [&str; 7] = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else"];
/// Subschemas of the same value: a map.
const HERE_BY_NAME: [&str; 2] = ["dependentSchemas", "dependencies"];
/// References, whichever draft has them.
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];
/// Subschemas of any child.
const EACH: [&str; 3] = ["contains", "unevaluatedItems", "unevaluatedProperties"];
/// Lists that a value is compared with, entry by entry.
const LISTS: [&str; 4] = ["enum", "const", "required", "dependentRequired"];
/// Comparisons that take as long as a check.
const COMPARISONS: usize = 16;
/// Steps over a text that take as long as a check.
const STEPS: usize = 256;
/// States of all patterns of a schema. Each of them is memory of the host for as long as the schema is known.
const MOST_STATES: usize = 200_000;
/// Parts that are gone through for what is not evaluated otherwise.
const MOST_UNFOLDED: u32 = 20_000;
/// What every validator knows by itself.
const OWN: &str = "https://json-schema.org/";

/// A schema as a graph: indices instead of references.
#[derive(Debug)]
pub struct Effort {
    nodes: Vec<Node>,
}

/// What one part of a schema sends the validator to.
#[derive(Debug, Default)]
struct Node {
    /// For the same value.
    here: Vec<usize>,
    /// For a property.
    named: HashMap<String, usize>,
    /// For a property without a name in `named`.
    others: Vec<usize>,
    /// For an element, by its place.
    at: Vec<usize>,
    /// For an element after those.
    rest: Vec<usize>,
    /// For any child.
    each: Vec<usize>,
    /// For the name of a property.
    names: Vec<usize>,
    /// Whether every child asks anew which of `here` have seen it.
    unevaluated: bool,
    /// Checks that it is by itself, beside the first.
    weight: usize,
    /// States of the pattern for a text.
    states: usize,
    /// States of the patterns for the names of properties.
    name_states: usize,
}

impl Effort {
    /// The graph of a schema that is bounded in size. The error says what is wrong with it.
    pub fn of(schema: &Value) -> Result<Self, String> {
        let mut graph = Graph::default();
        graph.collect(schema);
        graph.add(schema)?;
        unfolds(&graph.nodes)?;
        Ok(Self { nodes: graph.nodes })
    }

    /// Whether the validator will be done with this value in good time.
    pub fn bears(&self, value: &Value) -> Result<(), String> {
        let mut count = Count {
            nodes: &self.nodes,
            left: MOST,
            entered: Vec::new(),
        };
        match count.visit(0, value, 0) {
            Some(()) => Ok(()),
            None => Err(format!(
                "it cannot be checked: schema and value together ask for more than {MOST} checks, or for more than \
                 {DEEPEST} one in another"
            )),
        }
    }
}

#[derive(Default)]
struct Graph<'s> {
    nodes: Vec<Node>,
    known: HashMap<*const Value, usize>,
    /// What a reference may start from: the whole, and whatever has an `$id`.
    bases: Vec<&'s Value>,
    anchors: HashMap<&'s str, Vec<&'s Value>>,
    /// Of all patterns.
    states: usize,
}

impl<'s> Graph<'s> {
    /// Notes the places that references may lead to. The depth is bounded by that of the parser.
    fn collect(&mut self, part: &'s Value) {
        let is_whole = self.bases.is_empty();
        if is_whole {
            self.bases.push(part);
        }
        match part {
            Value::Object(map) => {
                if !is_whole && map.get("$id").is_some_and(Value::is_string) {
                    self.bases.push(part);
                }
                for key in ["$anchor", "$dynamicAnchor"] {
                    if let Some(Value::String(name)) = map.get(key) {
                        self.anchors.entry(name).or_default().push(part);
                    }
                }
                map.values().for_each(|value| self.collect(value));
            }
            Value::Array(values) => values.iter().for_each(|value| self.collect(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Adds all that a schema leads to; gives its own index.
    fn add(&mut self, schema: &'s Value) -> Result<usize, String> {
        let first = self.index(schema);
        // Not by recursion: a chain of references is as long as the schema is large.
        let mut waiting = vec![(first, schema)];
        while let Some((index, schema)) = waiting.pop() {
            let Value::Object(map) = schema else { continue };
            let node = self.node(map, &mut waiting)?;
            self.nodes[index] = node;
        }
        Ok(first)
    }

    fn index(&mut self, schema: &'s Value) -> usize {
        let next = self.nodes.len();
        let index = *self.known.entry(schema).or_insert(next);
        if index == next {
            self.nodes.push(Node::default());
        }
        index
    }

    fn node(
        &mut self,
        map: &'s Map<String, Value>,
        found: &mut Vec<(usize, &'s Value)>,
    ) -> Result<Node, String> {
        let mut node = Node::default();
        let mut lead_to = |graph: &mut Self, schema: &'s Value| {
            let before = graph.nodes.len();
            let index = graph.index(schema);
            if index == before {
                found.push((index, schema));
            }
            index
        };
        let one_or_more = |key: &str| match map.get(key) {
            Some(Value::Array(several)) => several.iter().collect(),
            Some(one) => vec![one],
            None => Vec::new(),
        };
        let by_name = |key: &str| {
            map.get(key)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
        };
        for key in HERE {
            for schema in one_or_more(key) {
                node.here.push(lead_to(self, schema));
            }
        }
        for key in HERE_BY_NAME {
            for (_, schema) in by_name(key) {
                node.here.push(lead_to(self, schema));
            }
        }
        for key in REFERENCES {
            if let Some(Value::String(reference)) = map.get(key) {
                for schema in self.targets(reference)? {
                    node.here.push(lead_to(self, schema));
                }
            }
        }
        for (name, schema) in by_name("properties") {
            node.named.insert(name.clone(), lead_to(self, schema));
        }
        for (_, schema) in by_name("patternProperties") {
            node.each.push(lead_to(self, schema));
        }
        for key in EACH {
            for schema in one_or_more(key) {
                node.each.push(lead_to(self, schema));
            }
        }
        for schema in one_or_more("additionalProperties") {
            node.others.push(lead_to(self, schema));
        }
        for schema in one_or_more("propertyNames") {
            node.names.push(lead_to(self, schema));
        }
        // An array of `items` is what older drafts have for `prefixItems`.
        let (places, rest) = match map.get("items") {
            Some(Value::Array(_)) => ("items", "additionalItems"),
            _ => ("prefixItems", "items"),
        };
        for schema in one_or_more(places) {
            node.at.push(lead_to(self, schema));
        }
        for schema in one_or_more(rest) {
            node.rest.push(lead_to(self, schema));
        }
        node.unevaluated =
            map.contains_key("unevaluatedItems") || map.contains_key("unevaluatedProperties");
        let lists = LISTS.iter().filter_map(|key| map.get(*key)).map(size);
        node.weight = (lists.sum::<usize>() + node.named.len()) / COMPARISONS;
        if let Some(Value::String(text)) = map.get("pattern") {
            node.states = self.pattern(text)?;
        }
        for (text, _) in by_name("patternProperties") {
            node.name_states += self.pattern(text)?;
        }
        Ok(node)
    }

    /// The states of a pattern. All of them together must not be more than the host has room for.
    fn pattern(&mut self, text: &str) -> Result<usize, String> {
        let states = pattern::states(text);
        self.states = self.states.saturating_add(pattern::room(states));
        if self.states > MOST_STATES {
            return Err(format!(
                "has patterns that are too large: together they have more than {MOST_STATES} states"
            ));
        }
        Ok(states)
    }

    /// All that a reference may mean: it is resolved from every base, so that none is missed.
    fn targets(&self, reference: &str) -> Result<Vec<&'s Value>, String> {
        let (base, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let fragment = percent_decode_str(fragment).decode_utf8_lossy();
        let targets: Vec<&'s Value> = match fragment.strip_prefix('/') {
            None if fragment.is_empty() => self.bases.clone(),
            None => self.anchors.get(&*fragment).cloned().unwrap_or_default(),
            Some(_) => {
                let bases = self.bases.iter();
                bases.filter_map(|base| base.pointer(&fragment)).collect()
            }
        };
        if targets.is_empty() && !base.starts_with(OWN) {
            let shown: String = reference.chars().take(100).collect();
            return Err(format!("refers to {shown:?}, which it does not have"));
        }
        Ok(targets)
    }
}

/// Whether the compiler will be done in good time: for `unevaluatedProperties` and `unevaluatedItems` it goes through all
/// that a part leads to, each time anew.
fn unfolds(nodes: &[Node]) -> Result<(), String> {
    let mut left = MOST_UNFOLDED;
    let mut entered = Vec::new();
    let mut all = (0..nodes.len()).filter(|index| nodes[*index].unevaluated);
    if all.all(|index| unfold(nodes, index, &mut entered, &mut left).is_some()) {
        return Ok(());
    }
    Err(format!(
        "has an `unevaluatedProperties` or `unevaluatedItems` beside more than {MOST_UNFOLDED} parts that it depends on"
    ))
}

fn unfold(nodes: &[Node], index: usize, entered: &mut Vec<usize>, left: &mut u32) -> Option<()> {
    *left = left.checked_sub(1)?;
    if entered.len() > DEEPEST {
        return None;
    }
    if entered.contains(&index) {
        return Some(());
    }
    let node = &nodes[index];
    entered.push(index);
    let lists = [
        &node.here,
        &node.others,
        &node.at,
        &node.rest,
        &node.each,
        &node.names,
    ];
    for next in lists.into_iter().flatten().chain(node.named.values()) {
        unfold(nodes, *next, entered, left)?;
    }
    entered.pop();
    Some(())
}

/// How many values a value consists of. Its depth is bounded by that of the parser.
fn size(value: &Value) -> usize {
    match value {
        Value::Object(map) => 1 + map.values().map(size).sum::<usize>(),
        Value::Array(values) => 1 + values.iter().map(size).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

/// One count. `None`: there is too much.
struct Count<'g> {
    nodes: &'g [Node],
    left: u32,
    /// What was entered with the same value, the latest last.
    entered: Vec<usize>,
}

impl Count<'_> {
    fn spend(&mut self, checks: usize) -> Option<()> {
        self.left = self.left.checked_sub(u32::try_from(checks).ok()?)?;
        Some(())
    }

    /// As many steps for each byte as there are states, and one to read it.
    fn text(&mut self, text: &str, states: usize) -> Option<()> {
        self.spend(text.len().saturating_mul(states.saturating_add(1)) / STEPS)
    }

    fn visit(&mut self, index: usize, value: &Value, depth: usize) -> Option<()> {
        self.spend(1)?;
        if depth > DEEPEST {
            return None;
        }
        // What leads to itself with the same value adds nothing: the validator notices as well.
        if self.entered.contains(&index) {
            return Some(());
        }
        let nodes = self.nodes;
        let node = &nodes[index];
        self.spend(node.weight)?;
        self.entered.push(index);
        self.here(node, value, depth)?;
        self.entered.pop();
        let outside = std::mem::take(&mut self.entered);
        match value {
            Value::Object(map) => {
                for (name, child) in map {
                    match node.named.get(name) {
                        Some(index) => self.visit(*index, child, depth + 1)?,
                        None => self.all(&node.others, child, depth)?,
                    }
                    self.text(name, node.name_states)?;
                    if !node.names.is_empty() {
                        self.all(&node.names, &Value::String(name.clone()), depth)?;
                    }
                    self.child(node, value, child, depth)?;
                }
            }
            Value::Array(elements) => {
                for (place, child) in elements.iter().enumerate() {
                    match node.at.get(place) {
                        Some(index) => self.visit(*index, child, depth + 1)?,
                        None => self.all(&node.rest, child, depth)?,
                    }
                    self.child(node, value, child, depth)?;
                }
            }
            Value::String(text) => self.text(text, node.states)?,
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        self.entered = outside;
        Some(())
    }

    fn here(&mut self, node: &Node, value: &Value, depth: usize) -> Option<()> {
        for index in &node.here {
            self.visit(*index, value, depth + 1)?;
        }
        Some(())
    }

    fn child(&mut self, node: &Node, value: &Value, child: &Value, depth: usize) -> Option<()> {
        if node.unevaluated {
            self.here(node, value, depth)?;
        }
        self.all(&node.each, child, depth)
    }

    fn all(&mut self, indices: &[usize], value: &Value, depth: usize) -> Option<()> {
        for index in indices {
            self.visit(*index, value, depth + 1)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bears(schema: &Value, value: &Value) -> bool {
        let effort = Effort::of(schema).expect("a schema");
        effort.bears(value).is_ok()
    }

    /// Each of `count` definitions is made of the reference to the one before.
    fn ladder(count: usize, step: impl Fn(Value) -> Value) -> Value {
        let mut definitions = json!({ "a0": { "type": "object" } });
        for number in 1..=count {
            let before = json!({ "$ref": format!("#/%24defs/a{}", number - 1) });
            definitions[format!("a{number}")] = step(before);
        }
        json!({ "$ref": format!("#/$defs/a{count}"), "$defs": definitions })
    }

    fn nested(depth: usize) -> Value {
        (0..depth).fold(json!({}), |inner, _| json!({ "a": inner }))
    }

    #[test]
    fn what_multiplies_is_not_begun() {
        let twice =
            |keyword: &'static str| move |before: Value| json!({ keyword: [before, before] });
        for keyword in ["allOf", "anyOf", "oneOf"] {
            assert!(bears(&ladder(10, twice(keyword)), &json!({})), "{keyword}");
            assert!(!bears(&ladder(60, twice(keyword)), &json!({})), "{keyword}");
        }
        let twice = ladder(
            60,
            |before| json!({ "properties": { "a": before }, "patternProperties": { "a": before } }),
        );
        assert!(bears(&twice, &nested(3)));
        assert!(!bears(&twice, &nested(60)));
        let itself = json!({ "properties": { "a": { "$ref": "#" } }, "patternProperties": { "a": { "$ref": "#" } } });
        assert!(!bears(&itself, &nested(60)));
        let anchored = json!({ "$dynamicAnchor": "x", "allOf": [
            { "additionalProperties": { "$dynamicRef": "#x" } }, { "additionalProperties": { "$dynamicRef": "#x" } },
        ] });
        assert!(!bears(&anchored, &nested(60)));
        let unevaluated = |count| {
            ladder(
                count,
                |before| json!({ "allOf": [before], "unevaluatedProperties": false }),
            )
        };
        assert!(!bears(&unevaluated(60), &json!({ "a": 1 })));
        let long = ladder(5000, |before| json!({ "allOf": [before] }));
        assert!(!bears(&long, &json!({})));
    }

    #[test]
    fn long_lists_and_large_patterns_count_as_what_they_are() {
        let numbers: Vec<u32> = (0..50_000).collect();
        let value = json!(vec![-1; 100_000]);
        assert!(!bears(&json!({ "items": { "enum": numbers } }), &value));
        assert!(bears(
            &json!({ "items": { "enum": [1, 2, 3, 4, 5, 6, 7, 8, 9] } }),
            &value
        ));
        let many: serde_json::Map<_, _> = (0..5000)
            .map(|number| (format!("p{number}"), json!({})))
            .collect();
        let objects = json!(vec![json!({}); 100_000]);
        assert!(!bears(
            &json!({ "items": { "properties": many } }),
            &objects
        ));

        let long = json!("ab".repeat(500_000));
        for pattern in ["[ab]*a[ab]{5000}c", "(a?){5000}"] {
            assert!(!bears(&json!({ "pattern": pattern }), &long), "{pattern}");
            let named = json!({ "patternProperties": { pattern: true } });
            assert!(
                !bears(&named, &json!({ "ab".repeat(500_000): 1 })),
                "{pattern}"
            );
        }
        for pattern in ["^[a-z]{1,63}$", r"^\d{4}-\d{2}$", "^(a|b)+$"] {
            assert!(bears(&json!({ "pattern": pattern }), &long), "{pattern}");
        }
        let short = json!(vec!["b9a7e2f0-1c3d-4e5f-8a9b-0c1d2e3f4a5b"; 10_000]);
        let uuid = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
        assert!(bears(&json!({ "items": { "pattern": uuid } }), &short));
    }

    #[test]
    fn patterns_that_the_host_has_no_room_for_are_refused() {
        let large = |count: usize| {
            let parts: serde_json::Map<_, _> = (0..count)
                .map(|number| {
                    let pattern = format!("{number}(x{{1000}}){{50}}");
                    (format!("p{number}"), json!({ "pattern": pattern }))
                })
                .collect();
            Effort::of(&json!({ "properties": parts }))
        };
        assert!(large(1).is_ok());
        let error = large(100).expect_err("five million states");
        assert!(error.contains("patterns that are too large"), "{error}");
    }

    #[test]
    fn what_is_reasonable_is_borne() {
        let tree = json!({
            "type": "object",
            "properties": { "left": { "$ref": "#" }, "right": { "$ref": "#" }, "items": { "items": { "$ref": "#" } } },
            "additionalProperties": { "type": "number" },
        });
        let many: Vec<Value> = (0..10_000).map(|_| json!({ "left": { "x": 1 } })).collect();
        assert!(bears(&tree, &json!({ "items": many })));
        let deep = (0..100).fold(json!({}), |inner, _| json!({ "left": inner }));
        assert!(bears(&tree, &deep));
        let itself = json!({ "anyOf": [{ "$ref": "#" }, { "not": { "$ref": "#" } }] });
        assert!(bears(&itself, &json!({})));
        let meta = json!({ "$ref": "https://json-schema.org/draft/2020-12/schema" });
        assert!(bears(&meta, &json!({})));
    }

    #[test]
    fn a_reference_leads_somewhere() {
        for reference in ["#/$defs/a", "#a", "other#/a", "http://169.254.169.254/#x"] {
            let error = Effort::of(&json!({ "$ref": reference })).expect_err("nowhere");
            assert!(error.contains("which it does not have"), "{error}");
        }
    }
}
