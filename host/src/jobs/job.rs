//! A job: what the store keeps of it. Plain values; what becomes of them is decided in `step`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::config::{PluginName, TenantName};
use crate::plugin::manifest::text;
use crate::plugin::wit::values::{InputRequest, Output, RequestError, ToolError};
use crate::plugin::{Principal, Reply, hex};

/// A job's id: 128 unguessable bits, 32 hexadecimal digits. Whoever is not the job's owner learns nothing from it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct JobId(Box<str>);

/// Not a job's id.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a job's id is 32 hexadecimal digits in lower case")]
pub struct BadJobId;

impl JobId {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        Self(hex(&bytes).into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for JobId {
    type Err = BadJobId;

    fn from_str(text: &str) -> Result<Self, BadJobId> {
        let fits = text.len() == 32
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        fits.then(|| Self(text.into())).ok_or(BadJobId)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits until fewer jobs run.
    Queued,
    /// Takes its steps.
    Running,
    /// Waits for answers.
    InputRequired,
    /// Ended with a result.
    Completed,
    /// Ended without one.
    Failed,
    /// Was stopped.
    Cancelled,
}

impl Status {
    /// All of them, in the order of a job's life.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Running,
        Self::InputRequired,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Whether nothing comes after it.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// As it is written outside.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::InputRequired => "input_required",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Not a status.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a status is one of queued, running, input_required, completed, failed, cancelled")]
pub struct BadStatus;

impl FromStr for Status {
    type Err = BadStatus;

    fn from_str(text: &str) -> Result<Self, BadStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(BadStatus)
    }
}

/// Whether somebody wants the job stopped.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// Nobody does.
    #[default]
    No,
    /// Somebody does: `jobs.cancel` takes the place of the next step.
    Asked,
    /// The plugin knows.
    Begun,
}

/// How far a job is, as its last step said, cut to size.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Progress {
    /// Grows towards `total`, in the plugin's own unit.
    pub done: f64,
    /// The whole, if known.
    pub total: Option<f64>,
    /// What goes on at the moment.
    pub step: Option<String>,
    /// How many of such steps are behind.
    pub steps_done: Option<u32>,
    /// How many are ahead.
    pub steps_left: Option<u32>,
    /// One line for people.
    pub message: Option<String>,
    /// When it should be done, by the plugin's estimate or ours; milliseconds since 1970.
    pub estimated: Option<u64>,
}

impl Progress {
    /// The share that is done, 0 to 1, where it is known.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let share = match (self.total, self.steps_done, self.steps_left) {
            (Some(total), ..) if total > 0.0 => self.done / total,
            (_, Some(done), Some(left)) if done > 0 || left > 0 => {
                f64::from(done) / (f64::from(done) + f64::from(left))
            }
            _ => return None,
        };
        Some(share.clamp(0.0, 1.0))
    }
}

/// Everything about a job but its arguments, its state, its outcome and its log, which are kept beside it: they may be
/// large, and the job is written at every step.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Job {
    /// By which everybody knows it.
    #[serde(with = "text")]
    pub id: JobId,
    /// Its place in the order in which jobs were begun.
    pub sequence: u64,
    /// The isolated group that it belongs to.
    #[serde(with = "text")]
    pub tenant: TenantName,
    /// Who started it.
    pub subject: Option<String>,
    /// What that one might do then.
    pub scopes: Vec<String>,
    /// The tool that started it.
    pub tool: String,
    /// One line for people.
    pub title: String,
    /// Who runs it.
    #[serde(with = "text")]
    pub plugin: PluginName,
    /// The version that began it.
    pub version: String,
    /// SHA-256 of the component that began it.
    pub digest: String,
    /// The job that this one tries again.
    pub retry_of: Option<String>,
    /// The format of the state.
    pub format: u32,
    /// Steps taken.
    pub step: u32,
    /// How often the next step was tried.
    pub attempt: u32,
    /// Where it stands.
    pub status: Status,
    /// Whether it is to stop.
    #[serde(default)]
    pub stop: Stop,
    /// How far it is.
    pub progress: Progress,
    /// Times, milliseconds since 1970.
    pub created: u64,
    /// When it left the queue.
    pub started: Option<u64>,
    /// When anything about it last changed.
    pub updated: u64,
    /// When it ended.
    pub finished: Option<u64>,
    /// When the next step is due.
    pub due: u64,
    /// What the last step asked for. A key is unique among a step's.
    #[serde(default)]
    pub requests: Vec<InputRequest>,
    /// What came back so far.
    #[serde(default)]
    pub replies: Vec<(String, Reply)>,
    /// Why it failed, in one line.
    pub error: Option<String>,
    /// Lines ever written to its log.
    pub lines: u64,
    /// The oldest of them that is kept.
    pub first_line: u64,
    /// Bytes of those that are kept.
    pub log_bytes: u64,
}

impl Job {
    /// Who started it.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal {
            tenant: self.tenant.clone(),
            subject: self.subject.clone(),
            scopes: self.scopes.clone().into(),
        }
    }

    /// Progress for people: 0 to 100 where a share is known, 0 before the first step, and 100 when it is completed.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        if self.status == Status::Completed {
            return Some(100.0);
        }
        if self.step == 0 {
            return Some(0.0);
        }
        // One digit after the point is as exact as anybody wants it.
        let share = self.progress.share()?;
        Some((share * 1000.0).round() / 10.0)
    }

    /// The requests that have no reply yet.
    pub fn unanswered(&self) -> impl Iterator<Item = &InputRequest> {
        self.requests
            .iter()
            .filter(|request| self.replies.iter().all(|(key, _)| *key != request.key))
    }
}

/// How a job ended.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With the tool's result, checked.
    Done(Output),
    /// The tool ran and failed.
    ToolError(ToolError),
    /// It could not go on.
    Error(RequestError),
}

/// A line of a job's log.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Line {
    /// When, milliseconds since 1970.
    pub at: u64,
    /// How important, in the words of syslog.
    pub level: String,
    /// What happened, in one line.
    pub text: String,
}

/// Milliseconds since 1970.
#[must_use]
pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unguessable_and_of_one_form() {
        let id = JobId::random();
        assert_ne!(id, JobId::random());
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        for bad in [
            "",
            "0",
            &id.as_str().to_uppercase().replace('0', "A"),
            "../x",
        ] {
            assert_eq!(bad.parse::<JobId>(), Err(BadJobId), "{bad}");
        }
    }

    #[test]
    fn a_status_is_written_in_one_way() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::json!(status), status.as_str());
        }
        assert_eq!("done".parse::<Status>(), Err(BadStatus));
    }

    #[test]
    fn the_share_comes_from_what_is_known() {
        let share = |done, total, steps_done, steps_left| {
            let progress = Progress {
                done,
                total,
                steps_done,
                steps_left,
                ..Progress::default()
            };
            progress.share()
        };
        assert_eq!(share(1.0, Some(4.0), None, None), Some(0.25));
        assert_eq!(share(9.0, Some(4.0), None, None), Some(1.0));
        assert_eq!(share(-1.0, Some(4.0), None, None), Some(0.0));
        assert_eq!(share(1.0, Some(0.0), Some(1), Some(3)), Some(0.25));
        assert_eq!(share(7.0, None, None, None), None);
        assert_eq!(share(7.0, None, Some(0), Some(0)), None);
    }
}
