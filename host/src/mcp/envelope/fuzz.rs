//! Fuzzing: who decides by the envelope whether a message may be sent, and who serves it, read the same.

use rmcp::model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage};
use serde_json::Value;

use super::{error_body, look, object};

/// Looks at a body, and reads it as the handler would.
pub(crate) fn envelope(data: &[u8]) {
    if let Err(text) = object(data) {
        assert!(!text.is_empty());
    }
    let envelope = match look(data) {
        Ok(envelope) => envelope,
        Err(problem) => {
            let error: Value =
                serde_json::from_str(&error_body(problem)).expect("an error is JSON");
            assert!(error["error"]["code"].is_i64());
            return;
        }
    };
    let _ = (envelope.is_opening(), envelope.era(None));
    let Ok(JsonRpcMessage::Request(request)) = serde_json::from_slice::<ClientJsonRpcMessage>(data)
    else {
        return;
    };
    let request = request.request;
    assert_eq!(envelope.method.as_deref(), Some(request.method()));
    if let ClientRequest::CallToolRequest(call) = request {
        assert_eq!(envelope.name.as_deref(), Some(&*call.params.name));
    }
}
