//! A host that serves the plugin `shop`, whose versions the tests put in place.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::fs;
use std::path::PathBuf;

use e2e::operator::Operator;
use e2e::versions::{self, Version};
use e2e::{Deployment, Host, mcp};

/// The tools of the fixture `echo`.
pub(crate) const ECHO: [&str; 5] = ["add", "echo", "fail", "progress", "whoami"];

/// A plugin `shop` with the code of a fixture.
pub(crate) fn shop(fixture: &str, version: &str) -> Version {
    with(fixture, version, "")
}

/// The same with more lines in its manifest.
pub(crate) fn with(fixture: &str, version: &str, more: &str) -> Version {
    named("shop", fixture, version, more)
}

pub(crate) fn named(name: &str, fixture: &str, version: &str, more: &str) -> Version {
    versions::version(name, fixture, version, more)
}

/// The table of `shop`.
pub(crate) const SHOP: &str = "[plugins.shop]\ncomponent = \"shop.wasm\"\ngrant = [\"changes\"]\n";

pub(crate) struct Served {
    pub(crate) deployment: Deployment,
    pub(crate) host: Host,
    pub(crate) operator: Operator,
    pub(crate) client: mcp::Client,
}

impl Served {
    /// Serves this version of `shop`, with these keys in `[reload]`.
    pub(crate) async fn start(component: &Version, reload: &str) -> Self {
        let tables = format!("[reload]\nsettle-time = \"60 ms\"\n{reload}\n{SHOP}");
        Self::start_with(component, &tables).await
    }

    pub(crate) async fn start_with(component: &Version, tables: &str) -> Self {
        let deployment = Deployment::new(tables);
        versions::put_version(&deployment.folder().join("shop.wasm"), component);
        let host = Host::start(&deployment).await;
        Self {
            operator: Operator::of(&host),
            client: mcp::Client::new(host.url()),
            deployment,
            host,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.deployment.folder().join(name)
    }

    /// Puts a version of `shop` in place.
    pub(crate) fn put(&self, version: &Version) {
        versions::put_version(&self.path("shop.wasm"), version);
    }

    /// Puts these bytes in the place of `shop`, and leaves the signature as it is.
    pub(crate) fn put_bytes(&self, component: &[u8]) {
        versions::put(&self.path("shop.wasm"), component);
    }

    /// Puts a configuration in place: that of the start with its text from `[reload]` on replaced.
    pub(crate) fn configure(&self, tables: &str) {
        let text = fs::read_to_string(self.deployment.config()).unwrap();
        let head = text.split("[reload").next().unwrap().to_owned();
        versions::put(&self.deployment.config(), (head + tables).as_bytes());
    }
}
