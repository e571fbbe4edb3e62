//! A look at a message before rmcp reads it: enough to say who may send it, and to refuse what is no message.
//!
//! It is a scan, not a second parse: `serde_json` skips over all values but the few that are wanted and builds nothing.
//! What is decided here only chooses the HTTP status; the handler checks again what it is about to do.

use std::borrow::Cow;

use rmcp::ErrorData;
use rmcp::model::{ErrorCode, JsonObject, JsonRpcError, ProtocolVersion};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::follow::Own;
use super::record;
use crate::catalog::Catalog;
use crate::config::Ability;
use crate::plugin::Principal;
use crate::policy::{self, Action, Missing};

/// Objects and arrays in each other. rmcp's parser gives up at 128; arguments nested like that are an attack.
const DEEPEST: usize = 100;

/// Why a body is no message. `Display` is for the client.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoMessage {
    /// Not JSON.
    #[error("the body is not JSON")]
    Json,
    /// Too deep.
    #[error("the JSON is nested more than {DEEPEST} deep")]
    Deep,
    /// JSON-RPC's batches went with the revision 2025-06-18.
    #[error("batches are not supported: send one message at a time")]
    Batch,
    /// JSON of another kind.
    #[error("the body is no JSON-RPC message")]
    Other,
}

impl NoMessage {
    fn code(self) -> ErrorCode {
        match self {
            Self::Json => ErrorCode::PARSE_ERROR,
            Self::Deep | Self::Batch | Self::Other => ErrorCode::INVALID_REQUEST,
        }
    }
}

/// What can be seen of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Envelope {
    method: Option<String>,
    name: Option<String>,
    /// The protocol revision that the message itself names.
    version: Option<String>,
}

/// Which of the two protocols a request on HTTP speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Era {
    /// With sessions: before 2026-07-28.
    Old,
    /// Each request for itself.
    New,
}

/// The era of a request without a message, by the revision in its header. Revisions are dates, so text compares them; what
/// is none is for the new era to refuse.
#[must_use]
pub fn era(header: Option<&str>) -> Era {
    match header {
        Some(version) if version >= ProtocolVersion::V_2026_07_28.as_str() => Era::New,
        Some(_) | None => Era::Old,
    }
}

/// Whether a revision of the old era is one that we know.
#[must_use]
pub fn is_known(version: &str) -> bool {
    let mut known = ProtocolVersion::KNOWN_VERSIONS.iter();
    known.any(|known| known.as_str() == version)
}

impl Envelope {
    /// Whether it asks for a session. No other message begins one.
    #[must_use]
    pub fn is_opening(&self) -> bool {
        self.method.as_deref() == Some("initialize")
    }

    /// The era that the message belongs to. What it says itself counts for more than the header; where the two contradict
    /// each other, the new era knows the right refusal. The handshake is of the old era, whatever revision its header names.
    #[must_use]
    pub fn era(&self, header: Option<&str>) -> Era {
        match self.method.as_deref() {
            Some("server/discover") => Era::New,
            method => match &self.version {
                Some(own) => era(Some(own)),
                None if method == Some("initialize") => Era::Old,
                None => era(header),
            },
        }
    }

    /// The method, where it is a request or a notification.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    /// The tool that a `tools/call` names.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether the header for proxies names this message's method.
    #[must_use]
    pub fn is_method(&self, header: &str) -> bool {
        self.method.as_deref() == Some(header)
    }
}

// A key that is there twice is an error of serde's: two readers could each believe another one.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
    version: Option<&'a RawValue>,
}

/// Looks at a request's body.
pub fn look(body: &[u8]) -> Result<Envelope, NoMessage> {
    if depth(body) > DEEPEST {
        return Err(NoMessage::Deep);
    }
    match body.trim_ascii_start().first() {
        Some(b'{') => {}
        Some(b'[') => {
            return Err(
                match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
                    Ok(_) => NoMessage::Batch,
                    Err(_) => NoMessage::Json,
                },
            );
        }
        Some(_) | None => {
            return Err(
                match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
                    Ok(_) => NoMessage::Other,
                    Err(_) => NoMessage::Json,
                },
            );
        }
    }
    let message: Message<'_> = serde_json::from_slice(body).map_err(|error| no_message(&error))?;
    let params: Option<Params<'_>> = parts(message.params)?;
    let (name, meta) = params.map_or((None, None), |params| (params.name, params.meta));
    let meta: Option<Meta<'_>> = parts(meta)?;
    let is_call = message.method.as_deref() == Some("tools/call");
    Ok(Envelope {
        method: message.method.map(Cow::into_owned),
        name: name.filter(|_| is_call).and_then(text),
        version: meta.and_then(|meta| meta.version).and_then(text),
    })
}

/// The parts of an object; none of anything else, which is for the protocol to refuse.
fn parts<'a, T: Deserialize<'a>>(value: Option<&'a RawValue>) -> Result<Option<T>, NoMessage> {
    let object = value.map(RawValue::get);
    let object = object.filter(|text| text.starts_with('{'));
    let read = object.map(serde_json::from_str).transpose();
    read.map_err(|error| no_message(&error))
}

fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

fn no_message(error: &serde_json::Error) -> NoMessage {
    if error.is_data() {
        NoMessage::Other
    } else {
        NoMessage::Json
    }
}

/// How deep objects and arrays are in each other; right for JSON, harmless for what is none.
fn depth(body: &[u8]) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                now += 1;
                most = most.max(now);
            }
            b'}' | b']' if !in_text => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// Whether the principal may send the message.
pub fn may_send(
    catalog: &Catalog,
    principal: &Principal,
    envelope: &Envelope,
) -> Result<(), Missing> {
    let name = envelope.name.as_deref();
    let ability = match envelope.method.as_deref() {
        Some("tools/call") => return may_call(catalog, principal, name.unwrap_or_default()),
        Some("resources/read" | "resources/subscribe") => Ability::ReadResources,
        Some("prompts/get") => Ability::GetPrompts,
        Some("tasks/get") => Ability::ReadJobs,
        Some("tasks/cancel" | "tasks/update") => Ability::CancelJobs,
        Some(_) | None => return Ok(()),
    };
    let plugin = None;
    policy::may(principal, Action { ability, plugin })
}

/// Whether the principal may call the tool of that name; of one that nobody has, whether it may call any. A refusal is
/// recorded here: the call goes no further.
pub fn may_call(catalog: &Catalog, principal: &Principal, name: &str) -> Result<(), Missing> {
    let ability = Own::named(name).map_or(Ability::CallTools, Own::ability);
    let plugin = catalog.tool(name).map(|tool| tool.plugin.name());
    policy::may(principal, Action { ability, plugin })
        .inspect_err(|_| record::denied(catalog, name, principal))
}

/// Reads the body of a request that is one object, no deeper than messages are.
pub fn object(body: &[u8]) -> Result<JsonObject, String> {
    if depth(body) > DEEPEST {
        return Err(NoMessage::Deep.to_string());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("the body is not a JSON object".to_owned()),
        Err(_) => Err(NoMessage::Json.to_string()),
    }
}

/// A JSON-RPC error without a request: nobody knows which one it would have been.
#[must_use]
pub fn error_body(problem: NoMessage) -> String {
    error(problem.code(), problem.to_string())
}

/// The same for a request that HTTP itself refuses.
#[must_use]
pub fn refusal_body(message: &str) -> String {
    error(ErrorCode::INVALID_REQUEST, message.to_owned())
}

/// For a header that contradicts the body.
#[must_use]
pub fn mismatch_body(message: &str) -> String {
    error(ErrorCode::HEADER_MISMATCH, message.to_owned())
}

fn error(code: ErrorCode, message: String) -> String {
    let error = JsonRpcError::new(None, ErrorData::new(code, message, None));
    serde_json::to_string(&error).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Seen = Result<Envelope, NoMessage>;

    #[expect(clippy::unnecessary_wraps, reason = "what it is compared with")]
    fn seen(method: &str, name: Option<&str>) -> Seen {
        Ok(Envelope {
            method: Some(method.to_owned()),
            name: name.map(str::to_owned),
            version: None,
        })
    }

    #[test]
    fn a_message_is_seen_for_what_it_is() {
        let rows = [
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
                seen("tools/list", None),
            ),
            (
                r#" {"params":{"arguments":{"name":"x"},"name":"a\u0062"},"method":"tools/call"}"#,
                seen("tools/call", Some("ab")),
            ),
            (
                r#"{"method":"tools/call","params":[]}"#,
                seen("tools/call", None),
            ),
            (r#"{"method":"tools/call"}"#, seen("tools/call", None)),
            (
                r#"{"id":1,"result":{}}"#,
                Ok(Envelope {
                    method: None,
                    name: None,
                    version: None,
                }),
            ),
            // Two readers could each believe another one.
            (
                r#"{"method":"tools/list","method":"tools/call"}"#,
                Err(NoMessage::Other),
            ),
            (
                r#"{"method":"tools/call","params":{"name":"a","name":"b"}}"#,
                Err(NoMessage::Other),
            ),
            (
                r#"{"method":"tools/call","params":{"name":"a","n\u0061me":"b"}}"#,
                Err(NoMessage::Other),
            ),
            (r#"{"method":7}"#, Err(NoMessage::Other)),
            ("[]", Err(NoMessage::Batch)),
            (r#" [{"method":"tools/list"}]"#, Err(NoMessage::Batch)),
            ("[", Err(NoMessage::Json)),
            ("", Err(NoMessage::Json)),
            ("{", Err(NoMessage::Json)),
            ("{} {}", Err(NoMessage::Json)),
            ("7", Err(NoMessage::Other)),
            ("\"\u{0}\"", Err(NoMessage::Json)),
        ];
        for (body, expected) in rows {
            assert_eq!(look(body.as_bytes()), expected, "{body}");
        }
        assert_eq!(look(b"{\"method\":\"\xff\"}"), Err(NoMessage::Json));
    }

    #[test]
    fn the_era_is_the_messages_own() {
        let version = |version: &str| {
            format!(r#"{{"_meta":{{"io.modelcontextprotocol/protocolVersion":{version}}}}}"#)
        };
        let (new, old) = (version("\"2026-07-28\""), version("\"2025-11-25\""));
        let rows = [
            ("tools/list", "{}", None, Era::Old),
            ("tools/list", "[]", None, Era::Old),
            ("tools/list", "{}", Some("2025-03-26"), Era::Old),
            ("tools/list", "{}", Some("2026-07-28"), Era::New),
            ("tools/list", "{}", Some("2099-01-01"), Era::New),
            ("tools/list", "{}", Some("garbage"), Era::New),
            ("tools/list", &new, None, Era::New),
            ("tools/list", &new, Some("2025-11-25"), Era::New),
            ("tools/list", &old, Some("2026-07-28"), Era::Old),
            ("tools/list", &version("7"), None, Era::Old),
            ("server/discover", "{}", None, Era::New),
            ("initialize", "{}", Some("2026-07-28"), Era::Old),
            // A method that the new era does not have.
            ("initialize", &new, Some("2026-07-28"), Era::New),
        ];
        for (method, params, header, expected) in rows {
            let body = format!(r#"{{"method":"{method}","params":{params}}}"#);
            let seen = look(body.as_bytes()).expect("a message");
            assert_eq!(seen.era(header), expected, "{body} {header:?}");
        }
        let twice = r#"{"params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/protocolVersion":"2025-11-25"}}}"#;
        assert_eq!(look(twice.as_bytes()), Err(NoMessage::Other));
    }

    #[test]
    fn depth_is_bounded_whatever_stands_in_texts() {
        let nested = |levels: usize| {
            let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
            format!(r#"{{"method":"x","params":{open}{close}}}"#)
        };
        assert_eq!(look(nested(DEEPEST).as_bytes()), seen("x", None));
        assert_eq!(look(nested(DEEPEST + 1).as_bytes()), Err(NoMessage::Deep));
        let unclosed = "[".repeat(1_000_000);
        assert_eq!(look(unclosed.as_bytes()), Err(NoMessage::Deep));
        let text = format!(r#"{{"method":"x","a":"{}\"[\\"}}"#, "[".repeat(1000));
        assert_eq!(look(text.as_bytes()), seen("x", None));
    }
}
