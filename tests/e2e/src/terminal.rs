//! The real binary at a terminal of its own: a person who reads what it shows and types.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::paths;

/// How long something may take to appear: a component in Python is compiled for many seconds.
const PATIENCE: Duration = Duration::from_mins(2);

/// Ctrl-C, as a terminal sends it.
pub const INTERRUPT: &str = "\u{3}";
/// Ctrl-D, as a terminal sends it.
pub const END: &str = "\u{4}";

/// A program at a terminal. It is killed when this is dropped.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Screen>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Screen {
    text: Mutex<String>,
    changed: Condvar,
}

impl Terminal {
    /// Starts `toolward` with these arguments and this configuration; all three streams are the terminal.
    #[must_use]
    pub fn start(config: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("the system has pseudo terminals");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it can be unlocked");
        let size = Winsize {
            ws_row: 40,
            ws_col: 100,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size).expect("it has a size");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let path = name.into_string().expect("its name is text");
        let open = || -> OwnedFd {
            let file = OpenOptions::new().read(true).write(true).open(&path);
            file.expect("the terminal can be opened").into()
        };
        // It makes the terminal the controlling one, so that Ctrl-C is a signal.
        let mut command = Command::new("setsid");
        command
            .args(["--ctty", "--wait"])
            .arg(paths::binary())
            .args(arguments)
            .arg("--config")
            .arg(config)
            .env("TERM", "xterm")
            // All that speaks for or against colours (anstyle-query): a test alone decides, not where it runs.
            .env_remove("CI")
            .env_remove("CLICOLOR")
            .env_remove("CLICOLOR_FORCE")
            .env_remove("COLORTERM")
            .env_remove("NO_COLOR")
            .envs(env.iter().copied())
            .stdin(open())
            .stdout(open())
            .stderr(open());
        let child = command.spawn().expect("util-linux has `setsid`");
        // It holds our ends of the program's streams.
        drop(command);
        let keyboard = File::from(master);
        let from = keyboard.try_clone().expect("a descriptor can be cloned");
        let screen = Arc::new(Screen::default());
        let reader = std::thread::spawn({
            let screen = Arc::clone(&screen);
            move || read(from, &screen)
        });
        Self {
            child,
            keyboard,
            screen,
            reader: Some(reader),
        }
    }

    /// Types.
    pub fn type_in(&mut self, text: &str) {
        let typed = self.keyboard.write_all(text.as_bytes());
        typed.expect("the terminal takes what is typed");
    }

    /// Waits until the text has been shown, and gives everything that has been.
    #[must_use]
    pub fn wait_for(&self, text: &str) -> String {
        let begun = Instant::now();
        let mut shown = self
            .screen
            .text
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while !shown.contains(text) {
            let left = PATIENCE.checked_sub(begun.elapsed());
            let left = left.unwrap_or_else(|| panic!("no {text:?} in\n{shown}"));
            let waited = self.screen.changed.wait_timeout(shown, left);
            shown = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        shown.clone()
    }

    /// Waits for the end; gives the exit code and everything that was shown.
    #[must_use]
    pub fn end(mut self) -> (Option<i32>, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self
                .child
                .try_wait()
                .expect("the program can be waited for")
            {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "no end after\n{}", self.text());
            std::thread::sleep(Duration::from_millis(5));
        };
        if let Some(reader) = self.reader.take() {
            reader.join().expect("reading does not panic");
        }
        (status.code(), self.text())
    }

    fn text(&self) -> String {
        let text = self.screen.text.lock();
        text.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended already, or the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Until the program's side is closed, which reads as an error.
fn read(mut from: File, screen: &Screen) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let mut text = screen.text.lock().unwrap_or_else(PoisonError::into_inner);
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
        drop(text);
        screen.changed.notify_all();
    }
}
