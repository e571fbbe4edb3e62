//! The signature table: every way in which a plugin may not be what it should be, each refused in its own words.

use std::fs;

use e2e::Deployment;

use super::support::{Workshop, manifest, place, publisher, refused, run, served, shop, signature};

/// A workshop with the key `ours`, and a deployment that trusts it for `shop`, which is there and good.
fn good(more: &str) -> (Workshop, Deployment, String) {
    let workshop = Workshop::new();
    let key = workshop.key("ours");
    let plugin = workshop.signed("good.wasm", "shop", "1.0.0", "ours");
    let deployment = shop(&(publisher(&key, "shop") + more));
    place(&deployment, &plugin);
    (workshop, deployment, key)
}

/// The same with the `[publishers.ours]` that `table` makes of the key.
fn with_publisher(table: impl FnOnce(&str) -> String) -> Deployment {
    let workshop = Workshop::new();
    let key = workshop.key("ours");
    let plugin = workshop.signed("good.wasm", "shop", "1.0.0", "ours");
    let deployment = shop(&table(&key));
    place(&deployment, &plugin);
    deployment
}

fn deployed_signature(deployment: &Deployment) -> std::path::PathBuf {
    signature(&deployment.folder().join("shop.wasm"))
}

#[test]
fn a_good_signature_is_taken() {
    served(&good("").1);
}

#[test]
fn unsigned() {
    let (_workshop, deployment, _) = good("");
    fs::remove_file(deployed_signature(&deployment)).unwrap();
    refused(
        &deployment,
        "it is not signed: there is no `.minisig` file beside it",
    );
    // For development, and visible.
    let tools = run(&deployment, &["tools", "--allow-unsigned"]);
    assert_eq!(tools.code, 0, "{tools:?}");
    assert!(tools.stderr.contains("UNSIGNED"), "{tools:?}");
    let list = run(&deployment, &["plugin", "list", "--allow-unsigned"]);
    assert!(
        list.code == 0 && list.stdout.contains("UNSIGNED"),
        "{list:?}"
    );
    let list = run(
        &deployment,
        &["plugin", "list", "--json", "--allow-unsigned"],
    );
    assert_eq!(list.json()["plugins"][0]["unsigned"], true);
}

#[test]
fn not_a_signature() {
    let (_workshop, deployment, _) = good("");
    for damaged in ["", "untrusted comment: x\nAAAA\n", "\u{0}\u{0}"] {
        fs::write(deployed_signature(&deployment), damaged).unwrap();
        refused(&deployment, "is not a minisign signature");
    }
    let text = "untrusted comment: x\n".repeat(2000);
    fs::write(deployed_signature(&deployment), text).unwrap();
    refused(&deployment, "it has more than 16384 bytes");
}

#[test]
fn wrong_key() {
    let (workshop, deployment, _) = good("");
    let stranger = workshop.key("stranger");
    workshop.sign("good.wasm", "stranger");
    place(&deployment, &workshop.path("good.wasm"));
    refused(&deployment, "which is no publisher's");
    assert!(!stranger.is_empty());
}

/// A key's id is not secret, and anybody can make a key that has it.
#[test]
fn wrong_key_under_the_id_of_the_right_one() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let (workshop, deployment, key) = good("");
    workshop.key("stranger");
    workshop.sign("good.wasm", "stranger");
    let text = fs::read_to_string(workshop.path("good.wasm.minisig")).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut forged = STANDARD.decode(&lines[1]).unwrap();
    forged[2..10].copy_from_slice(&STANDARD.decode(&key).unwrap()[2..10]);
    lines[1] = STANDARD.encode(forged);
    fs::write(workshop.path("good.wasm.minisig"), lines.join("\n")).unwrap();
    place(&deployment, &workshop.path("good.wasm"));
    refused(&deployment, "altered after it was signed");
}

#[test]
fn revoked_key() {
    let deployment =
        with_publisher(|key| format!("[trust]\nrevoked = [\"{key}\"]\n{}", publisher(key, "shop")));
    refused(&deployment, "which is revoked (trust.revoked)");
    // Neither does it count where nobody is trusted in particular.
    let deployment = with_publisher(|key| format!("[trust]\nrevoked = [\"{key}\"]\n"));
    refused(&deployment, "which is revoked (trust.revoked)");
    let tools = run(&deployment, &["tools", "--allow-unsigned"]);
    assert_eq!(tools.code, 4, "{tools:?}");
}

#[test]
fn revoked_component() {
    let (workshop, deployment, key) = good("");
    let checked = run(&deployment, &["plugin", "verify", "shop.wasm", "--json"]).succeeded();
    let digest = checked.json()["sha256"].as_str().unwrap().to_owned();
    let deployment = shop(&format!(
        "[trust]\nrevoked = [\"sha256:{digest}\"]\n{}",
        publisher(&key, "shop")
    ));
    place(&deployment, &workshop.path("good.wasm"));
    refused(&deployment, "the component sha256:");
}

#[test]
fn expired_key() {
    let deployment = with_publisher(|key| {
        format!(
            "[publishers.ours]\nkeys = [{{ key = \"{key}\", until = \"2020-01-01\" }}]\nplugins = [\"shop\"]\n"
        )
    });
    refused(&deployment, "which has expired on 2020-01-01");
}

#[test]
fn key_that_does_not_count_yet() {
    let deployment = with_publisher(|key| {
        format!(
            "[publishers.ours]\nkeys = [{{ key = \"{key}\", from = \"2200-01-01\" }}]\nplugins = [\"shop\"]\n"
        )
    });
    refused(&deployment, "which does not count yet");
}

/// Both keys count while one replaces the other.
#[test]
fn rotated_key() {
    let workshop = Workshop::new();
    let (old, new) = (workshop.key("old"), workshop.key("new"));
    let deployment = shop(&format!(
        "[publishers.ours]\nkeys = [{{ key = \"{old}\", until = \"2200-01-01\" }}, {{ key = \"{new}\", from = \"2020-01-01\" }}]\nplugins = [\"shop\"]\n"
    ));
    for key in ["old", "new"] {
        place(
            &deployment,
            &workshop.signed("a.wasm", "shop", "1.0.0", key),
        );
        served(&deployment);
    }
}

#[test]
fn right_key_for_another_plugins_name() {
    let deployment = with_publisher(|key| publisher(key, "other"));
    refused(
        &deployment,
        "signed by publisher `ours`, who may not publish plugins called `shop`",
    );
}

#[test]
fn altered_component() {
    let (workshop, deployment, _) = good("");
    let mut bytes = fs::read(workshop.path("good.wasm")).unwrap();
    // A custom section that nobody reads: as little as can be altered.
    bytes.extend_from_slice(&[0, 2, 1, b'x']);
    fs::write(workshop.path("good.wasm"), bytes).unwrap();
    place(&deployment, &workshop.path("good.wasm"));
    refused(&deployment, "its component was altered after it was signed");
}

#[test]
fn altered_manifest() {
    let (workshop, deployment, _) = good("");
    let more = "publisher = \"Somebody whom you trust\"\n";
    let altered = workshop.pack("altered.wasm", &(manifest("shop", "1.0.0") + more));
    fs::copy(
        workshop.path("good.wasm.minisig"),
        workshop.path("altered.wasm.minisig"),
    )
    .unwrap();
    place(&deployment, &altered);
    refused(&deployment, "its manifest was altered after it was signed");
}

#[test]
fn swapped_signature() {
    let (workshop, deployment, _) = good("");
    for (name, version, words) in [
        (
            "other",
            "1.0.0",
            "is for `other` 1.0.0, and it is `shop` 1.0.0",
        ),
        (
            "shop",
            "0.9.0",
            "is for `shop` 0.9.0, and it is `shop` 1.0.0",
        ),
    ] {
        workshop.signed("another.wasm", name, version, "ours");
        fs::copy(
            workshop.path("another.wasm.minisig"),
            deployed_signature(&deployment),
        )
        .unwrap();
        refused(&deployment, words);
    }
}

/// Only the comment is changed, which is signed as well.
#[test]
fn altered_comment() {
    let (_workshop, deployment, _) = good("");
    let path = deployed_signature(&deployment);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("timestamp:", "timestamp:9")).unwrap();
    refused(&deployment, "altered after it was signed");
}

#[test]
fn downgrade() {
    let (workshop, deployment, _) = good("");
    let old = workshop.path("good.wasm");
    let new = workshop.signed("new.wasm", "shop", "1.1.0", "ours");
    place(&deployment, &new);
    served(&deployment);
    place(&deployment, &old);
    refused(
        &deployment,
        "its version 1.0.0 is older than 1.1.0, which was served before",
    );
    // Whoever may write the plugins' folder cannot make the host forget by damaging what it remembers.
    fs::write(
        deployment.folder().join("state/plugins/versions.json"),
        "{}x",
    )
    .unwrap();
    let tools = run(&deployment, &["tools"]);
    assert_eq!(tools.code, 4, "{tools:?}");
    assert!(tools.stderr.contains("is damaged"), "{tools:?}");
}

#[test]
fn replaced_after_it_was_installed() {
    let (workshop, deployment, _) = good("");
    let installed = workshop.path("good.wasm");
    let file = installed.to_str().unwrap();
    run(&deployment, &["plugin", "install", file]).succeeded();
    served(&deployment);
    // Signed as well, and newer: but nobody installed it.
    place(
        &deployment,
        &workshop.signed("new.wasm", "shop", "1.0.1", "ours"),
    );
    refused(
        &deployment,
        "it is not the component that toolward.lock names (version 1.0.0)",
    );
}

#[test]
fn a_damaged_lock_file_lets_nothing_in() {
    let (_workshop, deployment, _) = good("");
    deployment.write("toolward.lock", "[plugins.shop]\nversion = 1\n");
    for arguments in [["tools", "--json"], ["plugin", "list"]] {
        let ran = run(&deployment, &arguments);
        assert_ne!(ran.code, 0, "{ran:?}");
        let told = ran.stdout + &ran.stderr;
        assert!(told.contains("toolward.lock` is damaged"), "{told}");
    }
}

#[test]
fn granted_more_than_the_publisher_may_have() {
    let deployment = with_publisher(|key| publisher(key, "shop") + "max-grant = [\"http\"]\n");
    served(&deployment);
    let text = fs::read_to_string(deployment.config()).unwrap();
    deployment.write("toolward.toml", &(text.clone() + "grant = [\"form\"]\n"));
    refused(
        &deployment,
        "more than plugins of publisher `ours` may ever be granted",
    );

    let bindings = "[bindings.a]\nkind = \"a\"\nurl = \"http://127.0.0.1:1\"\nallow = [\"GET /**\"]\n\
                    [bindings.b]\nkind = \"b\"\nurl = \"http://127.0.0.1:1\"\nallow = [\"GET /**\"]\n";
    let text = text.replace("max-grant = [\"http\"]", "max-bindings = [\"a\"]");
    let text = format!("{text}grant = [\"http\"]\nbackends = {{ x = \"b\" }}\n{bindings}");
    deployment.write("toolward.toml", &text);
    refused(
        &deployment,
        "it is bound to `b`, which plugins of publisher `ours` may never have",
    );
}

#[test]
fn two_manifests() {
    let (workshop, deployment, _) = good("");
    let mut bytes = fs::read(workshop.path("good.wasm")).unwrap();
    let twice = workshop.pack("again.wasm", &manifest("shop", "9.0.0"));
    let length = super::support::raw("echo").len();
    bytes.extend_from_slice(&fs::read(twice).unwrap()[length..]);
    fs::write(deployment.folder().join("shop.wasm"), bytes).unwrap();
    let words = "it has 2 manifests; a plugin has exactly one";
    refused(&deployment, words);
    // Nor does anything else of the binary take either of the two for the truth.
    let file = deployment.folder().join("shop.wasm").display().to_string();
    for arguments in [
        vec!["plugin", "inspect", &file],
        vec!["plugin", "verify", &file],
        vec!["plugin", "install", &file],
    ] {
        let ran = run(&deployment, &arguments);
        assert_ne!(ran.code, 0, "{arguments:?}: {ran:?}");
        assert!((ran.stdout + &ran.stderr).contains(words), "{arguments:?}");
    }
    fs::write(workshop.path("plugin.toml"), manifest("shop", "9.0.0")).unwrap();
    for twice in [file.as_str(), "good.wasm"] {
        let packed = workshop.run(&["plugin", "pack", twice, "--output", "packed.wasm"]);
        assert_ne!(packed.code, 0, "{twice}: {packed:?}");
        assert!(packed.stderr.contains("manifest"), "{twice}: {packed:?}");
        assert!(!workshop.path("packed.wasm").exists());
    }
}

/// A pipe would keep a loader waiting, and give each reader something else.
#[test]
fn not_a_file() {
    let (_workshop, deployment, _) = good("");
    let path = deployment.folder().join("shop.wasm");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused(&deployment, "cannot read the component");
}
