//! `repositories_files`: the files of a backup, and how well they are reduced.

use toolward_sdk::prelude::*;
use vbr::job::Named;
use vbr::page::Span;
use vbr::revision::Feature;
use vbr::{Client, Moment, Size, read};

/// Of which backup, and how many.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct FilesArgs {
    /// The backup's id, its name, or a part of it.
    backup: String,
    /// How many files to return at most.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 200))]
    limit: u64,
    /// How many to skip: `next_skip` of the previous answer.
    #[serde(default)]
    skip: u64,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

fn default_limit() -> u64 {
    20
}

/// A file of a backup.
#[answer]
pub(crate) struct File {
    /// Its id.
    id: String,
    /// Its path in the repository.
    name: String,
    /// When it was made.
    created: Option<Moment>,
    /// How much data it holds.
    data: Option<Size>,
    /// How much room it takes.
    on_disk: Option<Size>,
    /// By how many times deduplication made it smaller, such as 1.2.
    deduplication_factor: Option<f64>,
    /// By how many times compression made it smaller.
    compression_factor: Option<f64>,
    /// Kept for longer as `weekly`, `monthly`, `yearly` and so on.
    kept_as: Vec<String>,
}

/// Files of a backup.
#[answer]
pub(crate) struct FileList {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The backup's id.
    backup_id: String,
    /// The backup's name.
    backup: Option<String>,
    /// The files, the newest first.
    files: Vec<File>,
    /// How many there are in all.
    total: Option<u64>,
    /// There is more: call again with this as `skip`.
    next_skip: Option<u64>,
}

/// Lists the files of a backup, the newest first, with their sizes and how well deduplication and compression reduced
/// them.
///
/// Needs a server of version 12.2 or newer.
#[tool(read_only, idempotent, open_world = false, title = "Files of a backup")]
pub(crate) fn repositories_files(cx: &Context, args: FilesArgs) -> Result<FileList> {
    let client = Client::to(cx, args.server.as_deref())?;
    client.needs(
        Feature::BackupFiles,
        "repositories_restore_points lists what a backup holds",
    )?;
    let (id, name) = find(&client, args.backup.trim())?;
    let span = Span {
        skip: args.skip,
        limit: args.limit,
    };
    let part = client.part(
        span,
        true,
        |_| true,
        |http, _| {
            Ok(http
                .get("/api/v1/backups")
                .segment(&id)
                .segment("backupFiles")
                .query("orderColumn", "CreationTime")
                .query("orderAsc", false))
        },
    )?;
    let zone = client.zone_of(&part.data, &["creationTime"])?;
    let files = part.data.iter().map(|file| File {
        id: read::always(file, "id"),
        name: read::always(file, "name"),
        created: Moment::read(file, "creationTime", zone),
        data: Size::read(file, "dataSize"),
        on_disk: Size::read(file, "backupSize"),
        deduplication_factor: factor(&file["dedupRatio"]),
        compression_factor: factor(&file["compressRatio"]),
        kept_as: read::words(&file["gfsPeriods"])
            .into_iter()
            .filter(|period| period != "none")
            .collect(),
    });
    Ok(FileList {
        server: client.server().label(),
        backup_id: id,
        backup: name,
        files: files.collect(),
        total: part.total,
        next_skip: part.next_skip,
    })
}

/// The id of a backup, and its name where that had to be found out.
pub(crate) fn find(client: &Client<'_>, asked: &str) -> Result<(String, Option<String>)> {
    if read::is_id(asked) {
        return Ok((asked.to_owned(), None));
    }
    let named = Named {
        what: "backup",
        typed: asked,
        list: "repositories_backups",
    };
    let found = client.named(&named, |http, _| Ok(http.get("/api/v1/backups")))?;
    Ok((read::always(&found, "id"), read::text(&found, "name")))
}

/// The API tells what remains, in percent; people count by how many times it became smaller.
fn factor(ratio: &Value) -> Option<f64> {
    let remains = ratio.as_f64().filter(|remains| *remains > 0.0)?;
    Some((10_000.0 / remains).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_remains_becomes_a_factor() {
        assert_eq!(factor(&json!(81)), Some(1.23));
        assert_eq!(factor(&json!(53)), Some(1.89));
        assert_eq!(factor(&json!(100)), Some(1.0));
        assert_eq!(factor(&json!(0)), None);
        assert_eq!(factor(&json!(null)), None);
    }
}
