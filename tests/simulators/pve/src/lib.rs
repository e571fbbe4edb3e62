//! A simulator of the API of Proxmox VE: a cluster of nodes with machines, containers, snapshots, storage and backups,
//! whose tasks take time and can fail, behind logins, tokens and rights as the real one has them.
//!
//! | module | what it decides |
//! |---|---|
//! | `model`, `world`, `generate` | what there is, and how it goes on with time |
//! | `auth` | tickets with a second factor, tokens, rights |
//! | `routes`, `call` | which requests there are, their parameters, the rights they need |
//! | `cluster`, `nodes`, `guests`, `lifecycle`, `snapshots`, `storage`, `backup`, `agent`, `tasks` | what is answered |
//! | `answer` | the API's errors, which differ by version |
//! | `schema`, `stats` | whether all of it fits the vendor's description, and what tests look at |
//! | `api`, `server`, `tls` | with and without a socket |
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use pve_simulator::{Fate, Options, Simulator};
//!
//! let simulator = Simulator::start(&Options::default()).await?;
//! simulator.cluster().next_task("qmstart", Fate::Fails("no such bridge".to_owned()));
//! println!("{} {}", simulator.url(), simulator.fingerprint());
//! # Ok(())
//! # }
//! ```
#![warn(missing_docs)]

mod agent;
mod answer;
mod api;
mod auth;
mod backup;
mod call;
mod clock;
mod cluster;
mod generate;
mod guests;
mod lifecycle;
mod model;
mod nodes;
mod options;
mod routes;
pub mod schema;
mod server;
mod snapshots;
mod stats;
mod storage;
mod tasks;
mod tls;
mod world;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub use crate::answer::Answer;
pub use crate::api::{Cluster, GuestState, PREFIX, Request};
pub use crate::model::{Fate, Kind};
pub use crate::options::{Account, Flavour, Grant, Options, PASSWORD, SECRET, Token};
pub use crate::stats::{Stats, Violation};
pub use crate::tls::TlsError;

/// Why the simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no port.
    #[error("cannot listen")]
    Listen(#[from] io::Error),
    /// There is no certificate.
    #[error("cannot set up TLS")]
    Tls(#[from] TlsError),
}

/// A running server. It stops when this is dropped.
pub struct Simulator {
    cluster: Cluster,
    address: SocketAddr,
    pem: String,
    fingerprint: String,
    task: JoinHandle<()>,
}

impl Simulator {
    /// Starts a server for a new cluster and returns once it accepts connections.
    pub async fn start(options: &Options) -> Result<Self, StartError> {
        let identity = tls::identity()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let cluster = Cluster::new(options);
        let acceptor = TlsAcceptor::from(identity.config);
        let task = tokio::spawn(server::serve(cluster.clone(), listener, acceptor));
        Ok(Self {
            cluster,
            address,
            pem: identity.pem,
            fingerprint: identity.fingerprint,
            task,
        })
    }

    /// `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The certificate, which is its own authority, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.pem
    }

    /// `sha256:` and the hexadecimal digest of the certificate.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The cluster behind the server.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
