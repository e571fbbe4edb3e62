//! The cluster's state, and how it goes on with time: tasks begin, take a while, and have their effect at the end.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::answer::Refusal;
use crate::auth::{Auth, Caller};
use crate::model::{BackupJob, Effect, Fate, Guest, Kind, Node, Storage, Task, Volume};
use crate::options::{Flavour, Options};

pub(crate) struct World {
    pub(crate) flavour: Flavour,
    pub(crate) cluster: Option<String>,
    pub(crate) quorate: bool,
    pub(crate) nodes: Vec<Node>,
    pub(crate) guests: BTreeMap<u32, Guest>,
    pub(crate) storages: Vec<Storage>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) jobs: Vec<BackupJob>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) auth: Auth,
    pub(crate) task_time: Duration,
    pub(crate) fates: BTreeMap<String, VecDeque<Fate>>,
    /// Commands that run in guests: the guest, what it prints, when it has ended.
    pub(crate) commands: BTreeMap<u32, Command>,
    time_per_request: Duration,
    begun: Instant,
    ahead: Duration,
    next_pid: u32,
}

pub(crate) struct Command {
    pub(crate) guest: u32,
    pub(crate) due: Duration,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: i32,
}

/// What a task is about.
pub(crate) struct NewTask<'a> {
    pub(crate) node: &'a str,
    pub(crate) kind: String,
    pub(crate) id: String,
    /// The guest that it locks, and how.
    pub(crate) lock: Option<(u32, &'a str)>,
}

impl World {
    pub(crate) fn new(options: &Options) -> Self {
        let mut world = Self {
            flavour: options.flavour,
            cluster: options.cluster.clone(),
            quorate: true,
            nodes: Vec::new(),
            guests: BTreeMap::new(),
            storages: Vec::new(),
            volumes: Vec::new(),
            jobs: Vec::new(),
            tasks: Vec::new(),
            auth: Auth::new(options),
            task_time: options.task_time,
            fates: BTreeMap::new(),
            commands: BTreeMap::new(),
            time_per_request: options.time_per_request,
            begun: Instant::now(),
            ahead: Duration::ZERO,
            next_pid: 4000,
        };
        crate::generate::fill(&mut world, options);
        world
    }

    /// Since the cluster began, with the time that tests let go by.
    pub(crate) fn now(&self) -> Duration {
        self.begun.elapsed() + self.ahead
    }

    /// Seconds since 1970.
    pub(crate) fn epoch(&self) -> u64 {
        let now = SystemTime::now() + self.ahead;
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_secs()
    }

    pub(crate) fn advance(&mut self, time: Duration) {
        self.ahead += time;
        self.settle();
    }

    /// Before a request: time goes by, and what is due happens.
    pub(crate) fn tick(&mut self) {
        self.advance(self.time_per_request);
    }

    pub(crate) fn pid(&mut self) -> u32 {
        self.next_pid += 1;
        self.next_pid
    }

    fn settle(&mut self) {
        let now = self.now();
        loop {
            let due = |task: &&mut Task| {
                task.exit.is_none() && task.fate != Fate::Hangs && task.due <= now
            };
            let mut open: Vec<&mut Task> = self.tasks.iter_mut().filter(due).collect();
            open.sort_by_key(|task| task.due);
            let Some(task) = open.into_iter().next() else {
                return;
            };
            let (upid, fate) = (task.upid.clone(), task.fate.clone());
            let effect = task.effect.take();
            self.unlock(&upid);
            let exit = match fate {
                Fate::Fails(text) => text,
                Fate::Well | Fate::Warnings(_) => {
                    match effect.map_or(Ok(()), |effect| effect(self)) {
                        Err(text) => text,
                        Ok(()) => match fate {
                            Fate::Warnings(count) => format!("WARNINGS: {count}"),
                            _ => "OK".to_owned(),
                        },
                    }
                }
                Fate::Hangs => continue,
            };
            self.end(&upid, exit);
        }
    }

    pub(crate) fn end(&mut self, upid: &str, exit: String) {
        let now = self.epoch();
        let Some(task) = self.tasks.iter_mut().find(|task| task.upid == upid) else {
            return;
        };
        let warns = exit.starts_with("WARNINGS");
        if warns {
            let line = "WARN: not everything is as it should be";
            task.log.push(line.to_owned());
        }
        task.log.push(match exit.as_str() {
            "OK" => "TASK OK".to_owned(),
            text if warns => format!("TASK {text}"),
            text => format!("TASK ERROR: {text}"),
        });
        task.exit = Some(exit);
        task.ended = Some(now);
    }

    pub(crate) fn unlock(&mut self, upid: &str) {
        let task = self.tasks.iter().find(|task| task.upid == upid);
        if let Some(id) = task.and_then(|task| task.locks)
            && let Some(guest) = self.guests.get_mut(&id)
        {
            guest.lock = None;
        }
    }

    /// Begins a task; gives its UPID.
    pub(crate) fn begin(
        &mut self,
        caller: &Caller,
        new: NewTask<'_>,
        effect: impl FnOnce(&mut Self) -> Result<(), String> + Send + 'static,
    ) -> String {
        let pid = self.pid();
        let started = self.epoch();
        let who = caller.shown();
        let upid = format!(
            "UPID:{}:{pid:08X}:{:08X}:{started:08X}:{}:{}:{who}:",
            new.node,
            pid * 7,
            new.kind,
            new.id
        );
        if let Some((id, lock)) = new.lock
            && let Some(guest) = self.guests.get_mut(&id)
        {
            guest.lock = Some(lock.to_owned());
        }
        let fate = self
            .fates
            .get_mut(&new.kind)
            .and_then(VecDeque::pop_front)
            .unwrap_or(Fate::Well);
        let effect: Effect = Box::new(effect);
        self.tasks.push(Task {
            upid: upid.clone(),
            node: new.node.to_owned(),
            pid,
            log: vec![format!("starting {} {}", new.kind, new.id)],
            kind: new.kind,
            id: new.id,
            user: caller.user.clone(),
            token: caller.token_name().map(str::to_owned),
            started,
            due: self.now() + self.task_time,
            ended: None,
            exit: None,
            effect: Some(effect),
            locks: new.lock.map(|(id, _)| id),
            fate,
        });
        upid
    }

    pub(crate) fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    pub(crate) fn is_online(&self, name: &str) -> bool {
        self.node(name).is_some_and(|node| node.online)
    }

    pub(crate) fn storage(&self, name: &str) -> Result<&Storage, Refusal> {
        let storage = self.storages.iter().find(|storage| storage.name == name);
        storage.ok_or_else(|| Refusal::failed(format!("storage '{name}' does not exist")))
    }

    /// The lowest number that no guest has.
    pub(crate) fn next_id(&self) -> u32 {
        (100..1_000_000_000)
            .find(|id| !self.guests.contains_key(id))
            .unwrap_or(100)
    }

    /// The guest at its place, as the API looks for it.
    pub(crate) fn guest_at(&self, node: &str, kind: Kind, id: u32) -> Result<&Guest, Refusal> {
        let guest = self.guests.get(&id);
        guest
            .filter(|guest| guest.node == node && guest.kind == kind)
            .ok_or_else(|| {
                let folder = kind.folder();
                Refusal::failed(format!(
                    "Configuration file 'nodes/{node}/{folder}/{id}.conf' does not exist"
                ))
            })
    }

    /// A number as this version writes it where it is careless about types.
    pub(crate) fn loose(&self, number: impl Into<Value>) -> Value {
        match (self.flavour, number.into()) {
            (Flavour::V7, Value::Number(number)) => json!(number.to_string()),
            (_, value) => value,
        }
    }
}
