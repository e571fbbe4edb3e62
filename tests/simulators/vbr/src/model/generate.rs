//! Makes a server's jobs and their history from a seed.
//!
//! What is made repeats every sixteen jobs, so that a list of fifty has something of everything: a
//! disabled job, a running one, one that never ran, one that always fails, every kind. Identifiers and
//! names follow from the seed; times are counted back from now, so that "yesterday" stays yesterday.

use std::time::Duration;

use time::OffsetDateTime;

use super::{
    Estate, Job, Kind, Outcome, Protected, Repository, Schedule, Session, Work, Workload, World,
};
use crate::id::Id;
use crate::random::Random;

/// How much to make, and how fast it lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) jobs: usize,
    pub(crate) sessions_per_job: usize,
    pub(crate) run_time: Duration,
    pub(crate) stop_time: Duration,
}

/// Names that break careless code: quotes, backslashes, accents, other scripts, characters that mean
/// something in a query or in a filter.
const NAMES: [&str; 16] = [
    "SQL-PROD nightly",
    "Бухгалтерия, ежедневно",
    "Exchange \"gold\" mailboxes",
    "Žluťoučký kůň – soubory",
    "Domain controllers",
    "O'Brien's workstations",
    "Sécurité & qualité (été)",
    "Linux web farm",
    "\\\\nas01\\projects 100%",
    "Склад 1С",
    "AWS eu-central-1 + backups",
    "備份資料庫",
    "Hyper-V cluster / B",
    "Ad hoc: test?x=1#2",
    "Oracle <RAC>",
    "Offsite copy 📼",
];

const KINDS: [Kind; 16] = [
    Kind::VSphere,
    Kind::VSphere,
    Kind::HyperV,
    Kind::BackupCopy,
    Kind::VSphere,
    Kind::WindowsAgent,
    Kind::Replica,
    Kind::VSphere,
    Kind::FileCopy,
    Kind::VSphere,
    Kind::CloudAws,
    Kind::VSphere,
    Kind::HyperV,
    Kind::VSphere,
    Kind::VSphere,
    Kind::BackupCopy,
];

const RUNNING: usize = 4;
const DISABLED: usize = 7;
const MANUAL: usize = 9;
const CHAINED: usize = 11;
const NEVER_RAN: usize = 13;
const BROKEN: usize = 14;

const REPOSITORIES: [&str; 4] = [
    "Default Backup Repository",
    "Хранилище-02",
    "S3 \"cold\" tier",
    "NAS Dédup",
];

/// Long enough that a running job of the history still runs when the longest test ends.
const LONG_RUN: Duration = Duration::from_hours(4);

pub(crate) fn generate(size: Size, seed: u64, now: OffsetDateTime) -> World {
    let mut random = Random::new(seed);
    let repositories: Vec<Repository> = REPOSITORIES
        .iter()
        .map(|name| Repository {
            id: random.id(),
            name: (*name).to_owned(),
        })
        .collect();
    let mut jobs: Vec<Job> = Vec::with_capacity(size.jobs);
    let mut sessions = Vec::with_capacity(size.jobs * size.sessions_per_job);
    for index in 0..size.jobs {
        // The one whose backups are copied, or after which this one runs.
        let before = index
            .checked_sub(index % KINDS.len())
            .and_then(|first| jobs.get(first))
            .map(|job| (job.id, job.name.clone()));
        let job = job(index, before, &repositories, &mut random);
        history(
            &job,
            index,
            size.sessions_per_job,
            now,
            &mut random,
            &mut sessions,
        );
        jobs.push(job);
    }
    if size.jobs > 0 && size.sessions_per_job > 0 {
        others(&jobs, now, &mut random, &mut sessions);
    }
    let estate = Estate::generate(&repositories, size.jobs, &mut random);
    // Lists come in the order of creation, as they would from a server that has run for a while.
    sessions.sort_by_key(|session| session.created);
    World::new(
        (jobs, estate),
        sessions,
        (size.run_time, size.stop_time),
        random,
    )
}

/// What is done beside running jobs.
fn others(jobs: &[Job], now: OffsetDateTime, random: &mut Random, sessions: &mut Vec<Session>) {
    let machine = jobs
        .first()
        .and_then(|job| job.protected.first())
        .map_or("srv", |one| one.name.as_str());
    let works = [
        (
            Work::RestoreVm,
            30,
            Outcome::Success,
            format!("Restore of {machine}"),
        ),
        (
            Work::RestoreFiles,
            100,
            Outcome::Failed,
            format!("Files of {machine}"),
        ),
        (
            Work::Analyzer,
            300,
            Outcome::Success,
            "Security & Compliance Analyzer".to_owned(),
        ),
    ];
    for (work, hours, outcome, name) in works {
        sessions.push(Session {
            id: random.id(),
            work,
            job: Id::NIL,
            name,
            created: now - time::Duration::hours(hours),
            run: Duration::from_mins(4),
            outcome,
            stop: None,
            usn: 0,
            initiated_by: "VBR01\\admin".to_owned(),
        });
    }
}

fn job(
    index: usize,
    before: Option<(Id, String)>,
    repositories: &[Repository],
    random: &mut Random,
) -> Job {
    let (round, place) = (index / KINDS.len(), index % KINDS.len());
    let kind = KINDS[place];
    let name = if round == 0 {
        NAMES[place].to_owned()
    } else {
        format!("{} {:03}", NAMES[place], round + 1)
    };
    let schedule = match (place, kind, &before) {
        (MANUAL, ..) => Schedule::Manual,
        (CHAINED, _, Some((job, name))) => Schedule::After {
            job: *job,
            name: name.clone(),
        },
        (_, Kind::Replica, _) => Schedule::Hourly { every: 4 },
        _ => Schedule::Daily {
            hour: u8::try_from(random.below(24)).unwrap_or(22),
            minute: u8::try_from(random.below(4) * 15).unwrap_or(0),
        },
    };
    let repository = (kind != Kind::CloudAws).then(|| {
        let place = usize::try_from(random.below(4)).unwrap_or(0);
        repositories[place].clone()
    });
    let source = matches!(kind, Kind::BackupCopy | Kind::FileCopy)
        .then_some(before)
        .flatten();
    let protected = (0..=random.below(4))
        .map(|_| protected(kind, random))
        .collect();
    Job {
        id: random.id(),
        name,
        description: "Created by VBR01\\svc-backup at 7/28/2025 10:41 AM.".to_owned(),
        kind,
        workload: workload(kind, place),
        disabled: place == DISABLED,
        high_priority: place == 1,
        schedule,
        repository,
        protected,
        source,
        broken: place == BROKEN,
    }
}

fn workload(kind: Kind, place: usize) -> Workload {
    match kind {
        // The first job of every round backs up databases.
        Kind::VSphere if place == 0 => Workload::Application,
        Kind::VSphere | Kind::HyperV | Kind::Replica | Kind::BackupCopy => Workload::Vm,
        Kind::FileCopy => Workload::File,
        Kind::WindowsAgent => Workload::Server,
        Kind::CloudAws => Workload::CloudVm,
    }
}

fn protected(kind: Kind, random: &mut Random) -> Protected {
    let number = random.below(90_000) + 10_000;
    let (name, reference) = match kind {
        Kind::FileCopy => (format!("share{number}"), format!("share-{number}")),
        Kind::CloudAws => (format!("i-{number:017x}"), format!("i-{number:017x}")),
        _ => (format!("srv{number}"), format!("vm-{number}")),
    };
    Protected {
        id: random.id(),
        name,
        reference,
        size_gb: random.below(900) + 20,
    }
}

fn history(
    job: &Job,
    index: usize,
    count: usize,
    now: OffsetDateTime,
    random: &mut Random,
    sessions: &mut Vec<Session>,
) {
    let place = index % KINDS.len();
    if place == NEVER_RAN {
        return;
    }
    let ago = time::Duration::minutes(45 + i64::try_from(index % 600).unwrap_or(0));
    for day in 0..count {
        let outcome = match (index, day, random.below(100)) {
            (0, 0, _) => Outcome::Success,
            (1, 0, _) => Outcome::Failed,
            (2, 0, _) => Outcome::Warning,
            _ if job.broken => Outcome::Failed,
            (_, _, 0..=9) => Outcome::Failed,
            (_, _, 10..=24) => Outcome::Warning,
            _ => Outcome::Success,
        };
        let days = time::Duration::days(i64::try_from(day).unwrap_or(0));
        let running = place == RUNNING && day == 0;
        sessions.push(Session {
            id: random.id(),
            work: Work::Job,
            job: job.id,
            name: job.name.clone(),
            created: now
                - days
                - if running {
                    time::Duration::minutes(45)
                } else {
                    ago
                },
            run: if running {
                LONG_RUN
            } else {
                Duration::from_secs(u64::from(random.below(2000)) + 60)
            },
            outcome,
            stop: None,
            usn: 0,
            initiated_by: "VBR01\\svc-backup".to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn world(jobs: usize) -> World {
        let size = Size {
            jobs,
            sessions_per_job: 2,
            run_time: Duration::from_secs(10),
            stop_time: Duration::from_secs(1),
        };
        generate(size, 7, OffsetDateTime::UNIX_EPOCH)
    }

    #[test]
    fn the_same_seed_makes_the_same_server() {
        let (one, other) = (world(40), world(40));
        for (left, right) in one.jobs().iter().zip(other.jobs()) {
            assert_eq!((left.id, &left.name), (right.id, &right.name));
        }
        assert_eq!(one.sessions().len(), other.sessions().len());
        assert_eq!(one.estate().stores[0].id, other.estate().stores[0].id);
    }

    #[test]
    fn ten_thousand_jobs_have_names_and_ids_of_their_own() {
        let world = world(10_000);
        let ids: HashSet<_> = world.jobs().iter().map(|job| job.id).collect();
        let names: HashSet<_> = world.jobs().iter().map(|job| &job.name).collect();
        assert_eq!((ids.len(), names.len()), (10_000, 10_000));
    }

    #[test]
    fn fifty_jobs_have_something_of_everything() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let world = world(50);
        let last = |job: &Job| world.latest(job.id, now).map(|(_, view)| view);
        let any = |test: &dyn Fn(&Job) -> bool| world.jobs().iter().any(test);
        assert!(any(&|job| job.disabled));
        assert!(any(&|job| last(job).is_none()));
        assert!(any(&|job| last(job).is_some_and(|view| view.running())));
        for outcome in [Outcome::Success, Outcome::Warning, Outcome::Failed] {
            assert!(any(
                &|job| last(job).is_some_and(|view| view.outcome == Some(outcome))
            ));
        }
        for kind in KINDS {
            assert!(any(&|job| job.kind == kind), "{kind:?}");
        }
        assert!(any(&|job| matches!(job.schedule, Schedule::After { .. })));
    }
}
