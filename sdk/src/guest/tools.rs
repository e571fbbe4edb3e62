//! The export `tools`.

use super::bindings::tools::exports::toolward::plugin::tools::{
    Guest, Hints, JobSupport, Listing, NewJob, Outcome, Tool,
};
use super::bindings::toolward::plugin::{call, values as wit};
use super::{Offers, context, values};
use crate::context::Context;
use crate::error::Failure;
use crate::job;
use crate::plugin::Plugin;
use crate::suspend::Suspension;
use crate::tool::{self, Offered};

// Both functions are small, so that the compiler sees which results there are, and writes code for no others.
impl<T: Offers> Guest for T {
    #[inline]
    fn list_tools(cx: &call::Context) -> Result<Listing, wit::Failure> {
        Ok(listing(context(cx), T::plugin()))
    }

    #[inline]
    fn call_tool(
        cx: &call::Context,
        name: String,
        arguments: String,
    ) -> Result<Outcome, wit::Failure> {
        match T::plugin().call(context(cx), &name, &arguments) {
            Ok(output) => Ok(Outcome::Done(values::output(output))),
            Err(Failure::Suspended(suspended)) => Ok(match *suspended.0 {
                Suspension::Asks(questions) => Outcome::InputNeeded(values::questions(questions)),
                Suspension::Starts(job) => Outcome::Started(new_job(job)),
            }),
            Err(failure) => Err(values::failure(failure)),
        }
    }
}

fn listing(cx: &Context, plugin: &Plugin) -> Listing {
    Listing {
        tools: plugin.offered(cx).into_iter().map(tool).collect(),
        freshness: plugin.freshness().map(values::freshness),
    }
}

fn tool(definition: Offered) -> Tool {
    let hints = definition.hints;
    Tool {
        name: definition.name.to_owned(),
        title: definition.title.map(str::to_owned),
        description: definition.description.to_owned(),
        input_schema: definition.input_schema,
        output_schema: definition.output_schema,
        hints: Hints {
            read_only: hints.read_only,
            destructive: hints.destructive,
            idempotent: hints.idempotent,
            open_world: hints.open_world,
        },
        jobs: match definition.jobs {
            tool::JobSupport::Never => JobSupport::Never,
            tool::JobSupport::Optional => JobSupport::Optional,
            tool::JobSupport::Required => JobSupport::Required,
        },
        icons: values::icons(definition.icons),
        meta: definition.meta.0,
        extras: Vec::new(),
    }
}

fn new_job(job: job::NewJob) -> NewJob {
    NewJob {
        state: job.state.bytes,
        format: job.state.format,
        title: job.title,
        wait_ms: values::millis(job.wait),
        extras: Vec::new(),
    }
}
