//! What jobs need of the host: rights, the plugins of the current catalog, and the schemas of their tools.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::audit;
use crate::capability::{Abilities, Asked, IdempotencyKey};
use crate::catalog::Catalog;
use crate::config::{Ability, Auth, Config, PluginName, StaticToken};
use crate::jobs::{
    Access, Authorize, Begun, Bounds, Denied, Embedded, Jobs, Kind, Loaded, OpenError, Right,
    Runner, Start, StepCall, StepError, StoreError,
};
use crate::plugin::wit::jobs::Step;
use crate::plugin::wit::tools::Outcome;
use crate::plugin::wit::values::{Failure, InputRequest, Output};
use crate::plugin::{CallInfo, Plugin, Principal};
use crate::policy::{self, Action};
use crate::telemetry::outcome;

/// Why there are no jobs.
#[derive(Debug, thiserror::Error)]
pub(super) enum JobsUnavailable {
    #[error("jobs cannot be run")]
    Open(#[from] OpenError),
    #[error("jobs cannot be run")]
    Read(#[from] StoreError),
}

/// Opens the store and starts the driver.
pub(super) async fn open(
    config: &Config,
    catalog: Arc<ArcSwap<Catalog>>,
    callers: watch::Receiver<Option<Arc<Auth>>>,
) -> Result<Jobs, JobsUnavailable> {
    let folder = config.runtime.state_dir.clone();
    let bounds = Bounds {
        unfinished: config.jobs.max_queued,
        kept: config.jobs.max_kept,
        bytes: config.jobs.max_kept_bytes,
    };
    let store = tokio::task::spawn_blocking(move || Embedded::open(&folder, bounds))
        .await
        .map_err(|error| StoreError::Failed(error.into()))??;
    let runner = Steps { catalog, callers };
    Ok(Jobs::open(Arc::new(store), Arc::new(runner), config.jobs.clone()).await?)
}

/// Takes steps with the plugins on offer.
#[derive(Debug)]
struct Steps {
    catalog: Arc<ArcSwap<Catalog>>,
    /// Whose rights can change while a job runs.
    callers: watch::Receiver<Option<Arc<Auth>>>,
}

impl Steps {
    fn plugin(&self, name: &PluginName) -> Result<Arc<Plugin>, StepError> {
        let catalog = self.catalog.load();
        let found = catalog
            .plugins()
            .into_iter()
            .find(|plugin| plugin.name() == name);
        found
            .cloned()
            .ok_or_else(|| StepError::Absent(name.clone()))
    }
}

impl Authorize for Steps {
    fn authorize(&self, principal: &Principal, right: Right<'_>) -> Result<(), Denied> {
        let (ability, plugin) = match right {
            Right::Call { plugin, .. } => (Ability::CallTools, Some(plugin)),
            Right::Read(plugin) => (Ability::ReadJobs, plugin),
            Right::Cancel(plugin) => (Ability::CancelJobs, plugin),
            Right::Others => (Ability::Administer, None),
        };
        policy::may(principal, Action { ability, plugin }).map_err(|missing| Denied {
            reason: missing.to_string(),
            scopes: missing.scopes,
        })
    }

    /// The bearer of a static token has the scopes that the token has now, and none when it is gone or has expired. Of
    /// anybody else nobody can tell more than when the job was begun.
    fn renewed(&self, owner: Principal) -> Result<Principal, Denied> {
        let subject = owner.subject.as_deref().unwrap_or_default();
        if !subject.starts_with(StaticToken::SUBJECT) {
            return Ok(owner);
        }
        let auth = self.callers.borrow();
        let token = auth
            .as_ref()
            .and_then(|auth| auth.token(&owner.tenant, subject));
        match token {
            Some(token) => Ok(Principal {
                scopes: token.scopes.clone().into(),
                ..owner
            }),
            None => Err(Denied {
                reason: "the token that it was started with is no longer good".to_owned(),
                scopes: Vec::new(),
            }),
        }
    }

    fn plugins(&self, principal: &Principal, access: Access) -> Option<Vec<PluginName>> {
        let ability = match access {
            Access::Read => Ability::ReadJobs,
            Access::Cancel => Ability::CancelJobs,
        };
        policy::plugins(principal, ability)
    }
}

/// A call on the principal's behalf that can end in a job.
fn call_info(plugin: &Plugin, principal: Principal, key: IdempotencyKey) -> CallInfo {
    CallInfo {
        principal,
        cancelled: CancellationToken::new(),
        deadline: Instant::now() + plugin.limits().wall_time,
        events: None,
        idempotency_key: key,
        meta: Vec::new(),
        traceparent: None,
        abilities: Abilities {
            jobs: true,
            ..Abilities::default()
        },
        asked: Asked::default(),
        trail: plugin.own_trail(),
    }
}

/// Begins the record of a step.
fn step_record(plugin: &Plugin, call: &StepCall) -> Result<audit::Call, audit::Unavailable> {
    let principal = &call.principal;
    let event = plugin
        .event(audit::Kind::Step)
        .by(principal.tenant.as_str(), principal.subject.as_deref())
        .with("job", call.job.id.as_str())
        .with("step", call.idempotency_key.as_str());
    plugin.audit().begin(event)
}

impl Runner for Steps {
    fn loaded<'a>(&'a self, plugin: &'a PluginName) -> BoxFuture<'a, Result<Loaded, StepError>> {
        Box::pin(async move {
            let plugin = self.plugin(plugin)?;
            let host = Principal {
                tenant: super::local_tenant(),
                subject: None,
                scopes: Arc::default(),
            };
            let formats = plugin
                .job_formats(call_info(&plugin, host, IdempotencyKey::new()))
                .await?
                .to_vec();
            Ok(Loaded {
                version: plugin.manifest.version.to_string(),
                digest: plugin.digest.clone(),
                formats,
            })
        })
    }

    fn take(&self, call: StepCall) -> BoxFuture<'_, Result<Result<Step, Failure>, StepError>> {
        Box::pin(async move {
            let plugin = self.plugin(&call.plugin)?;
            let record = step_record(&plugin, &call)?;
            let info = CallInfo {
                trail: record.trail(),
                cancelled: call.cancelled,
                asked: Asked {
                    answers: call.answers.into_iter().collect(),
                    ..Asked::default()
                },
                ..call_info(&plugin, call.principal, call.idempotency_key.into())
            };
            // A plugin that lost the export in an upgrade has no formats, and is not asked.
            let ended = match call.kind {
                Kind::Advance => plugin.advance_job(info, call.job).await,
                Kind::Cancel => plugin.cancel_job(info, call.job).await,
            };
            record.end(match &ended {
                Ok(Ok(_)) => outcome::SUCCESS,
                Ok(Err(_)) => outcome::TOOL_ERROR,
                Err(error) => error.word(),
            });
            Ok(ended?)
        })
    }

    fn check(&self, tool: &str, output: &Output) -> Result<(), String> {
        let catalog = self.catalog.load();
        let Some(schema) = catalog.tool(tool).and_then(|tool| tool.output.as_ref()) else {
            return Ok(());
        };
        let text = output
            .structured
            .as_deref()
            .ok_or("the tool has an output schema, and the result has no structured content")?;
        let value: Value = serde_json::from_str(text)
            .map_err(|error| format!("its structured content is not JSON: {error}"))?;
        schema.check(&value).map_err(|violations| {
            format!("its structured content does not fit its output schema: {violations}")
        })
    }

    fn check_requests(&self, plugin: &PluginName, requests: &[InputRequest]) -> Result<(), String> {
        let plugin = self.plugin(plugin).map_err(|error| error.to_string())?;
        requests.iter().try_for_each(|request| {
            policy::may_ask(&plugin, &request.ask).map_err(|refused| refused.to_string())
        })
    }

    fn begin<'a>(
        &'a self,
        principal: &'a Principal,
        name: &'a str,
        arguments: &'a Value,
    ) -> BoxFuture<'a, Result<Begun, String>> {
        Box::pin(async move {
            let catalog = self.catalog.load_full();
            let tool = catalog
                .tool(name)
                .ok_or_else(|| format!("there is no tool `{name}` any more"))?;
            tool.input.check(arguments).map_err(|violations| {
                format!("the arguments no longer fit `{name}`: {violations}")
            })?;
            let info = call_info(&tool.plugin, principal.clone(), IdempotencyKey::new());
            let called = tool
                .plugin
                .call_tool(info, name.to_owned(), arguments.to_string())
                .await
                .map_err(|error| error.to_string())?;
            match called {
                Ok(Outcome::Started(job)) => Ok(Begun::Started(Start {
                    tool: name.to_owned(),
                    arguments: arguments.clone(),
                    plugin: tool.plugin.name().clone(),
                    version: tool.plugin.manifest.version.to_string(),
                    digest: tool.plugin.digest.clone(),
                    job,
                })),
                Ok(Outcome::Done(output)) => {
                    self.check(name, &output)?;
                    Ok(Begun::Done(output))
                }
                Ok(Outcome::InputNeeded(_)) => Err(format!(
                    "`{name}` wants to ask somebody first: call it again"
                )),
                Err(Failure::Tool(error)) => Err(error.message),
                Err(Failure::Request(error)) => Err(error.message),
                Err(Failure::Cancelled) => Err("the plugin gave up".to_owned()),
            }
        })
    }
}
