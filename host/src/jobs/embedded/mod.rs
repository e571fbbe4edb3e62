//! The store in one file, for a host of one process.
//!
//! redb, not `SQLite`: it is Rust (no C compiler, no second allocator, no unsafe surface of our own), builds in ten
//! seconds with one dependency, and a commit is a checksummed copy-on-write followed by one sync, so `kill -9` at any
//! moment leaves the last acknowledged commit. What it would add, queries, we do not need: jobs are found by id,
//! or walked in the order of a tenant.
//!
//! `folder` opens the file, `write` is every change inside a transaction, and what of whom is kept is counted there.

use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;
use redb::backends::FileBackend;
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase as _, ReadableTable, TableDefinition,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use serde_json::Value;

use super::job::{Job, JobId, Line, Outcome};
use super::store::{Bounds, Edit, Query, Removal, Store, StoreError, Written};

mod folder;
mod write;

pub use folder::OpenError;

/// What this code reads and writes; another one is refused rather than guessed at.
const LAYOUT: u64 = 1;
/// Memory for pages.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

type Bytes = TableDefinition<'static, &'static str, &'static [u8]>;

const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
const JOBS: Bytes = TableDefinition::new("jobs");
const STATES: Bytes = TableDefinition::new("states");
const OUTCOMES: Bytes = TableDefinition::new("outcomes");
/// Apart from the job, which is written at every step.
const ARGUMENTS: Bytes = TableDefinition::new("arguments");
/// By job and number.
const LOGS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("logs");
/// By tenant and sequence: the job's id.
const ORDER: TableDefinition<'_, (&str, u64), &str> = TableDefinition::new("order");
/// By sequence: tenant and id.
const UNFINISHED: TableDefinition<'_, u64, (&str, &str)> = TableDefinition::new("unfinished");
/// By job: its bytes in all of these tables.
const SIZES: TableDefinition<'_, &str, u64> = TableDefinition::new("sizes");
/// By tenant: its jobs, those of them that have not ended, and their bytes.
const TENANTS: TableDefinition<'_, &str, (u64, u64, u64)> = TableDefinition::new("tenants");

/// An open store. The file is locked as long as this lives.
#[derive(Clone, Debug)]
pub struct Embedded {
    database: Arc<Database>,
    bounds: Bounds,
}

impl Embedded {
    /// Opens the store in `folder`, which is made with mode 0700 when it is not there. Blocks: after a crash the file
    /// is checked first.
    pub fn open(folder: &Path, bounds: Bounds) -> Result<Self, OpenError> {
        let file = folder::open(folder)?;
        let path = folder.join(folder::FILE);
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
            bounds,
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
    transaction.open_table(ARGUMENTS)?;
    transaction.open_table(SIZES)?;
    transaction.open_table(TENANTS)?;
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
    fn insert(&self, mut job: Job, written: Written) -> BoxFuture<'_, Result<Job, StoreError>> {
        let bounds = self.bounds;
        self.run(move |database| {
            let transaction = database.begin_write().or_failed()?;
            write::insert(&transaction, &mut job, &written, bounds)?;
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

    fn arguments(&self, id: &JobId) -> BoxFuture<'_, Result<Option<Value>, StoreError>> {
        let id = id.clone();
        self.run(move |database| {
            let transaction = database.begin_read().or_failed()?;
            read(&transaction.open_table(ARGUMENTS).or_failed()?, id.as_str())
        })
    }

    fn update(&self, id: &JobId, edit: Edit) -> BoxFuture<'_, Result<Job, StoreError>> {
        let (id, bounds) = (id.clone(), self.bounds);
        self.run(move |database| {
            let transaction = database.begin_write().or_failed()?;
            let job = write::update(&transaction, &id, edit, bounds)?;
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
            // Mostly there is nothing to remove, and looking should hold up nobody's step.
            let mut doomed = Vec::new();
            {
                let transaction = database.begin_read().or_failed()?;
                let jobs = transaction.open_table(JOBS).or_failed()?;
                for entry in jobs.iter().or_failed()? {
                    let job: Job = decode(entry.or_failed()?.1.value())?;
                    if is_doomed(&removal, &job) {
                        doomed.push(job);
                    }
                }
            }
            if doomed.is_empty() {
                return Ok(0);
            }
            let transaction = database.begin_write().or_failed()?;
            let mut removed = 0;
            for job in &doomed {
                // Ended jobs do not change; one that made room meanwhile is gone.
                removed += usize::from(write::forget(&transaction, job)?);
            }
            transaction.commit().or_failed()?;
            Ok(removed)
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
