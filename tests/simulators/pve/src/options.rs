//! What a cluster is started with.

use std::fmt;
use std::time::Duration;

/// Which version of the API is simulated.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Flavour {
    /// 7.4: errors stand in the reason phrase only, numbers are texts in places, keys are missing.
    V7,
    /// 8.4.
    V8,
    /// 9.0: other privileges for the guest agent, rules in place of HA groups.
    V9,
}

impl Flavour {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::V7, Self::V8, Self::V9];

    pub(crate) const fn has_messages(self) -> bool {
        !matches!(self, Self::V7)
    }

    pub(crate) const fn version(self) -> &'static str {
        match self {
            Self::V7 => "7.4-17",
            Self::V8 => "8.4.5",
            Self::V9 => "9.0.3",
        }
    }

    pub(crate) const fn release(self) -> &'static str {
        match self {
            Self::V7 => "7.4",
            Self::V8 => "8.4",
            Self::V9 => "9.0",
        }
    }
}

/// Rights on a path and on all that lies below it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    /// Such as `/vms/101`.
    pub path: String,
    /// Such as `VM.Audit`; `*` is every privilege.
    pub privileges: Vec<String>,
}

impl Grant {
    /// These privileges on this path and below it.
    #[must_use]
    pub fn new(path: &str, privileges: &[&str]) -> Self {
        Self {
            path: path.to_owned(),
            privileges: privileges.iter().map(|&one| one.to_owned()).collect(),
        }
    }

    /// Everything, everywhere.
    #[must_use]
    pub fn everything() -> Self {
        Self::new("/", &["*"])
    }

    /// Looking at everything.
    #[must_use]
    pub fn auditor() -> Self {
        Self::new(
            "/",
            &["VM.Audit", "Sys.Audit", "Datastore.Audit", "Pool.Audit"],
        )
    }
}

/// Somebody who may log in with a password.
#[derive(Clone, Eq, PartialEq)]
pub struct Account {
    /// With its realm: `toolward@pve`.
    pub user: String,
    /// The password.
    pub password: String,
    /// The shared secret of its second factor, raw; none: a password is enough.
    pub totp: Option<Vec<u8>>,
    /// What it may do.
    pub grants: Vec<Grant>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// An API token.
#[derive(Clone, Eq, PartialEq)]
pub struct Token {
    /// `toolward@pve!agent`.
    pub id: String,
    /// The secret.
    pub secret: String,
    /// Whether its rights are no more than what both it and its user were granted.
    pub privilege_separation: bool,
    /// What it may do.
    pub grants: Vec<Grant>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// How a cluster is to be. Fill in what matters and take the rest from [`Options::default`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The version.
    pub flavour: Flavour,
    /// The cluster's name; none: one node, standalone.
    pub cluster: Option<String>,
    /// How many nodes; a standalone one is always alone.
    pub nodes: usize,
    /// How many guests there are beside the ones that are always there.
    pub more_guests: usize,
    /// Who may log in.
    pub accounts: Vec<Account>,
    /// Which tokens there are.
    pub tokens: Vec<Token>,
    /// How long a ticket serves.
    pub ticket_life: Duration,
    /// How long a task takes.
    pub task_time: Duration,
    /// How much later it is after each request, for tests in which no time goes by.
    pub time_per_request: Duration,
}

/// The password of the first account.
pub const PASSWORD: &str = "correct-horse-battery-staple";

/// The secret of the first token.
pub const SECRET: &str = "0f0e0d0c-1111-4222-8333-aabbccddeeff";

impl Default for Options {
    /// A cluster of three nodes at version 8. `toolward@pve` may do everything, with its password and with its token
    /// `toolward@pve!agent`.
    fn default() -> Self {
        Self {
            flavour: Flavour::V8,
            cluster: Some("lab".to_owned()),
            nodes: 3,
            more_guests: 0,
            accounts: vec![Account {
                user: "toolward@pve".to_owned(),
                password: PASSWORD.to_owned(),
                totp: None,
                grants: vec![Grant::everything()],
            }],
            tokens: vec![Token {
                id: "toolward@pve!agent".to_owned(),
                secret: SECRET.to_owned(),
                privilege_separation: false,
                grants: Vec::new(),
            }],
            ticket_life: Duration::from_hours(2),
            task_time: Duration::from_millis(300),
            time_per_request: Duration::ZERO,
        }
    }
}
