//! How large an answer is: the bytes of its texts and media, which is what grows without end.

use super::wit::jobs::{Progress, Step};
use super::wit::prompts::PromptOutcome;
use super::wit::resources::ReadOutcome;
use super::wit::tools::Outcome;
use super::wit::values::{
    Ask, Body, Content, Document, Entry, Failure, Icon, InputNeeded, InputRequest, Item, Output,
    ToolError,
};
use super::wit::{prompts, resources, tools};

/// Of what a tool returned.
pub(super) fn of_outcome(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Done(output) => of_output(output),
        Outcome::InputNeeded(needed) => of_input_needed(needed),
        Outcome::Started(job) => job.state.len() + job.title.len(),
    }
}

/// Of the tools that are listed.
pub(super) fn of_tools(listing: &tools::Listing) -> usize {
    let one = |tool: &tools::Tool| {
        tool.name.len()
            + of_text(tool.title.as_ref())
            + tool.description.len()
            + tool.input_schema.len()
            + of_text(tool.output_schema.as_ref())
            + of_listed(&tool.icons, &tool.meta)
    };
    listing.tools.iter().map(one).sum()
}

/// Of the prompts that are listed.
pub(super) fn of_prompts(listing: &prompts::Listing) -> usize {
    let argument = |one: &prompts::Argument| {
        one.name.len() + of_text(one.title.as_ref()) + of_text(one.description.as_ref())
    };
    let one = |prompt: &prompts::Prompt| {
        prompt.name.len()
            + of_text(prompt.title.as_ref())
            + of_text(prompt.description.as_ref())
            + prompt.arguments.iter().map(argument).sum::<usize>()
            + of_listed(&prompt.icons, &prompt.meta)
    };
    listing.prompts.iter().map(one).sum()
}

/// Of one page of resources.
pub(super) fn of_resources(page: &resources::Page) -> usize {
    let one = |entry: &Entry| {
        entry.uri.len()
            + entry.name.len()
            + of_text(entry.title.as_ref())
            + of_text(entry.description.as_ref())
            + of_listed(&entry.icons, &entry.meta)
    };
    page.entries.iter().map(one).sum()
}

/// Of one page of templates.
pub(super) fn of_templates(page: &resources::TemplatePage) -> usize {
    let one = |template: &resources::Template| {
        template.uri_template.len()
            + template.name.len()
            + of_text(template.title.as_ref())
            + of_text(template.description.as_ref())
            + of_listed(&template.icons, &template.meta)
    };
    page.templates.iter().map(one).sum()
}

/// Of what everything that is listed has: an entry without a text takes memory, too.
fn of_listed(icons: &[Icon], meta: &[(String, String)]) -> usize {
    let icons = icons.iter().map(|icon| icon.src.len() + 64);
    icons.sum::<usize>() + of_pairs(meta) + 64
}

fn of_text(text: Option<&String>) -> usize {
    text.map_or(0, String::len)
}

/// Of a failure.
pub(super) fn of_failure(failure: &Failure) -> usize {
    match failure {
        Failure::Tool(error) => of_tool_error(error),
        Failure::Request(error) => error.message.len() + error.data.as_ref().map_or(0, String::len),
        Failure::Cancelled => 0,
    }
}

/// Of what a tool says when it failed.
pub(super) fn of_tool_error(error: &ToolError) -> usize {
    error.message.len() + of_contents(&error.content) + of_text(error.structured.as_ref())
}

/// Of a prompt that was filled in.
pub(super) fn of_prompt_outcome(outcome: &PromptOutcome) -> usize {
    match outcome {
        PromptOutcome::Done(filled) => filled
            .messages
            .iter()
            .map(|message| of_item(&message.content.item) + of_pairs(&message.content.meta))
            .sum(),
        PromptOutcome::InputNeeded(needed) => of_input_needed(needed),
    }
}

/// Of what was read.
pub(super) fn of_read_outcome(outcome: &ReadOutcome) -> usize {
    match outcome {
        ReadOutcome::Done(found) => found.documents.iter().map(of_document).sum(),
        ReadOutcome::InputNeeded(needed) => of_input_needed(needed),
    }
}

/// What is asked is held by the host, and travels to the client and back.
fn of_input_needed(needed: &InputNeeded) -> usize {
    needed.continuation.len() + of_requests(&needed.requests)
}

fn of_requests(requests: &[InputRequest]) -> usize {
    let asked = |request: &InputRequest| match &request.ask {
        Ask::Form(form) => form.message.len() + form.schema.len(),
        Ask::Visit(visit) => visit.message.len() + visit.url.len(),
        Ask::Confirm(confirm) => confirm.message.len() + of_pairs(&confirm.details),
        Ask::Sample(json) | Ask::Other(json) => json.len(),
        Ask::Roots => 0,
    };
    let keyed = |request: &InputRequest| request.key.len() + asked(request);
    requests.iter().map(keyed).sum()
}

/// Of a job's step.
pub(super) fn of_step(step: &Step) -> usize {
    match step {
        Step::Running(running) => running.state.len() + of_progress(&running.progress),
        Step::Asking(asking) => {
            asking.state.len() + of_progress(&asking.progress) + of_requests(&asking.requests)
        }
        Step::Done(output) => of_output(output),
        Step::Cancelled => 0,
    }
}

fn of_progress(progress: &Progress) -> usize {
    let texts = [&progress.step, &progress.message];
    let texts = texts.into_iter().flatten().map(String::len).sum::<usize>();
    // A line without a text takes memory, too.
    let lines = progress.log.iter().map(|line| line.text.len() + 32);
    texts + lines.sum::<usize>()
}

fn of_document(document: &Document) -> usize {
    match &document.body {
        Body::Text(text) => text.len(),
        Body::Bytes(bytes) => bytes.len(),
    }
}

/// Of a result.
pub(super) fn of_output(output: &Output) -> usize {
    of_contents(&output.content)
        + output.structured.as_ref().map_or(0, String::len)
        + of_pairs(&output.meta)
}

fn of_contents(contents: &[Content]) -> usize {
    contents
        .iter()
        .map(|content| of_item(&content.item) + of_pairs(&content.meta))
        .sum()
}

fn of_item(item: &Item) -> usize {
    match item {
        Item::Text(text) | Item::Other(text) => text.len(),
        Item::Image(media) | Item::Audio(media) => media.bytes.len(),
        Item::Link(entry) => {
            entry.uri.len() + entry.name.len() + entry.description.as_ref().map_or(0, String::len)
        }
        Item::Document(document) => of_document(document),
    }
}

fn of_pairs(pairs: &[(String, String)]) -> usize {
    pairs
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum()
}
