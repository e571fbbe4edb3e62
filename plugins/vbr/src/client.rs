//! Requests to a backup server: the revision on each of them, and the meaning of its errors.
//!
//! Which revision: what the operator says of the server (`facts.revision` of the binding), else of the plugin
//! (`settings.revision`). Else the newest is tried; a server that does not serve it is asked once for its build, in
//! words that every server understands, and the build tells the rest. Nothing outlives a call in a plugin, but the host
//! remembers a server's build (`learn` in the manifests): later calls begin with what that build serves.

use std::cell::{Cell, OnceCell};

use time::UtcOffset;
use toolward_sdk::http::{Http, Request, Response, StatusError};
use toolward_sdk::prelude::*;

use crate::moment;
use crate::read;
use crate::revision::{Feature, Revision, UnknownRevision};
use crate::servers::Server;

/// How much of the server's own words is passed on.
const MESSAGE: usize = 300;

/// A client for one server and one call.
#[derive(Debug)]
pub struct Client<'a> {
    http: Http<'a>,
    server: Server,
    revision: Cell<Revision>,
    /// Whether the server is known to serve that revision.
    settled: Cell<bool>,
    zone: OnceCell<UtcOffset>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    revision: Option<String>,
}

impl<'a> Client<'a> {
    /// For one server.
    pub fn new(cx: &'a Context, server: &Server) -> Result<Self> {
        let settings: Settings = cx.settings()?;
        let configured: Option<Revision> = server
            .revision
            .as_deref()
            .or(settings.revision.as_deref())
            .map(str::parse)
            .transpose()
            .map_err(|error: UnknownRevision| ToolError::internal(error.to_string()))?;
        let told = server.build.as_deref().and_then(Revision::of_build);
        Ok(Self {
            http: cx.http(&server.name).explain(explain),
            server: server.clone(),
            revision: Cell::new(configured.or(told).unwrap_or(Revision::NEWEST)),
            settled: Cell::new(configured.is_some()),
            zone: OnceCell::new(),
        })
    }

    /// For the server that is named, or the first.
    pub fn to(cx: &'a Context, server: Option<&str>) -> Result<Self> {
        Self::new(cx, &Server::pick(cx, server)?)
    }

    /// The server that is asked.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The revision in use: certain where the operator named it, and once an answer has come.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision.get()
    }

    /// Fails where the server does not have this; asks it for its revision if that is not certain yet.
    pub fn needs(&self, feature: Feature, instead: &str) -> Result<()> {
        // Older revisions than the one in use are all that may still come.
        if self.revision().has(feature) && !self.settled.get() {
            self.zone()?;
        }
        self.revision().needs(feature, instead)
    }

    /// Sends a request that reads: what `build` makes for the revision in use, and for older ones until the server
    /// serves one.
    pub fn get(&self, build: impl Fn(&Http<'a>, Revision) -> Result<Request<'a>>) -> Result<Value> {
        Ok(self.send(build)?.json()?)
    }

    /// The answer to a request.
    pub fn send(
        &self,
        build: impl Fn(&Http<'a>, Revision) -> Result<Request<'a>>,
    ) -> Result<Response> {
        self.attempt(build)?
            .map_err(|answer| HttpError::Status(answer).into())
    }

    /// The same, where some error of the API may be an answer, too.
    pub fn attempt(
        &self,
        build: impl Fn(&Http<'a>, Revision) -> Result<Request<'a>>,
    ) -> Result<Result<Response, Box<StatusError>>> {
        loop {
            let revision = self.revision.get();
            let request = build(&self.http, revision)?.header("x-api-version", revision);
            match request.send() {
                Ok(response) => {
                    self.settled.set(true);
                    return Ok(Ok(response));
                }
                Err(HttpError::Status(answer)) => {
                    if self.settled.get() || !is_not_served(&answer) {
                        return Ok(Err(answer));
                    }
                    match self.step_down(revision) {
                        Some(older) => self.revision.set(older),
                        None => return Ok(Err(answer)),
                    }
                }
                Err(error) => return Err(no_answer(error)),
            }
        }
    }

    /// What to try after a revision that is not served: what the build says, else the next older one.
    fn step_down(&self, refused: Revision) -> Option<Revision> {
        let older = refused.older()?;
        if refused != Revision::NEWEST {
            return Some(older);
        }
        let info = self
            .http
            .get("/api/v1/serverInfo")
            .header("x-api-version", Revision::OLDEST)
            .send();
        let build = info.ok().and_then(|answer| answer.json::<Value>().ok());
        let told = build.and_then(|info| Revision::of_build(info["buildVersion"].as_str()?));
        Some(told.map_or(older, |told| told.min(older)))
    }

    /// The zone of the server's clock, for times that do not say theirs. Asked once, and only when it is needed.
    pub fn zone(&self) -> Result<UtcOffset> {
        if let Some(zone) = self.zone.get() {
            return Ok(*zone);
        }
        let answer = self.get(|http, _| Ok(http.get("/api/v1/serverTime")))?;
        let time = read::text(&answer, "serverTime");
        let at = time.and_then(|time| moment::parse(&time, UtcOffset::UTC));
        let zone = at.map_or(UtcOffset::UTC, time::OffsetDateTime::offset);
        Ok(*self.zone.get_or_init(|| zone))
    }

    /// The zone to read the times of these answers in: asked for only where one of them does not say its own.
    pub fn zone_of<'v>(
        &self,
        answers: impl IntoIterator<Item = &'v Value>,
        times: &[&str],
    ) -> Result<UtcOffset> {
        let bare = |answer: &Value| {
            let mut times = times.iter().filter_map(|name| read::text(answer, name));
            times.any(|time| !moment::is_whole(&time))
        };
        if answers.into_iter().any(bare) {
            self.zone()
        } else {
            Ok(UtcOffset::UTC)
        }
    }

    /// The moment at which a span begins that somebody typed.
    pub fn since(&self, text: Option<&str>) -> Result<Option<time::OffsetDateTime>> {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let zone = if crate::window::is_local(text) {
            self.zone()?
        } else {
            UtcOffset::UTC
        };
        crate::window::since(text, moment::now(), zone).map(Some)
    }
}

/// A request that got no answer, with what to do about it. Where the host refused it, the host has said that.
fn no_answer(error: HttpError) -> Failure {
    let HttpError::Transport { kind, message } = error else {
        return error.into();
    };
    let hint = match kind {
        // The service listens only where the licence allows it, which looks like a server that is switched off.
        Trouble::Unavailable => {
            "try again in a minute; where nothing ever answers, the operator looks whether the server's REST service \
             runs: without a suitable licence (Community Edition has none) it does not listen"
        }
        Trouble::TimedOut => {
            "ask for less, with a smaller limit or a shorter time, or try again later"
        }
        _ => return ToolError::new(kind, message).into(),
    };
    let message = message.trim_end_matches('.');
    ToolError::new(kind, format!("{message}. hint: {hint}")).into()
}

/// The API's own name for what is wrong, in small letters: its case differs by revision elsewhere.
#[must_use]
pub fn code(answer: &StatusError) -> Option<String> {
    Some(answer.json()?["errorCode"].as_str()?.to_ascii_lowercase())
}

/// Whether the server does not serve the revision that was asked for. Never a 401: that is a login that failed.
fn is_not_served(answer: &StatusError) -> bool {
    match code(answer).as_deref() {
        Some(code) => code == "notimplemented" && matches!(answer.status, 400 | 406 | 415 | 501),
        // Something in front of the API's error bodies.
        None => matches!(answer.status, 406 | 415 | 501),
    }
}

/// What the API's errors mean, and what to do about them.
fn explain(answer: &StatusError) -> Option<ToolError> {
    let code = code(answer)?;
    let said = said(answer);
    let (kind, hint) = match (code.as_str(), answer.status) {
        // The host logs in again by itself; when this arrives, that did not help.
        (_, 401) | ("expiredtoken" | "invalidtoken", _) => (
            Trouble::Denied,
            "the backup server does not accept the login that the operator configured; only the operator can help",
        ),
        ("accessdenied", _) => (
            Trouble::Denied,
            "the account that the operator configured lacks the role for this; orders need Veeam Backup \
             Administrator or Veeam Backup Operator",
        ),
        ("notfound", _) => (
            Trouble::NotFound,
            "it may have been deleted; look it up again with the tool that lists it",
        ),
        ("notimplemented", _) => (
            Trouble::Unsupported,
            "the backup server does not serve this revision of its API; ask the operator to set another one, or none",
        ),
        ("invaliduri" | "methodnotallowed", _) => (
            Trouble::Unsupported,
            "this revision of the API has no such request; it may need a newer backup server",
        ),
        ("unexpectedcontent", _) => (
            Trouble::InvalidInput,
            "look at it again: its state may have changed, or it may not support this",
        ),
        ("serviceunavailable", 429) => return None,
        ("serviceunavailable", _) => (Trouble::Unavailable, "try again in a minute"),
        _ => return None,
    };
    let mut error = ToolError::new(
        kind,
        format!("the backup server says: {said}. hint: {hint}"),
    );
    error.retry_after = answer.retry_after;
    Some(error)
}

/// The message of the API on one line, without its full stop.
#[must_use]
pub fn said(answer: &StatusError) -> String {
    let json = answer.json().unwrap_or_default();
    let message = json["message"].as_str().unwrap_or_default().trim();
    let text: String = message
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MESSAGE)
        .collect();
    let text = text.trim_end_matches('.');
    if text.is_empty() {
        format!("status {}", answer.status)
    } else {
        text.to_owned()
    }
}
