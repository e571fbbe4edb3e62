//! A plugin's life by command.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use e2e::{Deployment, Host};
use rustls_pki_types::PrivatePkcs8KeyDer;

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
    let asks = "[[backends]]\nname = \"vbr\"\npurpose = \"p\"\nrequests = [\"GET /**\"]\n[asks.form]\nreason = \"r\"\n[limits]\nmemory = \"32 MiB\"\nconcurrency = 8\n";
    let plugin = workshop.pack("other.wasm", &(manifest("other", "1.0.0") + asks));
    workshop.sign("other.wasm", "ours");
    let file = plugin.display().to_string();
    let installed = run(&deployment, &["plugin", "install", &file]).succeeded();
    let table = "[plugins.other]\ncomponent = \"plugins/other.wasm\"\ngrant = [\"http\",\"form\"]\nbackends = { vbr = \"BINDING\" }\n\n[plugins.other.limits]\nmemory = \"32 MiB\"\nconcurrency = 8";
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

type Files = Vec<(&'static str, Vec<u8>)>;

/// Serves these files, each under its name, one request at a time.
fn serve(files: Files) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = answer(&mut BufReader::new(stream.unwrap()), &files);
        }
    });
    format!("http://{address}")
}

/// The same over TLS, for the name `localhost`; with the certificate.
fn serve_tls(files: Files) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let stream = rustls::StreamOwned::new(connection, stream.unwrap());
            let mut stream = BufReader::new(stream);
            // Some of its clients do not trust it.
            if answer(&mut stream, &files).is_ok() {
                let stream = stream.get_mut();
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    (format!("https://localhost:{port}"), made.cert.pem())
}

fn answer(stream: &mut BufReader<impl Read + Write>, files: &Files) -> std::io::Result<()> {
    let mut lines = stream.by_ref().lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    while lines
        .next()
        .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
    {}
    let path = first.split(' ').nth(1).unwrap_or_default();
    let found = files.iter().find(|(name, _)| path == *name);
    let (head, body) = match found {
        Some((name, _)) if *name == "/moved.wasm" => (
            "302 Found\r\nlocation: http://127.0.0.1:1/elsewhere.wasm",
            &Vec::new(),
        ),
        Some((_, body)) => ("200 OK", body),
        None => ("404 Not Found", &Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // The client may have seen enough.
    stream.get_mut().write_all(head.as_bytes())?;
    stream.get_mut().write_all(body)
}

#[test]
fn a_plugin_is_installed_over_tls_from_whom_the_operator_trusts() {
    let life = Life::new();
    let one = PathBuf::from(life.version("1.0.0"));
    let component = std::fs::read(&one).unwrap();
    let signature = std::fs::read(super::support::signature(&one)).unwrap();
    let (server, certificate) = serve_tls(vec![
        ("/shop.wasm", component),
        ("/shop.wasm.minisig", signature),
    ]);
    life.deployment.write("vendor.pem", &certificate);
    life.deployment.write("empty.pem", "nothing");
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    life.deployment.write("other.pem", &other.cert.pem());
    let url = format!("{server}/shop.wasm");
    let install = |url: &str, more: &[&str]| {
        let arguments = [&["plugin", "install", url], more].concat();
        run(&life.deployment, &arguments)
    };
    // The operating system's authorities, or others, do not know it; nor is it good for another name.
    let by_address = url.replace("localhost", "127.0.0.1");
    for (url, more) in [
        (&url, &[][..]),
        (&url, &["--ca-file", "other.pem"]),
        (&by_address, &["--ca-file", "vendor.pem"]),
        (&url, &["--plain-http"]),
    ] {
        let refused = install(url, more);
        assert!(
            refused.code == 1 && refused.stderr.contains("certificate"),
            "{more:?}: {refused:?}"
        );
    }
    for file in ["missing.pem", "empty.pem"] {
        let refused = install(&url, &["--ca-file", file]);
        assert!(refused.code != 0, "{file}: {refused:?}");
    }
    assert!(!life.deployment.folder().join("shop.wasm").exists());
    let installed = install(&url, &["--ca-file", "vendor.pem"]).succeeded();
    assert!(
        installed.stdout.contains("shop 1.0.0 is installed"),
        "{installed:?}"
    );
    served(&life.deployment);
}

/// Whoever looks at the host sees that it serves what nobody signed, and not what.
#[tokio::test(flavor = "multi_thread")]
async fn unsigned_plugins_are_seen() {
    let life = Life::new();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let health = async |host: &Host| {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = host.url().replace("/mcp", "/health");
        client.get(url).send().await.unwrap().text().await.unwrap()
    };
    life.install(&life.version("1.0.0")).succeeded();
    let host = Host::start(&life.deployment).await;
    assert_eq!(health(&host).await, "ok\n");
    host.stop().await;

    let bare = life.workshop.pack("bare.wasm", &manifest("bare", "1.0.0"));
    let config = std::fs::read_to_string(life.deployment.config()).unwrap();
    let table = format!("[plugins.bare]\ncomponent = {bare:?}\n[trust]\nallow-unsigned = true\n");
    life.deployment.write("toolward.toml", &(config + &table));
    let host = Host::start(&life.deployment).await;
    // Both offer the same tools, which is a problem of one of them.
    let expected = "ok\nproblems: 1\nunsigned plugins: 1\n";
    assert_eq!(health(&host).await, expected);
    let tools = run(&life.deployment, &["tools", "--json"]);
    assert_eq!(
        tools.json()["unsigned"],
        serde_json::json!(["bare"]),
        "{tools:?}"
    );
    let tools = run(&life.deployment, &["tools"]);
    assert!(
        tools.stderr.contains("plugin `bare` is UNSIGNED"),
        "{tools:?}"
    );
    let list = run(&life.deployment, &["plugin", "list"]);
    assert!(list.stdout.contains("UNSIGNED"), "{list:?}");
    host.stop().await;
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

const AUDIT: &str = "\n[audit]\nfolder = \"log\"\nkey = \"file:audit.key\"\nanchor = \"anchors\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_installed_is_recorded_in_the_log_of_the_host_that_serves() {
    let workshop = Workshop::new();
    let key = workshop.key("ours");
    workshop.key("stranger");
    let deployment = shop(&(publisher(&key, "shop") + AUDIT));
    deployment.write("audit.key", &"5f2b8c1d".repeat(8));
    let one = workshop.signed("one.wasm", "shop", "1.0.0", "ours");
    let two = workshop.signed("two.wasm", "shop", "1.1.0", "ours");
    let strange = workshop.signed("strange.wasm", "shop", "1.2.0", "stranger");
    let install = |plugin: &PathBuf| {
        let plugin = plugin.display().to_string();
        run(&deployment, &["plugin", "install", &plugin])
    };
    install(&one).succeeded();
    let host = Host::start(&deployment).await;
    install(&two).succeeded();
    assert_eq!(install(&strange).code, 4);
    run(&deployment, &["plugin", "rollback", "shop"]).succeeded();
    run(&deployment, &["plugin", "remove", "shop"]).succeeded();
    assert_ne!(run(&deployment, &["plugin", "remove", "shop"]).code, 0);
    host.stop().await;
    run(&deployment, &["audit", "verify"]).succeeded();

    let log = std::fs::read_to_string(deployment.folder().join("log/audit.jsonl")).unwrap();
    let lines = log.lines().map(serde_json::from_str::<serde_json::Value>);
    let installs: Vec<_> = lines
        .map(Result::unwrap)
        .filter(|line| line["event"] == "install")
        .collect();
    let text = |line: &serde_json::Value, key: &str| line[key].as_str().unwrap_or("-").to_owned();
    let told: Vec<_> = installs
        .iter()
        .map(|line| ["act", "plugin", "version", "before", "outcome"].map(|key| text(line, key)))
        .collect();
    let expected = [
        ["install", "shop", "1.0.0", "-", "ok"],
        ["install", "shop", "1.1.0", "1.0.0", "ok"],
        ["install", "shop", "1.2.0", "-", "refused"],
        ["rollback", "shop", "1.0.0", "-", "ok"],
        ["remove", "shop", "1.0.0", "-", "ok"],
        ["remove", "shop", "-", "-", "failed"],
    ];
    assert_eq!(told, expected, "{log}");
    assert!(
        text(&installs[2], "reason").contains("strange.wasm"),
        "{log}"
    );
    assert!(installs.iter().all(|line| line["uid"].is_number()), "{log}");

    // What cannot be recorded is not done.
    deployment.write("audit.key", "short");
    assert_ne!(install(&one).code, 0);
    assert!(!deployment.folder().join("shop.wasm").exists());
}
