//! How a backend's certificate is judged.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use toolward::audit::Audit;
use toolward::config::Tls;
use toolward::egress::Egress;

use crate::support::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority_called(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn authority() -> Authority {
    authority_called("the authority")
}

/// A certificate for a name, its digest, and a server that has it.
struct Leaf {
    digest: [u8; 32],
    config: ServerConfig,
}

fn leaf(authority: &Authority, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Leaf {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    server(certificate.der().clone(), &key)
}

fn server(certificate: CertificateDer<'static>, key: &KeyPair) -> Leaf {
    let digest = Sha256::digest(&certificate).into();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Leaf { digest, config }
}

fn trusting(authority: &Authority) -> Tls {
    Tls::CaFile {
        path: "ca.pem".into(),
        pem: authority.pem(),
    }
}

/// What a plugin gets from a server with this certificate: the status, or the refusal.
async fn ask(leaf: Leaf, tls: Tls) -> Result<u16, String> {
    let backend = Backend::https(leaf.config, |_| async { answer(200, "ok") }).await;
    let mut bound = binding(&backend.url());
    bound.tls = tls;
    let answer = Plugin::bound_to(bound).get("/a").await;
    if answer.is_err() {
        assert_eq!(
            backend.seen().len(),
            0,
            "a request left before the certificate was judged"
        );
    }
    answer.map(|(status, _)| status).map_err(|refusal| {
        let text = refusal.to_string();
        assert!(!text.contains("127.0.0.1"), "{text}");
        text
    })
}

#[track_caller]
fn check_refusal(answer: Result<u16, String>, what: &str, hint: &str) {
    let refusal = answer.unwrap_err();
    assert!(
        refusal.starts_with(&format!("unavailable: backend \"vbr\" {what}\nhint: ")),
        "{refusal}"
    );
    assert!(refusal.contains(hint), "{refusal}");
}

const HOST: &str = "127.0.0.1";

#[tokio::test]
async fn a_certificate_of_the_given_authority_is_accepted() {
    let authority = authority();
    let leaf = leaf(&authority, HOST, |_| {});
    assert_eq!(ask(leaf, trusting(&authority)).await, Ok(200));
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let foreign = || leaf(&authority(), HOST, |_| {});
    let same_name = trusting(&authority());
    let other_name = trusting(&authority_called("another"));
    for tls in [same_name, other_name, Tls::SystemRoots] {
        if Egress::new(
            std::iter::once(Arc::new(https_binding(tls.clone()))),
            Audit::default(),
        )
        .is_err()
        {
            // A machine without root certificates says so at start.
            continue;
        }
        check_refusal(
            ask(foreign(), tls).await,
            "has a certificate of an unknown authority",
            "set tls = { ca-file = \"ca.pem\" } or tls = { fingerprint = \"sha256:…\" } in bindings.vbr01",
        );
    }
}

fn https_binding(tls: Tls) -> toolward::config::Binding {
    let mut bound = binding("https://host");
    bound.tls = tls;
    bound
}

#[tokio::test]
async fn a_certificate_for_another_name_or_time_is_refused() {
    let authority = authority();
    let other = leaf(&authority, "other.example", |_| {});
    check_refusal(
        ask(other, trusting(&authority)).await,
        "has a certificate for another name",
        "use the certificate's name in bindings.vbr01.url",
    );
    let expired = leaf(&authority, HOST, |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    check_refusal(
        ask(expired, trusting(&authority)).await,
        "has a certificate that has expired",
        "renew it on the server",
    );
    let future = leaf(&authority, HOST, |params| {
        params.not_before = date_time_ymd(4000, 1, 1);
    });
    check_refusal(
        ask(future, trusting(&authority)).await,
        "has a certificate that is not valid yet",
        "check the clocks",
    );
}

#[tokio::test]
async fn a_fingerprint_is_all_that_counts_when_it_is_set() {
    let authority = authority();
    let odd = || {
        leaf(&authority, "other.example", |params| {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        })
    };
    let right = odd();
    let pin = Tls::Fingerprint(right.digest);
    assert_eq!(ask(right, pin.clone()).await, Ok(200));
    check_refusal(
        ask(odd(), pin).await,
        "has another certificate than the one whose fingerprint is set",
        "set its new fingerprint in bindings.vbr01.tls",
    );
}

#[tokio::test]
async fn the_pinned_certificate_without_its_key_is_refused() {
    let authority = authority();
    let mut params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    params.is_ca = IsCa::NoCa;
    let real = params
        .signed_by(&KeyPair::generate().unwrap(), &authority)
        .unwrap();
    let digest = Sha256::digest(real.der()).into();
    // The certificate is public; whoever shows it signs with another key.
    let key = KeyPair::generate().unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let signer = provider
        .key_provider
        .load_private_key(PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let shown = rustls::sign::CertifiedKey::new(vec![real.der().clone()], signer);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = ServerConfig::builder_with_provider(provider.clone().into())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(
                shown.clone(),
            )));
        let thief = Leaf { digest, config };
        check_refusal(
            ask(thief, Tls::Fingerprint(digest)).await,
            "does not hold the key of the certificate that it shows",
            "somebody may be between",
        );
    }
}

#[tokio::test]
async fn insecure_accepts_anything() {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["other.example".to_owned()]).unwrap();
    let own = params.self_signed(&key).unwrap();
    assert_eq!(
        ask(server(own.der().clone(), &key), Tls::Insecure).await,
        Ok(200)
    );
}

#[tokio::test]
async fn a_self_signed_certificate_may_be_its_own_authority() {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    let own = params.self_signed(&key).unwrap();
    let tls = Tls::CaFile {
        path: "vbr01.pem".into(),
        pem: own.pem(),
    };
    assert_eq!(ask(server(own.der().clone(), &key), tls).await, Ok(200));
}

#[tokio::test]
async fn a_server_without_tls_is_named_as_that() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let _backend = Backend::serve(listener, None, |_| async { answer(200, "") });
    let mut bound = binding(&format!("https://{address}"));
    bound.tls = Tls::Insecure;
    let refusal = Plugin::bound_to(bound).refused(get("/a")).await;
    assert_eq!(
        refusal,
        "unavailable: backend \"vbr\" does not speak TLS\nhint: check the scheme and the port in bindings.vbr01.url"
    );
}

#[tokio::test]
async fn a_login_speaks_the_same_tls() {
    let backend = Backend::https(leaf(&authority(), HOST, |_| {}).config, |_| async {
        answer(200, "")
    })
    .await;
    let mut bound = with_login(&backend.url());
    bound.tls = trusting(&authority());
    let refusal = Plugin::bound_to(bound).refused(get("/a")).await;
    assert!(
        refusal.contains("cannot log in to backend \"vbr\" with credential \"service\": it has a certificate of an unknown authority"),
        "{refusal}"
    );
    assert_eq!(backend.seen().len(), 0);
}

#[tokio::test]
async fn http_2_is_spoken_where_the_server_offers_it_and_keeps_every_promise() {
    let authority = authority();
    let mut offered = leaf(&authority, HOST, |_| {});
    offered.config.alpn_protocols = vec![b"h2".to_vec()];
    let auth = Arc::new(Auth::new());
    let served = Arc::clone(&auth);
    let backend = Backend::https(offered.config, move |seen| {
        let echoed = seen.header("authorization").unwrap_or_default().to_owned();
        std::future::ready(match seen.path() {
            "/echo" => answer(200, echoed),
            _ => served.answer(&seen),
        })
    })
    .await;
    let mut bound = with_login(&backend.url());
    bound.tls = trusting(&authority);
    let plugin = Plugin::bound_to(bound);

    let echoed = plugin.get("/echo").await.unwrap().1;
    assert_eq!(echoed, "Bearer ******************");
    auth.revoke();
    let repeated = plugin.send(post("/a", body("abc"))).await.unwrap();
    assert_eq!(read(repeated).await.unwrap(), (200, "hello 3".to_owned()));
    let mut streamed = post("/a", body(vec![b'a'; 300 << 10]));
    streamed
        .headers_mut()
        .insert("content-length", (300 << 10).into());
    let streamed = plugin.send(streamed).await.unwrap();
    assert_eq!(read(streamed).await.unwrap().1, "hello 307200");
    let mut short = post("/short", body(vec![b'a'; 300 << 10]));
    short
        .headers_mut()
        .insert("content-length", (301 << 10).into());
    let refusal = plugin.refused(short).await;
    assert!(refusal.contains("not as long as"), "{refusal}");

    let together = (0..20).map(|_| plugin.get("/a"));
    for answer in futures::future::join_all(together).await {
        assert_eq!(answer.unwrap().0, 200);
    }
    assert_eq!(backend.connections(), 1);
}
