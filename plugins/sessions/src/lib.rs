//! Sessions of Veeam Backup & Replication, as tools: what ran, what runs, what failed, and the logs that say why.
//!
//! | module | what it decides |
//! |---|---|
//! | `tools` | what the model may ask for, and what it is told: one file per tool |
//! | `cursor` | where a list of sessions goes on, while new ones begin |
//! | `resources` | the log that can be read and watched by its URI |
//!
//! How the API is asked is decided in the crate `vbr`. Not here: addresses, logins, tokens, certificates.

mod cursor;
mod resources;
mod tools;

use toolward_sdk::plugin;

plugin! {
    tools: [
        tools::list::sessions_list,
        tools::running::sessions_running,
        tools::failed::sessions_failed,
        tools::get::sessions_get,
        tools::log::sessions_log,
        tools::tasks::sessions_tasks,
        tools::log::sessions_task_log,
        tools::restores::sessions_restores,
        tools::stop::sessions_stop,
    ],
    resources: [resources::session_log],
    watch: resources::look,
    completions: resources::complete,
    tailor: vbr::tailor,
}
