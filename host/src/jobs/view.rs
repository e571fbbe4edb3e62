//! A job as programs see it: the same for REST and for the tools that follow jobs.

use serde_json::{Value, json};

use super::job::{Job, Line};

/// Milliseconds since 1970 as RFC 3339.
#[must_use]
pub fn time(at: u64) -> String {
    i64::try_from(at)
        .ok()
        .and_then(chrono::DateTime::from_timestamp_millis)
        .unwrap_or_default()
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

impl Job {
    /// The job without its result. Its state, its arguments and its owner's scopes stay inside.
    #[must_use]
    pub fn view(&self) -> Value {
        json!({
            "id": self.id.as_str(),
            "type": self.tool,
            "plugin": self.plugin.as_str(),
            "version": self.version,
            "title": self.title,
            "status": self.status.as_str(),
            "cancelling": !self.status.is_terminal() && self.stop != super::Stop::No,
            "progress": {
                "percent": self.percent(),
                "done": self.progress.done,
                "total": self.progress.total,
                "message": self.progress.message,
            },
            "step": {
                "current": self.progress.step,
                "done": self.progress.steps_done,
                "left": self.progress.steps_left,
                "taken": self.step,
                "attempt": self.attempt,
            },
            "created": time(self.created),
            "started": self.started.map(time),
            "updated": time(self.updated),
            "finished": self.finished.map(time),
            "estimated_completion": self.progress.estimated.map(time),
            "retry_of": self.retry_of,
            "error": self.error,
        })
    }
}

impl Line {
    /// The line as programs see it.
    #[must_use]
    pub fn view(&self) -> Value {
        json!({ "at": time(self.at), "level": self.level, "text": self.text })
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(super::time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(super::time(1_767_323_045_006), "2026-01-02T03:04:05.006Z");
        assert_eq!(super::time(u64::MAX), "1970-01-01T00:00:00.000Z");
    }
}
