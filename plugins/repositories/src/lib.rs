//! Repositories, backups and the server of Veeam Backup & Replication, as tools.
//!
//! | module | what it decides |
//! |---|---|
//! | `tools` | what the model may ask for, and what it is told: one file per tool |
//! | `repository` | what of a repository's state is kept, and what its capacity means |
//! | `resources` | what can be read and watched by its URI |
//! | `prompts` | what a person may begin with |
//!
//! How the API is asked is decided in the crate `vbr`. Not here: addresses, logins, tokens, certificates.

mod prompts;
mod repository;
mod resources;
mod tools;

use toolward_sdk::plugin;
use vbr::follow::Following;

plugin! {
    tools: [
        tools::list::repositories_list,
        tools::below::repositories_below,
        tools::scale_out::repositories_scale_out,
        tools::rescan::repositories_rescan,
        tools::proxies::repositories_proxies,
        tools::servers::repositories_managed_servers,
        tools::backups::repositories_backups,
        tools::files::repositories_files,
        tools::objects::repositories_objects,
        tools::restore_points::repositories_restore_points,
        tools::license::repositories_license,
        tools::license::repositories_license_workloads,
        tools::info::repositories_server_info,
        tools::config_backup::repositories_config_backup,
        tools::malware::repositories_malware,
        tools::best_practices::repositories_best_practices,
    ],
    jobs: [Following],
    resources: [resources::repositories],
    watch: resources::look,
    prompts: [prompts::capacity_outlook, prompts::find_restore_point],
    completions: resources::complete,
    tailor: vbr::tailor,
}
