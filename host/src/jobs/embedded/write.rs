//! Changes, each inside a transaction: the job, what goes with it, and what of whom is kept.
//!
//! One tenant's jobs stay within their bounds, whatever others do: the oldest that ended make room, and what still does
//! not fit is not written.

use redb::{ReadableTable as _, WriteTransaction};

use super::{
    ARGUMENTS, JOBS, LOGS, NUMBERS, ORDER, OUTCOMES, OrFailed as _, SIZES, STATES, TENANTS,
    UNFINISHED, encode, read,
};
use crate::jobs::job::{Job, JobId, Line};
use crate::jobs::store::{Bounds, Edit, LOG_BYTES, LOG_LINES, StoreError, Written};

/// What the end of a job may add in a full house, or nothing could end there.
const LAST_WORDS: u64 = 16 * 1024;

/// Adds a job and gives it its place in the order.
pub(super) fn insert(
    transaction: &WriteTransaction,
    job: &mut Job,
    written: &Written,
    bounds: Bounds,
) -> Result<(), StoreError> {
    let waiting = Usage::of(transaction, job.tenant.as_str())?.unfinished;
    if waiting >= u64::from(bounds.unfinished) {
        return Err(StoreError::Full(bounds.unfinished));
    }
    {
        let mut numbers = transaction.open_table(NUMBERS).or_failed()?;
        let last = numbers.get("sequence").or_failed()?;
        job.sequence = last.map_or(0, |last| last.value()) + 1;
        numbers.insert("sequence", job.sequence).or_failed()?;
    }
    {
        let mut order = transaction.open_table(ORDER).or_failed()?;
        let place = (job.tenant.as_str(), job.sequence);
        order.insert(place, job.id.as_str()).or_failed()?;
    }
    write(transaction, job, written)?;
    make_room(transaction, job, bounds)
}

/// Changes a job that has not ended.
pub(super) fn update(
    transaction: &WriteTransaction,
    id: &JobId,
    edit: Edit,
    bounds: Bounds,
) -> Result<Job, StoreError> {
    let found: Option<Job> = {
        let jobs = transaction.open_table(JOBS).or_failed()?;
        read(&jobs, id.as_str())?
    };
    let mut job = found.ok_or(StoreError::Missing)?;
    if job.status.is_terminal() {
        return Err(StoreError::Ended);
    }
    let written = edit(&mut job);
    let grown = write(transaction, &mut job, &written)?;
    if grown > 0 && !(job.status.is_terminal() && grown <= LAST_WORDS) {
        make_room(transaction, &job, bounds)?;
    }
    Ok(job)
}

/// What a tenant keeps.
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    jobs: u64,
    unfinished: u64,
    bytes: u64,
}

impl Usage {
    fn of(transaction: &WriteTransaction, tenant: &str) -> Result<Self, StoreError> {
        let tenants = transaction.open_table(TENANTS).or_failed()?;
        let found = tenants.get(tenant).or_failed()?;
        Ok(found.map_or_else(Self::default, |found| {
            let (jobs, unfinished, bytes) = found.value();
            Self {
                jobs,
                unfinished,
                bytes,
            }
        }))
    }

    fn keep(self, transaction: &WriteTransaction, tenant: &str) -> Result<(), StoreError> {
        let mut tenants = transaction.open_table(TENANTS).or_failed()?;
        if self.jobs == 0 {
            tenants.remove(tenant).or_failed()?;
        } else {
            let row = (self.jobs, self.unfinished, self.bytes);
            tenants.insert(tenant, row).or_failed()?;
        }
        Ok(())
    }
}

/// Writes a job and what goes with it; tells how many bytes it has more than before.
fn write(
    transaction: &WriteTransaction,
    job: &mut Job,
    written: &Written,
) -> Result<u64, StoreError> {
    append(transaction, job, &written.log)?;
    let id = job.id.as_str();
    let mut bytes = job.log_bytes;
    {
        let mut arguments = transaction.open_table(ARGUMENTS).or_failed()?;
        if let Some(given) = &written.arguments {
            arguments
                .insert(id, encode(given)?.as_slice())
                .or_failed()?;
        }
        bytes += length(&arguments, id)?;
    }
    {
        let mut outcomes = transaction.open_table(OUTCOMES).or_failed()?;
        if let Some(outcome) = &written.outcome {
            outcomes
                .insert(id, encode(outcome)?.as_slice())
                .or_failed()?;
        }
        bytes += length(&outcomes, id)?;
    }
    let mut unfinished = transaction.open_table(UNFINISHED).or_failed()?;
    let (before, now) = {
        let mut states = transaction.open_table(STATES).or_failed()?;
        if job.status.is_terminal() {
            // Nobody takes another step.
            states.remove(id).or_failed()?;
        } else if let Some(state) = &written.state {
            states.insert(id, state.as_slice()).or_failed()?;
        }
        bytes += length(&states, id)?;
        if job.status.is_terminal() {
            (
                unfinished.remove(job.sequence).or_failed()?.is_some(),
                false,
            )
        } else {
            let place = (job.tenant.as_str(), id);
            let before = unfinished.insert(job.sequence, place).or_failed()?;
            (before.is_some(), true)
        }
    };
    let record = encode(job)?;
    bytes += record.len() as u64;
    let mut jobs = transaction.open_table(JOBS).or_failed()?;
    jobs.insert(id, record.as_slice()).or_failed()?;

    let mut sizes = transaction.open_table(SIZES).or_failed()?;
    let old = sizes.insert(id, bytes).or_failed()?.map(|old| old.value());
    let tenant = job.tenant.as_str();
    let mut usage = Usage::of(transaction, tenant)?;
    usage.jobs += u64::from(old.is_none());
    usage.unfinished = usage.unfinished + u64::from(now) - u64::from(before);
    usage.bytes = usage.bytes.saturating_sub(old.unwrap_or_default()) + bytes;
    usage.keep(transaction, tenant)?;
    Ok(bytes.saturating_sub(old.unwrap_or_default()))
}

fn length(
    table: &redb::Table<'_, &'static str, &'static [u8]>,
    id: &str,
) -> Result<u64, StoreError> {
    let found = table.get(id).or_failed()?;
    Ok(found.map_or(0, |found| found.value().len() as u64))
}

/// Adds lines to a job's log; the oldest go when there are too many, or they are too long.
fn append(transaction: &WriteTransaction, job: &mut Job, lines: &[Line]) -> Result<(), StoreError> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut logs = transaction.open_table(LOGS).or_failed()?;
    let id = job.id.as_str();
    for line in lines {
        let line = encode(line)?;
        logs.insert((id, job.lines), line.as_slice()).or_failed()?;
        job.lines += 1;
        job.log_bytes += line.len() as u64;
    }
    while job.lines - job.first_line > LOG_LINES || job.log_bytes > LOG_BYTES {
        let oldest = logs.remove((id, job.first_line)).or_failed()?;
        let bytes = oldest.map_or(0, |oldest| oldest.value().len() as u64);
        job.log_bytes = job.log_bytes.saturating_sub(bytes);
        job.first_line += 1;
        if job.first_line == job.lines {
            break;
        }
    }
    Ok(())
}

/// Forgets the oldest jobs of the tenant that ended, but not this one, until all are within bounds.
fn make_room(transaction: &WriteTransaction, job: &Job, bounds: Bounds) -> Result<(), StoreError> {
    let tenant = job.tenant.as_str();
    let usage = Usage::of(transaction, tenant)?;
    let mut surplus_jobs = usage.jobs.saturating_sub(bounds.kept.into());
    let mut surplus_bytes = usage.bytes.saturating_sub(bounds.bytes);
    if surplus_jobs == 0 && surplus_bytes == 0 {
        return Ok(());
    }
    let mut oldest = Vec::new();
    {
        let order = transaction.open_table(ORDER).or_failed()?;
        let jobs = transaction.open_table(JOBS).or_failed()?;
        let sizes = transaction.open_table(SIZES).or_failed()?;
        for entry in order.range((tenant, 0)..=(tenant, u64::MAX)).or_failed()? {
            if surplus_jobs == 0 && surplus_bytes == 0 {
                break;
            }
            let (_, id) = entry.or_failed()?;
            let Some(old) = read::<Job>(&jobs, id.value())? else {
                continue;
            };
            if !old.status.is_terminal() || old.id == job.id {
                continue;
            }
            let size = sizes.get(id.value()).or_failed()?;
            surplus_bytes = surplus_bytes.saturating_sub(size.map_or(0, |size| size.value()));
            surplus_jobs = surplus_jobs.saturating_sub(1);
            oldest.push(old);
        }
    }
    if surplus_bytes > 0 {
        return Err(StoreError::NoRoom(bounds.bytes));
    }
    for old in &oldest {
        forget(transaction, old)?;
    }
    Ok(())
}

/// Removes every trace of a job that has ended. `false`: there was none.
pub(super) fn forget(transaction: &WriteTransaction, job: &Job) -> Result<bool, StoreError> {
    let id = job.id.as_str();
    let size = {
        let mut sizes = transaction.open_table(SIZES).or_failed()?;
        let size = sizes.remove(id).or_failed()?;
        size.map(|size| size.value())
    };
    let Some(size) = size else {
        return Ok(false);
    };
    for table in [JOBS, STATES, OUTCOMES, ARGUMENTS] {
        let mut table = transaction.open_table(table).or_failed()?;
        table.remove(id).or_failed()?;
    }
    let tenant = job.tenant.as_str();
    {
        let mut order = transaction.open_table(ORDER).or_failed()?;
        order.remove((tenant, job.sequence)).or_failed()?;
        let mut logs = transaction.open_table(LOGS).or_failed()?;
        logs.retain_in((id, 0)..=(id, u64::MAX), |_, _| false)
            .or_failed()?;
    }
    let mut usage = Usage::of(transaction, tenant)?;
    usage.jobs = usage.jobs.saturating_sub(1);
    usage.bytes = usage.bytes.saturating_sub(size);
    usage.keep(transaction, tenant)?;
    Ok(true)
}
