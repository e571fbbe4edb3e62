//! `wasi:http`: the only way out. Every request goes to `egress`, on the threads that serve I/O, where wasmtime starts what
//! [`Hooks::send_request`] gives it (`plugin::threads`): connections belong to the runtime that opened them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::PluginFacts;
use super::learned::Telling;
use crate::egress::{Deadlines, Egress, Origin, Refusal, Trouble, early};

/// Requests that one call may have under way, answers being read included.
const REQUESTS_AT_ONCE: usize = 32;

/// Bytes that a guest may hand over in one write of a request body, and that the host then holds.
const BODY_CHUNK: usize = 64 * 1024;

/// The door to `egress` for one call.
#[derive(Debug)]
pub(super) struct Hooks {
    egress: Arc<Egress>,
    origin: Origin,
    plugin: Arc<PluginFacts>,
    /// The end of the call.
    until: Instant,
    under_way: Arc<Semaphore>,
    last_refusal: Arc<Mutex<Option<Refusal>>>,
}

impl Hooks {
    pub(super) fn new(
        egress: Arc<Egress>,
        origin: Origin,
        plugin: Arc<PluginFacts>,
        until: Instant,
    ) -> Self {
        let under_way = Arc::new(Semaphore::new(REQUESTS_AT_ONCE));
        Self {
            egress,
            origin,
            plugin,
            until,
            under_way,
            last_refusal: Arc::default(),
        }
    }

    /// The instance serves another call. What is still under way from the one before goes on to count.
    pub(super) fn serve(&mut self, origin: Origin, until: Instant) {
        self.origin = origin;
        self.until = until;
        self.last_refusal = Arc::default();
    }

    /// Whether the answer to this request says something that is to be remembered.
    fn telling(&self, request: &http::Request<WasiBody>) -> Option<Telling> {
        let uri = request.uri();
        if request.method() != http::Method::GET || uri.query().is_some() {
            return None;
        }
        let backend = uri.authority()?.as_str().parse().ok()?;
        let choice = self.plugin.choices.get(&backend);
        let telling = Telling {
            tenant: self.origin.tenant.clone(),
            answers: choice.map_or_else(|| backend.clone(), |choice| choice.answers.clone()),
            backend,
            path: uri.path().to_owned(),
        };
        self.plugin.learned.is_told_by(&telling).then_some(telling)
    }

    /// The last request of this call that was refused or could not be carried out.
    pub(super) fn last_refusal(&self) -> Option<Refusal> {
        self.last_refusal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Keeps a refusal for [`Hooks::last_refusal`] and tells the guest, who gets to know the same text.
fn tell(last: &Mutex<Option<Refusal>>, refusal: Refusal) -> Error {
    let text = refusal.to_string();
    *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
    Error::InternalError(Some(text))
}

type Answer = (
    http::Response<WasiBody>,
    Box<dyn Future<Output = Result<(), Error>> + Send>,
);

impl WasiHttpHooks for Hooks {
    /// Egress sets `Host` from the binding; the guest's authority is a backend's name.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _answer_read: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Answer, Error>> + Send> {
        let last = self.last_refusal.clone();
        let Ok(permit) = self.under_way.clone().try_acquire_owned() else {
            let message = format!(
                "plugin \"{}\" has {REQUESTS_AT_ONCE} requests under way in this call; finish some before sending more",
                self.origin.plugin
            );
            let error = tell(
                &last,
                Refusal {
                    trouble: Trouble::Unavailable,
                    message,
                },
            );
            return Box::new(std::future::ready(Err(error)));
        };
        let (egress, origin) = (self.egress.clone(), self.origin.clone());
        let learned = self.plugin.learned.clone();
        let telling = self.telling(&request);
        let asked = options.as_ref();
        let deadlines = Deadlines {
            connect: asked.and_then(|asked| asked.connect_timeout),
            first_byte: asked.and_then(|asked| asked.first_byte_timeout),
            between_bytes: asked.and_then(|asked| asked.between_bytes_timeout),
            call: Some(self.until),
        };
        let sent = async move {
            let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
            let response = egress.send(&origin, request, deadlines).await?;
            match telling {
                Some(telling) => learned.look(telling, response).await,
                None => Ok(response),
            }
        };
        Box::new(async move {
            let response = sent.await.map_err(|refusal| tell(&last, refusal))?;
            let response = early::read_ahead(response).await.map(|body| {
                body.map_err(move |error| {
                    // The permit lives as long as the answer is being read.
                    let _ = &permit;
                    match error.downcast::<Refusal>() {
                        Ok(refusal) => tell(&last, *refusal),
                        Err(error) => Error::InternalError(Some(format!("unavailable: {error}"))),
                    }
                })
                .boxed_unsync()
            });
            Ok((response, Box::new(std::future::ready(Ok(()))) as Box<_>))
        })
    }
}
