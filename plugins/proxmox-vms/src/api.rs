//! One cluster, as this plugin talks to it: requests, the envelope of answers, and what errors mean.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use toolward_sdk::Backend;
use toolward_sdk::http::{Http, HttpError};
use toolward_sdk::prelude::*;

use crate::show;

/// The name of the backend in the manifest.
pub(crate) const BACKEND: &str = "pve";

/// Where the host tells the reason phrase of an answer, in which older clusters put what went wrong.
const REASON: &str = "x-reason-phrase";

/// How much of a cluster's own words is passed on.
const WORDS: usize = 600;

/// A cluster or a standalone node that the operator bound.
#[derive(Clone, Debug)]
pub(crate) struct Cluster<'a> {
    pub(crate) name: String,
    pub(crate) read_only: bool,
    http: Http<'a>,
}

/// All clusters of the caller, in the operator's order.
pub(crate) fn all(cx: &Context) -> Result<Vec<Cluster<'_>>> {
    let bound = bound(cx);
    if bound.is_empty() {
        return Err(ToolError::unavailable(
            "no Proxmox VE cluster is bound for this caller. hint: ask the operator to add one to \
             plugins.proxmox-vms.backends",
        )
        .into());
    }
    Ok(bound
        .into_iter()
        .map(|backend| Cluster::new(cx, backend))
        .collect())
}

fn bound(cx: &Context) -> Vec<Backend> {
    let mut bound = cx.backends();
    bound.retain(|backend| backend.answers == BACKEND);
    bound
}

/// The clusters that a call is about: the one that is named, or all.
pub(crate) fn wanted<'a>(cx: &'a Context, name: Option<&str>) -> Result<Vec<Cluster<'a>>> {
    match name {
        None => all(cx),
        Some(_) => Ok(vec![one(cx, name)?]),
    }
}

/// The one cluster that a call is about: the one that is named, the operator's default, or the only one.
pub(crate) fn one<'a>(cx: &'a Context, name: Option<&str>) -> Result<Cluster<'a>> {
    let bound = bound(cx);
    let known = || {
        bound
            .iter()
            .map(|one| one.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let found = match name {
        Some(name) => bound.iter().find(|one| {
            one.name.eq_ignore_ascii_case(name)
                || one
                    .title
                    .as_deref()
                    .is_some_and(|title| title.eq_ignore_ascii_case(name))
        }),
        None if bound.len() == 1 => bound.first(),
        None => bound.iter().find(|one| one.default),
    };
    match found {
        Some(backend) => Ok(Cluster::new(cx, backend.clone())),
        None if bound.is_empty() => all(cx).and_then(|mut all| {
            all.pop()
                .ok_or_else(|| ToolError::unavailable("no cluster is bound").into())
        }),
        None => {
            let what = match name {
                Some(name) => format!("there is no cluster {name:?}"),
                None => "there are several clusters".to_owned(),
            };
            Err(ToolError::invalid_input(format!(
                "{what}. hint: set `cluster` to one of {}",
                known()
            ))
            .into())
        }
    }
}

/// The segments of a path below `/api2/json`; each is escaped by itself.
#[macro_export]
macro_rules! path {
    ($($segment:expr),+ $(,)?) => { vec![$($segment.to_string()),+] };
}

/// Parameters of a request, in order; a name may come several times.
pub(crate) type Parameters = Vec<(String, String)>;

impl<'a> Cluster<'a> {
    fn new(cx: &'a Context, backend: Backend) -> Self {
        let http = cx.http(&backend.name);
        Self {
            name: backend.name,
            read_only: backend.read_only,
            http,
        }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "a path is made for one request"
    )]
    pub(crate) fn get(&self, path: Vec<String>) -> Result<Value, ApiError> {
        self.send("GET", &path, &[])
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "a path is made for one request"
    )]
    pub(crate) fn get_with(
        &self,
        path: Vec<String>,
        query: &[(&str, &str)],
    ) -> Result<Value, ApiError> {
        let owned: Parameters = query
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        self.send("GET", &path, &owned)
    }

    /// Sends a request; gives what is in the envelope. Only those with a body may have one: the API refuses others.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &[String],
        parameters: &[(String, String)],
    ) -> Result<Value, ApiError> {
        let base = "/api2/json";
        let mut request = match method {
            "POST" => self.http.post(base),
            "PUT" => self.http.put(base),
            "DELETE" => self.http.delete(base),
            _ => self.http.get(base),
        };
        for segment in path {
            request = request.segment(segment);
        }
        if matches!(method, "POST" | "PUT") {
            request = request.form(parameters.iter().map(|(name, value)| (name, value)));
        } else {
            for (name, value) in parameters {
                request = request.query(name, value);
            }
        }
        let asked = format!("{method} /{}", path.join("/"));
        let answer = request
            .any_status()
            .send()
            .map_err(|error| self.broken(&asked, error))?;
        let status = answer.status();
        let reason = answer.header(REASON).map(str::to_owned);
        let body = answer.bytes().map_err(|error| self.broken(&asked, error))?;
        let body: Option<Value> = serde_json::from_slice(&body).ok();
        if (200..300).contains(&status) {
            let mut body =
                body.ok_or_else(|| self.error(&asked, status, "the answer is not JSON"))?;
            return Ok(body.get_mut("data").map(Value::take).unwrap_or_default());
        }
        let words = body
            .as_ref()
            .and_then(|body| body["message"].as_str())
            .map(str::trim)
            .filter(|words| !words.is_empty())
            .or(reason.as_deref())
            .unwrap_or_default();
        let mut error = self.error(&asked, status, words);
        let errors = body.as_ref().and_then(|body| body["errors"].as_object());
        error.0.fields = errors
            .into_iter()
            .flatten()
            .map(|(name, what)| {
                let what = what
                    .as_str()
                    .map_or_else(|| what.to_string(), str::to_owned);
                (name.clone(), show::line(&what, 200))
            })
            .collect();
        Err(error)
    }

    fn error(&self, asked: &str, status: u16, words: &str) -> ApiError {
        ApiError(Box::new(Details {
            cluster: self.name.clone(),
            asked: asked.to_owned(),
            status,
            words: show::line(words, WORDS),
            fields: BTreeMap::new(),
            transport: None,
        }))
    }

    fn broken(&self, asked: &str, error: HttpError) -> ApiError {
        let broken = match error {
            HttpError::Cancelled => Broken::Cancelled,
            other => Broken::Told(other.kind(), other.to_string()),
        };
        let mut error = self.error(asked, 0, "");
        error.0.transport = Some(broken);
        error
    }
}

/// Why a request has no result.
#[derive(Clone, Debug)]
pub(crate) struct ApiError(Box<Details>);

#[derive(Clone, Debug)]
struct Details {
    cluster: String,
    asked: String,
    /// 0: there was no answer.
    status: u16,
    /// The cluster's own, where it said something.
    words: String,
    fields: BTreeMap<String, String>,
    transport: Option<Broken>,
}

/// There was no answer.
#[derive(Clone, Debug)]
enum Broken {
    /// The call was cancelled meanwhile.
    Cancelled,
    /// The host tells why.
    Told(Trouble, String),
}

impl ApiError {
    /// Of the answer; 0: there was none.
    pub(crate) fn status(&self) -> u16 {
        self.0.status
    }

    /// Whether the node that was asked cannot be reached, or the cluster as a whole.
    pub(crate) fn is_away(&self) -> bool {
        match &self.0.transport {
            Some(Broken::Told(kind, _)) => matches!(kind, Trouble::Unavailable | Trouble::TimedOut),
            Some(Broken::Cancelled) => false,
            None => matches!(self.0.status, 502..=504 | 595 | 596 | 599),
        }
    }

    /// Whether the request may have had its effect all the same.
    pub(crate) fn is_open(&self) -> bool {
        match &self.0.transport {
            Some(Broken::Told(kind, _)) => {
                matches!(
                    kind,
                    Trouble::Unavailable | Trouble::TimedOut | Trouble::Internal
                )
            }
            Some(Broken::Cancelled) => true,
            None => matches!(self.0.status, 502..=504 | 596 | 599),
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(self.0.transport, Some(Broken::Cancelled))
    }

    pub(crate) fn says(&self, what: &str) -> bool {
        self.0.words.to_ascii_lowercase().contains(what)
    }

    pub(crate) fn is_denied(&self) -> bool {
        self.0.status == 403 || self.0.status == 401
    }

    /// What it needs, from `Permission check failed (/vms/101, VM.PowerMgmt)`.
    fn missing(&self) -> Option<(&str, &str)> {
        let inside = self.0.words.split_once("check failed (")?.1;
        let (path, privileges) = inside.rsplit_once(')')?.0.split_once(", ")?;
        Some((path, privileges))
    }

    /// For the model. `needs` says which rights the request takes, where the cluster does not say it itself.
    pub(crate) fn explain(&self, needs: &str) -> Failure {
        let (kind, message) = match &self.0.transport {
            Some(Broken::Cancelled) => return Failure::Cancelled,
            Some(Broken::Told(kind, message)) => (*kind, message.clone()),
            None => self.meaning(needs),
        };
        ToolError::new(kind, message).into()
    }

    fn meaning(&self, needs: &str) -> (Trouble, String) {
        let Details {
            cluster,
            asked,
            status,
            words,
            ..
        } = &*self.0;
        let said = if words.is_empty() {
            format!("status {status}")
        } else {
            words.clone()
        };
        let told = |kind, hint: &str| {
            (
                kind,
                format!("cluster {cluster} says: {said} ({asked}). hint: {hint}"),
            )
        };
        match status {
            401 => told(
                Trouble::Denied,
                "the cluster does not accept the login that the operator configured; only the operator can help",
            ),
            403 => match self.missing() {
                Some((path, privilege)) => told(
                    Trouble::Denied,
                    &format!(
                        "the account that the host logs in with lacks the privilege {privilege} on {path}; ask the \
                         operator to grant it (pveum acl modify {path} …)"
                    ),
                ),
                None if !needs.is_empty() => told(
                    Trouble::Denied,
                    &format!(
                        "the account that the host logs in with needs {needs}; ask the operator to grant it"
                    ),
                ),
                None => told(
                    Trouble::Denied,
                    "the account that the host logs in with lacks a privilege; pve_permissions shows what it has",
                ),
            },
            400 => {
                let fields: Vec<String> = self
                    .0
                    .fields
                    .iter()
                    .map(|(name, what)| format!("{name}: {what}"))
                    .collect();
                let what = if fields.is_empty() {
                    said
                } else {
                    fields.join("; ")
                };
                (
                    Trouble::InvalidInput,
                    format!(
                        "cluster {cluster} refuses the parameters of {asked}: {what}. hint: correct them and call again"
                    ),
                )
            }
            501 => told(
                Trouble::Unsupported,
                "this version of Proxmox VE has no such request; it may need a newer one",
            ),
            595 | 596 | 599 => told(
                Trouble::Unavailable,
                "the node does not answer; pve_cluster shows which nodes are online",
            ),
            502..=504 => told(Trouble::Unavailable, "try again in a minute"),
            _ => self.failed(&said),
        }
    }

    /// Everything that goes wrong at run time is a 500; the words tell what it is.
    fn failed(&self, said: &str) -> (Trouble, String) {
        let Details { cluster, asked, .. } = &*self.0;
        let (kind, hint) = if self.says("is locked") {
            (
                Trouble::Conflict,
                "another task works on it: look with pve_tasks, wait with pve_task_wait, then call again",
            )
        } else if self.says("agent is not running") || self.says("no qemu guest agent") {
            (
                Trouble::Conflict,
                "install and start qemu-guest-agent in the machine, and enable it in its configuration",
            )
        } else if self.says("already exists")
            || self.says("already used")
            || self.says("already running")
        {
            (
                Trouble::Conflict,
                "choose another id or name, or leave it as it is",
            )
        } else if self.says("not running") || self.says("is running") {
            (
                Trouble::Conflict,
                "look at its state with pve_guest_status first",
            )
        } else if self.says("does not exist") || self.says("no such") || self.says("unable to find")
        {
            (
                Trouble::NotFound,
                "look it up first: pve_guests, pve_snapshots, pve_backups, pve_storage",
            )
        } else if self.says("cluster not ready - no quorum") {
            (
                Trouble::Unavailable,
                "the cluster has lost its quorum and changes nothing until nodes are back",
            )
        } else {
            (
                Trouble::Internal,
                "the message is the cluster's own; pve_tasks shows what happened lately",
            )
        };
        (
            kind,
            format!("cluster {cluster} says: {said} ({asked}). hint: {hint}"),
        )
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.explain("") {
            Failure::Tool(error) => error.fmt(f),
            other => other.fmt(f),
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        error.explain("")
    }
}
