//! `repositories_scale_out`: scale-out repositories and their extents.

use std::collections::HashMap;

use toolward_sdk::prelude::*;
use vbr::page::Span;
use vbr::{Client, Size, read};

use super::list;
use crate::repository::{self, Repository};

/// Which scale-out repositories; all of them when nothing is said.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ScaleOutArgs {
    /// A part of the repository's name.
    name: Option<String>,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

/// An extent.
#[answer]
pub(crate) struct Extent {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// What is done with it at the moment, such as `normal`, `maintenance`, `sealed`, `evacuate`.
    status: Vec<String>,
    /// Whether it can be reached.
    online: Option<bool>,
    /// How large it is.
    capacity: Option<Size>,
    /// What is free.
    free: Option<Size>,
    /// What is free, in percent of the capacity.
    free_percent: Option<f64>,
}

/// A scale-out repository.
#[answer]
pub(crate) struct ScaleOut {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// What somebody wrote about it.
    description: Option<String>,
    /// `datalocality` or `performance`.
    placement: Option<String>,
    /// Whether backups are copied or moved to a capacity tier.
    capacity_tier: bool,
    /// Whether old backups are archived.
    archive_tier: bool,
    /// The extents of its performance tier.
    extents: Vec<Extent>,
    /// The capacity of all extents whose capacity is known.
    capacity: Option<Size>,
    /// What is free on them.
    free: Option<Size>,
    /// What is free, in percent of that capacity.
    free_percent: Option<f64>,
}

/// Scale-out repositories.
#[answer]
pub(crate) struct ScaleOuts {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The repositories.
    repositories: Vec<ScaleOut>,
}

/// Lists scale-out repositories with their extents: state, capacity and free space of each and of all together.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "Scale-out repositories"
)]
pub(crate) fn repositories_scale_out(cx: &Context, args: ScaleOutArgs) -> Result<ScaleOuts> {
    let client = Client::to(cx, args.server.as_deref())?;
    let span = Span {
        skip: 0,
        limit: 200,
    };
    let part = list(&client, span, args.name.as_deref(), |http, _| {
        Ok(http.get("/api/v1/backupInfrastructure/scaleOutRepositories"))
    })?;
    let states: HashMap<String, Repository> = if part.data.is_empty() {
        HashMap::new()
    } else {
        let all = repository::all(&client)?.into_iter();
        all.map(|one| (one.id.clone(), one)).collect()
    };
    Ok(ScaleOuts {
        server: client.server().label(),
        repositories: part.data.iter().map(|one| of(one, &states)).collect(),
    })
}

fn of(answer: &Value, states: &HashMap<String, Repository>) -> ScaleOut {
    let extents = answer["performanceTier"]["performanceExtents"].as_array();
    let extents: Vec<Extent> = extents
        .into_iter()
        .flatten()
        .map(|extent| {
            let id = read::always(extent, "id");
            let state = states.get(&id);
            // One name before 1.3, several since.
            let extent_state = match &extent["status"] {
                list @ Value::Array(_) => read::words(list),
                one => read::text_of(one)
                    .map(|one| one.to_ascii_lowercase())
                    .into_iter()
                    .collect(),
            };
            Extent {
                name: read::always(extent, "name"),
                status: extent_state,
                online: state.and_then(|state| state.online),
                capacity: state.and_then(|state| state.capacity.clone()),
                free: state.and_then(|state| state.free.clone()),
                free_percent: state.and_then(|state| state.free_percent),
                id,
            }
        })
        .collect();
    let sum = |size: fn(&Extent) -> Option<&Size>| -> Option<Size> {
        let sizes: Vec<u64> = extents
            .iter()
            .filter_map(size)
            .map(|size| size.bytes)
            .collect();
        (!sizes.is_empty()).then(|| Size::bytes(sizes.iter().sum()))
    };
    let capacity = sum(|extent| extent.capacity.as_ref());
    let free = sum(|extent| extent.free.as_ref());
    #[expect(clippy::cast_precision_loss, reason = "a share in percent")]
    let bytes = |size: &Option<Size>| size.as_ref().map(|size| size.bytes as f64);
    let tier = |name: &str| answer[name]["isEnabled"] == true;
    ScaleOut {
        id: read::always(answer, "id"),
        name: read::always(answer, "name"),
        description: read::text(answer, "description"),
        placement: read::word(&answer["placementPolicy"], "type"),
        capacity_tier: tier("capacityTier"),
        archive_tier: tier("archiveTier"),
        free_percent: repository::percent(bytes(&free), bytes(&capacity)),
        extents,
        capacity,
        free,
    }
}
