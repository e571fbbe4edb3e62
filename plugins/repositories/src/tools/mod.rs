//! The tools, one file each.

pub(crate) mod backups;
pub(crate) mod below;
pub(crate) mod best_practices;
pub(crate) mod config_backup;
pub(crate) mod files;
pub(crate) mod info;
pub(crate) mod license;
pub(crate) mod list;
pub(crate) mod malware;
pub(crate) mod objects;
pub(crate) mod proxies;
pub(crate) mod rescan;
pub(crate) mod restore_points;
pub(crate) mod scale_out;
pub(crate) mod servers;

use toolward_sdk::http::{Http, Request};
use toolward_sdk::prelude::*;
use vbr::names::Wanted;
use vbr::page::{Part, Span};
use vbr::{Client, Revision};

/// A part of a list whose entries have names; where a name is wanted, what fits it.
fn list<'a>(
    client: &Client<'a>,
    span: Span,
    name: Option<&str>,
    build: impl Fn(&Http<'a>, Revision) -> Result<Request<'a>>,
) -> Result<Part> {
    let wanted = name.and_then(Wanted::new);
    let keep = |entry: &Value| {
        let name = entry["name"].as_str().unwrap_or_default();
        wanted
            .as_ref()
            .is_none_or(|wanted| wanted.fit(name).is_some())
    };
    let filter = wanted.as_ref().map(Wanted::filter);
    let part = client.part(span, wanted.is_none(), keep, |http, revision| {
        Ok(build(http, revision)?.query_opt("nameFilter", filter.as_ref()))
    })?;
    if part.data.is_empty() && span.skip == 0 && wanted.is_some() {
        // The server's filter knows no letters without their accents.
        return client.part(span, false, keep, build);
    }
    Ok(part)
}
