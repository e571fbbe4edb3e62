//! Values of `wit/` into values of MCP. Plugins are not trusted: what does not fit is a [`Defect`], never a panic.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rmcp::model::{
    Annotations, AudioContent, CallToolResult, ContentBlock, EmbeddedResource, Icon, IconTheme,
    ImageContent, MetaObject, Resource, ResourceContents, Role, TextContent, Tool, ToolAnnotations,
};
use serde_json::Value;

use crate::catalog;
use crate::plugin::wit::{tools, values};

/// A result of a plugin that breaks the interface's promises. The text says how.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Defect(String);

fn defect(text: impl Into<String>) -> Defect {
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
    if !tool.meta.is_empty() {
        shown.meta = Some(MetaObject(tool.meta.iter().cloned().collect()));
    }
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
        values::Item::Other(text) => serde_json::from_str(&text).map_err(|error| {
            defect(format!(
                "a content item is no content block of MCP: {error}"
            ))
        })?,
    })
}

fn annotations(from: values::Annotations) -> Annotations {
    let mut to = Annotations::default();
    to.audience = (!from.audience.is_empty()).then(|| {
        from.audience
            .into_iter()
            .map(|role| match role {
                values::Role::User => Role::User,
                values::Role::Assistant => Role::Assistant,
            })
            .collect()
    });
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

/// All tools of a catalog, as `tools/list` shows them.
pub(super) fn tools(catalog: &catalog::Catalog) -> Vec<Tool> {
    catalog.tools().map(Arc::as_ref).map(tool).collect()
}
