//! The kinds of questions, each with the type of its answer.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Ask, read_answer};
use crate::error::Result;

/// Something that can be asked with [`Context::ask`](crate::Context::ask).
pub trait Question {
    /// What an accepted reply holds.
    type Answer;
    /// The question for the host.
    fn to_ask(&self) -> Result<Ask>;
    /// Reads an accepted reply.
    fn read(answer: Value) -> Result<Self::Answer>;
}

/// Sends the person to a web page: a login, a payment, a consent. It must fit the operator's `visit-urls`.
///
/// An accepted reply says only that the person agreed to go; what was done there the plugin asks the page's owner.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Visit {
    message: String,
    url: String,
}

impl Visit {
    /// What is asked and why, and where to go.
    pub fn new(message: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            url: url.into(),
        }
    }
}

impl Question for Visit {
    type Answer = ();

    fn to_ask(&self) -> Result<Ask> {
        Ok(Ask::Visit {
            message: self.message.clone(),
            url: self.url.clone(),
        })
    }

    fn read(_: Value) -> Result<()> {
        Ok(())
    }
}

/// A yes or no before something that cannot easily be undone.
///
/// The host knows what this is: it writes what is shown, applies the operator's policy for the backend, and puts who
/// confirmed what into the audit. Where nobody can be asked, the host ends the call with an error that says how.
///
/// ```
/// use toolward_sdk::prelude::*;
/// use toolward_sdk::ask::Confirm;
///
/// /// Which machine.
/// #[derive(Deserialize, JsonSchema)]
/// struct Machine {
///     /// Its name.
///     name: String,
/// }
///
/// /// Deletes a machine.
/// #[tool(destructive)]
/// fn machine_delete(cx: &Context, args: Machine) -> Result<String> {
///     let question = Confirm::new(format!("The machine {} is deleted.", args.name))
///         .detail("Disks", "2, together 80 GiB")
///         .backend("pve")
///         .reason_required();
///     let confirmed = cx.ask("delete", question)?.accepted()?;
///     // … and only now delete it.
///     Ok(format!("deleted, because: {}", confirmed.reason.unwrap_or_default()))
/// }
///
/// plugin!(machine_delete);
/// # let host = toolward_sdk::testing::Host::new(&PLUGIN).answer("delete", json!({"reason": "old"}));
/// # assert_eq!(host.call("machine_delete", json!({"name": "a"})).text(), "deleted, because: old");
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Confirm {
    pub(crate) message: String,
    pub(crate) details: Vec<(String, String)>,
    pub(crate) backend: Option<String>,
    pub(crate) reason_required: bool,
    pub(crate) reason_given: Option<String>,
}

impl Confirm {
    /// One sentence: what will happen, to what.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    /// Adds something that the decision depends on.
    #[must_use]
    pub fn detail(mut self, label: impl Into<String>, value: impl Into<String>) -> Self {
        self.details.push((label.into(), value.into()));
        self
    }

    /// The backend that changes, whose policy then holds.
    #[must_use]
    pub fn backend(mut self, name: impl Into<String>) -> Self {
        self.backend = Some(name.into());
        self
    }

    /// The one who confirms must say why.
    #[must_use]
    pub fn reason_required(mut self) -> Self {
        self.reason_required = true;
        self
    }

    /// The reason that came with the tool's own arguments, if its caller confirmed there. Whether that suffices is
    /// the operator's policy.
    #[must_use]
    pub fn reason_given(mut self, reason: Option<&str>) -> Self {
        self.reason_given = reason.map(str::to_owned);
        self
    }
}

/// The answer to a [`Confirm`] that was accepted.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
pub struct Confirmed {
    /// Why, if that was said.
    pub reason: Option<String>,
}

impl Question for Confirm {
    type Answer = Confirmed;

    fn to_ask(&self) -> Result<Ask> {
        Ok(Ask::Confirm(self.clone()))
    }

    fn read(answer: Value) -> Result<Confirmed> {
        read_answer(answer)
    }
}

/// Has the client's model write.
///
/// ```
/// use toolward_sdk::prelude::*;
/// use toolward_sdk::ask::Sample;
///
/// # fn example(cx: &Context, log: &str) -> Result<()> {
/// let question = Sample::new(200).user(format!("Why did this job fail?\n\n{log}")).param("temperature", &json!(0));
/// let why = cx.ask("why", question)?.accepted()?;
/// println!("{}", why.text());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    messages: Vec<Value>,
    params: Map<String, Value>,
}

impl Sample {
    /// At most so many tokens.
    #[must_use]
    pub fn new(max_tokens: u32) -> Self {
        Self {
            messages: Vec::new(),
            params: Map::from_iter([("maxTokens".to_owned(), max_tokens.into())]),
        }
    }

    /// Adds what the person says.
    #[must_use]
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message("user", &text.into())
    }

    /// Adds what the model said.
    #[must_use]
    pub fn assistant(self, text: impl Into<String>) -> Self {
        self.message("assistant", &text.into())
    }

    fn message(mut self, role: &str, text: &str) -> Self {
        let content = json!({"type": "text", "text": text});
        self.messages
            .push(json!({"role": role, "content": content}));
        self
    }

    /// Says who the model is.
    #[must_use]
    pub fn system(self, prompt: impl Into<String>) -> Self {
        self.param("systemPrompt", &prompt.into().into())
    }

    /// Sets another parameter of `sampling/createMessage`.
    #[must_use]
    pub fn param(mut self, name: &str, value: &Value) -> Self {
        self.params.insert(name.to_owned(), value.clone());
        self
    }
}

/// What a model wrote.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Sampled {
    /// Its content, as the protocol writes it: one piece or a list.
    pub content: Value,
    /// Which model.
    pub model: String,
    /// Why it ended.
    pub stop_reason: Option<String>,
}

impl Sampled {
    /// All of it that is text.
    #[must_use]
    pub fn text(&self) -> String {
        let pieces = match &self.content {
            Value::Array(pieces) => pieces.as_slice(),
            one => std::slice::from_ref(one),
        };
        let texts: Vec<&str> = pieces
            .iter()
            .filter_map(|piece| piece["text"].as_str())
            .collect();
        texts.join("\n")
    }
}

impl Question for Sample {
    type Answer = Sampled;

    fn to_ask(&self) -> Result<Ask> {
        let mut params = self.params.clone();
        params.insert("messages".to_owned(), self.messages.clone().into());
        Ok(Ask::Sample(Value::from(params).to_string()))
    }

    fn read(answer: Value) -> Result<Sampled> {
        read_answer(answer)
    }
}

/// Asks which folders the client works in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Roots;

/// A folder that the client works in.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Root {
    /// Where it is, as a `file:` URL.
    pub uri: String,
    /// Its name for people.
    pub name: Option<String>,
}

impl Question for Roots {
    type Answer = Vec<Root>;

    fn to_ask(&self) -> Result<Ask> {
        Ok(Ask::Roots)
    }

    fn read(answer: Value) -> Result<Vec<Root>> {
        read_answer(answer)
    }
}

/// A kind of question that this version does not know.
#[derive(Clone, Debug, PartialEq)]
pub struct Other(pub Value);

impl Question for Other {
    type Answer = Value;

    fn to_ask(&self) -> Result<Ask> {
        Ok(Ask::Other(self.0.to_string()))
    }

    fn read(answer: Value) -> Result<Value> {
        Ok(answer)
    }
}
