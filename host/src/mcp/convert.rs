//! Values of `wit/` into values of MCP. Plugins are not trusted: what does not fit is a [`Defect`], never a panic.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rmcp::model::{
    Annotations, AudioContent, CacheScope, CallToolResult, ContentBlock, EmbeddedResource,
    GetPromptResult, Icon, IconTheme, ImageContent, MetaObject, Prompt, PromptArgument,
    PromptMessage, ReadResourceResult, Resource, ResourceContents, ResourceTemplate, Role,
    TextContent, Tool, ToolAnnotations,
};
use serde_json::Value;

use super::call::allowed;
use crate::catalog;
use crate::config::Ability;
use crate::plugin::Principal;
use crate::plugin::wit::{prompts, resources, tools, values};

/// A result of a plugin that breaks the interface's promises. The text says how.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Defect(String);

pub(super) fn defect(text: impl Into<String>) -> Defect {
    Defect(text.into())
}

/// A tool of the catalog, as `tools/list` shows it. Absent hints stay absent.
pub(super) fn tool(tool: &catalog::Tool) -> Tool {
    let mut shown = Tool::default();
    shown.name = tool.name.clone().into();
    shown.title.clone_from(&tool.title);
    shown.description = Some(tool.description.clone().into());
    shown.input_schema = tool.input.json.clone();
    // A call that may be answered with a job's id instead of its result cannot promise the result's shape to every
    // client: some refuse a result without the structured content. The host checks the job's result all the same.
    if tool.jobs != tools::JobSupport::Optional {
        shown.output_schema = tool.output.as_ref().map(|schema| schema.json.clone());
    }
    shown.annotations = hints(tool.hints);
    shown.icons = icons(&tool.icons);
    shown.meta = shown_meta(&tool.meta);
    shown
}

fn hints(hints: tools::Hints) -> Option<ToolAnnotations> {
    let tools::Hints {
        read_only,
        destructive,
        idempotent,
        open_world,
    } = hints;
    [read_only, destructive, idempotent, open_world]
        .iter()
        .any(Option::is_some)
        .then(|| ToolAnnotations::from_raw(None, read_only, destructive, idempotent, open_world))
}

fn icons(icons: &[values::Icon]) -> Option<Vec<Icon>> {
    let shown = icons.iter().map(|icon| {
        let mut shown = Icon::new(&icon.src);
        shown.mime_type.clone_from(&icon.mime_type);
        shown.sizes = (!icon.sizes.is_empty()).then(|| icon.sizes.clone());
        shown.theme = match icon.theme.as_deref() {
            Some("light") => Some(IconTheme::Light),
            Some("dark") => Some(IconTheme::Dark),
            _ => None,
        };
        shown
    });
    (!icons.is_empty()).then(|| shown.collect())
}

/// What a tool returned. Structured content is checked against the tool's output schema.
pub(super) fn output(
    tool: &catalog::Tool,
    output: values::Output,
) -> Result<CallToolResult, Defect> {
    let result = checked_output(output)?;
    match (&tool.output, &result.structured_content) {
        (Some(schema), Some(value)) => schema.check(value).map_err(|text| {
            defect(format!(
                "its structured content does not fit its output schema: {text}"
            ))
        })?,
        (Some(_), None) => {
            return Err(defect(
                "it has an output schema, and the result has no structured content",
            ));
        }
        (None, _) => {}
    }
    Ok(result)
}

/// A result whose structured content was checked before. It is also given as text when the plugin gave no content
/// (MCP, «Structured Content»).
pub(super) fn checked_output(output: values::Output) -> Result<CallToolResult, Defect> {
    let structured = structured(output.structured)?;
    let mut blocks = contents(output.content)?;
    if let (true, Some(value)) = (blocks.is_empty(), &structured) {
        blocks.push(ContentBlock::text(value.to_string()));
    }
    let mut result = CallToolResult::success(blocks);
    result.structured_content = structured;
    result.meta = meta(output.meta)?;
    Ok(result)
}

/// A tool error: the model reads it.
pub(super) fn tool_error(error: values::ToolError) -> Result<CallToolResult, Defect> {
    let text = match error.retry_after_ms {
        Some(wait) => format!(
            "{} (try again in {} s)",
            error.message,
            u64::from(wait).div_ceil(1000)
        ),
        None => error.message,
    };
    let mut blocks = vec![ContentBlock::text(text)];
    blocks.extend(contents(error.content)?);
    let mut result = CallToolResult::error(blocks);
    result.structured_content = structured(error.structured)?;
    result.meta = meta(error.meta)?;
    Ok(result)
}

fn structured(text: Option<String>) -> Result<Option<Value>, Defect> {
    text.map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|error| defect(format!("its structured content is not JSON: {error}")))
}

fn contents(contents: Vec<values::Content>) -> Result<Vec<ContentBlock>, Defect> {
    contents.into_iter().map(content).collect()
}

fn content(content: values::Content) -> Result<ContentBlock, Defect> {
    let annotations = content.annotations.map(annotations);
    let meta = meta(content.meta)?;
    Ok(match content.item {
        values::Item::Text(text) => {
            let mut block = TextContent::new(text);
            (block.annotations, block.meta) = (annotations, meta);
            ContentBlock::Text(block)
        }
        values::Item::Image(media) => {
            let mut block = ImageContent::new(BASE64.encode(media.bytes), media.mime_type);
            (block.annotations, block.meta) = (annotations, meta);
            ContentBlock::Image(block)
        }
        values::Item::Audio(media) => {
            let mut block = AudioContent::new(BASE64.encode(media.bytes), media.mime_type);
            (block.annotations, block.meta) = (annotations, meta);
            ContentBlock::Audio(block)
        }
        values::Item::Link(entry) => ContentBlock::ResourceLink(link(entry)?),
        values::Item::Document(document) => {
            let mut block = EmbeddedResource::new(resource(document)?);
            (block.annotations, block.meta) = (annotations, meta);
            ContentBlock::Resource(block)
        }
        values::Item::Other(text) => other(&text)?,
    })
}

/// A content block as the plugin wrote it.
fn other(text: &str) -> Result<ContentBlock, Defect> {
    let no_block = |error| {
        defect(format!(
            "a content item is no content block of MCP: {error}"
        ))
    };
    let block: Value = serde_json::from_str(text).map_err(no_block)?;
    if let Some(key) = reserved(&block) {
        return Err(defect(format!("the `_meta` key {key:?} is reserved")));
    }
    serde_json::from_value(block).map_err(no_block)
}

/// A key in a `_meta`, at whatever depth, that is the protocol's own. The depth is bounded by the parser.
fn reserved(value: &Value) -> Option<&str> {
    match value {
        Value::Object(map) => {
            let keys = map.get("_meta").and_then(Value::as_object).into_iter();
            let mut keys = keys.flat_map(|meta| meta.keys());
            let own = keys.find(|key| catalog::is_reserved_meta_key(key));
            own.map(String::as_str)
                .or_else(|| map.values().find_map(reserved))
        }
        Value::Array(values) => values.iter().find_map(reserved),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn annotations(from: values::Annotations) -> Annotations {
    let mut to = Annotations::default();
    to.audience =
        (!from.audience.is_empty()).then(|| from.audience.into_iter().map(role).collect());
    #[expect(
        clippy::cast_possible_truncation,
        reason = "0 to 1 in MCP; the exact digits do not matter"
    )]
    let priority = from
        .priority
        .map(|priority| priority.clamp(0.0, 1.0) as f32);
    to.priority = priority;
    to.last_modified = from.last_modified;
    to
}

fn link(entry: values::Entry) -> Result<Resource, Defect> {
    let mut resource = Resource::new(entry.uri, entry.name);
    resource.title = entry.title;
    resource.description = entry.description;
    resource.mime_type = entry.mime_type;
    resource.size = entry.size;
    resource.icons = icons(&entry.icons);
    resource.annotations = entry.annotations.map(annotations);
    resource.meta = meta(entry.meta)?;
    Ok(resource)
}

fn resource(document: values::Document) -> Result<ResourceContents, Defect> {
    let (uri, mime_type) = (document.uri, document.mime_type);
    let meta = meta(document.meta)?;
    Ok(match document.body {
        values::Body::Text(text) => ResourceContents::TextResourceContents {
            uri,
            mime_type,
            text,
            meta,
        },
        values::Body::Bytes(bytes) => ResourceContents::BlobResourceContents {
            uri,
            mime_type,
            blob: BASE64.encode(bytes),
            meta,
        },
    })
}

fn meta(entries: Vec<(String, String)>) -> Result<Option<MetaObject>, Defect> {
    if entries.is_empty() {
        return Ok(None);
    }
    let entries = entries.into_iter().map(|(key, text)| {
        if catalog::is_reserved_meta_key(&key) {
            return Err(defect(format!("the `_meta` key {key:?} is reserved")));
        }
        let value = serde_json::from_str(&text)
            .map_err(|error| defect(format!("`_meta` is not JSON: {error}")))?;
        Ok((key, value))
    });
    Ok(Some(MetaObject(entries.collect::<Result<_, _>>()?)))
}

/// A prompt of the catalog, as `prompts/list` shows it.
pub(super) fn prompt(prompt: &catalog::Prompt) -> Prompt {
    let listed = &prompt.listed;
    let arguments: Vec<PromptArgument> = listed.arguments.iter().map(prompt_argument).collect();
    let mut shown = Prompt::new(&listed.name, listed.description.as_ref(), None);
    shown.title.clone_from(&listed.title);
    shown.arguments = (!arguments.is_empty()).then_some(arguments);
    shown.icons = icons(&listed.icons);
    shown.meta = shown_meta(&prompt.meta);
    shown
}

fn prompt_argument(argument: &prompts::Argument) -> PromptArgument {
    let mut shown = PromptArgument::new(&argument.name);
    shown.title.clone_from(&argument.title);
    shown.description.clone_from(&argument.description);
    shown.required = Some(argument.required);
    shown
}

/// A prompt that was filled in.
pub(super) fn prompt_result(filled: prompts::Filled) -> Result<GetPromptResult, Defect> {
    let messages = filled.messages.into_iter().map(|message| {
        Ok(PromptMessage::new(
            role(message.role),
            content(message.content)?,
        ))
    });
    let mut result = GetPromptResult::new(messages.collect::<Result<_, _>>()?);
    result.description = filled.description;
    result.meta = meta(filled.meta)?;
    Ok(result)
}

/// A resource of the catalog, as `resources/list` shows it.
pub(super) fn listed_resource(resource: &catalog::Resource) -> Result<Resource, Defect> {
    let mut shown = link(resource.listed.clone())?;
    shown.meta = shown_meta(&resource.meta);
    Ok(shown)
}

/// A template of the catalog, as `resources/templates/list` shows it.
pub(super) fn listed_template(template: &catalog::Template) -> ResourceTemplate {
    let listed = &template.listed;
    let mut shown = ResourceTemplate::new(&listed.uri_template, &listed.name);
    shown.title.clone_from(&listed.title);
    shown.description.clone_from(&listed.description);
    shown.mime_type.clone_from(&listed.mime_type);
    shown.icons = icons(&listed.icons);
    shown.annotations = listed.annotations.clone().map(annotations);
    shown.meta = shown_meta(&template.meta);
    shown
}

/// What was read.
pub(super) fn read_result(found: resources::Found) -> Result<ReadResourceResult, Defect> {
    let documents = found.documents.into_iter().map(resource);
    let mut result = ReadResourceResult::new(documents.collect::<Result<_, _>>()?);
    (result.ttl_ms, result.cache_scope) = cache(found.freshness);
    result.meta = meta(found.meta)?;
    Ok(result)
}

/// How long a result may be kept and by whom. What says nothing is not to be kept, and is the caller's own.
pub(super) fn cache(freshness: Option<values::Freshness>) -> (Option<u64>, Option<CacheScope>) {
    match freshness {
        None => (Some(0), Some(CacheScope::Private)),
        Some(freshness) => (
            Some(u64::from(freshness.ttl_ms)),
            Some(match freshness.sharing {
                values::Sharing::Everyone => CacheScope::Public,
                // MCP knows no tenants.
                values::Sharing::Tenant | values::Sharing::Personal => CacheScope::Private,
            }),
        ),
    }
}

fn shown_meta(meta: &catalog::Meta) -> Option<MetaObject> {
    (!meta.is_empty()).then(|| MetaObject(meta.iter().cloned().collect()))
}

fn role(role: values::Role) -> Role {
    match role {
        values::Role::User => Role::User,
        values::Role::Assistant => Role::Assistant,
    }
}

/// The tools that the principal may call, as `tools/list` shows them.
pub(super) fn tools(catalog: &catalog::Catalog, principal: &Principal) -> Vec<Tool> {
    let tools = catalog.tools().map(Arc::as_ref);
    tools
        .filter(|tool| allowed(principal, Ability::CallTools, &tool.plugin).is_ok())
        .map(tool)
        .collect()
}
