//! What a call would change, as data: the requests that would be sent, each with what it does. A dry run shows it, the
//! confirmation is about it, and the job carries it out.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use toolward_sdk::JsonSchema;

use crate::guest::{Guest, Label};
use crate::show;

/// One request that changes something.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Action {
    pub(crate) cluster: String,
    pub(crate) guest: Option<Label>,
    /// What happens, in one sentence without its full stop.
    pub(crate) effect: String,
    pub(crate) method: String,
    pub(crate) path: Vec<String>,
    pub(crate) parameters: Vec<(String, String)>,
    /// The task that it begins; none: it is done when it is answered.
    pub(crate) task: Option<Begun>,
    /// `VM.PowerMgmt on /vms/101`.
    pub(crate) needs: String,
}

/// A task as it can be found again in the node's list.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Begun {
    pub(crate) node: String,
    /// Its type, such as `qmstart`.
    pub(crate) kind: String,
    /// What it is about: most often a guest's number.
    pub(crate) about: String,
}

impl Action {
    pub(crate) fn new(
        cluster: &str,
        method: &str,
        path: Vec<String>,
        effect: impl Into<String>,
    ) -> Self {
        Self {
            cluster: cluster.to_owned(),
            guest: None,
            effect: effect.into(),
            method: method.to_owned(),
            path,
            parameters: Vec::new(),
            task: None,
            needs: String::new(),
        }
    }

    /// About a guest: where its tasks are, and what they are called.
    pub(crate) fn on(
        guest: &Guest,
        method: &str,
        rest: &[&str],
        effect: impl Into<String>,
    ) -> Self {
        let mut action = Self::new(&guest.cluster, method, guest.path(rest), effect);
        action.guest = Some(guest.label());
        action
    }

    #[expect(clippy::needless_pass_by_value, reason = "numbers and texts alike")]
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.parameters.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn with_opt(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Where it is set: the API takes what is left out as no.
    pub(crate) fn flag(self, name: &str, on: bool) -> Self {
        if on { self.with(name, 1) } else { self }
    }

    #[expect(clippy::needless_pass_by_value, reason = "numbers and texts alike")]
    pub(crate) fn begins(
        mut self,
        node: &str,
        kind: impl Into<String>,
        about: impl ToString,
    ) -> Self {
        self.task = Some(Begun {
            node: node.to_owned(),
            kind: kind.into(),
            about: about.to_string(),
        });
        self
    }

    pub(crate) fn needs(mut self, needs: impl Into<String>) -> Self {
        self.needs = needs.into();
        self
    }
}

/// Everything that a call would do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// One line for people: what it does, to what.
    pub(crate) title: String,
    pub(crate) actions: Vec<Action>,
    /// What to know before: who depends on it, what cannot be undone.
    pub(crate) notes: Vec<String>,
    /// What is left out, and why.
    pub(crate) skipped: Vec<(Option<Label>, String)>,
}

impl Plan {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            actions: Vec::new(),
            notes: Vec::new(),
            skipped: Vec::new(),
        }
    }

    pub(crate) fn of(title: impl Into<String>, action: Action) -> Self {
        let mut plan = Self::new(title);
        plan.actions.push(action);
        plan
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// A request that a dry run did not send.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Planned {
    /// The cluster it would go to.
    pub(crate) cluster: String,
    /// Method and path.
    pub(crate) request: String,
    /// Its parameters.
    pub(crate) parameters: Map<String, Value>,
    /// What it would change.
    pub(crate) effect: String,
    /// The right that it takes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) needs: String,
}

impl From<&Action> for Planned {
    fn from(action: &Action) -> Self {
        let mut parameters = Map::new();
        for (name, value) in &action.parameters {
            let shown = Value::String(show::line(value, 300));
            match parameters.get_mut(name) {
                Some(Value::Array(all)) => all.push(shown),
                Some(one) => *one = Value::Array(vec![one.take(), shown]),
                None => {
                    parameters.insert(name.clone(), shown);
                }
            }
        }
        Self {
            cluster: action.cluster.clone(),
            request: format!("{} /{}", action.method, action.path.join("/")),
            parameters,
            effect: action.effect.clone(),
            needs: action.needs.clone(),
        }
    }
}
