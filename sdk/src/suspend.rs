//! A call that ends without a result and without a failure: it has questions, or goes on as a job.
//!
//! Such an end travels as an error, so that `?` leaves a tool from wherever it asks.

use std::fmt;

use crate::ask::Questions;
#[cfg(target_arch = "wasm32")]
use crate::guest::lower::{Lent, Lower, Place};
use crate::job::NewJob;

/// How a call that has questions, or becomes a job, leaves its function. [`Context::ask`](crate::Context::ask) and
/// [`Work::start`](crate::Work::start) make it; nobody else needs to look inside.
#[derive(Debug)]
pub struct Suspended(Box<dyn End>);

/// Why a call ends early.
#[derive(Debug, PartialEq)]
pub(crate) enum Suspension {
    Asks(Questions),
    Starts(NewJob),
}

/// Behind a pointer, so that a plugin that neither asks nor starts jobs has no code for it.
trait End: fmt::Debug + Send + Sync {
    fn get(&self) -> Suspension;
    fn take(self: Box<Self>) -> Suspension;
    /// Writes it as a case of the variant `outcome`.
    #[cfg(target_arch = "wasm32")]
    fn lower(&self, to: Place, payload: Place, lent: &mut Lent);
}

impl End for Questions {
    fn get(&self) -> Suspension {
        Suspension::Asks(self.clone())
    }

    fn take(self: Box<Self>) -> Suspension {
        Suspension::Asks(*self)
    }

    #[cfg(target_arch = "wasm32")]
    fn lower(&self, to: Place, payload: Place, lent: &mut Lent) {
        to.case(1);
        Lower::lower(self, payload, lent);
    }
}

impl End for NewJob {
    fn get(&self) -> Suspension {
        Suspension::Starts(self.clone())
    }

    fn take(self: Box<Self>) -> Suspension {
        Suspension::Starts(*self)
    }

    #[cfg(target_arch = "wasm32")]
    fn lower(&self, to: Place, payload: Place, lent: &mut Lent) {
        to.case(2);
        Lower::lower(self, payload, lent);
    }
}

impl Suspended {
    pub(crate) fn asks(questions: Questions) -> Self {
        Self(Box::new(questions))
    }

    pub(crate) fn starts(job: NewJob) -> Self {
        Self(Box::new(job))
    }

    pub(crate) fn get(&self) -> Suspension {
        self.0.get()
    }

    pub(crate) fn take(self) -> Suspension {
        self.0.take()
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn lower(&self, to: Place, payload: Place, lent: &mut Lent) {
        self.0.lower(to, payload, lent);
    }
}

impl Clone for Suspended {
    fn clone(&self) -> Self {
        match self.get() {
            Suspension::Asks(questions) => Self::asks(questions),
            Suspension::Starts(job) => Self::starts(job),
        }
    }
}

impl PartialEq for Suspended {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl fmt::Display for Suspended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call goes on later: it waits for answers, or has become a job")
    }
}
