//! The state of a repository, and what its capacity means.

use toolward_sdk::prelude::*;
use vbr::{Client, Size, read};

/// Where the states are.
pub(crate) const STATES: &str = "/api/v1/backupInfrastructure/repositories/states";

/// A repository, or an extent of a scale-out repository.
#[answer]
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// What it is, such as `LinuxHardened`, `S3Compatible`, `ExtendableRepository` (scale-out).
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The server that keeps it.
    pub(crate) host: Option<String>,
    /// Where on that server.
    pub(crate) path: Option<String>,
    /// Whether it can be reached; not told before 1.2.
    pub(crate) online: Option<bool>,
    /// Whether its components are older than the backup server; from 1.3 on, and only where they are.
    pub(crate) out_of_date: Option<bool>,
    /// How large it is; absent where nobody knows, as for most object storage.
    pub(crate) capacity: Option<Size>,
    /// What is free.
    pub(crate) free: Option<Size>,
    /// What is free, in percent of the capacity.
    pub(crate) free_percent: Option<f64>,
    /// What backups take. Other data on the same volume is not in it.
    pub(crate) used_by_backups: Option<Size>,
    /// The scale-out repository that it is an extent of; from 1.3 on.
    pub(crate) extent_of: Option<String>,
    /// Its tier there: `performance`, `capacity`, `archive`.
    pub(crate) extent_type: Option<String>,
}

impl Repository {
    /// Of an answer of the API.
    pub(crate) fn of(state: &Value) -> Self {
        // Not above zero is how the API writes that it does not know: then nothing of it means anything.
        let capacity = state["capacityGB"].as_f64().filter(|size| *size > 0.0);
        let free = state["freeGB"]
            .as_f64()
            .filter(|size| *size >= 0.0 && capacity.is_some());
        let used = state["usedSpaceGB"].as_f64();
        let scale_out = &state["scaleOutRepositoryDetails"];
        Self {
            id: read::always(state, "id"),
            name: read::always(state, "name"),
            kind: read::text(state, "type").unwrap_or_else(|| "Unknown".to_owned()),
            host: read::text(state, "hostName"),
            path: read::text(state, "path"),
            online: state["isOnline"].as_bool(),
            out_of_date: state["isOutOfDate"].as_bool().filter(|old| *old),
            free_percent: percent(free, capacity),
            capacity: Size::gigabytes(capacity),
            free: Size::gigabytes(free),
            used_by_backups: Size::gigabytes(used),
            extent_of: read::text(scale_out, "membership"),
            extent_type: read::word(scale_out, "extentType"),
        }
    }
}

/// With one digit after the point, and never more than all.
pub(crate) fn percent(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    let share = part? / whole.filter(|whole| *whole > 0.0)? * 100.0;
    Some((share.clamp(0.0, 100.0) * 10.0).round() / 10.0)
}

/// Every repository of a server.
pub(crate) fn all(client: &Client<'_>) -> Result<Vec<Repository>> {
    let mut found = Vec::new();
    client.walk(
        |http, _| {
            Ok(http
                .get(STATES)
                .query("orderColumn", "Name")
                .query("orderAsc", true))
        },
        |state| {
            found.push(Repository::of(&state));
            true
        },
    )?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capacity_that_nobody_knows_is_not_divided_by() {
        for capacity in [json!(0), json!(-1), json!(null), json!(0.0)] {
            let state = json!({ "id": "1", "name": "a", "type": "AmazonS3", "capacityGB": capacity, "freeGB": 0, "usedSpaceGB": 12.5 });
            let repository = Repository::of(&state);
            assert_eq!(
                (
                    repository.capacity,
                    repository.free,
                    repository.free_percent
                ),
                (None, None, None)
            );
            assert_eq!(repository.used_by_backups.unwrap().text, "12.5 GB");
        }
        let state = json!({ "id": "1", "name": "a", "type": "WinLocal", "capacityGB": 512.0, "freeGB": 4.2, "usedSpaceGB": 300.0 });
        let repository = Repository::of(&state);
        assert_eq!(repository.free_percent, Some(0.8));
        assert_eq!(repository.free.unwrap().text, "4.2 GB");
    }
}
