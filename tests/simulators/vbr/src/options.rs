//! What a server is started with.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::render::Quirks;
use crate::revision::Revision;

/// A user and a password.
#[derive(Clone, Eq, PartialEq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Login")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// What the server is licensed for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Licence {
    /// A subscription with months to go.
    #[default]
    Valid,
    /// One that has ended.
    Expired,
    /// None.
    Community,
}

/// How the server is to be. Fill in what matters and take the rest from [`Options::default`].
#[derive(Clone)]
pub struct Options {
    /// Where to listen; a port of the system's choice on the loopback interface by default.
    pub listen: SocketAddr,
    /// The administrator's name; `toolward` by default.
    pub user: String,
    /// The administrator's password.
    pub password: String,
    /// An account that may read, and start or stop nothing. None by default.
    pub viewer: Option<Login>,
    /// What is served; all revisions by default, as a 13.0.1 server does.
    pub revisions: Vec<Revision>,
    /// How many jobs there are; 50 by default.
    pub jobs: usize,
    /// How many runs of each job are known; 3 by default.
    pub sessions_per_job: usize,
    /// The same seed gives the same jobs.
    pub seed: u64,
    /// What it is licensed for; a subscription by default.
    pub licence: Licence,
    /// How long an access token serves; 15 minutes by default. The API counts whole seconds.
    pub token_life: Duration,
    /// How long a refresh token serves; 14 days by default.
    pub refresh_life: Duration,
    /// How long a started job runs; 20 seconds by default.
    pub run_time: Duration,
    /// How long a job takes to stop; 2 seconds by default.
    pub stop_time: Duration,
    /// Before every answer; none by default.
    pub latency: Duration,
    /// Deviations from the vendor's document; none by default.
    pub quirks: Quirks,
    /// What requests and answers are checked against; nothing by default.
    #[cfg(feature = "openapi")]
    pub checkers: Vec<crate::openapi::Checker>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            user: "toolward".to_owned(),
            password: "correct-horse-battery-staple".to_owned(),
            viewer: None,
            revisions: Revision::ALL.to_vec(),
            jobs: 50,
            sessions_per_job: 3,
            seed: 1,
            licence: Licence::Valid,
            token_life: Duration::from_mins(15),
            refresh_life: Duration::from_hours(14 * 24),
            run_time: Duration::from_secs(20),
            stop_time: Duration::from_secs(2),
            latency: Duration::ZERO,
            quirks: Quirks::default(),
            #[cfg(feature = "openapi")]
            checkers: Vec::new(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("listen", &self.listen)
            .field("user", &self.user)
            .field("revisions", &self.revisions)
            .field("jobs", &self.jobs)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
