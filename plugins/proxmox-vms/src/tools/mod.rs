//! What the model may ask for, and what it is told: one file for each family of tools.

pub(crate) mod backups;
pub(crate) mod change;
pub(crate) mod cluster;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod exec;
pub(crate) mod guest;
pub(crate) mod guests;
pub(crate) mod migrate;
pub(crate) mod nodes;
pub(crate) mod power;
pub(crate) mod snapshots;
pub(crate) mod storage;
pub(crate) mod tasks;
pub(crate) mod usage;

use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use toolward_sdk::JsonSchema;
use toolward_sdk::prelude::*;

use crate::api::{self, ApiError, Cluster};

/// A cluster that does not answer, while others do.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Away {
    /// Its name.
    pub(crate) cluster: String,
    /// Why.
    pub(crate) reason: String,
}

/// Clusters with what they answer.
pub(crate) type Answers<'a, T> = Vec<(Cluster<'a>, T)>;

/// What each wanted cluster answers, and which do not answer. It is an error only when none does.
pub(crate) fn across<'a, T>(
    cx: &'a Context,
    cluster: Option<&str>,
    needs: &str,
    ask: impl Fn(&Cluster<'a>) -> Result<T, ApiError>,
) -> Result<(Answers<'a, T>, Vec<Away>)> {
    let mut answers = Vec::new();
    let mut away = Vec::new();
    let mut last = None;
    for cluster in api::wanted(cx, cluster)? {
        match ask(&cluster) {
            Ok(answer) => answers.push((cluster, answer)),
            Err(error) if error.is_cancelled() => return Err(Failure::Cancelled),
            Err(error) => {
                away.push(Away {
                    cluster: cluster.name.clone(),
                    reason: error.to_string(),
                });
                last = Some(error);
            }
        }
    }
    match last {
        Some(error) if answers.is_empty() => Err(error.explain(needs)),
        _ => Ok((answers, away)),
    }
}

/// One guest.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OneGuest {
    /// Its number (101), its name (web01), or either after its node (pve1/web01).
    pub(crate) guest: String,
    /// The cluster, where several are bound and the name is not clear.
    pub(crate) cluster: Option<String>,
}

/// Lines about clusters that do not answer.
pub(crate) fn away_lines(text: &mut String, away: &[Away]) {
    for one in away {
        let _ = write!(
            text,
            "\ncluster {} does not answer: {}",
            one.cluster, one.reason
        );
    }
}
