//! Asking the person or the client: questions, replies, and the call that comes back with them.
//!
//! A call that asks ends; the host asks, and then makes the same call again in a fresh instance. What was answered in
//! earlier rounds travels in the continuation, which the host seals.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::{RawReply, World};
use crate::context::{Call, Context};
use crate::error::{Failure, Result, ToolError};
use crate::suspend::Suspended;

mod form;
mod question;

pub use form::{AnyForm, Form};
pub use question::{Confirm, Confirmed, Other, Question, Root, Roots, Sample, Sampled, Visit};

/// One thing to ask for, as it goes to the host. [`Question`]s make it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Ask {
    /// Fill in a form.
    Form {
        /// What is asked and why.
        message: String,
        /// JSON Schema of the answer: a flat object.
        schema: String,
    },
    /// Visit a page.
    Visit {
        /// What is asked and why.
        message: String,
        /// Where to go.
        url: String,
    },
    /// Say yes or no.
    Confirm(Confirm),
    /// Have the client's model write: parameters of `sampling/createMessage`, in JSON.
    Sample(String),
    /// Tell the client's folders.
    Roots,
    /// A kind that a later release describes, in JSON.
    Other(String),
}

/// What came back for a question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reply<T = Value> {
    /// Yes, with the answer.
    Accepted(T),
    /// The person said no.
    Declined,
    /// The person made no choice.
    Cancelled,
}

impl<T> Reply<T> {
    /// The answer; where there is none, the tool ends with an error of kind
    /// [`Trouble::Denied`](crate::Trouble::Denied) that the model reads.
    pub fn accepted(self) -> Result<T> {
        match self {
            Self::Accepted(answer) => Ok(answer),
            Self::Declined => Err(ToolError::denied("the person declined").into()),
            Self::Cancelled => Err(ToolError::denied("the person made no choice").into()),
        }
    }

    /// The answer, if there is one.
    pub fn into_answer(self) -> Option<T> {
        match self {
            Self::Accepted(answer) => Some(answer),
            Self::Declined | Self::Cancelled => None,
        }
    }

    fn try_map<U>(self, read: impl FnOnce(T) -> Result<U>) -> Result<Reply<U>> {
        Ok(match self {
            Self::Accepted(answer) => Reply::Accepted(read(answer)?),
            Self::Declined => Reply::Declined,
            Self::Cancelled => Reply::Cancelled,
        })
    }
}

impl Reply {
    /// Reads the answer as a type of one's own.
    pub fn read<T: DeserializeOwned>(self) -> Result<Reply<T>> {
        self.try_map(read_answer)
    }

    fn from_raw(raw: RawReply) -> Self {
        match raw {
            RawReply::Accepted(json) => {
                Self::Accepted(serde_json::from_str(&json).unwrap_or(Value::Null))
            }
            RawReply::Declined => Self::Declined,
            RawReply::Cancelled => Self::Cancelled,
        }
    }
}

/// The host checked the answer against the question, so a misfit is a mistake of the plugin.
fn read_answer<T: DeserializeOwned>(answer: Value) -> Result<T> {
    serde_json::from_value(answer).map_err(|error| {
        ToolError::internal(format!("the answer is not what was asked for: {error}")).into()
    })
}

/// Questions put together by hand, and what to remember until they are answered.
///
/// [`Context::ask`] does this by itself. By hand: return the questions as an error, and read what came back with
/// [`Context::answer`] and [`Context::continuation`].
///
/// ```
/// use toolward_sdk::prelude::*;
/// use toolward_sdk::ask::{Questions, Roots};
///
/// /// Counts the folders that the client works in.
/// #[tool(read_only)]
/// fn count_roots(cx: &Context) -> Result<String> {
///     match cx.answer("roots") {
///         None => Err(Questions::new().ask("roots", &Roots)?.remember("round 1").into()),
///         Some(reply) => {
///             let roots = reply.accepted()?;
///             Ok(format!("{} folders", roots.as_array().map_or(0, Vec::len)))
///         }
///     }
/// }
///
/// plugin!(count_roots);
/// # let host = toolward_sdk::testing::Host::new(&PLUGIN).answer("roots", json!([{"uri": "file:///a"}]));
/// # let call = host.call("count_roots", json!({}));
/// # assert_eq!(call.text(), "1 folders");
/// # assert_eq!(call.asked[0].key, "roots");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "return it as an error: `Err(questions.into())`"]
pub struct Questions {
    pub(crate) requests: Vec<(String, Ask)>,
    pub(crate) continuation: Vec<u8>,
}

impl Questions {
    /// Nothing asked yet. Without questions, the client just comes back with the continuation.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a question. Its key is unique among them: 1 to 64 of `A`–`Z`, `a`–`z`, `0`–`9`, `_`, `.`, `-`.
    pub fn ask<Q: Question>(mut self, key: impl Into<String>, question: &Q) -> Result<Self> {
        self.requests.push((key.into(), question.to_ask()?));
        Ok(self)
    }

    /// What [`Context::continuation`] gives back when the call is repeated. The client carries it, sealed.
    pub fn remember(mut self, continuation: impl Into<Vec<u8>>) -> Self {
        self.continuation = continuation.into();
        self
    }
}

impl From<Questions> for Failure {
    fn from(questions: Questions) -> Self {
        Self::Suspended(Suspended::asks(questions))
    }
}

/// Marks a continuation of ours, so that one made by hand is not mistaken for it.
const MARK: &[u8] = b"toolward-sdk/1\n";

/// What [`Context::ask`] keeps from round to round.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Memory {
    /// What was answered in rounds before the last.
    kept: BTreeMap<String, Kept>,
    /// What was asked in the last round.
    asked: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Kept {
    Accepted(Value),
    Declined,
    Cancelled,
}

impl Memory {
    /// With the replies to the last round among those that are kept.
    fn recall(call: &Call) -> Self {
        let bytes = call.continuation().unwrap_or_default();
        let mut memory: Self = bytes
            .strip_prefix(MARK)
            .and_then(|json| serde_json::from_slice(json).ok())
            .unwrap_or_default();
        for key in std::mem::take(&mut memory.asked) {
            if let Some(raw) = call.answer(&key) {
                let kept = match Reply::from_raw(raw) {
                    Reply::Accepted(answer) => Kept::Accepted(answer),
                    Reply::Declined => Kept::Declined,
                    Reply::Cancelled => Kept::Cancelled,
                };
                memory.kept.insert(key, kept);
            }
        }
        memory
    }

    fn reply(&self, key: &str) -> Option<Reply> {
        Some(match self.kept.get(key)?.clone() {
            Kept::Accepted(answer) => Reply::Accepted(answer),
            Kept::Declined => Reply::Declined,
            Kept::Cancelled => Reply::Cancelled,
        })
    }

    fn ask(mut self, requests: Vec<(String, Ask)>) -> Failure {
        self.asked = requests.iter().map(|(key, _)| key.clone()).collect();
        let json = match serde_json::to_vec(&self) {
            Ok(json) => json,
            Err(error) => return error.into(),
        };
        let continuation = [MARK, &json].concat();
        Questions {
            requests,
            continuation,
        }
        .into()
    }
}

impl Context {
    /// Asks the person or the client, and gives the reply.
    ///
    /// Where there is none yet, the call ends here: pass the error on with `?`. The host asks, and then makes the same
    /// call again, from the beginning; this time the reply is there. So ask before you change anything. Several
    /// questions in a row are several rounds, and the replies of all of them stay.
    ///
    /// ```
    /// use toolward_sdk::prelude::*;
    /// use toolward_sdk::ask::Form;
    ///
    /// /// How to address the person.
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Who {
    ///     /// Your name.
    ///     name: String,
    /// }
    ///
    /// /// Greets the person by name.
    /// #[tool(read_only)]
    /// fn greet(cx: &Context) -> Result<String> {
    ///     let who = cx.ask("who", Form::<Who>::new("What is your name?"))?.accepted()?;
    ///     Ok(format!("Hello, {}!", who.name))
    /// }
    ///
    /// plugin!(greet);
    ///
    /// let host = toolward_sdk::testing::Host::new(&PLUGIN).answer("who", json!({"name": "Ada"}));
    /// assert_eq!(host.call("greet", json!({})).text(), "Hello, Ada!");
    /// ```
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the caller has no use for it afterwards"
    )]
    pub fn ask<Q: Question>(&self, key: &str, question: Q) -> Result<Reply<Q::Answer>> {
        let memory = Memory::recall(&self.call);
        match memory.reply(key) {
            Some(reply) => reply.try_map(Q::read),
            None => Err(memory.ask(vec![(key.to_owned(), question.to_ask()?)])),
        }
    }

    /// Asks several things at once: up to four, each with its key. The person is bothered only once.
    ///
    /// ```
    /// use toolward_sdk::prelude::*;
    /// use toolward_sdk::ask::{Confirm, Roots};
    ///
    /// # fn example(cx: &Context) -> Result<()> {
    /// let (sure, roots) = cx.ask_all((
    ///     ("sure", Confirm::new("All orders of today are cancelled.")),
    ///     ("roots", Roots),
    /// ))?;
    /// sure.accepted()?;
    /// # Ok(()) }
    /// ```
    pub fn ask_all<A: AskAll>(&self, questions: A) -> Result<A::Replies> {
        let memory = Memory::recall(&self.call);
        let mut missing = Vec::new();
        questions.missing(&memory.known(), &mut missing)?;
        if missing.is_empty() {
            A::read(questions, &memory.known())
        } else {
            Err(memory.ask(missing))
        }
    }

    /// What came back for the question of that key. Only for questions that this plugin asked in the round before
    /// this call, or in a job's last step; the host checked it against the question.
    #[must_use]
    pub fn answer(&self, key: &str) -> Option<Reply> {
        self.call.answer(key).map(Reply::from_raw)
    }

    /// A reply that the client sent unasked. Anyone may write anything here: never a confirmation.
    #[must_use]
    pub fn volunteered(&self, key: &str) -> Option<Reply> {
        self.call.volunteered(key).map(Reply::from_raw)
    }

    /// What the [`Questions`] of the round before remembered; none on the first call. Genuine: only what the host
    /// sealed for this principal, tool and arguments arrives here.
    #[must_use]
    pub fn continuation(&self) -> Option<Vec<u8>> {
        self.call.continuation()
    }
}

impl Memory {
    fn known(&self) -> impl Fn(&str) -> Option<Reply> {
        |key| self.reply(key)
    }
}

/// Up to four questions with their keys, for [`Context::ask_all`].
pub trait AskAll {
    /// A reply for each.
    type Replies;
    #[doc(hidden)]
    fn missing(
        &self,
        known: &dyn Fn(&str) -> Option<Reply>,
        missing: &mut Vec<(String, Ask)>,
    ) -> Result<()>;
    #[doc(hidden)]
    fn read(self, known: &dyn Fn(&str) -> Option<Reply>) -> Result<Self::Replies>;
}

macro_rules! ask_all {
    ($($question:ident $at:tt),+) => {
        impl<$($question: Question),+> AskAll for ($((&str, $question),)+) {
            type Replies = ($(Reply<$question::Answer>,)+);

            fn missing(
                &self,
                known: &dyn Fn(&str) -> Option<Reply>,
                missing: &mut Vec<(String, Ask)>,
            ) -> Result<()> {
                $(if known(self.$at.0).is_none() {
                    missing.push((self.$at.0.to_owned(), self.$at.1.to_ask()?));
                })+
                Ok(())
            }

            fn read(self, known: &dyn Fn(&str) -> Option<Reply>) -> Result<Self::Replies> {
                Ok(($(known(self.$at.0).unwrap_or(Reply::Cancelled).try_map($question::read)?,)+))
            }
        }
    };
}

ask_all!(A 0);
ask_all!(A 0, B 1);
ask_all!(A 0, B 1, C 2);
ask_all!(A 0, B 1, C 2, D 3);
