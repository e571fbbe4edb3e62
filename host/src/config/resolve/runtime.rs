//! `[runtime]`.

use std::path::PathBuf;

use super::Cx;
use super::value::Key;
use crate::config::at::At;
use crate::config::diagnostic::Spot;
use crate::config::{Compile, Runtime, defaults, find, inline, raw};

const TABLE: &str = "runtime";
/// More instances than this do not fit into the address space.
const MOST_INSTANCES: u32 = 10_000;
const MOST_WAITING: u32 = 1_000_000;
const MOST_THREADS: u32 = 1_024;
const MOST_COMPILE_MEMORY: u64 = 1 << 40;

pub(super) fn resolve(cx: &mut Cx<'_>, raw: &raw::Runtime) -> Runtime {
    let overrides = cx.overrides;
    let key = |name| Key { table: TABLE, name };
    let cores = std::thread::available_parallelism()
        .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
    Runtime {
        cache_dir: folder(
            cx,
            raw.cache_dir.as_ref(),
            overrides.cache_dir.clone(),
            &CACHE,
        ),
        state_dir: folder(
            cx,
            raw.state_dir.as_ref(),
            overrides.state_dir.clone(),
            &STATE,
        ),
        max_instances: count(
            cx,
            raw.max_instances.as_ref(),
            &Count {
                name: "max-instances",
                default: defaults::MAX_INSTANCES,
                most: MOST_INSTANCES,
                flag: "--max-instances",
                variable: "TOOLWARD_MAX_INSTANCES",
            },
            overrides.max_instances.clone(),
        ),
        max_waiting: count(
            cx,
            raw.max_waiting.as_ref(),
            &Count {
                name: "max-waiting",
                default: defaults::MAX_WAITING,
                most: MOST_WAITING,
                flag: "--max-waiting",
                variable: "TOOLWARD_MAX_WAITING",
            },
            overrides.max_waiting.clone(),
        ),
        guest_threads: count(
            cx,
            raw.guest_threads.as_ref(),
            &Count {
                name: "guest-threads",
                default: cores.min(MOST_THREADS),
                most: MOST_THREADS,
                flag: "--guest-threads",
                variable: "TOOLWARD_GUEST_THREADS",
            },
            overrides.guest_threads.clone(),
        ) as usize,
        compile: Compile {
            program: None,
            memory: cx.size(
                key("compile-memory"),
                raw.compile_memory.as_ref(),
                defaults::COMPILE_MEMORY,
                MOST_COMPILE_MEMORY,
            ),
            time: cx.duration(
                key("compile-time"),
                raw.compile_time.as_ref(),
                defaults::COMPILE_TIME,
            ),
        },
    }
}

struct Folder {
    name: &'static str,
    flag: &'static str,
    variable: &'static str,
    base: &'static str,
    below_home: &'static str,
    what: &'static str,
    example: &'static str,
}

const CACHE: Folder = Folder {
    name: "cache-dir",
    flag: "--cache-dir",
    variable: "TOOLWARD_CACHE_DIR",
    base: "XDG_CACHE_HOME",
    below_home: ".cache",
    what: "compiled components",
    example: "cache-dir = \"/var/cache/toolward\"",
};

const STATE: Folder = Folder {
    name: "state-dir",
    flag: "--state-dir",
    variable: "TOOLWARD_STATE_DIR",
    base: "XDG_STATE_HOME",
    below_home: ".local/state",
    what: "jobs",
    example: "state-dir = \"/var/lib/toolward\"",
};

/// From the file, relative to its folder; from outside, relative to the working directory, as in any shell.
fn folder(
    cx: &mut Cx<'_>,
    raw: Option<&At<String>>,
    flag: Option<String>,
    folder: &Folder,
) -> PathBuf {
    let key = Key {
        table: TABLE,
        name: folder.name,
    };
    if let Some(given) = cx.outside(key, flag, folder.flag, folder.variable) {
        return given.text.into();
    }
    if let Some(at) = raw {
        if at.value.is_empty() {
            cx.findings
                .error(&at.span, "a path cannot be empty")
                .hint(folder.example);
        }
        return cx.path(&at.value);
    }
    let Some(base) = find::base(cx.env, folder.base, folder.below_home) else {
        cx.findings
            .error_of(
                Spot::File,
                format!(
                    "there is no folder for {}: neither {} nor HOME is set",
                    folder.what, folder.base
                ),
            )
            .hint(format!("{} in [runtime]", folder.example));
        return PathBuf::new();
    };
    let path = base.join("toolward");
    cx.origins
        .default(&key.path(), inline::string(&path.to_string_lossy()));
    path
}

struct Count {
    name: &'static str,
    default: u32,
    most: u32,
    flag: &'static str,
    variable: &'static str,
}

fn count(cx: &mut Cx<'_>, raw: Option<&At<i64>>, count: &Count, flag: Option<String>) -> u32 {
    let key = Key {
        table: TABLE,
        name: count.name,
    };
    cx.origins.default(&key.path(), count.default.to_string());
    let Some(given) = cx.outside(key, flag, count.flag, count.variable) else {
        return cx.count_or(key, raw, count.default, count.most);
    };
    match given.text.parse() {
        Ok(number) if (1..=count.most).contains(&number) => number,
        _ => {
            cx.findings
                .error_of(
                    given.spot(),
                    format!(
                        "`{}` must be a number between 1 and {}",
                        key.path(),
                        count.most
                    ),
                )
                .hint(format!("{}={}", given.name(), count.default));
            count.default
        }
    }
}
