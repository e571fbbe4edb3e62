//! The API without a socket: a request in, an answer out, and what tests do to the cluster behind its back.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use crate::answer::{Answer, Outcome, Refusal};
use crate::auth::Caller;
use crate::call::Call;
use crate::model::{Fate, Guest, Kind};
use crate::options::Options;
use crate::routes;
use crate::schema::Checker;
use crate::stats::{Stats, Violation};
use crate::world::World;

/// Where the API begins.
pub const PREFIX: &str = "/api2/json";

/// A request as it came in.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET` and so on.
    pub method: &'a str,
    /// With [`PREFIX`], escaped.
    pub path: &'a str,
    /// Escaped.
    pub query: &'a str,
    /// All of them.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

/// A cluster, shared by its server and the test.
#[derive(Clone)]
pub struct Cluster {
    world: Arc<Mutex<World>>,
    stats: Arc<Mutex<Stats>>,
    checker: Option<Arc<Checker>>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").finish_non_exhaustive()
    }
}

/// A guest as a test looks at it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GuestState {
    /// Machine or container.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub node: String,
    /// `running`, `stopped` or `paused`.
    pub status: String,
    /// What holds it.
    pub lock: Option<String>,
    /// The names of its snapshots.
    pub snapshots: Vec<String>,
    /// Its configuration.
    pub config: BTreeMap<String, String>,
    /// Whether it is a template.
    pub template: bool,
}

impl From<&Guest> for GuestState {
    fn from(guest: &Guest) -> Self {
        Self {
            kind: guest.kind,
            name: guest.name().to_owned(),
            node: guest.node.clone(),
            status: guest.status.clone(),
            lock: guest.lock.clone(),
            snapshots: guest.snapshots.iter().map(|one| one.name.clone()).collect(),
            config: guest.config.clone(),
            template: guest.template,
        }
    }
}

impl Cluster {
    /// A new cluster. Requests and answers are checked against the vendor's document of its version, where that is
    /// present.
    ///
    /// # Panics
    ///
    /// When the document is there and cannot be read.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Self {
            world: Arc::new(Mutex::new(World::new(options))),
            stats: Arc::default(),
            checker: Checker::load(options.flavour).map(Arc::new),
        }
    }

    /// Whether requests and answers are checked.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        self.checker.is_some()
    }

    /// Answers a request.
    #[must_use]
    pub fn ask(&self, request: &Request<'_>) -> Answer {
        let mut world = self.world();
        world.tick();
        let Some(path) = request.path.strip_prefix(PREFIX) else {
            return Answer::of(Err(Refusal::bare(404, "no such file")), world.flavour);
        };
        let template = routes::template(request.method, path);
        let operation = format!("{} {template}", request.method);
        *self.stats_mut().requests.entry(operation).or_default() += 1;
        let (parameters, outcome) = serve(&mut world, request, path);
        let answer = Answer::of(outcome, world.flavour);
        if let Some(checker) = &self.checker {
            let found = checker.check(request.method, path, &template, &parameters, &answer);
            self.stats_mut().violations.extend(found);
        }
        answer
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stats_mut(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was asked so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats_mut().clone();
        let world = self.world();
        stats.logins = world.auth.logins;
        stats.renewals = world.auth.renewals;
        stats.failed_logins = world.auth.failed_logins;
        stats
    }

    /// What did not fit the vendor's document.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.stats_mut().violations.clone()
    }

    /// Tickets and proofs that were given out: none of them may be found anywhere else.
    #[must_use]
    pub fn issued(&self) -> Vec<String> {
        self.world().auth.issued()
    }

    /// Every ticket becomes invalid.
    pub fn expire_tickets(&self) {
        self.world().auth.expire_tickets();
    }

    /// Time goes by.
    pub fn advance(&self, time: Duration) {
        self.world().advance(time);
    }

    /// How long tasks take that begin from now on.
    pub fn set_task_time(&self, time: Duration) {
        self.world().task_time = time;
    }

    /// A node goes down, or comes back.
    pub fn set_online(&self, node: &str, online: bool) {
        let mut world = self.world();
        if let Some(node) = world.nodes.iter_mut().find(|one| one.name == node) {
            node.online = online;
        }
    }

    /// The cluster loses its majority, or has it again.
    pub fn set_quorate(&self, quorate: bool) {
        self.world().quorate = quorate;
    }

    /// How the next task of this type ends, such as `qmstart`.
    pub fn next_task(&self, kind: &str, fate: Fate) {
        let mut world = self.world();
        world
            .fates
            .entry(kind.to_owned())
            .or_default()
            .push_back(fate);
    }

    /// A guest, if there is one.
    #[must_use]
    pub fn guest(&self, id: u32) -> Option<GuestState> {
        let mut world = self.world();
        world.advance(Duration::ZERO);
        world.guests.get(&id).map(GuestState::from)
    }

    /// All guests' numbers.
    #[must_use]
    pub fn guests(&self) -> Vec<u32> {
        self.world().guests.keys().copied().collect()
    }

    /// Locks a guest, as a task of somebody else would, or unlocks it.
    pub fn set_lock(&self, id: u32, lock: Option<&str>) {
        if let Some(guest) = self.world().guests.get_mut(&id) {
            guest.lock = lock.map(str::to_owned);
        }
    }

    /// Whether the agent inside answers.
    pub fn set_agent(&self, id: u32, answers: bool) {
        if let Some(guest) = self.world().guests.get_mut(&id) {
            guest.agent = answers;
        }
    }

    /// Tasks so far: type, what they are about, how they ended.
    #[must_use]
    pub fn tasks(&self) -> Vec<(String, String, Option<String>)> {
        let mut world = self.world();
        world.advance(Duration::ZERO);
        let tasks = world.tasks.iter();
        tasks
            .map(|task| (task.kind.clone(), task.id.clone(), task.exit.clone()))
            .collect()
    }

    /// Backups, ISO images and templates.
    #[must_use]
    pub fn volumes(&self) -> Vec<String> {
        self.world()
            .volumes
            .iter()
            .map(|volume| volume.volid.clone())
            .collect()
    }

    /// The current code of a second factor, for tests without an authenticator.
    #[must_use]
    pub fn code(&self, secret: &[u8]) -> String {
        crate::auth::totp(secret, self.world().epoch())
    }
}

type Parameters = BTreeMap<String, Vec<String>>;

fn serve(world: &mut World, request: &Request<'_>, path: &str) -> (Parameters, Outcome) {
    let writes = request.method != "GET";
    if !request.body.is_empty() && matches!(request.method, "GET" | "DELETE") {
        let text = format!("Unexpected content for method '{}'", request.method);
        return (Parameters::new(), Err(Refusal::bare(501, text)));
    }
    let given = match parameters(request) {
        Ok(given) => given,
        Err(refusal) => return (Parameters::new(), Err(refusal)),
    };
    if (request.method, path) == ("POST", "/access/ticket") {
        let form: HashMap<String, String> = given
            .iter()
            .map(|(name, values)| (name.clone(), values.concat()))
            .collect();
        let (now, epoch, cluster) = (world.now(), world.epoch(), world.cluster.clone());
        let answer = world.auth.log_in(&form, now, epoch, cluster.as_deref());
        return (given, answer.map(Into::into));
    }
    let outcome = world
        .auth
        .caller(request.headers, writes, world.now())
        .and_then(|caller| dispatch(world, caller, request.method, path, &given));
    (given, outcome)
}

fn dispatch(
    world: &mut World,
    caller: Caller,
    method: &str,
    path: &str,
    given: &Parameters,
) -> Outcome {
    let Some((route, blanks)) = routes::find(method, path) else {
        return Err(Refusal::bare(
            501,
            format!("Method '{method} {path}' not implemented"),
        ));
    };
    if let Some(node) = blanks.get("node") {
        match world.node(node) {
            None => {
                return Err(Refusal::failed(format!("hostname lookup '{node}' failed")));
            }
            // The first node passes requests on to the others.
            Some(node) if !node.online => {
                return Err(Refusal::bare(
                    595,
                    "Errors during connection establishment, proxy handshake: No route to host",
                ));
            }
            Some(_) => {}
        }
    }
    routes::check(route, given, &blanks)?;
    let mut all = given.clone();
    all.extend(blanks.into_iter().map(|(name, value)| (name, vec![value])));
    let mut call = Call {
        world,
        caller,
        parameters: all,
        kind: routes::kind(path),
    };
    for (path, privilege) in route.needs {
        call.need(&filled(path, &call.parameters), privilege)?;
    }
    (route.handler)(&mut call)
}

fn filled(path: &str, parameters: &Parameters) -> String {
    let mut text = path.to_owned();
    for (name, values) in parameters {
        text = text.replace(
            &format!("{{{name}}}"),
            values.first().map_or("", String::as_str),
        );
    }
    text
}

/// Of the query for requests without a body, of the body for the others.
fn parameters(request: &Request<'_>) -> Result<Parameters, Refusal> {
    let mut all = Parameters::new();
    let mut pairs: Vec<(String, String)> =
        serde_urlencoded::from_str(request.query).unwrap_or_default();
    let content_type = request
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if !request.body.is_empty() {
        match content_type
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
        {
            "application/x-www-form-urlencoded" => {
                let form: Vec<(String, String)> =
                    serde_urlencoded::from_bytes(request.body).unwrap_or_default();
                pairs.extend(form);
            }
            "application/json" => {
                let json: Value = serde_json::from_slice(request.body).unwrap_or(Value::Null);
                for (name, value) in json.as_object().into_iter().flatten() {
                    match value {
                        Value::String(text) => pairs.push((name.clone(), text.clone())),
                        Value::Bool(on) => pairs.push((name.clone(), u8::from(*on).to_string())),
                        Value::Array(items) => pairs.extend(items.iter().map(|item| {
                            (name.clone(), item.as_str().unwrap_or_default().to_owned())
                        })),
                        other => pairs.push((name.clone(), other.to_string())),
                    }
                }
            }
            other => {
                return Err(Refusal::bare(
                    501,
                    format!("unsupported content type {other}"),
                ));
            }
        }
    }
    for (name, value) in pairs {
        all.entry(name).or_default().push(value);
    }
    Ok(all)
}
