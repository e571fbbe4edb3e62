//! What the operator decided: the checked configuration, without options left open.
//!
//! `raw` is the file as written, `resolve` the one road from it to [`Config`], [`schema`] the JSON
//! Schema of the file. Nothing past `resolve` reads the environment, the file or a default; only the
//! secrets behind `file:` and `exec:` are read later, by `credential`, each time a login needs them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::audit::Anchor;

mod address;
mod at;
mod auth;
mod defaults;
mod diagnostic;
mod find;
mod findings;
mod inline;
mod load;
mod mask;
mod moment;
mod name;
mod nearest;
mod origin;
mod pattern;
mod placeholder;
mod places;
mod quantity;
mod raw;
mod resolve;
mod schema;
mod scope;
mod secret;
mod shape;
mod source;
mod syntax;
mod trust;

#[cfg(test)]
pub(crate) mod golden;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

#[cfg(any(test, fuzzing))]
pub(crate) use load::fuzz;

pub use address::{AddressKind, AddressRule, BadRule, judge as judge_address};
pub use auth::{Algorithm, Auth, OAuthServer, StaticToken, TenantRule, token_table};
pub use diagnostic::Diagnostics;
pub use find::{FindError, find};
pub use load::{Checked, Location, Overrides, Shown, check, load, show_origin};
pub use name::{BackendName, BindingName, CredentialName, PluginName, TenantName};
pub use pattern::{BadPattern, MethodPattern, RequestPattern, Segment};
pub use placeholder::placeholders;
pub use places::Places;
pub use schema::schema;
pub use scope::Ability;
pub use secret::{Secret, SecretSource};
pub use trust::{KeyId, PluginPattern, Publisher, PublisherKey, Revoked, Trust};

/// A span of time as it is written in the file: a number and `ms`, `s`, `min`, `h` or `d`.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    quantity::duration(text).ok()
}

/// Bytes as they are written in the file: a number and `B`, `KiB`, `MiB`, `GiB`, `kB`, `MB` or `GB`.
#[must_use]
pub fn parse_size(text: &str) -> Option<u64> {
    quantity::size(text, u64::MAX).ok()
}

/// The environment, as a parameter so that tests are pure. The real one: `&|name| std::env::var_os(name)`.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The whole configuration, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where and how the host listens.
    pub server: Server,
    /// Who may call over HTTP. `None`: nobody is asked who they are.
    pub auth: Option<Auth>,
    /// The sandbox's engine: pool, threads, cache.
    pub runtime: Runtime,
    /// Calls that outlive their requests.
    pub jobs: Jobs,
    /// How changes of files are taken up.
    pub reload: Reload,
    /// Whose plugins are taken.
    pub trust: Arc<Trust>,
    /// What is recorded, and where. `None`: nothing.
    pub audit: Option<Audit>,
    /// What each tenant may take of what all share.
    pub tenants: Tenants,
    /// What a plugin gets whose table says nothing of limits, and what one would get that has no table.
    pub limits: Limits,
    /// Every plugin to load, by name.
    pub plugins: BTreeMap<PluginName, Arc<Plugin>>,
    /// Every binding, by name. The binding's credential is resolved into it.
    pub bindings: BTreeMap<BindingName, Arc<Binding>>,
    /// What is allowed but unwise (a literal secret, `insecure` TLS), ready to print.
    pub warnings: Vec<String>,
}

/// The transports.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Default `127.0.0.1:8825`. Anything but loopback needs `[auth]`, or `allow-unauthenticated = true`.
    pub listen: SocketAddr,
    /// `Origin` values accepted besides those of the listening address itself; their pages may read the answers.
    pub allowed_origins: Vec<String>,
    /// `Host` values accepted besides loopback names and the listening address.
    pub allowed_hosts: Vec<String>,
    /// Where clients reach this host; paths are appended. `None`: where each request says it goes.
    pub public_url: Option<url::Url>,
    /// Who may read `/metrics`.
    pub metrics: MetricsReaders,
    /// Largest request body, bytes. Default 4 MiB.
    pub max_request_bytes: usize,
    /// Connections at once. Default 4096.
    pub max_connections: usize,
    /// Time for the head of a request, and for a connection without one. Default 30 s.
    pub header_timeout: Duration,
    /// Time for the body of a request. Default 30 s.
    pub body_timeout: Duration,
    /// How often a silent stream of events carries a comment. Default 15 s.
    pub keep_alive: Duration,
    /// Whether the most frequent requests of the new era go past rmcp. Default true.
    pub fast_path: bool,
    /// Sessions of the old era.
    pub sessions: Sessions,
}

/// Sessions of the old era over HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct Sessions {
    /// Idle for that long, a session ends. Default 15 min.
    pub idle_timeout: Duration,
    /// Sessions at once. Default 10,000.
    pub max: usize,
    /// Sessions of one principal at once. Default 1,000.
    pub max_per_principal: usize,
    /// Events that one session keeps for replay. Default 256.
    pub max_events: usize,
    /// Bytes of them. Default 1 MiB.
    pub max_event_bytes: usize,
    /// Bytes of them over all sessions. Default 256 MiB.
    pub max_event_bytes_in_all: usize,
}

/// Who may read `/metrics`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MetricsReaders {
    /// Whoever has the scope for it.
    Scoped,
    /// Everybody who reaches the address.
    Everybody,
    /// Nobody.
    Nobody,
}

/// The sandbox's engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Runtime {
    /// Where compiled components are kept; created with mode 0700.
    pub cache_dir: PathBuf,
    /// Where jobs are kept; created with mode 0700, and used by one host at a time.
    pub state_dir: PathBuf,
    /// Instances alive at once over all plugins (the size of the pool). Default 64.
    pub max_instances: u32,
    /// Calls that may wait for an instance, over all plugins, before new ones are refused. Default 1024.
    pub max_waiting: u32,
    /// Threads that run guests. Default: the number of cores.
    pub guest_threads: usize,
    /// How components are compiled.
    pub compile: Compile,
}

/// How components are compiled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Compile {
    /// The `toolward` program, which is started to compile. `None`: it is done in this process, without limits. Not a key
    /// of the file: the program sets it to itself.
    pub program: Option<PathBuf>,
    /// Address space of that process, bytes. Default 4 GiB.
    pub memory: u64,
    /// Its time, by the clock and of the CPU. Default 5 min.
    pub time: Duration,
}

/// Calls that outlive their requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Jobs {
    /// Jobs that run at once; more wait in order. Default 32.
    pub max_running: u32,
    /// Of these, jobs of one tenant. Default `max_running`, and never more.
    pub max_running_per_tenant: u32,
    /// Jobs of one tenant that may wait or run. Default 1000.
    pub max_queued: u32,
    /// Jobs of one tenant that are kept, those that ended included. Default 10000.
    pub max_kept: u32,
    /// What the jobs of one tenant may take on disk. Default 1 GiB.
    pub max_kept_bytes: u64,
    /// How long a job is kept after it ended. Default 7 days.
    pub keep_results: Duration,
    /// How long a client that cannot follow jobs waits before it gets the job's id. Default 10 s.
    pub answer_within: Duration,
    /// Shortest time between two steps. Default 50 ms.
    pub min_wait: Duration,
    /// Longest time between two steps. Default 5 min; never less than `min_wait`.
    pub max_wait: Duration,
    /// How often a step is tried that fails for a reason that may pass. Default 10.
    pub max_attempts: u32,
    /// How long a job may take in all. Default 7 days.
    pub max_duration: Duration,
}

/// How changes of components and of the configuration are taken up while the host serves.
#[derive(Clone, Debug, PartialEq)]
pub struct Reload {
    /// Whether the files are watched. Default `true`.
    pub watch: bool,
    /// How long files have to stay as they are before they are read. Default 300 ms.
    pub settle_time: Duration,
    /// How long calls in flight may go on in a version that was replaced or removed. Default 30 s.
    pub drain_time: Duration,
}

/// One plugin and what it was granted.
#[derive(Debug, PartialEq)]
pub struct Plugin {
    /// The key of its table: `[plugins.NAME]`.
    pub name: PluginName,
    /// The component file; relative paths are resolved against the configuration file's folder.
    pub component: PathBuf,
    /// Imports granted beyond the harmless ones.
    pub grants: Vec<Grant>,
    /// The plugin's name for a backend → the binding that answers it.
    pub backends: BTreeMap<BackendName, Arc<Binding>>,
    /// Of the backends, those that answer one of the plugin's own that several answer.
    pub choices: BTreeMap<BackendName, Choice>,
    /// The plugin's settings, handed to it as they are.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Where they stand in the file.
    pub settings_places: Places,
    /// Links that people may be asked to open: these and all below them.
    pub visit_urls: Vec<url::Url>,
    /// Bounds on each of its calls.
    pub limits: Limits,
    /// Whether an instance may serve more than one call.
    pub isolation: Isolation,
}

/// Whether an instance may serve more than one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Isolation {
    /// Every call gets an instance of its own.
    Fresh,
    /// Calls of the same principal may follow each other in one instance.
    PerPrincipal {
        /// Calls that one instance may serve. Default 1000.
        calls: u32,
        /// How long an instance may wait for its next call. Default 1 min.
        idle: Duration,
    },
}

/// What each tenant may take of what all share.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tenants {
    /// Of those that have no limits of their own.
    pub usual: TenantLimits,
    /// Of the others.
    pub own: BTreeMap<TenantName, TenantLimits>,
}

/// What one tenant may take of what all share.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TenantLimits {
    /// Its calls at once, over all plugins. Default 24; without `[auth]`, where there is one tenant only, `max-instances`.
    pub concurrency: u32,
    /// Its calls that may wait. Default 256; without `[auth]`, `max-waiting`.
    pub queue: u32,
    /// Its calls in a second. Default: not limited.
    pub calls_per_second: Option<u32>,
}

/// One of several bindings that answer the same backend of a plugin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Choice {
    /// The plugin's own name for the backend.
    pub answers: BackendName,
    /// Whether it is the one to take where nobody says which.
    pub default: bool,
}

/// Who may confirm what changes something behind a binding.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Confirm {
    /// Somebody at the client, who is asked.
    #[default]
    Person,
    /// The caller's own word is enough, with a reason.
    Model,
}

/// What must be granted by name in `plugins.NAME.grant`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Grant {
    /// `"http"`: `wasi:http`, towards the plugin's backends only.
    Http,
    /// `"changes"`: the import `changes`.
    Changes,
    /// `"form"`: asking people, confirmations included.
    Form,
    /// `"visit"`: asking people to open one of the plugin's `visit-urls`.
    Visit,
    /// `"sample"`: the client's model.
    Sample,
    /// `"roots"`: the client's roots.
    Roots,
}

impl Grant {
    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Changes => "changes",
            Self::Form => "form",
            Self::Visit => "visit",
            Self::Sample => "sample",
            Self::Roots => "roots",
        }
    }
}

/// Bounds on one call, and on how many there may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Linear memory of the guest, bytes. Default 64 MiB.
    pub memory: usize,
    /// Memory the host may hold for the guest (handles, header fields, buffers), bytes. Default 16 MiB.
    pub host_memory: usize,
    /// CPU time of one call, summed over its polls. Default 5 s.
    pub cpu_time: Duration,
    /// Wall-clock time of one call. Default 60 s.
    pub wall_time: Duration,
    /// Calls of this plugin at once; more wait. Default 32.
    pub concurrency: u32,
    /// Calls that may wait for that. Default 256.
    pub queue: u32,
    /// Calls in a second. Default: not limited.
    pub calls_per_second: Option<u32>,
    /// Largest result, bytes of JSON. Default 4 MiB.
    pub result_bytes: usize,
    /// Largest continuation, bytes. Default 64 KiB.
    pub continuation_bytes: usize,
    /// Lines for the log of one call, bytes. Default 256 KiB.
    pub log_bytes: usize,
    /// Tools, prompts, resources and templates on offer, each. Default 1000.
    pub max_entries: u32,
}

impl Limits {
    /// Each that is set, by its name in the file: bytes, seconds and numbers.
    #[must_use]
    pub fn in_numbers(&self) -> Vec<(&'static str, f64)> {
        // A metric is a floating-point number; sizes are far below where that is not exact.
        let bytes = |bytes: usize| u32::try_from(bytes).map_or(f64::from(u32::MAX), f64::from);
        let mut all = vec![
            ("memory", bytes(self.memory)),
            ("host-memory", bytes(self.host_memory)),
            ("cpu-time", self.cpu_time.as_secs_f64()),
            ("wall-time", self.wall_time.as_secs_f64()),
            ("concurrency", f64::from(self.concurrency)),
            ("queue", f64::from(self.queue)),
            ("result-size", bytes(self.result_bytes)),
            ("continuation-size", bytes(self.continuation_bytes)),
            ("log-size", bytes(self.log_bytes)),
            ("max-entries", f64::from(self.max_entries)),
        ];
        let rate = self.calls_per_second;
        all.extend(rate.map(|rate| ("calls-per-second", f64::from(rate))));
        all
    }
}

/// The audit log.
#[derive(Clone, Debug, PartialEq)]
pub struct Audit {
    /// Where its files are.
    pub folder: PathBuf,
    /// The key of its hashes.
    pub key: SecretSource,
    /// Where checkpoints go.
    pub anchor: Option<Anchor>,
    /// The longest time from a line to its checkpoint. Default 1 min.
    pub anchor_interval: Duration,
    /// A file larger than this is set aside. Default 64 MiB.
    pub max_file_bytes: u64,
    /// Files set aside that are kept. Default: all.
    pub keep_files: Option<u32>,
    /// Whether calls are refused while lines cannot be written. Default: yes.
    pub refuse_on_failure: bool,
    /// Tool → the arguments whose values are recorded.
    pub shown: BTreeMap<String, Vec<String>>,
}

/// The operator's answer to a backend that a plugin asks for by name.
#[derive(Debug, PartialEq)]
pub struct Binding {
    /// The key of its table: `[bindings.NAME]`.
    pub name: BindingName,
    /// What stands behind it (`vbr`, `pve`), for plugins that serve several of a kind.
    pub kind: String,
    /// For people.
    pub title: Option<String>,
    /// Only GET, HEAD and OPTIONS leave, whatever `allow` says.
    pub read_only: bool,
    /// Who may confirm what changes something there. Default a person.
    pub confirm: Confirm,
    /// Non-secret facts for the plugin (a revision, a site), handed to it as they are.
    pub facts: serde_json::Map<String, serde_json::Value>,
    /// `https://host:port[/prefix]`, no query, no userinfo. The guest's path is appended to the prefix.
    pub url: url::Url,
    /// How the server proves who it is.
    pub tls: Tls,
    /// How the host proves who it is.
    pub credential: Arc<Credential>,
    /// Requests that may leave: method and path of the guest's request (below the URL's prefix).
    pub allow: Vec<RequestPattern>,
    /// Requests that never leave, whatever `allow` says: login and token-minting paths.
    pub deny: Vec<RequestPattern>,
    /// Time to connect, TLS included. Default 5 s.
    pub connect_timeout: Duration,
    /// Time from sending the request to the end of the answer. Default 30 s.
    pub timeout: Duration,
    /// Largest request body, bytes. Default 4 MiB.
    pub max_request_bytes: u64,
    /// Largest response body, bytes. Default 32 MiB.
    pub max_response_bytes: u64,
    /// Which addresses the host name may lead to besides public ones. An address in the URL allows itself.
    pub addresses: Vec<AddressRule>,
    /// How much is asked of the backend, and what happens when it does not answer.
    pub traffic: Traffic,
}

/// How much is asked of a backend, and what happens when it does not answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Traffic {
    /// Requests at once, answers being read included; more wait. Default 32.
    pub concurrency: u32,
    /// Requests a second, as a token bucket of one second. Default: as many as come.
    pub requests_per_second: Option<u32>,
    /// How often an idempotent request is sent again. Default 2.
    pub retries: u32,
    /// Failures in a row after which the backend is left alone. Default 5.
    pub circuit_failures: u32,
    /// For how long. Default 10 s.
    pub circuit_pause: Duration,
}

/// How the backend's certificate is judged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Tls {
    /// The operating system's roots.
    SystemRoots,
    /// Only the authorities in this PEM file (its text, already read and checked).
    CaFile {
        /// Where it was read from, for messages.
        path: PathBuf,
        /// The PEM text.
        pem: String,
    },
    /// The leaf certificate's SHA-256 digest; names and chain are then not looked at.
    Fingerprint([u8; 32]),
    /// No check at all. A warning every time.
    Insecure,
}

/// How the host authenticates to a backend.
#[derive(Debug, PartialEq)]
pub struct Credential {
    /// The key of its table: `[credentials.NAME]`.
    pub name: CredentialName,
    /// The kind and its parts.
    pub kind: CredentialKind,
}

/// The kinds of DESIGN.md's «Credentials and the token cache».
#[derive(Debug, PartialEq)]
pub enum CredentialKind {
    /// Nothing is added.
    None,
    /// A static header: `prefix` followed by the secret.
    Header {
        /// Header to set.
        header: http::HeaderName,
        /// Non-secret text before the value (`Bearer `, `PVEAPIToken=root@pam!mcp=`).
        prefix: String,
        /// The secret.
        value: SecretSource,
    },
    /// HTTP Basic, RFC 7617.
    Basic {
        /// User name.
        username: SecretSource,
        /// Password.
        password: SecretSource,
    },
    /// OAuth 2.0 token endpoint, RFC 6749.
    OAuth2(OAuth2),
    /// A declared exchange.
    Login(Box<Login>),
}

/// An OAuth 2.0 credential. The access token goes out as `Authorization: Bearer …`.
#[derive(Debug, PartialEq)]
pub struct OAuth2 {
    /// Path of the token endpoint below the binding's URL (`/api/oauth2/token`).
    pub token_path: String,
    /// How the first token is got. A refresh token in an answer is used for the renewal.
    pub grant: OAuth2Grant,
    /// `scope`, when the server wants one.
    pub scope: Option<String>,
    /// Extra headers of the token request (`x-api-version`).
    pub headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// Lifetime of a token whose answer has no `expires_in`.
    pub default_lifetime: Duration,
}

/// RFC 6749 section 4.3, 4.4 and 6.
#[derive(Debug, PartialEq)]
pub enum OAuth2Grant {
    /// Resource owner password.
    Password {
        /// User name.
        username: SecretSource,
        /// Password.
        password: SecretSource,
    },
    /// Client credentials.
    ClientCredentials {
        /// Client id.
        client_id: SecretSource,
        /// Client secret.
        client_secret: SecretSource,
        /// `true`: HTTP Basic (RFC 6749 section 2.3.1); `false`: in the form.
        in_header: bool,
    },
    /// A long-lived refresh token.
    RefreshToken {
        /// The refresh token to begin with.
        refresh_token: SecretSource,
        /// Client id, when the server wants one.
        client_id: Option<SecretSource>,
        /// Client secret, when the server wants one.
        client_secret: Option<SecretSource>,
    },
}

/// A login declared as data. Texts may hold `{placeholders}`: the names of `values` (secrets) and, after the
/// login, those of `answer`.
#[derive(Debug, PartialEq)]
pub struct Login {
    /// Placeholder → secret.
    pub values: BTreeMap<String, SecretSource>,
    /// The login request.
    pub request: LoginRequest,
    /// Placeholder → JSON pointer (RFC 6901) into the answer.
    pub answer: BTreeMap<String, String>,
    /// JSON pointer to the lifetime in seconds, when the answer has one.
    pub lifetime_pointer: Option<String>,
    /// Lifetime when the answer tells none.
    pub lifetime: Duration,
    /// What goes on later requests.
    pub apply: Vec<ApplyHeader>,
    /// How a login is renewed before it ends; without it the login is repeated.
    pub renewal: Option<LoginRequest>,
    /// Placeholder → one-time password.
    pub totp: BTreeMap<String, Totp>,
    /// What follows when an answer asks for more.
    pub challenge: Option<Challenge>,
}

/// A one-time password that changes with time.
#[derive(Debug, PartialEq)]
pub struct Totp {
    /// The shared secret, in Base32 or as an `otpauth://` link.
    pub secret: SecretSource,
    /// Text before the code.
    pub prefix: String,
}

/// The second request of a login.
#[derive(Debug, PartialEq)]
pub struct Challenge {
    /// JSON pointer to what an answer has when it asks for more.
    pub pointer: String,
    /// The request.
    pub request: LoginRequest,
}

/// One request of a login.
#[derive(Debug, PartialEq)]
pub struct LoginRequest {
    /// Method, `POST` by default.
    pub method: http::Method,
    /// Path below the binding's URL.
    pub path: String,
    /// Headers; values may hold placeholders.
    pub headers: Vec<(http::HeaderName, String)>,
    /// The body.
    pub body: LoginBody,
}

/// The body of a login request.
#[derive(Debug, PartialEq)]
pub enum LoginBody {
    /// No body.
    Empty,
    /// `application/x-www-form-urlencoded`; values may hold placeholders.
    Form(BTreeMap<String, String>),
    /// `application/json`; strings anywhere in it may hold placeholders.
    Json(serde_json::Value),
}

/// A header put on every later request.
#[derive(Debug, PartialEq)]
pub struct ApplyHeader {
    /// Header to set.
    pub header: http::HeaderName,
    /// Its value, with placeholders.
    pub value: String,
    /// Only on these methods; empty: on all.
    pub methods: Vec<http::Method>,
}
