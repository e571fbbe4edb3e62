//! How large an answer is: the bytes of its texts and media, which is what grows without end.

use super::wit::jobs::{Progress, Step};
use super::wit::tools::Outcome;
use super::wit::values::{Ask, Body, Content, Failure, InputNeeded, InputRequest, Item, Output};

/// Of what a tool returned.
pub(super) fn of_outcome(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Done(output) => of_output(output),
        Outcome::InputNeeded(InputNeeded {
            continuation,
            requests,
        }) => continuation.len() + requests.len() * 64,
        Outcome::Started(job) => job.state.len() + job.title.len(),
    }
}

/// Of a failure.
pub(super) fn of_failure(failure: &Failure) -> usize {
    match failure {
        Failure::Tool(error) => {
            error.message.len()
                + of_contents(&error.content)
                + error.structured.as_ref().map_or(0, String::len)
        }
        Failure::Request(error) => error.message.len() + error.data.as_ref().map_or(0, String::len),
        Failure::Cancelled => 0,
    }
}

/// Of a job's step.
pub(super) fn of_step(step: &Step) -> usize {
    match step {
        Step::Running(running) => running.state.len() + of_progress(&running.progress),
        Step::Asking(asking) => {
            asking.state.len()
                + of_progress(&asking.progress)
                + asking.requests.iter().map(of_request).sum::<usize>()
        }
        Step::Done(output) => of_output(output),
        Step::Cancelled => 0,
    }
}

fn of_progress(progress: &Progress) -> usize {
    let texts = [&progress.step, &progress.message];
    texts.into_iter().flatten().map(String::len).sum::<usize>()
        + progress
            .log
            .iter()
            .map(|line| line.text.len() + 32)
            .sum::<usize>()
}

fn of_request(request: &InputRequest) -> usize {
    request.key.len()
        + match &request.ask {
            Ask::Form(form) => form.message.len() + form.schema.len(),
            Ask::Visit(visit) => visit.message.len() + visit.url.len(),
            Ask::Confirm(confirm) => confirm.message.len() + of_pairs(&confirm.details),
            Ask::Sample(text) | Ask::Other(text) => text.len(),
            Ask::Roots => 0,
        }
}

fn of_output(output: &Output) -> usize {
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
        Item::Document(document) => match &document.body {
            Body::Text(text) => text.len(),
            Body::Bytes(bytes) => bytes.len(),
        },
    }
}

fn of_pairs(pairs: &[(String, String)]) -> usize {
    pairs
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum()
}
