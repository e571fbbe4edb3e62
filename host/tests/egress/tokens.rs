//! Logins and tokens, as a backend sees them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json as json_value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use toolward::config::{
    ApplyHeader, CredentialKind, Login, LoginBody, LoginRequest, OAuth2Grant, SecretSource,
};

use crate::support::*;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn plugin(auth: &Arc<Auth>) -> (Backend, Arc<Plugin>) {
    let backend = auth.serve().await;
    let plugin = Arc::new(Plugin::bound_to(with_login(&backend.url())));
    (backend, plugin)
}

/// Like [`plugin`], with a gate before every answer to `path`.
async fn gated(auth: &Arc<Auth>, path: &'static str) -> (Backend, Arc<Plugin>, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let (opened, auth) = (Arc::clone(&gate), Arc::clone(auth));
    let backend = Backend::http(move |seen| {
        let (gate, auth) = (Arc::clone(&opened), Arc::clone(&auth));
        async move {
            // What is true when the request comes, not when it is answered.
            let answer = auth.answer(&seen);
            if seen.path() == path {
                gate.acquire().await.unwrap().forget();
            }
            answer
        }
    })
    .await;
    let plugin = Arc::new(Plugin::bound_to(with_login(&backend.url())));
    (backend, plugin, gate)
}

fn spawn_get(
    plugin: &Arc<Plugin>,
    path: &'static str,
) -> tokio::task::JoinHandle<Result<(u16, String), toolward::egress::Refusal>> {
    let plugin = Arc::clone(plugin);
    tokio::spawn(async move { plugin.get(path).await })
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is what answers are compared with"
)]
fn ok() -> Result<(u16, String), toolward::egress::Refusal> {
    Ok((200, "hello 0".to_owned()))
}

#[tokio::test]
async fn two_hundred_requests_on_a_cold_cache_log_in_once() {
    let auth = Arc::new(Auth::new());
    let (backend, plugin, gate) = gated(&auth, "/token").await;
    let started = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let (plugin, started) = (Arc::clone(&plugin), Arc::clone(&started));
            tokio::spawn(async move {
                started.fetch_add(1, Ordering::SeqCst);
                plugin.get("/a").await
            })
        })
        .collect();
    until(|| started.load(Ordering::SeqCst) == 200 && backend.count("/token") >= 1).await;
    gate.add_permits(1000);
    for task in tasks {
        assert_eq!(task.await.unwrap(), ok());
    }
    assert_eq!((auth.logins(), backend.count("/token")), (1, 1));
    assert_eq!(backend.count("/a"), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_requests_on_many_threads_log_in_once_and_renew_once() {
    let auth = Arc::new(Auth::new());
    let (backend, plugin) = plugin(&auth).await;
    for round in 1..=3 {
        let tasks: Vec<_> = (0..200).map(|_| spawn_get(&plugin, "/a")).collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), ok());
        }
        assert_eq!(auth.logins(), round);
        auth.revoke();
    }
    assert_eq!(backend.count("/token"), 3);
}

#[tokio::test]
async fn a_login_survives_the_caller_who_started_it() {
    let auth = Arc::new(Auth::new());
    let (backend, plugin, gate) = gated(&auth, "/token").await;
    let first = spawn_get(&plugin, "/a");
    until(|| backend.count("/token") == 1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let second = spawn_get(&plugin, "/a");
    gate.add_permits(1000);
    assert_eq!(second.await.unwrap(), ok());
    assert_eq!(auth.logins(), 1);
}

#[tokio::test]
async fn dropping_the_egress_ends_its_logins() {
    let gone = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&gone);
    let backend = Backend::http(move |_| {
        let guard = Gone(Arc::clone(&flag));
        async move {
            let _guard = guard;
            std::future::pending().await
        }
    })
    .await;
    let plugin = Arc::new(Plugin::bound_to(with_login(&backend.url())));
    let asking = spawn_get(&plugin, "/a");
    until(|| backend.count("/token") == 1).await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    // The login goes on for others,
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!gone.load(Ordering::SeqCst));
    // until there can be no others.
    drop(plugin);
    until(|| gone.load(Ordering::SeqCst)).await;
}

#[tokio::test]
async fn tenants_have_tokens_of_their_own() {
    let auth = Arc::new(Auth::new());
    let (_backend, plugin) = plugin(&auth).await;
    let mut other = plugin.origin.clone();
    other.tenant = "other".parse().unwrap();
    for origin in [&plugin.origin, &other, &plugin.origin, &other] {
        let sent = plugin
            .egress
            .send(origin, get("/a"), toolward::egress::Deadlines::default());
        assert_eq!(sent.await.unwrap().status(), 200);
    }
    assert_eq!(auth.logins(), 2);
}

#[tokio::test]
async fn a_token_is_used_until_its_own_lifetime_says_otherwise() {
    let auth = Arc::new(Auth::new());
    let (_backend, plugin) = plugin(&auth).await;
    assert_eq!(plugin.get("/a").await, ok());
    pass(seconds(830)).await;
    assert_eq!(plugin.get("/a").await, ok());
    assert_eq!(auth.logins(), 1);
    // In the last minute it still serves, while the next one is fetched.
    pass(seconds(15)).await;
    assert_eq!(plugin.get("/a").await, ok());
    until(|| auth.logins() == 2).await;
    // After its end it does not.
    pass(seconds(901)).await;
    auth.revoke();
    assert_eq!(plugin.get("/a").await, ok());
    assert_eq!(auth.logins(), 3);
}

#[tokio::test]
async fn the_lifetime_may_be_a_text_and_may_be_missing() {
    for (lifetime, seconds_long) in [(json_value!("100"), 100), (json_value!(null), 600)] {
        let auth = Arc::new(Auth::new());
        *auth.lifetime.lock().unwrap() = lifetime;
        let (_backend, plugin) = plugin(&auth).await;
        assert_eq!(plugin.get("/a").await, ok());
        pass(seconds(seconds_long * 8 / 10)).await;
        assert_eq!(plugin.get("/a").await, ok());
        assert_eq!(auth.logins(), 1);
        pass(seconds(seconds_long)).await;
        assert_eq!(plugin.get("/a").await, ok());
        assert_eq!(auth.logins(), 2);
    }
}

#[tokio::test]
async fn a_lifetime_of_nothing_does_not_make_every_request_log_in() {
    let auth = Arc::new(Auth::new());
    *auth.lifetime.lock().unwrap() = 0.into();
    let (_backend, plugin) = plugin(&auth).await;
    let started = std::time::Instant::now();
    for _ in 0..20 {
        assert_eq!(plugin.get("/a").await, ok());
    }
    let most = 1 + usize::try_from(started.elapsed().as_millis() / 500).unwrap();
    assert!(auth.logins() <= most, "{} logins", auth.logins());
}

#[tokio::test]
async fn refresh_tokens_are_used_once_and_a_login_follows_when_one_fails() {
    let mut auth = Auth::new();
    auth.gives_refresh_tokens = true;
    let auth = Arc::new(auth);
    let (_backend, plugin) = plugin(&auth).await;
    assert_eq!(plugin.get("/a").await, ok());
    for refreshes in 1..=3 {
        pass(seconds(901)).await;
        assert_eq!(plugin.get("/a").await, ok());
        assert_eq!((auth.logins(), auth.refreshes()), (1, refreshes));
    }
    auth.revoke_refresh_tokens();
    pass(seconds(901)).await;
    assert_eq!(plugin.get("/a").await, ok());
    assert_eq!((auth.logins(), auth.refreshes()), (2, 4));
}

#[tokio::test]
async fn a_401_in_the_middle_is_one_renewal_and_no_failed_request() {
    let auth = Arc::new(Auth::new());
    let (backend, plugin) = plugin(&auth).await;
    assert_eq!(plugin.get("/a").await, ok());
    auth.revoke();
    let tasks: Vec<_> = (0..50).map(|_| spawn_get(&plugin, "/a")).collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), ok());
    }
    assert_eq!((auth.logins(), backend.count("/token")), (2, 2));
}

#[tokio::test]
async fn a_body_of_256_kib_is_sent_again_and_a_larger_one_is_to_be_sent_again() {
    let auth = Arc::new(Auth::new());
    let (backend, plugin) = plugin(&auth).await;
    assert_eq!(plugin.get("/a").await, ok());
    let content = |length| pieces(vec![Bytes::from(vec![b'a'; length])]);

    auth.revoke();
    let repeated = plugin.send(post("/a", content(256 << 10))).await.unwrap();
    assert_eq!(read(repeated).await.unwrap().1, "hello 262144");

    auth.revoke();
    let refusal = plugin
        .refused(post("/large", content((256 << 10) + 1)))
        .await;
    assert!(refusal.starts_with("unavailable: ") && refusal.ends_with("send the request again"));
    assert_eq!(backend.count("/large"), 1);
    let repeated = plugin
        .send(post("/large", content((256 << 10) + 1)))
        .await
        .unwrap();
    assert_eq!(read(repeated).await.unwrap().1, "hello 262145");
    assert_eq!(auth.logins(), 3);
}

#[tokio::test]
async fn a_late_401_does_not_throw_a_newer_token_away() {
    let auth = Arc::new(Auth::new());
    let (backend, plugin, gate) = gated(&auth, "/slow").await;
    assert_eq!(plugin.get("/a").await, ok());
    auth.revoke();
    // Its 401 is decided, but on its way.
    let slow = spawn_get(&plugin, "/slow");
    until(|| backend.count("/slow") == 1).await;
    assert_eq!(plugin.get("/a").await, ok());
    assert_eq!(auth.logins(), 2);
    gate.add_permits(1000);
    assert_eq!(slow.await.unwrap(), ok());
    assert_eq!(auth.logins(), 2);
}

#[tokio::test]
async fn a_backend_that_always_says_401_does_not_make_the_host_log_in_for_ever() {
    let auth = Arc::new(Auth::new());
    let served = Arc::clone(&auth);
    let backend = Backend::http(move |seen| {
        let auth = Arc::clone(&served);
        async move {
            match seen.path() {
                "/token" => auth.token(&seen),
                _ => answer(401, "not you"),
            }
        }
    })
    .await;
    let plugin = Plugin::bound_to(with_login(&backend.url()));
    for _ in 0..30 {
        assert_eq!(plugin.get("/a").await, Ok((401, "not you".to_owned())));
    }
    assert_eq!(auth.logins(), 9);
}

#[tokio::test]
async fn a_wrong_password_is_told_at_once_and_tried_ever_more_seldom() {
    let auth = Arc::new(Auth::new());
    *auth.accepts_password.lock().unwrap() = false;
    let (backend, plugin) = plugin(&auth).await;
    let message = |wait| {
        format!(
            "unavailable: the host cannot log in to backend \"vbr\" with credential \"service\": the backend rejected the login (400 invalid_grant); the next login is tried in {wait} s\nhint: check the secrets of credentials.service"
        )
    };
    assert_eq!(plugin.refused(get("/a")).await, message(10));
    for _ in 0..5 {
        plugin.refused(get("/a")).await;
    }
    assert_eq!(auth.logins(), 1);
    pass(seconds(10)).await;
    assert_eq!(plugin.refused(get("/a")).await, message(20));
    assert_eq!(auth.logins(), 2);
    pass(seconds(15)).await;
    assert_eq!(plugin.refused(get("/a")).await, message(5));
    *auth.accepts_password.lock().unwrap() = true;
    pass(seconds(5)).await;
    assert_eq!(plugin.get("/a").await, ok());
    assert_eq!(auth.logins(), 3);
    // Nothing but logins left before.
    assert_eq!(backend.count("/a"), 1);
}

#[tokio::test]
async fn a_failed_renewal_ahead_of_time_leaves_the_token_in_use() {
    let auth = Arc::new(Auth::new());
    let (_backend, plugin) = plugin(&auth).await;
    assert_eq!(plugin.get("/a").await, ok());
    *auth.accepts_password.lock().unwrap() = false;
    pass(seconds(850)).await;
    for _ in 0..5 {
        assert_eq!(plugin.get("/a").await, ok());
    }
    until(|| auth.logins() == 2).await;
    assert_eq!(plugin.get("/a").await, ok());
    assert_eq!(auth.logins(), 2);
}

#[tokio::test]
async fn a_backend_that_is_away_is_tried_again_soon() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let auth = Arc::new(Auth::new());
    let plugin = Plugin::bound_to(with_login(&format!("http://{address}")));
    let refusal = plugin.refused(get("/a")).await;
    assert_eq!(
        refusal,
        "unavailable: the host cannot log in to backend \"vbr\" with credential \"service\": it refused the connection; the next login is tried in 1 s\nhint: check the port in bindings.vbr01.url, and that the service runs"
    );
    let listener = TcpListener::bind(address).await.unwrap();
    let served = Arc::clone(&auth);
    let _backend = Backend::serve(listener, None, move |seen| {
        std::future::ready(served.answer(&seen))
    });
    pass(seconds(1)).await;
    assert_eq!(plugin.get("/a").await, ok());
}

/// The refusal when the token endpoint answers like this.
async fn login_answered(
    status: u16,
    content: &str,
    header: Option<(&'static str, &'static str)>,
) -> String {
    let content = content.to_owned();
    let backend = Backend::http(move |_| {
        let mut answer = answer(status, content.clone());
        if let Some((name, value)) = header {
            answer.headers_mut().insert(name, value.parse().unwrap());
        }
        std::future::ready(answer)
    })
    .await;
    Plugin::bound_to(with_login(&backend.url()))
        .refused(get("/a"))
        .await
}

#[tokio::test]
async fn each_failed_login_says_what_to_do() {
    let token = r#"{"access_token":"access-token-1"}"#;
    let huge = format!("{{\"access_token\":\"{}\"}}", "a".repeat(70_000));
    let retry_after = Some(("retry-after", "42"));
    for (status, content, header, parts) in [
        (
            401,
            "hunter2hunter2",
            None,
            ["rejected the login (401)", "secrets of credentials.service"],
        ),
        (
            400,
            r#"{"error":"hunter2hunter2"}"#,
            None,
            ["rejected the login (400)", "in 10 s"],
        ),
        (
            404,
            "",
            None,
            [
                "the login path answered 404",
                "credentials.service and bindings.vbr01.url",
            ],
        ),
        (
            302,
            "",
            Some(("location", "/token")),
            ["the login path answered 302", "in 10 s"],
        ),
        (
            500,
            "hunter2hunter2",
            None,
            ["the login answered 500", "in 1 s"],
        ),
        (429, "", retry_after, ["the login answered 429", "in 42 s"]),
        (200, "hunter2hunter2", None, ["no usable JSON", "in 10 s"]),
        (200, "{}", None, ["no usable `access_token`", "in 10 s"]),
        (
            200,
            r#"{"access_token":""}"#,
            None,
            ["no usable `access_token`", "in 10 s"],
        ),
        (
            200,
            r#"{"access_token":"a\nb"}"#,
            None,
            ["does not fit into a header", "log says more"],
        ),
        (
            200,
            r#"{"access_token":"a","token_type":"mac"}"#,
            None,
            ["no usable `token_type`", "in 10 s"],
        ),
        (
            200,
            r#"{"access_token":"a","expires_in":"soon"}"#,
            None,
            ["no usable `expires_in`", "in 10 s"],
        ),
        (200, &huge, None, ["larger than 65536 bytes", "in 10 s"]),
    ] {
        let refusal = login_answered(status, content, header).await;
        for part in parts {
            assert!(refusal.contains(part), "{status} {refusal}");
        }
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
    // With status 200 for everything, the request itself gets the token's JSON.
    let backend = Backend::http(move |_| std::future::ready(answer(200, token))).await;
    assert_eq!(
        Plugin::bound_to(with_login(&backend.url()))
            .get("/a")
            .await
            .unwrap()
            .0,
        200
    );
}

#[tokio::test]
async fn a_login_that_hangs_is_bounded_in_time() {
    let backend = Backend::http(|_| std::future::pending()).await;
    let plugin = Arc::new(Plugin::bound_to(with_login(&backend.url())));
    let asking = spawn_get(&plugin, "/a");
    until(|| backend.count("/token") == 1).await;
    pass(seconds(31)).await;
    let refusal = asking.await.unwrap().unwrap_err().to_string();
    assert!(
        refusal.contains("the login had no answer within 30 s"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_rotated_secret_is_read_anew_and_an_unreadable_one_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api-key");
    std::fs::write(&path, "first-key-1\n").unwrap();
    let backend = Backend::http(|seen| async move {
        let key = seen.header("x-api-key").unwrap_or_default();
        answer(if key == "second-key-2" { 200 } else { 401 }, "")
    })
    .await;
    let mut bound = binding(&backend.url());
    bound.credential = credential(CredentialKind::Header {
        header: "x-api-key".parse().unwrap(),
        prefix: String::new(),
        value: SecretSource::File(path.clone()),
    });
    let plugin = Plugin::bound_to(bound);
    assert_eq!(plugin.get("/a").await.unwrap().0, 401);
    assert_eq!(backend.seen().len(), 1, "sent again with the same key");
    std::fs::write(&path, "second-key-2\n").unwrap();
    assert_eq!(plugin.get("/a").await.unwrap().0, 200);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        plugin.get("/a").await.unwrap().0,
        200,
        "the key at hand is good"
    );
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_not_named_to_the_guest() {
    let backend = Backend::http(|_| async { answer(200, "") }).await;
    let mut oauth2 = password_grant();
    oauth2.grant = OAuth2Grant::Password {
        username: value("ann"),
        password: SecretSource::File("/nonexistent/password".into()),
    };
    let mut bound = binding(&backend.url());
    bound.credential = credential(CredentialKind::OAuth2(oauth2));
    let refusal = Plugin::bound_to(bound).refused(get("/a")).await;
    assert!(
        refusal.contains("a secret of it cannot be read"),
        "{refusal}"
    );
    assert!(!refusal.contains("nonexistent"), "{refusal}");
    assert_eq!(backend.connections(), 0);
}

async fn token_request(grant: OAuth2Grant) -> Seen {
    let backend = Backend::http(|_| async {
        json(
            200,
            &json_value!({"access_token": "access-token-1", "expires_in": 60}),
        )
    })
    .await;
    let mut oauth2 = password_grant();
    oauth2.grant = grant;
    oauth2.scope = Some("a b".to_owned());
    oauth2.headers = vec![(
        "x-api-version".parse().unwrap(),
        "1.2-rev1".parse().unwrap(),
    )];
    let mut bound = binding(&format!("{}/base", backend.url()));
    bound.credential = credential(CredentialKind::OAuth2(oauth2));
    assert_eq!(Plugin::bound_to(bound).get("/a").await.unwrap().0, 200);
    let seen = backend.seen();
    assert_eq!(
        seen[1].header("authorization"),
        Some("Bearer access-token-1")
    );
    assert_eq!(seen[1].header("x-api-version"), None);
    seen[0].clone()
}

#[tokio::test]
async fn each_grant_is_asked_for_as_the_standard_says() {
    let table = [
        (
            OAuth2Grant::Password {
                username: value("a&b"),
                password: value("p w"),
            },
            "grant_type=password&username=a%26b&password=p+w&scope=a+b",
            None,
        ),
        (
            OAuth2Grant::ClientCredentials {
                client_id: value("id"),
                client_secret: value("s:1"),
                in_header: true,
            },
            "grant_type=client_credentials&scope=a+b",
            Some("Basic aWQ6cyUzQTE="),
        ),
        (
            OAuth2Grant::ClientCredentials {
                client_id: value("id"),
                client_secret: value("s:1"),
                in_header: false,
            },
            "grant_type=client_credentials&scope=a+b&client_id=id&client_secret=s%3A1",
            None,
        ),
        (
            OAuth2Grant::RefreshToken {
                refresh_token: value("r1"),
                client_id: Some(value("id")),
                client_secret: None,
            },
            "grant_type=refresh_token&refresh_token=r1&scope=a+b&client_id=id",
            None,
        ),
    ];
    for (grant, form, authorization) in table {
        let seen = token_request(grant).await;
        assert_eq!(seen.method, "POST");
        assert_eq!(seen.target, "/base/token");
        assert_eq!(seen.body, form);
        assert_eq!(seen.header("authorization"), authorization);
        assert_eq!(seen.header("x-api-version"), Some("1.2-rev1"));
        assert_eq!(
            seen.header("content-type"),
            Some("application/x-www-form-urlencoded")
        );
    }
}

/// A login with a ticket and a proof, as Proxmox has it.
fn ticket_login() -> Login {
    let request = |path: &str, password: &str| LoginRequest {
        method: http::Method::POST,
        path: path.to_owned(),
        headers: vec![("x-client".parse().unwrap(), "{username}".to_owned())],
        body: LoginBody::Json(json_value!({"user": "{username}", "password": password, "n": 1})),
    };
    Login {
        values: BTreeMap::from([
            ("username".to_owned(), value("root@pam!")),
            ("password".to_owned(), value(PASSWORD)),
        ]),
        request: request("/ticket", "{password}"),
        answer: BTreeMap::from([
            ("ticket".to_owned(), "/data/ticket".to_owned()),
            ("proof".to_owned(), "/data/proof".to_owned()),
        ]),
        lifetime_pointer: Some("/data/ttl".to_owned()),
        lifetime: seconds(7200),
        apply: vec![
            ApplyHeader {
                header: http::header::COOKIE,
                value: "Auth={ticket}".to_owned(),
                methods: Vec::new(),
            },
            ApplyHeader {
                header: "csrf".parse().unwrap(),
                value: "{proof}".to_owned(),
                methods: vec![http::Method::POST, http::Method::PUT],
            },
        ],
        renewal: Some(request("/renew", "{ticket}")),
        totp: BTreeMap::new(),
        challenge: None,
    }
}

#[tokio::test]
async fn a_declared_login_is_carried_out_applied_and_renewed() {
    let backend = Backend::http(|seen| async move {
        match seen.path() {
            "/ticket" => json(
                200,
                &json_value!({"data": {"ticket": "TICKET:1/+==", "proof": 12_345_678, "ttl": "100"}}),
            ),
            "/renew" => json(200, &json_value!({"data": {"ticket": "TICKET:2/+=="}})),
            _ => {
                let cookie = seen.header("cookie").unwrap_or_default().to_owned();
                answer(200, format!("{cookie} root@pam! {}", seen.header("csrf").unwrap_or("-")))
            }
        }
    })
    .await;
    let mut bound = binding(&backend.url());
    bound.credential = credential(CredentialKind::Login(Box::new(ticket_login())));
    let plugin = Plugin::bound_to(bound);

    // The user's name is no secret; backends write it in what they answer.
    let (_, text) = plugin.get("/a").await.unwrap();
    assert_eq!(text, "Auth=************ root@pam! -");
    let answered = plugin.send(post("/a", body("x"))).await.unwrap();
    assert_eq!(
        read(answered).await.unwrap().1,
        "Auth=************ root@pam! ********"
    );
    pass(seconds(101)).await;
    plugin.send(post("/b", body("x"))).await.unwrap();

    let seen = backend.seen();
    let login: serde_json::Value = serde_json::from_slice(&seen[0].body).unwrap();
    assert_eq!(
        login,
        json_value!({"user": "root@pam!", "password": PASSWORD, "n": 1})
    );
    assert_eq!(seen[0].header("x-client"), Some("root@pam!"));
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    assert_eq!(seen[1].header("cookie"), Some("Auth=TICKET:1/+=="));
    assert_eq!(seen[1].header("csrf"), None);
    assert_eq!(seen[2].header("csrf"), Some("12345678"));
    assert_eq!(seen[3].target, "/renew");
    let renewal: serde_json::Value = serde_json::from_slice(&seen[3].body).unwrap();
    assert_eq!(renewal["password"], "TICKET:1/+==");
    // What a renewal does not name stays.
    assert_eq!(seen[4].header("cookie"), Some("Auth=TICKET:2/+=="));
    assert_eq!(seen[4].header("csrf"), Some("12345678"));
}

#[tokio::test]
async fn a_declared_login_without_the_promised_value_fails() {
    let backend =
        Backend::http(|_| async { json(200, &json_value!({"data": {"ticket": null}})) }).await;
    let mut bound = binding(&backend.url());
    bound.credential = credential(CredentialKind::Login(Box::new(ticket_login())));
    let refusal = Plugin::bound_to(bound).refused(get("/a")).await;
    assert!(refusal.contains("no usable value at `/data/"), "{refusal}");
}
