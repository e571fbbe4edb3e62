//! Every default of the file, as one would write it there: used by `resolve`, by the schema and by the reference.

pub(super) const LISTEN: &str = "127.0.0.1:8825";
pub(super) const MAX_REQUEST_SIZE: &str = "4 MiB";

pub(super) const METRICS: &str = "scoped";
pub(super) const MAX_CONNECTIONS: u32 = 4096;
pub(super) const HEADER_TIMEOUT: &str = "30 s";
pub(super) const BODY_TIMEOUT: &str = "30 s";
/// Below the minute after which common proxies give a silent connection up.
pub(super) const KEEP_ALIVE: &str = "15 s";

pub(super) const SESSION_IDLE_TIMEOUT: &str = "15 min";
pub(super) const MAX_SESSIONS: u32 = 10_000;
pub(super) const MAX_SESSIONS_PER_PRINCIPAL: u32 = 1_000;
pub(super) const MAX_EVENTS: u32 = 256;
pub(super) const MAX_EVENTS_SIZE: &str = "1 MiB";
pub(super) const MAX_EVENTS_SIZE_IN_ALL: &str = "256 MiB";

/// The tenant of callers who are not told apart.
pub(super) const TENANT: &str = "local";
pub(super) const ALGORITHMS: [&str; 2] = ["RS256", "ES256"];
pub(super) const SCOPES_CLAIM: &str = "scope";
pub(super) const CLOCK_LEEWAY: &str = "30 s";

pub(super) const MAX_INSTANCES: u32 = 64;
pub(super) const MAX_WAITING: u32 = 1024;
pub(super) const COMPILE_MEMORY: &str = "4 GiB";
pub(super) const COMPILE_TIME: &str = "5 min";

pub(super) const MEMORY: &str = "64 MiB";
pub(super) const HOST_MEMORY: &str = "16 MiB";
pub(super) const CPU_TIME: &str = "5 s";
pub(super) const WALL_TIME: &str = "60 s";
pub(super) const CONCURRENCY: u32 = 32;
pub(super) const QUEUE: u32 = 256;
pub(super) const RESULT_SIZE: &str = "4 MiB";
pub(super) const CONTINUATION_SIZE: &str = "64 KiB";
pub(super) const LOG_SIZE: &str = "256 KiB";
pub(super) const MAX_ENTRIES: u32 = 1000;

/// Fewer than one plugin or the pool takes, so that there is always a place for another tenant.
pub(super) const TENANT_CONCURRENCY: u32 = 24;
pub(super) const TENANT_QUEUE: u32 = 256;

pub(super) const ISOLATION: &str = "fresh";
pub(super) const REUSE_CALLS: u32 = 1000;
pub(super) const REUSE_IDLE: &str = "1 min";

pub(super) const MAX_RUNNING_JOBS: u32 = 32;
pub(super) const MAX_QUEUED_JOBS: u32 = 1000;
pub(super) const MAX_KEPT_JOBS: u32 = 10_000;
pub(super) const MAX_KEPT_SIZE: &str = "1 GiB";
pub(super) const KEEP_RESULTS: &str = "7 d";
pub(super) const ANSWER_WITHIN: &str = "10 s";
pub(super) const MIN_STEP_WAIT: &str = "50 ms";
pub(super) const MAX_STEP_WAIT: &str = "5 min";
pub(super) const MAX_STEP_ATTEMPTS: u32 = 10;
pub(super) const MAX_JOB_DURATION: &str = "7 d";

pub(super) const WATCH: bool = true;
pub(super) const SETTLE_TIME: &str = "300 ms";
pub(super) const DRAIN_TIME: &str = "30 s";

pub(super) const CONNECT_TIMEOUT: &str = "5 s";
pub(super) const TIMEOUT: &str = "30 s";
pub(super) const BINDING_MAX_REQUEST_SIZE: &str = "4 MiB";
pub(super) const BINDING_MAX_RESPONSE_SIZE: &str = "32 MiB";
pub(super) const BINDING_CONCURRENCY: u32 = 32;
pub(super) const RETRIES: u32 = 2;
pub(super) const CIRCUIT_FAILURES: u32 = 5;
pub(super) const CIRCUIT_PAUSE: &str = "10 s";

pub(super) const ANCHOR_INTERVAL: &str = "1 min";
pub(super) const AUDIT_MAX_FILE_SIZE: &str = "64 MiB";

/// Short, because it only counts where the server tells no lifetime: too short costs a login, too long costs calls.
pub(super) const TOKEN_LIFETIME: &str = "5 min";
pub(super) const LOGIN_METHOD: &str = "POST";
