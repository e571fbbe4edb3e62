//! Why there is no token.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

/// Why a secret cannot be read. For the log: it names files and commands.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the secret from file `{path}`")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The command cannot be run.
    #[error("cannot run `{command}` for a secret")]
    Exec {
        /// The program, without its arguments.
        command: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The command failed.
    #[error("`{command}` was to print a secret and ended with {status}")]
    ExecFailed {
        /// The program, without its arguments.
        command: String,
        /// Its exit status.
        status: std::process::ExitStatus,
    },
    /// The command hangs.
    #[error("`{command}` was to print a secret and did not end within {} s", limit.as_secs())]
    ExecTimedOut {
        /// The program, without its arguments.
        command: String,
        /// How long it was given.
        limit: Duration,
    },
    /// What was read is not a secret.
    #[error("the secret from {origin} {reason}")]
    Unusable {
        /// The file or the program.
        origin: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Why a login failed. The text of each variant may be shown to a guest; what else there is hangs off its source
/// and is for the log.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// A secret cannot be read.
    #[error("a secret of it cannot be read")]
    Secret(#[from] SecretError),
    /// A secret, or a value from the answer, does not fit where it must go.
    #[error("{0}")]
    Unfit(&'static str),
    /// A text asks for a placeholder that nothing fills.
    #[error("nothing fills the placeholder `{{{0}}}`")]
    Placeholder(String),
    /// The backend does not accept the secrets.
    #[error("the backend rejected the login ({})", status_and_code(*status, *code))]
    Rejected {
        /// The answer's status.
        status: StatusCode,
        /// The error code of RFC 6749, when the answer has one.
        code: Option<&'static str>,
    },
    /// The backend has no login there.
    #[error("the login path answered {}", status.as_u16())]
    NoLoginThere {
        /// The answer's status.
        status: StatusCode,
    },
    /// The backend cannot log anybody in right now.
    #[error("the login answered {}", status.as_u16())]
    Busy {
        /// The answer's status.
        status: StatusCode,
        /// When the backend wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The login did not get through.
    #[error("the login did not get through")]
    Transport(#[source] reqwest::Error),
    /// The login took too long.
    #[error("the login had no answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The answer is too large to be one.
    #[error("the login's answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The answer lacks something.
    #[error("the login's answer has no usable {0}")]
    Answer(String),
    /// A bug of the host.
    #[error("the login broke off")]
    Broken,
}

impl LoginError {
    /// Whether trying again cannot help until somebody changes something.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Secret(_)
            | Self::Unfit(_)
            | Self::Placeholder(_)
            | Self::Rejected { .. }
            | Self::NoLoginThere { .. }
            | Self::TooLarge(_)
            | Self::Answer(_) => true,
            Self::Busy { .. } | Self::Transport(_) | Self::TimedOut(_) | Self::Broken => false,
        }
    }
}

fn status_and_code(status: StatusCode, code: Option<&'static str>) -> String {
    match code {
        Some(code) => format!("{} {code}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// A failed login, as told to each request that needed it.
#[derive(Clone, Debug)]
pub struct LoginFailure {
    /// Why. Shared, because many requests may have waited for the one login.
    pub reason: Arc<LoginError>,
    /// When a login is tried next; until then every request gets this failure at once.
    pub retry_in: Duration,
}
