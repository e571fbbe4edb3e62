//! The job that follows a run on the backup server to its end.

use std::time::Duration;

use toolward_sdk::JobProgress;
use toolward_sdk::prelude::*;

use crate::client::Client;
use crate::session::{SESSIONS, Session};

/// Looks come quickly at first, for runs that end at once, and seldom for those that take hours.
const SOON: Duration = Duration::from_secs(2);
const LATER: Duration = Duration::from_secs(10);
const SELDOM: Duration = Duration::from_secs(30);

/// What came of an order: the run that it began or ended.
#[answer]
#[derive(Clone, Debug)]
pub struct Ordered {
    /// The backup server; only where there are several.
    pub server: Option<String>,
    /// The job's id.
    pub job_id: Option<String>,
    /// The name of the job, or of what else was told to do something.
    pub name: String,
    /// The run, as it is now.
    pub run: Session,
}

/// A run that is followed: what is kept from look to look.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Following {
    server: String,
    session_id: String,
    job_id: Option<String>,
    name: String,
    /// Somebody asked for it to be stopped.
    stopping: bool,
}

impl Following {
    /// Follows the run that an order began, where whoever asked can follow jobs; else the run as it began is all
    /// there is to say.
    pub fn begin(cx: &Context, client: &Client<'_>, ordered: Ordered) -> Result<Work<Ordered>> {
        if !cx.supports(toolward_sdk::Capability::Jobs) || !ordered.run.is_running() {
            return Ok(Work::Done(ordered));
        }
        let title = format!("Run of {} on the backup server", ordered.name);
        let job = Self {
            server: client.server().name.clone(),
            session_id: ordered.run.session_id,
            job_id: ordered.job_id,
            name: ordered.name,
            stopping: false,
        };
        Ok(Work::start(job, title)?.after(SOON))
    }

    fn progress(&self, run: &Session) -> JobProgress {
        let state = if self.stopping {
            "stopping"
        } else {
            &run.state
        };
        #[expect(clippy::cast_precision_loss, reason = "a percentage")]
        let done = run.progress_percent.unwrap_or(0) as f64;
        JobProgress {
            done,
            total: Some(100.0),
            step: Some(state.to_owned()),
            message: Some(format!("{}: {state}", self.name)),
            ..JobProgress::default()
        }
    }

    fn next(&self, run: &Session, turn: &Turn) -> Result<Step> {
        let wait = match turn.step {
            0..=9 => SOON,
            10..=40 => LATER,
            _ => SELDOM,
        };
        Ok(Step::next(self)?.after(wait).progress(self.progress(run)))
    }
}

impl Job for Following {
    const FORMAT: u32 = 1;

    fn advance(self, cx: &Context, turn: &Turn) -> Result<Step> {
        let client = Client::to(cx, Some(&self.server))?;
        let run = client.session(&self.session_id)?;
        if run.is_running() {
            return self.next(&run, turn);
        }
        if run.cancelled == Some(true) {
            return Ok(Step::cancelled());
        }
        Step::done(Ordered {
            server: client.server().label(),
            job_id: self.job_id,
            name: self.name,
            run,
        })
    }

    fn cancel(mut self, cx: &Context, turn: &Turn) -> Result<Step> {
        let client = Client::to(cx, Some(&self.server))?;
        let run = client.session(&self.session_id)?;
        if run.is_running() && !self.stopping {
            client.send(|http, _| {
                Ok(http
                    .post(SESSIONS)
                    .segment(&self.session_id)
                    .segment("stop"))
            })?;
            self.stopping = true;
        }
        self.next(&run, turn)
    }
}
