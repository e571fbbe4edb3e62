//! Jobs of Veeam Backup & Replication, as tools: look at them, find out why they failed, start, stop, retry, enable,
//! disable.
//!
//! | module | what it decides |
//! |---|---|
//! | `tools` | what the model may ask for, and what it is told: one file per tool |
//! | `causes` | what the messages of failed runs mostly mean |
//! | `model` | what of a job's configuration is kept |
//! | `resources` | what can be read and watched by its URI |
//! | `prompts` | what a person may begin with |
//!
//! How the API is asked is decided in the crate `vbr`. Not here: addresses, logins, tokens, certificates.

mod causes;
mod model;
mod prompts;
mod resources;
mod tools;

use toolward_sdk::plugin;
use vbr::follow::Following;

plugin! {
    tools: [
        tools::list::backup_jobs_list,
        tools::get::backup_jobs_get,
        tools::why::backup_jobs_why,
        tools::running::backup_jobs_running,
        tools::next::backup_jobs_next,
        tools::schedule::backup_jobs_schedule,
        tools::objects::backup_jobs_objects,
        tools::copies::backup_jobs_copies,
        tools::start::backup_jobs_start,
        tools::stop::backup_jobs_stop,
        tools::retry::backup_jobs_retry,
        tools::switch::backup_jobs_enable,
        tools::switch::backup_jobs_disable,
    ],
    jobs: [Following],
    resources: [
        resources::backup_servers,
        resources::backup_jobs,
        resources::backup_job,
    ],
    watch: resources::look,
    prompts: [
        prompts::backup_health,
        prompts::investigate_failed_job,
        prompts::daily_backup_report,
        prompts::backup_success_rate,
        prompts::protection_coverage,
    ],
    completions: resources::complete,
    tailor: vbr::tailor,
}
