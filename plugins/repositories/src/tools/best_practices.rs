//! `repositories_best_practices`: what the security & compliance analyzer says.

use toolward_sdk::prelude::*;
use vbr::revision::Feature;
use vbr::session::Session;
use vbr::{Client, Moment, client, read};

/// Which of them.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct PracticesArgs {
    /// Shows those that are kept, too, instead of what needs attention only.
    #[serde(default)]
    all: bool,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

/// A best practice.
#[answer]
pub(crate) struct BestPractice {
    /// What it asks for.
    practice: String,
    /// `ok`, `violation`, `suppressed`, `unabletocheck`, `analyzing`.
    status: String,
    /// What somebody wrote about it.
    note: Option<String>,
}

/// What the analyzer says.
#[answer]
pub(crate) struct PracticeList {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// What needs attention, or everything.
    practices: Vec<BestPractice>,
    /// How many are not kept.
    violations: usize,
    /// How many there are in all.
    total: usize,
    /// When the analyzer ran last; absent where it never did.
    last_run: Option<Moment>,
}

/// Shows which security best practices the backup server does not keep.
///
/// Needs a server of version 12.2 or newer.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "Security best practices"
)]
pub(crate) fn repositories_best_practices(
    cx: &Context,
    args: PracticesArgs,
) -> Result<PracticeList> {
    let client = Client::to(cx, args.server.as_deref())?;
    client.needs(
        Feature::BestPractices,
        "run the security & compliance analyzer in the console of the backup server",
    )?;
    let answer = client.get(|http, _| Ok(http.get("/api/v1/securityAnalyzer/bestPractices")))?;
    let items = answer["items"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let status = |item: &Value| read::word_or(item, "status", "unknown");
    let practices = items
        .iter()
        .filter(|item| args.all || !matches!(status(item).as_str(), "ok" | "none"))
        .map(|item| BestPractice {
            practice: read::always(item, "bestPractice"),
            status: status(item),
            note: read::text(item, "note"),
        });
    Ok(PracticeList {
        server: client.server().label(),
        practices: practices.collect(),
        violations: items
            .iter()
            .filter(|item| status(item) == "violation")
            .count(),
        total: items.len(),
        last_run: last_run(&client)?,
    })
}

/// One that never ran has no session, which is no error here.
fn last_run(client: &Client<'_>) -> Result<Option<Moment>> {
    let answer = client.attempt(|http, _| Ok(http.get("/api/v1/securityAnalyzer/lastRun")))?;
    match answer {
        Ok(answer) => {
            let answer: Value = answer.json()?;
            let zone = client.zone_of([&answer], &vbr::session::TIMES)?;
            Ok(Session::of(&answer, zone).started)
        }
        Err(answer) if client::code(&answer).as_deref() == Some("notfound") => Ok(None),
        Err(answer) => Err(HttpError::Status(answer).into()),
    }
}
