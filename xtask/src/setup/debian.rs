//! The second choice: Debian packages the sources of Rust's standard library, and wasi-libc built.
//!
//! The packages come from the machine's own Debian mirror, through apt, which checks their signatures. Lists,
//! archives and the list of sources are private to this checkout: the system's apt is read, never changed.
//! Nothing is installed on the system: the packages are only unpacked.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::standard_library::{self, has_sources, link_sources};
use super::toolchain::Toolchain;
use crate::failure::Failure;
use crate::process;
use crate::project::{make_folder, remove_folder};

/// The suite that keeps the packages of several compiler versions, rust-src among them.
const SUITE: &str = "trixie-backports";

const LIMIT: Duration = Duration::from_mins(15);

/// Where Debian keeps the keys of its archive; newer releases name the file `.pgp`.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
];

/// Puts the target, built from Debian's packages, into the toolchain.
pub(super) fn provide(toolchain: &Toolchain, work: &Path) -> Result<(), Failure> {
    check_system()?;
    let apt = Apt::new(work.join("apt"))?;
    let mirror = apt.mirror()?;
    eprintln!("setup: {SUITE} of {mirror}");
    apt.use_backports(&mirror)?;

    let unpacked = work.join("packages");
    remove_folder(&unpacked)?;
    let libc = apt.newest("wasi-libc")?;
    let mut origin = format!("Debian: wasi-libc {libc}");
    apt.unpack("wasi-libc", &libc, &unpacked)?;
    if has_sources(toolchain) {
        origin.push_str(", the toolchain's rust-src");
    } else {
        let version = apt.version_for("rust-src", &toolchain.release)?;
        apt.unpack("rust-src", &version, &unpacked)?;
        let _ = write!(origin, ", rust-src {version}");
    }
    let sources = format!("usr/src/rustc-{}/library", toolchain.release);
    let _link = link_sources(toolchain, &unpacked.join(sources))?;
    let c_objects = unpacked.join("usr/lib").join(super::TARGET);
    standard_library::install(toolchain, work, &c_objects, &origin)?;
    // 400 MB that nobody needs any more.
    remove_folder(&unpacked)
}

fn check_system() -> Result<(), Failure> {
    let debian = fs::read_to_string("/etc/os-release").is_ok_and(|text| is_debian(&text));
    if !debian {
        return Err(Failure::new("this is not a Debian system"));
    }
    for (program, argument) in [("apt-get", "--version"), ("dpkg-deb", "--version")] {
        if !process::exists(program, argument) {
            return Err(Failure::new(format!("there is no `{program}`")));
        }
    }
    Ok(())
}

fn is_debian(os_release: &str) -> bool {
    os_release
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| matches!(*key, "ID" | "ID_LIKE"))
        .flat_map(|(_, value)| value.trim_matches('"').split_whitespace())
        .any(|name| name == "debian")
}

/// apt with folders of its own.
#[derive(Debug)]
struct Apt {
    folder: PathBuf,
}

/// Whose sources apt reads.
#[derive(Clone, Copy, Debug)]
enum Sources {
    /// Those the machine is configured with.
    System,
    /// The one that we wrote.
    Backports,
}

impl Apt {
    /// Starts from nothing: a list cut short by an interruption must not be taken for a whole one.
    fn new(folder: PathBuf) -> Result<Self, Failure> {
        remove_folder(&folder)?;
        for inner in [
            "system/partial",
            "backports/partial",
            "cache/archives/partial",
            "debs",
        ] {
            make_folder(&folder.join(inner))?;
        }
        let apt = Self { folder };
        apt.write("status", "")?;
        Ok(apt)
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(|source| Failure::file("write", &path, &source))?;
        Ok(path)
    }

    /// One of apt's programs, reading `sources` and keeping everything in our folder.
    fn command(&self, program: &str, sources: Sources) -> Command {
        let mut command = Command::new(program);
        let mut option = |name: &str, value: &Path| {
            command.arg("-o").arg(format!("{name}={}", value.display()));
        };
        match sources {
            Sources::System => option("Dir::State::lists", &self.folder.join("system")),
            Sources::Backports => {
                option("Dir::State::lists", &self.folder.join("backports"));
                option("Dir::Etc::sourcelist", &self.folder.join("sources.list"));
                option("Dir::Etc::sourceparts", Path::new("/dev/null"));
            }
        }
        option("Dir::State::status", &self.folder.join("status"));
        option("Dir::Cache", &self.folder.join("cache"));
        // Whatever the machine's configuration allows: nothing unsigned here.
        for setting in [
            "APT::Get::AllowUnauthenticated=false",
            "Acquire::AllowInsecureRepositories=false",
            "Acquire::AllowWeakRepositories=false",
            "Acquire::Languages=none",
        ] {
            command.args(["-o", setting]);
        }
        command.current_dir(self.folder.join("debs"));
        command.env("LC_ALL", "C");
        command
    }

    /// Runs apt-get and keeps its output for when it fails.
    fn get(&self, sources: Sources, arguments: &[&str]) -> Result<String, Failure> {
        let log = self.folder.join("apt-get.log");
        let mut command = self.command("apt-get", sources);
        process::quiet(command.args(arguments), &log, LIMIT)
    }

    /// The address of the Debian mirror that the machine is configured with.
    fn mirror(&self) -> Result<String, Failure> {
        const FORMAT: &str = "$(CREATED_BY)|$(ORIGIN)|$(LABEL)|$(SITE)";
        let system =
            process::read(Command::new("apt-get").args(["indextargets", "--format", FORMAT]))?;
        if let Some(mirror) = debian_mirror(&system) {
            return Ok(mirror);
        }
        // A fresh container has no package lists, and without them apt does not tell whose mirror it is.
        eprintln!("setup: reading the package lists of the configured mirrors");
        self.get(Sources::System, &["update"])?;
        let mut command = self.command("apt-get", Sources::System);
        let private = process::read(command.args(["indextargets", "--format", FORMAT]))?;
        debian_mirror(&private)
            .ok_or_else(|| Failure::new("apt is not configured with a Debian mirror"))
    }

    /// Points apt at the suite on the mirror and fetches its list of packages.
    fn use_backports(&self, mirror: &str) -> Result<(), Failure> {
        let keyring = KEYRINGS.iter().map(Path::new).find(|path| path.exists());
        let outcome = match keyring {
            Some(keyring) => self.update(mirror, keyring),
            None => Err(Failure::new("there is no keyring of the Debian archive")),
        };
        let Err(failure) = outcome else { return Ok(()) };
        // An older release may not know the keys of a newer one yet. Its updates bring them, in a package
        // that is signed with keys that it does know.
        eprintln!("setup: {}", failure.summary());
        eprintln!("setup: trying with the newest keyring that the configured mirrors offer");
        self.newer_keyring()
            .and_then(|keyring| self.update(mirror, &keyring))
            .map_err(|second| failure.with_details(second.to_string()))
    }

    fn update(&self, mirror: &str, keyring: &Path) -> Result<(), Failure> {
        let keyring = keyring.display();
        self.write(
            "sources.list",
            &format!("deb [signed-by={keyring}] {mirror} {SUITE} main\n"),
        )?;
        let output = self.get(Sources::Backports, &["update"])?;
        // apt calls a list that it could not fetch or verify a warning, and ends well.
        let trouble = |line: &str| {
            (line.starts_with("W: ") || line.starts_with("Err:")) && !line.contains("unsandboxed")
        };
        if output.lines().any(trouble) {
            let failure = Failure::new(format!("cannot fetch the list of {SUITE}"));
            return Err(failure.with_details(output));
        }
        Ok(())
    }

    fn newer_keyring(&self) -> Result<PathBuf, Failure> {
        self.get(Sources::System, &["update"])?;
        self.get(Sources::System, &["download", "debian-archive-keyring"])?;
        let folder = self.folder.join("keyring");
        self.extract("debian-archive-keyring", &folder)?;
        KEYRINGS
            .iter()
            .map(|path| folder.join(path.trim_start_matches('/')))
            .find(|path| path.exists())
            .ok_or_else(|| Failure::new("the package debian-archive-keyring has no keyring"))
    }

    /// The versions of a package that the suite has, newest first.
    fn versions(&self, package: &str) -> Result<Vec<String>, Failure> {
        let mut command = self.command("apt-cache", Sources::Backports);
        Ok(versions(&process::read(
            command.args(["madison", package]),
        )?))
    }

    fn newest(&self, package: &str) -> Result<String, Failure> {
        let first = self.versions(package)?.into_iter().next();
        first.ok_or_else(|| Failure::new(format!("{SUITE} has no package {package}")))
    }

    /// The version of a package that was made from exactly this release.
    fn version_for(&self, package: &str, release: &str) -> Result<String, Failure> {
        let versions = self.versions(package)?;
        match versions.iter().find(|version| upstream(version) == release) {
            Some(version) => Ok(version.clone()),
            None => Err(Failure::new(format!(
                "{SUITE} has {package} {}, but the compiler is {release}",
                versions.join(", ")
            ))),
        }
    }

    /// Downloads a package and unpacks it into the folder.
    fn unpack(&self, package: &str, version: &str, into: &Path) -> Result<(), Failure> {
        eprintln!("setup: fetching and unpacking {package} {version}");
        self.get(
            Sources::Backports,
            &["download", &format!("{package}={version}")],
        )?;
        self.extract(package, into)
    }

    fn extract(&self, package: &str, into: &Path) -> Result<(), Failure> {
        make_folder(into)?;
        let debs = self.folder.join("debs");
        let prefix = format!("{package}_");
        let deb = fs::read_dir(&debs)
            .map_err(|source| Failure::file("list", &debs, &source))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
            })
            .ok_or_else(|| Failure::new(format!("apt did not download {package}")))?;
        let mut command = Command::new("dpkg-deb");
        process::read(command.arg("-x").arg(&deb).arg(into))?;
        fs::remove_file(&deb).map_err(|source| Failure::file("remove", &deb, &source))
    }
}

/// Finds Debian's own archive (not its security archive, which has no backports) in a list of index targets.
fn debian_mirror(targets: &str) -> Option<String> {
    targets.lines().find_map(|line| {
        let mut fields = line.split('|');
        let (created_by, origin, label) = (fields.next()?, fields.next()?, fields.next()?);
        let site = fields.next()?;
        let usable = created_by == "Packages"
            && origin == "Debian"
            && label == "Debian"
            && !site.starts_with("cdrom:");
        usable.then(|| site.to_owned())
    })
}

/// Reads what `apt-cache madison` prints: `rust-src | 1.95.0+dfsg1-2~bpo13+1 | … Packages`.
fn versions(madison: &str) -> Vec<String> {
    madison
        .lines()
        .filter_map(|line| line.split('|').nth(1))
        .map(|version| version.trim().to_owned())
        .collect()
}

/// The release a Debian version was made from: `1.95.0` of `1.95.0+dfsg1-2~bpo13+1`.
fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let version = version.rsplit_once('-').map_or(version, |(start, _)| start);
    version.split_once('+').map_or(version, |(start, _)| start)
}

#[cfg(test)]
mod tests {
    use super::{debian_mirror, is_debian, upstream, versions};

    #[test]
    fn debian_and_its_children_are_known() {
        assert!(is_debian("NAME=x\nID=debian\n"));
        assert!(is_debian("ID=ubuntu\nID_LIKE=\"debian\"\n"));
        assert!(is_debian("ID=mint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!is_debian("ID=fedora\nHOME_URL=debian\n"));
    }

    #[test]
    fn the_mirror_is_debians_main_archive() {
        let targets = "DEP-11|Debian|Debian|http://a/debian\n\
            Packages|Google|cloud|http://b/apt\n\
            Packages|Debian|Debian-Security|http://c/debian-security\n\
            Packages|Debian|Debian|cdrom:[Debian 12]\n\
            Packages|Debian|Debian|http://d/debian\n";
        assert_eq!(debian_mirror(targets).as_deref(), Some("http://d/debian"));
        assert_eq!(debian_mirror(""), None);
        assert_eq!(
            debian_mirror("Packages|$(ORIGIN)|$(LABEL)|http://a\n"),
            None
        );
    }

    #[test]
    fn the_version_is_that_of_the_compiler() {
        let madison = "  rust-src | 1.96.1+dfsg1-2~bpo13+1 | http://a Packages\n  \
            rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://a Packages\n";
        let versions = versions(madison);
        let upstreams: Vec<&str> = versions.iter().map(|version| upstream(version)).collect();
        assert_eq!(upstreams, ["1.96.1", "1.95.0"]);
        assert_eq!(upstream("1:1.95.0-1"), "1.95.0");
        assert_eq!(upstream("1.95.0~beta.3+dfsg1-1"), "1.95.0~beta.3");
    }
}
