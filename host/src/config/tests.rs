//! Whole configurations: what is said of wrong ones, what comes out of right ones.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::*;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/cases")
}

/// An environment with a home and two secrets.
fn env(name: &str) -> Option<OsString> {
    match name {
        "HOME" => Some("/home/op".into()),
        "VBR_USERNAME" => Some("toolward".into()),
        "VBR_PASSWORD" => Some("hunter2".into()),
        "EMPTY" => Some("".into()),
        _ => None,
    }
}

fn said(path: &Path) -> String {
    let text = match super::check(path, &env, &Overrides::default()) {
        Ok(checked) => format!("{}\n{}", checked.warnings, checked.summary),
        Err(diagnostics) => diagnostics.to_string(),
    };
    let folder = cases().to_str().unwrap().to_owned();
    text.replace(&format!("{folder}/"), "") + "\n"
}

/// Each `cases/NAME.toml`, and what is said of it: `cases/NAME.txt`.
#[test]
fn every_mistake_is_explained() {
    let mut seen = 0;
    for entry in std::fs::read_dir(cases()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let text = said(&path);
            assert!(
                !text.contains("hunter2"),
                "{} shows a secret:\n{text}",
                path.display()
            );
            golden::check(&path.with_extension("txt"), &text);
            seen += 1;
        }
    }
    assert!(seen > 8, "the cases are gone");
}
