//! `repositories_rescan`.

use toolward_sdk::prelude::*;
use vbr::Client;
use vbr::follow::{Following, Ordered};
use vbr::job::Named;
use vbr::order::{Order, Word, sent};
use vbr::read;
use vbr::revision::Feature;
use vbr::session::Session;

use crate::repository::STATES;

/// Which repositories to rescan.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct RescanArgs {
    /// The repositories: their ids, their names, or parts of them.
    #[schemars(length(min = 1, max = 20))]
    repositories: Vec<String>,
    /// Why: for the person who is asked, and for the operator's log.
    reason: Option<String>,
    /// Your own confirmation, with a reason. It counts only where the operator lets models confirm; elsewhere a person
    /// is asked.
    #[serde(default)]
    confirm: bool,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

/// Has the backup server look at repositories anew, after somebody has confirmed it: what was added, moved or lost there.
///
/// Needs a server of version 12.2 or newer. Clients that can follow jobs see how far it is until it ends.
#[tool(
    read_only = false,
    destructive,
    idempotent,
    open_world = false,
    title = "Rescan repositories"
)]
pub(crate) fn repositories_rescan(cx: &Context, args: RescanArgs) -> Result<Work<Ordered>> {
    let client = Client::to(cx, args.server.as_deref())?;
    client.needs(
        Feature::Rescan,
        "rescan in the console of the backup server",
    )?;
    let mut names = Vec::new();
    let mut ids = Vec::new();
    for asked in &args.repositories {
        let found = find(&client, asked.trim())?;
        let id = read::always(&found, "id");
        if !ids.contains(&id) {
            ids.push(id);
            names.push(read::always(&found, "name"));
        }
    }
    let order = Order {
        server: client.server(),
        what: "Backup repositories are rescanned.".to_owned(),
        details: names
            .iter()
            .map(|name| ("Repository", name.clone()))
            .collect(),
    };
    order.confirmed(
        cx,
        &Word {
            confirm: args.confirm,
            reason: args.reason.as_deref(),
        },
    )?;
    let answer = client.send(|http, _| {
        Ok(http
            .post("/api/v1/backupInfrastructure/repositories/rescan")
            .json(&json!({ "repositoryIds": ids })))
    });
    let answer = sent(
        answer.and_then(|answer| Ok(answer.json::<Value>()?)),
        "sessions_running",
    )?;
    let zone = client.zone_of([&answer], &vbr::session::TIMES)?;
    let ordered = Ordered {
        server: client.server().label(),
        job_id: None,
        name: format!("rescan of {}", names.join(", ")),
        run: Session::of(&answer, zone),
    };
    Following::begin(cx, &client, ordered)
}

fn find(client: &Client<'_>, asked: &str) -> Result<Value> {
    let named = Named {
        what: "repository",
        typed: asked,
        list: "repositories_list",
    };
    if !read::is_id(asked) {
        return client.named(&named, |http, _| Ok(http.get(STATES)));
    }
    let span = vbr::page::Span { skip: 0, limit: 1 };
    let page = client.page(span, |http, _| {
        Ok(http.get(STATES).query("idFilter", asked))
    })?;
    let is_it = |state: &Value| read::always(state, "id").eq_ignore_ascii_case(asked);
    page.data.into_iter().find(is_it).ok_or_else(|| {
        let message = format!(
            "there is no repository with id {asked}. hint: look it up with repositories_list"
        );
        ToolError::not_found(message).into()
    })
}
