//! What a plugin tells while it works, passed on to the client that asked to be told.

use rmcp::model::{
    LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam, ProgressToken,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use tokio::sync::mpsc;

use super::call::{Caller, Ended, Target, call};
use crate::plugin::{Event, Level};

/// Events that may wait for a slow client; newer ones are dropped meanwhile.
const WAITING: usize = 64;

/// Serves a request and passes on meanwhile: progress, when the request carries a token; lines of `level` and above, when
/// there is one.
pub(super) async fn pass_on(
    context: &RequestContext<RoleServer>,
    level: Option<Level>,
    target: &Target,
    mut caller: Caller<'_>,
) -> Result<Ended, ErrorData> {
    let mut client = Client {
        context,
        token: context.meta.get_progress_token(),
        last: None,
        level,
    };
    if client.token.is_none() && client.level.is_none() {
        return call(target, caller).await;
    }
    let (events, mut heard) = mpsc::channel(WAITING);
    caller.events = Some(events);
    let running = call(target, caller);
    tokio::pin!(running);
    let ended = loop {
        tokio::select! {
            biased;
            Some(event) = heard.recv() => client.tell(event).await,
            ended = &mut running => break ended,
        }
    };
    while let Ok(event) = heard.try_recv() {
        client.tell(event).await;
    }
    ended
}

struct Client<'a> {
    context: &'a RequestContext<RoleServer>,
    token: Option<ProgressToken>,
    /// MCP demands that progress grows with every notification.
    last: Option<f64>,
    level: Option<Level>,
}

impl Client<'_> {
    async fn tell(&mut self, event: Event) {
        let peer = &self.context.peer;
        // A client that has gone away is noticed by the transport, which cancels the call.
        let _ = match event {
            Event::Progress {
                done,
                total,
                message,
            } => {
                let Some(token) = self.token.clone() else {
                    return;
                };
                if self.last.is_some_and(|last| done <= last) {
                    return;
                }
                self.last = Some(done);
                let mut param = ProgressNotificationParam::new(token, done);
                param.total = total;
                param.message = message;
                peer.notify_progress(param).await
            }
            Event::Notice {
                level,
                logger,
                data,
            } => {
                if self.level.is_none_or(|wanted| level < wanted) {
                    return;
                }
                let mut param = LoggingMessageNotificationParam::new(shown(level), data);
                param.logger = logger;
                peer.notify_logging_message(param).await
            }
        };
    }
}

fn shown(level: Level) -> LoggingLevel {
    match level {
        Level::Debug => LoggingLevel::Debug,
        Level::Info => LoggingLevel::Info,
        Level::Notice => LoggingLevel::Notice,
        Level::Warning => LoggingLevel::Warning,
        Level::Error => LoggingLevel::Error,
        Level::Critical => LoggingLevel::Critical,
        Level::Alert => LoggingLevel::Alert,
        Level::Emergency => LoggingLevel::Emergency,
    }
}
