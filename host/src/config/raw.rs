//! The file as written: every key optional, nothing checked but the type.
//!
//! The doc comments here are the descriptions in the JSON Schema and in `docs/configuration.md`. Required keys
//! are options too, so that [`resolve`](super::resolve) can report all that is missing at once.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::at::At;
use super::defaults;

mod auth;
mod reload;
mod sessions;
mod tenants;
mod trust;

pub(super) use auth::{Algorithm, Auth, OAuth, Token};
pub(super) use reload::Reload;
pub(super) use sessions::Sessions;
pub(super) use tenants::{Tenant, TenantLimits};
pub(super) use trust::{Publisher, PublisherKey, Trust};

/// Names and texts of the operator's choice.
pub(super) type Texts = BTreeMap<At<String>, At<String>>;

/// Lists of texts, by names of the operator's choice.
pub(super) type Lists = BTreeMap<At<String>, Vec<At<String>>>;

/// Configuration of the toolward host.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct File {
    /// Where and how the host listens.
    pub(super) server: Option<Server>,
    /// Who may call over HTTP.
    pub(super) auth: Option<At<Auth>>,
    /// The sandbox's engine.
    pub(super) runtime: Option<Runtime>,
    /// Bounds on each call, for every plugin that does not set its own.
    pub(super) limits: Option<Limits>,
    /// What each tenant may take of what all share, for every tenant that has no limits of its own.
    pub(super) tenant_limits: Option<TenantLimits>,
    /// Tenants that differ from the others, by name.
    pub(super) tenants: Option<BTreeMap<At<String>, Tenant>>,
    /// Calls that outlive their requests.
    pub(super) jobs: Option<Jobs>,
    /// How changes of components and of this file are taken up while the host serves.
    pub(super) reload: Option<Reload>,
    /// How the host logs in to backends, by name.
    pub(super) credentials: Option<BTreeMap<At<String>, Credential>>,
    /// What stands behind the backends that plugins ask for, by name.
    pub(super) bindings: Option<BTreeMap<At<String>, Binding>>,
    /// The audit log. Without this table nothing is recorded.
    pub(super) audit: Option<At<Audit>>,
    /// Which plugins are taken at all.
    pub(super) trust: Option<Trust>,
    /// Who may publish plugins, by name.
    pub(super) publishers: Option<BTreeMap<At<String>, Publisher>>,
    /// The plugins to load, by name.
    pub(super) plugins: Option<BTreeMap<At<String>, Plugin>>,
}

/// Where and how the host listens.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Server {
    /// Address and port of the HTTP transport. Anything but loopback needs `[auth]`, or `allow-unauthenticated = true`.
    #[schemars(extend("default" = defaults::LISTEN, "examples" = ["127.0.0.1:8825", "[::1]:8825"]))]
    pub(super) listen: Option<At<String>>,
    /// Whether everybody who reaches an address that is not loopback may call the tools. Not together with `[auth]`.
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(super) allow_unauthenticated: Option<At<bool>>,
    /// `Origin` values accepted besides those of the listening address, each `scheme://host[:port]`. Pages of these
    /// origins may also read the answers (CORS).
    #[schemars(extend("default" = [], "examples" = [["https://agents.example"]]))]
    pub(super) allowed_origins: Option<Vec<At<String>>>,
    /// `Host` values accepted besides loopback names, the listening address and the host of `auth.oauth.resource`, each
    /// `host[:port]`.
    #[schemars(extend("default" = [], "examples" = [["toolward.example:8825"]]))]
    pub(super) allowed_hosts: Option<Vec<At<String>>>,
    /// Where clients reach this host, when that is another address than the one it listens on: what `/openapi.json` names as
    /// its server. Its host is one of the `allowed-hosts` and its origin one of the `allowed-origins`. Default: what stands
    /// before `/mcp` in `auth.oauth.resource`, else what each request says in `Host`.
    #[schemars(extend("examples" = ["https://tools.example"]))]
    pub(super) public_url: Option<At<String>>,
    /// Who may read `/metrics`.
    #[schemars(extend("default" = defaults::METRICS, "examples" = ["everybody"]))]
    pub(super) metrics: Option<At<MetricsReaders>>,
    /// Largest request body.
    #[schemars(extend("default" = defaults::MAX_REQUEST_SIZE, "examples" = ["4 MiB"]))]
    pub(super) max_request_size: Option<At<Size>>,
    /// Connections at once; more wait until one ends.
    #[schemars(extend("default" = defaults::MAX_CONNECTIONS, "minimum" = 1, "examples" = [4096]))]
    pub(super) max_connections: Option<At<i64>>,
    /// How long a client may take to send the head of a request, and how long a connection may be idle.
    #[schemars(extend("default" = defaults::HEADER_TIMEOUT, "examples" = ["30 s"]))]
    pub(super) header_timeout: Option<At<Duration>>,
    /// How long a client may take to send the body of a request.
    #[schemars(extend("default" = defaults::BODY_TIMEOUT, "examples" = ["30 s"]))]
    pub(super) body_timeout: Option<At<Duration>>,
    /// How often a silent stream of events carries a comment, so that proxies keep it open and its end is noticed.
    #[schemars(extend("default" = defaults::KEEP_ALIVE, "examples" = ["15 s"]))]
    pub(super) keep_alive: Option<At<Duration>>,
    /// Whether the most frequent requests of the revision 2026-07-28 are answered without setting up the protocol library for
    /// each. The answers are the same; without it calls are slower. For finding out what a difference is due to.
    #[schemars(extend("default" = true, "examples" = [false]))]
    pub(super) fast_path: Option<At<bool>>,
    /// Sessions of clients that speak a protocol revision before 2026-07-28.
    pub(super) sessions: Option<Sessions>,
}

/// Who may read `/metrics`: whoever has the scope `metrics:read` or `admin`, everybody who reaches the address (whatever
/// name he has for it), or nobody.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum MetricsReaders {
    Scoped,
    Everybody,
    Nobody,
}

/// The sandbox's engine.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Runtime {
    /// Folder for compiled components, created with mode 0700. Default: `$XDG_CACHE_HOME/toolward`, or
    /// `~/.cache/toolward`.
    #[schemars(extend("format" = "path", "examples" = ["/var/cache/toolward"]))]
    pub(super) cache_dir: Option<At<String>>,
    /// Folder for what outlives the process: jobs. Created with mode 0700; one host at a time uses it. Default:
    /// `$XDG_STATE_HOME/toolward`, or `~/.local/state/toolward`.
    #[schemars(extend("format" = "path", "examples" = ["/var/lib/toolward"]))]
    pub(super) state_dir: Option<At<String>>,
    /// Instances alive at once over all plugins: the size of the pool.
    #[schemars(extend("default" = defaults::MAX_INSTANCES, "minimum" = 1, "examples" = [64]))]
    pub(super) max_instances: Option<At<i64>>,
    /// Calls that may wait for an instance, over all plugins, before new ones are refused.
    #[schemars(extend("default" = defaults::MAX_WAITING, "minimum" = 1, "examples" = [1024]))]
    pub(super) max_waiting: Option<At<i64>>,
    /// Address space of the process that compiles a component. What needs more is not loaded.
    #[schemars(extend("default" = defaults::COMPILE_MEMORY, "examples" = ["4 GiB"]))]
    pub(super) compile_memory: Option<At<Size>>,
    /// Time for compiling a component, by the clock and over all cores. What takes longer is not loaded.
    #[schemars(extend("default" = defaults::COMPILE_TIME, "examples" = ["2 min"]))]
    pub(super) compile_time: Option<At<Duration>>,
    /// Threads that run guests. Default: the number of cores.
    #[schemars(extend("minimum" = 1, "examples" = [2]))]
    pub(super) guest_threads: Option<At<i64>>,
}

/// The audit log: one JSON line for each call, denial, login, reload, install and administrative act.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Audit {
    /// Folder of its files, created with mode 0700. Several hosts on one machine may share it.
    #[schemars(required, extend("format" = "path", "examples" = ["/var/log/toolward"]))]
    pub(super) folder: Option<At<String>>,
    /// The key of the hashes that chain its lines, at least 32 bytes: `toolward audit key` prints one. Who has it can
    /// rewrite the log up to its checkpoints.
    #[schemars(required, extend("examples" = ["file:audit.key"]))]
    pub(super) key: Option<At<SecretText>>,
    /// Where checkpoints go, out of reach of who could rewrite the log: a file, or `syslog`.
    #[schemars(extend("examples" = ["/mnt/elsewhere/toolward.anchors", "syslog"]))]
    pub(super) anchor: Option<At<String>>,
    /// The longest time from a line to its checkpoint. There is one after 1,000 lines and at the end as well.
    #[schemars(extend("default" = defaults::ANCHOR_INTERVAL, "examples" = ["1 min"]))]
    pub(super) anchor_interval: Option<At<Duration>>,
    /// A file that has grown beyond this is set aside, and a new one begun.
    #[schemars(extend("default" = defaults::AUDIT_MAX_FILE_SIZE, "examples" = ["64 MiB"]))]
    pub(super) max_file_size: Option<At<Size>>,
    /// Files set aside that are kept; older ones are deleted, and the log says so. Default: all.
    #[schemars(extend("minimum" = 1, "examples" = [100]))]
    pub(super) keep_files: Option<At<i64>>,
    /// What happens to calls while lines cannot be written, as on a full disk: `refuse` them, or `continue`.
    #[schemars(extend("default" = "refuse", "examples" = ["continue"]))]
    pub(super) on_failure: Option<At<OnFailure>>,
    /// The arguments whose values are recorded, by tool. Of all others there is a keyed digest.
    #[schemars(extend("default" = {}, "examples" = [{"start_job": ["id"]}]))]
    pub(super) show: Option<At<Lists>>,
}

/// What happens while lines cannot be written.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum OnFailure {
    Refuse,
    Continue,
}

/// Bounds on each call of a plugin.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Limits {
    /// Linear memory of the guest, at most 4 GiB.
    #[schemars(extend("default" = defaults::MEMORY, "examples" = ["64 MiB"]))]
    pub(super) memory: Option<At<Size>>,
    /// Memory that the host may hold for the guest: handles, header fields, buffers.
    #[schemars(extend("default" = defaults::HOST_MEMORY, "examples" = ["16 MiB"]))]
    pub(super) host_memory: Option<At<Size>>,
    /// CPU time of one call.
    #[schemars(extend("default" = defaults::CPU_TIME, "examples" = ["5 s"]))]
    pub(super) cpu_time: Option<At<Duration>>,
    /// Time of one call by the clock on the wall, waiting for backends included.
    #[schemars(extend("default" = defaults::WALL_TIME, "examples" = ["60 s"]))]
    pub(super) wall_time: Option<At<Duration>>,
    /// Calls of the plugin at once; more wait.
    #[schemars(extend("default" = defaults::CONCURRENCY, "minimum" = 1, "examples" = [32]))]
    pub(super) concurrency: Option<At<i64>>,
    /// Calls that may wait for that before new ones are refused.
    #[schemars(extend("default" = defaults::QUEUE, "minimum" = 1, "examples" = [256]))]
    pub(super) queue: Option<At<i64>>,
    /// Calls of the plugin in a second; as many more may come at once after a pause. Default: not limited.
    #[schemars(extend("minimum" = 1, "examples" = [100]))]
    pub(super) calls_per_second: Option<At<i64>>,
    /// Largest result, as JSON. It bounds what is listed as well.
    #[schemars(extend("default" = defaults::RESULT_SIZE, "examples" = ["4 MiB"]))]
    pub(super) result_size: Option<At<Size>>,
    /// Largest continuation: what a plugin that asks something wants to be told again. At least 32 KiB, which plugins are
    /// promised.
    #[schemars(extend("default" = defaults::CONTINUATION_SIZE, "examples" = ["64 KiB"]))]
    pub(super) continuation_size: Option<At<Size>>,
    /// What one call may write to the operator's log.
    #[schemars(extend("default" = defaults::LOG_SIZE, "examples" = ["256 KiB"]))]
    pub(super) log_size: Option<At<Size>>,
    /// Tools, prompts, resources and templates that the plugin may offer, each.
    #[schemars(extend("default" = defaults::MAX_ENTRIES, "minimum" = 1, "examples" = [1000]))]
    pub(super) max_entries: Option<At<i64>>,
}

/// Calls that outlive their requests.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Jobs {
    /// Jobs that run at once; more wait in order.
    #[schemars(extend("default" = defaults::MAX_RUNNING_JOBS, "minimum" = 1, "examples" = [32]))]
    pub(super) max_running: Option<At<i64>>,
    /// Of these, jobs of one tenant; without it, all. With several tenants, a lower number keeps places free for the others.
    #[schemars(extend("minimum" = 1, "examples" = [16]))]
    pub(super) max_running_per_tenant: Option<At<i64>>,
    /// Jobs of one tenant that may wait or run before new ones are refused.
    #[schemars(extend("default" = defaults::MAX_QUEUED_JOBS, "minimum" = 1, "examples" = [1000]))]
    pub(super) max_queued: Option<At<i64>>,
    /// Jobs of one tenant that are kept, those that ended included; the oldest that ended make room.
    #[schemars(extend("default" = defaults::MAX_KEPT_JOBS, "minimum" = 1, "examples" = [10_000]))]
    pub(super) max_kept: Option<At<i64>>,
    /// What the jobs of one tenant may take on disk: arguments, states, results and logs. The oldest that ended make room.
    #[schemars(extend("default" = defaults::MAX_KEPT_SIZE, "examples" = ["1 GiB"]))]
    pub(super) max_kept_size: Option<At<Size>>,
    /// How long a job is kept after it ended.
    #[schemars(extend("default" = defaults::KEEP_RESULTS, "examples" = ["7 d"]))]
    pub(super) keep_results: Option<At<Duration>>,
    /// How long a client that cannot follow jobs waits for the result of a call before it gets the job's id.
    #[schemars(extend("default" = defaults::ANSWER_WITHIN, "examples" = ["10 s"]))]
    pub(super) answer_within: Option<At<Duration>>,
    /// Shortest time between two steps of a job, whatever its plugin says.
    #[schemars(extend("default" = defaults::MIN_STEP_WAIT, "examples" = ["50 ms"]))]
    pub(super) min_wait: Option<At<Duration>>,
    /// Longest time between two steps of a job, whatever its plugin says.
    #[schemars(extend("default" = defaults::MAX_STEP_WAIT, "examples" = ["5 min"]))]
    pub(super) max_wait: Option<At<Duration>>,
    /// How often a step is tried that fails for a reason that may pass. The time between tries doubles, from one
    /// second up to five minutes.
    #[schemars(extend("default" = defaults::MAX_STEP_ATTEMPTS, "minimum" = 1, "examples" = [10]))]
    pub(super) max_attempts: Option<At<i64>>,
    /// How long a job may take in all.
    #[schemars(extend("default" = defaults::MAX_JOB_DURATION, "examples" = ["7 d"]))]
    pub(super) max_duration: Option<At<Duration>>,
}

/// How the host logs in to a backend. Which keys have a meaning depends on `kind`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Credential {
    /// `none`: nothing is added. `header`: a static header. `basic`: HTTP Basic. `oauth2`: a token endpoint.
    /// `login`: an exchange declared here.
    #[schemars(required, extend("examples" = ["oauth2"]))]
    pub(super) kind: Option<At<CredentialKind>>,

    /// Kind `header`: the header to set.
    #[schemars(extend("examples" = ["authorization"]))]
    pub(super) header: Option<At<String>>,
    /// Kind `header`: text before the secret, not secret itself.
    #[schemars(extend("default" = "", "examples" = ["Bearer "]))]
    pub(super) prefix: Option<At<String>>,
    /// Kind `header`: the secret.
    #[schemars(extend("examples" = ["file:token"]))]
    pub(super) value: Option<At<SecretText>>,

    /// Kinds `basic` and `oauth2` with `grant = "password"`: the user's name.
    #[schemars(extend("examples" = ["env:VBR_USERNAME"]))]
    pub(super) username: Option<At<SecretText>>,
    /// Kinds `basic` and `oauth2` with `grant = "password"`: the password.
    #[schemars(extend("examples" = ["file:vbr-password"]))]
    pub(super) password: Option<At<SecretText>>,

    /// Kind `oauth2`: how the first token is got.
    #[schemars(extend("examples" = ["password"]))]
    pub(super) grant: Option<At<OAuth2Grant>>,
    /// Kind `oauth2`: path of the token endpoint below the binding's URL. Plugins never reach it.
    #[schemars(extend("examples" = ["/api/oauth2/token"]))]
    pub(super) token_path: Option<At<String>>,
    /// Kind `oauth2` with `grant = "client-credentials"` or `"refresh-token"`: the client's id.
    #[schemars(extend("examples" = ["env:CLIENT_ID"]))]
    pub(super) client_id: Option<At<SecretText>>,
    /// Kind `oauth2` with `grant = "client-credentials"` or `"refresh-token"`: the client's secret.
    #[schemars(extend("examples" = ["file:client-secret"]))]
    pub(super) client_secret: Option<At<SecretText>>,
    /// Kind `oauth2` with `grant = "client-credentials"`: whether id and secret go in the `Authorization` header
    /// or in the form.
    #[schemars(extend("default" = "header", "examples" = ["form"]))]
    pub(super) client_auth: Option<At<ClientAuth>>,
    /// Kind `oauth2` with `grant = "refresh-token"`: the refresh token to begin with.
    #[schemars(extend("examples" = ["file:refresh-token"]))]
    pub(super) refresh_token: Option<At<SecretText>>,
    /// Kind `oauth2`: the scope to ask for, when the server wants one.
    #[schemars(extend("examples" = ["jobs.read"]))]
    pub(super) scope: Option<At<String>>,
    /// Kind `oauth2`: more headers of the token request.
    #[schemars(extend("examples" = [{"x-api-version": "1.2-rev1"}]))]
    pub(super) headers: Option<At<Texts>>,
    /// Kind `oauth2`: lifetime of a token whose answer does not tell one.
    #[schemars(extend("default" = defaults::TOKEN_LIFETIME, "examples" = ["15 min"]))]
    pub(super) default_lifetime: Option<At<Duration>>,

    /// Kind `login`: the secrets, by the name under which requests use them: `{name}`.
    #[schemars(extend("examples" = [{"password": "file:pve-password"}]))]
    pub(super) values: Option<At<BTreeMap<At<String>, At<SecretText>>>>,
    /// Kind `login`: the login request. Its texts may hold `{name}` for each of `values`.
    pub(super) request: Option<At<LoginRequest>>,
    /// Kind `login`: what to take from the answer: a name for later use, and the JSON pointer to it.
    #[schemars(extend("examples" = [{"ticket": "/data/ticket"}]))]
    pub(super) answer: Option<At<Texts>>,
    /// Kind `login`: JSON pointer to the lifetime in seconds, when the answer has one.
    #[schemars(extend("examples" = ["/expires_in"]))]
    pub(super) lifetime_pointer: Option<At<String>>,
    /// Kind `login`: lifetime when the answer does not tell one. Required without `lifetime-pointer`; with it,
    /// 5 min by default.
    #[schemars(extend("examples" = ["2 h"]))]
    pub(super) lifetime: Option<At<Duration>>,
    /// Kind `login`: headers of every later request.
    pub(super) apply: Option<At<Vec<ApplyHeader>>>,
    /// Kind `login`: the request that renews a login before it ends. Its texts may hold the names of `values` and
    /// `answer`. Default: `request` is sent again.
    pub(super) renewal: Option<At<LoginRequest>>,
    /// Kind `login`: one-time passwords as authenticators show them (RFC 6238), each under a name that texts of
    /// requests may hold.
    pub(super) totp: Option<BTreeMap<At<String>, Totp>>,
    /// Kind `login`: the request that follows when the answer to `request` asks for more, such as a second factor. Its
    /// texts may hold the names of `values`, `totp` and of what `answer` found so far.
    pub(super) challenge: Option<At<LoginRequest>>,
    /// Kind `login`: JSON pointer to what an answer has when it asks for more: anything but `null`, `false`, `0` and an
    /// empty text.
    #[schemars(extend("examples" = ["/data/NeedTFA"]))]
    pub(super) challenge_pointer: Option<At<String>>,
}

/// A one-time password that changes with time.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Totp {
    /// The shared secret: in Base32, as it is typed into an authenticator, or the whole `otpauth://` link.
    #[schemars(required, extend("examples" = ["file:pve-totp"]))]
    pub(super) secret: Option<At<SecretText>>,
    /// Text before the code.
    #[schemars(extend("default" = "", "examples" = ["totp:"]))]
    pub(super) prefix: Option<At<String>>,
}

/// A kind of credential.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum CredentialKind {
    None,
    Header,
    Basic,
    OAuth2,
    Login,
}

/// A way to the first token.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum OAuth2Grant {
    Password,
    ClientCredentials,
    RefreshToken,
}

/// Where the client's id and secret go.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum ClientAuth {
    Header,
    Form,
}

/// One request of a login.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct LoginRequest {
    /// The method.
    #[schemars(extend("default" = defaults::LOGIN_METHOD, "examples" = ["POST"]))]
    pub(super) method: Option<At<String>>,
    /// Path below the binding's URL, without placeholders. Plugins never reach it.
    #[schemars(required, extend("examples" = ["/api2/json/access/ticket"]))]
    pub(super) path: Option<At<String>>,
    /// Headers.
    #[schemars(extend("default" = {}, "examples" = [{"accept": "application/json"}]))]
    pub(super) headers: Option<At<Texts>>,
    /// The body, as `application/x-www-form-urlencoded`.
    #[schemars(extend("examples" = [{"username": "root@pam", "password": "{password}"}]))]
    pub(super) form: Option<At<Texts>>,
    /// The body, as `application/json`. Not together with `form`.
    #[schemars(extend("examples" = [{"user": "api", "password": "{password}"}]))]
    pub(super) json: Option<At<Value>>,
}

/// A header of every request after the login.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ApplyHeader {
    /// The header to set.
    #[schemars(required, extend("examples" = ["cookie"]))]
    pub(super) header: Option<At<String>>,
    /// Its value. May hold `{name}` for each of `values` and `answer`.
    #[schemars(required, extend("examples" = ["PVEAuthCookie={ticket}"]))]
    pub(super) value: Option<At<String>>,
    /// Only on requests with these methods. Default: on all.
    #[schemars(extend("default" = [], "examples" = [["POST", "PUT", "DELETE"]]))]
    pub(super) methods: Option<Vec<At<String>>>,
}

/// The operator's answer to a backend that a plugin asks for by name.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Binding {
    /// What stands behind it, for plugins that serve several of a kind.
    #[schemars(required, extend("examples" = ["vbr"]))]
    pub(super) kind: Option<At<String>>,
    /// A name for people.
    #[schemars(extend("examples" = ["Backup server, Berlin"]))]
    pub(super) title: Option<At<String>>,
    /// `https://host[:port][/prefix]`. The path of a plugin's request is appended to the prefix.
    #[schemars(required, extend("examples" = ["https://vbr01.example:9419"]))]
    pub(super) url: Option<At<String>>,
    /// How the server's certificate is judged. Default: by the operating system's roots.
    pub(super) tls: Option<At<Tls>>,
    /// Which of `[credentials]` to log in with. Default: none.
    #[schemars(extend("examples" = ["vbr"]))]
    pub(super) credential: Option<At<String>>,
    /// Requests that may leave: `METHOD /path`, where `*` is any method or any one segment and `**` at the end is
    /// any rest. Nothing else leaves.
    #[schemars(extend("default" = [], "examples" = [["GET /api/v1/**", "POST /api/v1/jobs/*/start"]]))]
    pub(super) allow: Option<Vec<At<String>>>,
    /// Requests that never leave, whatever `allow` says: paths where a caller who is logged in gets a token of
    /// its own. The path of the credential's own login is always among them.
    #[schemars(extend("default" = [], "examples" = [["* /api/oauth2/**"]]))]
    pub(super) deny: Option<Vec<At<String>>>,
    /// Whether only `GET`, `HEAD` and `OPTIONS` leave, whatever `allow` says.
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(super) read_only: Option<At<bool>>,
    /// Who may confirm what changes something there. `person`: somebody at the client, who is asked. `model`: the caller's
    /// own word in the tool's arguments, with a reason, is enough.
    #[schemars(extend("default" = "person", "examples" = ["model"]))]
    pub(super) confirm: Option<At<Confirm>>,
    /// Facts for the plugin, not secret: a revision, a site.
    #[schemars(extend("default" = {}, "examples" = [{"revision": "1.2-rev1"}]))]
    pub(super) facts: Option<Map<String, Value>>,
    /// Time to connect, TLS included.
    #[schemars(extend("default" = defaults::CONNECT_TIMEOUT, "examples" = ["5 s"]))]
    pub(super) connect_timeout: Option<At<Duration>>,
    /// Time for a request: waiting for its turn, sending it as often as `retries` allows, reading the answer.
    #[schemars(extend("default" = defaults::TIMEOUT, "examples" = ["30 s"]))]
    pub(super) timeout: Option<At<Duration>>,
    /// Largest request body.
    #[schemars(extend("default" = defaults::BINDING_MAX_REQUEST_SIZE, "examples" = ["4 MiB"]))]
    pub(super) max_request_size: Option<At<Size>>,
    /// Largest answer body.
    #[schemars(extend("default" = defaults::BINDING_MAX_RESPONSE_SIZE, "examples" = ["32 MiB"]))]
    pub(super) max_response_size: Option<At<Size>>,
    /// Addresses that the host name in `url` may lead to besides public ones: `loopback`, `private`, `link-local`,
    /// `metadata`, `multicast`, `reserved`, an address, or a network such as `10.1.0.0/16`. A private or loopback
    /// address in `url`, or `localhost`, allows itself. A metadata address is only allowed by its kind or by itself.
    #[schemars(extend("default" = [], "examples" = [["private"], ["10.1.0.0/16"]]))]
    pub(super) addresses: Option<Vec<At<String>>>,
    /// Requests at once, answers being read included; more wait. One plugin's calls for one tenant take up to three
    /// quarters of them.
    #[schemars(extend("default" = defaults::BINDING_CONCURRENCY, "minimum" = 1, "examples" = [8]))]
    pub(super) concurrency: Option<At<i64>>,
    /// Requests a second, on average over a second; more wait. Default: as many as come.
    #[schemars(extend("minimum" = 1, "examples" = [50]))]
    pub(super) requests_per_second: Option<At<i64>>,
    /// How often a `GET`, `HEAD`, `OPTIONS`, `PUT` or `DELETE` is sent again after a failed connection or an answer
    /// 429, 502, 503 or 504: after the time of its `Retry-After`, or after a short one that doubles. 0: never.
    #[schemars(extend("default" = defaults::RETRIES, "minimum" = 0, "examples" = [0]))]
    pub(super) retries: Option<At<i64>>,
    /// Failures in a row after which the backend is left alone: requests then fail at once and say when it is tried
    /// again. Failed connections count for everybody; answers 502, 503 and 504, broken ones and time-outs for the
    /// plugin and the tenant that had them.
    #[schemars(extend("default" = defaults::CIRCUIT_FAILURES, "minimum" = 1, "examples" = [5]))]
    pub(super) circuit_failures: Option<At<i64>>,
    /// For how long it is left alone before one request tries it.
    #[schemars(extend("default" = defaults::CIRCUIT_PAUSE, "examples" = ["10 s"]))]
    pub(super) circuit_pause: Option<At<Duration>>,
}

/// How the server's certificate is judged: one of the three.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Tls {
    /// Only by the authorities in this PEM file.
    #[schemars(extend("format" = "path", "examples" = ["vbr01.pem"]))]
    pub(super) ca_file: Option<At<String>>,
    /// Only by the SHA-256 digest of the server's certificate: `sha256:` and 64 hexadecimal digits.
    #[schemars(extend("examples" = [EXAMPLE_FINGERPRINT]))]
    pub(super) fingerprint: Option<At<String>>,
    /// Not at all. Whoever stands between host and backend then reads everything, the login included.
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(super) insecure: Option<At<bool>>,
}

const EXAMPLE_FINGERPRINT: &str =
    "sha256:6f1ed002ab5595859014ebf0951522d9f3ad28f6d5f8d8a2b5c0c1f1f1b3a0c4";

/// Backend → the names of further bindings that answer it.
pub(super) type MoreBackends = BTreeMap<At<String>, Vec<At<String>>>;

/// A plugin and what it is granted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Plugin {
    /// The component file.
    #[schemars(required, extend("format" = "path", "examples" = ["plugins/backup-jobs.wasm"]))]
    pub(super) component: Option<At<String>>,
    /// What the plugin may do beyond the harmless. `http`: send requests to the backends below, and nowhere else.
    /// `changes`: say that its lists or resources changed. `form`: ask people questions and for confirmations. `visit`:
    /// ask them to open links, below `visit-urls`. `sample`: use the client's model. `roots`: see the client's roots.
    #[schemars(extend("default" = [], "examples" = [["http"]]))]
    pub(super) grant: Option<Vec<At<Grant>>>,
    /// The plugin's name for a backend, and which of `[bindings]` answers it.
    #[schemars(extend("default" = {}, "examples" = [{"vbr": "vbr01"}]))]
    pub(super) backends: Option<At<Texts>>,
    /// More of `[bindings]` that answer a backend of `backends`, which stays the one to take where nobody says which. The
    /// plugin reaches each of them under the binding's own name.
    #[schemars(extend("default" = {}, "examples" = [{"vbr": ["vbr02", "vbr03"]}]))]
    pub(super) more_backends: Option<At<MoreBackends>>,
    /// Settings, handed to the plugin as they are. Not for secrets: the plugin reads them.
    #[schemars(extend("default" = {}, "examples" = [{"page-size": 200}]))]
    pub(super) settings: Option<Map<String, Value>>,
    /// Links the plugin may ask people to open: these and all below them.
    #[schemars(extend("default" = [], "examples" = [["https://vendor.example/login"]]))]
    pub(super) visit_urls: Option<Vec<At<String>>>,
    /// Bounds on each call, instead of those of `[limits]`.
    pub(super) limits: Option<Limits>,
    /// `fresh`: every call gets an instance of its own. `per-principal`: calls of the same principal may follow each other in
    /// one instance, for plugins whose start is expensive; whatever such a plugin keeps in its memory stays until the
    /// instance goes. Never shared between principals, and callers without a name always get a fresh one.
    #[schemars(extend("default" = defaults::ISOLATION, "examples" = ["per-principal"]))]
    pub(super) isolation: Option<At<Isolation>>,
    /// With `per-principal`: calls that one instance may serve.
    #[schemars(extend("default" = defaults::REUSE_CALLS, "minimum" = 1, "examples" = [1000]))]
    pub(super) reuse_calls: Option<At<i64>>,
    /// With `per-principal`: how long an instance may wait for its next call.
    #[schemars(extend("default" = defaults::REUSE_IDLE, "examples" = ["1 min"]))]
    pub(super) reuse_idle: Option<At<Duration>>,
}

/// Whether an instance may serve more than one call.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum Isolation {
    Fresh,
    PerPrincipal,
}

/// What must be granted.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum Grant {
    Http,
    Changes,
    Form,
    Visit,
    Sample,
    Roots,
}

/// Who may confirm.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum Confirm {
    Person,
    Model,
}

// A number and a unit, `64 MiB`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("format" = "size"))]
pub(super) struct Size(pub(super) String);

// A number and a unit, `5 s`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("format" = "duration-text"))]
pub(super) struct Duration(pub(super) String);

// `env:NAME`, `file:PATH`, `exec:COMMAND ARG…`, or the secret itself.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("format" = "secret"))]
pub(super) struct SecretText(pub(super) String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}
