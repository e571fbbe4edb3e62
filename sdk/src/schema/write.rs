//! From the table to the text.

use super::table::{
    Choice, Content, Field, Limits, Of, Presence, Schema, Struct, Tag, Variant, Wrapped,
};

/// What a field says about its value beside the value's own type.
#[derive(Clone, Copy, Default)]
struct Around {
    title: &'static str,
    description: &'static str,
    limits: Option<&'static Limits>,
    default: Option<fn() -> Option<String>>,
    /// The value may be `null`.
    nullable: bool,
    /// No other fields than those that are named.
    closed: bool,
}

impl Around {
    fn of(field: &Field) -> Self {
        Self {
            title: field.title,
            description: field.description,
            limits: field.limits,
            default: field.default,
            ..Self::default()
        }
    }

    /// The same for the type inside, for which what stands outside counts more.
    fn with(mut self, wrapped: &Wrapped) -> Self {
        let (own, inner) = (wrapped.description, &wrapped.inner);
        for description in [own, inner.description] {
            if self.description.is_empty() {
                self.description = description;
            }
        }
        if self.title.is_empty() {
            self.title = inner.title;
        }
        self.limits = self.limits.or(inner.limits);
        self
    }

    fn is_nothing(&self) -> bool {
        self.title.is_empty()
            && self.description.is_empty()
            && self.limits.is_none()
            && self.default.is_none()
    }
}

/// What flattened fields bring that is no field.
#[derive(Default)]
struct Rest {
    required: Vec<&'static str>,
    /// What fields of other names hold.
    others: Option<&'static Schema>,
    choice: Option<(&'static Choice, bool)>,
}

/// Writes one schema. Nested types are written where they are used: many clients do not follow `$ref`. Only those that
/// contain themselves stand in `$defs`.
pub(super) struct Writer {
    /// JSON, so far.
    text: Vec<u8>,
    /// 0 to read such a value, 1 to write it: the place in a pair of names.
    side: usize,
    /// The types that are being written.
    open: Vec<&'static str>,
    /// Those that were met inside themselves.
    recursive: Vec<(&'static str, &'static Schema)>,
}

impl Writer {
    pub(super) const fn reading() -> Self {
        Self::new(0)
    }

    pub(super) const fn writing() -> Self {
        Self::new(1)
    }

    const fn new(side: usize) -> Self {
        Self {
            text: Vec::new(),
            side,
            open: Vec::new(),
            recursive: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> String {
        String::from_utf8(self.text).unwrap_or_default()
    }

    /// The schema itself. That a choice between objects is an object is said, since clients look for it there.
    pub(super) fn root(&mut self, schema: &'static Schema, closed: bool) {
        let around = Around {
            closed,
            ..Around::default()
        };
        if let (Schema::Any, true) = (schema, closed) {
            return self.raw("{}");
        }
        self.node(schema, around);
        self.text.pop();
        if schema.kind() == super::Kind::Object && is_branched(schema) {
            self.key("type");
            self.quoted("object");
        }
        self.definitions();
        self.raw("}");
    }

    /// The schema as that of the only field of an object.
    pub(super) fn wrapped(&mut self, schema: &'static Schema, name: &str) {
        self.raw(r#"{"type":"object","properties":{"#);
        self.key(name);
        self.node(schema, Around::default());
        self.raw(r#"},"required":["#);
        self.quoted(name);
        self.raw("]");
        self.definitions();
        self.raw("}");
    }

    fn definitions(&mut self) {
        let mut at = 0;
        while let Some(&(name, schema)) = self.recursive.get(at) {
            if at == 0 {
                self.key("$defs");
                self.raw("{");
            }
            self.key(self.label(name));
            self.node(schema, Around::default());
            at += 1;
        }
        if at > 0 {
            self.raw("}");
        }
    }

    fn node(&mut self, schema: &'static Schema, around: Around) {
        match schema {
            Schema::Any if around.is_nothing() => return self.raw("true"),
            Schema::Optional(inner) => return self.optional(inner(), around),
            Schema::Wrapped(wrapped) => {
                return self.node((wrapped.inner.schema)(), around.with(wrapped));
            }
            Schema::Struct(it) if self.is_open(it.name) => {
                return self.reference(it.name, schema, around);
            }
            Schema::Choice(it) if self.is_open(it.name) => {
                return self.reference(it.name, schema, around);
            }
            _ => {}
        }
        if around.nullable && (is_branched(schema) || matches!(schema, Schema::Json { .. })) {
            return self.or_null(schema, around);
        }
        self.raw("{");
        self.keywords(schema, around);
        self.raw("}");
    }

    fn keywords(&mut self, schema: &'static Schema, around: Around) {
        let nullable = around.nullable;
        match schema {
            Schema::Json { text, .. } => {
                let text = text.trim_ascii();
                let inner = text.get(1..text.len().saturating_sub(1));
                self.raw(inner.unwrap_or_default().trim_ascii());
            }
            Schema::Null => self.kind("null", false),
            Schema::Boolean => self.kind("boolean", nullable),
            Schema::Number => self.number("number", ["", ""], around),
            Schema::Integer { min, max } => self.number("integer", [min, max], around),
            Schema::String(more) => {
                self.kind("string", nullable);
                self.length(around, ["minLength", "maxLength"]);
                self.more(more);
            }
            Schema::List(item, more) => {
                self.kind("array", nullable);
                self.key("items");
                self.node(item(), Around::default());
                self.length(around, ["minItems", "maxItems"]);
                self.more(more);
            }
            Schema::Array(item, length) => {
                self.kind("array", nullable);
                self.key("items");
                self.node(item(), Around::default());
                self.exactly(*length);
            }
            Schema::Tuple(items) => self.tuple(items, nullable),
            Schema::Map(value) => {
                self.kind("object", nullable);
                self.key("additionalProperties");
                self.node(value(), Around::default());
                self.length(around, ["minProperties", "maxProperties"]);
            }
            Schema::Struct(it) => return self.structure(it, around),
            Schema::Choice(it) => return self.choice(it, around),
            // Done in `node`.
            Schema::Any | Schema::Optional(_) | Schema::Wrapped(_) => {}
        }
        self.about(around, "");
    }

    fn optional(&mut self, inner: &'static Schema, mut around: Around) {
        around.closed = false;
        around.nullable = !matches!(inner, Schema::Any | Schema::Null);
        self.node(inner, around);
    }

    /// What cannot be made `null` by a word.
    fn or_null(&mut self, schema: &'static Schema, around: Around) {
        self.raw(r#"{"anyOf":["#);
        self.node(schema, Around::default());
        self.raw(r#",{"type":"null"}]"#);
        self.about(around, "");
        self.raw("}");
    }

    fn reference(&mut self, name: fn() -> &'static str, schema: &'static Schema, around: Around) {
        let name = name();
        if !self.recursive.iter().any(|(known, _)| *known == name) {
            self.recursive.push((name, schema));
        }
        self.raw(if around.nullable {
            r#"{"anyOf":[{"#
        } else {
            "{"
        });
        self.key("$ref");
        // The name of a type needs no escape.
        self.raw("\"#/$defs/");
        self.raw(self.label(name));
        self.raw("\"");
        if around.nullable {
            self.raw(r#"},{"type":"null"}]"#);
        }
        self.about(around, "");
        self.raw("}");
    }

    /// Its short name, if no other type has it.
    fn label(&self, name: &'static str) -> &'static str {
        let mut known = self.recursive.iter().map(|(known, _)| *known);
        match known.find(|known| short(known) == short(name)) {
            Some(first) if first != name => name,
            Some(_) | None => short(name),
        }
    }

    fn is_open(&self, name: fn() -> &'static str) -> bool {
        self.open.contains(&name())
    }

    /// What stands beside the type: the words of whoever uses it, or else its own.
    fn about(&mut self, around: Around, own: &'static str) {
        let description = if around.description.is_empty() {
            own
        } else {
            around.description
        };
        self.text("title", around.title);
        self.text("description", description);
        if let Some(limits) = around.limits {
            self.more(limits.more);
        }
        if let Some(default) = around.default.and_then(|default| default()) {
            self.key("default");
            self.raw(&default);
        }
    }

    fn kind(&mut self, kind: &str, nullable: bool) {
        self.key("type");
        if nullable {
            self.raw("[");
        }
        self.quoted(kind);
        if nullable {
            self.raw(r#","null"]"#);
        }
    }

    fn number(&mut self, kind: &str, own: [&str; 2], around: Around) {
        self.kind(kind, around.nullable);
        let [mut min, mut max] = own;
        if let Some(limits) = around.limits {
            min = if limits.min.is_empty() {
                min
            } else {
                limits.min
            };
            max = if limits.max.is_empty() {
                max
            } else {
                limits.max
            };
        }
        self.value("minimum", min);
        self.value("maximum", max);
    }

    fn length(&mut self, around: Around, [min, max]: [&str; 2]) {
        if let Some(limits) = around.limits {
            self.value(min, limits.min_length);
            self.value(max, limits.max_length);
        }
    }

    fn tuple(&mut self, items: &'static [Of], nullable: bool) {
        self.kind("array", nullable);
        self.key("prefixItems");
        self.raw("[");
        for item in items {
            self.comma();
            self.node(item(), Around::default());
        }
        self.raw("]");
        self.exactly(items.len());
    }

    fn exactly(&mut self, length: usize) {
        let length = format!("{length}");
        self.value("minItems", &length);
        self.value("maxItems", &length);
    }

    fn structure(&mut self, it: &'static Struct, around: Around) {
        self.open.push((it.name)());
        self.kind("object", around.nullable);
        self.fields(None, it.fields, it.closed || around.closed, it.closed);
        self.more(it.more);
        self.about(around, it.description);
        self.open.pop();
    }

    /// The fields of an object, after the one that names the variant.
    fn fields(
        &mut self,
        tag: Option<[&'static str; 2]>,
        fields: &'static [Field],
        closed: bool,
        firmly: bool,
    ) {
        let mut rest = Rest::default();
        let before = self.text.len();
        self.key("properties");
        self.raw("{");
        if let Some([key, name]) = tag {
            self.key(key);
            self.constant(name, "");
            rest.required.push(key);
        }
        self.properties(fields, false, &mut rest);
        if self.text.last() == Some(&b'{') {
            self.text.truncate(before);
        } else {
            self.raw("}");
        }
        self.rest(&rest, closed, firmly);
    }

    fn rest(&mut self, rest: &Rest, closed: bool, firmly: bool) {
        if !rest.required.is_empty() {
            self.key("required");
            self.raw("[");
            for name in &rest.required {
                self.comma();
                self.quoted(name);
            }
            self.raw("]");
        }
        if let Some(others) = rest.others {
            self.key("additionalProperties");
            self.node(others, Around::default());
        } else if firmly && rest.choice.is_some() {
            self.value("unevaluatedProperties", "false");
        } else if closed && rest.choice.is_none() {
            self.value("additionalProperties", "false");
        }
        let Some((choice, optional)) = rest.choice else {
            return;
        };
        if optional {
            self.raw(r#","anyOf":[{"#);
        }
        if let Some(branches) = choice.branches {
            branches.0(self, choice);
        }
        if optional {
            self.raw("},{}]");
        }
    }

    fn properties(&mut self, fields: &'static [Field], optional: bool, rest: &mut Rest) {
        for field in fields {
            let schema = (field.schema)();
            let Presence {
                not_read,
                not_written,
                optional_read,
                optional_written,
                flat,
            } = field.presence;
            let (absent, may_be_missing) = match self.side {
                0 => (not_read, optional_read || schema.optional().is_some()),
                _ => (not_written, optional_written),
            };
            if absent {
                continue;
            }
            if flat {
                self.flatten(schema, optional, rest);
                continue;
            }
            let name = field.names[self.side];
            self.key(name);
            self.node(schema, Around::of(field));
            if !may_be_missing && !optional {
                rest.required.push(name);
            }
        }
    }

    fn flatten(&mut self, schema: &'static Schema, optional: bool, rest: &mut Rest) {
        match schema {
            Schema::Struct(it) => self.properties(it.fields, optional, rest),
            Schema::Optional(inner) => self.flatten(inner(), true, rest),
            Schema::Wrapped(wrapped) => self.flatten((wrapped.inner.schema)(), optional, rest),
            Schema::Map(value) => rest.others = Some(value()),
            Schema::Choice(choice) if choice.branches.is_some() => {
                rest.choice = Some((choice, optional));
            }
            _ => rest.others = Some(&Schema::Any),
        }
    }

    fn choice(&mut self, it: &'static Choice, around: Around) {
        self.open.push((it.name)());
        match it.branches {
            Some(branches) => branches.0(self, it),
            None => self.names(it, around.nullable),
        }
        self.about(around, it.description);
        self.open.pop();
    }

    /// Variants that are only names.
    fn names(&mut self, it: &'static Choice, nullable: bool) {
        self.kind("string", nullable);
        self.key("enum");
        self.raw("[");
        for variant in it.variants.iter().filter(|variant| is_plain(variant)) {
            if self.is_there(variant.presence) {
                self.comma();
                self.quoted(variant.names[self.side]);
            }
        }
        self.raw(if nullable { ",null]" } else { "]" });
    }

    pub(super) fn branches(&mut self, it: &'static Choice) {
        let external = matches!(it.tag, Tag::External);
        self.key(match it.tag {
            Tag::Untagged => "anyOf",
            Tag::External | Tag::Internal(_) | Tag::Adjacent(..) => "oneOf",
        });
        self.raw("[");
        if external && it.variants.iter().any(is_plain) {
            self.raw("{");
            self.names(it, false);
            self.raw("}");
        }
        for variant in it.variants {
            if self.is_there(variant.presence) && !(external && is_plain(variant)) {
                self.comma();
                self.variant(it, variant);
            }
        }
        self.raw("]");
    }

    fn is_there(&self, presence: Presence) -> bool {
        !(if self.side == 0 {
            presence.not_read
        } else {
            presence.not_written
        })
    }

    fn variant(&mut self, it: &'static Choice, variant: &'static Variant) {
        let name = variant.names[self.side];
        match (it.tag, &variant.content) {
            (Tag::External, Content::Unit) => return self.constant(name, variant.description),
            (Tag::External, content) => {
                self.raw(r#"{"type":"object","properties":{"#);
                self.key(name);
                self.content(content, it.closed, Around::default());
                self.raw(r#"},"required":["#);
                self.quoted(name);
                self.raw(r#"],"additionalProperties":false"#);
            }
            (Tag::Internal(tag), content) => {
                self.raw(r#"{"type":"object""#);
                self.tagged([tag, name], content, it.closed);
            }
            (Tag::Adjacent(tag, key), content) => {
                self.raw(r#"{"type":"object","properties":{"#);
                self.key(tag);
                self.constant(name, "");
                if !matches!(content, Content::Unit) {
                    self.key(key);
                    self.content(content, it.closed, Around::default());
                }
                self.raw(r#"},"required":["#);
                self.quoted(tag);
                if !matches!(content, Content::Unit) {
                    self.comma();
                    self.quoted(key);
                }
                self.raw("]");
                if it.closed {
                    self.value("additionalProperties", "false");
                }
            }
            (Tag::Untagged, content) => {
                let around = Around {
                    description: variant.description,
                    ..Around::default()
                };
                return self.content(content, it.closed, around);
            }
        }
        self.text("description", variant.description);
        self.raw("}");
    }

    /// The fields of a variant beside its name.
    fn tagged(&mut self, tag: [&'static str; 2], content: &'static Content, closed: bool) {
        match content {
            Content::Fields(fields) => self.fields(Some(tag), fields, closed, closed),
            Content::One(field) => {
                let mut schema = (field.schema)();
                while let Schema::Wrapped(wrapped) = schema {
                    schema = (wrapped.inner.schema)();
                }
                match schema {
                    Schema::Struct(it) => self.fields(Some(tag), it.fields, closed, closed),
                    _ => self.fields(Some(tag), &[], false, false),
                }
            }
            Content::Unit | Content::Tuple(_) => self.fields(Some(tag), &[], closed, closed),
        }
    }

    fn content(&mut self, content: &'static Content, closed: bool, around: Around) {
        match content {
            Content::One(field) => {
                let mut inner = Around::of(field);
                if inner.description.is_empty() {
                    inner.description = around.description;
                }
                return self.node((field.schema)(), inner);
            }
            Content::Unit => self.raw(r#"{"type":"null""#),
            Content::Tuple(items) => {
                self.raw("{");
                self.tuple(items, false);
            }
            Content::Fields(fields) => {
                self.raw(r#"{"type":"object""#);
                self.fields(None, fields, closed, closed);
            }
        }
        self.about(around, "");
        self.raw("}");
    }

    fn constant(&mut self, name: &str, description: &str) {
        self.raw(r#"{"type":"string","const":"#);
        self.quoted(name);
        self.text("description", description);
        self.raw("}");
    }

    fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.key(key);
            self.quoted(text);
        }
    }

    fn value(&mut self, key: &str, json: &str) {
        if !json.is_empty() {
            self.key(key);
            self.raw(json);
        }
    }

    fn more(&mut self, keywords: &str) {
        if !keywords.is_empty() {
            self.comma();
            self.raw(keywords);
        }
    }

    fn key(&mut self, key: &str) {
        self.comma();
        self.quoted(key);
        self.raw(":");
    }

    /// After anything but a beginning.
    fn comma(&mut self) {
        if !matches!(self.text.last(), Some(b'{' | b'[')) {
            self.raw(",");
        }
    }

    fn raw(&mut self, json: &str) {
        self.text.extend_from_slice(json.as_bytes());
    }

    fn quoted(&mut self, text: &str) {
        // Writing a text to memory does not fail.
        let _ = serde_json::to_writer(&mut self.text, text);
    }
}

/// A variant that is only a name, with nothing to say about it.
fn is_plain(variant: &Variant) -> bool {
    matches!(variant.content, Content::Unit) && variant.description.is_empty()
}

fn is_branched(schema: &Schema) -> bool {
    match schema {
        Schema::Choice(choice) => choice.branches.is_some(),
        Schema::Wrapped(wrapped) => is_branched((wrapped.inner.schema)()),
        _ => false,
    }
}

/// The last part of a type's name, without what it is generic over.
fn short(name: &'static str) -> &'static str {
    let mut start = 0;
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b':' => start = at + 1,
            b'<' => return name.get(start..at).unwrap_or(name),
            _ => {}
        }
    }
    name.get(start..).unwrap_or(name)
}
