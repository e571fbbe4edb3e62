//! From the SDK's types to those of the plugin interface. An exported one is built field by field:
//! when the interface grows, the compiler asks what to put there.

use std::time::Duration;

use super::bindings::exports::toolward::plugin::tools;
use super::bindings::toolward::plugin::values as wit;
use crate::error::{Cause, Failure, RequestError, ToolError, Trouble};
use crate::output::{
    Annotations, Content, Document, DocumentBody, Item, Link, Media, Output, Role,
};
use crate::tool::Definition;

pub(super) fn tool(definition: Definition) -> tools::Tool {
    let hints = definition.hints;
    tools::Tool {
        name: definition.name.to_owned(),
        title: definition.title.map(str::to_owned),
        description: definition.description.to_owned(),
        input_schema: definition.input_schema.to_string(),
        output_schema: definition.output_schema.map(|schema| schema.to_string()),
        hints: tools::Hints {
            read_only: hints.read_only,
            destructive: hints.destructive,
            idempotent: hints.idempotent,
            open_world: hints.open_world,
        },
        jobs: tools::JobSupport::Never,
        icons: Vec::new(),
        meta: Vec::new(),
        extras: Vec::new(),
    }
}

pub(super) fn output(output: Output) -> wit::Output {
    wit::Output {
        content: output.content.into_iter().map(content).collect(),
        structured: output.structured,
        meta: output.meta,
        extras: Vec::new(),
    }
}

pub(super) fn failure(failure: Failure) -> wit::Failure {
    match failure {
        Failure::Tool(error) => wit::Failure::Tool(tool_error(error)),
        Failure::Request(error) => wit::Failure::Request(request_error(error)),
        Failure::Cancelled => wit::Failure::Cancelled,
    }
}

fn tool_error(error: ToolError) -> wit::ToolError {
    wit::ToolError {
        kind: trouble(error.kind),
        message: error.message,
        content: error.content.into_iter().map(content).collect(),
        structured: error.structured,
        retry_after_ms: error.retry_after.map(millis),
        meta: Vec::new(),
    }
}

fn request_error(error: RequestError) -> wit::RequestError {
    let cause = match error.cause {
        Cause::InvalidParams => wit::Cause::InvalidParams,
        Cause::NotFound => wit::Cause::NotFound,
        Cause::Unavailable => wit::Cause::Unavailable,
        Cause::Internal => wit::Cause::Internal,
    };
    wit::RequestError {
        cause,
        message: error.message,
        data: None,
    }
}

fn trouble(kind: Trouble) -> wit::Trouble {
    match kind {
        Trouble::InvalidInput => wit::Trouble::InvalidInput,
        Trouble::NotFound => wit::Trouble::NotFound,
        Trouble::Denied => wit::Trouble::Denied,
        Trouble::Conflict => wit::Trouble::Conflict,
        Trouble::Unsupported => wit::Trouble::Unsupported,
        Trouble::Limited => wit::Trouble::Limited,
        Trouble::Unavailable => wit::Trouble::Unavailable,
        Trouble::TimedOut => wit::Trouble::TimedOut,
        Trouble::Internal => wit::Trouble::Internal,
    }
}

pub(super) fn from_trouble(kind: wit::Trouble) -> Trouble {
    match kind {
        wit::Trouble::InvalidInput => Trouble::InvalidInput,
        wit::Trouble::NotFound => Trouble::NotFound,
        wit::Trouble::Denied => Trouble::Denied,
        wit::Trouble::Conflict => Trouble::Conflict,
        wit::Trouble::Unsupported => Trouble::Unsupported,
        wit::Trouble::Limited => Trouble::Limited,
        wit::Trouble::Unavailable => Trouble::Unavailable,
        wit::Trouble::TimedOut => Trouble::TimedOut,
        wit::Trouble::Internal => Trouble::Internal,
    }
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

fn content(content: Content) -> wit::Content {
    wit::Content {
        item: item(content.item),
        annotations: content.annotations.map(annotations),
        meta: content.meta,
    }
}

fn item(item: Item) -> wit::Item {
    match item {
        Item::Text(text) => wit::Item::Text(text),
        Item::Image(image) => wit::Item::Image(media(image)),
        Item::Audio(audio) => wit::Item::Audio(media(audio)),
        Item::Link(to) => wit::Item::Link(link(to)),
        Item::Document(embedded) => wit::Item::Document(document(embedded)),
    }
}

fn media(media: Media) -> wit::Media {
    wit::Media {
        mime_type: media.mime_type,
        bytes: media.bytes,
    }
}

fn link(link: Link) -> wit::Entry {
    wit::Entry {
        uri: link.uri,
        name: link.name,
        title: link.title,
        description: link.description,
        mime_type: link.mime_type,
        size: link.size,
        icons: Vec::new(),
        annotations: None,
        meta: Vec::new(),
        extras: Vec::new(),
    }
}

fn document(document: Document) -> wit::Document {
    let body = match document.body {
        DocumentBody::Text(text) => wit::Body::Text(text),
        DocumentBody::Bytes(bytes) => wit::Body::Bytes(bytes),
    };
    wit::Document {
        uri: document.uri,
        mime_type: document.mime_type,
        body,
        meta: Vec::new(),
    }
}

fn annotations(annotations: Annotations) -> wit::Annotations {
    let role = |role| match role {
        Role::User => wit::Role::User,
        Role::Assistant => wit::Role::Assistant,
    };
    wit::Annotations {
        audience: annotations.audience.into_iter().map(role).collect(),
        priority: annotations.priority,
        last_modified: annotations.last_modified,
    }
}
