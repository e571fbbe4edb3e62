//! What of a job's configuration is kept, written alike for every revision and every kind of job.

mod configuration;
mod schedule;

pub(crate) use configuration::{Configuration, Object, objects};
pub(crate) use schedule::Schedule;
