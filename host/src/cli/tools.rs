//! `toolward tools`.

use std::fmt::Write as _;

use serde_json::json;

use super::config::load;
use super::{Global, fail, print, runtime};
use crate::catalog::Tool;
use crate::config::Overrides;
use crate::error::Exit;
use crate::host::Host;
use crate::plugin::Signer;

/// List the tools on offer
#[derive(Debug, clap::Args)]
pub(super) struct Tools {
    /// Print JSON: tools with their schemas, and the plugins that cannot be offered
    #[arg(long)]
    json: bool,
}

impl Tools {
    pub(super) fn run(self, global: &Global) -> Exit {
        let config = match load(global, &Overrides::default()) {
            Ok(config) => config,
            Err(exit) => return exit,
        };
        let started = runtime()
            .map_err(|error| fail(Exit::Failure, &error))
            .and_then(|runtime| {
                runtime
                    .block_on(Host::start(&config))
                    .map_err(|error| fail(Exit::Failure, &error))
            });
        let host = match started {
            Ok(host) => host,
            Err(exit) => return exit,
        };
        for name in unsigned(&host) {
            eprintln!("warning: plugin `{name}` is UNSIGNED; --allow-unsigned lets it in");
        }
        let printed = print(&if self.json {
            as_json(&host)
        } else {
            as_table(&host)
        });
        if printed == Exit::Success && !host.problems.is_empty() {
            Exit::Plugin
        } else {
            printed
        }
    }
}

/// The plugins that nobody vouches for.
fn unsigned(host: &Host) -> Vec<String> {
    let catalog = host.catalog();
    let plugins = catalog.plugins().into_iter();
    plugins
        .filter(|plugin| plugin.signer == Signer::Nobody)
        .map(|plugin| plugin.name().to_string())
        .collect()
}

fn as_json(host: &Host) -> String {
    let catalog = host.catalog();
    let tools = catalog.tools().map(|tool| {
        json!({
            "name": tool.name,
            "plugin": tool.plugin.name().as_str(),
            "version": tool.plugin.manifest.version.to_string(),
            "title": tool.title,
            "description": tool.description,
            "inputSchema": *tool.input.json,
            "outputSchema": tool.output.as_ref().map(|schema| &*schema.json),
            "readOnly": tool.hints.read_only,
        })
    });
    let problems = host
        .problems
        .iter()
        .map(|problem| json!({ "plugin": problem.plugin.as_str(), "problem": problem.report }));
    json!({
        "tools": tools.collect::<Vec<_>>(),
        "problems": problems.collect::<Vec<_>>(),
        "unsigned": unsigned(host),
    })
    .to_string()
}

fn as_table(host: &Host) -> String {
    let catalog = host.catalog();
    let width = catalog
        .tools()
        .map(|tool| tool.name.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for tool in catalog.tools() {
        let _ = writeln!(text, "{:width$}  {}", tool.name, first_line(tool));
    }
    if catalog.tools().len() == 0 {
        text.push_str("no tools are on offer");
    }
    text
}

fn first_line(tool: &Tool) -> &str {
    tool.description.lines().next().unwrap_or_default()
}
