//! The call that a tool serves: what it may say and ask while it runs.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::{Backend, Capability, Change, LogLevel, NoticeLevel, Principal, World};
use crate::error::{Failure, Result, ToolError};
use crate::http::Http;
use crate::misfit::from_json;

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::guest::Call;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::Call;

/// The call that a tool serves.
///
/// ```
/// use toolward_sdk::prelude::*;
///
/// /// Greets the caller.
/// #[tool(read_only)]
/// fn greet(cx: &Context) -> Result<String> {
///     cx.progress(1.0, 1.0, "greeting");
///     Ok(format!("Good day, {}!", cx.principal().subject.unwrap_or_default()))
/// }
///
/// plugin!(greet);
/// # let host = toolward_sdk::testing::Host::new(&PLUGIN).principal("acme", Some("ada"), &[]);
/// # let call = host.call("greet", json!({}));
/// # assert_eq!(call.text(), "Good day, ada!");
/// # assert_eq!(call.progress[0].message.as_deref(), Some("greeting"));
/// ```
#[cfg_attr(
    target_arch = "wasm32",
    derive(ref_cast::RefCastCustom),
    repr(transparent)
)]
pub struct Context {
    pub(crate) call: Call,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

impl Context {
    /// Lends the host's call as a context: without a lifetime of its own, `&Context` is all that authors write.
    #[cfg(target_arch = "wasm32")]
    #[ref_cast::ref_cast_custom]
    pub(crate) const fn of(call: &Call) -> &Self;

    /// Tells how far the call is: how much is done, of how much (where that is known), and doing what.
    ///
    /// ```
    /// # fn example(cx: &toolward_sdk::Context) {
    /// cx.progress(3.0, 10.0, "3 of 10 disks read");
    /// cx.progress(4.0, None, None);
    /// # }
    /// ```
    pub fn progress<'m>(
        &self,
        done: f64,
        total: impl Into<Option<f64>>,
        message: impl Into<Option<&'m str>>,
    ) {
        self.call.progress(done, total.into(), message.into());
    }

    /// Sends a message to the client, which shows it or not as its user chose.
    ///
    /// ```
    /// # fn example(cx: &toolward_sdk::Context) -> toolward_sdk::Result<()> {
    /// use toolward_sdk::NoticeLevel;
    ///
    /// cx.notify(NoticeLevel::Warning, "two servers did not answer")
    /// # }
    /// ```
    pub fn notify(&self, level: NoticeLevel, data: impl Serialize) -> Result<()> {
        self.call
            .notify(level, None, &serde_json::to_string(&data)?);
        Ok(())
    }

    /// The same, naming the part of the plugin that speaks.
    pub fn notify_as(&self, logger: &str, level: NoticeLevel, data: impl Serialize) -> Result<()> {
        self.call
            .notify(level, Some(logger), &serde_json::to_string(&data)?);
        Ok(())
    }

    /// Writes a line to the operator's log.
    ///
    /// ```
    /// # fn example(cx: &toolward_sdk::Context) {
    /// use toolward_sdk::LogLevel;
    ///
    /// cx.log(LogLevel::Info, "job started", &[("job", "Nightly")]);
    /// # }
    /// ```
    pub fn log(&self, level: LogLevel, message: &str, fields: &[(&str, &str)]) {
        let fields: Vec<_> = fields
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        self.call.log(level, message, &fields);
    }

    /// Whether the caller no longer waits. Requests and [`sleep`](Self::sleep) notice by themselves; a long
    /// computation asks now and then and returns [`Failure::Cancelled`].
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.call.cancelled()
    }

    /// How long the call may still take.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.call.time_left()
    }

    /// Waits. Fails with [`Failure::Cancelled`] as soon as the call is cancelled. In tests no time goes by.
    pub fn sleep(&self, time: Duration) -> Result<()> {
        if self.call.sleep(time) {
            Ok(())
        } else {
            Err(Failure::Cancelled)
        }
    }

    /// Who is calling.
    #[must_use]
    pub fn principal(&self) -> Principal {
        self.call.principal()
    }

    /// A key that stays the same when the same call is tried again: send it on where a backend can recognise
    /// a repeated request by it.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        self.call.idempotency_key()
    }

    /// Whether the client of this call can be asked for this, and the operator lets this plugin ask.
    ///
    /// ```
    /// # use toolward_sdk::prelude::*;
    /// use toolward_sdk::Capability;
    ///
    /// # fn example(cx: &Context) -> bool {
    /// cx.supports(Capability::Form)
    /// # }
    /// ```
    #[must_use]
    pub fn supports(&self, what: Capability) -> bool {
        self.call.supports(what)
    }

    /// What the person reads, as a language tag (`de-AT`), if the client tells.
    #[must_use]
    pub fn locale(&self) -> Option<String> {
        self.call.locale()
    }

    /// The W3C `traceparent` of this call. Requests to backends carry it by themselves.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.call.traceparent()
    }

    /// What the client put under this key into the request's `_meta`. Not to be trusted.
    #[must_use]
    pub fn request_meta(&self, key: &str) -> Option<Value> {
        let meta = self.call.request_meta();
        let (_, json) = meta.iter().find(|(known, _)| known == key)?;
        serde_json::from_str(json).ok()
    }

    /// Tells the host that lists or resources are no longer what they were. Whoever calls this needs the operator's
    /// grant `changes`; the component imports it only then.
    ///
    /// ```
    /// # fn example(cx: &toolward_sdk::Context) {
    /// cx.changes().resource("shop://orders/7");
    /// # }
    /// ```
    #[must_use]
    pub fn changes(&self) -> Changes<'_> {
        Changes { cx: self }
    }

    /// The operator's settings for this plugin (`[plugins.NAME.settings]` in the host's configuration).
    ///
    /// ```
    /// use toolward_sdk::prelude::*;
    ///
    /// #[derive(Deserialize)]
    /// struct Settings { #[serde(default)] language: Option<String> }
    ///
    /// # fn example(cx: &Context) -> Result<()> {
    /// let settings: Settings = cx.settings()?;
    /// # Ok(()) }
    /// ```
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T> {
        from_json(&self.call.settings()).map_err(|misfit| {
            let what = match misfit.path.as_str() {
                "" => "the settings".to_owned(),
                path => format!("setting `{path}`"),
            };
            ToolError::internal(format!("{what} of this plugin: {}", misfit.reason)).into()
        })
    }

    /// The backends that the operator bound for this plugin and tenant.
    #[must_use]
    pub fn backends(&self) -> Vec<Backend> {
        self.call.backends()
    }

    /// A client for the backend of this name. The host knows its address and logs in: requests carry neither.
    ///
    /// ```
    /// # use toolward_sdk::prelude::*;
    /// # fn example(cx: &Context, id: &str) -> Result<()> {
    /// let job: Value = cx.http("vbr").get("/api/v1/jobs").segment(id).send()?.json()?;
    /// # Ok(()) }
    /// ```
    pub fn http(&self, backend: &str) -> Http<'_> {
        Http::new(self, backend)
    }
}

/// Tells what changed. The host gathers what comes in quick succession, looks for itself, and tells who listens.
#[derive(Clone, Copy, Debug)]
pub struct Changes<'c> {
    cx: &'c Context,
}

impl Changes<'_> {
    /// The list of tools.
    pub fn tools(self) {
        self.cx.call.changed(Change::Tools);
    }

    /// The list of prompts.
    pub fn prompts(self) {
        self.cx.call.changed(Change::Prompts);
    }

    /// The lists of resources and of their families.
    pub fn resources(self) {
        self.cx.call.changed(Change::Resources);
    }

    /// The content of one resource.
    pub fn resource(self, uri: &str) {
        self.cx.call.changed(Change::Resource(uri.to_owned()));
    }
}
