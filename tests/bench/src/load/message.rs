//! The calls that are sent, and what a right answer to each contains.

use std::borrow::Cow;

use serde_json::json;

/// The revision of the protocol without sessions: each request stands alone.
pub(crate) const VERSION: &str = "2026-07-28";
/// The last revision with sessions.
pub(crate) const OLD_VERSION: &str = "2025-11-25";
/// The tool that almost everything is measured with.
const TOOL: &str = "echo";
/// What it is to say back.
const TEXT: &str = "The quick brown fox jumps over the lazy dog.";
/// What the backend answers.
pub(crate) const BACKEND_TEXT: &str = "The five boxing wizards jump quickly.";
/// Where it does.
pub(crate) const BACKEND_PATH: &str = "/pangram";
const FAILED: &[u8] = br#""isError":true"#;

/// A call of a tool, over and over.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) tool: Cow<'static, str>,
    /// As JSON.
    arguments: String,
    /// What a right answer contains, and only a right answer: serde writes members without spaces.
    expected: String,
    /// Whether a right answer says that the call failed.
    fails: bool,
    /// A right answer is at least as long.
    length: usize,
}

impl Call {
    /// The call that almost everything is measured with.
    pub(crate) fn echo() -> Self {
        Self::echoed(TOOL, TEXT)
    }

    /// The same of a tool that is called otherwise.
    pub(crate) fn echo_by(tool: impl Into<Cow<'static, str>>) -> Self {
        Self::echoed(tool, TEXT)
    }

    /// The same with so many bytes to say back.
    pub(crate) fn echo_of(bytes: usize) -> Self {
        let text = TEXT.bytes().map(char::from).cycle();
        let text: String = text.take(bytes).collect();
        let mut call = Self::echoed(TOOL, &text);
        // Looking for all of it would cost the generator more than sending it.
        call.expected.truncate(call.expected.len().min(100));
        call.length = bytes;
        call
    }

    fn echoed(tool: impl Into<Cow<'static, str>>, text: &str) -> Self {
        Self {
            tool: tool.into(),
            arguments: json!({ "text": text }).to_string(),
            expected: format!("\"text\":{}", json!(text)),
            fails: false,
            length: 0,
        }
    }

    /// A tool of the host itself: how is a job that does not exist? The answer is short, and says that there is none.
    pub(crate) fn own() -> Self {
        Self {
            tool: "job_status".into(),
            arguments: json!({ "job_id": "0123456789abcdef0123456789abcdef" }).to_string(),
            expected: "\"text\":\"there is no such job".to_owned(),
            fails: true,
            length: 0,
        }
    }

    /// A tool that makes one request to the backend.
    pub(crate) fn ask() -> Self {
        Self {
            tool: "erratic_get".into(),
            arguments: json!({ "path": BACKEND_PATH }).to_string(),
            expected: format!("\"text\":{}", json!(BACKEND_TEXT)),
            fails: false,
            length: 0,
        }
    }

    /// Not a call but the list of tools: an answer that has some.
    pub(crate) fn list() -> Self {
        Self {
            expected: "\"tools\":[{".to_owned(),
            ..Self::any("list")
        }
    }

    /// A tool without arguments, whose answer does not matter.
    pub(crate) fn any(tool: &'static str) -> Self {
        Self {
            tool: tool.into(),
            arguments: "{}".to_owned(),
            expected: String::new(),
            fails: false,
            length: 0,
        }
    }

    /// The arguments, as JSON.
    pub(crate) fn arguments(&self) -> &str {
        &self.arguments
    }

    /// The call as a message that stands alone.
    pub(crate) fn message(&self, id: u64) -> String {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "0" },
        });
        self.with(id, &format!(",\"_meta\":{meta}"))
    }

    /// The call as a message of a session, where client and server know each other.
    pub(crate) fn in_session(&self, id: u64) -> String {
        self.with(id, "")
    }

    fn with(&self, id: u64, meta: &str) -> String {
        let (tool, arguments) = (&self.tool, &self.arguments);
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\
             \"params\":{{\"name\":\"{tool}\",\"arguments\":{arguments}{meta}}}}}"
        )
    }

    /// Is this a right answer? Looked at as bytes: parsing would cost the generator more than all else it does.
    pub(crate) fn is_right(&self, answer: &[u8]) -> bool {
        answer.len() >= self.length
            && contains(answer, self.expected.as_bytes())
            && (self.length > 0 || contains(answer, FAILED) == self.fails)
    }
}

/// The first message of a session.
pub(crate) fn initialize() -> String {
    json!({
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": OLD_VERSION,
            "capabilities": {},
            "clientInfo": { "name": "bench", "version": "0" },
        },
    })
    .to_string()
}

/// The second one.
pub(crate) fn initialized() -> String {
    json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string()
}

/// Asks which tools there are.
pub(crate) fn list() -> String {
    json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/list",
        "params": {
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": VERSION,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "0" },
            },
        },
    })
    .to_string()
}

/// A right answer to the echo call with id 1.
pub(crate) fn answer() -> String {
    json!({
        "jsonrpc": "2.0",
        "id": 1,
        "result": {
            "resultType": "complete",
            "content": [{ "type": "text", "text": TEXT }],
            "isError": false,
        },
    })
    .to_string()
}

/// The id in a line with an answer, wherever it stands: the first `"id":` with a number.
pub(crate) fn id(answer: &[u8]) -> Option<u64> {
    const KEY: &[u8] = br#""id":"#;
    let at = answer.windows(KEY.len()).position(|window| window == KEY)?;
    let digits = answer[at + KEY.len()..].iter();
    let digits = digits.take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number, digit| {
        Some(number.unwrap_or(0) * 10 + u64::from(digit - b'0'))
    })
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

/// The beginning of an answer that was not expected, for a message.
pub(crate) fn excerpt(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn only_the_echo_is_right() {
        let call = Call::echo();
        assert!(call.is_right(answer().as_bytes()));
        let failed = answer().replace("false", "true");
        assert!(!call.is_right(failed.as_bytes()));
        assert!(!call.is_right(br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602}}"#));
        assert!(!call.is_right(b""));
    }

    #[test]
    fn an_answer_that_is_cut_off_is_wrong() {
        let call = Call::echo_of(1000);
        let text: Value = serde_json::from_str(call.arguments()).expect("is JSON");
        assert_eq!(text["text"].as_str().map(str::len), Some(1000));
        let whole = format!("{{\"content\":[{}]}}", call.arguments());
        assert!(call.is_right(whole.as_bytes()));
        assert!(!call.is_right(&whole.as_bytes()[..900]));
    }

    #[test]
    fn messages_are_json() {
        let alone: Value = serde_json::from_str(&Call::echo().message(7)).expect("is JSON");
        assert_eq!(alone["id"], 7);
        assert_eq!(
            alone["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"],
            VERSION
        );
        let inside: Value = serde_json::from_str(&Call::own().in_session(8)).expect("is JSON");
        assert_eq!(inside["params"]["name"], "job_status");
        assert!(inside["params"]["_meta"].is_null());
    }

    #[test]
    fn the_id_is_found() {
        assert_eq!(id(answer().as_bytes()), Some(1));
        assert_eq!(id(br#"{"jsonrpc":"2.0","result":{},"id":409}"#), Some(409));
        assert_eq!(id(br#"{"id":"text"}"#), None);
        assert_eq!(id(b"{}"), None);
    }
}
