//! From a request to an answer: the rules every request is under, then one table of what exists.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, header};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::auth::{Caller, Grant};
use crate::clock;
use crate::id::Id;
use crate::model::World;
use crate::query::Query;
use crate::render::Cx;
use crate::revision::Revision;
use crate::server::Shared;
use crate::{backups, infrastructure, jobs, security, sessions, tasks};

/// Everything the server answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Target<'a> {
    /// The document of one revision, by which clients find out what is served.
    Document(&'a str),
    Token,
    Logout,
    ServerTime,
    ServerInfo,
    Jobs,
    JobStates,
    Job(Id),
    Start(Id),
    Stop(Id),
    Retry(Id),
    Enable(Id),
    Disable(Id),
    Sessions,
    Session(Id),
    SessionLogs(Id),
    StopSession(Id),
    TasksOf(Id),
    Tasks,
    Task(Id),
    TaskLogs(Id),
    RepositoryStates,
    Rescan,
    ScaleOut,
    Proxies,
    ProxyStates,
    Servers,
    Backups,
    Backup(Id),
    BackupFiles(Id),
    BackupObjects(Id),
    Objects,
    RestorePoints,
    Licence,
    Workloads,
    Malware,
    BestPractices,
    LastAnalysis,
    ConfigBackup,
}

impl Target<'_> {
    /// The revisions that have it.
    fn revisions(self) -> (Revision, Revision) {
        let since = match self {
            Self::Malware => Revision::V1_1Rev1,
            Self::TasksOf(_)
            | Self::Tasks
            | Self::Task(_)
            | Self::TaskLogs(_)
            | Self::Rescan
            | Self::BackupFiles(_)
            | Self::Licence
            | Self::Workloads
            | Self::BestPractices
            | Self::LastAnalysis => Revision::V1_2Rev0,
            Self::Retry(_) | Self::ProxyStates => Revision::V1_3Rev0,
            _ => Revision::V1_1Rev0,
        };
        (since, Revision::V1_3Rev1)
    }
}

/// A path that exists, with the form under which it is counted and documented.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route<'a> {
    pub(crate) target: Target<'a>,
    pub(crate) template: &'static str,
    method: Verb,
}

/// `http::Method` is not `Copy`, and there are only two.
#[derive(Clone, Copy, Debug)]
enum Verb {
    Get,
    Post,
}

impl Verb {
    fn is(self, method: &Method) -> bool {
        match self {
            // A `HEAD` is answered as a `GET`; the transport leaves the body out.
            Self::Get => method == Method::GET || method == Method::HEAD,
            Self::Post => method == Method::POST,
        }
    }
}

/// `None` for a path that does not exist; an answer for one whose identifier is none.
pub(crate) fn route(path: &str) -> Result<Option<Route<'_>>, Answer> {
    use Verb::{Get, Post};
    let id = |text: &str| {
        text.parse::<Id>()
            .map_err(|_| Answer::bad_request("The identifier in the path is not a UUID"))
    };
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (target, template, method) = match segments.as_slice() {
        ["swagger", version, "swagger.json"] => (
            Target::Document(version),
            "/swagger/{version}/swagger.json",
            Get,
        ),
        ["api", "oauth2", "token"] => (Target::Token, "/api/oauth2/token", Post),
        ["api", "oauth2", "logout"] => (Target::Logout, "/api/oauth2/logout", Post),
        ["api", "v1", "serverTime"] => (Target::ServerTime, "/api/v1/serverTime", Get),
        ["api", "v1", "serverInfo"] => (Target::ServerInfo, "/api/v1/serverInfo", Get),
        ["api", "v1", "jobs"] => (Target::Jobs, "/api/v1/jobs", Get),
        ["api", "v1", "jobs", "states"] => (Target::JobStates, "/api/v1/jobs/states", Get),
        ["api", "v1", "jobs", job] => (Target::Job(id(job)?), "/api/v1/jobs/{id}", Get),
        ["api", "v1", "jobs", job, "start"] => {
            (Target::Start(id(job)?), "/api/v1/jobs/{id}/start", Post)
        }
        ["api", "v1", "jobs", job, "stop"] => {
            (Target::Stop(id(job)?), "/api/v1/jobs/{id}/stop", Post)
        }
        ["api", "v1", "jobs", job, "retry"] => {
            (Target::Retry(id(job)?), "/api/v1/jobs/{id}/retry", Post)
        }
        ["api", "v1", "jobs", job, "enable"] => {
            (Target::Enable(id(job)?), "/api/v1/jobs/{id}/enable", Post)
        }
        ["api", "v1", "jobs", job, "disable"] => {
            (Target::Disable(id(job)?), "/api/v1/jobs/{id}/disable", Post)
        }
        ["api", "v1", "sessions"] => (Target::Sessions, "/api/v1/sessions", Get),
        ["api", "v1", "sessions", session] => {
            (Target::Session(id(session)?), "/api/v1/sessions/{id}", Get)
        }
        ["api", "v1", "sessions", session, "logs"] => (
            Target::SessionLogs(id(session)?),
            "/api/v1/sessions/{id}/logs",
            Get,
        ),
        ["api", "v1", "sessions", session, "stop"] => (
            Target::StopSession(id(session)?),
            "/api/v1/sessions/{id}/stop",
            Post,
        ),
        ["api", "v1", rest @ ..] => {
            let Some((target, template, method)) = estate(rest, id)? else {
                return Ok(None);
            };
            (target, template, method)
        }
        _ => return Ok(None),
    };
    Ok(Some(Route {
        target,
        template,
        method,
    }))
}

type Found = Option<(Target<'static>, &'static str, Verb)>;

/// What is neither a job nor a session.
fn estate(segments: &[&str], id: impl Fn(&str) -> Result<Id, Answer>) -> Result<Found, Answer> {
    use Verb::{Get, Post};
    Ok(Some(match segments {
        ["sessions", session, "taskSessions"] => (
            Target::TasksOf(id(session)?),
            "/api/v1/sessions/{id}/taskSessions",
            Get,
        ),
        ["taskSessions"] => (Target::Tasks, "/api/v1/taskSessions", Get),
        ["taskSessions", task] => (Target::Task(id(task)?), "/api/v1/taskSessions/{id}", Get),
        ["taskSessions", task, "logs"] => (
            Target::TaskLogs(id(task)?),
            "/api/v1/taskSessions/{id}/logs",
            Get,
        ),
        ["backupInfrastructure", "repositories", "states"] => (
            Target::RepositoryStates,
            "/api/v1/backupInfrastructure/repositories/states",
            Get,
        ),
        ["backupInfrastructure", "repositories", "rescan"] => (
            Target::Rescan,
            "/api/v1/backupInfrastructure/repositories/rescan",
            Post,
        ),
        ["backupInfrastructure", "scaleOutRepositories"] => (
            Target::ScaleOut,
            "/api/v1/backupInfrastructure/scaleOutRepositories",
            Get,
        ),
        ["backupInfrastructure", "proxies"] => {
            (Target::Proxies, "/api/v1/backupInfrastructure/proxies", Get)
        }
        ["backupInfrastructure", "proxies", "states"] => (
            Target::ProxyStates,
            "/api/v1/backupInfrastructure/proxies/states",
            Get,
        ),
        ["backupInfrastructure", "managedServers"] => (
            Target::Servers,
            "/api/v1/backupInfrastructure/managedServers",
            Get,
        ),
        ["backups"] => (Target::Backups, "/api/v1/backups", Get),
        ["backups", backup] => (Target::Backup(id(backup)?), "/api/v1/backups/{id}", Get),
        ["backups", backup, "backupFiles"] => (
            Target::BackupFiles(id(backup)?),
            "/api/v1/backups/{id}/backupFiles",
            Get,
        ),
        ["backups", backup, "objects"] => (
            Target::BackupObjects(id(backup)?),
            "/api/v1/backups/{id}/objects",
            Get,
        ),
        ["backupObjects"] => (Target::Objects, "/api/v1/backupObjects", Get),
        ["restorePoints"] => (Target::RestorePoints, "/api/v1/restorePoints", Get),
        ["objectRestorePoints"] => (Target::RestorePoints, "/api/v1/objectRestorePoints", Get),
        ["license"] => (Target::Licence, "/api/v1/license", Get),
        ["license", "instances"] => (Target::Workloads, "/api/v1/license/instances", Get),
        ["malwareDetection", "events"] => (Target::Malware, "/api/v1/malwareDetection/events", Get),
        ["securityAnalyzer", "bestPractices"] => (
            Target::BestPractices,
            "/api/v1/securityAnalyzer/bestPractices",
            Get,
        ),
        ["securityAnalyzer", "lastRun"] => (
            Target::LastAnalysis,
            "/api/v1/securityAnalyzer/lastRun",
            Get,
        ),
        ["configBackup"] => (Target::ConfigBackup, "/api/v1/configBackup", Get),
        _ => return Ok(None),
    }))
}

/// The revision a request asks for, as far as the server serves it.
pub(crate) fn revision(shared: &Shared, parts: &Parts) -> Result<Revision, Answer> {
    let Some(value) = parts.headers.get("x-api-version") else {
        return Err(Answer::bad_request("Header x-api-version is required"));
    };
    value
        .to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|revision| shared.revisions.contains(revision))
        .ok_or_else(Answer::unsupported_revision)
}

pub(crate) fn answer(shared: &Shared, parts: &Parts, body: &Bytes) -> Result<Answer, Answer> {
    let route = route(parts.uri.path())?;
    if let Some(Route {
        target: Target::Document(version),
        method,
        ..
    }) = route
    {
        return if method.is(&parts.method) {
            document(shared, version)
        } else {
            Err(Answer::method_not_allowed())
        };
    }
    let revision = revision(shared, parts)?;
    let route = route
        .filter(|route| {
            let (since, until) = route.target.revisions();
            // The oldest revision has another name for restore points.
            let renamed = matches!(route.target, Target::RestorePoints)
                && (route.template == "/api/v1/objectRestorePoints")
                    != (revision == Revision::V1_1Rev0);
            (since..=until).contains(&revision) && !renamed
        })
        .ok_or_else(Answer::unknown_uri)?;
    if !route.method.is(&parts.method) {
        return Err(Answer::method_not_allowed());
    }
    let cx = Cx {
        revision,
        quirks: shared.quirks,
        now: clock::now(),
    };
    match route.target {
        Target::Document(version) => document(shared, version),
        Target::Token => token(shared, parts, body),
        Target::ServerTime => Ok(Answer::ok(json!({
            "serverTime": clock::text(cx.now),
            "timeZone": clock::ZONE_NAME,
        }))),
        target => {
            let tokens = shared.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            let caller = tokens.caller(&parts.headers, revision, Instant::now())?;
            drop(tokens);
            let query = Query::parse(parts.uri.query().unwrap_or_default())?;
            let request = Request {
                cx,
                caller,
                query,
                parts,
                body,
            };
            authorized(shared, &request, target)
        }
    }
}

/// A request whose sender is known.
pub(crate) struct Request<'a> {
    pub(crate) cx: Cx,
    pub(crate) caller: Caller,
    pub(crate) query: Query,
    parts: &'a Parts,
    body: &'a Bytes,
}

impl Request<'_> {
    /// The body, which every operation that takes one lets the client leave out.
    pub(crate) fn json(&self) -> Result<Option<Value>, Answer> {
        if self.body.is_empty() {
            return Ok(None);
        }
        if !is_of_type(self.parts, "application/json") {
            return Err(Answer::bad_request("Content-Type must be application/json"));
        }
        match serde_json::from_slice(self.body) {
            Ok(body @ Value::Object(_)) => Ok(Some(body)),
            _ => Err(Answer::bad_request("The body is not a JSON object")),
        }
    }
}

fn authorized(
    shared: &Shared,
    request: &Request<'_>,
    target: Target<'_>,
) -> Result<Answer, Answer> {
    if matches!(target, Target::Logout) {
        let mut tokens = shared.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.log_out(&request.parts.headers);
        drop(tokens);
        shared.count(|stats| stats.logouts += 1);
        return Ok(Answer::ok(json!({})));
    }
    if matches!(target, Target::ServerInfo) {
        return Ok(server_info(shared, request.cx));
    }
    let mut world = shared.world.lock().unwrap_or_else(PoisonError::into_inner);
    world.settle(request.cx.now);
    let world: &mut World = &mut world;
    match target {
        Target::Jobs => jobs::list(world, request),
        Target::JobStates => jobs::states(world, request),
        Target::Job(id) => jobs::get(world, request, id),
        Target::Start(id) => jobs::start(world, request, id),
        Target::Stop(id) => jobs::stop(world, request, id),
        Target::Retry(id) => jobs::retry(world, request, id),
        Target::Enable(id) => jobs::set_disabled(world, request, id, false),
        Target::Disable(id) => jobs::set_disabled(world, request, id, true),
        Target::Sessions => sessions::list(world, request),
        Target::Session(id) => sessions::get(world, request, id),
        Target::SessionLogs(id) => sessions::logs(world, request, id),
        Target::StopSession(id) => sessions::stop(world, request, id),
        Target::TasksOf(id) => tasks::list(world, request, Some(id)),
        Target::Tasks => tasks::list(world, request, None),
        Target::Task(id) => tasks::get(world, request, id),
        Target::TaskLogs(id) => tasks::logs(world, request, id),
        Target::RepositoryStates => infrastructure::repository_states(world, request),
        Target::Rescan => infrastructure::rescan(world, request),
        Target::ScaleOut => infrastructure::scale_out(world, request),
        Target::Proxies => infrastructure::proxies(world, request),
        Target::ProxyStates => infrastructure::proxy_states(world, request),
        Target::Servers => infrastructure::servers(world, request),
        Target::Backups => backups::list(world, request),
        Target::Backup(id) => backups::get(world, request, id),
        Target::BackupFiles(id) => backups::files(world, request, id),
        Target::BackupObjects(id) => backups::objects(world, request, Some(id)),
        Target::Objects => backups::objects(world, request, None),
        Target::RestorePoints => backups::restore_points(world, request),
        Target::Licence => security::licence(world, request, shared.licence),
        Target::Workloads => security::workloads(world, request),
        Target::Malware => security::malware(world, request),
        Target::BestPractices => Ok(security::best_practices(world)),
        Target::LastAnalysis => security::last_analysis(world, request),
        Target::ConfigBackup => Ok(security::config_backup(world, request)),
        // Answered before there was a world to look at.
        Target::Document(_)
        | Target::Token
        | Target::Logout
        | Target::ServerTime
        | Target::ServerInfo => Err(Answer::unknown_uri()),
    }
}

fn is_of_type(parts: &Parts, expected: &str) -> bool {
    parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(expected))
}

fn token(shared: &Shared, parts: &Parts, body: &Bytes) -> Result<Answer, Answer> {
    if !is_of_type(parts, "application/x-www-form-urlencoded") {
        return Err(Answer::bad_request(
            "Content-Type must be application/x-www-form-urlencoded",
        ));
    }
    let form: HashMap<String, String> = serde_urlencoded::from_bytes(body)
        .map_err(|_| Answer::bad_request("The form is malformed"))?;
    let mut tokens = shared.tokens.lock().unwrap_or_else(PoisonError::into_inner);
    let issued = tokens.issue(&form, Instant::now());
    drop(tokens);
    shared.count(|stats| match (issued.grant, &issued.answer) {
        (Some(Grant::Password), Ok(_)) => stats.logins += 1,
        (Some(Grant::Password), Err(_)) => stats.failed_logins += 1,
        (Some(Grant::Refresh), Ok(_)) => stats.refreshes += 1,
        (Some(Grant::Refresh), Err(_)) => stats.failed_refreshes += 1,
        (None, _) => {}
    });
    issued.answer.map(Answer::ok)
}

fn document(shared: &Shared, version: &str) -> Result<Answer, Answer> {
    let served = shared.revisions.iter();
    let revision = served
        .copied()
        .find(|revision| version.strip_prefix('v') == Some(revision.as_str()))
        .ok_or_else(Answer::unknown_uri)?;
    // The head only: enough for a probe, which is what the path is known for.
    Ok(Answer::ok(json!({
        "openapi": "3.0.1",
        "info": { "title": "Veeam Backup & Replication REST API", "version": revision.as_str() },
        "paths": {},
    })))
}

/// The build is that of the server, whatever revision it is asked in.
fn server_info(shared: &Shared, cx: Cx) -> Answer {
    let newest = shared.revisions.iter().max().copied();
    let mut info = json!({
        "vbrId": "6d1f3c1a-5b7e-4c1d-9a53-2f6f0f4f9b11",
        "name": "vbr01.example",
        "patches": [],
        "databaseVendor": "PostgreSQL",
        "sqlServerEdition": "",
        "sqlServerVersion": "PostgreSQL 15.8",
        "databaseSchemaVersion": "9688",
        "databaseContentVersion": "9688",
    });
    info["buildVersion"] = newest.unwrap_or(cx.revision).build().into();
    if cx.revision.is_1_3() {
        info["platform"] = "Windows".into();
        // Misspelled by the vendor.
        info["veeamRegistration"] = json!({
            "isRegistered": true,
            "thumprint": "BC7F6108B16884C70E6F6C2CC714463777FE65C0",
        });
    }
    Answer::ok(info)
}
