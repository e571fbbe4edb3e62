//! The cluster's certificate: by authority, by fingerprint, or not at all where the operator says so.

use e2e::{Deployment, Host, mcp};
use pve_simulator::{Options, SECRET, Simulator};
use serde_json::json;

use crate::support::{Login, client};

/// A host whose binding trusts in this way.
async fn serve(simulator: &Simulator, other: &Simulator, tls: &str) -> (Host, Deployment) {
    let deployment = Deployment::new(&format!(
        r#"
{credential}
[bindings.lab]
kind = "pve"
url = "{url}"
{tls}
credential = "pve"
allow = ["GET /api2/json/**"]
[plugins.proxmox-vms]
component = "{component}"
grant = ["http"]
backends = {{ pve = "lab" }}
"#,
        credential = Login::Token.table(),
        url = simulator.url(),
        component = e2e::plugin("proxmox-vms").display(),
    ));
    deployment.write("own.pem", simulator.ca_pem());
    deployment.write("other.pem", other.ca_pem());
    deployment.write("pve-token", SECRET);
    (Host::start(&deployment).await, deployment)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_known_by_authority_by_fingerprint_or_explicitly_not() {
    let lab = Simulator::start(&Options::default()).await.unwrap();
    let other = Simulator::start(&Options::default()).await.unwrap();
    let pin = |of: &Simulator| format!("tls = {{ fingerprint = \"{}\" }}", of.fingerprint());
    for (tls, is_known) in [
        ("tls = { ca-file = \"own.pem\" }".to_owned(), true),
        (pin(&lab), true),
        ("tls = { insecure = true }".to_owned(), true),
        ("tls = { ca-file = \"other.pem\" }".to_owned(), false),
        (pin(&other), false),
        ("tls = { insecure = false }".to_owned(), false),
        // The operating system's authorities.
        (String::new(), false),
    ] {
        let before = lab.cluster().stats().total();
        let (host, _deployment) = serve(&lab, &other, &tls).await;
        let result = client(&host).call("pve_guests", json!({})).await.unwrap();
        let text = mcp::text(&result);
        if is_known {
            assert_eq!(result["structuredContent"]["total"], 7, "{tls}: {text}");
        } else {
            assert_eq!(result["isError"], true, "{tls}: {text}");
            // The token was not sent to whoever that is.
            assert_eq!(lab.cluster().stats().total(), before, "{tls}");
        }
        let log = host.stop().await;
        let is_warned = log.contains("certificate is not checked");
        assert_eq!(is_warned, tls.contains("insecure = true"), "{tls}: {log}");
    }
}
