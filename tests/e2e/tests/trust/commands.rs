//! A plugin's life by command.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread;

use e2e::Deployment;

use super::support::{Workshop, manifest, publisher, refused, run, served, shop};

struct Life {
    workshop: Workshop,
    deployment: Deployment,
}

impl Life {
    fn new() -> Self {
        let workshop = Workshop::new();
        let key = workshop.key("ours");
        let deployment = shop(&publisher(&key, "shop"));
        Self {
            workshop,
            deployment,
        }
    }

    fn version(&self, version: &str) -> String {
        let file = format!("shop-{version}.wasm");
        let plugin = self.workshop.signed(&file, "shop", version, "ours");
        plugin.display().to_string()
    }

    /// The version that `plugin list` shows.
    fn listed(&self) -> serde_json::Value {
        let list = run(&self.deployment, &["plugin", "list", "--json"]);
        list.json()["plugins"][0].clone()
    }

    fn install(&self, from: &str) -> super::support::Ran {
        run(&self.deployment, &["plugin", "install", from, "--json"])
    }
}

#[test]
fn a_life_from_install_to_rollback() {
    let life = Life::new();
    let (one, two, three) = (
        life.version("1.0.0"),
        life.version("1.1.0"),
        life.version("2.0.0"),
    );
    let installed = life.install(&one).succeeded().json();
    assert_eq!(installed["version"], "1.0.0");
    assert_eq!(installed["signer"]["publisher"], "ours");
    served(&life.deployment);
    for file in [&two, &three] {
        life.install(file).succeeded();
        served(&life.deployment);
    }
    let listed = life.listed();
    assert_eq!(listed["version"], "2.0.0");
    assert_eq!(listed["locked"], true);
    assert_eq!(listed["taken"], true);

    // Older ones come back by rollback only.
    let refused = life.install(&one);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(
        refused.stderr.contains("is older than 2.0.0"),
        "{refused:?}"
    );
    let told = refused.stderr.lines().last().unwrap();
    let told: serde_json::Value = serde_json::from_str(told).unwrap();
    let hints = told["error"]["hints"].as_array().unwrap();
    assert_eq!(hints.len(), 1, "{told}");
    assert!(hints[0].as_str().unwrap().contains("rollback"), "{told}");
    let back = ["plugin", "rollback", "shop", "--json"];
    let rolled = run(&life.deployment, &back).succeeded().json();
    assert_eq!(rolled["version"], "1.1.0");
    served(&life.deployment);
    assert_eq!(life.listed()["version"], "1.1.0");
    let to = ["plugin", "rollback", "shop", "--to", "1.0.0"];
    run(&life.deployment, &to).succeeded();
    served(&life.deployment);
    let unknown = run(
        &life.deployment,
        &["plugin", "rollback", "shop", "--to", "9.0.0"],
    );
    assert!(
        unknown.code == 1 && unknown.stderr.contains("that version was not kept"),
        "{unknown:?}"
    );
    // Forward again.
    life.install(&three).succeeded();
    served(&life.deployment);

    let removed = run(&life.deployment, &["plugin", "remove", "shop", "--json"]);
    assert_eq!(removed.succeeded().json()["configured"], true);
    super::support::refused(&life.deployment, "cannot read the component");
    let again = run(&life.deployment, &["plugin", "remove", "shop"]);
    assert!(
        again.code == 1 && again.stderr.contains("it is not installed"),
        "{again:?}"
    );
    // Removing is not forgetting: an older version does not come in by that way.
    let refused = life.install(&one);
    assert_eq!(refused.code, 4, "{refused:?}");
    run(
        &life.deployment,
        &["plugin", "rollback", "shop", "--to", "2.0.0"],
    )
    .succeeded();
    served(&life.deployment);
}

#[test]
fn what_is_not_taken_changes_nothing() {
    let life = Life::new();
    life.install(&life.version("1.0.0")).succeeded();
    served(&life.deployment);
    let lock = std::fs::read_to_string(life.deployment.folder().join("toolward.lock")).unwrap();
    life.workshop.key("stranger");
    life.workshop
        .signed("evil.wasm", "shop", "2.0.0", "stranger");
    let evil = life.workshop.path("evil.wasm").display().to_string();
    let refused = life.install(&evil);
    assert!(
        refused.code == 4 && refused.stderr.contains("is no publisher's"),
        "{refused:?}"
    );
    let text = life.workshop.path("text.wasm");
    std::fs::write(&text, "not a component").unwrap();
    let refused = life.install(text.to_str().unwrap());
    assert!(
        refused.code == 4 && refused.stderr.contains("not a WebAssembly component"),
        "{refused:?}"
    );
    let now = std::fs::read_to_string(life.deployment.folder().join("toolward.lock")).unwrap();
    assert_eq!(now, lock);
    served(&life.deployment);
}

/// A kept version that somebody tampered with does not come back.
#[test]
fn what_was_kept_is_checked_again() {
    let life = Life::new();
    for version in ["1.0.0", "1.1.0"] {
        life.install(&life.version(version)).succeeded();
        served(&life.deployment);
    }
    let kept = life.deployment.folder().join("state/plugins/history/shop");
    let entries = std::fs::read_dir(kept)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let components: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|ending| ending == "wasm"))
        .collect();
    assert_eq!(components.len(), 2);
    for component in components {
        let mut bytes = std::fs::read(&component).unwrap();
        bytes.extend_from_slice(&[0, 2, 1, b'x']);
        std::fs::write(&component, bytes).unwrap();
    }
    let back = run(
        &life.deployment,
        &["plugin", "rollback", "shop", "--to", "1.0.0"],
    );
    assert!(
        back.code == 4 && back.stderr.contains("altered after it was signed"),
        "{back:?}"
    );
    served(&life.deployment);
}

#[test]
fn an_unconfigured_plugin_is_installed_with_the_table_to_paste() {
    let workshop = Workshop::new();
    let key = workshop.key("ours");
    let deployment = Deployment::new(&publisher(&key, "other"));
    let asks = "[[backends]]\nname = \"vbr\"\npurpose = \"p\"\nrequests = [\"GET /**\"]\n[asks.form]\nreason = \"r\"\n";
    let plugin = workshop.pack("other.wasm", &(manifest("other", "1.0.0") + asks));
    workshop.sign("other.wasm", "ours");
    let file = plugin.display().to_string();
    let installed = run(&deployment, &["plugin", "install", &file]).succeeded();
    let table = "[plugins.other]\ncomponent = \"plugins/other.wasm\"\ngrant = [\"http\",\"form\"]\nbackends = { vbr = \"BINDING\" }";
    assert!(installed.stdout.contains(table), "{installed:?}");
    assert!(
        deployment
            .folder()
            .join("plugins/other.wasm.minisig")
            .exists()
    );
    refused_none(&deployment);
}

fn refused_none(deployment: &Deployment) {
    let list = run(deployment, &["plugin", "list"]).succeeded();
    assert_eq!(list.stdout.trim(), "no plugins are configured");
}

/// Serves these files, each under its name, to as many requests as there are files.
fn serve(files: Vec<(&'static str, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let path = first.split(' ').nth(1).unwrap().to_owned();
            let found = files.iter().find(|(name, _)| path == *name);
            let (head, body) = match found {
                Some((name, _)) if *name == "/moved.wasm" => (
                    "302 Found\r\nlocation: http://127.0.0.1:1/elsewhere.wasm".to_owned(),
                    Vec::new(),
                ),
                Some((_, body)) => ("200 OK".to_owned(), body.clone()),
                None => ("404 Not Found".to_owned(), Vec::new()),
            };
            let head = format!(
                "HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            // The client may have seen enough.
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&body);
        }
    });
    format!("http://{address}")
}

#[test]
fn a_plugin_is_installed_from_an_address() {
    let life = Life::new();
    let one = PathBuf::from(life.version("1.0.0"));
    let component = std::fs::read(&one).unwrap();
    let signature = std::fs::read(super::support::signature(&one)).unwrap();
    let server = serve(vec![
        ("/shop.wasm", component.clone()),
        ("/shop.wasm.minisig", signature),
        ("/bare.wasm", component),
        ("/moved.wasm", Vec::new()),
    ]);
    let plain = |path: &str| {
        let url = format!("{server}{path}");
        run(
            &life.deployment,
            &["plugin", "install", &url, "--plain-http"],
        )
    };
    let refused = life.install(&format!("{server}/shop.wasm"));
    assert!(
        refused.code == 2 && refused.stderr.contains("not https"),
        "{refused:?}"
    );
    let refused = life.install("ftp://example.com/shop.wasm");
    assert!(
        refused.code == 2 && refused.stderr.contains("https addresses"),
        "{refused:?}"
    );
    for (path, code, words) in [
        ("/missing.wasm", 1, "the answer is 404"),
        (
            "/moved.wasm",
            1,
            "hint: name that address instead: http://127.0.0.1:1/elsewhere.wasm",
        ),
        ("/bare.wasm", 4, "it is not signed"),
    ] {
        let refused = plain(path);
        assert!(
            refused.code == code && refused.stderr.contains(words),
            "{path}: {refused:?}"
        );
    }
    let installed = plain("/shop.wasm").succeeded();
    assert!(
        installed.stderr.contains("getting http://127.0.0.1:"),
        "{installed:?}"
    );
    served(&life.deployment);
}

#[test]
fn a_refused_plugin_is_listed_with_its_reason() {
    let life = Life::new();
    refused(&life.deployment, "cannot read the component");
    let listed = life.listed();
    assert_eq!(listed["taken"], false);
    assert!(listed["problem"]["hints"][0].is_string(), "{listed}");
}
