//! Whether a request and its answer fit the vendor's `OpenAPI` document.
//!
//! The documents are not part of this repository. They are read where they lie beside the workspace;
//! where they do not, there is no checker, and whoever wanted one says that the check was skipped.
//!
//! The check is stricter than the document: properties and parameters that it does not name are
//! violations, too, because a misspelled one is otherwise never noticed.

mod convert;
mod document;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs, io};

use bytes::Bytes;
use http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::revision::Revision;
use crate::stats::{Side, Violation};
use document::{Document, Operation};

/// A request, as far as it is checked.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// The query, as sent.
    pub query: &'a str,
    /// Every header.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a Bytes,
}

/// An answer, as far as it is checked.
#[derive(Clone, Copy)]
pub struct Response<'a> {
    /// The status code.
    pub status: u16,
    /// The media type, with or without parameters.
    pub content_type: Option<&'a str>,
    /// The body.
    pub body: &'a Bytes,
}

// Neither shows what may hold a token.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Request({} {})", self.method, self.path)
    }
}

impl fmt::Debug for Response<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Response({})", self.status)
    }
}

/// Why a document that is there cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The document.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It is not JSON.
    #[error("`{path}` is not JSON")]
    Json {
        /// The document.
        path: PathBuf,
        /// Where it is not.
        #[source]
        source: serde_json::Error,
    },
}

/// Checks exchanges of one revision. Cheap to clone.
#[derive(Clone)]
pub struct Checker {
    revision: Revision,
    document: Arc<Document>,
}

impl Checker {
    /// The checker of a revision, or `None` where the vendor's document is not beside the workspace.
    ///
    /// # Panics
    ///
    /// When the document is there and cannot be used: a test must not take that for a skipped check.
    #[must_use]
    pub fn load(revision: Revision) -> Option<Self> {
        match Self::load_from(&Self::folder(), revision) {
            Ok(checker) => checker,
            Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
        }
    }

    /// The same, from another folder.
    pub fn load_from(folder: &Path, revision: Revision) -> Result<Option<Self>, LoadError> {
        let path = folder.join(format!("vbr-{revision}.openapi.json"));
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(LoadError::Read { path, source }),
        };
        let document =
            serde_json::from_slice(&text).map_err(|source| LoadError::Json { path, source })?;
        Ok(Some(Self {
            revision,
            document: Arc::new(Document::new(document)),
        }))
    }

    /// Where the documents are looked for: beside the workspace.
    #[must_use]
    pub fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/reference/schemas")
    }

    /// The revision it checks.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// What is wrong with a request.
    #[must_use]
    pub fn check_request(&self, request: &Request<'_>) -> Vec<Violation> {
        let mut problems = Problems::new(Side::Request, request);
        match self.document.operation(request.method, request.path) {
            Some(operation) => self.check_known_request(request, &operation, &mut problems),
            None if is_left_out(request) => {}
            None => problems.add("is not an operation of this revision".to_owned()),
        }
        problems.found
    }

    fn check_known_request(
        &self,
        request: &Request<'_>,
        operation: &Operation<'_>,
        problems: &mut Problems,
    ) {
        let version = request
            .headers
            .get("x-api-version")
            .map(http::HeaderValue::as_bytes);
        if version != Some(self.revision.as_str().as_bytes()) {
            problems.add(format!("header x-api-version is not {}", self.revision));
        }
        if operation.needs_login() && !request.headers.contains_key(header::AUTHORIZATION) {
            problems.add("header Authorization is missing".to_owned());
        }
        for (name, value) in operation.path_values() {
            self.check_parameter(operation, ("path", &name), &[value], problems);
        }
        let query: Vec<(String, String)> =
            serde_urlencoded::from_str(request.query).unwrap_or_default();
        let mut names: Vec<&str> = query.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let of_name = query.iter().filter(|(key, _)| key == name);
            let values: Vec<&str> = of_name.map(|(_, value)| value.as_str()).collect();
            self.check_parameter(operation, ("query", name), &values, problems);
        }
        self.check_body(request, operation, problems);
    }

    fn check_parameter(
        &self,
        operation: &Operation<'_>,
        (place, name): (&str, &str),
        values: &[&str],
        problems: &mut Problems,
    ) {
        let Some(schema) = operation.parameter(place, name) else {
            problems.add(format!("{place} parameter {name} is not known"));
            return;
        };
        let kind = |schema: &Value| self.document.kind(schema);
        let value = if kind(schema).as_deref() == Some("array") {
            let items = &schema["items"];
            values
                .iter()
                .map(|text| typed(text, kind(items).as_deref()))
                .collect()
        } else if let [text] = values {
            typed(text, kind(schema).as_deref())
        } else {
            problems.add(format!("{place} parameter {name} is given more than once"));
            return;
        };
        for error in self.document.errors(schema, &value) {
            problems.add(format!("{place} parameter {name}: {error}"));
        }
    }

    fn check_body(
        &self,
        request: &Request<'_>,
        operation: &Operation<'_>,
        problems: &mut Problems,
    ) {
        let Some((required, content)) = operation.request_body() else {
            if !request.body.is_empty() {
                problems.add("has a body, and takes none".to_owned());
            }
            return;
        };
        if request.body.is_empty() {
            if required {
                problems.add("has no body".to_owned());
            }
            return;
        }
        let sent = request
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let Some(media) = sent.map(media_type) else {
            problems.add("has a body and no Content-Type".to_owned());
            return;
        };
        let Some(schema) = content.get(media).map(|media| &media["schema"]) else {
            problems.add(format!("has a body of type {media}"));
            return;
        };
        let value = if media == "application/x-www-form-urlencoded" {
            self.form(schema, request.body)
        } else {
            match serde_json::from_slice(request.body) {
                Ok(value) => value,
                Err(error) => {
                    problems.add(format!("has a body that is not JSON: {error}"));
                    return;
                }
            }
        };
        for error in self.document.errors(schema, &value) {
            problems.add(format!("body {error}"));
        }
    }

    fn form(&self, schema: &Value, body: &Bytes) -> Value {
        let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(body).unwrap_or_default();
        let properties = &self.document.resolve(schema)["properties"];
        let fields = fields.into_iter().map(|(name, text)| {
            let value = typed(&text, self.document.kind(&properties[&name]).as_deref());
            (name, value)
        });
        Value::Object(fields.collect::<Map<_, _>>())
    }

    /// What is wrong with the answer to a request. Every error has the body of the API's errors, whether
    /// the document lists its status or not; an unlisted success is a violation.
    #[must_use]
    pub fn check_response(&self, request: &Request<'_>, response: &Response<'_>) -> Vec<Violation> {
        let mut problems = Problems::new(Side::Answer, request);
        let operation = self.document.operation(request.method, request.path);
        if operation.is_none() && is_left_out(request) {
            return problems.found;
        }
        let listed = operation
            .as_ref()
            .and_then(|operation| operation.response(response.status));
        let error = response.status >= 400;
        let content = match listed {
            Some(listed) => self.document.resolve(listed).get("content"),
            None if error => None,
            None => {
                problems.add(format!("status {} is not listed", response.status));
                return problems.found;
            }
        };
        let common;
        let schema = match content.map(|content| &content["application/json"]["schema"]) {
            Some(schema) => schema,
            None if error => {
                common = serde_json::json!({ "$ref": "#/components/schemas/Error" });
                &common
            }
            None => {
                if !response.body.is_empty() {
                    problems.add(format!("status {} has a body", response.status));
                }
                return problems.found;
            }
        };
        if response.content_type.map(media_type) != Some("application/json") {
            problems.add(format!("has the type {:?}", response.content_type));
            return problems.found;
        }
        match serde_json::from_slice::<Value>(response.body) {
            Ok(value) => {
                for error in self.document.errors(schema, &value) {
                    problems.add(format!("status {}: {error}", response.status));
                }
            }
            Err(error) => problems.add(format!("is not JSON: {error}")),
        }
        problems.found
    }
}

impl fmt::Debug for Checker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Checker")
            .field(&self.revision)
            .finish()
    }
}

/// Whether the published documents leave an operation out that the vendor's documentation describes all the same: there is
/// nothing to hold it against.
fn is_left_out(request: &Request<'_>) -> bool {
    let path = request.path;
    request.method == "POST" && path == "/api/v1/backupInfrastructure/repositories/rescan"
}

struct Problems {
    side: Side,
    operation: String,
    found: Vec<Violation>,
}

impl Problems {
    fn new(side: Side, request: &Request<'_>) -> Self {
        let operation = format!("{} {}", request.method, request.path);
        Self {
            side,
            operation,
            found: Vec::new(),
        }
    }

    fn add(&mut self, problem: String) {
        self.found.push(Violation {
            side: self.side,
            operation: self.operation.clone(),
            problem,
        });
    }
}

fn media_type(header: &str) -> &str {
    header.split(';').next().unwrap_or(header).trim()
}

/// Text of a query or a form as the value it stands for; text where it stands for none.
fn typed(text: &str, kind: Option<&str>) -> Value {
    let value = match kind {
        Some("integer") => text.parse::<i64>().ok().map(Value::from),
        Some("number") => text.parse::<f64>().ok().map(Value::from),
        Some("boolean") => text.parse::<bool>().ok().map(Value::from),
        _ => None,
    };
    value.unwrap_or_else(|| Value::from(text))
}
