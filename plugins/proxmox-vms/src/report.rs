//! What a call that changes something answers.

use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use toolward_sdk::JsonSchema;
use toolward_sdk::prelude::*;

use crate::guest::Label;
use crate::plan::{Plan, Planned};

/// How one request ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// Done.
    Ok,
    /// Done, and the task says that something is not as it should be.
    Warnings,
    /// Not done.
    Failed,
    /// Stopped before it was done.
    Aborted,
    /// Not begun.
    Skipped,
    /// Nobody can tell: the answer was lost.
    Unknown,
}

/// What came of one request.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Line {
    /// The cluster.
    pub(crate) cluster: String,
    /// The guest it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) guest: Option<Label>,
    /// What was to happen.
    pub(crate) effect: String,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// The task's UPID, for `pve_task`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) task: Option<String>,
    /// Why it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// What the task warns of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
}

/// What a call that changes something did, or would do.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Report {
    /// In one line.
    pub(crate) summary: String,
    /// Nothing was changed: this is what would be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) dry_run: bool,
    /// The requests that would be sent, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) plan: Vec<Planned>,
    /// What came of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) results: Vec<Line>,
    /// What else to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
}

impl Report {
    /// What a plan would do.
    pub(crate) fn dry(plan: &Plan) -> Rendered<Self> {
        let mut notes = plan.notes.clone();
        notes.extend(plan.skipped.iter().map(|(guest, why)| match guest {
            Some(guest) => format!("left out: guest {}: {why}", guest.id),
            None => format!("left out: {why}"),
        }));
        let report = Self {
            summary: format!("Dry run, nothing was changed: {}", plan.title),
            dry_run: true,
            plan: plan.actions.iter().map(Planned::from).collect(),
            results: Vec::new(),
            notes,
        };
        let mut text = report.summary.clone();
        for one in &report.plan {
            let _ = write!(text, "\n- {} → {}", one.request, one.effect);
            if !one.parameters.is_empty() {
                let parameters = serde_json::to_string(&one.parameters).unwrap_or_default();
                let _ = write!(text, " {parameters}");
            }
            if !one.needs.is_empty() {
                let _ = write!(text, " (needs {})", one.needs);
            }
        }
        for note in &report.notes {
            let _ = write!(text, "\nnote: {note}");
        }
        Rendered::new(report, text)
    }

    /// What was done. A call of which nothing went well fails, with the same report beside the message.
    pub(crate) fn finished(
        title: &str,
        results: Vec<Line>,
        notes: Vec<String>,
    ) -> Result<Rendered<Self>> {
        let count = |wanted: &[Outcome]| {
            results
                .iter()
                .filter(|line| wanted.contains(&line.outcome))
                .count()
        };
        let good = count(&[Outcome::Ok, Outcome::Warnings]);
        let warned = count(&[Outcome::Warnings]);
        let lost = count(&[Outcome::Unknown]);
        let all = results.len();
        let summary = match (all, good, warned) {
            (_, good, 0) if good == all => format!("{title}: done"),
            (1, 1, _) => format!("{title}: done, with warnings"),
            (_, good, warned) if good == all => {
                format!("{title}: all {all} done, {warned} with warnings")
            }
            (1, ..) => format!("{title}: failed"),
            (_, good, 0) => format!("{title}: {good} of {all} done"),
            (_, good, warned) => {
                format!("{title}: {good} of {all} done, {warned} of them with warnings")
            }
        };
        let report = Self {
            summary,
            dry_run: false,
            plan: Vec::new(),
            results,
            notes,
        };
        let text = report.text();
        if good == 0 && all > 0 {
            let kind = if lost > 0 {
                Trouble::TimedOut
            } else {
                Trouble::Conflict
            };
            return Err(ToolError::new(kind, text).with_structured(&report)?.into());
        }
        Ok(Rendered::new(report, text))
    }

    fn text(&self) -> String {
        let mut text = self.summary.clone();
        for line in &self.results {
            let well = line.outcome == Outcome::Ok;
            if well && self.results.len() == 1 {
                continue;
            }
            let outcome = match line.outcome {
                Outcome::Ok => "ok",
                Outcome::Warnings => "done, with warnings",
                Outcome::Failed => "failed",
                Outcome::Aborted => "aborted",
                Outcome::Skipped => "skipped",
                Outcome::Unknown => "unknown",
            };
            let _ = write!(text, "\n- {}: {outcome}", line.effect);
            if let Some(message) = &line.message {
                let _ = write!(text, ": {message}");
            }
            for warning in &line.warnings {
                let _ = write!(text, "\n  {warning}");
            }
            if let (Some(task), false) = (&line.task, well) {
                let _ = write!(text, "\n  task {task} (pve_task shows its log)");
            }
        }
        for note in &self.notes {
            let _ = write!(text, "\nnote: {note}");
        }
        text
    }
}
