//! What can be read, and watched: `vbr://servers` and the jobs of each server.

use std::time::Duration;

use toolward_sdk::prelude::*;
use toolward_sdk::{Blank, Json, RequestError, Sighting, Suggestions, Watched};
use vbr::job::{JobState, TIMES};
use vbr::names::Wanted;
use vbr::page::Span;
use vbr::servers::Server;
use vbr::{Client, read};

use crate::tools::get::{JobDetails, details};

/// Jobs of one document at most.
const JOBS: u64 = 200;

/// A job that runs is looked at often, one at rest seldom.
const SOON: Duration = Duration::from_secs(5);
const SELDOM: Duration = Duration::from_mins(1);

/// A backup server within reach.
#[answer]
pub(crate) struct Known {
    /// Its name, as the argument `server` of the tools takes it.
    name: String,
    /// Its name for people.
    title: Option<String>,
    /// Whether it can be looked at only.
    read_only: bool,
}

/// The backup servers that can be asked.
#[resource(
    "vbr://servers",
    title = "Backup servers",
    mime_type = "application/json"
)]
pub(crate) fn backup_servers(cx: &Context) -> Result<Json<Vec<Known>>> {
    let servers = Server::all(cx)?.into_iter().map(|server| Known {
        name: server.name,
        title: server.title,
        read_only: server.read_only,
    });
    Ok(Json(servers.collect()))
}

/// A server.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfServer {
    server: String,
}

/// A job of a server.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfJob {
    server: String,
    id: String,
}

/// The jobs of a backup server with their state, by name; the first 200.
#[resource(
    "vbr://{server}/jobs",
    title = "Backup jobs",
    mime_type = "application/json"
)]
pub(crate) fn backup_jobs(cx: &Context, of: OfServer) -> Result<Json<Vec<JobState>>> {
    let client = client(cx, &of.server)?;
    Ok(Json(states(&client)?))
}

/// One backup job: its state, what it protects, its schedule, its latest runs.
#[resource(
    "vbr://{server}/jobs/{id}",
    title = "A backup job",
    mime_type = "application/json"
)]
pub(crate) fn backup_job(cx: &Context, of: OfJob) -> Result<Json<JobDetails>> {
    let client = client(cx, &of.server)?;
    match details(&client, &of.id, 5, false) {
        Ok(details) => Ok(Json(details)),
        Err(failure) => Err(missing(failure)),
    }
}

/// A server that is not there is a resource that is not there.
fn client<'a>(cx: &'a Context, server: &str) -> Result<Client<'a>> {
    Client::to(cx, Some(server)).map_err(missing)
}

fn missing(failure: Failure) -> Failure {
    match failure {
        Failure::Tool(error) if error.kind == Trouble::NotFound => {
            RequestError::not_found(error.message).into()
        }
        other => other,
    }
}

fn states(client: &Client<'_>) -> Result<Vec<JobState>> {
    let page = client.states(
        Span {
            skip: 0,
            limit: JOBS,
        },
        |request, _| Ok(request.query("orderColumn", "Name").query("orderAsc", true)),
    )?;
    let zone = client.zone_of(&page.data, &TIMES)?;
    Ok(page
        .data
        .iter()
        .map(|state| JobState::of(state, zone))
        .collect())
}

/// Looks at the jobs that somebody watches. Servers whose lists are watched are asked once, however many jobs of them are.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the shape of such a function; each answer may fail by itself"
)]
pub(crate) fn look(cx: &Context, watched: &[Watched]) -> Result<Vec<Result<Sighting>>> {
    let mut servers: Vec<(String, std::result::Result<Vec<JobState>, String>)> = Vec::new();
    let mut seen = Vec::with_capacity(watched.len());
    for one in watched {
        let parts: Vec<&str> = one
            .uri
            .strip_prefix("vbr://")
            .unwrap_or_default()
            .split('/')
            .collect();
        seen.push(match parts.as_slice() {
            ["servers"] => Ok(Sighting::new("configured", SELDOM)),
            [server, "jobs"] => {
                if !servers.iter().any(|(known, _)| known == server) {
                    let asked = client(cx, server).and_then(|client| states(&client));
                    let asked = asked.map_err(|failure| failure.to_string());
                    servers.push(((*server).to_owned(), asked));
                }
                let known = servers.iter().find(|(known, _)| known == server);
                match known.map(|(_, states)| states) {
                    Some(Ok(states)) => {
                        let all: Vec<String> = states.iter().map(version).collect();
                        let busy = states.iter().any(JobState::is_running);
                        Ok(Sighting::new(
                            digest(&all.join(" ")),
                            if busy { SOON } else { SELDOM },
                        ))
                    }
                    Some(Err(reason)) => Err(ToolError::unavailable(reason.clone()).into()),
                    None => Err(not_ours(&one.uri)),
                }
            }
            [server, "jobs", id] => look_at(cx, server, id),
            _ => Err(not_ours(&one.uri)),
        });
    }
    Ok(seen)
}

fn look_at(cx: &Context, server: &str, id: &str) -> Result<Sighting> {
    let client = client(cx, server)?;
    if !read::is_id(id) {
        return Err(not_ours(id));
    }
    let Some(job) = client.job_by_id(id)? else {
        return Err(not_ours(id));
    };
    let next = if job.is_running() { SOON } else { SELDOM };
    Ok(Sighting::new(version(&job), next))
}

fn not_ours(uri: &str) -> Failure {
    RequestError::not_found(format!("there is no {uri} to watch")).into()
}

/// What differs when a job changed. How long ago something was does not.
fn version(job: &JobState) -> String {
    let run = job.last_run.as_ref().map_or("", |run| run.at.as_str());
    let progress = job.progress_percent.unwrap_or(0);
    format!(
        "{} {} {} {progress} {run}",
        job.id, job.status, job.last_result
    )
}

/// Short, whatever its source; FNV-1a, because nobody gains by a collision.
fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// Suggests servers, and jobs by their names.
pub(crate) fn complete(cx: &Context, blank: &Blank) -> Result<Suggestions> {
    match (blank.subject.name(), blank.argument.as_str()) {
        (_, "server") => {
            let servers = Server::all(cx)?;
            Ok(blank.among(servers.into_iter().map(|server| server.name)))
        }
        // Resources are named by ids, prompts are filled by people.
        ("vbr://{server}/jobs/{id}", "id") => suggest(cx, blank, |job| job.id),
        (_, "job") => suggest(cx, blank, |job| job.name),
        _ => Ok(Suggestions::default()),
    }
}

fn suggest(cx: &Context, blank: &Blank, value: fn(JobState) -> String) -> Result<Suggestions> {
    let client = Client::to(cx, blank.filled("server"))?;
    let span = Span {
        skip: 0,
        limit: 100,
    };
    let wanted = Wanted::new(&blank.value);
    let name = wanted.as_ref().map(Wanted::filter);
    let page = client.states(span, |request, _| {
        Ok(request
            .query("orderColumn", "Name")
            .query("orderAsc", true)
            .query_opt("nameFilter", name.as_ref()))
    })?;
    let jobs = page
        .data
        .iter()
        .map(|state| JobState::of(state, time::UtcOffset::UTC));
    let fit = jobs.filter(|job| {
        wanted
            .as_ref()
            .is_none_or(|wanted| wanted.fit(&job.name).is_some())
    });
    Ok(fit.map(value).collect())
}
