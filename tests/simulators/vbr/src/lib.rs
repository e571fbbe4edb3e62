//! A simulator of the REST API of Veeam Backup & Replication: a real HTTPS server with jobs that can
//! be started and stopped, sessions that progress, tokens that expire, and faults on demand.
//!
//! | module | what it decides |
//! |---|---|
//! | `model` | what the server knows, whatever the revision: jobs, sessions, how they go on with time |
//! | `render`, `lists` | how that is written at one revision |
//! | `routes`, `jobs`, `sessions`, `tasks`, `backups`, `infrastructure`, `security`, `query` | what is answered to which request |
//! | `auth` | logins and tokens |
//! | `faults`, `stats` | what tests inject, and what they look at |
//! | `server`, `tls` | connections, HTTP, bytes |
//! | `openapi` (feature) | whether requests and answers fit the vendor's document |
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use vbr_simulator::{Fault, Options, Simulator};
//!
//! let simulator = Simulator::start(Options { jobs: 200, ..Options::default() }).await?;
//! println!("{} {}", simulator.url(), simulator.fingerprint());
//! simulator.faults().inject(Fault::status(401).path("/api/v1/jobs*"));
//! assert_eq!(simulator.stats().logins, 0);
//! # Ok(())
//! # }
//! ```
#![warn(missing_docs)]

mod answer;
mod auth;
mod backups;
mod clock;
mod faults;
mod id;
mod infrastructure;
mod jobs;
mod lists;
mod model;
#[cfg(feature = "openapi")]
pub mod openapi;
mod options;
mod query;
mod random;
mod render;
mod revision;
mod routes;
mod security;
mod server;
mod sessions;
mod stats;
mod tasks;
mod tls;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::auth::{Account, Role, Tokens};
use crate::model::Size;
use crate::server::Shared;

pub use crate::faults::{Fault, Faults, Gate};
pub use crate::id::{Id, NotAnId};
pub use crate::options::{Licence, Login, Options};
pub use crate::render::Quirks;
pub use crate::revision::{Revision, UnknownRevision};
pub use crate::stats::{Recorded, Side, Stats, Violation};
pub use crate::tls::TlsError;

/// How long a stop waits for answers in progress.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// There is no certificate.
    #[error("cannot set up TLS")]
    Tls(#[from] TlsError),
}

/// A running server. It stops when this is dropped.
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    pem: String,
    fingerprint: String,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Starts a server and returns once it accepts connections.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let listen = |source| StartError::Listen {
            address: options.listen,
            source,
        };
        let identity = tls::identity()?;
        let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let shared = Arc::new(shared(options));
        let (stop, stopped) = watch::channel(false);
        let acceptor = TlsAcceptor::from(identity.config);
        let task = tokio::spawn(server::serve(
            Arc::clone(&shared),
            listener,
            acceptor,
            stopped,
        ));
        Ok(Self {
            shared,
            address,
            pem: identity.pem,
            fingerprint: identity.fingerprint,
            stop,
            task: Some(task),
        })
    }

    /// `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate, which is its own authority, as PEM. It names `localhost` and `127.0.0.1`.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.pem
    }

    /// `sha256:` and the hexadecimal digest of the certificate.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What has happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared
            .stats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The handle by which faults are injected.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.shared.faults.clone()
    }

    /// The last few hundred requests, oldest first, with headers and bodies: they hold secrets.
    #[must_use]
    pub fn recorded(&self) -> Vec<Recorded> {
        let recorded = self
            .shared
            .recorded
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        recorded.iter().cloned().collect()
    }

    /// The last request.
    #[must_use]
    pub fn last_request(&self) -> Option<Recorded> {
        let recorded = self
            .shared
            .recorded
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        recorded.back().cloned()
    }

    /// Every access and refresh token given out, so that a test can look for them where they must not be.
    #[must_use]
    pub fn issued_tokens(&self) -> Vec<String> {
        self.shared
            .tokens
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .issued()
    }

    /// Identifiers and names of all jobs, in the order of their creation, whatever a revision exposes.
    ///
    /// It repeats every sixteen jobs; of the first round, number 0 succeeded last, 1 failed, 2 ended in
    /// a warning, 4 is running, 7 is disabled, 9 has no schedule, 10 has no configuration in any
    /// revision, 11 runs after 0, 13 never ran and 14 fails whenever it runs. The numbers 2, 3, 5, 10,
    /// 12 and 15 are of kinds that 1.2 does not expose.
    #[must_use]
    pub fn jobs(&self) -> Vec<(Id, String)> {
        let world = self
            .shared
            .world
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let jobs = world.jobs().iter();
        jobs.map(|job| (job.id, job.name.clone())).collect()
    }

    /// Deletes a job, as somebody at the console would while a client goes through the list.
    pub fn remove_job(&self, id: Id) {
        let mut world = self
            .shared
            .world
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        world.remove(id);
    }

    /// Stops accepting, lets answers in progress end for a moment, and returns when all is closed.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let Some(mut task) = self.task.take() else {
            return;
        };
        if tokio::time::timeout(PATIENCE, &mut task).await.is_err() {
            task.abort();
            let _cancelled = task.await;
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        // The connections belong to the task and end with it.
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Simulator")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

fn shared(options: Options) -> Shared {
    let size = Size {
        jobs: options.jobs,
        sessions_per_job: options.sessions_per_job,
        run_time: options.run_time,
        stop_time: options.stop_time,
    };
    let account = |login: Login, role| Account {
        user: login.user,
        password: login.password,
        role,
    };
    let administrator = Login {
        user: options.user,
        password: options.password,
    };
    let mut accounts = vec![account(administrator, Role::Administrator)];
    accounts.extend(options.viewer.map(|login| account(login, Role::Viewer)));
    let tokens = Tokens::new(accounts, options.token_life, options.refresh_life);
    let tokens = Arc::new(Mutex::new(tokens));
    Shared {
        revisions: options.revisions,
        latency: options.latency,
        quirks: options.quirks,
        licence: options.licence,
        #[cfg(feature = "openapi")]
        checkers: options.checkers,
        world: Mutex::new(model::generate(size, options.seed, clock::now())),
        faults: Faults::new(Arc::clone(&tokens)),
        tokens,
        stats: Mutex::default(),
        recorded: Mutex::new(VecDeque::new()),
    }
}
