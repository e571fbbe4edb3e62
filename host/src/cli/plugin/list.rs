//! `toolward plugin list`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Global, PluginError, Said, configuration};
use crate::config::{self, Config};
use crate::error::{Exit, report};
use crate::plugin::trust::Memory;
use crate::plugin::{Signer, history, verify};

pub(super) fn run(global: &Global) -> Result<Said, PluginError> {
    let config = configuration(global)?;
    let memory = Memory::open(&config.trust, &config.runtime.state_dir)?;
    let rows: Vec<Row> = config
        .plugins
        .values()
        .map(|plugin| row(&config, &memory, plugin))
        .collect();
    let refused = rows.iter().any(|row| row.problem.is_some());
    let plugins: Vec<&Value> = rows.iter().map(|row| &row.json).collect();
    let exit = if refused { Exit::Plugin } else { Exit::Success };
    Ok(Said::new(table(&rows), json!({ "plugins": plugins })).and_exit(exit))
}

struct Row {
    cells: [String; 4],
    problem: Option<String>,
    json: Value,
}

fn row(config: &Config, memory: &Memory, plugin: &config::Plugin) -> Row {
    let older: Vec<String> = history::versions(&memory.seen, &plugin.name)
        .iter()
        .map(|version| version.version.to_string())
        .collect();
    let locked = memory.lock.get(&plugin.name);
    match verify(&config.trust, memory, plugin) {
        Ok(checked) => Row {
            cells: [
                plugin.name.to_string(),
                checked.manifest.version.to_string(),
                match &checked.signer {
                    Signer::Publisher { name, .. } => name.clone(),
                    Signer::Nobody => "UNSIGNED".to_owned(),
                },
                "taken".to_owned(),
            ],
            problem: None,
            json: json!({
                "name": plugin.name.as_str(),
                "version": checked.manifest.version.to_string(),
                "sha256": checked.digest,
                "signer": checked.signer.to_json(),
                "unsigned": checked.signer == Signer::Nobody,
                "component": plugin.component,
                "locked": locked.is_some(),
                "kept": older,
                "taken": true,
            }),
        },
        Err(error) => {
            let report = report(&error);
            Row {
                cells: [
                    plugin.name.to_string(),
                    locked.map_or_else(|| "–".to_owned(), |locked| locked.version.to_string()),
                    "–".to_owned(),
                    "refused".to_owned(),
                ],
                problem: Some(report.to_string()),
                json: json!({
                    "name": plugin.name.as_str(),
                    "component": plugin.component,
                    "locked": locked.is_some(),
                    "kept": older,
                    "taken": false,
                    "problem": report,
                }),
            }
        }
    }
}

fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no plugins are configured".to_owned();
    }
    let heads = ["NAME", "VERSION", "SIGNED BY", "STATE"];
    let width = |column: usize| {
        rows.iter()
            .map(|row| row.cells[column].chars().count())
            .chain([heads[column].len()])
            .max()
            .unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2), width(3)];
    let line = |cells: [&str; 4]| {
        let padded: Vec<String> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(heads);
    for row in rows {
        text += &line(row.cells.each_ref().map(String::as_str));
    }
    for problem in rows.iter().filter_map(|row| row.problem.as_ref()) {
        let _ = write!(text, "\n{problem}\n");
    }
    text
}
