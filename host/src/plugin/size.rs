//! How large an answer is: the bytes of its texts and media, which is what grows without end.

use super::wit::tools::Outcome;
use super::wit::values::{Body, Content, Failure, InputNeeded, Item, Output};

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
