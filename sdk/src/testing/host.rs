//! The host of a test.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::call::Called;
use super::script::Exchange;
use super::world::{Call, Shared};
use crate::call::{Backend, Principal};
use crate::context::Context;
use crate::tool::{Definition, Plugin};

/// Calls a plugin's tools. A backend that an [`Exchange`] names is bound by itself; give a [`Backend`] where the
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
            in_order: false,
            cancelled: Cell::new(false),
            time_left: Cell::new(Duration::from_mins(1)),
            idempotency_key: "test-call".to_owned(),
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

    /// Cancels the calls from here on, those that run included.
    pub fn cancel(&self) {
        self.shared.cancelled.set(true);
    }

    /// The tools as the host offers them, given the bound backends.
    #[must_use]
    pub fn tools(&self) -> Vec<Definition> {
        let backends = &self.shared.backends;
        let read_only: Vec<bool> = backends.iter().map(|backend| backend.read_only).collect();
        self.plugin.offered(&read_only)
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
        let cx = self.context();
        let result = self.plugin.call(&cx, tool, &arguments);
        let traces = cx.call.traces.into_inner();
        Called {
            result,
            progress: traces.progress,
            notices: traces.notices,
            logs: traces.logs,
            requests: traces.requests,
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
