//! What a type looks like in JSON, as data.

use super::write::Writer;

/// A type whose JSON Schema is known. `#[derive(JsonSchema)]` beside `Deserialize` or `Serialize` is the usual way.
///
/// Doc comments become descriptions. The attributes of serde are followed, and `#[schemars(…)]` on a field adds to them,
/// as in the crate of that name:
///
/// - `range(min = 1, max = 100)` bounds a number;
/// - `length(min = 1, max = 50)`, or `equal = 3`, bounds a text, a list or a map;
/// - `pattern = "…"`, or `regex(pattern = "…")`, is a regular expression for a text;
/// - `extend("key" = value)` adds a keyword, its value a literal;
/// - `with = "TYPE"` takes the schema of another type;
/// - `title = "…"` and `description = "…"` say it in other words than the doc comment.
///
/// ```
/// use toolward_sdk::prelude::*;
///
/// /// What to list.
/// #[derive(Deserialize, JsonSchema)]
/// struct ListArgs {
///     /// How many at most.
///     #[serde(default = "ten")]
///     #[schemars(range(min = 1, max = 100))]
///     limit: u32,
/// }
///
/// fn ten() -> u32 {
///     10
/// }
///
/// /// Lists orders.
/// #[tool(read_only)]
/// fn orders(args: ListArgs) -> Result<u32> {
///     Ok(args.limit)
/// }
///
/// plugin!(orders);
/// let limit = &PLUGIN.definitions()[0].input_schema["properties"]["limit"];
/// assert_eq!(
///     limit,
///     &json!({"type": "integer", "minimum": 1, "maximum": 100, "description": "How many at most.", "default": 10})
/// );
/// ```
///
/// A schema that types cannot express is written by hand:
///
/// ```
/// use toolward_sdk::prelude::*;
/// use toolward_sdk::{Kind, Schema};
///
/// #[derive(Deserialize)]
/// struct Even(u32);
///
/// impl JsonSchema for Even {
///     const SCHEMA: Schema = Schema::Json {
///         kind: Kind::Other,
///         text: r#"{"type": "integer", "multipleOf": 2}"#,
///     };
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the JSON Schema of `{Self}` is not known",
    note = "derive `JsonSchema` of `toolward_sdk` for it"
)]
pub trait JsonSchema {
    /// What its JSON looks like.
    const SCHEMA: Schema;
}

/// What the JSON of a type looks like. Whoever writes one by hand uses [`Schema::Json`]; the others are what the derive
/// makes, and may change.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Schema {
    /// An object in JSON that is the schema. A field of this type adds its description to it.
    Json {
        /// What the values are.
        kind: Kind,
        /// The schema.
        text: &'static str,
    },
    /// Anything.
    #[doc(hidden)]
    Any,
    #[doc(hidden)]
    Null,
    #[doc(hidden)]
    Boolean,
    #[doc(hidden)]
    Number,
    /// The least and the greatest, where the type has one.
    #[doc(hidden)]
    Integer {
        min: &'static str,
        max: &'static str,
    },
    /// A text, and more keywords about it.
    #[doc(hidden)]
    String(&'static str),
    #[doc(hidden)]
    Optional(Of),
    /// A list, and more keywords about it.
    #[doc(hidden)]
    List(Of, &'static str),
    #[doc(hidden)]
    Array(Of, usize),
    #[doc(hidden)]
    Tuple(&'static [Of]),
    #[doc(hidden)]
    Map(Of),
    #[doc(hidden)]
    Struct(&'static Struct),
    #[doc(hidden)]
    Choice(&'static Choice),
    #[doc(hidden)]
    Wrapped(&'static Wrapped),
}

/// What the values of a [`Schema`] are. An answer is structured content if it is an object always; a client gets
/// [`Kind::Other`] inside of one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Always an object.
    Object,
    /// Always a text.
    Text,
    /// Always `null`.
    Nothing,
    /// Always a list, a number or a boolean.
    Other,
    /// Now this, now that.
    Mixed,
}

/// The schema of another type. A function, since types may contain themselves.
pub(crate) type Of = fn() -> &'static Schema;

/// The schema of a type.
#[must_use]
pub fn of<T: JsonSchema + ?Sized>() -> &'static Schema {
    const { &T::SCHEMA }
}

/// Fields with names.
#[derive(Clone, Copy, Debug)]
pub struct Struct {
    /// The name of the type, with all that tells it from others.
    pub name: fn() -> &'static str,
    pub description: &'static str,
    pub fields: &'static [Field],
    /// Whether it says itself that it takes no others.
    pub closed: bool,
    /// More keywords.
    pub more: &'static str,
}

/// A type around another one.
#[derive(Clone, Copy, Debug)]
pub struct Wrapped {
    pub description: &'static str,
    pub inner: Field,
}

/// One of several variants.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// The name of the type, with all that tells it from others.
    pub name: fn() -> &'static str,
    pub description: &'static str,
    pub tag: Tag,
    pub variants: &'static [Variant],
    /// Whether variants with fields say themselves that they take no others.
    pub closed: bool,
    /// How it is written if a variant is more than its name.
    pub branches: Option<Branches>,
}

/// Writes the variants of a choice. The table points to it, so that a plugin without such a type does not have it.
#[derive(Clone, Copy, Debug)]
pub struct Branches(pub(super) fn(&mut Writer, &'static Choice));

impl Branches {
    /// The only way.
    pub const WRITTEN: Self = Self(Writer::branches);
}

/// Where the name of a variant stands.
#[derive(Clone, Copy, Debug)]
pub enum Tag {
    /// Around the content.
    External,
    /// Among the fields.
    Internal(&'static str),
    /// Beside the content.
    Adjacent(&'static str, &'static str),
    /// Nowhere.
    Untagged,
}

/// One variant of a [`Choice`].
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// As it is read, as it is written.
    pub names: [&'static str; 2],
    pub presence: Presence,
    pub description: &'static str,
    pub content: Content,
}

/// What a variant holds.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    Unit,
    One(Field),
    Tuple(&'static [Of]),
    Fields(&'static [Field]),
}

/// What a field or a variant is when it is read, and when it is written.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is the answer to a question of its own"
)]
#[derive(Clone, Copy, Debug)]
pub struct Presence {
    /// It is not read.
    pub not_read: bool,
    /// It is not written.
    pub not_written: bool,
    /// It may be missing when it is read.
    pub optional_read: bool,
    /// It may be missing when it is written.
    pub optional_written: bool,
    /// Its own fields stand in place of it.
    pub flat: bool,
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// As it is read, as it is written.
    pub names: [&'static str; 2],
    pub presence: Presence,
    pub title: &'static str,
    pub description: &'static str,
    pub schema: Of,
    pub limits: Option<&'static Limits>,
    /// What it is where it is missing, as JSON.
    pub default: Option<fn() -> Option<String>>,
}

/// Bounds, each as it is written in JSON or empty.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub min: &'static str,
    pub max: &'static str,
    pub min_length: &'static str,
    pub max_length: &'static str,
    /// More keywords.
    pub more: &'static str,
}

impl Schema {
    /// What the values are.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Json { kind, .. } => *kind,
            Self::Any | Self::Optional(_) => Kind::Mixed,
            Self::Null => Kind::Nothing,
            Self::Boolean
            | Self::Number
            | Self::Integer { .. }
            | Self::List(..)
            | Self::Array(..)
            | Self::Tuple(_) => Kind::Other,
            Self::String(_) => Kind::Text,
            Self::Map(_) | Self::Struct(_) => Kind::Object,
            Self::Choice(choice) => choice.kind(),
            Self::Wrapped(wrapped) => (wrapped.inner.schema)().kind(),
        }
    }

    /// The type inside, if this is an `Option`.
    pub(crate) fn optional(&self) -> Option<&'static Schema> {
        match self {
            Self::Optional(inner) => Some(inner()),
            _ => None,
        }
    }
}

impl Choice {
    fn kind(&self) -> Kind {
        let mut kinds = self.variants.iter().map(|variant| match self.tag {
            Tag::Internal(_) | Tag::Adjacent(..) => Kind::Object,
            Tag::External => match variant.content {
                Content::Unit => Kind::Text,
                Content::One(_) | Content::Tuple(_) | Content::Fields(_) => Kind::Object,
            },
            Tag::Untagged => match variant.content {
                Content::Unit => Kind::Nothing,
                Content::One(field) => (field.schema)().kind(),
                Content::Tuple(_) => Kind::Other,
                Content::Fields(_) => Kind::Object,
            },
        });
        let first = kinds.next().unwrap_or(Kind::Mixed);
        if kinds.all(|kind| kind == first) {
            first
        } else {
            Kind::Mixed
        }
    }
}
