//! A plugin: all that it offers, in one table. [`plugin!`](crate::plugin!) makes it.

use crate::call::{Backend, World};
use crate::completion::{Blank, Suggestions};
use crate::context::Context;
use crate::error::{Cause, RequestError, Result, ToolError};
use crate::job::{JobEntry, Step, Turn};
use crate::meta::Freshness;
use crate::output::Output;
use crate::prompt::{Filled, PromptDefinition, PromptEntry};
use crate::resource::{self, Found, Page, ResourceDefinition, ResourceEntry};
use crate::tool::{Definition, Entry, Offered};
use crate::watch::{Sighting, Watched};

/// Looks at watched resources; see [`Sighting`].
pub type LookFunction = fn(&Context, &[Watched]) -> Result<Vec<Result<Sighting>>>;

/// Suggests what could stand in a blank; see [`Blank`].
pub type CompleteFunction = fn(&Context, &Blank) -> Result<Suggestions>;

/// Makes a tool fit what is bound, before it is listed: leaves out an argument that chooses between backends where there is
/// only one.
pub type TailorFunction = fn(&[Backend], &mut Definition);

/// A tailor's work comes as a pointer beside its function, so that a plugin without one has no code that reads schemas.
#[derive(Clone, Copy, Debug)]
struct Tailor {
    fit: TailorFunction,
    apply: fn(TailorFunction, &Context, Vec<Offered>) -> Vec<Offered>,
}

fn tailored(fit: TailorFunction, cx: &Context, tools: Vec<Offered>) -> Vec<Offered> {
    let backends = cx.backends();
    let tailored = |tool| {
        let mut definition = Definition::from(tool);
        fit(&backends, &mut definition);
        definition.into()
    };
    tools.into_iter().map(tailored).collect()
}

/// What a plugin offers; [`plugin!`](crate::plugin) makes one, called `PLUGIN`.
#[derive(Clone, Copy, Debug)]
pub struct Plugin {
    tools: &'static [Entry],
    jobs: &'static [JobEntry],
    resources: &'static [ResourceEntry],
    watch: Option<LookFunction>,
    prompts: &'static [PromptEntry],
    completions: Option<CompleteFunction>,
    freshness: Option<Freshness>,
    tailor: Option<Tailor>,
}

impl Plugin {
    /// A plugin of these tools.
    ///
    /// # Panics
    ///
    /// When two have the same name; in a constant, as `plugin!` makes one, this is an error when it is compiled.
    #[must_use]
    pub const fn new(tools: &'static [Entry]) -> Self {
        let mut first = 0;
        while first < tools.len() {
            let mut second = first + 1;
            while second < tools.len() {
                assert!(
                    !same(tools[first].listed.name, tools[second].listed.name),
                    "two tools of this plugin have the same name"
                );
                second += 1;
            }
            first += 1;
        }
        Self {
            tools,
            jobs: &[],
            resources: &[],
            watch: None,
            prompts: &[],
            completions: None,
            freshness: None,
            tailor: None,
        }
    }

    /// With these jobs.
    ///
    /// # Panics
    ///
    /// When two have the same format.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_jobs(mut self, jobs: &'static [JobEntry]) -> Self {
        let mut first = 0;
        while first < jobs.len() {
            let mut second = first + 1;
            while second < jobs.len() {
                assert!(
                    jobs[first].format != jobs[second].format,
                    "two jobs of this plugin have the same format"
                );
                second += 1;
            }
            first += 1;
        }
        self.jobs = jobs;
        self
    }

    /// With these resources.
    ///
    /// # Panics
    ///
    /// When two have the same URI.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_resources(mut self, resources: &'static [ResourceEntry]) -> Self {
        let mut first = 0;
        while first < resources.len() {
            let mut second = first + 1;
            while second < resources.len() {
                assert!(
                    !same(resources[first].uri, resources[second].uri),
                    "two resources of this plugin have the same URI"
                );
                second += 1;
            }
            first += 1;
        }
        self.resources = resources;
        self
    }

    /// With these prompts.
    ///
    /// # Panics
    ///
    /// When two have the same name.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_prompts(mut self, prompts: &'static [PromptEntry]) -> Self {
        let mut first = 0;
        while first < prompts.len() {
            let mut second = first + 1;
            while second < prompts.len() {
                assert!(
                    !same(prompts[first].name, prompts[second].name),
                    "two prompts of this plugin have the same name"
                );
                second += 1;
            }
            first += 1;
        }
        self.prompts = prompts;
        self
    }

    /// With resources that can be watched.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_watch(mut self, look: LookFunction) -> Self {
        self.watch = Some(look);
        self
    }

    /// With suggestions for blanks.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_completions(mut self, complete: CompleteFunction) -> Self {
        self.completions = Some(complete);
        self
    }

    /// With lists that stay good for a while.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_freshness(mut self, freshness: Freshness) -> Self {
        self.freshness = Some(freshness);
        self
    }

    /// With tools that look different for what is bound.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_tailor(mut self, tailor: TailorFunction) -> Self {
        self.tailor = Some(Tailor {
            fit: tailor,
            apply: tailored,
        });
        self
    }

    /// Its tools as they are listed, in the order of `plugin!`.
    #[must_use]
    pub fn definitions(&self) -> Vec<Definition> {
        self.tools
            .iter()
            .map(|entry| entry.listed.definition())
            .collect()
    }

    /// Its tools as the host offers them, given the backends: where all are bound for reading only, those that may
    /// write are left out. A tool that does not say that it only reads may write.
    pub(crate) fn offered(&self, cx: &Context) -> Vec<Offered> {
        let read_only = cx.call.read_only();
        let mut tools = Vec::new();
        for Entry { listed, .. } in self.tools {
            if !read_only || listed.hints.read_only == Some(true) {
                tools.push(listed.offered());
            }
        }
        match self.tailor {
            Some(Tailor { fit, apply }) => apply(fit, cx, tools),
            None => tools,
        }
    }

    /// Runs a tool on arguments in JSON.
    pub(crate) fn call(&self, cx: &Context, name: &str, arguments: &str) -> Result<Output> {
        let Some(entry) = self.tools.iter().find(|entry| entry.listed.name == name) else {
            return Err(RequestError::new(
                Cause::NotFound,
                format!("this plugin has no tool `{name}`"),
            )
            .into());
        };
        (entry.call)(cx, arguments)
    }
}

/// What only plugins that offer more than tools have.
#[cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "tests need less of it than the host")
)]
impl Plugin {
    pub(crate) const fn freshness(&self) -> Option<Freshness> {
        self.freshness
    }

    pub(crate) fn job_formats(&self) -> Vec<u32> {
        self.jobs.iter().map(|job| job.format).collect()
    }

    pub(crate) fn advance(
        &self,
        cx: &Context,
        turn: &Turn,
        format: u32,
        state: &[u8],
    ) -> Result<Step> {
        self.job(format)?.advance(cx, turn, state)
    }

    pub(crate) fn cancel(
        &self,
        cx: &Context,
        turn: &Turn,
        format: u32,
        state: &[u8],
    ) -> Result<Step> {
        self.job(format)?.cancel(cx, turn, state)
    }

    fn job(&self, format: u32) -> Result<&JobEntry> {
        let job = self.jobs.iter().find(|job| job.format == format);
        job.ok_or_else(|| {
            let message = format!("this plugin has no job whose state has the format {format}");
            ToolError::internal(message).into()
        })
    }

    pub(crate) fn resources(&self, cx: &Context, cursor: Option<&str>) -> Result<Page> {
        let mut page = resource::list(self.resources, cx, cursor)?;
        page.freshness = page.freshness.or(self.freshness);
        Ok(page)
    }

    pub(crate) fn templates(&self) -> Vec<ResourceDefinition> {
        resource::templates(self.resources)
    }

    pub(crate) fn read(&self, cx: &Context, uri: &str) -> Result<Found> {
        resource::read(self.resources, cx, uri)
    }

    pub(crate) fn look(&self, cx: &Context, watched: &[Watched]) -> Result<Vec<Result<Sighting>>> {
        let Some(look) = self.watch else {
            return Err(ToolError::internal("this plugin watches nothing").into());
        };
        let seen = look(cx, watched)?;
        if seen.len() == watched.len() {
            Ok(seen)
        } else {
            let message = format!("{} resources, {} answers", watched.len(), seen.len());
            Err(ToolError::internal(message).into())
        }
    }

    pub(crate) fn prompt_definitions(&self) -> Vec<PromptDefinition> {
        let prompts = self.prompts.iter();
        prompts.map(|entry| (entry.definition)()).collect()
    }

    pub(crate) fn fill(
        &self,
        cx: &Context,
        name: &str,
        arguments: &[(String, String)],
    ) -> Result<Filled> {
        let Some(entry) = self.prompts.iter().find(|entry| entry.name == name) else {
            let message = format!("this plugin has no prompt `{name}`");
            return Err(RequestError::not_found(message).into());
        };
        (entry.fill)(cx, arguments)
    }

    pub(crate) fn complete(&self, cx: &Context, blank: &Blank) -> Result<Suggestions> {
        match self.completions {
            Some(complete) => complete(cx, blank),
            None => Ok(Suggestions::default()),
        }
    }
}

/// `str` cannot be compared with `==` in constants.
const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Says what the plugin offers: functions marked with [`#[tool]`](macro@crate::tool), by name or path. Used once in a
/// crate.
///
/// Defines `PLUGIN`, which [`testing::Host`](crate::testing::Host) runs, and in a component the exports that the host
/// calls.
///
/// ```
/// use toolward_sdk::prelude::*;
///
/// mod tools {
///     use toolward_sdk::prelude::*;
///
///     /// Answers at once.
///     #[tool(read_only)]
///     pub(crate) fn ping() -> Result<String> {
///         Ok("pong".to_owned())
///     }
/// }
///
/// plugin!(tools::ping);
/// assert_eq!(PLUGIN.definitions()[0].name, "ping");
/// ```
///
/// A plugin that offers more than tools names each kind. All of them may be left out, and the component exports only
/// what is named:
///
/// | section | holds |
/// |---|---|
/// | `tools: [a, b]` | functions with [`#[tool]`](macro@crate::tool) |
/// | `jobs: [A, B]` | types that are a [`Job`](crate::Job) |
/// | `resources: [a, b]` | functions with [`#[resource]`](macro@crate::resource) |
/// | `watch: look` | a function that looks at resources; see [`Sighting`](crate::Sighting) |
/// | `prompts: [a, b]` | functions with [`#[prompt]`](macro@crate::prompt) |
/// | `completions: complete` | a function that suggests; see [`Blank`](crate::Blank) |
/// | `freshness: value` | how long the lists stay good, a [`Freshness`](crate::Freshness) |
/// | `tailor: fit` | a function that changes a tool's [`Definition`](crate::Definition) to fit the backends |
///
/// ```
/// use std::time::Duration;
/// use toolward_sdk::prelude::*;
/// use toolward_sdk::Freshness;
///
/// /// Begins a conversation about the weather.
/// #[prompt]
/// fn weather() -> Result<&'static str> {
///     Ok("Is it raining?")
/// }
///
/// plugin! {
///     prompts: [weather],
///     freshness: Freshness::everyone(Duration::from_secs(3600)),
/// }
/// # assert_eq!(toolward_sdk::testing::Host::new(&PLUGIN).prompts()[0].name, "weather");
/// ```
///
/// Two tools of one name do not compile:
///
/// ```compile_fail
/// # use toolward_sdk::prelude::*;
/// /// Answers at once.
/// #[tool]
/// fn ping() -> Result<String> { Ok("pong".to_owned()) }
///
/// plugin!(ping, ping);
/// ```
#[macro_export]
macro_rules! plugin {
    (tools: $($rest:tt)+) => { $crate::__plugin!([] [] tools: $($rest)+); };
    (jobs: $($rest:tt)+) => { $crate::__plugin!([] [] jobs: $($rest)+); };
    (resources: $($rest:tt)+) => { $crate::__plugin!([] [] resources: $($rest)+); };
    (watch: $($rest:tt)+) => { $crate::__plugin!([] [] watch: $($rest)+); };
    (prompts: $($rest:tt)+) => { $crate::__plugin!([] [] prompts: $($rest)+); };
    (completions: $($rest:tt)+) => { $crate::__plugin!([] [] completions: $($rest)+); };
    (freshness: $($rest:tt)+) => { $crate::__plugin!([] [] freshness: $($rest)+); };
    (tailor: $($rest:tt)+) => { $crate::__plugin!([] [] tailor: $($rest)+); };
    ($other:ident: $($rest:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "a plugin has no section `", ::core::stringify!($other),
            "`; it has `tools`, `jobs`, `resources`, `watch`, `prompts`, `completions`, `freshness` and `tailor`"
        ));
    };
    ($($tool:path),+ $(,)?) => { $crate::plugin!(tools: [$($tool),+]); };
}

/// Takes the sections of `plugin!` one by one: the tools, what is done with the table, what is exported.
#[doc(hidden)]
#[macro_export]
macro_rules! __plugin {
    // The section of the tools comes first in the table, wherever it is written.
    ([$($built:tt)*] [$($export:ident)*] $section:ident: $($rest:tt)*) => {
        $crate::__plugin!(@tools [] [$($built)*] [$($export)*] $section: $($rest)*);
    };
    (@tools [$($tools:tt)*] [$($built:tt)*] [$($export:ident)*]
        tools: [$($tool:path),* $(,)?] $(, $($rest:tt)*)?) => {
        $crate::__plugin!(@tools [$($tools)* $($tool),*] [$($built)*] [$($export)* export_tools] $($($rest)*)?);
    };
    (@tools $tools:tt [$($built:tt)*] [$($export:ident)*]
        jobs: [$($job:ty),* $(,)?] $(, $($rest:tt)*)?) => {
        $crate::__plugin!(@tools $tools
            [$($built)* .with_jobs(const { &[$($crate::__private::JobEntry::of::<$job>()),*] })]
            [$($export)* export_jobs] $($($rest)*)?);
    };
    (@tools $tools:tt [$($built:tt)*] [$($export:ident)*]
        resources: [$($resource:path),* $(,)?] $(, $($rest:tt)*)?) => {
        $crate::__plugin!(@tools $tools
            [$($built)* .with_resources(const { &[$($crate::__private::ResourceEntry::of::<$resource>()),*] })]
            [$($export)* export_resources] $($($rest)*)?);
    };
    (@tools $tools:tt [$($built:tt)*] [$($export:ident)*]
        watch: $look:expr $(, $($rest:tt)*)?) => {
        $crate::__plugin!(@tools $tools
            [$($built)* .with_watch($look)] [$($export)* export_watch] $($($rest)*)?);
    };
    (@tools $tools:tt [$($built:tt)*] [$($export:ident)*]
        prompts: [$($prompt:path),* $(,)?] $(, $($rest:tt)*)?) => {
        $crate::__plugin!(@tools $tools
            [$($built)* .with_prompts(const { &[$($crate::__private::PromptEntry::of::<$prompt>()),*] })]
            [$($export)* export_prompts] $($($rest)*)?);
    };
    (@tools $tools:tt [$($built:tt)*] [$($export:ident)*]
        completions: $complete:expr $(, $($rest:tt)*)?) => {
        $crate::__plugin!(@tools $tools
            [$($built)* .with_completions($complete)] [$($export)* export_completions] $($($rest)*)?);
    };
    (@tools $tools:tt [$($built:tt)*] [$($export:ident)*]
        freshness: $freshness:expr $(, $($rest:tt)*)?) => {
        $crate::__plugin!(@tools $tools
            [$($built)* .with_freshness($freshness)] [$($export)*] $($($rest)*)?);
    };
    (@tools $tools:tt [$($built:tt)*] [$($export:ident)*]
        tailor: $tailor:expr $(, $($rest:tt)*)?) => {
        $crate::__plugin!(@tools $tools
            [$($built)* .with_tailor($tailor)] [$($export)*] $($($rest)*)?);
    };
    (@tools [$($tool:path),*] [$($built:tt)*] [$($export:ident)*]) => {
        /// What this plugin offers.
        pub static PLUGIN: $crate::Plugin =
            $crate::Plugin::new(const { &[$($crate::__private::Entry::of::<$tool>()),*] }) $($built)*;

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Exports;

            impl $crate::__private::Offers for Exports {
                fn plugin() -> &'static $crate::Plugin {
                    &PLUGIN
                }
            }

            $($crate::__private::$export!(Exports);)*
        };
    };
}
