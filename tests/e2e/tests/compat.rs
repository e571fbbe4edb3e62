//! Plugins that were compiled against released versions of the interface go on working: each component in
//! `tests/compat` is loaded and called, and what the interface said then it still says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use e2e::{Host, echo, mcp};
use serde_json::json;

/// `tests/compat/VERSION`.
fn versions() -> Vec<PathBuf> {
    let all = entries(&e2e::repository().join("tests").join("compat"));
    let versions: Vec<PathBuf> = all.into_iter().filter(|path| path.is_dir()).collect();
    assert!(!versions.is_empty(), "no version was kept");
    versions
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut paths: Vec<PathBuf> = paths.collect();
    paths.sort();
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn components_of_released_versions_are_served() {
    for version in versions() {
        let component = version.join("interface.wasm");
        eprintln!("{}", component.display());
        // It is older than signatures are.
        let unsigned = [("TOOLWARD_ALLOW_UNSIGNED", "true")];
        let deployment = echo::deployment("interface", &component);
        let host = Host::start_with(&deployment, &unsigned).await;
        echo::check(&host).await;
        // Calls every function of the imports that are always granted.
        let context = mcp::Client::new(host.url())
            .call("context", json!({}))
            .await;
        let context = context.expect("`context` is served");
        assert!(
            context["structuredContent"]["idempotency_key"].is_string(),
            "{context}"
        );
        host.stop().await;
    }
}

#[test]
fn what_was_released_is_still_said() {
    let now = Interfaces::read(&e2e::repository().join("wit"));
    for version in versions() {
        let then = Interfaces::read(&version.join("wit"));
        for (interface, items) in &then.items {
            let empty = BTreeSet::new();
            let kept = now.items.get(interface).unwrap_or(&empty);
            let gone: Vec<_> = items.difference(kept).collect();
            assert!(
                gone.is_empty(),
                "gone from `{interface}` since {}: {gone:#?}",
                version.display()
            );
            // A component that exports the interface as it was has nothing for an addition.
            let added: Vec<_> = kept.difference(items).collect();
            assert!(
                !then.exported.contains(interface) || added.is_empty(),
                "new in `{interface}`, which plugins export, since {}: {added:#?}",
                version.display()
            );
        }
    }
}

/// What the WIT of a folder says, comments and layout aside.
#[derive(Debug, Default)]
struct Interfaces {
    /// By the interface's name, its types and functions; a resource's functions each by itself.
    items: BTreeMap<String, BTreeSet<String>>,
    /// Those that a world exports.
    exported: BTreeSet<String>,
}

impl Interfaces {
    fn read(folder: &Path) -> Self {
        let mut interfaces = Self::default();
        for file in entries(folder) {
            if file.extension().is_some_and(|extension| extension == "wit") {
                let text = fs::read_to_string(&file).expect("the file can be read");
                interfaces.add(&text);
            }
        }
        interfaces
    }

    fn add(&mut self, text: &str) {
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with("//"));
        let text = lines.collect::<Vec<_>>().join(" ");
        for (head, body) in blocks(&text) {
            match head.split_once(' ') {
                Some(("interface", name)) => {
                    self.items.insert(name.to_owned(), items(body));
                }
                Some(("world", _)) => {
                    let exports = body
                        .split(';')
                        .filter_map(|item| item.trim().strip_prefix("export "));
                    self.exported.extend(exports.map(str::to_owned));
                }
                _ => {}
            }
        }
    }
}

/// `HEAD { BODY }` at the outermost level, and `HEAD;` with an empty body.
fn blocks(text: &str) -> Vec<(&str, &str)> {
    let mut blocks = Vec::new();
    let (mut depth, mut start, mut open) = (0, 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' => {
                depth += 1;
                if depth == 1 {
                    open = at;
                }
            }
            '}' => {
                depth -= 1;
                if depth == 0 {
                    blocks.push((text[start..open].trim(), text[open + 1..at].trim()));
                    start = at + 1;
                }
            }
            ';' if depth == 0 => {
                blocks.push((text[start..at].trim(), ""));
                start = at + 1;
            }
            _ => {}
        }
    }
    blocks
}

/// The items of an interface, each in one form however it is laid out.
fn items(body: &str) -> BTreeSet<String> {
    let mut items = BTreeSet::new();
    // `use a.{b, c};` reads as a block and an empty item; what is used shows in the items that use it.
    for (head, body) in blocks(body)
        .into_iter()
        .filter(|(head, _)| !head.is_empty() && !head.starts_with("use "))
    {
        if head.starts_with("resource ") {
            let functions = body
                .split(';')
                .map(str::trim)
                .filter(|function| !function.is_empty());
            items.extend(functions.map(|function| plain(&format!("{head}.{function}"))));
        } else {
            items.insert(plain(&format!("{head} {{{body}}}")));
        }
    }
    items
}

fn plain(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text
        .replace("( ", "(")
        .replace(",)", ")")
        .replace(", )", ")");
    text.replace(",}", "}").replace(", }", "}")
}

#[test]
fn items_are_told_apart_whatever_their_layout() {
    let one = items(
        "use a.{b}; type c = u8; record d { e: b, f: list<u8>, } g: func(h: b) -> c; resource i { j: func(); }",
    );
    let other = items(
        "use a.{b}; record d {e: b, f: list<u8>}  g: func( h: b, ) -> c; resource i { j: func(); k: func(); } type c = u8;",
    );
    let expected = [
        "g: func(h: b) -> c {}",
        "record d {e: b, f: list<u8>}",
        "resource i.j: func()",
        "type c = u8 {}",
    ];
    assert_eq!(one.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    assert_eq!(
        other.difference(&one).collect::<Vec<_>>(),
        ["resource i.k: func()"]
    );
    assert_eq!(one.difference(&other).count(), 0);
}
