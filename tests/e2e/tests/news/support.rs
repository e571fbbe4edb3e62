//! A host with both plugins, and whoever listens to it.

use std::time::Duration;

use e2e::control::Control;
use e2e::session::Session;
use e2e::sse::Events;
use e2e::{Deployment, Host, mcp};
use serde_json::{Value, json};

pub(crate) struct Cx {
    pub(crate) control: Control,
    pub(crate) deployment: Deployment,
    pub(crate) host: Host,
}

impl Cx {
    pub(crate) async fn start(tables: &str) -> Self {
        let control = Control::start().await;
        control.answer("/list", "[]");
        control.answer("/look", "{}");
        control.answer("/neighbour", "1");
        let (erratic, neighbour) = (control.erratic(), control.plugin("neighbour"));
        let deployment = Deployment::new(&format!("{erratic}{neighbour}{tables}"));
        let host = Host::start(&deployment).await;
        Self {
            control,
            deployment,
            host,
        }
    }

    pub(crate) fn client(&self) -> mcp::Client {
        mcp::Client::new(self.host.url())
    }

    /// Has the plugin say that this changed.
    pub(crate) async fn announce(&self, what: &[&str], times: usize) {
        let arguments = json!({ "what": what, "times": times });
        let said = self.client().call("erratic_announce", arguments).await;
        assert_ne!(said.unwrap()["isError"], true);
    }

    /// Somebody of the new era who listens.
    pub(crate) async fn listener(&self, filter: Value) -> Events {
        let params = json!({ "notifications": filter });
        let response = self.client().send("subscriptions/listen", params).await;
        let mut events = Events::of(response);
        let first = events.message().await.unwrap();
        assert_eq!(
            first["method"], "notifications/subscriptions/acknowledged",
            "{first}"
        );
        events
    }

    /// Somebody of the old era who listens.
    pub(crate) async fn session(&self) -> (Session, Events) {
        let session = Session::open(self.host.url()).await;
        let events = session.listen().await;
        (session, events)
    }
}

/// What is in a list-changed notification.
pub(crate) fn list(name: &str) -> String {
    format!("notifications/{name}/list_changed")
}

/// How often changes may be told in this time: ten times a second, and once more at either end.
pub(crate) fn most(time: Duration) -> usize {
    usize::try_from(time.as_millis() / 100).unwrap() + 2
}

/// Messages up to the one that `is_last` says, which is not among them.
pub(crate) async fn until(events: &mut Events, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut messages = Vec::new();
    loop {
        let message = events.message().await.unwrap();
        if is_last(&message) {
            return messages;
        }
        messages.push(message);
    }
}
