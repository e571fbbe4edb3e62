//! What a tool hands back: content of several kinds, and structured data.

use serde::Serialize;
use serde_json::Value;

use crate::error::Result;
use crate::meta::{Icon, Meta};

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

/// A resource without its content: a line of the list of resources, or a link in a result.
///
/// ```
/// use toolward_sdk::Link;
///
/// let log = Link { mime_type: Some("text/plain".to_owned()), ..Link::new("shop://orders/7/log", "log of order 7") };
/// assert_eq!(log.name, "log of order 7");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// Pictures for lists.
    pub icons: Vec<Icon>,
    /// How it is meant to be used.
    pub annotations: Option<Annotations>,
    /// Travels as its `_meta`.
    pub meta: Meta,
}

impl Link {
    /// A link of which only place and name are known.
    pub fn new(uri: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            name: name.into(),
            ..Self::default()
        }
    }
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
    /// Travels as its `_meta`.
    pub meta: Meta,
}

impl Document {
    /// Text, such as `text/plain`.
    pub fn text(
        uri: impl Into<String>,
        mime_type: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            uri: uri.into(),
            mime_type: Some(mime_type.into()),
            body: DocumentBody::Text(text.into()),
            meta: Meta::new(),
        }
    }

    /// Anything else, such as `image/png`.
    pub fn bytes(
        uri: impl Into<String>,
        mime_type: impl Into<String>,
        bytes: impl Into<Vec<u8>>,
    ) -> Self {
        Self {
            uri: uri.into(),
            mime_type: Some(mime_type.into()),
            body: DocumentBody::Bytes(bytes.into()),
            meta: Meta::new(),
        }
    }
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
    /// A kind that a later revision of the protocol defines, in JSON as that revision writes it. The host passes it to
    /// clients that speak the revision and refuses it otherwise.
    Other(String),
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
    pub(crate) meta: Meta,
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl Content {
    fn new(item: Item) -> Self {
        Self {
            item,
            annotations: None,
            meta: Meta::new(),
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

    /// A kind of content that this version does not know, as the protocol writes it.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the caller has no use for it afterwards"
    )]
    pub fn other(content: Value) -> Self {
        Self::new(Item::Other(content.to_string()))
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

    /// Says when the thing itself last changed, as an RFC 3339 time.
    #[must_use]
    pub fn last_modified(mut self, time: impl Into<String>) -> Self {
        self.annotations.get_or_insert_default().last_modified = Some(time.into());
        self
    }

    /// Adds an entry to the content's `_meta`.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: &Value) -> Self {
        self.meta = self.meta.with(key, value);
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
    pub(crate) meta: Meta,
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
        self.meta = self.meta.with(key, value);
        self
    }
}
