//! What a client sends to its session: requests, each served by a handler of its own; replies to what it was asked;
//! and what it says without an answer.
//!
//! A request goes on when its client is gone: in the old era only `notifications/cancelled` stops it, and the end of the
//! session.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, MutexGuard, PoisonError};

use futures::future::Either;
use rmcp::RoleServer;
use rmcp::model::{
    ClientCapabilities, ClientJsonRpcMessage, ClientNotification, ClientRequest, Implementation,
    InitializeRequestParams, JsonRpcMessage, JsonRpcRequest, NumberOrString, RequestId,
    ServerJsonRpcMessage, ServerNotification,
};
use rmcp::service::{RunningService, serve_directly_with_ct};
use rmcp::transport::Transport;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::journal::Kind;
use super::open::{Events, OpenSession, json};
use super::{Handler, Refusal};
use crate::mcp::is_large;
use crate::plugin::Principal;

/// Requests of one session that are not answered yet.
pub(super) const MAX_UNDER_WAY: usize = 256;
/// Replies that wait for a handler. It asks fewer questions at once.
const REPLIES: usize = 32;

/// What became of a message.
#[derive(Debug)]
pub enum Received {
    /// It has no answer.
    Noted,
    /// What is said until it is answered.
    Answered(Events),
}

/// What a session works on.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    calls: HashMap<RequestId, Call>,
    /// What the client was asked, by the number it was asked with.
    questions: HashMap<i64, Question>,
    asked: i64,
    is_over: bool,
}

/// A request that is not answered yet.
#[derive(Debug)]
struct Call {
    stream: u64,
    cancel: CancellationToken,
    replies: mpsc::Sender<ClientJsonRpcMessage>,
    /// Serves it until it is dropped.
    service: Option<RunningService<RoleServer, Handler>>,
}

impl Call {
    /// What serves it may not be there yet; the token is.
    fn stop(self) {
        self.cancel.cancel();
        drop(self.service);
    }
}

/// Something that the client was asked. Handlers number their questions each for itself; the client sees numbers of the
/// session.
#[derive(Debug)]
struct Question {
    call: RequestId,
    stream: u64,
    /// As the handler knows it.
    id: RequestId,
}

impl OpenSession {
    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a message of the client.
    pub fn receive(
        self: &Arc<Self>,
        principal: &Principal,
        body: &[u8],
    ) -> Result<Received, Refusal> {
        self.touch();
        let message = serde_json::from_slice(body).map_err(|_| Refusal::NoMessage)?;
        match message {
            JsonRpcMessage::Request(request) => return self.serve(principal, request),
            JsonRpcMessage::Notification(said) => self.hear(&said.notification),
            JsonRpcMessage::Response(mut reply) => {
                if let Some((id, replies)) = self.asked(&reply.id) {
                    reply.id = id;
                    // Full: more replies than questions were asked.
                    let _ = replies.try_send(JsonRpcMessage::Response(reply));
                }
            }
            JsonRpcMessage::Error(mut reply) => {
                if let Some((id, replies)) = reply.id.as_ref().and_then(|id| self.asked(id)) {
                    reply.id = Some(id);
                    let _ = replies.try_send(JsonRpcMessage::Error(reply));
                }
            }
        }
        Ok(Received::Noted)
    }

    fn serve(
        self: &Arc<Self>,
        principal: &Principal,
        request: JsonRpcRequest<ClientRequest>,
    ) -> Result<Received, Refusal> {
        let is_brief = match &request.request {
            ClientRequest::InitializeRequest(_) => return Err(Refusal::OpenAlready),
            // These run plugins' code for the caller: they take time, tell meanwhile, and may ask.
            ClientRequest::CallToolRequest(_)
            | ClientRequest::GetPromptRequest(_)
            | ClientRequest::ReadResourceRequest(_) => false,
            _ => true,
        };
        let id = request.id.clone();
        let cancel = CancellationToken::new();
        let (replies, inbox) = mpsc::channel(REPLIES);
        let events = {
            let mut under_way = self.under_way();
            if under_way.is_over {
                return Err(Refusal::Over);
            }
            if under_way.calls.contains_key(&id) {
                return Err(Refusal::SameId);
            }
            if under_way.calls.len() >= MAX_UNDER_WAY {
                return Err(Refusal::Busy);
            }
            let events = if is_brief {
                self.begin_brief_stream()
            } else {
                self.begin_stream()
            };
            let call = Call {
                stream: events.stream(),
                cancel: cancel.clone(),
                replies,
                service: None,
            };
            under_way.calls.insert(id.clone(), call);
            events
        };
        let handler = Handler::in_session(
            self.server.clone(),
            principal.clone(),
            self.state.clone(),
            self.abilities,
        );
        let exchange = Exchange {
            session: self.clone(),
            principal: principal.clone(),
            call: id.clone(),
            stream: events.stream(),
            request: Some(JsonRpcMessage::Request(request)),
            inbox,
        };
        // Its capabilities are with the handler.
        let client =
            InitializeRequestParams::new(ClientCapabilities::default(), Implementation::default())
                .with_protocol_version(self.version.clone());
        let service = serve_directly_with_ct(handler, exchange, Some(client), cancel);
        if let Some(call) = self.under_way().calls.get_mut(&id)
            && call.stream == events.stream()
        {
            call.service = Some(service);
        }
        Ok(Received::Answered(events))
    }

    fn hear(&self, said: &ClientNotification) {
        match said {
            ClientNotification::InitializedNotification(_) => self.set_ready(),
            ClientNotification::CancelledNotification(cancelled) => {
                if let Some(id) = &cancelled.params.request_id {
                    self.cancel(id);
                }
            }
            _ => {}
        }
    }

    /// The handler that asked this, and how it knows the question. Nobody did: the reply goes nowhere.
    fn asked(&self, id: &RequestId) -> Option<(RequestId, mpsc::Sender<ClientJsonRpcMessage>)> {
        let NumberOrString::Number(number) = id else {
            return None;
        };
        let mut under_way = self.under_way();
        let question = under_way.questions.remove(number)?;
        let call = under_way.calls.get(&question.call)?;
        (call.stream == question.stream).then(|| (question.id, call.replies.clone()))
    }

    fn cancel(&self, id: &RequestId) {
        let call = self.under_way().remove(id, None);
        if let Some(call) = call {
            self.end_stream(call.stream);
            call.stop();
        }
    }

    /// Stops everything, and begins nothing any more.
    pub(super) fn cancel_all(&self) {
        let calls = {
            let mut under_way = self.under_way();
            under_way.is_over = true;
            under_way.questions.clear();
            std::mem::take(&mut under_way.calls)
        };
        calls.into_values().for_each(Call::stop);
    }

    pub(super) fn is_serving(&self) -> bool {
        !self.under_way().calls.is_empty()
    }

    pub(super) fn requests_under_way(&self) -> usize {
        self.under_way().calls.len()
    }

    /// Says what a handler sends, on the stream of its request.
    fn pass_on(&self, call: &RequestId, stream: u64, message: ServerJsonRpcMessage) {
        let (kind, message) = match message {
            answer @ (JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_)) => {
                // Cancelled meanwhile: nobody wants it.
                if self.under_way().remove(call, Some(stream)).is_none() {
                    return;
                }
                self.touch();
                (Kind::Answer, answer)
            }
            JsonRpcMessage::Request(mut request) => {
                let question = Question {
                    call: call.clone(),
                    stream,
                    id: request.id,
                };
                request.id = NumberOrString::Number(self.under_way().ask(question));
                (Kind::Question, JsonRpcMessage::Request(request))
            }
            JsonRpcMessage::Notification(mut said) => {
                if let ServerNotification::CancelledNotification(cancelled) = &mut said.notification
                {
                    let id = cancelled.params.request_id.take();
                    let moot = id.and_then(|id| self.under_way().withdraw(call, stream, &id));
                    let Some(number) = moot else { return };
                    cancelled.params.request_id = Some(NumberOrString::Number(number));
                }
                (Kind::Note, JsonRpcMessage::Notification(said))
            }
        };
        self.say(stream, kind, json(&message));
    }
}

impl UnderWay {
    /// Takes a call out: the one on this stream, or whichever has the id.
    fn remove(&mut self, id: &RequestId, stream: Option<u64>) -> Option<Call> {
        let call = self.calls.get(id)?;
        if stream.is_some_and(|stream| stream != call.stream) {
            return None;
        }
        let call = self.calls.remove(id)?;
        self.questions
            .retain(|_, question| question.stream != call.stream);
        if self.calls.is_empty() {
            self.calls.shrink_to_fit();
            self.questions.shrink_to_fit();
        }
        Some(call)
    }

    /// The number that the client sees.
    fn ask(&mut self, question: Question) -> i64 {
        self.asked += 1;
        self.questions.insert(self.asked, question);
        self.asked
    }

    /// The same, for a question that is moot.
    fn withdraw(&mut self, call: &RequestId, stream: u64, id: &RequestId) -> Option<i64> {
        let is_it = |question: &Question| {
            question.call == *call && question.stream == stream && question.id == *id
        };
        let mut all = self.questions.iter();
        let number = *all.find(|(_, question)| is_it(question))?.0;
        self.questions.remove(&number);
        Some(number)
    }
}

/// The connection of one request's handler: the request, then replies to what it asks; what it sends goes to the
/// request's stream. It ends with the answer.
struct Exchange {
    session: Arc<OpenSession>,
    principal: Principal,
    call: RequestId,
    stream: u64,
    request: Option<ClientJsonRpcMessage>,
    inbox: mpsc::Receiver<ClientJsonRpcMessage>,
}

impl Transport<RoleServer> for Exchange {
    type Error = Infallible;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Infallible>> + Send + 'static {
        let is_answer = matches!(message, JsonRpcMessage::Response(_));
        if !is_answer || !is_large(&message) {
            self.session.pass_on(&self.call, self.stream, message);
            return Either::Left(sent());
        }
        // Nothing comes after an answer, so it cannot be overtaken.
        let (session, call, stream) = (self.session.clone(), self.call.clone(), self.stream);
        let (server, principal) = (session.server.clone(), self.principal.clone());
        let said = move || session.pass_on(&call, stream, message);
        Either::Right(async move {
            server.host.large().run(&principal, said).await;
            Ok(())
        })
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        match self.request.take() {
            Some(request) => Some(request),
            None => self.inbox.recv().await,
        }
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Infallible>> + Send {
        sent()
    }
}

fn sent() -> Ready<Result<(), Infallible>> {
    ready(Ok(()))
}
