//! The store in one file, for a host of one process.
//!
//! redb, not `SQLite`: it is Rust (no C compiler, no second allocator, no unsafe surface of our own), builds in ten
//! seconds with one dependency, and a commit is a checksummed copy-on-write followed by one sync, so `kill -9` at any
//! moment leaves the last acknowledged commit. What it would add, queries, we do not need: jobs are found by id,
//! or walked in the order of a tenant.
//!
//! The folder and the file are for their owner alone: states and results are the plugins' users' data.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::BoxFuture;
use redb::backends::FileBackend;
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase as _, ReadableTable, TableDefinition,
    WriteTransaction,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::job::{Job, JobId, Line, Outcome};
use super::store::{Bounds, Edit, LOG_LINES, Query, Removal, Store, StoreError, Written};

const FILE: &str = "jobs.redb";
/// What this code reads and writes; another one is refused rather than guessed at.
const LAYOUT: u64 = 1;
/// Memory for pages.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

type Bytes = TableDefinition<'static, &'static str, &'static [u8]>;

const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
const JOBS: Bytes = TableDefinition::new("jobs");
const STATES: Bytes = TableDefinition::new("states");
const OUTCOMES: Bytes = TableDefinition::new("outcomes");
/// By job and number.
const LOGS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("logs");
/// By tenant and sequence: the job's id.
const ORDER: TableDefinition<'_, (&str, u64), &str> = TableDefinition::new("order");
/// By sequence: tenant and id.
const UNFINISHED: TableDefinition<'_, u64, (&str, &str)> = TableDefinition::new("unfinished");

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or the file.
    #[error("cannot use the state folder `{path}`")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Others can get in.
    #[error(
        "the state folder `{path}` {problem}; what jobs keep could be read or changed there\nhint: chmod 700 '{path}'"
    )]
    Exposed {
        /// The folder.
        path: PathBuf,
        /// Whose it is, or its mode.
        problem: String,
    },
    /// Another host has it.
    #[error(
        "another host uses the state folder `{path}`\nhint: give this one its own with runtime.state-dir"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Damaged, or of another version.
    #[error("cannot use the job store `{path}`: {problem}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

/// An open store. The file is locked as long as this lives.
#[derive(Clone, Debug)]
pub struct Embedded {
    database: Arc<Database>,
}

impl Embedded {
    /// Opens the store in `folder`, which is made with mode 0700 when it is not there. Blocks: after a crash the file
    /// is checked first.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let file = open_private(folder)?;
        let path = folder.join(FILE);
        let unusable = |problem: String| OpenError::Unusable {
            path: path.clone(),
            problem,
        };
        let database = FileBackend::new(file)
            .and_then(|file| {
                Builder::new()
                    .set_cache_size(CACHE_BYTES)
                    .create_with_backend(file)
            })
            .map_err(|error| match error {
                DatabaseError::DatabaseAlreadyOpen => OpenError::InUse {
                    path: folder.to_owned(),
                },
                error => unusable(error.to_string()),
            })?;
        let layout = prepare(&database).map_err(|error| unusable(error.to_string()))?;
        if layout != LAYOUT {
            return Err(unusable(format!(
                "it has layout {layout}, and this version reads {LAYOUT}"
            )));
        }
        Ok(Self {
            database: Arc::new(database),
        })
    }

    /// On a thread that may wait for the disk.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let database = self.database.clone();
        Box::pin(async move {
            tokio::task::spawn_blocking(move || work(&database))
                .await
                .unwrap_or_else(|error| Err(failed(error)))
        })
    }
}

fn open_private(folder: &Path) -> Result<fs::File, OpenError> {
    let refused = |source| OpenError::Folder {
        path: folder.to_owned(),
        source,
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(refused)?;
    let found = fs::symlink_metadata(folder).map_err(refused)?;
    let exposed = |problem: String| OpenError::Exposed {
        path: folder.to_owned(),
        problem,
    };
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(exposed("belongs to somebody else".to_owned()));
    }
    if found.mode() & 0o077 != 0 {
        return Err(exposed(format!("has mode {:o}", found.mode() & 0o777)));
    }
    fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(folder.join(FILE))
        .map_err(refused)
}

/// Makes the tables, so that readers find them; gives the layout.
fn prepare(database: &Database) -> Result<u64, redb::Error> {
    let transaction = database.begin_write()?;
    let layout = {
        let mut numbers = transaction.open_table(NUMBERS)?;
        let found = numbers.get("layout")?.map(|value| value.value());
        if found.is_none() {
            numbers.insert("layout", LAYOUT)?;
        }
        found.unwrap_or(LAYOUT)
    };
    transaction.open_table(JOBS)?;
    transaction.open_table(STATES)?;
    transaction.open_table(OUTCOMES)?;
    transaction.open_table(LOGS)?;
    transaction.open_table(ORDER)?;
    transaction.open_table(UNFINISHED)?;
    transaction.commit()?;
    Ok(layout)
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Failed(error.into())
}

/// redb has an error type per operation.
trait OrFailed<T> {
    fn or_failed(self) -> Result<T, StoreError>;
}

impl<T, E: Into<redb::Error>> OrFailed<T> for Result<T, E> {
    fn or_failed(self) -> Result<T, StoreError> {
        self.map_err(|error| failed(error.into()))
    }
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(failed)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(failed)
}

fn read<T: DeserializeOwned>(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    id: &str,
) -> Result<Option<T>, StoreError> {
    let found = table.get(id).or_failed()?;
    found.map(|found| decode(found.value())).transpose()
}

impl Store for Embedded {
    fn insert(
        &self,
        mut job: Job,
        written: Written,
        bounds: Bounds,
    ) -> BoxFuture<'_, Result<Job, StoreError>> {
        self.run(move |database| {
            let transaction = database.begin_write().or_failed()?;
            make_room(&transaction, job.tenant.as_str(), bounds)?;
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
            write(&transaction, &mut job, &written)?;
            transaction.commit().or_failed()?;
            Ok(job)
        })
    }

    fn get(&self, id: &JobId) -> BoxFuture<'_, Result<Option<Job>, StoreError>> {
        let id = id.clone();
        self.run(move |database| {
            let transaction = database.begin_read().or_failed()?;
            read(&transaction.open_table(JOBS).or_failed()?, id.as_str())
        })
    }

    fn load(&self, id: &JobId) -> BoxFuture<'_, Result<Option<(Job, Vec<u8>)>, StoreError>> {
        let id = id.clone();
        self.run(move |database| {
            let transaction = database.begin_read().or_failed()?;
            let jobs = transaction.open_table(JOBS).or_failed()?;
            let Some(job) = read(&jobs, id.as_str())? else {
                return Ok(None);
            };
            let states = transaction.open_table(STATES).or_failed()?;
            let state = states.get(id.as_str()).or_failed()?;
            let state = state.map_or_else(Vec::new, |state| state.value().to_vec());
            Ok(Some((job, state)))
        })
    }

    fn outcome(&self, id: &JobId) -> BoxFuture<'_, Result<Option<Outcome>, StoreError>> {
        let id = id.clone();
        self.run(move |database| {
            let transaction = database.begin_read().or_failed()?;
            read(&transaction.open_table(OUTCOMES).or_failed()?, id.as_str())
        })
    }

    fn update(&self, id: &JobId, edit: Edit) -> BoxFuture<'_, Result<Job, StoreError>> {
        let id = id.clone();
        self.run(move |database| {
            let transaction = database.begin_write().or_failed()?;
            let found: Option<Job> = {
                let jobs = transaction.open_table(JOBS).or_failed()?;
                read(&jobs, id.as_str())?
            };
            let mut job = found.ok_or(StoreError::Missing)?;
            if job.status.is_terminal() {
                return Err(StoreError::Ended);
            }
            let written = edit(&mut job);
            write(&transaction, &mut job, &written)?;
            transaction.commit().or_failed()?;
            Ok(job)
        })
    }

    fn list(&self, query: Query) -> BoxFuture<'_, Result<Vec<Job>, StoreError>> {
        self.run(move |database| {
            let transaction = database.begin_read().or_failed()?;
            let order = transaction.open_table(ORDER).or_failed()?;
            let jobs = transaction.open_table(JOBS).or_failed()?;
            let tenant = query.tenant.as_str();
            let end = query.before.unwrap_or(u64::MAX);
            let mut found = Vec::new();
            for entry in order.range((tenant, 0)..(tenant, end)).or_failed()?.rev() {
                if found.len() >= query.limit {
                    break;
                }
                let (_, id) = entry.or_failed()?;
                let Some(job) = read::<Job>(&jobs, id.value())? else {
                    continue;
                };
                let wanted = query.status.is_none_or(|status| status == job.status)
                    && query
                        .subject
                        .as_ref()
                        .is_none_or(|subject| *subject == job.subject)
                    && query
                        .plugins
                        .as_ref()
                        .is_none_or(|plugins| plugins.contains(&job.plugin));
                if wanted {
                    found.push(job);
                }
            }
            Ok(found)
        })
    }

    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<Job>, StoreError>> {
        self.run(|database| {
            let transaction = database.begin_read().or_failed()?;
            let unfinished = transaction.open_table(UNFINISHED).or_failed()?;
            let jobs = transaction.open_table(JOBS).or_failed()?;
            let mut found = Vec::new();
            for entry in unfinished.iter().or_failed()? {
                let (_, place) = entry.or_failed()?;
                found.extend(read::<Job>(&jobs, place.value().1)?);
            }
            Ok(found)
        })
    }

    fn log(&self, id: &JobId, tail: usize) -> BoxFuture<'_, Result<Vec<Line>, StoreError>> {
        let id = id.clone();
        self.run(move |database| {
            let transaction = database.begin_read().or_failed()?;
            let logs = transaction.open_table(LOGS).or_failed()?;
            let id = id.as_str();
            let newest = logs.range((id, 0)..=(id, u64::MAX)).or_failed()?.rev();
            let mut lines = newest
                .take(tail)
                .map(|entry| decode(entry.or_failed()?.1.value()))
                .collect::<Result<Vec<Line>, _>>()?;
            lines.reverse();
            Ok(lines)
        })
    }

    fn remove(&self, removal: Removal) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.run(move |database| {
            let transaction = database.begin_write().or_failed()?;
            let mut doomed = Vec::new();
            {
                let jobs = transaction.open_table(JOBS).or_failed()?;
                for entry in jobs.iter().or_failed()? {
                    let job: Job = decode(entry.or_failed()?.1.value())?;
                    if is_doomed(&removal, &job) {
                        doomed.push(job);
                    }
                }
            }
            for job in &doomed {
                forget(&transaction, job)?;
            }
            transaction.commit().or_failed()?;
            Ok(doomed.len())
        })
    }
}

fn is_doomed(removal: &Removal, job: &Job) -> bool {
    job.status.is_terminal()
        && removal
            .tenant
            .as_ref()
            .is_none_or(|tenant| *tenant == job.tenant)
        && removal
            .subject
            .as_ref()
            .is_none_or(|subject| *subject == job.subject)
        && removal
            .plugins
            .as_ref()
            .is_none_or(|plugins| plugins.contains(&job.plugin))
        && removal.status.is_none_or(|status| status == job.status)
        && removal
            .before
            .is_none_or(|before| job.finished.is_some_and(|at| at < before))
}

/// Writes a job and what goes with it.
fn write(
    transaction: &WriteTransaction,
    job: &mut Job,
    written: &Written,
) -> Result<(), StoreError> {
    append(transaction, job, &written.log)?;
    let id = job.id.as_str();
    if let Some(outcome) = &written.outcome {
        let mut outcomes = transaction.open_table(OUTCOMES).or_failed()?;
        outcomes
            .insert(id, encode(outcome)?.as_slice())
            .or_failed()?;
    }
    let mut states = transaction.open_table(STATES).or_failed()?;
    let mut unfinished = transaction.open_table(UNFINISHED).or_failed()?;
    if job.status.is_terminal() {
        // Nobody takes another step.
        states.remove(id).or_failed()?;
        unfinished.remove(job.sequence).or_failed()?;
    } else {
        if let Some(state) = &written.state {
            states.insert(id, state.as_slice()).or_failed()?;
        }
        let place = (job.tenant.as_str(), id);
        unfinished.insert(job.sequence, place).or_failed()?;
    }
    let mut jobs = transaction.open_table(JOBS).or_failed()?;
    jobs.insert(id, encode(job)?.as_slice()).or_failed()?;
    Ok(())
}

/// Adds lines to a job's log; the oldest go when there are too many.
fn append(transaction: &WriteTransaction, job: &mut Job, lines: &[Line]) -> Result<(), StoreError> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut logs = transaction.open_table(LOGS).or_failed()?;
    let before = job.lines;
    for line in lines {
        logs.insert((job.id.as_str(), job.lines), encode(line)?.as_slice())
            .or_failed()?;
        job.lines += 1;
    }
    for number in before.saturating_sub(LOG_LINES)..job.lines.saturating_sub(LOG_LINES) {
        logs.remove((job.id.as_str(), number)).or_failed()?;
    }
    Ok(())
}

/// One tenant's jobs stay within their bounds, whatever others do.
fn make_room(
    transaction: &WriteTransaction,
    tenant: &str,
    bounds: Bounds,
) -> Result<(), StoreError> {
    let mut waiting = 0_u32;
    {
        let unfinished = transaction.open_table(UNFINISHED).or_failed()?;
        for entry in unfinished.iter().or_failed()? {
            if entry.or_failed()?.1.value().0 == tenant {
                waiting += 1;
            }
        }
    }
    if waiting >= bounds.unfinished {
        return Err(StoreError::Full(waiting));
    }
    let mut oldest = Vec::new();
    {
        let order = transaction.open_table(ORDER).or_failed()?;
        let jobs = transaction.open_table(JOBS).or_failed()?;
        let all = (tenant, 0)..=(tenant, u64::MAX);
        let kept = order.range(all.clone()).or_failed()?.count();
        let surplus = (kept + 1).saturating_sub(bounds.kept as usize);
        for entry in order.range(all).or_failed()? {
            if oldest.len() >= surplus {
                break;
            }
            let (_, id) = entry.or_failed()?;
            oldest.extend(read::<Job>(&jobs, id.value())?.filter(|job| job.status.is_terminal()));
        }
    }
    for job in &oldest {
        forget(transaction, job)?;
    }
    Ok(())
}

/// Removes every trace of a job that has ended.
fn forget(transaction: &WriteTransaction, job: &Job) -> Result<(), StoreError> {
    let id = job.id.as_str();
    for table in [JOBS, STATES, OUTCOMES] {
        let mut table = transaction.open_table(table).or_failed()?;
        table.remove(id).or_failed()?;
    }
    let mut order = transaction.open_table(ORDER).or_failed()?;
    order
        .remove((job.tenant.as_str(), job.sequence))
        .or_failed()?;
    let mut logs = transaction.open_table(LOGS).or_failed()?;
    logs.retain_in((id, 0)..=(id, u64::MAX), |_, _| false)
        .or_failed()?;
    Ok(())
}
