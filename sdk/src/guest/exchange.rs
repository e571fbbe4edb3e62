//! One request and its answer over `wasi:http`.

use super::bindings::toolward::plugin::backends::last_problem;
use super::bindings::wasi::http::outgoing_handler;
use super::bindings::wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method,
    OutgoingBody, OutgoingRequest, Scheme, http_error_code,
};
use super::bindings::wasi::io::poll::Pollable;
use super::bindings::wasi::io::streams::{InputStream, OutputStream, StreamError};
use super::{values, wait};
use crate::call::{Broken, Incoming, Outgoing, Source};
use crate::error::Trouble;

pub(super) fn exchange(
    cancelled: Pollable,
    outgoing: &Outgoing,
) -> Result<Incoming<Stream>, Broken> {
    let future = send(request(outgoing)?, &outgoing.body, &cancelled)?;
    if !wait(&future.subscribe(), &cancelled) {
        return Err(Broken::Cancelled);
    }
    let response = match future.get() {
        Some(Ok(answer)) => answer.map_err(broken)?,
        Some(Err(())) | None => return Err(IMPOSSIBLE),
    };
    incoming(&response, cancelled)
}

/// The interface allows it, the order of our calls does not.
const IMPOSSIBLE: Broken = Broken::Fault(Trouble::Internal, "the host answered out of order");

fn request(outgoing: &Outgoing) -> Result<OutgoingRequest, Broken> {
    let mut headers: Vec<(String, Vec<u8>)> = outgoing
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
        .collect();
    if !outgoing.body.is_empty() || matches!(outgoing.method, "POST" | "PUT" | "PATCH") {
        headers.push((
            "content-length".to_owned(),
            outgoing.body.len().to_string().into_bytes(),
        ));
    }
    let headers = Fields::from_list(&headers).map_err(|_| {
        Broken::Fault(
            Trouble::Denied,
            "the host does not let a plugin set one of its headers",
        )
    })?;
    let request = OutgoingRequest::new(headers);
    let set = request
        .set_method(&method(outgoing.method))
        .and_then(|()| request.set_scheme(Some(&Scheme::Http)))
        .and_then(|()| request.set_path_with_query(Some(&outgoing.path_and_query)));
    set.map_err(|()| Broken::Fault(Trouble::InvalidInput, "the host does not take its path"))?;
    request
        .set_authority(Some(&outgoing.backend))
        .map_err(|()| Broken::Fault(Trouble::NotFound, "this cannot be the name of a backend"))?;
    Ok(request)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        other => Method::Other(other.to_owned()),
    }
}

/// Hands the request over. A body goes with it as far as the host takes it at once, which is all of most: the host need not
/// come back for it.
fn send(
    request: OutgoingRequest,
    bytes: &[u8],
    cancelled: &Pollable,
) -> Result<FutureIncomingResponse, Broken> {
    let handle = |request| outgoing_handler::handle(request, None).map_err(broken);
    if bytes.is_empty() {
        return handle(request);
    }
    let body = request.body().map_err(|()| IMPOSSIBLE)?;
    let stream = body.write().map_err(|()| IMPOSSIBLE)?;
    // A body that cannot be delivered often means that the answer is there already: refused, or too large.
    let mut left = write(&stream, bytes);
    if left.is_ok_and(<[u8]>::is_empty) {
        drop(stream);
        let _whole = OutgoingBody::finish(body, None);
        return handle(request);
    }
    let future = handle(request)?;
    let ready = stream.subscribe();
    while let Ok(bytes) = left
        && !bytes.is_empty()
    {
        if !wait(&ready, cancelled) {
            return Err(Broken::Cancelled);
        }
        left = write(&stream, bytes);
    }
    drop((ready, stream));
    if left.is_ok() {
        let _whole = OutgoingBody::finish(body, None);
    }
    Ok(future)
}

/// Writes what the stream takes without waiting; gives the rest.
fn write<'a>(stream: &OutputStream, mut bytes: &'a [u8]) -> Result<&'a [u8], Undeliverable> {
    while !bytes.is_empty() {
        let room = stream.check_write().map_err(|_| Undeliverable)?;
        if room == 0 {
            return Ok(bytes);
        }
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        stream.write(now).map_err(|_| Undeliverable)?;
        bytes = later;
    }
    stream.flush().map_err(|_| Undeliverable)?;
    Ok(bytes)
}

/// Nobody reads the body any more.
#[derive(Clone, Copy)]
struct Undeliverable;

fn incoming(response: &IncomingResponse, cancelled: Pollable) -> Result<Incoming<Stream>, Broken> {
    let headers = response.headers().entries();
    let headers = headers
        .into_iter()
        .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
        .collect();
    let body = response.consume().map_err(|()| IMPOSSIBLE)?;
    let stream = body.stream().map_err(|()| IMPOSSIBLE)?;
    Ok(Incoming {
        status: response.status(),
        headers,
        body: Stream {
            ready: None,
            bytes: stream,
            _body: body,
            cancelled,
        },
    })
}

/// The body of an answer. Its parts are dropped in this order: children before what they are part of.
pub(crate) struct Stream {
    /// Made when there is something to wait for.
    ready: Option<Pollable>,
    bytes: InputStream,
    _body: IncomingBody,
    cancelled: Pollable,
}

impl Source for Stream {
    fn next(&mut self, at_most: usize) -> Result<Option<Vec<u8>>, Broken> {
        loop {
            match self.bytes.read(at_most as u64) {
                Ok(piece) if !piece.is_empty() => return Ok(Some(piece)),
                Ok(_) => {
                    let ready = self.ready.get_or_insert_with(|| self.bytes.subscribe());
                    if !wait(ready, &self.cancelled) {
                        return Err(Broken::Cancelled);
                    }
                }
                Err(StreamError::Closed) => return Ok(None),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(http_error_code(&error).map_or_else(cut_short, broken));
                }
            }
        }
    }
}

/// Why a body has no end. wasmtime 48 does not find its own error code again here; the host's last problem is that one.
fn cut_short() -> Broken {
    last_problem().map_or(
        Broken::Fault(Trouble::Unavailable, "the answer breaks off"),
        |problem| Broken::Told(values::from_trouble(problem.kind), problem.message),
    )
}

/// What the host's error code means. Few words each: their texts are part of every component.
fn broken(code: ErrorCode) -> Broken {
    let (kind, what) = match code {
        ErrorCode::InternalError(text) => return Broken::told(text.as_deref()),
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => (Trouble::TimedOut, "it took too long"),
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            (Trouble::Unavailable, "its address is not known")
        }
        ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTerminated
        | ErrorCode::ConnectionLimitReached => (Trouble::Unavailable, "no connection"),
        ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError
        | ErrorCode::TlsAlertReceived(_) => (Trouble::Unavailable, "no secure connection"),
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => {
            (Trouble::Denied, "it is not allowed")
        }
        ErrorCode::HttpResponseIncomplete => (Trouble::Unavailable, "the answer breaks off"),
        ErrorCode::HttpRequestBodySize(_) | ErrorCode::HttpResponseBodySize(_) => {
            (Trouble::Limited, "a body is too large")
        }
        _ => (Trouble::Internal, "HTTP went wrong"),
    };
    Broken::Fault(kind, what)
}
