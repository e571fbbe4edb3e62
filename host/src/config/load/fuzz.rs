//! Fuzzing: any text as `toolward.toml`. The environment is made up, and no command is run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Overrides, resolve_text};

/// What no message may repeat.
const SECRET: &str = "hunter2-of-the-environment";

fn env(name: &str) -> Option<OsString> {
    match name {
        "HOME" => Some("/nonexistent/home".into()),
        "VBR_USERNAME" => Some("toolward".into()),
        "VBR_PASSWORD" => Some(SECRET.into()),
        "EMPTY" => Some("".into()),
        _ => None,
    }
}

/// Longer ones are resolved once: what makes two differ is in short ones too.
const TWICE: usize = 1024;

/// Checks and resolves it.
pub(crate) fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let path = Path::new("/nonexistent/toolward.toml");
    let overrides = Overrides::default();
    let load = || resolve_text(path, text, PathBuf::from("/nonexistent"), &env, &overrides);
    let again = (text.len() <= TWICE).then(load);
    match load() {
        Ok(loaded) => {
            assert_eq!(loaded.diagnostics.errors(), 0);
            quiet(&loaded.diagnostics.render(true));
            quiet(&format!("{:?}", loaded.config));
            quiet(&loaded.origins.render(path));
            quiet(&loaded.origins.to_json(path).to_string());
            if let Some(again) = again {
                let again = again.expect("taken once and refused once");
                assert!(loaded.config == again.config, "it resolves in two ways");
            }
        }
        Err(problems) => {
            assert!(problems.errors() > 0, "refused without a reason");
            quiet(&problems.render(true));
            quiet(&problems.to_json().to_string());
            if let Some(again) = again {
                let again = again.err().expect("refused once and taken once");
                assert_eq!(problems.to_string(), again.to_string());
            }
        }
    }
}

#[track_caller]
fn quiet(text: &str) {
    assert!(!text.contains(SECRET), "a secret is shown: {text}");
}
