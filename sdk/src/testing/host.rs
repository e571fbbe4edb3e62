//! The host of a test.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::call::{Asked, Called};
use super::flat;
use super::script::{Answer, Exchange, Sent};
use super::world::{Call, Round, Server, Shared, Traces};
use crate::ask::Reply;
use crate::call::{Backend, Capability, Principal, RawReply};
use crate::completion::{Blank, Suggestions};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::{DocumentBody, Link};
use crate::plugin::Plugin;
use crate::prompt::{Filled, PromptDefinition};
use crate::resource::{Found, ResourceDefinition};
use crate::suspend::Suspension;
use crate::tool::Definition;
use crate::watch::{Sighting, Watched};

/// More rounds of questions than any call has that comes to an end.
const ROUNDS: usize = 20;

/// Calls a plugin's tools, and reads what else it offers. A backend that an [`Exchange`] names is bound by itself; give a [`Backend`] where the
/// tool looks at more than its name.
///
/// # Panics
///
/// When it is dropped and an expected request never came.
#[derive(Debug)]
pub struct Host {
    plugin: &'static Plugin,
    shared: Rc<Shared>,
}

impl Host {
    /// A host without backends and settings, called by the tenant `test`.
    ///
    /// # Panics
    ///
    /// When the arguments of a tool are not an object: no host takes it.
    #[must_use]
    #[track_caller]
    pub fn new(plugin: &'static Plugin) -> Self {
        for tool in plugin.definitions() {
            let kind = &tool.input_schema["type"];
            assert!(
                kind == "object",
                "tool `{}` takes {kind}; its arguments are fields of a struct",
                tool.name
            );
        }
        let shared = Shared {
            settings: json!({}),
            principal: Principal {
                tenant: "test".to_owned(),
                subject: None,
                scopes: Vec::new(),
            },
            backends: Vec::new(),
            script: RefCell::default(),
            servers: Vec::new(),
            in_order: false,
            cancelled: Cell::new(false),
            time_left: Cell::new(Duration::from_mins(1)),
            idempotency_key: "test-call".to_owned(),
            unsupported: Vec::new(),
            locale: None,
            traceparent: None,
            request_meta: Vec::new(),
            replies: Vec::new(),
            volunteered: Vec::new(),
        };
        Self {
            plugin,
            shared: Rc::new(shared),
        }
    }

    /// Expects a request.
    #[must_use]
    #[track_caller]
    pub fn expect(self, exchange: Exchange) -> Self {
        self.set(|shared| {
            if !shared
                .backends
                .iter()
                .any(|backend| backend.name == exchange.backend())
            {
                shared.backends.push(Backend::named(exchange.backend()));
            }
            shared.script.get_mut().push(exchange);
        })
    }

    /// Answers every request to a backend that no [`Exchange`] is for: a simulator in place of a script.
    ///
    /// ```
    /// # use toolward_sdk::prelude::*;
    /// # /// Asks for the time.
    /// # #[tool]
    /// # fn time(cx: &Context) -> Result<String> {
    /// #     Ok(cx.http("clock").get("/time").send()?.text()?)
    /// # }
    /// # plugin!(time);
    /// use toolward_sdk::testing::{Answer, Host};
    ///
    /// let host = Host::new(&PLUGIN).serve("clock", |sent| Answer::status(200).body(sent.path.as_str()));
    /// assert_eq!(host.call("time", json!({})).text(), "/time");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn serve(self, backend: &str, answer: impl Fn(&Sent) -> Answer + 'static) -> Self {
        self.set(|shared| {
            if !shared.backends.iter().any(|known| known.name == backend) {
                shared.backends.push(Backend::named(backend));
            }
            shared.servers.push(Server {
                backend: backend.to_owned(),
                answer: Box::new(answer),
            });
        })
    }

    /// Takes requests only in the order in which they are expected.
    #[must_use]
    #[track_caller]
    pub fn in_order(self) -> Self {
        self.set(|shared| shared.in_order = true)
    }

    /// Binds a backend, in place of one of the same name.
    #[must_use]
    #[track_caller]
    pub fn backend(self, backend: Backend) -> Self {
        self.set(|shared| {
            shared.backends.retain(|known| known.name != backend.name);
            shared.backends.push(backend);
        })
    }

    /// The operator's settings for the plugin.
    ///
    /// # Panics
    ///
    /// When they cannot be written as JSON.
    #[must_use]
    #[track_caller]
    pub fn settings(self, settings: impl Serialize) -> Self {
        match serde_json::to_value(settings) {
            Ok(value) => self.set(|shared| shared.settings = value),
            Err(error) => panic!("these settings cannot be written as JSON: {error}"),
        }
    }

    /// Who is calling.
    #[must_use]
    #[track_caller]
    pub fn principal(self, tenant: &str, subject: Option<&str>, scopes: &[&str]) -> Self {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        let principal = Principal {
            tenant: tenant.to_owned(),
            subject: subject.map(str::to_owned),
            scopes,
        };
        self.set(|shared| shared.principal = principal)
    }

    /// How long each call may still take; sleeping uses it up. A minute where nothing is said.
    #[must_use]
    #[track_caller]
    pub fn time_left(self, time: Duration) -> Self {
        self.set(|shared| shared.time_left = Cell::new(time))
    }

    /// The reply to the question of this key, whenever it is asked: as JSON, what the person fills in.
    ///
    /// ```
    /// # use toolward_sdk::prelude::*;
    /// # use toolward_sdk::ask::Confirm;
    /// # /// Deletes all.
    /// # #[tool]
    /// # fn delete_all(cx: &Context) -> Result<()> {
    /// #     cx.ask("sure", Confirm::new("All is deleted."))?.accepted()?;
    /// #     Ok(())
    /// # }
    /// # plugin!(delete_all);
    /// use toolward_sdk::testing::Host;
    ///
    /// let call = Host::new(&PLUGIN).reply("sure", Reply::Declined).call("delete_all", json!({}));
    /// assert_eq!(call.error().kind, Trouble::Denied);
    ///
    /// // Without a reply, the call ends with its questions.
    /// let call = Host::new(&PLUGIN).call("delete_all", json!({}));
    /// assert_eq!(call.asked[0].key, "sure");
    /// assert!(matches!(call.result, Err(Failure::Suspended(_))));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn reply(self, key: &str, reply: Reply) -> Self {
        self.set(|shared| shared.replies.push((key.to_owned(), raw(reply))))
    }

    /// The answer to the question of this key, which is accepted.
    #[must_use]
    #[track_caller]
    pub fn answer(self, key: &str, answer: Value) -> Self {
        self.reply(key, Reply::Accepted(answer))
    }

    /// A reply that the client sends unasked.
    #[must_use]
    #[track_caller]
    pub fn volunteer(self, key: &str, reply: Reply) -> Self {
        self.set(|shared| shared.volunteered.push((key.to_owned(), raw(reply))))
    }

    /// The client cannot be asked for this. Where nothing is said, it can be asked for everything.
    #[must_use]
    #[track_caller]
    pub fn without(self, what: Capability) -> Self {
        self.set(|shared| shared.unsupported.push(what))
    }

    /// What the person reads, as a language tag.
    #[must_use]
    #[track_caller]
    pub fn locale(self, locale: &str) -> Self {
        self.set(|shared| shared.locale = Some(locale.to_owned()))
    }

    /// The `traceparent` of each call.
    #[must_use]
    #[track_caller]
    pub fn traceparent(self, traceparent: &str) -> Self {
        self.set(|shared| shared.traceparent = Some(traceparent.to_owned()))
    }

    /// An entry of each request's `_meta`.
    #[must_use]
    #[track_caller]
    pub fn request_meta(self, key: &str, value: &Value) -> Self {
        self.set(|shared| {
            shared
                .request_meta
                .push((key.to_owned(), value.to_string()));
        })
    }

    /// Cancels the calls from here on, those that run included.
    pub fn cancel(&self) {
        self.shared.cancelled.set(true);
    }

    /// The tools as the host offers them, given the bound backends.
    #[must_use]
    pub fn tools(&self) -> Vec<Definition> {
        let offered = self.plugin.offered(&self.context());
        offered.into_iter().map(Definition::from).collect()
    }

    /// Calls a tool.
    ///
    /// # Panics
    ///
    /// When it sends a request that nobody expects, or the arguments cannot be written as JSON.
    #[track_caller]
    pub fn call(&self, tool: &str, arguments: impl Serialize) -> Called {
        let arguments = match serde_json::to_string(&arguments) {
            Ok(arguments) => arguments,
            Err(error) => panic!("these arguments cannot be written as JSON: {error}"),
        };
        self.rounds(|cx| self.plugin.call(cx, tool, &arguments))
    }

    /// The prompts as the host offers them.
    #[must_use]
    pub fn prompts(&self) -> Vec<PromptDefinition> {
        self.plugin.prompt_definitions()
    }

    /// Fills a prompt.
    ///
    /// # Panics
    ///
    /// When it sends a request that nobody expects.
    #[must_use]
    #[track_caller]
    pub fn prompt(&self, name: &str, arguments: &[(&str, &str)]) -> Called<Filled> {
        let arguments: Vec<_> = arguments
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        self.rounds(|cx| self.plugin.fill(cx, name, &arguments))
    }

    /// All resources that are listed, page by page.
    #[track_caller]
    pub fn resources(&self) -> Result<Vec<Link>> {
        let mut links = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.plugin.resources(&self.context(), cursor.as_deref())?;
            links.extend(page.entries);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(links),
            }
        }
    }

    /// The families of resources as the host offers them.
    #[must_use]
    pub fn templates(&self) -> Vec<ResourceDefinition> {
        self.plugin.templates()
    }

    /// Reads a resource.
    ///
    /// # Panics
    ///
    /// When it sends a request that nobody expects.
    #[must_use]
    #[track_caller]
    pub fn read(&self, uri: &str) -> Called<Found> {
        self.rounds(|cx| self.plugin.read(cx, uri))
    }

    /// Reads a resource that is one text.
    ///
    /// # Panics
    ///
    /// When it cannot be read or is something else.
    #[must_use]
    #[track_caller]
    pub fn read_text(&self, uri: &str) -> String {
        let found = self.read(uri).unwrap();
        match found.documents.as_slice() {
            [document] => match &document.body {
                DocumentBody::Text(text) => text.clone(),
                DocumentBody::Bytes(_) => panic!("{uri} is not text"),
            },
            documents => panic!("{uri} holds {} documents", documents.len()),
        }
    }

    /// Looks at resources that somebody watches.
    #[track_caller]
    pub fn look(&self, watched: &[Watched]) -> Result<Vec<Result<Sighting>>> {
        self.plugin.look(&self.context(), watched)
    }

    /// Suggests what could stand in a blank.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "tests make one for each call"
    )]
    #[track_caller]
    pub fn complete(&self, blank: Blank) -> Result<Suggestions> {
        self.plugin.complete(&self.context(), &blank)
    }

    /// Makes a call again and again, as long as it asks and the test has the replies.
    #[track_caller]
    fn rounds<T>(&self, run: impl Fn(&Context) -> Result<T>) -> Called<T> {
        let mut traces = Traces::default();
        let mut round = Round::default();
        let mut asked = Vec::new();
        let mut left = ROUNDS;
        let result = loop {
            let cx = Context {
                call: Call::with(Rc::clone(&self.shared), traces, round),
            };
            let result = run(&cx);
            traces = cx.call.traces.into_inner();
            let Err(Failure::Suspended(suspended)) = &result else {
                break result;
            };
            let Suspension::Asks(questions) = suspended.get() else {
                break result;
            };
            flat::check(&questions.requests);
            asked.extend(questions.requests.iter().map(|(key, ask)| Asked {
                key: key.clone(),
                ask: ask.clone(),
            }));
            let Some(answers) = self.shared.replies(&questions.requests) else {
                break result;
            };
            round = Round {
                continuation: Some(questions.continuation.clone()),
                answers,
            };
            left -= 1;
            assert!(left > 0, "the call asks again and again: {asked:?}");
        };
        Called {
            result,
            progress: traces.progress,
            notices: traces.notices,
            logs: traces.logs,
            requests: traces.requests,
            asked,
            changes: traces.changes,
            plugin: self.plugin,
            shared: Rc::clone(&self.shared),
        }
    }

    /// A context to call functions with that are not tools themselves.
    #[must_use]
    pub fn context(&self) -> Context {
        Context {
            call: Call::new(Rc::clone(&self.shared)),
        }
    }

    /// The host is set up before it makes a context, so nobody else looks.
    #[track_caller]
    fn set(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        match Rc::get_mut(&mut self.shared) {
            Some(shared) => change(shared),
            None => panic!("set the host up before making a context"),
        }
        self
    }
}

fn raw(reply: Reply) -> RawReply {
    match reply {
        Reply::Accepted(answer) => RawReply::Accepted(answer.to_string()),
        Reply::Declined => RawReply::Declined,
        Reply::Cancelled => RawReply::Cancelled,
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        let script = self.shared.script.borrow();
        let missing: Vec<String> = script
            .iter()
            .filter(|exchange| !exchange.always)
            .map(|exchange| format!("\n  {exchange}"))
            .collect();
        assert!(
            missing.is_empty(),
            "these expected requests never came:{}",
            missing.concat()
        );
    }
}
