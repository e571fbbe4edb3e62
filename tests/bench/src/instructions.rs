//! Instructions that one call takes, as valgrind's callgrind counts them: where the machine has other things to do, times
//! vary by a third and instructions by a hundredth.
//!
//! Each program runs under callgrind and is called over HTTP. Between the calls it is told to write down what it has
//! counted; the difference between twice as many calls and once as many, divided by their number, is what one takes: what
//! does not depend on the calls falls out. The host is `bench-inside serve`, which compiles what it loads itself.
//!
//! Where valgrind is missing or fails, the report says so and has no figures.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;
use tokio::process::Command;

use crate::calls::{backend_files, backend_tables};
use crate::load::{Call, Caller as _, Connection, Request, Road};
use crate::options::Plan;
use crate::server::Server;
use crate::site::{Keys, Site};
use crate::subject::{Program, Transport};

/// What was counted.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Instructions {
    /// `valgrind-3.19.0`. None: it is not there.
    pub(crate) tool: Option<String>,
    /// Why there are no figures, or not all of them.
    pub(crate) problem: Option<String>,
    /// Calls that were counted once, and then twice.
    pub(crate) calls: usize,
    pub(crate) records: Vec<Count>,
}

/// One kind of call.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Count {
    /// That of the record with the times.
    pub(crate) name: &'static str,
    /// In user space, of the whole process. None: not counted.
    pub(crate) instructions_per_call: Option<f64>,
}

/// Which process a call is counted in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Process {
    Bare,
    Rmcp,
    Host,
}

/// Everything that is counted.
const KINDS: [(&str, Process); 8] = [
    ("bare", Process::Bare),
    ("rmcp", Process::Rmcp),
    ("ours-floor", Process::Host),
    ("ours-fresh-named", Process::Host),
    ("ours-per-principal", Process::Host),
    ("ours-session", Process::Host),
    ("ours-rest", Process::Host),
    ("ours-backend", Process::Host),
];

/// A host whose instances fit into the address space that valgrind leaves, with time for what it makes slow.
const RUNTIME: &str = "max-instances = 4\nguest-threads = 1\n";
const LIMITS: &str = "
[limits]
cpu-time = \"5 min\"
wall-time = \"10 min\"
";

/// How long a dump may take to appear.
const PATIENCE: Duration = Duration::from_secs(30);

/// Counts all of them, as far as that is possible here.
pub(crate) async fn measure(site: &Site, plan: &Plan) -> Result<Instructions, Box<dyn Error>> {
    let mut counted = Instructions {
        tool: version().await,
        calls: if plan.quick { 5 } else { 50 },
        records: KINDS
            .map(|(name, _)| Count {
                name,
                instructions_per_call: None,
            })
            .to_vec(),
        ..Instructions::default()
    };
    if counted.tool.is_none() {
        let missing = "valgrind is not installed; on Debian, `apt-get install valgrind`";
        counted.problem = Some(missing.to_owned());
        return Ok(counted);
    }
    // The host compiles for minutes under valgrind when nothing is in its cache.
    let processes: &[Process] = if plan.quick {
        counted.problem = Some("with --quick the host is left out".to_owned());
        &[Process::Bare, Process::Rmcp]
    } else {
        &[Process::Bare, Process::Rmcp, Process::Host]
    };
    for process in processes {
        eprintln!("instructions: {process:?}");
        if let Err(error) = count(site, *process, &mut counted).await {
            // Not every machine lets one process look into another. The rest of the report is worth having.
            counted.problem = Some(format!("{process:?}: {error}"));
        }
    }
    Ok(counted)
}

/// What valgrind calls itself, if it is there.
async fn version() -> Option<String> {
    let output = Command::new("valgrind").arg("--version").output().await;
    let text = String::from_utf8(output.ok()?.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Counts all kinds of calls of one process.
async fn count(
    site: &Site,
    process: Process,
    counted: &mut Instructions,
) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut backend = None;
    let mut token = None;
    let (program, arguments) = match process {
        Process::Bare => (site.profile("bench"), vec!["serve".into(), "bare".into()]),
        Process::Rmcp => (site.profile("bench"), vec!["serve".into(), "rmcp".into()]),
        Process::Host => {
            let asked = site.command(Program::Backend, Transport::Http);
            let asked = Server::spawn("the backend", asked, Transport::Http).await?;
            let secret = site.token("bench", "local").await?;
            let config = configure(site, &folder, &asked, &secret.table)?;
            backend = Some(asked);
            token = Some(secret.secret);
            let arguments = vec!["serve".into(), "--config".into(), config];
            (site.profile("bench-inside"), arguments)
        }
    };
    let mut command = Command::new("valgrind");
    command
        // Nothing is counted while it starts and compiles: counting takes ten times as long.
        .args(["--tool=callgrind", "--instr-atstart=no"])
        .arg(format!(
            "--callgrind-out-file={}",
            folder.path().join("out").display()
        ))
        .arg(stripped(&program, folder.path()).await?)
        .args(&arguments);
    let server = Server::spawn("a program under valgrind", command, Transport::Http).await?;
    tell(server.id, &["instrumentation", "on"]).await?;
    for (name, of) in KINDS {
        if of != process {
            continue;
        }
        let request = request(name, token.as_deref());
        let mut connection = Connection::open(server.address()?, &request).await?;
        let calls = counted.calls;
        // Until what is done once has been done.
        call(&mut connection, calls / 2 + 1).await?;
        let mut dumps = Dumps::of(&server, folder.path());
        dumps.next().await?;
        call(&mut connection, calls).await?;
        let once = dumps.next().await?;
        call(&mut connection, calls * 2).await?;
        let twice = dumps.next().await?;
        connection.close().await?;
        let instructions = per_call(once, twice, calls);
        if let Some(count) = counted.records.iter_mut().find(|count| count.name == name) {
            count.instructions_per_call = instructions;
        }
    }
    server.stop().await?;
    if let Some(backend) = backend {
        backend.stop().await?;
    }
    Ok(())
}

fn request(name: &str, token: Option<&str>) -> Request {
    match name {
        "ours-floor" => Request::of(Call::own(), token),
        "ours-per-principal" => Request::of(Call::echo_by("tool_0"), token),
        "ours-backend" => Request::of(Call::ask(), token),
        "ours-session" => Request::echo(token).by(Road::Session),
        "ours-rest" => Request::echo(token).by(Road::Rest),
        _ => Request::echo(token),
    }
}

async fn call(connection: &mut Connection, times: usize) -> Result<(), Box<dyn Error>> {
    for _ in 0..times {
        connection.call().await?;
    }
    Ok(())
}

/// One host for all kinds: the plugin whose instances are reused is another one.
fn configure(
    site: &Site,
    folder: &tempfile::TempDir,
    backend: &Server,
    token: &str,
) -> Result<PathBuf, Box<dyn Error>> {
    let tables = [
        LIMITS.to_owned(),
        crate::copies::Copies::tools(site, 1)?,
        "isolation = \"per-principal\"\n".to_owned(),
        crate::calls::jobs_table(site)?,
        backend_tables(site, backend.address()?)?,
        token.to_owned(),
    ]
    .concat();
    let keys = Keys {
        runtime: RUNTIME,
        tables: &tables,
        keep: true,
        ..Keys::default()
    };
    for (name, text) in backend_files(&site.certificate()?) {
        fs::write(folder.path().join(name), text)?;
    }
    Ok(site.configure_in(folder.path(), &keys)?)
}

/// The program without what valgrind reads for a minute and does not need; as it is where that cannot be had.
async fn stripped(program: &Path, folder: &Path) -> io::Result<PathBuf> {
    let small = folder.join("program");
    let strip = Command::new("strip")
        .arg("-o")
        .arg(&small)
        .arg(program)
        .output()
        .await;
    match strip {
        Ok(output) if output.status.success() => Ok(small),
        Ok(_) | Err(_) => Ok(program.to_owned()),
    }
}

/// What callgrind writes down when it is told to, each time what it has counted since.
struct Dumps<'a> {
    process: u32,
    folder: &'a Path,
}

impl<'a> Dumps<'a> {
    fn of(server: &Server, folder: &'a Path) -> Self {
        Self {
            process: server.id,
            folder,
        }
    }

    /// Instructions since the last time.
    async fn next(&mut self) -> Result<u64, Box<dyn Error>> {
        let before = self.files()?;
        let said = tell(self.process, &["dump"]).await?;
        let mut new = self.files()?;
        new.retain(|file| !before.contains(file));
        let mut total = 0;
        for file in &new {
            total += totals(&fs::read_to_string(file)?).unwrap_or_default();
        }
        if total == 0 {
            return Err(format!("callgrind writes nothing down: {said}").into());
        }
        Ok(total)
    }

    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.folder)? {
            let path = entry?.path();
            if path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("out"))
            {
                files.push(path);
            }
        }
        Ok(files)
    }
}

/// Tells the valgrind of a process what to do; what it says to that.
async fn tell(process: u32, command: &[&str]) -> Result<String, Box<dyn Error>> {
    let mut vgdb = Command::new("vgdb");
    vgdb.arg(format!("--pid={process}")).args(command);
    let told = vgdb.stdin(Stdio::null()).kill_on_drop(true).output();
    let told = tokio::time::timeout(PATIENCE, told).await??;
    Ok(String::from_utf8_lossy(&told.stderr).into_owned())
}

/// The line `totals: 123` of a file, or `summary: 123`.
fn totals(text: &str) -> Option<u64> {
    let line = text.lines().rev().find_map(|line| {
        line.strip_prefix("totals:")
            .or_else(|| line.strip_prefix("summary:"))
    });
    line?.split_whitespace().next()?.parse().ok()
}

/// The difference: what two dumps have in common falls out.
fn per_call(once: u64, twice: u64, calls: usize) -> Option<f64> {
    let difference = usize::try_from(twice.checked_sub(once)?).ok()?;
    (calls > 0).then(|| {
        crate::report::per(
            crate::report::count(difference),
            crate::report::count(calls),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_found() {
        let text = "# callgrind format\nversion: 1\nevents: Ir\nfn=(1)\n1 5\ntotals: 17115926\n";
        assert_eq!(totals(text), Some(17_115_926));
        assert_eq!(totals("events: Ir\n"), None);
    }

    #[test]
    fn what_does_not_depend_on_calls_falls_out() {
        let overhead = 1_000;
        let of = |calls: u64| overhead + calls * 400;
        assert_eq!(per_call(of(50), of(100), 50), Some(400.0));
        assert_eq!(per_call(2, 1, 50), None);
    }
}
