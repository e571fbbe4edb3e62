//! The call that everything is measured with, and what a right answer to it contains.

use serde_json::json;

/// The revision of the protocol without sessions: each request stands alone.
pub(crate) const VERSION: &str = "2026-07-28";
/// The tool that is called.
pub(crate) const TOOL: &str = "echo";
/// What it is to say back.
const TEXT: &str = "The quick brown fox jumps over the lazy dog.";
/// What a right answer contains, and only a right answer: serde writes members without spaces.
const EXPECTED: &[u8] = br#""text":"The quick brown fox jumps over the lazy dog.""#;
const FAILED: &[u8] = br#""isError":true"#;

/// A call of the tool.
pub(crate) fn call(id: u64) -> String {
    call_of(TOOL, id)
}

/// A call of the tool, or of another that takes no arguments.
pub(crate) fn call_of(tool: &str, id: u64) -> String {
    let arguments = match tool {
        TOOL => json!({ "text": TEXT }),
        _ => json!({}),
    };
    json!({
        "jsonrpc": "2.0",
        "id": id,
        "method": "tools/call",
        "params": {
            "name": tool,
            "arguments": arguments,
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": VERSION,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "0" },
            },
        },
    })
    .to_string()
}

/// A right answer to the call with id 1.
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

/// Is this a right answer? Looked at as bytes: parsing would cost the generator more than all else it does.
pub(crate) fn is_right(answer: &[u8]) -> bool {
    contains(answer, EXPECTED) && !contains(answer, FAILED)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The beginning of an answer that was not expected, for a message.
pub(crate) fn excerpt(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_echo_is_right() {
        assert!(is_right(answer().as_bytes()));
        let failed = answer().replace("false", "true");
        assert!(!is_right(failed.as_bytes()));
        assert!(!is_right(
            br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602}}"#
        ));
        assert!(!is_right(b""));
    }
}
