//! A call that ends without a result and without a failure: it has questions, or goes on as a job.
//!
//! Such an end travels as an error, so that `?` leaves a tool from wherever it asks.

use std::fmt;

use crate::ask::Questions;
use crate::job::NewJob;

/// How a call that has questions, or becomes a job, leaves its function. [`Context::ask`](crate::Context::ask) and
/// [`Work::start`](crate::Work::start) make it; nobody else needs to look inside.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspended(pub(crate) Box<Suspension>);

/// Why a call ends early.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Suspension {
    Asks(Questions),
    Starts(NewJob),
}

impl Suspended {
    pub(crate) fn asks(questions: Questions) -> Self {
        Self(Box::new(Suspension::Asks(questions)))
    }

    pub(crate) fn starts(job: NewJob) -> Self {
        Self(Box::new(Suspension::Starts(job)))
    }
}

impl fmt::Display for Suspended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.0 {
            Suspension::Asks(_) => "the call waits for answers",
            Suspension::Starts(_) => "the call goes on as a job",
        })
    }
}
