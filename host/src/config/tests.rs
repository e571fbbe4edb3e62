//! Whole configurations: what is said of wrong ones, what comes out of right ones.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::*;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/cases")
}

/// An environment with a home and two secrets.
fn env(name: &str) -> Option<OsString> {
    match name {
        "HOME" => Some("/home/op".into()),
        "VBR_USERNAME" => Some("toolward".into()),
        "VBR_PASSWORD" => Some("hunter2".into()),
        "EMPTY" => Some("".into()),
        _ => None,
    }
}

fn said(path: &Path) -> String {
    let text = match super::check(path, &env, &Overrides::default()) {
        Ok(checked) => format!("{}\n{}", checked.warnings, checked.summary),
        Err(diagnostics) => diagnostics.to_string(),
    };
    let folder = cases().to_str().unwrap().to_owned();
    text.replace(&format!("{folder}/"), "") + "\n"
}

/// Each `cases/NAME.toml`, and what is said of it: `cases/NAME.txt`.
#[test]
fn every_mistake_is_explained() {
    let mut seen = 0;
    for entry in std::fs::read_dir(cases()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let text = said(&path);
            assert!(
                !text.contains("hunter2"),
                "{} shows a secret:\n{text}",
                path.display()
            );
            golden::check(&path.with_extension("txt"), &text);
            seen += 1;
        }
    }
    assert!(seen > 8, "the cases are gone");
}

fn full() -> Config {
    load(&cases().join("full.toml"), &env, &Overrides::default()).unwrap()
}

fn binding(name: &str) -> Arc<Binding> {
    full().bindings[&name.parse().unwrap()].clone()
}

#[test]
fn a_file_resolves_to_what_it_says() {
    let config = full();
    assert_eq!(config.warnings, Vec::<String>::new());

    let server = &config.server;
    assert_eq!(server.listen, "[::1]:9000".parse().unwrap());
    assert_eq!(server.allowed_origins, ["https://agents.example"]);
    assert_eq!(server.allowed_hosts, ["toolward.example:8825"]);
    assert_eq!(server.max_request_bytes, 1 << 20);

    let runtime = &config.runtime;
    assert_eq!(runtime.cache_dir, cases().join("cache"));
    assert_eq!((runtime.max_instances, runtime.max_waiting), (8, 1024));
    assert!(runtime.guest_threads >= 1);

    let jobs = &config.jobs;
    assert_eq!((jobs.max_running, jobs.max_queued), (4, 1000));
    assert_eq!(jobs.keep_results, Duration::from_hours(24));

    let names: Vec<_> = config.plugins.keys().map(PluginName::as_str).collect();
    assert_eq!(names, ["backup-jobs", "nodes", "pure"]);
    let plugin = &config.plugins[&"backup-jobs".parse().unwrap()];
    assert_eq!(plugin.component, cases().join("plugins/backup-jobs.wasm"));
    assert_eq!(plugin.grants, [Grant::Http]);
    assert_eq!(plugin.backends.len(), 6);
    assert_eq!(
        plugin.backends[&"vbr".parse().unwrap()].name.as_str(),
        "vbr01"
    );
    assert_eq!(
        serde_json::Value::from(plugin.settings.clone()),
        serde_json::json!({ "page-size": 200, "nested": { "on": true } })
    );
    let nodes = &config.plugins[&"nodes".parse().unwrap()];
    assert_eq!(nodes.component, Path::new("/opt/nodes.wasm"));
}

#[test]
fn callers_resolve_to_who_they_are() {
    let auth = full().auth.unwrap();
    let names: Vec<_> = auth
        .tokens
        .iter()
        .map(|token| token.name.as_str())
        .collect();
    assert_eq!(names, ["laptop", "old"]);
    let laptop = &auth.tokens[0];
    assert_eq!(laptop.hash[..4], [0x9f, 0x86, 0xd0, 0x81]);
    assert_eq!(laptop.tenant.as_str(), "team-a");
    assert_eq!(
        laptop.scopes,
        ["tools:call:backup-jobs", "jobs:read", "admin"]
    );
    assert!(laptop.expires.unwrap() > std::time::SystemTime::now());
    assert_eq!(auth.tokens[1].tenant.as_str(), "local");

    let oauth = auth.oauth.unwrap();
    assert_eq!(oauth.audience, "https://tools.example/mcp");
    assert_eq!(oauth.algorithms, [Algorithm::Es256, Algorithm::EdDsa]);
    assert!(matches!(oauth.tls, Tls::CaFile { .. }));
    assert!(
        matches!(oauth.tenant, TenantRule::Mapped { claim, tenants } if claim == "tid" && tenants.len() == 1)
    );
    assert_eq!(
        (oauth.scopes_claim.as_str(), oauth.leeway),
        ("scope", Duration::from_secs(30))
    );
    assert!(load_bytes(b"", &env).unwrap().auth.is_none());
}

/// What `toolward token new` prints is a configuration.
#[test]
fn a_printed_table_can_be_pasted() {
    let hash = format!("sha256:{}", "ab".repeat(32));
    let scopes = ["tools:call".to_owned(), "jobs:read".to_owned()];
    let table = token_table("laptop", &hash, "team-a", &scopes, Some("2999-01-01")).unwrap();
    let auth = load_bytes(table.as_bytes(), &env).unwrap().auth.unwrap();
    assert_eq!(auth.tokens[0].hash, [0xab; 32]);
    assert_eq!(auth.tokens[0].scopes, scopes);
    for (name, tenant, scope, expires) in [
        ("A", "t", "admin", None),
        ("a]\nx", "t", "admin", None),
        ("a", "T", "admin", None),
        ("a", "t", "all", None),
        ("a", "t", "admin", Some("soon")),
    ] {
        let scopes = [scope.to_owned()];
        let table = token_table(name, &hash, tenant, &scopes, expires);
        assert!(table.is_err(), "{table:?}");
    }
}

/// A plugin's own limits, then `[limits]`, then the built-in ones.
#[test]
fn limits_come_from_the_nearest_table() {
    let config = full();
    let seconds = Duration::from_secs;
    let limits = &config.plugins[&"backup-jobs".parse().unwrap()].limits;
    assert_eq!(
        (limits.wall_time, limits.cpu_time),
        (seconds(10), seconds(2))
    );
    assert_eq!((limits.memory, limits.host_memory), (32 << 20, 16 << 20));
    assert_eq!((limits.concurrency, limits.result_bytes), (32, 4 << 20));
    assert_eq!(
        config.plugins[&"nodes".parse().unwrap()].limits.wall_time,
        seconds(60)
    );
}

#[test]
fn an_audit_log_is_where_the_file_says() {
    let audit = full().audit.unwrap();
    assert_eq!(audit.folder, cases().join("log"));
    let anchor = crate::audit::Anchor::File(cases().join("anchors"));
    assert_eq!(audit.anchor, Some(anchor));
    assert_eq!((audit.max_file_bytes, audit.keep_files), (1 << 20, Some(7)));
    assert_eq!(audit.anchor_interval, Duration::from_mins(1));
    assert!(!audit.refuse_on_failure);
    assert_eq!(audit.shown["start_job"], ["id", "name"]);
    assert!(load_bytes(b"", &env).unwrap().audit.is_none());
}

#[test]
fn a_binding_is_a_server_and_what_may_be_asked_of_it() {
    let vbr = binding("vbr01");
    assert_eq!(vbr.url.as_str(), "https://vbr01.example:9419/prefix/");
    assert_eq!(
        (vbr.kind.as_str(), vbr.title.as_deref()),
        ("vbr", Some("Backup server, Berlin"))
    );
    assert!(matches!(&vbr.tls, Tls::CaFile { path, pem }
        if *path == cases().join("good.pem") && pem.starts_with("-----BEGIN CERTIFICATE")));
    assert_eq!(
        serde_json::json!(vbr.facts),
        serde_json::json!({ "revision": "1.2-rev1", "sites": ["a", "b"], "level": 3 })
    );
    let times = (vbr.connect_timeout, vbr.timeout);
    assert_eq!(times, (Duration::from_secs(2), Duration::from_mins(1)));
    assert_eq!(
        (vbr.max_request_bytes, vbr.max_response_bytes),
        (64_000, 3 << 19)
    );
    assert!(!vbr.read_only);
    let rules = ["private", "fd12:3456::/32"].map(|rule| rule.parse().unwrap());
    assert_eq!(vbr.addresses, rules);
    let traffic = Traffic {
        concurrency: 8,
        requests_per_second: Some(50),
        retries: 0,
        circuit_failures: 3,
        circuit_pause: Duration::from_secs(30),
    };
    assert_eq!(vbr.traffic, traffic);

    let pve = binding("pve01");
    assert_eq!(pve.tls, Tls::Fingerprint([0xab; 32]));
    assert!(pve.read_only);

    let plain = binding("plain");
    assert_eq!(plain.tls, Tls::SystemRoots);
    assert!(matches!(plain.credential.kind, CredentialKind::None));
    // The address in the URL allows itself, and no other.
    assert!(judge_address(&plain.addresses, [127, 0, 0, 1].into()).is_ok());
    assert!(judge_address(&plain.addresses, [127, 0, 0, 2].into()).is_err());
    assert_eq!(
        (plain.traffic.retries, plain.traffic.requests_per_second),
        (2, None)
    );
}

/// Whoever could send the login would hold a token of its own.
#[test]
fn the_paths_of_the_login_are_denied() {
    let denied = |name: &str| {
        let binding = binding(name);
        binding
            .deny
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(denied("vbr01"), ["* /api/users/**", "* /api/oauth2/token"]);
    assert_eq!(
        denied("pve01"),
        ["* /api2/json/access/ticket", "* /api2/json/access/renew"]
    );
    assert_eq!(denied("basic"), Vec::<String>::new());
}

fn value(source: &SecretSource) -> String {
    match source {
        SecretSource::Value(secret) => secret.expose().to_owned(),
        SecretSource::File(path) => {
            format!("file {}", path.strip_prefix(cases()).unwrap().display())
        }
        SecretSource::Exec(words) => words.join("|").replace(cases().to_str().unwrap(), "$DIR"),
    }
}

#[test]
fn credentials_resolve_to_their_kinds() {
    let CredentialKind::OAuth2(oauth2) = &binding("vbr01").credential.kind else {
        panic!("not OAuth 2.0")
    };
    assert_eq!(
        (oauth2.token_path.as_str(), oauth2.scope.as_deref()),
        ("/api/oauth2/token", Some("jobs"))
    );
    assert_eq!(oauth2.default_lifetime, Duration::from_mins(5));
    assert_eq!(
        oauth2.headers,
        [(
            "x-api-version".parse().unwrap(),
            "1.2-rev1".parse().unwrap()
        )]
    );
    let OAuth2Grant::Password { username, password } = &oauth2.grant else {
        panic!("not a password")
    };
    assert_eq!(
        (value(username), value(password)),
        ("toolward".to_owned(), "hunter2".to_owned())
    );

    let CredentialKind::OAuth2(oauth2) = &binding("client").credential.kind else {
        panic!("not OAuth 2.0")
    };
    let OAuth2Grant::ClientCredentials {
        client_id,
        client_secret,
        in_header,
    } = &oauth2.grant
    else {
        panic!("not client credentials")
    };
    assert_eq!(
        (value(client_id), *in_header),
        ("toolward".to_owned(), false)
    );
    assert_eq!(
        value(client_secret),
        "$DIR/./secret.sh|of the client|hunter2"
    );
    assert_eq!(oauth2.default_lifetime, Duration::from_mins(15));

    let CredentialKind::OAuth2(oauth2) = &binding("refresh").credential.kind else {
        panic!("not OAuth 2.0")
    };
    assert!(
        matches!(&oauth2.grant, OAuth2Grant::RefreshToken { refresh_token, client_id: None, client_secret: None }
        if value(refresh_token) == "file good.pem")
    );

    assert!(
        matches!(&binding("token").credential.kind, CredentialKind::Header { header, prefix, value: secret }
        if header == "authorization" && prefix == "PVEAPIToken=root@pam!mcp=" && value(secret) == "file good.pem")
    );
    assert!(
        matches!(&binding("basic").credential.kind, CredentialKind::Basic { username, password }
        if value(username) == "toolward" && value(password) == "file good.pem")
    );
}

#[test]
fn a_declared_login_keeps_its_parts() {
    let binding = binding("pve01");
    let CredentialKind::Login(login) = &binding.credential.kind else {
        panic!("not a login")
    };
    assert_eq!(login.values.keys().collect::<Vec<_>>(), ["password"]);
    assert_eq!(
        (&login.request.method, login.request.path.as_str()),
        (&http::Method::POST, "/api2/json/access/ticket")
    );
    assert!(
        matches!(&login.request.body, LoginBody::Form(form) if form["password"] == "{password}")
    );
    assert_eq!(login.answer["csrf"], "/data/CSRFPreventionToken");
    assert_eq!(
        (login.lifetime, &login.lifetime_pointer),
        (Duration::from_hours(2), &None)
    );
    let apply: Vec<_> = login
        .apply
        .iter()
        .map(|apply| (apply.header.as_str(), apply.methods.len()))
        .collect();
    assert_eq!(apply, [("cookie", 0), ("csrfpreventiontoken", 3)]);
    let renewal = login.renewal.as_ref().unwrap();
    assert_eq!(renewal.method, http::Method::PUT);
    assert!(
        matches!(&renewal.body, LoginBody::Json(json) if json["deep"][0]["ticket"] == "{ticket}")
    );
}

/// Flags over the environment over the file over the defaults, and `config show --origin` says so.
#[test]
fn every_value_has_an_origin() {
    let environment = |name: &str| match name {
        "TOOLWARD_LISTEN" => Some("127.0.0.1:1".into()),
        "TOOLWARD_MAX_INSTANCES" => Some("9".into()),
        "TOOLWARD_MAX_WAITING" => Some("".into()),
        _ => env(name),
    };
    let overrides = Overrides {
        listen: Some("127.0.0.1:2".to_owned()),
        cache_dir: Some("/flag/cache".to_owned()),
        guest_threads: Some("3".to_owned()),
        ..Overrides::default()
    };
    let path = cases().join("full.toml");
    let config = load(&path, &environment, &overrides).unwrap();
    assert_eq!(config.server.listen, "127.0.0.1:2".parse().unwrap());
    assert_eq!(config.runtime.cache_dir, Path::new("/flag/cache"));
    assert_eq!(
        (config.runtime.max_instances, config.runtime.max_waiting),
        (9, 1024)
    );
    assert_eq!(config.runtime.guest_threads, 3);

    let shown = show_origin(&path, &environment, &overrides).unwrap();
    for told in [&shown.text, &shown.json.to_string()] {
        assert!(!told.contains("hunter2"), "{told}");
    }
    let listen = shown.json.as_array().and_then(|all| {
        let mut all = all.iter();
        all.find(|one| one["key"] == "server.listen")
    });
    let expected = serde_json::json!({ "key": "server.listen", "value": "127.0.0.1:2", "from": "flag --listen" });
    assert_eq!(listen, Some(&expected));
    let shown = shown.text.replace(&format!("{}/", cases().display()), "");
    golden::check(&cases().join("full.origin.txt"), &shown);
}

#[test]
fn values_from_outside_are_checked_like_those_of_the_file() {
    let check = |name: &'static str, value: &'static str, expected: &str| {
        let environment = move |asked: &str| {
            if asked == name {
                Some(value.into())
            } else {
                env(asked)
            }
        };
        let error = load_bytes(b"", &environment).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{expected}\n\n1 error"),
            "{name}={value}"
        );
    };
    check(
        "TOOLWARD_LISTEN",
        "0.0.0.0:80",
        "error: listening on 0.0.0.0:80 without [auth] would let everybody on the network call the tools\n \
         --> environment variable TOOLWARD_LISTEN\n\
         hint: toolward token new NAME, and paste the table [auth.tokens.NAME] that it prints; or listen = \"127.0.0.1:8825\"; \
         or allow-unauthenticated = true in [server]",
    );
    check(
        "TOOLWARD_MAX_INSTANCES",
        "0",
        "error: `runtime.max-instances` must be a number between 1 and 10000\n \
         --> environment variable TOOLWARD_MAX_INSTANCES\n\
         hint: TOOLWARD_MAX_INSTANCES=64",
    );
    let overrides = Overrides {
        guest_threads: Some("many".to_owned()),
        ..Overrides::default()
    };
    let error = load(&cases().join("full.toml"), &env, &overrides)
        .unwrap_err()
        .to_string();
    assert!(error.contains("--> flag --guest-threads\n"), "{error}");
}

fn load_bytes(bytes: &[u8], env: Env<'_>) -> Result<Config, Diagnostics> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("toolward.toml");
    std::fs::write(&path, bytes).unwrap();
    load(&path, env, &Overrides::default())
}

#[test]
fn an_empty_file_is_all_defaults() {
    for bytes in [b"".as_slice(), b"\xef\xbb\xbf", b"\r\n[server]\r\n"] {
        let config = load_bytes(bytes, &env).unwrap();
        assert_eq!(config.server.listen, "127.0.0.1:8825".parse().unwrap());
        assert_eq!(
            config.runtime.cache_dir,
            Path::new("/home/op/.cache/toolward")
        );
        assert_eq!(
            config.runtime.state_dir,
            Path::new("/home/op/.local/state/toolward")
        );
        assert_eq!(config.server.max_request_bytes, 4 << 20);
        assert!(config.plugins.is_empty() && config.bindings.is_empty());
    }
}

#[test]
fn what_cannot_be_read_says_so() {
    let missing = load(
        Path::new("/nowhere/toolward.toml"),
        &env,
        &Overrides::default(),
    )
    .unwrap_err();
    let missing = missing.to_string();
    assert!(
        missing.starts_with("error: cannot read the configuration: No such file"),
        "{missing}"
    );
    assert!(
        missing.contains("\n --> /nowhere/toolward.toml\nhint: "),
        "{missing}"
    );

    let latin = load_bytes(b"[server]\n# caf\xe9\n", &env)
        .unwrap_err()
        .to_string();
    assert!(
        latin.starts_with("error: line 2 of the configuration is not UTF-8\n"),
        "{latin}"
    );

    let homeless = load_bytes(b"", &|_| None).unwrap_err().to_string();
    assert!(
        homeless.contains("neither XDG_CACHE_HOME nor HOME is set"),
        "{homeless}"
    );
}

#[test]
fn programs_get_json_and_terminals_get_colour() {
    let error = load(
        &cases().join("listen-name.toml"),
        &env,
        &Overrides::default(),
    )
    .unwrap_err();
    let json = error.to_json();
    let first = &json[0];
    assert_eq!(
        (&first["severity"], &first["line"], &first["column"]),
        (&"error".into(), &2.into(), &10.into())
    );
    assert_eq!(first["hint"], "listen = \"127.0.0.1:8825\"");
    assert_eq!(json.as_array().unwrap().len(), error.errors());

    let coloured = error.render(true);
    assert!(
        coloured.contains("\u{1b}[1;31merror\u{1b}[0m"),
        "{coloured:?}"
    );
    assert!(!error.render(false).contains('\u{1b}'));
}

/// In the log, each warning is one line.
#[test]
fn warnings_are_lines() {
    let config = load(&cases().join("public.toml"), &env, &Overrides::default()).unwrap();
    let folder = format!("{}/", cases().display());
    let lines: Vec<_> = config
        .warnings
        .iter()
        .map(|line| line.replace(&folder, ""))
        .collect();
    assert_eq!(
        lines,
        [
            "public.toml:3:25: everybody who reaches 0.0.0.0:8825 can call every tool; \
          hint: toolward token new NAME, and paste the table [auth.tokens.NAME] that it prints"
        ]
    );
}

/// What is printed of a configuration in a panic or a log holds no secret.
#[test]
fn the_debug_form_hides_secrets() {
    let text = format!("{:?}", full());
    assert!(text.contains("Secret(…)"));
    assert!(!text.contains("hunter2"), "{text}");
}

/// The published schema accepts what the host accepts, and refuses what it refuses for its shape.
#[test]
fn the_schema_agrees_with_the_host() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let file = |name: &str| -> serde_json::Value {
        toml::from_str(&std::fs::read_to_string(cases().join(name)).unwrap()).unwrap()
    };
    for good in ["full.toml", "warnings.toml", "server.toml"] {
        let result = validator
            .validate(&file(good))
            .map_err(|error| error.to_string());
        let zeros = good == "server.toml";
        assert_eq!(result.is_err(), zeros, "{good}: {result:?}");
    }
    assert!(!validator.is_valid(&file("unknown-keys.toml")));
}

/// Half-written and mistyped files: the host neither panics nor shows a secret.
#[test]
fn no_broken_file_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("toolward.toml");
    let check = |text: &str| {
        std::fs::write(&path, text).unwrap();
        if let Err(diagnostics) = load(&path, &env, &Overrides::default()) {
            let said = format!("{diagnostics}{}", diagnostics.to_json());
            assert!(!said.contains("hunter"), "{said}\n{text}");
        }
    };
    for name in ["warnings.toml", "multi-line.toml"] {
        let text = std::fs::read_to_string(cases().join(name)).unwrap();
        let marks = text.match_indices(|c: char| !c.is_alphanumeric());
        for (at, _) in marks {
            check(&text[..at]);
            // One mark is missing, then one too many.
            check(&format!("{}{}", &text[..at], &text[at + 1..]));
            check(&format!("{}\"{}", &text[..at], &text[at..]));
        }
    }
}

const SERVERS: &str = r#"
[bindings.vbr01]
kind = "vbr"
url = "https://vbr01.example"
confirm = "model"

[bindings.vbr02]
kind = "vbr"
url = "https://vbr02.example"

[plugins.backup-jobs]
component = "backup-jobs.wasm"
grant = ["http"]
"#;

#[test]
fn several_bindings_answer_one_backend_each_under_its_own_name() {
    let text = format!(
        "{SERVERS}backends = {{ vbr = \"vbr01\" }}\nmore-backends = {{ vbr = [\"vbr02\"] }}\n"
    );
    let config = load_bytes(text.as_bytes(), &env).unwrap();
    let plugin = &config.plugins[&"backup-jobs".parse().unwrap()];
    let reached: Vec<_> = plugin.backends.keys().map(BackendName::as_str).collect();
    assert_eq!(reached, ["vbr01", "vbr02"]);
    let choices: Vec<_> = plugin.choices.values().collect();
    assert_eq!((choices[0].default, choices[1].default), (true, false));
    assert!(
        choices
            .iter()
            .all(|choice| choice.answers.as_str() == "vbr")
    );
    assert_eq!(
        plugin.backends[&"vbr01".parse().unwrap()].confirm,
        Confirm::Model
    );
}

#[test]
fn more_backends_than_one_are_of_a_backend_and_each_once() {
    for (backends, message) in [
        (
            "more-backends = { vbr = [\"vbr02\"] }",
            "is not among this plugin's `backends`",
        ),
        (
            "backends = { vbr = \"vbr01\" }\nmore-backends = { vbr = [\"vbr01\"] }",
            "would be reached as `vbr01`",
        ),
        (
            "backends = { vbr = \"vbr01\" }\nmore-backends = { vbr = [\"vbr03\"] }",
            "there is no binding `vbr03`",
        ),
    ] {
        let text = format!("{SERVERS}{backends}\n");
        let error = load_bytes(text.as_bytes(), &env).unwrap_err().to_string();
        assert!(error.contains(message), "{backends}: {error}");
    }
}
