//! What a call sees of the world, and the seam behind which that world is either the host or a test.
//!
//! Exactly two implementations exist, chosen by the target: `guest` (WebAssembly) and
//! [`testing`](crate::testing) (native). A tool's code is the same on both.

use std::time::Duration;

use serde_json::Value;

use crate::error::Trouble;

/// Who is calling.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Principal {
    /// The isolated group that the caller belongs to.
    pub tenant: String,
    /// The person or program, where known.
    pub subject: Option<String>,
    /// What the caller's token was issued for.
    pub scopes: Vec<String>,
}

/// A backend that the operator bound for this plugin and tenant.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Backend {
    /// The name to use with [`Context::http`](crate::Context::http).
    pub name: String,
    /// Which of the backends in the plugin's manifest it answers; several may answer the same one.
    pub answers: String,
    /// What it is, such as `vbr`.
    pub kind: String,
    /// Its name for people.
    pub title: Option<String>,
    /// Whether the operator allows only reading.
    pub read_only: bool,
    /// Whether it is the one to use when the caller names none.
    pub default: bool,
    /// What the operator says about it, such as its API version.
    pub facts: Value,
    /// What it has said of itself lately, in an earlier call: the facts that the manifest lists under `learn`.
    pub learned: Value,
}

impl Backend {
    /// A backend whose kind is its name, writable and without facts: where tests start from.
    ///
    /// ```
    /// use toolward_sdk::Backend;
    ///
    /// let mut backend = Backend::named("vbr");
    /// backend.read_only = true;
    /// assert_eq!(backend.kind, "vbr");
    /// ```
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        let facts = Value::Object(serde_json::Map::new());
        Self {
            answers: name.clone(),
            kind: name.clone(),
            name,
            title: None,
            read_only: false,
            default: false,
            learned: facts.clone(),
            facts,
        }
    }
}

/// What the client of a call can be asked for, and the operator lets this plugin ask.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Capability {
    /// The person can be shown a form, or asked to confirm.
    Form,
    /// The person can be sent to a web page.
    Visit,
    /// The client's model can be asked to write.
    Sample,
    /// The client's model can be asked to write and may call tools for it.
    SampleTools,
    /// The client can tell which folders it works in.
    Roots,
    /// The client can follow a job. Where it cannot, the host stands in, unless the tool says that it requires jobs.
    Jobs,
}

/// What came back for a question, not yet read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum RawReply {
    Accepted(String),
    Declined,
    Cancelled,
}

/// What changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// The list of tools.
    Tools,
    /// The list of prompts.
    Prompts,
    /// The lists of resources and templates.
    Resources,
    /// The content of the resource of this URI.
    Resource(String),
}

/// How urgent a line in the host's log is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// For whoever develops the plugin.
    Debug,
    /// For the operator.
    Info,
    /// Something is odd.
    Warn,
    /// Something is broken.
    Error,
}

/// How urgent a message to the client is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum NoticeLevel {
    /// Details.
    Debug,
    /// News.
    Info,
    /// Worth knowing.
    Notice,
    /// Something is odd.
    Warning,
    /// Something failed.
    Error,
    /// Something important failed.
    Critical,
    /// Somebody must act now.
    Alert,
    /// Nothing works.
    Emergency,
}

/// A request as it leaves the plugin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Outgoing {
    pub(crate) method: &'static str,
    pub(crate) backend: String,
    pub(crate) path_and_query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// An answer whose body is still to be read.
#[derive(Debug)]
pub(crate) struct Incoming<B> {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: B,
}

/// Why a request has no answer, or an answer has no end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Broken {
    /// The call was cancelled while waiting.
    Cancelled,
    /// The host's own words, which name plugin and backend.
    Told(Trouble, String),
    /// A plain fault on the way, as a few words.
    Fault(Trouble, &'static str),
}

impl Broken {
    /// From the text that the host puts into wasi:http's `internal-error`.
    pub(crate) fn told(text: Option<&str>) -> Self {
        match text {
            None => Self::Fault(Trouble::Internal, "internal error of the host"),
            Some(text) => match Trouble::split(text) {
                Some((kind, message)) => Self::Told(kind, message.to_owned()),
                None => Self::Told(Trouble::Internal, text.to_owned()),
            },
        }
    }
}

/// The world as a call sees it.
pub(crate) trait World {
    type Body: Source;
    fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>);
    fn notify(&self, level: NoticeLevel, logger: Option<&str>, data: &str);
    fn log(&self, level: LogLevel, message: &str, fields: &[(String, String)]);
    fn cancelled(&self) -> bool;
    fn time_left(&self) -> Duration;
    fn principal(&self) -> Principal;
    fn idempotency_key(&self) -> String;
    fn settings(&self) -> String;
    fn backends(&self) -> Vec<Backend>;
    /// Whether there are backends, and the operator allows only reading of all of them.
    fn read_only(&self) -> bool;
    fn supports(&self, what: Capability) -> bool;
    fn locale(&self) -> Option<String>;
    fn traceparent(&self) -> Option<String>;
    fn request_meta(&self) -> Vec<(String, String)>;
    fn continuation(&self) -> Option<Vec<u8>>;
    fn answer(&self, key: &str) -> Option<RawReply>;
    fn volunteered(&self, key: &str) -> Option<RawReply>;
    fn changed(&self, what: Change);
    /// Whether the whole time went by; false: the call was cancelled meanwhile.
    fn sleep(&self, time: Duration) -> bool;
    fn exchange(&self, request: &Outgoing) -> Result<Incoming<Self::Body>, Broken>;
}

/// The body of an answer.
pub(crate) trait Source {
    /// The next bytes, at most so many; none at the end.
    fn next(&mut self, at_most: usize) -> Result<Option<Vec<u8>>, Broken>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_tells_the_trouble_and_why() {
        let text = r#"denied: plugin "x" may not send "POST /foo" to backend "vbr""#;
        assert_eq!(
            Broken::told(Some(text)),
            Broken::Told(
                Trouble::Denied,
                r#"plugin "x" may not send "POST /foo" to backend "vbr""#.to_owned()
            ),
        );
        assert_eq!(
            Broken::told(Some("odd: text")),
            Broken::Told(Trouble::Internal, "odd: text".to_owned())
        );
        assert_eq!(
            Broken::told(None),
            Broken::Fault(Trouble::Internal, "internal error of the host")
        );
    }
}
