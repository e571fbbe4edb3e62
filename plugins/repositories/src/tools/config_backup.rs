//! `repositories_config_backup`: whether the backup server itself is backed up.

use toolward_sdk::prelude::*;
use vbr::{Client, Moment, moment, read};

/// Of which server.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ConfigBackupArgs {
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

/// How the server's own configuration is backed up.
#[answer]
pub(crate) struct ConfigBackup {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// Whether it is at all.
    enabled: bool,
    /// Whether that happens by itself.
    scheduled: bool,
    /// Whether it is encrypted: without that, passwords are not in it.
    encrypted: bool,
    /// How many are kept.
    restore_points_to_keep: Option<i64>,
    /// Where they are kept.
    repository_id: Option<String>,
    /// When the last one went well.
    last_success: Option<Moment>,
    /// The session of that.
    last_session_id: Option<String>,
    /// What is wrong with it, and what to do.
    concerns: Vec<String>,
}

/// Shows how the configuration of the backup server itself is backed up, and what is wrong with that.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "Configuration backup"
)]
pub(crate) fn repositories_config_backup(
    cx: &Context,
    args: ConfigBackupArgs,
) -> Result<ConfigBackup> {
    let client = Client::to(cx, args.server.as_deref())?;
    let answer = client.get(|http, _| Ok(http.get("/api/v1/configBackup")))?;
    let last = &answer["lastSuccessfulBackup"];
    let zone = client.zone_of([last], &["lastSuccessfulTime"])?;
    let enabled = answer["isEnabled"] == true;
    let encrypted = answer["encryption"]["isEnabled"] == true;
    let at = read::text(last, "lastSuccessfulTime").and_then(|at| moment::parse(&at, zone));
    let mut concerns = Vec::new();
    if !enabled {
        concerns.push(
            "it is switched off: enable it, or a lost backup server cannot be set up as it was"
                .to_owned(),
        );
    }
    if !encrypted {
        concerns.push("it is not encrypted: stored passwords are missing in it and would have to be typed in again".to_owned());
    }
    match at {
        None => concerns.push("none has gone well so far: run one".to_owned()),
        Some(at) if moment::now() - at > time::Duration::days(7) => {
            concerns
                .push("the last one is older than a week: find out why, and run one".to_owned());
        }
        Some(_) => {}
    }
    Ok(ConfigBackup {
        server: client.server().label(),
        enabled,
        scheduled: answer["schedule"]["isEnabled"] == true,
        encrypted,
        restore_points_to_keep: answer["restorePointsToKeep"].as_i64(),
        repository_id: read::text(&answer, "backupRepositoryId"),
        last_success: Moment::read(last, "lastSuccessfulTime", zone),
        last_session_id: read::text(last, "sessionId"),
        concerns,
    })
}
