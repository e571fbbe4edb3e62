//! Resources: things that a client can read, each with a URI.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::context::Context;
use crate::error::{Cause, Failure, RequestError, Result};
use crate::meta::{Freshness, Icon, Meta};
use crate::output::{Annotations, Document, DocumentBody, Link};
use crate::texts;
use crate::uri::Pattern;

/// A resource, or a family of resources whose URIs differ in blanks, as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceDefinition {
    /// Its URI; in a family, with `{blanks}`.
    pub uri: &'static str,
    /// A short name, for programs.
    pub name: &'static str,
    /// Its name for people.
    pub title: Option<&'static str>,
    /// What it holds, for the model.
    pub description: &'static str,
    /// What reading it gives, if that is known.
    pub mime_type: Option<&'static str>,
    /// Pictures for lists.
    pub icons: Vec<Icon>,
    /// How it is meant to be used.
    pub annotations: Option<Annotations>,
    /// Travels as its `_meta`.
    pub meta: Meta,
}

impl ResourceDefinition {
    /// Whether it is a family of resources.
    #[must_use]
    pub fn is_template(&self) -> bool {
        self.uri.contains('{')
    }

    fn into_link(self) -> Link {
        Link {
            uri: self.uri.to_owned(),
            name: self.name.to_owned(),
            title: self.title.map(str::to_owned),
            description: Some(self.description.to_owned()),
            mime_type: self.mime_type.map(str::to_owned),
            size: None,
            icons: self.icons,
            annotations: self.annotations,
            meta: self.meta,
        }
    }
}

/// A part of the list of a family's resources, for the function that `#[resource(…, list = FUNCTION)]` names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// In an order that stays the same.
    pub entries: Vec<Link>,
    /// Where the next page begins, in the plugin's own words; none: this is the last.
    pub next: Option<String>,
    /// How long this page stays good; none: as the plugin's lists do.
    pub freshness: Option<Freshness>,
}

impl Page {
    /// The whole list, or its last part.
    pub fn last(entries: impl IntoIterator<Item = Link>) -> Self {
        Self {
            entries: entries.into_iter().collect(),
            ..Self::default()
        }
    }

    /// There is more, from here.
    #[must_use]
    pub fn then(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

/// What reading gave, where one text or one sequence of bytes is not enough.
///
/// ```
/// use std::time::Duration;
/// use toolward_sdk::{Document, Found, Freshness};
///
/// let found = Found::new([Document::text("shop://orders/7", "text/plain", "two chairs")])
///     .fresh(Freshness::personal(Duration::from_secs(10)));
/// assert_eq!(found.documents.len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Usually one; several where the URI names a collection.
    pub documents: Vec<Document>,
    /// How long they stay good.
    pub freshness: Option<Freshness>,
    /// Travels as the result's `_meta`.
    pub meta: Meta,
}

impl Found {
    /// These documents.
    pub fn new(documents: impl IntoIterator<Item = Document>) -> Self {
        Self {
            documents: documents.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Says how long they stay good.
    #[must_use]
    pub fn fresh(mut self, freshness: Freshness) -> Self {
        self.freshness = Some(freshness);
        self
    }

    /// Adds an entry to the result's `_meta`.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: &Value) -> Self {
        self.meta = self.meta.with(key, value);
        self
    }
}

/// A value whose JSON is the content of a resource.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Json<T>(pub T);

/// What a resource function may return inside its `Result`: text, bytes, a [`Document`], [`Json`], or [`Found`] for
/// all the rest.
#[diagnostic::on_unimplemented(
    message = "a resource cannot hold `{Self}`",
    note = "return a text, bytes, `Json(…)` or `Found`"
)]
pub trait IntoFound {
    /// What is found at this URI, of this kind where the resource says it.
    fn into_found(self, uri: &str, mime_type: Option<&str>) -> Result<Found>;
}

fn one(uri: &str, mime_type: Option<&str>, body: DocumentBody) -> Found {
    Found::new([Document {
        uri: uri.to_owned(),
        mime_type: mime_type.map(str::to_owned),
        body,
        meta: Meta::new(),
    }])
}

impl IntoFound for Found {
    fn into_found(self, _: &str, _: Option<&str>) -> Result<Found> {
        Ok(self)
    }
}

impl IntoFound for Document {
    fn into_found(self, _: &str, _: Option<&str>) -> Result<Found> {
        Ok(Found::new([self]))
    }
}

impl IntoFound for String {
    fn into_found(self, uri: &str, mime_type: Option<&str>) -> Result<Found> {
        Ok(one(uri, mime_type, DocumentBody::Text(self)))
    }
}

impl IntoFound for &str {
    fn into_found(self, uri: &str, mime_type: Option<&str>) -> Result<Found> {
        self.to_owned().into_found(uri, mime_type)
    }
}

impl IntoFound for Vec<u8> {
    fn into_found(self, uri: &str, mime_type: Option<&str>) -> Result<Found> {
        Ok(one(uri, mime_type, DocumentBody::Bytes(self)))
    }
}

impl<T: Serialize> IntoFound for Json<T> {
    fn into_found(self, uri: &str, mime_type: Option<&str>) -> Result<Found> {
        let json = serde_json::to_string(&self.0)?;
        let mime_type = mime_type.unwrap_or("application/json");
        json.into_found(uri, Some(mime_type))
    }
}

/// A function marked with [`#[resource]`](macro@crate::resource); only that attribute implements this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a resource",
    note = "put `#[resource(\"…\")]` on the function that is named in `plugin!`"
)]
pub trait Resource {
    /// Its URI; in a family, with `{blanks}`.
    const URI: &'static str;
    /// Lists the resources of the family, where that is possible.
    const LIST: Option<ListFunction>;
    /// The resource as it is listed.
    fn definition() -> ResourceDefinition;
    /// Reads it, given what stands in the blanks.
    fn read(cx: &Context, uri: &str, blanks: &[(String, String)]) -> Result<Found>;
}

/// Gives a part of a list, from where an earlier part's `next` says.
pub type ListFunction = fn(&Context, Option<&str>) -> Result<Page>;

/// One resource of a [`Plugin`](crate::Plugin).
#[derive(Clone, Copy, Debug)]
pub struct ResourceEntry {
    pub(crate) uri: &'static str,
    list: Option<ListFunction>,
    definition: fn() -> ResourceDefinition,
    read: ReadFunction,
}

type ReadFunction = fn(&Context, &str, &[(String, String)]) -> Result<Found>;

impl ResourceEntry {
    /// The entry of a resource.
    #[must_use]
    pub const fn of<R: Resource>() -> Self {
        Self {
            uri: R::URI,
            list: R::LIST,
            definition: R::definition,
            read: R::read,
        }
    }
}

/// A part of the list of all resources: first those that have a URI of their own and the first page of the first
/// family, then page by page. A cursor is `FAMILY` or `FAMILY:NEXT`.
pub(crate) fn list(entries: &[ResourceEntry], cx: &Context, cursor: Option<&str>) -> Result<Page> {
    let families: Vec<ListFunction> = entries.iter().filter_map(|entry| entry.list).collect();
    let (family, inner) = match cursor {
        None => (0, None),
        Some(cursor) => place(cursor, families.len())?,
    };
    let mut page = match families.get(family) {
        Some(list) => list(cx, inner)?,
        None => Page::default(),
    };
    if cursor.is_none() {
        let fixed = entries.iter().map(|entry| (entry.definition)());
        let fixed = fixed.filter(|resource| !resource.is_template());
        page.entries
            .splice(0..0, fixed.map(ResourceDefinition::into_link));
    }
    page.next = match page.next {
        Some(next) => Some(format!("{family}:{next}")),
        None if family + 1 < families.len() => Some((family + 1).to_string()),
        None => None,
    };
    Ok(page)
}

fn place(cursor: &str, families: usize) -> Result<(usize, Option<&str>)> {
    let (family, inner) = match cursor.split_once(':') {
        Some((family, inner)) => (family, Some(inner)),
        None => (cursor, None),
    };
    match family.parse() {
        Ok(family) if family < families => Ok((family, inner)),
        Ok(_) | Err(_) => Err(RequestError::new(
            Cause::InvalidParams,
            "this is not where a page of the list begins",
        )
        .into()),
    }
}

/// All families.
pub(crate) fn templates(entries: &[ResourceEntry]) -> Vec<ResourceDefinition> {
    let all = entries.iter().map(|entry| (entry.definition)());
    all.filter(ResourceDefinition::is_template).collect()
}

/// Reads the first that the URI fits; those without blanks come first.
pub(crate) fn read(entries: &[ResourceEntry], cx: &Context, uri: &str) -> Result<Found> {
    if let Some(entry) = entries.iter().find(|entry| entry.uri == uri) {
        return (entry.read)(cx, uri, &[]);
    }
    for entry in entries.iter().filter(|entry| entry.uri.contains('{')) {
        if let Some(blanks) = Pattern::new(entry.uri).matches(uri) {
            return (entry.read)(cx, uri, &blanks);
        }
    }
    let error = RequestError::not_found("there is no such resource");
    Err(error.with_data(&serde_json::json!({"uri": uri})).into())
}

/// Reads the blanks of a URI; one that does not fit means that there is no such resource.
pub fn read_blanks<T: DeserializeOwned>(blanks: &[(String, String)]) -> Result<T> {
    texts::read("blank", blanks).map_err(|failure: Failure| match failure {
        Failure::Tool(error) => RequestError::not_found(error.message).into(),
        other => other,
    })
}

/// Turns what the function returned into what was found.
pub fn finish_resource<T: IntoFound, E: Into<Failure>>(
    outcome: Result<T, E>,
    uri: &str,
    mime_type: Option<&str>,
) -> Result<Found> {
    outcome.map_err(Into::into)?.into_found(uri, mime_type)
}
