//! What a tool hands back: content of several kinds, and structured data.

use serde::Serialize;
use serde_json::Value;

use crate::error::Result;

/// Whom content is meant for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// Hints to the client about a piece of content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Annotations {
    /// Whom it is meant for; empty: anyone.
    pub audience: Vec<Role>,
    /// From 0 (may be left out) to 1 (effectively required).
    pub priority: Option<f64>,
    /// When it last changed, as an ISO 8601 time.
    pub last_modified: Option<String>,
}

/// Bytes of a picture or a sound.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Media {
    /// For example `image/png`.
    pub mime_type: String,
    /// The file itself; the host encodes it for the wire.
    pub bytes: Vec<u8>,
}

/// A reference to something that the client may read later.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Link {
    /// Where it is.
    pub uri: String,
    /// Its name for programs.
    pub name: String,
    /// Its name for people.
    pub title: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// For example `application/pdf`.
    pub mime_type: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
}

/// A whole document, embedded in the answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Document {
    /// What identifies it.
    pub uri: String,
    /// For example `text/plain`.
    pub mime_type: Option<String>,
    /// What is in it.
    pub body: DocumentBody,
}

/// What is in a [`Document`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DocumentBody {
    /// Text.
    Text(String),
    /// Anything else; the host encodes it for the wire.
    Bytes(Vec<u8>),
}

/// One kind of content.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Item {
    /// Text.
    Text(String),
    /// A picture.
    Image(Media),
    /// A sound.
    Audio(Media),
    /// A reference to something that the client may read later.
    Link(Link),
    /// A whole document.
    Document(Document),
}

/// One piece of what a tool shows.
///
/// ```
/// use toolward_sdk::{Content, Role};
///
/// let chart = Content::image("image/png", vec![0x89, 0x50]).audience([Role::User]).priority(0.3);
/// assert_eq!(chart.annotations.unwrap().audience, [Role::User]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// What it is.
    pub item: Item,
    /// Hints to the client.
    pub annotations: Option<Annotations>,
    pub(crate) meta: Vec<(String, String)>,
}

impl Content {
    fn new(item: Item) -> Self {
        Self {
            item,
            annotations: None,
            meta: Vec::new(),
        }
    }

    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Item::Text(text.into()))
    }

    /// A picture, such as `image/png`.
    pub fn image(mime_type: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self::new(Item::Image(Media {
            mime_type: mime_type.into(),
            bytes,
        }))
    }

    /// A sound, such as `audio/wav`.
    pub fn audio(mime_type: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self::new(Item::Audio(Media {
            mime_type: mime_type.into(),
            bytes,
        }))
    }

    /// A reference to something that the client may read later.
    #[must_use]
    pub fn link(link: Link) -> Self {
        Self::new(Item::Link(link))
    }

    /// A whole document.
    #[must_use]
    pub fn document(document: Document) -> Self {
        Self::new(Item::Document(document))
    }

    /// Says whom this is meant for.
    #[must_use]
    pub fn audience(mut self, roles: impl IntoIterator<Item = Role>) -> Self {
        self.annotations.get_or_insert_default().audience = roles.into_iter().collect();
        self
    }

    /// Says how much it matters, from 0 to 1.
    #[must_use]
    pub fn priority(mut self, priority: f64) -> Self {
        self.annotations.get_or_insert_default().priority = Some(priority);
        self
    }

    /// Adds an entry to the content's `_meta`.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: &Value) -> Self {
        self.meta.push((key.into(), value.to_string()));
        self
    }
}

/// A result put together by hand, where one value is not enough.
///
/// A tool that returns an `Output` declares no output schema; return a type of your own, or
/// [`Rendered`](crate::Rendered) around it, where clients should know the shape.
///
/// ```
/// use toolward_sdk::{Content, Output};
///
/// let output = Output::text("two files").with(Content::image("image/png", vec![1, 2, 3]));
/// assert_eq!(output.content.len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// What is shown, in order.
    pub content: Vec<Content>,
    pub(crate) structured: Option<String>,
    pub(crate) meta: Vec<(String, String)>,
}

impl Output {
    /// An empty result.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One piece of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new().with(Content::text(text))
    }

    /// Adds a piece of content.
    #[must_use]
    pub fn with(mut self, content: Content) -> Self {
        self.content.push(content);
        self
    }

    /// Sets the structured content. Fails when the value cannot be written as JSON.
    pub fn with_structured(mut self, value: &impl Serialize) -> Result<Self> {
        self.structured = Some(serde_json::to_string(value)?);
        Ok(self)
    }

    /// Adds an entry to the result's `_meta`.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: &Value) -> Self {
        self.meta.push((key.into(), value.to_string()));
        self
    }
}
