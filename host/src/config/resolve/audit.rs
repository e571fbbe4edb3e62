//! `[audit]`.

use super::Cx;
use super::value::Key;
use crate::audit::Anchor;
use crate::config::at::At;
use crate::config::{Audit, defaults, inline, raw};

const TABLE: &str = "audit";
/// More than this is a mistake in the unit.
const MOST_FILE: u64 = 1 << 40;
const MOST_FILES: u32 = 1_000_000;

/// `None`: nothing is recorded, or something is wrong and was reported.
pub(super) fn resolve(cx: &mut Cx<'_>, at: Option<&At<raw::Audit>>) -> Option<Audit> {
    let at = at?;
    let raw = &at.value;
    let key = |name| Key { table: TABLE, name };
    let folder = cx
        .required(
            raw.folder.as_ref(),
            &at.span,
            key("folder"),
            "\"/var/log/toolward\"",
        )
        .and_then(|at| path(cx, at));
    let secret = cx
        .required(raw.key.as_ref(), &at.span, key("key"), "\"file:audit.key\"")
        .and_then(|at| cx.secret(at));
    let anchor = match &raw.anchor {
        None => {
            cx.findings
                .warning(&at.span, "without `audit.anchor`, lines cut off at the end of the audit log are not missed")
                .hint("anchor = \"/mnt/elsewhere/toolward.anchors\" or \"syslog\"");
            Some(None)
        }
        Some(at) if at.value == "syslog" => Some(Some(Anchor::Syslog)),
        Some(at) => path(cx, at).map(|path| Some(Anchor::File(path))),
    };
    let refuse_on_failure = raw
        .on_failure
        .as_ref()
        .is_none_or(|at| at.value == raw::OnFailure::Refuse);
    cx.origins
        .default(&key("on-failure").path(), inline::string("refuse"));
    if raw.show.is_none() {
        cx.origins.default(&key("show").path(), "{}");
    }
    let shown = raw
        .show
        .iter()
        .flat_map(|table| &table.value)
        .map(|(tool, names)| {
            let names = names.iter().map(|name| name.value.clone());
            (tool.value.clone(), names.collect())
        });
    let anchor_interval = cx.duration(
        key("anchor-interval"),
        raw.anchor_interval.as_ref(),
        defaults::ANCHOR_INTERVAL,
    );
    let max_file_bytes = cx.size(
        key("max-file-size"),
        raw.max_file_size.as_ref(),
        defaults::AUDIT_MAX_FILE_SIZE,
        MOST_FILE,
    );
    let keep_files = raw
        .keep_files
        .as_ref()
        .map(|at| cx.count_or(key("keep-files"), Some(at), EXAMPLE_FILES, MOST_FILES));
    Some(Audit {
        folder: folder?,
        key: secret?,
        anchor: anchor?,
        anchor_interval,
        max_file_bytes,
        keep_files,
        refuse_on_failure,
        shown: shown.collect(),
    })
}

const EXAMPLE_FILES: u32 = 100;

fn path(cx: &mut Cx<'_>, at: &At<String>) -> Option<std::path::PathBuf> {
    if at.value.is_empty() {
        cx.findings
            .error(&at.span, "a path cannot be empty")
            .hint("folder = \"/var/log/toolward\"");
        return None;
    }
    Some(cx.path(&at.value))
}
