//! Prompts: texts that a person picks to begin a conversation with.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::meta::{Icon, Meta};
use crate::output::{Content, Role};
use crate::schema::{self, JsonSchema};
use crate::texts;

/// A prompt as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptDefinition {
    /// The name it is picked by.
    pub name: &'static str,
    /// Its name for people.
    pub title: Option<&'static str>,
    /// What it is good for.
    pub description: &'static str,
    /// Its blanks, in the order in which they are asked for.
    pub arguments: Vec<PromptArgument>,
    /// Pictures for lists.
    pub icons: Vec<Icon>,
    /// Travels as its `_meta`.
    pub meta: Meta,
}

/// A blank in a prompt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PromptArgument {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub title: Option<String>,
    /// What to fill in.
    pub description: Option<String>,
    /// Whether the prompt makes no sense without it.
    pub required: bool,
}

/// One message of the conversation that a prompt begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What.
    pub content: Content,
}

impl Message {
    /// The person says this.
    pub fn user(content: impl Into<Content>) -> Self {
        Self {
            role: Role::User,
            content: content.into(),
        }
    }

    /// The model says this.
    pub fn assistant(content: impl Into<Content>) -> Self {
        Self {
            role: Role::Assistant,
            content: content.into(),
        }
    }
}

/// A prompt with its blanks filled.
///
/// ```
/// use toolward_sdk::{Filled, Message};
///
/// let filled = Filled::new([Message::user("What failed last night?")]).describe("One night");
/// assert_eq!(filled.messages.len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filled {
    /// What it is, now that the blanks are filled.
    pub description: Option<String>,
    /// In order.
    pub messages: Vec<Message>,
    /// Travels as the result's `_meta`.
    pub meta: Meta,
}

impl Filled {
    /// These messages.
    pub fn new(messages: impl IntoIterator<Item = Message>) -> Self {
        Self {
            messages: messages.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Says what it is, now that the blanks are filled.
    #[must_use]
    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Adds an entry to the result's `_meta`.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: &Value) -> Self {
        self.meta = self.meta.with(key, value);
        self
    }
}

/// What a prompt function may return inside its `Result`: text, which the person says; a [`Message`] or several; or
/// [`Filled`] for all the rest.
#[diagnostic::on_unimplemented(
    message = "a prompt cannot begin with `{Self}`",
    note = "return a text, `Message`s or `Filled`"
)]
pub trait IntoFilled {
    /// The filled prompt.
    fn into_filled(self) -> Filled;
}

impl IntoFilled for Filled {
    fn into_filled(self) -> Filled {
        self
    }
}

impl IntoFilled for Message {
    fn into_filled(self) -> Filled {
        Filled::new([self])
    }
}

impl IntoFilled for Vec<Message> {
    fn into_filled(self) -> Filled {
        Filled::new(self)
    }
}

impl<const N: usize> IntoFilled for [Message; N] {
    fn into_filled(self) -> Filled {
        Filled::new(self)
    }
}

impl IntoFilled for Content {
    fn into_filled(self) -> Filled {
        Message::user(self).into_filled()
    }
}

impl IntoFilled for String {
    fn into_filled(self) -> Filled {
        Message::user(self).into_filled()
    }
}

impl IntoFilled for &str {
    fn into_filled(self) -> Filled {
        Message::user(self).into_filled()
    }
}

/// A function marked with [`#[prompt]`](macro@crate::prompt); only that attribute implements this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a prompt",
    note = "put `#[prompt]` on the function that is named in `plugin!`"
)]
pub trait Prompt {
    /// The name it is picked by.
    const NAME: &'static str;
    /// The prompt as it is listed.
    fn definition() -> PromptDefinition;
    /// Fills it.
    fn fill(cx: &Context, arguments: &[(String, String)]) -> Result<Filled>;
}

/// One prompt of a [`Plugin`](crate::Plugin).
#[derive(Clone, Copy, Debug)]
pub struct PromptEntry {
    pub(crate) name: &'static str,
    pub(crate) definition: fn() -> PromptDefinition,
    pub(crate) fill: FillFunction,
}

type FillFunction = fn(&Context, &[(String, String)]) -> Result<Filled>;

impl PromptEntry {
    /// The entry of a prompt.
    #[must_use]
    pub const fn of<P: Prompt>() -> Self {
        Self {
            name: P::NAME,
            definition: P::definition,
            fill: P::fill,
        }
    }
}

/// The blanks of a prompt that takes this type: its fields, in their order.
#[must_use]
pub fn prompt_arguments<T: DeserializeOwned + JsonSchema>() -> Vec<PromptArgument> {
    let schema = schema::parsed(&schema::input::<T>());
    let order = texts::fields::<T>();
    let place = |name: &str| order.iter().position(|field| *field == name);
    let required = |name: &str| {
        let required = schema["required"].as_array();
        required.is_some_and(|names| names.iter().any(|known| known == name))
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut arguments: Vec<PromptArgument> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, property)| PromptArgument {
            name: name.clone(),
            title: text(&property["title"]),
            description: text(&property["description"]),
            required: required(name),
        })
        .collect();
    arguments.sort_by_key(|argument| place(&argument.name).unwrap_or(usize::MAX));
    arguments
}

/// Reads the blanks; the error names the one that does not fit.
pub fn read_prompt_arguments<T: DeserializeOwned>(arguments: &[(String, String)]) -> Result<T> {
    texts::read("argument", arguments)
}

/// Turns what the function returned into a filled prompt.
pub fn finish_prompt<T: IntoFilled, E: Into<Failure>>(outcome: Result<T, E>) -> Result<Filled> {
    Ok(outcome.map_err(Into::into)?.into_filled())
}
