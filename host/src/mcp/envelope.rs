//! A look at a message before rmcp reads it: enough to say who may send it, and to refuse what is no message.
//!
//! It is a scan, not a second parse: `serde_json` skips over all values but the few that are wanted and builds nothing.
//! What is decided here only chooses the HTTP status; the handler checks again what it is about to do.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use rmcp::ErrorData;
use rmcp::model::{ErrorCode, JsonObject, JsonRpcError, ProtocolVersion};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::follow::Own;
use super::record;
use crate::catalog::Catalog;
use crate::config::Ability;
use crate::plugin::Principal;
use crate::policy::{self, Action, Missing};

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

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

/// What can be seen of a message; most of it is still a piece of the body.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    /// All of it.
    text: &'a str,
    method: Option<Cow<'a, str>>,
    /// The tool that a `tools/call` names.
    name: Option<Cow<'a, str>>,
    pub(super) jsonrpc: Option<Cow<'a, str>>,
    pub(super) id: Option<&'a RawValue>,
    pub(super) params: Option<Params<'a>>,
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

impl Envelope<'_> {
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
            method => match self.version() {
                Some(own) => era(Some(own)),
                None if method == Some("initialize") => Era::Old,
                None => era(header),
            },
        }
    }

    /// The protocol revision that the message itself names.
    fn version(&self) -> Option<&str> {
        let meta = self.params.as_ref()?.meta.as_ref()?;
        meta.version.0.as_deref()
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

    /// Whether every part of the message can be read, also those that nobody has looked at: serde skips a value without
    /// asking whether its escapes are characters and its numbers have a value.
    pub(super) fn is_sound(&self) -> bool {
        is_plain(self.text) || serde_json::from_str::<Sound>(self.text).is_ok()
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
    #[serde(borrow, default)]
    jsonrpc: Text<'a>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Method<'a>>,
    #[serde(borrow, default)]
    params: Object<Params<'a>>,
}

/// The parameters of a request, as far as somebody looks at them before the protocol.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Params<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow)]
    pub(super) arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) cursor: Option<&'a RawValue>,
    #[serde(borrow, rename = "inputResponses")]
    pub(super) input_responses: Option<&'a RawValue>,
    #[serde(borrow, rename = "requestState")]
    pub(super) request_state: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "_meta", deserialize_with = "Object::read")]
    pub(super) meta: Option<Meta<'a>>,
}

/// `_meta` of a request.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Meta<'a> {
    #[serde(borrow, default, rename = "io.modelcontextprotocol/protocolVersion")]
    pub(super) version: Text<'a>,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientCapabilities")]
    pub(super) capabilities: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/logLevel")]
    pub(super) log_level: Option<&'a RawValue>,
    #[serde(borrow, rename = "progressToken")]
    pub(super) progress_token: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) traceparent: Text<'a>,
}

/// A text; nothing where there is something else.
#[derive(Clone, Debug, Default)]
pub(super) struct Text<'a>(pub(super) Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value: &RawValue = Deserialize::deserialize(deserializer)?;
        if !value.get().starts_with('"') {
            return Ok(Self(None));
        }
        let text: Borrowed<'a> = serde_json::from_str(value.get()).map_err(D::Error::custom)?;
        Ok(Self(Some(text.0)))
    }
}

/// Whether JSON has nothing that serde skips without reading it: an escaped character by its number, which may be half a
/// pair, and a number that is too large for a float, which takes an exponent or very many digits. May say no of one that has
/// none, where a text looks like it.
fn is_plain(json: &str) -> bool {
    /// Floats end below 10^309.
    const MANY: usize = 300;
    let mut digits = 0;
    let mut before = 0;
    for byte in json.bytes() {
        match byte {
            b'0'..=b'9' if digits == MANY => return false,
            b'0'..=b'9' => digits += 1,
            b'e' | b'E' if digits > 0 => return false,
            b'u' if before == b'\\' => return false,
            _ => digits = 0,
        }
        before = byte;
    }
    true
}

/// Anything, read to its last part and not kept.
struct Sound;

impl<'de> Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;

        impl<'de> Visitor<'de> for Parts {
            type Value = Sound;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sound, A::Error> {
                while map.next_entry::<Sound, Sound>()?.is_some() {}
                Ok(Sound)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Sound, A::Error> {
                while items.next_element::<Sound>()?.is_some() {}
                Ok(Sound)
            }

            fn visit_unit<E>(self) -> Result<Sound, E> {
                Ok(Sound)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Sound, E> {
                Ok(Sound)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Sound, E> {
                Ok(Sound)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Sound, E> {
                Ok(Sound)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Sound, E> {
                Ok(Sound)
            }

            fn visit_str<E>(self, _: &str) -> Result<Sound, E> {
                Ok(Sound)
            }
        }

        deserializer.deserialize_any(Parts)
    }
}

/// A method, which has to be a text.
#[derive(Deserialize)]
#[serde(transparent)]
struct Method<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(transparent)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

/// The parts of an object; none of anything else, which is for the protocol to refuse.
struct Object<T>(Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Object<T> {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
        Self::deserialize(deserializer).map(|object| object.0)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Parts<T> {
            type Value = Option<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Some)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Option<T>, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(None)
            }

            fn visit_unit<E>(self) -> Result<Option<T>, E> {
                Ok(None)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Option<T>, E> {
                Ok(None)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Option<T>, E> {
                Ok(None)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Option<T>, E> {
                Ok(None)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Option<T>, E> {
                Ok(None)
            }

            fn visit_str<E>(self, _: &str) -> Result<Option<T>, E> {
                Ok(None)
            }
        }

        deserializer.deserialize_any(Parts(PhantomData)).map(Self)
    }
}

/// Looks at a request's body.
pub fn look(body: &[u8]) -> Result<Envelope<'_>, NoMessage> {
    if is_too_deep(body) {
        return Err(NoMessage::Deep);
    }
    // serde does not ask that of what it skips, and two readers skip different parts.
    let text = std::str::from_utf8(body).map_err(|_| NoMessage::Json)?;
    match body.trim_ascii_start().first() {
        Some(b'{') => {}
        Some(b'[') => {
            return Err(match serde_json::from_slice::<IgnoredAny>(body) {
                Ok(_) => NoMessage::Batch,
                Err(_) => NoMessage::Json,
            });
        }
        Some(_) | None => {
            return Err(match serde_json::from_slice::<IgnoredAny>(body) {
                Ok(_) => NoMessage::Other,
                Err(_) => NoMessage::Json,
            });
        }
    }
    let message: Message<'_> = serde_json::from_str(text).map_err(|error| no_message(&error))?;
    let is_call = |method: &Method<'_>| method.0 == "tools/call";
    let is_call = message.method.as_ref().is_some_and(is_call);
    let mut params = message.params.0;
    Ok(Envelope {
        text,
        name: params
            .as_mut()
            .filter(|_| is_call)
            .and_then(|params| params.name.0.take()),
        method: message.method.map(|method| method.0),
        jsonrpc: message.jsonrpc.0,
        id: message.id,
        params,
    })
}

fn no_message(error: &serde_json::Error) -> NoMessage {
    if error.is_data() {
        NoMessage::Other
    } else {
        NoMessage::Json
    }
}

/// Whether objects and arrays are too deep in each other. Most bodies have not even that many.
fn is_too_deep(body: &[u8]) -> bool {
    memchr::memchr2_iter(b'{', b'[', body)
        .nth(DEEPEST)
        .is_some()
        && depth(body) > DEEPEST
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
    envelope: &Envelope<'_>,
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
    if is_too_deep(body) {
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

    /// Method and name.
    type Seen = Result<(Option<String>, Option<String>), NoMessage>;

    #[expect(clippy::unnecessary_wraps, reason = "what it is compared with")]
    fn seen(method: &str, name: Option<&str>) -> Seen {
        Ok((Some(method.to_owned()), name.map(str::to_owned)))
    }

    fn look(body: &[u8]) -> Seen {
        super::look(body).map(|seen| {
            let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
            (owned(seen.method), owned(seen.name))
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
            (r#"{"id":1,"result":{}}"#, Ok((None, None))),
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
        // Also where nobody looks.
        let skipped = look(b"{\"method\":\"x\",\"more\":\"\xff\"}");
        assert_eq!(skipped, Err(NoMessage::Json));
    }

    #[test]
    fn what_nobody_looks_at_is_sound_or_not() {
        let rows = [
            (
                r#"{"method":"x","more":[null,true,-1,1.5,"\u00e4",{"a":{}}]}"#,
                true,
            ),
            (r#"{"method":"x","more":"\ud800"}"#, false),
            (r#"{"method":"x","more":{"\ud800":1}}"#, false),
            (r#"{"method":"x","more":[1e999]}"#, false),
        ];
        for (body, expected) in rows {
            let envelope = super::look(body.as_bytes()).expect("a message");
            assert_eq!(envelope.is_sound(), expected, "{body}");
        }
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
            let seen = super::look(body.as_bytes()).expect("a message");
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
