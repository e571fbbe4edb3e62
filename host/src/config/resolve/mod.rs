//! The one road from the file to [`Config`]: defaults, file, environment, flags; everything checked.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::at::At;
use super::findings::Findings;
use super::origin::Origins;
use super::{Binding, BindingName, Config, Credential, Env, Overrides, raw};

mod addresses;
mod audit;
mod auth;
mod binding;
mod credential;
mod header;
mod jobs;
mod limits;
mod login;
mod oauth2;
mod oauth_server;
mod outside;
mod plugin;
mod reload;
mod runtime;
mod secret;
mod server;
mod sessions;
mod tenants;
mod tls;
mod trust;
mod url;
mod value;

/// What resolving looks at besides the file, and where it writes what it finds.
pub(super) struct Cx<'a> {
    pub(super) findings: Findings<'a>,
    pub(super) origins: Origins,
    pub(super) env: Env<'a>,
    pub(super) overrides: &'a Overrides,
    /// The file, as the operator named it.
    pub(super) file: PathBuf,
    /// The folder of the file; absolute.
    pub(super) folder: PathBuf,
}

impl Cx<'_> {
    /// A path of the file: relative ones start at the file's folder.
    fn path(&self, text: &str) -> PathBuf {
        self.folder.join(Path::new(text))
    }
}

/// Things of the file by name. `None`: it is there, but something in it is wrong and was reported.
type Named<T> = BTreeMap<String, Entry<T>>;

struct Entry<T> {
    /// Where its name stands.
    span: Range<usize>,
    used: bool,
    thing: Option<Arc<T>>,
}

/// The configuration, and what was found. Where an error was found, parts of the configuration are left out.
pub(super) fn resolve(cx: &mut Cx<'_>, file: raw::File) -> Config {
    let plugin_names: Vec<String> = file
        .plugins
        .iter()
        .flat_map(|plugins| plugins.keys().map(|name| name.value.clone()))
        .collect();
    let auth = auth::resolve(cx, file.auth.as_ref(), &plugin_names);
    let mut server = server::resolve(cx, &file.server.unwrap_or_default(), file.auth.is_some());
    let resource = auth.as_ref().and_then(|auth| auth.oauth.as_ref());
    server.public_url = server
        .public_url
        .or_else(|| server::before_mcp(&resource?.resource));
    let runtime = runtime::resolve(cx, &file.runtime.unwrap_or_default());
    let tenants = tenants::resolve(
        cx,
        &file.tenant_limits.unwrap_or_default(),
        &file.tenants.unwrap_or_default(),
        file.auth.is_some(),
        &runtime,
    );
    let audit = audit::resolve(cx, file.audit.as_ref());
    let jobs = jobs::resolve(cx, &file.jobs.unwrap_or_default());
    let reload = reload::resolve(cx, &file.reload.unwrap_or_default());
    let limits = limits::defaults(cx, &file.limits.unwrap_or_default());
    let mut credentials: Named<Credential> =
        entries(file.credentials.unwrap_or_default(), |name, raw| {
            credential::resolve(cx, name, &raw)
        });
    let mut bindings: Named<Binding> = entries(file.bindings.unwrap_or_default(), |name, raw| {
        binding::resolve(cx, name, raw, &mut credentials)
    });
    let trust = trust::resolve(
        cx,
        &file.trust.unwrap_or_default(),
        file.publishers.unwrap_or_default(),
        &bindings,
    );
    let mut plugins = BTreeMap::new();
    for (name, raw) in file.plugins.unwrap_or_default() {
        if let Some(plugin) = plugin::resolve(cx, &name, raw, &limits, &mut bindings) {
            plugins.insert(plugin.name.clone(), Arc::new(plugin));
        }
    }
    // What uses them may be what is wrong.
    if !cx.findings.has_errors() {
        warn_of_unused(cx, &credentials, "credential", "binding");
        warn_of_unused(cx, &bindings, "binding", "plugin");
    }
    let bindings: BTreeMap<BindingName, _> = bindings
        .into_values()
        .filter_map(|entry| entry.thing)
        .map(|binding| (binding.name.clone(), binding))
        .collect();
    Config {
        server,
        auth,
        runtime,
        jobs,
        reload,
        trust: Arc::new(trust),
        audit,
        tenants,
        limits,
        plugins,
        bindings,
        warnings: Vec::new(),
    }
}

fn entries<R, T>(
    raw: BTreeMap<At<String>, R>,
    mut resolve: impl FnMut(&At<String>, R) -> Option<T>,
) -> Named<T> {
    raw.into_iter()
        .map(|(name, raw)| {
            let thing = resolve(&name, raw).map(Arc::new);
            (
                name.value,
                Entry {
                    span: name.span,
                    used: false,
                    thing,
                },
            )
        })
        .collect()
}

fn warn_of_unused<T>(cx: &mut Cx<'_>, things: &Named<T>, what: &str, user: &str) {
    for (name, entry) in things.iter().filter(|(_, entry)| !entry.used) {
        cx.findings
            .warning(&entry.span, format!("no {user} uses {what} `{name}`"))
            .hint(format!("delete [{what}s.{name}], or name it in a {user}"));
    }
}
