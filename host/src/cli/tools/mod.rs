//! `toolward tools`.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use serde_json::{Value, json};

use super::config::load;
use super::failure::{Failure, warn};
use super::loading::{self, Loading};
use super::output::{Audience, Said};
use super::{Global, runtime};
use crate::catalog::{Catalog, Tool};
use crate::config::Overrides;
use crate::error::{Exit, Report};
use crate::host::{Host, Problem};

mod describe;

/// List the tools on offer, or describe one
///
/// Plugins that cannot be offered are told as well, with the reason, and make the exit code 4.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  toolward tools
  toolward tools backup_jobs_list          Its arguments, and how to call it
  toolward tools --json | jq -r '.tools[] | select(.readOnly) | .name'")]
pub(super) struct Tools {
    /// The tool to describe [default: list all]
    tool: Option<String>,
}

impl Tools {
    pub(super) fn run(self, global: &Global, loading: Option<Loading>) -> Result<Said, Failure> {
        let config = load(global, &Overrides::default())?;
        let runtime = runtime()?;
        let host = runtime.block_on(loading::start(&config, loading));
        runtime.shutdown_background();
        let host = host?;
        let catalog = host.catalog();
        if let Some(name) = self.tool {
            let tool = find(&host, &catalog, &name)?;
            return Ok(Said::new(describe::tool(tool), as_json(tool)));
        }
        let tools: Vec<Value> = catalog.tools().map(|tool| as_json(tool)).collect();
        let found = host.problems();
        let problems = found.iter().map(problem).collect::<Vec<_>>();
        let unsigned: Vec<String> = host.unsigned().iter().map(ToString::to_string).collect();
        if global.audience() == Audience::People {
            for name in &unsigned {
                warn(&Report {
                    chain: vec![format!(
                        "plugin `{name}` is UNSIGNED; it is let in for development"
                    )],
                    hints: Vec::new(),
                });
            }
            for problem in &found {
                warn(&problem.report);
            }
        }
        let exit = if problems.is_empty() {
            Exit::Success
        } else {
            Exit::Plugin
        };
        let json = json!({ "tools": tools, "problems": problems, "unsigned": unsigned });
        Ok(Said::new(table(&catalog), json).and_exit(exit))
    }
}

/// The tool of this name; the error names those that look like it.
pub(super) fn find<'a>(
    host: &Host,
    catalog: &'a Catalog,
    name: &str,
) -> Result<&'a std::sync::Arc<Tool>, Failure> {
    if let Some(tool) = catalog.tool(name) {
        return Ok(tool);
    }
    let similar = similar(catalog.tools().map(|tool| &*tool.name), name);
    let mut failure = Failure::new(Exit::Refused, format!("there is no tool {name:?}"))
        .detail("similar", similar.clone());
    failure = match similar.as_slice() {
        [] => failure.hint("`toolward tools` lists what is on offer"),
        names => failure.hint(format!("did you mean `{}`?", names.join("` or `"))),
    };
    // It may be one of a plugin that is not there.
    for problem in host.problems() {
        failure = failure.hint(format!(
            "plugin `{}` is not on offer: `toolward tools` says why",
            problem.plugin
        ));
    }
    Err(failure)
}

/// Up to three names that a slip of the finger, a forgotten part or another case would turn into this one.
fn similar<'a>(known: impl Iterator<Item = &'a str>, name: &str) -> Vec<String> {
    const ENOUGH: f64 = 0.75;
    // As good as the best.
    const CLOSE: f64 = 0.05;
    let plain = |name: &str| name.to_lowercase().replace(['-', '.', ' '], "_");
    let wanted = plain(name);
    let likeness = |known: &str| {
        let known = plain(known);
        if wanted.len() >= 3 && (known.contains(&wanted) || wanted.contains(&known)) {
            1.0
        } else {
            strsim::normalized_damerau_levenshtein(&known, &wanted).max(
                // A swapped order of the words.
                strsim::sorensen_dice(&known, &wanted) * 0.9,
            )
        }
    };
    let mut ranked: Vec<(f64, &str)> = known
        .map(|known| (likeness(known), known))
        .filter(|(likeness, _)| *likeness >= ENOUGH)
        .collect();
    let best = ranked
        .iter()
        .fold(0.0, |best, (likeness, _)| likeness.max(best));
    ranked.retain(|(likeness, _)| *likeness >= best - CLOSE);
    ranked.sort_by(|(one, a), (other, b)| other.total_cmp(one).then(a.cmp(b)));
    let ranked = ranked.into_iter().take(3);
    ranked.map(|(_, known)| known.to_owned()).collect()
}

fn as_json(tool: &Tool) -> Value {
    json!({
        "name": tool.name,
        "plugin": tool.plugin.name().as_str(),
        "version": tool.plugin.manifest.version.to_string(),
        "title": tool.title,
        "description": tool.description,
        "inputSchema": *tool.input.json,
        "outputSchema": tool.output.as_ref().map(|schema| &*schema.json),
        "readOnly": tool.hints.read_only,
        "destructive": tool.hints.destructive,
        "idempotent": tool.hints.idempotent,
        "openWorld": tool.hints.open_world,
    })
}

fn problem(problem: &Problem) -> Value {
    json!({ "plugin": problem.plugin.as_str(), "problem": problem.report })
}

/// One line for each tool; on a terminal no longer than that.
fn table(catalog: &Catalog) -> String {
    let names = catalog.tools().map(|tool| tool.name.len());
    let names = names.max().unwrap_or(0);
    let width = if std::io::stdout().is_terminal() {
        terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0))
    } else {
        usize::MAX
    };
    let mut text = String::new();
    for tool in catalog.tools() {
        let room = width.saturating_sub(names + 2).max(20);
        let line = shortened(first_line(tool), room);
        let _ = writeln!(text, "{:names$}  {line}", tool.name);
    }
    if text.is_empty() {
        text.push_str("no tools are on offer");
    }
    text
}

fn first_line(tool: &Tool) -> &str {
    tool.description.lines().next().unwrap_or_default()
}

fn shortened(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(room - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_were_meant_are_found() {
        let known = ["backup_jobs_get", "backup_jobs_list", "echo", "vm_list"];
        let table: [(&str, &[&str]); 8] = [
            ("ehco", &["echo"]),
            ("Echo", &["echo"]),
            ("backup-jobs-list", &["backup_jobs_list"]),
            ("backup_job_list", &["backup_jobs_list"]),
            ("jobs_list", &["backup_jobs_list"]),
            ("list_backup_jobs", &["backup_jobs_list"]),
            ("delete_everything", &[]),
            ("x", &[]),
        ];
        for (name, expected) in table {
            assert_eq!(similar(known.into_iter(), name), expected, "{name}");
        }
    }
}
