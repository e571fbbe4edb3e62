//! The short way over HTTP for what is asked most: `tools/call`, `tools/list` and `server/discover` of the new era.
//!
//! For every stateless request rmcp sets up a service of its own, which costs more than the sandbox. A request that is
//! ordinary in every respect is answered here, by the same code that answers it there. Whatever is not (a header that
//! does not fit, a progress token, a revision that we do not speak) is left to rmcp, which knows the right refusal or the
//! longer way to answer: nothing is refused here that it would take, and nothing taken that it would refuse.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, StatusCode, header};
use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ErrorCode, JsonRpcError, PaginatedRequestParams,
    ProtocolVersion, RequestId, ServerJsonRpcMessage, ServerResult,
};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::Handler;
use super::envelope::Envelope;
use super::request::Request;
use super::weight::is_large;
use crate::catalog::Catalog;
use crate::plugin::wit::tools::JobSupport;
use crate::plugin::{Principal, Room};

/// MCP 2026-07-28, «Streamable HTTP», the headers that name what is in the body.
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// A request that is answered here.
#[derive(Debug)]
pub struct Fast {
    id: RequestId,
    capabilities: ClientCapabilities,
    traceparent: Option<String>,
    what: What,
    /// Whether it can be given up at any moment: what starts or changes a job is always brought to an end.
    gives_up: bool,
}

#[derive(Debug)]
enum What {
    Discover,
    List(Option<PaginatedRequestParams>),
    Call(CallToolRequestParams),
}

impl Fast {
    /// The request, if it is one of those.
    #[must_use]
    pub fn of(catalog: &Catalog, headers: &HeaderMap, envelope: &Envelope<'_>) -> Option<Self> {
        let method = envelope.method()?;
        let params = envelope.params.as_ref()?;
        let meta = params.meta.as_ref()?;
        let revision = ProtocolVersion::V_2026_07_28;
        let is_ordinary = envelope.jsonrpc.as_deref() == Some("2.0")
            && accepts_both(headers)
            && only(headers, &VERSION) == Some(revision.as_str())
            && only(headers, &METHOD) == Some(method)
            && meta.version.0.as_deref() == Some(revision.as_str())
            && meta.progress_token.is_none()
            && meta.log_level.is_none()
            && envelope.is_sound();
        if !is_ordinary {
            return None;
        }
        let (what, gives_up) = match method {
            "tools/call" => call(catalog, headers, envelope)?,
            "tools/list" => {
                let params =
                    PaginatedRequestParams::default().with_cursor(read(params.cursor).ok()?);
                (What::List(Some(params)), true)
            }
            "server/discover" => (What::Discover, true),
            _ => return None,
        };
        Some(Self {
            id: read(envelope.id).ok()??,
            capabilities: read(meta.capabilities).ok()??,
            traceparent: meta.traceparent.0.as_deref().map(str::to_owned),
            what,
            gives_up,
        })
    }
}

/// A call, and whether it can be given up.
fn call(catalog: &Catalog, headers: &HeaderMap, envelope: &Envelope<'_>) -> Option<(What, bool)> {
    let (name, given) = (envelope.name()?, envelope.params.as_ref()?);
    let tool = catalog.tool(name);
    // Values that are in headers as well are for rmcp to compare.
    if only(headers, &NAME) != Some(name) || tool.is_some_and(|tool| tool.input.mirrored) {
        return None;
    }
    let mut params = CallToolRequestParams::new(name.to_owned());
    params.arguments = read(given.arguments).ok()?;
    params.input_responses = read(given.input_responses).ok()?;
    params.request_state = read(given.request_state).ok()?;
    let gives_up = tool.is_some_and(|tool| tool.jobs == JobSupport::Never);
    Some((What::Call(params), gives_up))
}

/// A part of the message, where it is there.
fn read<T: DeserializeOwned>(part: Option<&RawValue>) -> Result<Option<T>, serde_json::Error> {
    part.map(|part| serde_json::from_str(part.get()))
        .transpose()
}

/// The answer, as HTTP carries it: status, and a JSON-RPC message.
pub async fn answer(
    handler: &Arc<Handler>,
    principal: &Principal,
    fast: Fast,
    room: Option<Room>,
) -> (StatusCode, Vec<u8>) {
    let cancelled = CancellationToken::new();
    if fast.gives_up {
        return serve(handler, principal, fast, room, cancelled).await;
    }
    let _cancel_on_drop = cancelled.clone().drop_guard();
    let (handler, principal, id) = (handler.clone(), principal.clone(), fast.id.clone());
    let served =
        tokio::spawn(async move { serve(&handler, &principal, fast, room, cancelled).await }).await;
    served.unwrap_or_else(|_| {
        let error = ErrorData::internal_error("the request failed inside the host", None);
        message(id, Err(error))
    })
}

async fn serve(
    handler: &Handler,
    principal: &Principal,
    fast: Fast,
    room: Option<Room>,
    cancelled: CancellationToken,
) -> (StatusCode, Vec<u8>) {
    let request = Request {
        principal,
        traceparent: fast.traceparent,
        cancelled,
        capabilities: Some(fast.capabilities),
        is_new_era: true,
        context: None,
    };
    let result = match fast.what {
        What::Discover => Ok(ServerResult::DiscoverResult(handler.discovered(principal))),
        What::List(params) => handler
            .listed_tools(params, &request)
            .map(ServerResult::ListToolsResult),
        What::Call(params) => handler
            .called(params, &request, room)
            .await
            .map(ServerResult::from),
    };
    let id = fast.id;
    if !result.as_ref().is_ok_and(is_large) {
        return message(id, result);
    }
    let large = handler.host().large();
    Box::pin(large.run(principal, move || message(id, result))).await
}

/// As rmcp writes it.
fn message(id: RequestId, result: Result<ServerResult, ErrorData>) -> (StatusCode, Vec<u8>) {
    let (status, written) = match result {
        Ok(result) => (
            StatusCode::OK,
            serde_json::to_vec(&ServerJsonRpcMessage::response(result, id)),
        ),
        Err(mut error) => {
            if error.code == ErrorCode::RESOURCE_NOT_FOUND {
                error.code = ErrorCode::INVALID_PARAMS;
            }
            let status = match error.code {
                ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY => StatusCode::BAD_REQUEST,
                ErrorCode::METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
                _ => StatusCode::OK,
            };
            (
                status,
                serde_json::to_vec(&JsonRpcError::new(Some(id), error)),
            )
        }
    };
    // Values of JSON can always be written.
    (status, written.unwrap_or_default())
}

/// Whether both forms of an answer are accepted, said as clients usually say it.
fn accepts_both(headers: &HeaderMap) -> bool {
    let Some(accepted) = only(headers, &header::ACCEPT) else {
        return false;
    };
    let mut types = accepted.split(',').map(str::trim);
    let (mut json, mut events) = (false, false);
    let plain = types.all(|one| {
        json |= one == "application/json";
        events |= one == "text/event-stream";
        !one.contains([';', '"'])
    });
    plain && json && events
}

/// The value of a header that is there once, if it is a plain text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then(|| first.to_str().ok())?
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::mcp::envelope;

    const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}"#;

    fn headers(method: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let accept = "application/json, text/event-stream";
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        headers.insert(VERSION, HeaderValue::from_static("2026-07-28"));
        headers.insert(METHOD, HeaderValue::from_static(method));
        headers.insert(NAME, HeaderValue::from_static("echo"));
        headers
    }

    fn body(method: &str, more_meta: &str) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"name":"echo",{META}{more_meta}}}}}}}"#
        )
    }

    fn is_fast(headers: &HeaderMap, body: &str) -> bool {
        let envelope = envelope::look(body.as_bytes()).expect("a message");
        Fast::of(&Catalog::default(), headers, &envelope).is_some()
    }

    #[test]
    fn what_is_ordinary_is_fast() {
        for method in ["tools/call", "tools/list", "server/discover"] {
            assert!(is_fast(&headers(method), &body(method, "")), "{method}");
        }
        assert!(!is_fast(
            &headers("prompts/list"),
            &body("prompts/list", "")
        ));
    }

    #[test]
    fn what_needs_more_than_an_answer_is_not() {
        for more in [
            r#","progressToken":1"#,
            r#","io.modelcontextprotocol/logLevel":"debug""#,
        ] {
            let body = body("tools/call", more);
            assert!(!is_fast(&headers("tools/call"), &body), "{more}");
        }
    }

    #[test]
    fn headers_that_do_not_fit_are_for_rmcp() {
        let body = body("tools/call", "");
        for (name, value) in [
            (VERSION, "2025-11-25"),
            (METHOD, "tools/list"),
            (NAME, "other"),
            (header::ACCEPT, "application/json"),
            (header::ACCEPT, "application/json;q=1, text/event-stream"),
        ] {
            let mut changed = headers("tools/call");
            changed.insert(name.clone(), HeaderValue::from_static(value));
            assert!(!is_fast(&changed, &body), "{name}: {value}");
            let mut twice = headers("tools/call");
            twice.append(name.clone(), HeaderValue::from_static(value));
            assert!(!is_fast(&twice, &body), "{name}: {value}, besides");
        }
    }
}
