//! One run of a job, as a function of time.

use std::time::Duration;

use time::OffsetDateTime;

use super::Protected;
use crate::id::Id;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Success,
    Warning,
    Failed,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    Starting,
    Working,
    Postprocessing,
    Stopping,
    Stopped,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    pub(crate) at: OffsetDateTime,
    pub(crate) graceful: bool,
    /// How long the session takes to stop.
    pub(crate) takes: Duration,
}

/// What a session does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Work {
    /// It runs its job.
    Job,
    /// These belong to no job.
    RestoreVm,
    RestoreFiles,
    Rescan,
    Analyzer,
}

#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: Id,
    pub(crate) work: Work,
    pub(crate) job: Id,
    pub(crate) name: String,
    pub(crate) created: OffsetDateTime,
    pub(crate) run: Duration,
    pub(crate) outcome: Outcome,
    pub(crate) stop: Option<Stop>,
    pub(crate) usn: u64,
    pub(crate) initiated_by: String,
}

/// What a session looks like at one moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct View {
    pub(crate) state: State,
    pub(crate) progress: u8,
    pub(crate) ended: Option<OffsetDateTime>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) message: String,
    pub(crate) cancelled: bool,
}

impl View {
    pub(crate) fn running(&self) -> bool {
        self.state != State::Stopped
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RecordStatus {
    Running,
    Succeeded,
    Warning,
    Failed,
}

/// A line of a session's log.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) id: u32,
    pub(crate) status: RecordStatus,
    pub(crate) started: OffsetDateTime,
    pub(crate) updated: OffsetDateTime,
    pub(crate) title: String,
    pub(crate) description: String,
}

impl Session {
    pub(crate) fn view(&self, now: OffsetDateTime) -> View {
        let natural_end = self.created + self.run;
        if let Some(stop) = self.stop {
            let stopped = stop.at + stop.takes;
            if stopped < natural_end {
                return self.stopping(stop, stopped, now);
            }
        }
        if now >= natural_end {
            return View {
                state: State::Stopped,
                progress: 100,
                ended: Some(natural_end),
                outcome: Some(self.outcome),
                message: message(self.outcome).to_owned(),
                cancelled: false,
            };
        }
        let progress = self.progress(now);
        let state = match progress {
            0..=9 => State::Starting,
            10..=89 => State::Working,
            _ => State::Postprocessing,
        };
        View {
            state,
            progress,
            ended: None,
            outcome: None,
            message: String::new(),
            cancelled: false,
        }
    }

    fn stopping(&self, stop: Stop, stopped: OffsetDateTime, now: OffsetDateTime) -> View {
        let progress = self.progress(stop.at);
        if now < stopped {
            return View {
                state: State::Stopping,
                progress,
                ended: None,
                outcome: None,
                message: String::new(),
                cancelled: true,
            };
        }
        // What a graceful stop ends in is not documented; a warning says that not all was done.
        let (outcome, message) = if stop.graceful {
            (Outcome::Warning, "Job was stopped gracefully")
        } else {
            (Outcome::Failed, "Operation was canceled by user")
        };
        View {
            state: State::Stopped,
            progress,
            ended: Some(stopped),
            outcome: Some(outcome),
            message: message.to_owned(),
            cancelled: true,
        }
    }

    fn progress(&self, at: OffsetDateTime) -> u8 {
        let passed = (at - self.created).whole_milliseconds().max(0);
        let whole = i128::try_from(self.run.as_millis())
            .unwrap_or(i128::MAX)
            .max(1);
        u8::try_from((passed * 100 / whole).min(99)).unwrap_or(99)
    }

    /// The log so far, newest first.
    pub(crate) fn records(&self, protected: &[Protected], now: OffsetDateTime) -> Vec<Record> {
        let view = self.view(now);
        let mut records = Vec::new();
        let mut add = |status, at: OffsetDateTime, title: String, description: &str| {
            records.push(Record {
                id: u32::try_from(records.len()).unwrap_or(u32::MAX) + 1,
                status,
                started: at,
                updated: view.ended.unwrap_or(now).max(at),
                title,
                description: description.to_owned(),
            });
        };
        let at = |percent: u32| self.created + self.run * percent / 100;
        let reached = |percent: u8| view.ended.is_some() || view.progress >= percent;
        let started = crate::clock::console(self.created);
        add(
            RecordStatus::Succeeded,
            self.created,
            format!("Job started at {started}"),
            "",
        );
        if reached(5) {
            let title = "Building list of machines to process".to_owned();
            add(RecordStatus::Succeeded, at(5), title, "");
        }
        if reached(10) {
            for (index, one) in protected.iter().enumerate() {
                let last = index + 1 == protected.len();
                let status = match view.outcome {
                    None => RecordStatus::Running,
                    Some(Outcome::Failed) if last => RecordStatus::Failed,
                    Some(Outcome::Warning) if last => RecordStatus::Warning,
                    Some(_) => RecordStatus::Succeeded,
                };
                let said = if last { view.message.as_str() } else { "" };
                add(status, at(10), format!("Processing {}", one.name), said);
            }
        }
        if let (Some(ended), Some(outcome)) = (view.ended, view.outcome) {
            let (status, how) = match outcome {
                Outcome::Success => (RecordStatus::Succeeded, "Job finished"),
                Outcome::Warning => (RecordStatus::Warning, "Job finished with warning"),
                Outcome::Failed => (RecordStatus::Failed, "Job finished with error"),
            };
            let ended_text = crate::clock::console(ended);
            add(status, ended, format!("{how} at {ended_text}"), "");
        }
        records.reverse();
        records
    }
}

fn message(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "",
        Outcome::Warning => "Insufficient free space on the target volume: 4.2 GB of 512 GB left",
        Outcome::Failed => "Failed to open VDDK disk: \"[ds01] srv/srv.vmdk\" is locked",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(stop: Option<Stop>) -> Session {
        Session {
            id: Id::from_bits(1),
            work: Work::Job,
            job: Id::from_bits(2),
            name: "nightly".to_owned(),
            created: OffsetDateTime::UNIX_EPOCH,
            run: Duration::from_secs(100),
            outcome: Outcome::Warning,
            stop,
            usn: 1,
            initiated_by: "tester".to_owned(),
        }
    }

    fn after(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(seconds)
    }

    #[test]
    fn a_run_goes_through_its_states_in_order() {
        let session = session(None);
        let states: Vec<_> = [0, 50, 95, 100]
            .map(|seconds| session.view(after(seconds)).state)
            .into();
        assert_eq!(
            states,
            [
                State::Starting,
                State::Working,
                State::Postprocessing,
                State::Stopped
            ]
        );
        assert_eq!(session.view(after(50)).outcome, None);
        assert_eq!(session.view(after(500)).outcome, Some(Outcome::Warning));
        assert_eq!(session.view(after(500)).ended, Some(after(100)));
    }

    #[test]
    fn a_stopped_run_ends_cancelled_and_early() {
        let session = session(Some(Stop {
            at: after(40),
            graceful: false,
            takes: Duration::from_secs(5),
        }));
        assert_eq!(session.view(after(42)).state, State::Stopping);
        let view = session.view(after(60));
        assert_eq!(
            (view.state, view.progress, view.cancelled),
            (State::Stopped, 40, true)
        );
        assert_eq!(
            (view.outcome, view.ended),
            (Some(Outcome::Failed), Some(after(45)))
        );
    }

    #[test]
    fn a_stop_that_comes_too_late_changes_nothing() {
        let session = session(Some(Stop {
            at: after(99),
            graceful: true,
            takes: Duration::from_secs(5),
        }));
        let view = session.view(after(200));
        assert_eq!(
            (view.outcome, view.cancelled),
            (Some(Outcome::Warning), false)
        );
    }

    #[test]
    fn the_log_grows_and_is_newest_first() {
        let session = session(None);
        assert_eq!(session.records(&[], after(0)).len(), 1);
        let records = session.records(&[], after(200));
        assert_eq!(records.len(), 3);
        assert!(
            records[0].title.starts_with("Job finished with warning"),
            "{:?}",
            records[0]
        );
        assert_eq!(records[2].id, 1);
    }
}
