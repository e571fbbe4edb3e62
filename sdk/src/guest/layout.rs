//! How the values of the interface `values` lie in memory, field by field as `values.wit` has them.

use super::lower::{Bytes, Lower, record, variant};
use super::values;
use crate::ask::{Ask, Confirm, Questions};
use crate::call::Capability;
use crate::error::{Cause, RequestError, ToolError};
use crate::meta::{Freshness, Icon, Theme};
use crate::output::{
    Annotations, Content, Document, DocumentBody, Item, Link, Media, Output, Role,
};

/// A `meta` or `extras`.
pub(super) type Entries<'e> = &'e [(String, String)];

record!(Output as output:
    &[Content] = &output.content,
    Option<&str> = output.structured.as_deref(),
    Entries<'_> = &output.meta.0,
    Entries<'_> = &[],
);

record!(Content as content:
    &Item = &content.item,
    Option<&Annotations> = content.annotations.as_ref(),
    Entries<'_> = &content.meta.0,
);

variant!(Item:
    0 Self::Text(text) => &str = text,
    1 Self::Image(image) => &Media = image,
    2 Self::Audio(audio) => &Media = audio,
    3 Self::Link(link) => &Link = link,
    4 Self::Document(document) => &Document = document,
    5 Self::Other(json) => &str = json,
);

record!(Media as media: &str = &media.mime_type, Bytes<'_> = Bytes(&media.bytes));

record!(Link as link:
    &str = &link.uri,
    &str = &link.name,
    Option<&str> = link.title.as_deref(),
    Option<&str> = link.description.as_deref(),
    Option<&str> = link.mime_type.as_deref(),
    Option<u64> = link.size,
    &[Icon] = &link.icons,
    Option<&Annotations> = link.annotations.as_ref(),
    Entries<'_> = &link.meta.0,
    Entries<'_> = &[],
);

record!(Document as document:
    &str = &document.uri,
    Option<&str> = document.mime_type.as_deref(),
    &DocumentBody = &document.body,
    Entries<'_> = &document.meta.0,
);

variant!(DocumentBody:
    0 Self::Text(text) => &str = text,
    1 Self::Bytes(bytes) => Bytes<'_> = Bytes(bytes),
);

record!(Annotations as annotations:
    &[Role] = &annotations.audience,
    Option<f64> = annotations.priority,
    Option<&str> = annotations.last_modified.as_deref(),
);

variant!(Role: 0 Self::User => () = (), 1 Self::Assistant => () = ());

record!(Icon as icon:
    &str = &icon.src,
    Option<&str> = icon.mime_type.as_deref(),
    &[String] = &icon.sizes,
    Option<&str> = icon.theme.map(|theme| match theme {
        Theme::Light => "light",
        Theme::Dark => "dark",
    }),
);

record!(Freshness as it: u32 = values::millis(it.time), u8 = values::sharing(it.sharing) as u8);

record!(ToolError as error:
    u8 = values::trouble(error.kind) as u8,
    &str = &error.message,
    &[Content] = &error.content,
    Option<&str> = error.structured.as_deref(),
    Option<u32> = error.retry_after.map(values::millis),
    Entries<'_> = &error.meta.0,
);

record!(RequestError as error:
    &Cause = &error.cause,
    &str = &error.message,
    Option<&str> = error.data.as_deref(),
);

variant!(Cause:
    0 Self::InvalidParams => () = (),
    1 Self::NotFound => () = (),
    2 Self::Missing(what) => &[Capability] = what,
    3 Self::Unavailable => () = (),
    4 Self::Internal => () = (),
);

impl Lower for Capability {
    const SIZE: usize = u8::SIZE;
    const ALIGN: usize = u8::ALIGN;

    fn lower(&self, to: super::lower::Place, _: &mut super::lower::Lent) {
        to.case(values::capability(*self) as u8);
    }
}

record!(Questions as questions:
    &[(String, Ask)] = &questions.requests,
    Bytes<'_> = Bytes(&questions.continuation),
);

variant!(Ask:
    0 Self::Form { message, schema } => (&str, &str) = (message, schema),
    1 Self::Visit { message, url } => (&str, &str) = (message, url),
    2 Self::Confirm(confirm) => &Confirm = confirm,
    3 Self::Sample(json) => &str = json,
    4 Self::Roots => () = (),
    5 Self::Other(json) => &str = json,
);

record!(Confirm as confirm:
    &str = &confirm.message,
    Entries<'_> = &confirm.details,
    Option<&str> = confirm.backend.as_deref(),
    bool = confirm.reason_required,
    Option<&str> = confirm.reason_given.as_deref(),
);
