//! What happens before something is changed: whether it may be, and whether somebody says yes.
//!
//! The host asks the person; a client that cannot be asked is refused, unless the operator trusts the model's own word
//! for this server. The reason goes to the audit log with what was shown, and to the operator's log with what was done.

use toolward_sdk::ask::Confirm;
use toolward_sdk::prelude::*;
use toolward_sdk::{LogLevel, Trouble};

use crate::servers::Server;

/// The word of whoever calls a tool that changes something. Both count only where the operator lets models confirm;
/// elsewhere a person is asked.
#[derive(Clone, Debug, Default)]
pub struct Word<'a> {
    /// Whether the caller confirms.
    pub confirm: bool,
    /// Why.
    pub reason: Option<&'a str>,
}

/// Something that is about to be changed.
#[derive(Debug)]
pub struct Order<'a> {
    /// Where.
    pub server: &'a Server,
    /// One sentence: what will happen, to what.
    pub what: String,
    /// What the decision depends on.
    pub details: Vec<(&'static str, String)>,
}

impl Order<'_> {
    /// Goes on only when this may be done and somebody confirmed it.
    pub fn confirmed(self, cx: &Context, word: &Word<'_>) -> Result<()> {
        if self.server.read_only {
            return Err(ToolError::denied(format!(
                "the operator lets backup server {} be looked at only. hint: nothing on it can be changed from here",
                self.server.name
            ))
            .into());
        }
        let reason = word
            .reason
            .map(str::trim)
            .filter(|reason| !reason.is_empty());
        let mut question = Confirm::new(self.what.clone()).backend(&self.server.name);
        if let Some(server) = self.server.title.clone().or_else(|| self.server.label()) {
            question = question.detail("Backup server", server);
        }
        for (label, value) in self.details {
            question = question.detail(label, value);
        }
        if let (Some(reason), false) = (reason, word.confirm) {
            question = question.detail("Reason given", reason);
        }
        // Every change has a reason in the audit log: the caller's, or that of whoever is asked.
        if reason.is_none() {
            question = question.reason_required();
        }
        // With both, the caller confirmed in the arguments; whether that is enough is the operator's policy.
        question = question.reason_given(reason.filter(|_| word.confirm));
        let confirmed = cx.ask("confirm", question)?.accepted()?;
        let reason = confirmed.reason.as_deref().or(reason).unwrap_or_default();
        cx.log(
            LogLevel::Info,
            &self.what,
            &[("server", &self.server.name), ("reason", reason)],
        );
        Ok(())
    }
}

/// What an order's failure means: where its end cannot be told, it may have been taken all the same.
pub fn sent<T>(outcome: Result<T>, look: &str) -> Result<T> {
    match outcome {
        Err(Failure::Tool(mut error)) if is_open(error.kind) => {
            error.message = format!(
                "{}. hint: the server may have taken the order all the same; look with {look} before you repeat it",
                error.message.trim_end_matches('.')
            );
            Err(error.into())
        }
        outcome => outcome,
    }
}

/// Whether an order that failed in this way may have been taken all the same.
fn is_open(kind: Trouble) -> bool {
    matches!(
        kind,
        Trouble::TimedOut | Trouble::Unavailable | Trouble::Internal
    )
}
