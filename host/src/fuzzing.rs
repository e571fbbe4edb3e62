//! What is fuzzed. Each target takes any bytes and panics if a promise was broken.
//!
//! `fuzz/` has a program for libFuzzer per target, with the inputs that it found worth keeping; the test below runs those
//! with every `cargo test`. Nothing of this is in the host as it is shipped.

use crate::{audit, catalog, config, egress, mcp, plugin, server};

/// What is done with an input.
pub type Target = fn(&[u8]);

/// Every target, by the name of its program and of its folders.
pub const TARGETS: [(&str, Target); 8] = [
    ("audit", audit::fuzz::audit),
    ("config", config::fuzz::config),
    ("egress", egress::fuzz::egress),
    ("envelope", mcp::envelope::fuzz::envelope),
    ("manifest", plugin::manifest::fuzz::manifest),
    ("message", server::fuzz::message),
    ("seal", mcp::fuzz_seal::seal),
    ("template", catalog::fuzz::template),
];

/// Runs a target on an input.
///
/// # Panics
///
/// When there is no such target; and when the input breaks what the target promises.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.expect("a target has an entry in TARGETS");
    target(data);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn folder(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../fuzz")
            .join(name)
    }

    fn names(folder: &Path) -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().path());
        let stem =
            |path: std::path::PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        names.map(stem).collect()
    }

    #[test]
    fn every_target_has_its_program_and_its_corpus() {
        let known: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(names(&folder("targets")), known);
        assert_eq!(names(&folder("corpus")), known);
    }

    #[test]
    #[expect(
        clippy::print_stdout,
        reason = "shown with a failure, which does not say which input it was"
    )]
    fn what_was_found_once_is_not_found_again() {
        for (name, target) in TARGETS {
            let mut inputs = 0;
            for entry in std::fs::read_dir(folder("corpus").join(name)).unwrap() {
                let path = entry.unwrap().path();
                let data = std::fs::read(&path).unwrap();
                println!("{}", path.display());
                target(&data);
                inputs += 1;
            }
            assert!(inputs > 2, "{name} has {inputs} inputs");
        }
    }
}
