//! Where a name may lead, and that what was judged is what is connected to.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use http_body_util::BodyExt as _;
use toolward::audit::Audit;
use toolward::config::{AddressKind, AddressRule, Binding};
use toolward::egress::{Egress, Lookup};

use super::support::{Backend, Plugin, answer, binding, get, with_login};

/// A name server that gives each of these answers in turn, and the last one for ever.
struct Names {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Names {
    fn with(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self {
            answers: Mutex::new(answers.iter().map(parse).collect()),
            asked: AtomicUsize::new(0),
        })
    }

    fn lookup(self: &Arc<Self>) -> Lookup {
        let names = Arc::clone(self);
        Arc::new(move |name| {
            assert_eq!(name, "vbr.example");
            names.asked.fetch_add(1, Ordering::SeqCst);
            let mut answers = names.answers.lock().unwrap();
            let answer = match answers.len() {
                1 => answers[0].clone(),
                _ => answers.remove(0),
            };
            async move { Ok(answer) }.boxed()
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn plugin(names: &Arc<Names>, bound: Binding) -> Plugin {
    let mut plugin = Plugin::bound_to(bound);
    let bindings = plugin.origin.backends.values().cloned();
    plugin.egress =
        Arc::new(Egress::with_lookup(bindings, &names.lookup(), Audit::default()).unwrap());
    plugin
}

async fn hello() -> Backend {
    Backend::http(|_| std::future::ready(answer(200, "hello"))).await
}

fn named(backend: &Backend, rules: &[&str]) -> Binding {
    let mut bound = binding(&format!("http://vbr.example:{}", backend.address.port()));
    bound.addresses = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    bound
}

#[tokio::test]
async fn a_name_that_leads_where_the_binding_does_not_allow_is_not_connected_to() {
    let backend = hello().await;
    for (address, kind) in [
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("0.0.0.0", "reserved"),
        ("10.0.0.1", "private"),
        ("fd00::1", "private"),
        ("169.254.10.10", "link-local"),
        ("fe80::1", "link-local"),
        ("169.254.169.254", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("224.0.0.1", "multicast"),
    ] {
        let names = Names::with(&[&[address]]);
        let refusal = plugin(&names, named(&backend, &[]))
            .refused(get("/a"))
            .await;
        let words = format!(
            "denied: backend \"vbr\" has a host name that leads to a {kind} address, which binding \"vbr01\" does not allow\nhint: if that is where it belongs, add \"{kind}\" or its network to bindings.vbr01.addresses"
        );
        assert_eq!(refusal, words, "{address}");
        assert!(!refusal.contains(address), "{refusal}");
    }
    // One bad address among good ones is enough.
    let names = Names::with(&[&["192.0.2.1", "127.0.0.1"]]);
    let refusal = plugin(&names, named(&backend, &["loopback"]))
        .refused(get("/a"))
        .await;
    assert!(refusal.contains("reserved"), "{refusal}");
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn what_the_binding_allows_is_connected_to() {
    let backend = hello().await;
    for rule in ["loopback", "127.0.0.0/8", "127.0.0.1"] {
        let names = Names::with(&[&["127.0.0.1"]]);
        let plugin = plugin(&names, named(&backend, &[rule]));
        assert_eq!(plugin.get("/a").await.unwrap().0, 200, "{rule}");
    }
    assert_eq!(backend.connections(), 3);
}

/// A name server of an attacker: a good address for the check, the machine itself for the use. There is but one look.
#[tokio::test]
async fn a_name_cannot_be_rebound_between_check_and_use() {
    let inner = hello().await;
    let names = Names::with(&[&["127.0.0.2"], &["127.0.0.1"]]);
    // Only 127.0.0.2 is allowed, where nothing listens; 127.0.0.1 is the "inner" server.
    let plugin = plugin(&names, named(&inner, &["127.0.0.2"]));
    let refusal = plugin.refused(get("/a")).await;
    assert!(refusal.contains("refused the connection"), "{refusal}");
    assert_eq!(names.asked(), 1);
    // The next connection looks again, and is judged again.
    let refusal = plugin.refused(get("/a")).await;
    assert!(refusal.starts_with("denied: "), "{refusal}");
    assert_eq!((names.asked(), inner.connections()), (2, 0));
}

#[tokio::test]
async fn a_connection_that_stands_is_not_affected_by_a_name_that_moves() {
    let backend = hello().await;
    let names = Names::with(&[&["127.0.0.1"], &["10.0.0.1"]]);
    let plugin = plugin(&names, named(&backend, &["loopback"]));
    for _ in 0..3 {
        assert_eq!(plugin.get("/a").await.unwrap().1, "hello");
    }
    assert_eq!((names.asked(), backend.connections()), (1, 1));
}

#[tokio::test]
async fn a_login_goes_no_other_way() {
    let backend = hello().await;
    let mut bound = with_login(&format!("http://vbr.example:{}", backend.address.port()));
    bound.addresses = vec![AddressRule::Kind(AddressKind::Private)];
    let names = Names::with(&[&["127.0.0.1"]]);
    let refusal = plugin(&names, bound).refused(get("/a")).await;
    assert!(refusal.contains("leads to a loopback address"), "{refusal}");
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn a_guest_has_no_spelling_for_an_address() {
    let backend = hello().await;
    let plugin = Plugin::bound_to(binding(&backend.url()));
    let port = backend.address.port();
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "localhost",
        "localhost.",
        "169.254.169.254",
        "metadata.google.internal",
        "0",
        "0.0.0.0",
        "vbr.",
        "vbr01",
    ] {
        for authority in [
            host.to_owned(),
            format!("{host}:{port}"),
            format!("vbr@{host}:{port}"),
        ] {
            let refusal = plugin
                .send(super::support::request(
                    "GET",
                    &format!("http://{authority}/a"),
                ))
                .await;
            let refusal = refusal.unwrap_err().to_string();
            assert!(
                refusal.starts_with("denied: plugin \"jobs\" may not send"),
                "{authority}: {refusal}"
            );
        }
    }
    assert_eq!(backend.connections(), 0);
}

/// A guest that follows a redirect sends a request like any other, and it is judged like any other.
#[tokio::test]
async fn a_followed_redirect_is_judged_anew() {
    let backend = Backend::http(|seen| async move {
        let mut answer = answer(302, "");
        let target = seen.target.replace("/from", "/to");
        answer
            .headers_mut()
            .insert("location", target.parse().unwrap());
        answer
    })
    .await;
    let mut bound = binding(&backend.url());
    bound.allow = super::support::patterns(&["GET /from/*", "GET /to/open"]);
    let plugin = Plugin::bound_to(bound);
    for (path, expected) in [("/from/open", true), ("/from/closed", false)] {
        let redirect = plugin.send(get(path)).await.unwrap();
        let location = redirect.headers()["location"].to_str().unwrap().to_owned();
        redirect.into_body().collect().await.unwrap();
        let followed = plugin.send(super::support::request("GET", &location)).await;
        assert_eq!(followed.is_ok(), expected, "{location}");
    }
    assert_eq!(
        (backend.count("/to/open"), backend.count("/to/closed")),
        (1, 0)
    );
}
