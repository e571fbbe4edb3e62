//! A backup server with many jobs, on a thread of its own, and the configuration of a host that may read it.

use std::error::Error;

use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use vbr_simulator::{Options, Recorded, Simulator};

use crate::site::{Site, toml_table};

/// More than ten runs of each job, as one job in sixteen has never run.
const RUNS: usize = 11;

/// The newest revision, for the login and for the plugins: nothing is left to find out.
pub(super) const REVISION: &str = "1.3-rev1";

/// A running backup server.
#[derive(Debug)]
pub(super) struct Estate {
    pub(super) simulator: Simulator,
    pub(super) login: Options,
    /// Its thread. Not the load generator's, whose time would be the server's, too.
    runtime: Option<Runtime>,
}

impl Drop for Estate {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A runtime must not be dropped, which waits, where another one runs.
            runtime.shutdown_background();
        }
    }
}

impl Estate {
    /// Starts one.
    pub(super) async fn start(jobs: usize) -> Result<Self, Box<dyn Error>> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let login = Options {
            jobs,
            sessions_per_job: RUNS,
            ..Options::default()
        };
        let started = runtime.spawn(Simulator::start(login.clone())).await;
        // Kept whole before anything can fail, so that the runtime is never dropped here.
        let (simulator, runtime) = match started {
            Ok(Ok(simulator)) => (simulator, runtime),
            Ok(Err(error)) => {
                runtime.shutdown_background();
                return Err(error.into());
            }
            Err(error) => {
                runtime.shutdown_background();
                return Err(error.into());
            }
        };
        Ok(Self {
            simulator,
            login,
            runtime: Some(runtime),
        })
    }

    /// A folder with the configuration of a host that has this server, with the limits that the host has by itself.
    pub(super) fn configure(&self, site: &Site) -> Result<TempDir, Box<dyn Error>> {
        let mut tables = format!(
            r#"
[credentials.vbr]
kind = "oauth2"
grant = "password"
token-path = "/api/oauth2/token"
username = "file:vbr-user"
password = "file:vbr-password"
headers = {{ x-api-version = "{REVISION}" }}

[bindings.vbr01]
kind = "vbr"
url = "{}"
tls = {{ ca-file = "vbr01.pem" }}
credential = "vbr"
facts = {{ revision = "{REVISION}" }}
allow = ["GET /api/v1/**"]
"#,
            self.simulator.url()
        );
        for plugin in ["backup-jobs", "sessions"] {
            let table = format!("plugins.{plugin}");
            tables += &toml_table(&table, "component", &site.component(plugin));
            tables += "grant = [\"http\", \"form\"]\nbackends = { vbr = \"vbr01\" }\n";
        }
        let files = [
            ("vbr01.pem", self.simulator.ca_pem()),
            ("vbr-user", &self.login.user),
            ("vbr-password", &self.login.password),
        ];
        Ok(site.with(&tables, &files)?)
    }

    /// Requests so far, and bytes of the bodies of the answers to them.
    pub(super) fn seen(&self) -> (u64, u64) {
        let stats = self.simulator.stats();
        (stats.total(), stats.sent)
    }

    /// The latest requests, oldest first; a login among them is nothing that a plugin sends.
    pub(super) fn last(&self, number: u64) -> Vec<Recorded> {
        let mut all = self.simulator.recorded();
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let mut last = all.split_off(all.len().saturating_sub(number));
        last.retain(|request| request.method == http::Method::GET);
        last
    }
}
