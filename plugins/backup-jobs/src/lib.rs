//! Jobs of Veeam Backup & Replication, as tools: list, look at, start, stop, retry.
//!
//! | module | what it decides |
//! |---|---|
//! | `tools` | what the model may ask for, and what it is told: one file per tool |
//! | `model` | what of the API's answers is kept, and how it is written in every revision alike |
//! | `client` | which requests are sent, at which revision, and what an error of the API means |
//! | `revision` | where the revisions of the API differ in what is asked |
//!
//! Not here: addresses, logins, tokens, certificates. Requests go to a backend named `vbr`, and the host
//! knows the rest.

mod client;
mod model;
mod revision;
mod tools;

use toolward_sdk::plugin;

plugin!(
    tools::list::backup_jobs_list,
    tools::get::backup_jobs_get,
    tools::start::backup_jobs_start,
    tools::stop::backup_jobs_stop,
    tools::retry::backup_jobs_retry,
);
