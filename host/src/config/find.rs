//! Which file is the configuration.

use std::path::{Path, PathBuf};

use super::Env;

/// No configuration file.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// Nobody named one, and it is at none of the usual places.
    #[error("there is no configuration file: looked for {}", list(.looked_at))]
    Nowhere {
        /// The places, in the order they were looked at.
        looked_at: Vec<PathBuf>,
    },
}

fn list(places: &[PathBuf]) -> String {
    let places: Vec<_> = places
        .iter()
        .map(|place| format!("`{}`", place.display()))
        .collect();
    places.join(", ")
}

/// The configuration file: the flag, `TOOLWARD_CONFIG`, `./toolward.toml`, then `toolward/toolward.toml` in
/// `$XDG_CONFIG_HOME` (`~/.config`).
///
/// A file that was named is taken even if it is not there, so that [`load`](super::load) complains about that one
/// and no other file answers in its place.
pub fn find(flag: Option<&Path>, env: Env<'_>) -> Result<PathBuf, FindError> {
    if let Some(path) = flag {
        return Ok(path.to_owned());
    }
    if let Some(path) = env("TOOLWARD_CONFIG").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let mut looked_at = vec![PathBuf::from("toolward.toml")];
    looked_at.extend(
        base(env, "XDG_CONFIG_HOME", ".config").map(|base| base.join("toolward/toolward.toml")),
    );
    match looked_at.iter().find(|place| place.exists()) {
        Some(place) => Ok(place.clone()),
        None => Err(FindError::Nowhere { looked_at }),
    }
}

/// A base folder of the XDG specification, which says that a relative path there is to be ignored.
pub(super) fn base(env: Env<'_>, variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        env(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(below_home)))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn check(flag: Option<&str>, variables: &[(&str, &str)], expected: Option<&str>) {
        let env = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let found = find(flag.map(Path::new), &env).ok();
        assert_eq!(
            found.as_deref(),
            expected.map(Path::new),
            "{flag:?} {variables:?}"
        );
    }

    #[test]
    fn a_named_file_wins_even_when_it_is_missing() {
        check(
            Some("a.toml"),
            &[("TOOLWARD_CONFIG", "b.toml")],
            Some("a.toml"),
        );
        check(None, &[("TOOLWARD_CONFIG", "b.toml")], Some("b.toml"));
        check(None, &[("TOOLWARD_CONFIG", "")], None);
        check(None, &[], None);
    }

    #[test]
    fn otherwise_the_usual_places_are_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("toolward/toolward.toml");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "").unwrap();
        let base = folder.path().to_str().unwrap();
        check(None, &[("XDG_CONFIG_HOME", base)], file.to_str());
        check(
            None,
            &[("XDG_CONFIG_HOME", "relative"), ("HOME", "/nowhere")],
            None,
        );
    }
}
