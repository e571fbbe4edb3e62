//! Versions that nobody vouches for, and trust that is withdrawn while the host serves.

use std::fs;
use std::process::Command;

use e2e::operator::plugin;
use e2e::versions::{self, Version};
use serde_json::{Value, json};

use crate::support::{ECHO, SHOP, Served, named, shop};

const SETTLE: &str = "[reload]\nsettle-time = \"60 ms\"\n";
const OTHER: &str = "[plugins.other]\ncomponent = \"other.wasm\"\n";

fn altered(version: &Version) -> Version {
    // The last byte is in the manifest's text.
    let mut altered = version.clone();
    altered.component.pop();
    altered.component.push(b' ');
    altered
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_vouches_for_never_takes_the_place() {
    let first = shop("echo", "1.0.0");
    let served = Served::start(&first, "").await;
    let good = shop("dialogue", "3.0.0");
    let unsigned = Version {
        signature: Vec::new(),
        ..good.clone()
    };
    let swapped = Version {
        signature: shop("dialogue", "2.0.0").signature,
        ..good.clone()
    };
    let rows = [
        (unsigned, "not a minisign signature"),
        (swapped, "is for `shop` 2.0.0"),
        (altered(&good), "cannot be used"),
    ];
    for (bad, words) in rows {
        served.put(&bad);
        let status = served.operator.until_problem("shop", words).await;
        assert_eq!(plugin(&status, "shop")["version"], "1.0.0", "{status}");
        assert_eq!(served.client.tools().await, ECHO);
    }
    // The component first, long before its signature: it waits outside.
    fs::remove_file(served.path("shop.wasm.minisig")).unwrap();
    served.put_bytes(&good.component);
    served
        .operator
        .until_problem("shop", "it is not signed")
        .await;
    versions::put(&served.path("shop.wasm.minisig"), &good.signature);
    served.operator.until_serving("shop", "3.0.0").await;
    let status = served.operator.status().await;
    let signer = &plugin(&status, "shop")["signer"]["publisher"];
    assert_eq!(*signer, "development", "{status}");

    // Without its signature it serves on, and everybody is told that it could not be loaded again.
    fs::remove_file(served.path("shop.wasm.minisig")).unwrap();
    let status = served
        .operator
        .until_problem("shop", "it is not signed")
        .await;
    assert_eq!(plugin(&status, "shop")["version"], "3.0.0", "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_comes_back_by_a_rollback_only() {
    let served = Served::start(&shop("echo", "1.0.0"), "").await;
    served.put(&shop("dialogue", "2.0.0"));
    served.operator.until_serving("shop", "2.0.0").await;
    served.put(&shop("echo", "1.0.0"));
    let words = "is older than 2.0.0, which was served before";
    let status = served.operator.until_problem("shop", words).await;
    assert_eq!(plugin(&status, "shop")["version"], "2.0.0", "{status}");

    served.put(&shop("dialogue", "2.0.0"));
    served.operator.until_serving("shop", "2.0.0").await;
    let rolled_back = Command::new(e2e::binary())
        .args(["plugin", "rollback", "shop", "--config"])
        .arg(served.deployment.config())
        .output()
        .unwrap();
    assert!(rolled_back.status.success(), "{rolled_back:?}");
    served.operator.until_serving("shop", "1.0.0").await;
    assert_eq!(served.client.tools().await, ECHO);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_was_refused_makes_no_older_one_too_old() {
    let first = shop("echo", "1.0.0");
    let served = Served::start_with(&first, &format!("{SETTLE}{SHOP}{OTHER}")).await;
    versions::put_version(
        &served.path("other.wasm"),
        &named("other", "dialogue", "1.0.0", ""),
    );
    served.operator.until_serving("other", "1.0.0").await;
    // Good in itself, but its tools are another plugin's.
    served.put(&shop("dialogue", "9.0.0"));
    served
        .operator
        .until_problem("shop", "offers already")
        .await;
    served.put(&shop("echo", "1.1.0"));
    served.operator.until_serving("shop", "1.1.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_lock_file_names_is_taken() {
    let served = Served::start(&shop("echo", "1.0.0"), "").await;
    let next = shop("dialogue", "2.0.0");
    let locked = format!(
        "[plugins.shop]\nversion = \"1.0.0\"\nsha256 = \"{}\"\n",
        "00".repeat(32)
    );
    // The lock file alone is a reason to look.
    versions::put(&served.path("toolward.lock"), locked.as_bytes());
    let words = "is not the component that toolward.lock names";
    served.operator.until_problem("shop", words).await;
    served.put(&next);
    let (code, told) = served.operator.reload().await;
    assert_eq!((code, &told["ok"]), (422, &json!(false)), "{told}");
    assert_eq!(served.client.tools().await, ECHO);
    versions::put(&served.path("toolward.lock"), b"[plugins.shop");
    let words = "nobody can tell whether it is an older version";
    served.operator.until_problem("shop", words).await;
    assert_eq!(served.client.tools().await, ECHO);
    fs::remove_file(served.path("toolward.lock")).unwrap();
    served.operator.until_serving("shop", "2.0.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_goes_at_once_and_a_publisher_who_is_gone_stops_the_configuration() {
    let tables = format!("{SETTLE}{SHOP}{OTHER}");
    let served = Served::start_with(&shop("echo", "1.0.0"), &tables).await;
    let other = named("other", "dialogue", "1.0.0", "");
    versions::put_version(&served.path("other.wasm"), &other);
    served.operator.until_serving("other", "1.0.0").await;
    let sha256 = plugin(&served.operator.status().await, "other")["sha256"].clone();

    let revoked = format!(
        "[trust]\nrevoked = [\"sha256:{}\"]\n",
        sha256.as_str().unwrap()
    );
    served.configure(&format!("{SETTLE}{revoked}{SHOP}{OTHER}"));
    let status = served.operator.until_problem("other", "is revoked").await;
    assert_eq!(plugin(&status, "other")["serving"], false, "{status}");
    assert_eq!(plugin(&status, "shop")["problem"], Value::Null, "{status}");
    assert_eq!(served.client.tools().await, ECHO);
    served
        .operator
        .until("applied", |status| {
            status["configuration"]["problem"].is_null()
        })
        .await;

    // Let in again; then nobody may publish `shop` any more: that may be a slip, and changes nothing.
    served.configure(&tables);
    served.operator.until_serving("other", "1.0.0").await;
    let text = fs::read_to_string(served.deployment.config()).unwrap();
    let elsewhere = text.replace("plugins = [\"*\"]", "plugins = [\"other\"]");
    assert_ne!(elsewhere, text);
    versions::put(&served.deployment.config(), elsewhere.as_bytes());
    let words = "may not publish plugins called `shop`";
    let status = served.operator.until_problem("shop", words).await;
    assert_eq!(plugin(&status, "shop")["serving"], true, "{status}");
    let refused = |status: &Value| {
        let problem = status["configuration"]["problem"].to_string();
        problem.contains("not applied")
    };
    served.operator.until("it is refused", refused).await;

    // The key itself.
    let key = format!("[trust]\nrevoked = [\"{}\"]\n", e2e::development_key());
    served.configure(&format!("{SETTLE}{key}{SHOP}{OTHER}"));
    served.operator.until_problem("shop", "is revoked").await;
    served.operator.until_problem("other", "is revoked").await;
    assert!(served.client.tools().await.is_empty());
}

/// Whoever revokes has a reason that does not wait for somebody else's mistake in the same file.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_goes_although_the_rest_of_the_edit_is_refused() {
    const RELOAD: &str = "[reload]\nwatch = false\n";
    const MISSING: &str = "[plugins.third]\ncomponent = \"missing.wasm\"\n";
    let tables = format!("{RELOAD}{SHOP}{OTHER}");
    let served = Served::start_with(&shop("echo", "1.0.0"), &tables).await;
    let other = named("other", "dialogue", "1.0.0", "");
    versions::put_version(&served.path("other.wasm"), &other);
    assert_eq!(served.operator.reload().await.0, 200);
    let sha256 = plugin(&served.operator.status().await, "other")["sha256"].clone();
    let revoked = format!(
        "[trust]\nrevoked = [\"sha256:{}\"]\n",
        sha256.as_str().unwrap()
    );

    served.configure(&format!("{RELOAD}{revoked}{SHOP}{OTHER}{MISSING}"));
    let (code, told) = served.operator.reload().await;
    assert_eq!(
        (code, &told["configuration"]["outcome"]),
        (422, &json!("refused")),
        "{told}"
    );
    assert_eq!(told["plugins"]["other"]["outcome"], "removed", "{told}");
    assert_eq!(told["plugins"]["third"]["outcome"], "refused", "{told}");
    assert_eq!(served.client.tools().await, ECHO);
    // And it stays out, however often the same file is read.
    for _ in 0..2 {
        let (code, told) = served.operator.reload().await;
        assert_eq!(code, 422, "{told}");
        let status = served.operator.until_problem("other", "is revoked").await;
        assert_eq!(plugin(&status, "other")["serving"], false, "{status}");
        assert_eq!(served.client.tools().await, ECHO);
    }
    // Another version of it is nobody's business.
    versions::put_version(
        &served.path("other.wasm"),
        &named("other", "dialogue", "1.1.0", ""),
    );
    served.operator.reload().await;
    served.operator.until_serving("other", "1.1.0").await;

    // The key of both.
    let key = format!("[trust]\nrevoked = [\"{}\"]\n", e2e::development_key());
    served.configure(&format!("{RELOAD}{key}{SHOP}{OTHER}{MISSING}"));
    assert_eq!(served.operator.reload().await.0, 422);
    assert!(served.client.tools().await.is_empty());
    // Taken back.
    served.configure(&tables);
    assert_eq!(served.operator.reload().await.0, 200);
    served.operator.until_serving("other", "1.1.0").await;
    served.operator.until_serving("shop", "1.0.0").await;
}
