//! An answer before it becomes bytes, and the API's error bodies, which differ by version.

use serde_json::{Map, Value, json};

use crate::options::Flavour;

/// What goes back to the client.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status, which may be one of the API's own: 595 and 596.
    pub status: u16,
    /// The reason phrase: until version 8 the only place where an error's text stands.
    pub reason: String,
    /// The body; none: an empty one.
    pub body: Option<Value>,
}

/// What a handler gives back when all is well.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) value: Value,
    pub(crate) total: Option<usize>,
}

impl From<Value> for Data {
    fn from(value: Value) -> Self {
        Self { value, total: None }
    }
}

/// Why a request is not served.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    status: u16,
    text: String,
    errors: Map<String, Value>,
    empty: bool,
}

pub(crate) type Outcome = Result<Data, Refusal>;

impl Refusal {
    pub(crate) fn new(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            errors: Map::new(),
            empty: false,
        }
    }

    /// Most things that go wrong at run time.
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self::new(500, text)
    }

    /// Of the web server itself, before the API is asked: without a body.
    pub(crate) fn bare(status: u16, text: impl Into<String>) -> Self {
        Self {
            empty: true,
            ..Self::new(status, text)
        }
    }

    pub(crate) fn parameters(errors: impl IntoIterator<Item = (String, String)>) -> Self {
        let errors = errors.into_iter().map(|(name, what)| (name, what.into()));
        Self {
            errors: errors.collect(),
            ..Self::new(400, "Parameter verification failed.")
        }
    }

    pub(crate) fn permission(path: &str, privileges: &str) -> Self {
        Self::new(
            403,
            format!("Permission check failed ({path}, {privileges})"),
        )
    }
}

impl Answer {
    pub(crate) fn of(outcome: Outcome, flavour: Flavour) -> Self {
        match outcome {
            Ok(Data { value, total }) => {
                let mut body = json!({ "data": value });
                if let Some(total) = total {
                    body["total"] = total.into();
                }
                Self {
                    status: 200,
                    reason: "OK".to_owned(),
                    body: Some(body),
                }
            }
            Err(refusal) => Self::refused(refusal, flavour),
        }
    }

    fn refused(refusal: Refusal, flavour: Flavour) -> Self {
        let body = (!refusal.empty).then(|| {
            let mut body = json!({ "data": null });
            if flavour.has_messages() {
                body["message"] = format!("{}\n", refusal.text).into();
            }
            if !refusal.errors.is_empty() {
                body["errors"] = refusal.errors.into();
            }
            body
        });
        Self {
            status: refusal.status,
            reason: refusal.text,
            body,
        }
    }
}
