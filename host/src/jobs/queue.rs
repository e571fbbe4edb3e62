//! Whose turn it is: jobs that wait to be driven.
//!
//! Jobs that began come before those that did not, and the older before the younger. Among tenants the one with the
//! fewest jobs under way comes first, so that nobody waits behind all that a neighbour has begun.

use std::collections::{BTreeMap, HashMap};

use tokio::task::Id;

use super::job::{Job, JobId, Stop};
use crate::config::TenantName;

/// Which places a job takes one of.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Lane {
    /// Those of running jobs.
    Running,
    /// Those of jobs that are to stop: a full house must not keep one from being stopped.
    Stopping,
}

/// A job to drive.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) lane: Lane,
    place: Place,
    pub(super) id: JobId,
    tenant: TenantName,
}

/// Whether it has yet to begin, and its sequence.
type Place = (bool, u64);

impl Entry {
    /// One that ends in any case.
    pub(super) fn to_end(job: &Job) -> Self {
        Self {
            lane: Lane::Stopping,
            ..Self::of(job)
        }
    }

    pub(super) fn of(job: &Job) -> Self {
        Self {
            lane: match job.stop {
                Stop::No => Lane::Running,
                Stop::Asked | Stop::Begun => Lane::Stopping,
            },
            place: (job.started.is_none(), job.sequence),
            id: job.id.clone(),
            tenant: job.tenant.clone(),
        }
    }
}

/// Jobs that wait, and those that are driven.
#[derive(Debug, Default)]
pub(super) struct Queue {
    running: BTreeMap<Place, Entry>,
    stopping: BTreeMap<Place, Entry>,
    driven: HashMap<Id, Entry>,
}

/// How many are driven at once, in each lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) all: usize,
    pub(super) of_a_tenant: usize,
}

impl Queue {
    pub(super) fn add(&mut self, entry: Entry) {
        let waiting = self.waiting(entry.lane);
        waiting.insert(entry.place, entry);
    }

    fn waiting(&mut self, lane: Lane) -> &mut BTreeMap<Place, Entry> {
        match lane {
            Lane::Running => &mut self.running,
            Lane::Stopping => &mut self.stopping,
        }
    }

    /// The next that may be driven, taken out of the queue.
    pub(super) fn next(&mut self, lane: Lane, places: Places) -> Option<Entry> {
        let mut taken: HashMap<TenantName, usize> = HashMap::new();
        for entry in self.driven.values().filter(|entry| entry.lane == lane) {
            *taken.entry(entry.tenant.clone()).or_default() += 1;
        }
        if taken.values().sum::<usize>() >= places.all {
            return None;
        }
        let of = |tenant: &TenantName| taken.get(tenant).copied().unwrap_or_default();
        let waiting = match lane {
            Lane::Running => &self.running,
            Lane::Stopping => &self.stopping,
        };
        let (place, _) = waiting
            .iter()
            .filter(|(_, entry)| of(&entry.tenant) < places.of_a_tenant)
            // One that is driven already has its turn when that has ended.
            .filter(|(_, entry)| self.driven.values().all(|other| other.id != entry.id))
            .min_by_key(|(place, entry)| (place.0, of(&entry.tenant), place.1))?;
        let place = *place;
        self.waiting(lane).remove(&place)
    }

    pub(super) fn begun(&mut self, task: Id, entry: Entry) {
        self.driven.insert(task, entry);
    }

    pub(super) fn ended(&mut self, task: Id) {
        self.driven.remove(&task);
    }
}
