//! Which backup server is meant, where the operator bound several for the backend `vbr`.

use toolward_sdk::prelude::*;
use toolward_sdk::{Backend, Definition};

use crate::client::Client;

/// The backend's name in the plugins' manifests.
pub const BACKEND: &str = "vbr";

/// The argument that chooses a server.
const ARGUMENT: &str = "server";

/// A backup server within reach.
#[derive(Clone, Debug)]
pub struct Server {
    /// As the operator names it, and requests do.
    pub name: String,
    /// Its name for people.
    pub title: Option<String>,
    /// Whether the operator allows only looking.
    pub read_only: bool,
    /// Whether it is one of several, so that answers say which.
    pub one_of_several: bool,
    /// The revision that the operator says it speaks.
    pub(crate) revision: Option<String>,
    /// Its build, where it said so in an earlier call.
    pub(crate) build: Option<String>,
    default: bool,
}

impl Server {
    /// All of them, in the operator's order.
    pub fn all(cx: &Context) -> Result<Vec<Self>> {
        let mut bound = cx.backends();
        bound.retain(|backend| backend.answers == BACKEND);
        let one_of_several = bound.len() > 1;
        if bound.is_empty() {
            return Err(ToolError::unavailable(
                "no backup server is bound to this plugin. hint: only the operator can help, with \
                 backends = { vbr = \"…\" } in the configuration of the plugin",
            )
            .into());
        }
        let servers = bound.into_iter().map(|backend| Self {
            revision: backend.facts["revision"].as_str().map(str::to_owned),
            build: backend.learned["build"].as_str().map(str::to_owned),
            name: backend.name,
            title: backend.title,
            read_only: backend.read_only,
            default: backend.default,
            one_of_several,
        });
        Ok(servers.collect())
    }

    /// The one that is named, by its name or its title; the operator's first where none is.
    pub fn pick(cx: &Context, named: Option<&str>) -> Result<Self> {
        let mut servers = Self::all(cx)?;
        let Some(named) = named.map(str::trim).filter(|named| !named.is_empty()) else {
            let first = servers.iter().position(|server| server.default);
            return Ok(servers.swap_remove(first.unwrap_or(0)));
        };
        let is_it = |server: &Self| {
            let title = server.title.as_deref().unwrap_or_default();
            server.name.eq_ignore_ascii_case(named) || title.eq_ignore_ascii_case(named)
        };
        if let Some(at) = servers.iter().position(is_it) {
            return Ok(servers.swap_remove(at));
        }
        let known: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
        Err(ToolError::not_found(format!(
            "there is no backup server {named:?}. hint: say one of {}",
            known.join(", ")
        ))
        .into())
    }

    /// Its name, where answers have to say which it is.
    #[must_use]
    pub fn label(&self) -> Option<String> {
        self.one_of_several.then(|| self.name.clone())
    }
}

/// A server that could not be asked.
#[answer]
#[derive(Clone, Debug)]
pub struct Unreachable {
    /// Which.
    pub server: String,
    /// Why, and what to do.
    pub reason: String,
}

/// What all servers say, and which of them could not be asked.
#[derive(Debug)]
pub struct FromAll<T> {
    /// What each said.
    pub answers: Vec<(Server, T)>,
    /// Those that did not.
    pub unreachable: Vec<Unreachable>,
}

/// Asks the server that is named, or all of them where none is: one that is down does not hide the others.
pub fn ask_all<T>(
    cx: &Context,
    named: Option<&str>,
    ask: impl Fn(&Client<'_>) -> Result<T>,
) -> Result<FromAll<T>> {
    let servers = match named {
        Some(_) => vec![Server::pick(cx, named)?],
        None => Server::all(cx)?,
    };
    let alone = servers.len() == 1;
    let mut all = FromAll {
        answers: Vec::new(),
        unreachable: Vec::new(),
    };
    let mut last = None;
    for server in servers {
        let asked = Client::new(cx, &server).and_then(|client| ask(&client));
        match asked {
            Ok(answer) => all.answers.push((server, answer)),
            // What one server says no to, it says to whoever asked for it alone.
            Err(Failure::Tool(error)) if !alone => {
                all.unreachable.push(Unreachable {
                    server: server.name,
                    reason: error.message.clone(),
                });
                last = Some(error);
            }
            Err(failure) => return Err(failure),
        }
    }
    match last {
        Some(error) if all.answers.is_empty() => Err(error.into()),
        _ => Ok(all),
    }
}

/// Leaves the argument `server` out of a tool where there is nothing to choose, and names the choices where there is.
/// For `plugin!`.
pub fn tailor(backends: &[Backend], tool: &mut Definition) {
    let servers: Vec<&str> = backends
        .iter()
        .filter(|backend| backend.answers == BACKEND)
        .map(|backend| backend.name.as_str())
        .collect();
    let Some(properties) = tool.input_schema["properties"].as_object_mut() else {
        return;
    };
    if servers.len() > 1 {
        if let Some(argument) = properties.get_mut(ARGUMENT).and_then(Value::as_object_mut) {
            argument.insert("type".to_owned(), "string".into());
            argument.insert("examples".to_owned(), json!(servers));
        }
        return;
    }
    properties.remove(ARGUMENT);
    // The host wants an object to have properties, or none at all.
    if properties.is_empty()
        && let Some(schema) = tool.input_schema.as_object_mut()
    {
        schema.insert("properties".to_owned(), json!({}));
    }
}
