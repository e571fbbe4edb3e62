//! The invariants of `docs/architecture.md` that a script can check.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the host, each of which may use only those after it.
const DOWNWARDS: [&str; 14] = [
    "fuzzing",
    "cli",
    "server",
    "auth",
    "mcp",
    "host",
    "policy",
    "catalog",
    "jobs",
    "plugin",
    "capability",
    "egress",
    "credential",
    "config",
];

/// These may be used by all, and use none of them.
const FOR_ALL: [&str; 3] = ["audit", "error", "telemetry"];

/// Every source file of the host, with its module and its text up to its tests.
fn sources() -> Vec<(PathBuf, String, String)> {
    let root = e2e::repository().join("host/src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let sources: Vec<_> = files
        .into_iter()
        .filter_map(|path| {
            let below = path.strip_prefix(&root).unwrap().to_owned();
            let first = below.iter().next().unwrap().to_str().unwrap();
            let module = first.trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap().to_owned();
            (module != "lib" && module != "main").then_some((below, module, code))
        })
        .collect();
    assert!(
        sources.len() > 40,
        "only {} files were found",
        sources.len()
    );
    sources
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The lines of code, without comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
}

#[test]
fn dependencies_point_one_way() {
    let mut wrong = Vec::new();
    for (path, module, text) in sources() {
        let place = DOWNWARDS.iter().position(|known| *known == module);
        assert!(
            place.is_some() || FOR_ALL.contains(&&*module),
            "{}: `{module}` is not in the order of docs/architecture.md",
            path.display()
        );
        let forbidden = match place {
            Some(place) => &DOWNWARDS[..place],
            None => &DOWNWARDS[..],
        };
        for line in code(&text) {
            for above in forbidden {
                if line.contains(&format!("crate::{above}::"))
                    || line.contains(&format!("crate::{above};"))
                {
                    wrong.push(format!("{}: {line}", path.display()));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "these look upwards:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn each_library_is_known_where_it_belongs() {
    let allowed: [(&str, &[&str]); 4] = [
        ("wasmtime", &["plugin", "capability"]),
        ("rmcp", &["mcp", "server", "cli"]),
        ("reqwest", &["egress", "credential", "auth"]),
        ("axum", &["server"]),
    ];
    for (library, modules) in allowed {
        let users: Vec<_> = sources()
            .into_iter()
            .filter(|(_, _, text)| code(text).any(|line| line.contains(&format!("{library}::"))))
            .collect();
        assert!(
            !users.is_empty(),
            "nobody uses {library}: is this check looking at anything?"
        );
        for (path, module, _) in users {
            assert!(
                modules.contains(&&*module),
                "{} uses {library}",
                path.display()
            );
        }
    }
}

/// Products are known by configuration and plugins alone. What the host says of one is a comment, or an example for operators.
#[test]
fn no_code_of_the_host_knows_a_product() {
    for (path, _, text) in sources() {
        if path.ends_with("tests.rs") {
            continue;
        }
        for line in code(&text).filter(|line| !line.contains("schemars(")) {
            let line = line.to_lowercase();
            for word in ["proxmox", "pve", "upid", "/api2"] {
                assert!(!line.contains(word), "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn every_module_has_an_invariant() {
    let page = fs::read_to_string(e2e::repository().join("docs/architecture.md")).unwrap();
    for module in DOWNWARDS.iter().chain(&FOR_ALL) {
        // `main.rs` and the commands only wire things together.
        if *module != "cli" {
            let told = page.lines().any(|line| {
                line.starts_with("- `")
                    && line.contains(&format!("`{module}"))
                    && line.contains("Invariant:")
            });
            assert!(
                told,
                "docs/architecture.md has no line with an `Invariant:` for `{module}`"
            );
        }
    }
}
