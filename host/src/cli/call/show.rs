//! What is shown of a call: while it runs, on standard error; its result, on standard output.

use std::io::IsTerminal as _;

use base64::Engine as _;
use rmcp::model::CallToolResult;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::cli::failure::Failure;
use crate::cli::output::{Audience, Said, json_line, printable, say};
use crate::cli::status::Status;
use crate::error::Exit;
use crate::plugin::{Event, Level};

/// Shows what the tool tells while it works, until it has ended.
pub(super) async fn events(mut heard: mpsc::Receiver<Event>, audience: Audience) {
    let terminal = audience == Audience::People && std::io::stderr().is_terminal();
    let _status = terminal.then(|| Status);
    while let Some(event) = heard.recv().await {
        match (&event, audience) {
            (_, Audience::Programs) => say(&json_line(&as_json(event))),
            (Event::Progress { .. }, Audience::People) if terminal => {
                Status::show(&as_text(&event));
            }
            (_, Audience::People) => say(&printable(&as_text(&event))),
        }
    }
}

fn as_text(event: &Event) -> String {
    match event {
        Event::Progress {
            done,
            total,
            message,
        } => {
            let mut text = format!("progress: {done}");
            if let Some(total) = total {
                text = format!("{text} of {total}");
            }
            match message {
                Some(message) => format!("{text}: {message}"),
                None => text,
            }
        }
        Event::Notice {
            level,
            logger,
            data,
        } => {
            let logger = logger
                .as_ref()
                .map(|logger| format!(" ({logger})"))
                .unwrap_or_default();
            let data = match data {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            format!("{}{logger}: {data}", word(*level))
        }
    }
}

fn as_json(event: Event) -> Value {
    match event {
        Event::Progress {
            done,
            total,
            message,
        } => json!({ "progress": { "done": done, "total": total, "message": message } }),
        Event::Notice {
            level,
            logger,
            data,
        } => json!({ "notice": { "level": word(level), "logger": logger, "data": data } }),
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Notice => "notice",
        Level::Warning => "warning",
        Level::Error => "error",
        Level::Critical => "critical",
        Level::Alert => "alert",
        Level::Emergency => "emergency",
    }
}

/// The result. What a tool answers when it failed is a result for programs, and an error for people.
pub(super) fn result(
    tool: &str,
    result: &CallToolResult,
    audience: Audience,
) -> Result<Said, Failure> {
    let json = serde_json::to_value(result)
        .map_err(|error| Failure::of(Exit::Failure, &error).because("cannot show the result"))?;
    let failed = json["isError"] == true;
    let terminal = std::io::stdout().is_terminal();
    let blocks = json["content"].as_array().into_iter().flatten();
    let mut texts: Vec<String> = blocks.map(|block| content(block, terminal)).collect();
    if texts.is_empty()
        && let Some(structured) = json.get("structuredContent")
    {
        texts.push(pretty(structured, terminal));
    }
    let text = texts.join("\n");
    match (failed, audience) {
        (false, _) => Ok(Said::new(text, json)),
        (true, Audience::Programs) => Ok(Said::new(text, json).and_exit(Exit::Tool)),
        (true, Audience::People) => {
            let failure = Failure::new(Exit::Tool, text);
            Err(if is_misfit(&json) {
                failure.hint(format!(
                    "`toolward tools {tool}` says which arguments it takes"
                ))
            } else {
                failure
            })
        }
    }
}

/// The host's own words, before the plugin has run.
fn is_misfit(result: &Value) -> bool {
    result["content"][0]["text"]
        .as_str()
        .is_some_and(|text| text.starts_with("the arguments do not fit the input schema"))
}

fn content(block: &Value, terminal: bool) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match block["type"].as_str() {
        Some("text") => {
            let text = text(&block["text"]);
            // Most tools answer with JSON, for the model; on a terminal a person reads it.
            match serde_json::from_str(&text) {
                Ok(value @ (Value::Object(_) | Value::Array(_))) if terminal => {
                    pretty(&value, terminal)
                }
                _ => text,
            }
        }
        Some(kind @ ("image" | "audio")) => {
            let media = text(&block["mimeType"]);
            format!("[{kind}: {media}, {}]", size(&block["data"]))
        }
        Some("resource_link") => format!("[link: {}]", text(&block["uri"])),
        Some("resource") => {
            let resource = &block["resource"];
            let uri = text(&resource["uri"]);
            match resource["text"].as_str() {
                Some(text) => format!("[resource {uri}]\n{text}"),
                None => format!("[resource {uri}: {}]", size(&resource["blob"])),
            }
        }
        _ => block.to_string(),
    }
}

/// How much there is of what is not shown; `--json` has it.
fn size(data: &Value) -> String {
    let data = data.as_str().unwrap_or_default();
    match base64::engine::general_purpose::STANDARD.decode(data) {
        Ok(bytes) => format!("{} bytes", bytes.len()),
        Err(_) => "not base64".to_owned(),
    }
}

fn pretty(value: &Value, terminal: bool) -> String {
    if terminal {
        format!("{value:#}")
    } else {
        value.to_string()
    }
}
