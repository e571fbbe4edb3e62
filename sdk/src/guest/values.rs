//! From the SDK's types to those of the plugin interface. An exported one is built field by field:
//! when the interface grows, the compiler asks what to put there.

use std::time::Duration;

use super::bindings::toolward::plugin::call;
use super::bindings::toolward::plugin::values as wit;
use crate::ask::{Ask, Confirm, Questions};
use crate::call::{Capability, NoticeLevel, RawReply};
use crate::error::{Cause, Failure, RequestError, ToolError, Trouble};
use crate::meta::{Freshness, Icon, Sharing, Theme};
use crate::output::{
    Annotations, Content, Document, DocumentBody, Item, Link, Media, Output, Role,
};
use crate::suspend::Suspension;

pub(super) fn output(output: Output) -> wit::Output {
    wit::Output {
        content: output.content.into_iter().map(content).collect(),
        structured: output.structured,
        meta: output.meta.0,
        extras: Vec::new(),
    }
}

pub(super) fn failure(failure: Failure) -> wit::Failure {
    match failure {
        Failure::Tool(error) => wit::Failure::Tool(tool_error(error)),
        Failure::Request(error) => wit::Failure::Request(request_error(error)),
        Failure::Cancelled => wit::Failure::Cancelled,
        // Whoever may ask or start a job has looked for that before.
        Failure::Suspended(_) => out_of_place(),
    }
}

fn tool_error(error: ToolError) -> wit::ToolError {
    wit::ToolError {
        kind: trouble(error.kind),
        message: error.message,
        content: error.content.into_iter().map(content).collect(),
        structured: error.structured,
        retry_after_ms: error.retry_after.map(millis),
        meta: error.meta.0,
    }
}

fn request_error(error: RequestError) -> wit::RequestError {
    let cause = match error.cause {
        Cause::InvalidParams => wit::Cause::InvalidParams,
        Cause::NotFound => wit::Cause::NotFound,
        Cause::Missing(what) => wit::Cause::Missing(what.into_iter().map(capability).collect()),
        Cause::Unavailable => wit::Cause::Unavailable,
        Cause::Internal => wit::Cause::Internal,
    };
    wit::RequestError {
        cause,
        message: error.message,
        data: error.data,
    }
}

pub(super) fn trouble(kind: Trouble) -> wit::Trouble {
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

pub(super) fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

pub(super) fn content(content: Content) -> wit::Content {
    wit::Content {
        item: item(content.item),
        annotations: content.annotations.map(annotations),
        meta: content.meta.0,
    }
}

fn item(item: Item) -> wit::Item {
    match item {
        Item::Text(text) => wit::Item::Text(text),
        Item::Image(image) => wit::Item::Image(media(image)),
        Item::Audio(audio) => wit::Item::Audio(media(audio)),
        Item::Link(to) => wit::Item::Link(link(to)),
        Item::Document(embedded) => wit::Item::Document(document(embedded)),
        Item::Other(content) => wit::Item::Other(content),
    }
}

fn media(media: Media) -> wit::Media {
    wit::Media {
        mime_type: media.mime_type,
        bytes: media.bytes,
    }
}

pub(super) fn link(link: Link) -> wit::Entry {
    wit::Entry {
        uri: link.uri,
        name: link.name,
        title: link.title,
        description: link.description,
        mime_type: link.mime_type,
        size: link.size,
        icons: icons(link.icons),
        annotations: link.annotations.map(annotations),
        meta: link.meta.0,
        extras: Vec::new(),
    }
}

pub(super) fn document(document: Document) -> wit::Document {
    let body = match document.body {
        DocumentBody::Text(text) => wit::Body::Text(text),
        DocumentBody::Bytes(bytes) => wit::Body::Bytes(bytes),
    };
    wit::Document {
        uri: document.uri,
        mime_type: document.mime_type,
        body,
        meta: document.meta.0,
    }
}

pub(super) fn annotations(annotations: Annotations) -> wit::Annotations {
    wit::Annotations {
        audience: annotations.audience.into_iter().map(role).collect(),
        priority: annotations.priority,
        last_modified: annotations.last_modified,
    }
}

pub(super) fn role(role: Role) -> wit::Role {
    match role {
        Role::User => wit::Role::User,
        Role::Assistant => wit::Role::Assistant,
    }
}

pub(super) fn icons(icons: Vec<Icon>) -> Vec<wit::Icon> {
    let icon = |icon: Icon| wit::Icon {
        src: icon.src,
        mime_type: icon.mime_type,
        sizes: icon.sizes,
        theme: icon.theme.map(|theme| match theme {
            Theme::Light => "light".to_owned(),
            Theme::Dark => "dark".to_owned(),
        }),
    };
    icons.into_iter().map(icon).collect()
}

pub(super) fn freshness(freshness: Freshness) -> wit::Freshness {
    wit::Freshness {
        ttl_ms: millis(freshness.time),
        sharing: sharing(freshness.sharing),
    }
}

pub(super) fn sharing(sharing: Sharing) -> wit::Sharing {
    match sharing {
        Sharing::Personal => wit::Sharing::Personal,
        Sharing::Tenant => wit::Sharing::Tenant,
        Sharing::Everyone => wit::Sharing::Everyone,
    }
}

pub(super) fn capability(what: Capability) -> wit::Capability {
    match what {
        Capability::Form => wit::Capability::Form,
        Capability::Visit => wit::Capability::Visit,
        Capability::Sample => wit::Capability::Sample,
        Capability::SampleTools => wit::Capability::SampleTools,
        Capability::Roots => wit::Capability::Roots,
        Capability::Jobs => wit::Capability::Jobs,
    }
}

pub(super) fn level(level: NoticeLevel) -> call::Level {
    match level {
        NoticeLevel::Debug => call::Level::Debug,
        NoticeLevel::Info => call::Level::Info,
        NoticeLevel::Notice => call::Level::Notice,
        NoticeLevel::Warning => call::Level::Warning,
        NoticeLevel::Error => call::Level::Error,
        NoticeLevel::Critical => call::Level::Critical,
        NoticeLevel::Alert => call::Level::Alert,
        NoticeLevel::Emergency => call::Level::Emergency,
    }
}

pub(super) fn reply(reply: wit::Reply) -> RawReply {
    match reply {
        wit::Reply::Accepted(json) => RawReply::Accepted(json),
        wit::Reply::Declined => RawReply::Declined,
        wit::Reply::Cancelled => RawReply::Cancelled,
    }
}

/// What is asked, if that is how the call ends, where it cannot end in a job.
pub(super) fn asked(failure: Failure) -> Result<wit::InputNeeded, wit::Failure> {
    match failure {
        Failure::Suspended(suspended) => match suspended.take() {
            Suspension::Asks(asked) => Ok(questions(asked)),
            Suspension::Starts(_) => Err(out_of_place()),
        },
        other => Err(self::failure(other)),
    }
}

fn out_of_place() -> wit::Failure {
    wit::Failure::Request(wit::RequestError {
        cause: wit::Cause::Internal,
        message: "the plugin asks, or starts a job, where it cannot".to_owned(),
        data: None,
    })
}

pub(super) fn questions(questions: Questions) -> wit::InputNeeded {
    wit::InputNeeded {
        requests: requests(questions.requests),
        continuation: questions.continuation,
    }
}

pub(super) fn requests(requests: Vec<(String, Ask)>) -> Vec<wit::InputRequest> {
    let request = |(key, what)| wit::InputRequest {
        key,
        ask: ask(what),
    };
    requests.into_iter().map(request).collect()
}

fn ask(ask: Ask) -> wit::Ask {
    match ask {
        Ask::Form { message, schema } => wit::Ask::Form(wit::Form { message, schema }),
        Ask::Visit { message, url } => wit::Ask::Visit(wit::Visit { message, url }),
        Ask::Confirm(question) => wit::Ask::Confirm(confirm(question)),
        Ask::Sample(params) => wit::Ask::Sample(params),
        Ask::Roots => wit::Ask::Roots,
        Ask::Other(question) => wit::Ask::Other(question),
    }
}

fn confirm(question: Confirm) -> wit::Confirm {
    wit::Confirm {
        message: question.message,
        details: question.details,
        backend: question.backend,
        reason_required: question.reason_required,
        reason_given: question.reason_given,
    }
}
