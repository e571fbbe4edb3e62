//! What a plugin offers: its optional exports, each found by itself, and one method for each of their functions.

use wasmtime::component::{ComponentExportIndex, InstancePre};

use super::call::{CallError, Plugin};
use super::size;
use super::wit::completions::{Subject, Suggestions};
use super::wit::values::{Failure, InputNeeded};
use super::wit::{completions, jobs, prompts, resources, tools, watch};
use crate::capability::{CallInfo, State};

/// Which interfaces a component exports. At least one of tools, prompts and resources.
#[derive(Clone)]
pub(super) struct Exports {
    tools: Option<tools::GuestIndices>,
    /// One function of the tools by itself, as it is what is called most: to load all of an interface is to check the types
    /// of all its functions at each call.
    call_tool: Option<ComponentExportIndex>,
    prompts: Option<prompts::GuestIndices>,
    resources: Option<resources::GuestIndices>,
    watch: Option<watch::GuestIndices>,
    completions: Option<completions::GuestIndices>,
    jobs: Option<jobs::GuestIndices>,
}

impl Exports {
    /// Those of a component, or `None` when it offers nothing that this host serves.
    pub(super) fn of(pre: &InstancePre<State>) -> Option<Self> {
        let exports = Self {
            tools: tools::GuestIndices::new(pre).ok(),
            call_tool: call_tool(pre),
            prompts: prompts::GuestIndices::new(pre).ok(),
            resources: resources::GuestIndices::new(pre).ok(),
            watch: watch::GuestIndices::new(pre).ok(),
            completions: completions::GuestIndices::new(pre).ok(),
            jobs: jobs::GuestIndices::new(pre).ok(),
        };
        let offers =
            exports.tools.is_some() || exports.prompts.is_some() || exports.resources.is_some();
        offers.then_some(exports)
    }
}

/// As the interface's package has it (`wit/package.wit`).
const TOOLS: &str = "toolward:plugin/tools@0.1.0";

/// Where `tools.call-tool` is.
fn call_tool(pre: &InstancePre<State>) -> Option<ComponentExportIndex> {
    let component = pre.component();
    let tools = component.get_export_index(None, TOOLS)?;
    component.get_export_index(Some(&tools), "call-tool")
}

/// An answer, or the plugin's own refusal.
pub type Answer<T> = Result<T, Failure>;

/// Calls one function of one export in an instance. `$absent`: what a plugin without the export answers.
macro_rules! call {
    ($self:ident, $info:ident, $export:ident, $absent:expr, $function:ident $(, $argument:expr)*) => {{
        let Some(indices) = $self.exports.$export.clone() else { return $absent };
        $self
            .run(
                $info,
                Box::new(move |store, instance, context| {
                    Box::pin(async move {
                        let guest = indices.load(&mut *store, instance)?;
                        guest.$function(store, context $(, $argument)*).await
                    })
                }),
            )
            .await
    }};
}

impl Plugin {
    /// Whether it exports `completions`.
    #[must_use]
    pub fn completes(&self) -> bool {
        self.exports.completions.is_some()
    }

    /// Whether it exports `watch`.
    #[must_use]
    pub fn watches(&self) -> bool {
        self.exports.watch.is_some()
    }

    /// Whether it exports `jobs`.
    #[must_use]
    pub fn has_jobs(&self) -> bool {
        self.exports.jobs.is_some()
    }

    /// `tools.list-tools`; nothing when it exports no tools.
    pub async fn list_tools(&self, info: CallInfo) -> Result<Answer<tools::Listing>, CallError> {
        let nothing = tools::Listing {
            tools: Vec::new(),
            freshness: None,
        };
        let listed = call!(self, info, tools, Ok(Ok(nothing)), call_list_tools)?;
        self.within_size(listed, size::of_tools)
    }

    /// `tools.call-tool`. `arguments` is a JSON object that fits the tool's input schema.
    pub async fn call_tool(
        &self,
        info: CallInfo,
        name: String,
        arguments: String,
    ) -> Result<Answer<tools::Outcome>, CallError> {
        let Some(function) = self.exports.call_tool else {
            return Err(self.trap());
        };
        let answer = self
            .run(
                info,
                Box::new(move |store, instance, context| {
                    Box::pin(async move {
                        let parameters = (context, name.as_str(), arguments.as_str());
                        let function = instance.get_typed_func(&mut *store, function)?;
                        let (answer,): (Answer<tools::Outcome>,) =
                            function.call_async(store, parameters).await?;
                        Ok(answer)
                    })
                }),
            )
            .await?;
        let answer = self.within_size(answer, size::of_outcome)?;
        if let Ok(tools::Outcome::InputNeeded(needed)) = &answer {
            self.within_continuation(needed)?;
        }
        Ok(answer)
    }

    /// `prompts.list-prompts`; nothing when it exports no prompts.
    pub async fn list_prompts(
        &self,
        info: CallInfo,
    ) -> Result<Answer<prompts::Listing>, CallError> {
        let nothing = prompts::Listing {
            prompts: Vec::new(),
            freshness: None,
        };
        let listed = call!(self, info, prompts, Ok(Ok(nothing)), call_list_prompts)?;
        self.within_size(listed, size::of_prompts)
    }

    /// `prompts.get-prompt`.
    pub async fn get_prompt(
        &self,
        info: CallInfo,
        name: String,
        arguments: Vec<(String, String)>,
    ) -> Result<Answer<prompts::PromptOutcome>, CallError> {
        let answer = call!(
            self,
            info,
            prompts,
            Err(self.trap()),
            call_get_prompt,
            &name,
            &arguments
        )?;
        let answer = self.within_size(answer, size::of_prompt_outcome)?;
        if let Ok(prompts::PromptOutcome::InputNeeded(needed)) = &answer {
            self.within_continuation(needed)?;
        }
        Ok(answer)
    }

    /// `resources.list-resources`: one page; nothing when it exports no resources.
    pub async fn list_resources(
        &self,
        info: CallInfo,
        cursor: Option<String>,
    ) -> Result<Answer<resources::Page>, CallError> {
        let nothing = resources::Page {
            entries: Vec::new(),
            next: None,
            freshness: None,
        };
        let listed = call!(
            self,
            info,
            resources,
            Ok(Ok(nothing)),
            call_list_resources,
            cursor.as_deref()
        )?;
        self.within_size(listed, size::of_resources)
    }

    /// `resources.list-templates`: one page; nothing when it exports no resources.
    pub async fn list_templates(
        &self,
        info: CallInfo,
        cursor: Option<String>,
    ) -> Result<Answer<resources::TemplatePage>, CallError> {
        let nothing = resources::TemplatePage {
            templates: Vec::new(),
            next: None,
            freshness: None,
        };
        let listed = call!(
            self,
            info,
            resources,
            Ok(Ok(nothing)),
            call_list_templates,
            cursor.as_deref()
        )?;
        self.within_size(listed, size::of_templates)
    }

    /// `resources.read-resource`.
    pub async fn read_resource(
        &self,
        info: CallInfo,
        uri: String,
    ) -> Result<Answer<resources::ReadOutcome>, CallError> {
        let answer = call!(
            self,
            info,
            resources,
            Err(self.trap()),
            call_read_resource,
            &uri
        )?;
        let answer = self.within_size(answer, size::of_read_outcome)?;
        if let Ok(resources::ReadOutcome::InputNeeded(needed)) = &answer {
            self.within_continuation(needed)?;
        }
        Ok(answer)
    }

    /// `watch.look`. Ask [`Plugin::watches`] first.
    pub async fn look(
        &self,
        info: CallInfo,
        watched: Vec<watch::Watched>,
    ) -> Result<Answer<Vec<Answer<watch::Sighting>>>, CallError> {
        call!(self, info, watch, Ok(Ok(Vec::new())), call_look, &watched)
    }

    /// `completions.complete`. Ask [`Plugin::completes`] first.
    pub async fn complete(
        &self,
        info: CallInfo,
        subject: Subject,
        argument: String,
        value: String,
        filled: Vec<(String, String)>,
    ) -> Result<Answer<Suggestions>, CallError> {
        let nothing = Suggestions {
            values: Vec::new(),
            total: None,
            more: false,
        };
        call!(
            self,
            info,
            completions,
            Ok(Ok(nothing)),
            call_complete,
            &subject,
            &argument,
            &value,
            &filled
        )
    }

    /// `jobs.formats`: the state formats that this build can advance; none without the export. Asked once.
    pub async fn job_formats(&self, info: CallInfo) -> Result<&[u32], CallError> {
        let Some(indices) = self.exports.jobs.clone() else {
            return Ok(&[]);
        };
        let asked = self.formats.get_or_try_init(|| {
            self.run(
                info,
                Box::new(move |store, instance, _context| {
                    Box::pin(async move {
                        let guest = indices.load(&mut *store, instance)?;
                        guest.call_formats(store).await
                    })
                }),
            )
        });
        Ok(asked.await?)
    }

    /// `jobs.advance`. Ask [`Plugin::has_jobs`] first.
    pub async fn advance_job(
        &self,
        info: CallInfo,
        job: jobs::Job,
    ) -> Result<Answer<jobs::Step>, CallError> {
        let answer = call!(self, info, jobs, Err(self.trap()), call_advance, &job)?;
        self.within_size(answer, size::of_step)
    }

    /// `jobs.cancel`. Ask [`Plugin::has_jobs`] first.
    pub async fn cancel_job(
        &self,
        info: CallInfo,
        job: jobs::Job,
    ) -> Result<Answer<jobs::Step>, CallError> {
        let answer = call!(self, info, jobs, Err(self.trap()), call_cancel, &job)?;
        self.within_size(answer, size::of_step)
    }

    /// Asked for what it never listed: only a catalog of another version could do that.
    fn trap(&self) -> CallError {
        CallError::Trap {
            plugin: self.name().clone(),
        }
    }

    fn within_size<T>(
        &self,
        answer: Answer<T>,
        size: impl FnOnce(&T) -> usize,
    ) -> Result<Answer<T>, CallError> {
        let limit = self.limits().result_bytes;
        if answer.as_ref().map_or_else(size::of_failure, size) > limit {
            return Err(CallError::ResultSize {
                plugin: self.name().clone(),
                limit,
            });
        }
        Ok(answer)
    }

    /// What travels to the client and back, sealed.
    fn within_continuation(&self, needed: &InputNeeded) -> Result<(), CallError> {
        let limit = self.limits().continuation_bytes;
        if needed.continuation.len() > limit {
            return Err(CallError::ContinuationSize {
                plugin: self.name().clone(),
                limit,
            });
        }
        Ok(())
    }
}
