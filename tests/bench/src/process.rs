//! CPU time and memory of a process, as Linux counts them. No other system is known here.

use std::fs;
use std::io;
use std::time::Duration;

/// Ticks a second of `/proc/PID/stat`: part of the kernel's interface, the same on every machine that runs the host.
const TICKS: u64 = 100;

/// Why the system's figures cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    /// The process is gone, or this is not Linux.
    #[error("cannot read `{path}`, which tells what a process uses (the benchmark needs Linux)")]
    Read {
        path: String,
        #[source]
        source: io::Error,
    },
    /// The kernel writes something else.
    #[error("cannot understand `{path}`")]
    Form { path: String },
}

/// The CPU time of all threads that the process has or had, in user space and in the kernel, in steps of 10 ms.
pub(crate) fn cpu_time(process: u32) -> Result<Duration, ProcessError> {
    let path = format!("/proc/{process}/stat");
    let text = read(&path)?;
    let ticks = ticks(&text).ok_or(ProcessError::Form { path })?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS))
}

/// The CPU time of the threads that the process has now, to the nanosecond: for what is over in a few ticks.
pub(crate) fn threads_cpu_time(process: u32) -> Result<Duration, ProcessError> {
    let folder = format!("/proc/{process}/task");
    let unreadable = |source| ProcessError::Read {
        path: folder.clone(),
        source,
    };
    let mut nanoseconds = 0;
    for thread in fs::read_dir(&folder).map_err(unreadable)? {
        let path = thread.map_err(unreadable)?.path().join("schedstat");
        // A thread that ended meanwhile has no file any more.
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let first = text.split_whitespace().next();
        let Some(number) = first.and_then(|text| text.parse::<u64>().ok()) else {
            let path = path.display().to_string();
            return Err(ProcessError::Form { path });
        };
        nanoseconds += number;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Resident memory in bytes, what is shared with other processes included.
pub(crate) fn resident(process: u32) -> Result<u64, ProcessError> {
    let path = format!("/proc/{process}/status");
    let text = read(&path)?;
    let kibibytes = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse::<u64>().ok());
    kibibytes
        .map(|number| number * 1024)
        .ok_or(ProcessError::Form { path })
}

/// The processor's name and how many of it we may use.
pub(crate) fn machine() -> (String, usize) {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (name.to_owned(), cores)
}

fn read(path: &str) -> Result<String, ProcessError> {
    fs::read_to_string(path).map_err(|source| ProcessError::Read {
        path: path.to_owned(),
        source,
    })
}

/// Fields 14 and 15: user and system time. The second field is the program's name in brackets, which may itself
/// contain blanks and brackets.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_program_does_not_confuse() {
        let stat = "7 (a b) 9 (c)) S 1 7 7 0 -1 4194304 2424 0 0 0 120 34 5 6 20 0 7 0 372439";
        assert_eq!(ticks(stat), Some(154));
        assert_eq!(ticks("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_uses_something() {
        let process = std::process::id();
        assert!(resident(process).expect("is readable") > 100 * 1024);
        let before = threads_cpu_time(process).expect("is readable");
        assert!(before > Duration::ZERO);
        cpu_time(process).expect("is readable");
    }
}
