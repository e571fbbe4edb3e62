//! Both logins, on every version, by configuration alone.

use std::time::Duration;

use pve_simulator::{Flavour, Options};
use serde_json::json;

use crate::support::{Lab, Login, Setup};

#[tokio::test(flavor = "multi_thread")]
async fn both_logins_read_and_write_on_every_version() {
    for flavour in Flavour::ALL {
        for login in Login::ALL {
            let lab = Lab::start(Setup {
                options: Options {
                    flavour,
                    ..Options::default()
                },
                credential: login.table(),
                ..Setup::default()
            })
            .await;
            let overview = lab.call("pve_cluster", json!({})).await;
            assert_eq!(overview["clusters"][0]["state"], "quorate", "{overview}");
            assert_eq!(lab.call("pve_guests", json!({})).await["total"], 7);
            let started = lab
                .call("pve_guest_start", json!({ "guests": ["103"] }))
                .await;
            assert_eq!(started["results"][0]["outcome"], "ok", "{started}");
            // A change that has no task, one that deletes, one in a job.
            lab.call("pve_guest_set", json!({ "guest": "103", "cores": 2 }))
                .await;
            lab.call(
                "pve_snapshot_create",
                json!({ "guests": ["103"], "name": "one" }),
            )
            .await;
            lab.call(
                "pve_snapshot_delete",
                json!({ "guest": "103", "snapshot": "one" }),
            )
            .await;
            lab.call(
                "pve_guest_migrate",
                json!({ "guests": ["101"], "target": "pve2" }),
            )
            .await;
            let cluster = lab.simulator.cluster();
            assert_eq!(
                cluster.guest(101).map(|guest| guest.node).as_deref(),
                Some("pve2")
            );
            let stats = cluster.stats();
            let logins = u64::from(login == Login::Ticket);
            assert_eq!(
                (stats.logins, stats.failed_logins),
                (logins, 0),
                "{flavour:?} {login:?}"
            );
            lab.fits();
            // Nothing that was given out is seen by anybody.
            let log = lab.host.stop().await;
            assert!(cluster.issued().iter().all(|secret| !log.contains(secret)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_renewed_with_itself_and_replaced_when_it_is_refused() {
    let lab = Lab::start(Setup {
        options: Options {
            ticket_life: Duration::from_hours(2),
            ..Options::default()
        },
        credential: concat_lifetime(),
        ..Setup::default()
    })
    .await;
    let cluster = lab.simulator.cluster();
    lab.call("pve_guests", json!({})).await;
    // The configured lifetime is two seconds, so the next call but one finds it due.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    lab.call("pve_guests", json!({})).await;
    let mut stats = cluster.stats();
    for _ in 0..50 {
        if stats.renewals > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        stats = cluster.stats();
    }
    assert_eq!((stats.logins, stats.failed_logins), (1, 0));
    assert!(stats.renewals > 0, "it was never renewed");

    // The cluster was restarted: its answer has neither a body nor a ticket.
    cluster.expire_tickets();
    lab.call("pve_guests", json!({})).await;
    assert!(cluster.stats().logins >= 2);
}

/// The ticket's table with a short life.
fn concat_lifetime() -> &'static str {
    Box::leak(
        Login::Ticket
            .table()
            .replace("\"2 h\"", "\"2 s\"")
            .into_boxed_str(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_given_from_its_secret_once_and_then_the_ticket_renews() {
    let mut options = Options::default();
    // `JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP` in Base32.
    options.accounts[0].totp = Some(b"Hello!\xde\xad\xbe\xefHello!\xde\xad\xbe\xef".to_vec());
    let lab = Lab::start(Setup {
        options,
        credential: TWO_FACTORS,
        ..Setup::default()
    })
    .await;
    let cluster = lab.simulator.cluster();
    assert_eq!(lab.call("pve_guests", json!({})).await["total"], 7);
    lab.call("pve_guest_start", json!({ "guests": ["103"] }))
        .await;
    let stats = cluster.stats();
    assert_eq!((stats.logins, stats.failed_logins), (1, 0));
    // A ticket that is refused: the next one needs the next code, which is waited for.
    cluster.expire_tickets();
    lab.call("pve_guests", json!({})).await;
    let stats = cluster.stats();
    assert_eq!(
        (stats.logins, stats.failed_logins),
        (2, 1),
        "the renewal, and no code twice"
    );
}

const TWO_FACTORS: &str = r#"
[credentials.pve]
kind = "login"
lifetime = "2 h"
values = { password = "file:pve-password" }
answer = { ticket = "/data/ticket", csrf = "/data/CSRFPreventionToken" }
challenge-pointer = "/data/NeedTFA"
totp.code = { secret = "file:pve-totp", prefix = "totp:" }

[credentials.pve.request]
path = "/api2/json/access/ticket"
form = { username = "toolward@pve", password = "{password}" }

[credentials.pve.challenge]
path = "/api2/json/access/ticket"
form = { username = "toolward@pve", tfa-challenge = "{ticket}", password = "{code}" }

[credentials.pve.renewal]
path = "/api2/json/access/ticket"
form = { username = "toolward@pve", password = "{ticket}" }

[[credentials.pve.apply]]
header = "cookie"
value = "PVEAuthCookie={ticket}"

[[credentials.pve.apply]]
header = "csrfpreventiontoken"
value = "{csrf}"
methods = ["POST", "PUT", "DELETE"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_login_says_who_can_help() {
    let lab = Lab::start(Setup {
        credential: WRONG_TOKEN,
        ..Setup::default()
    })
    .await;
    let text = lab.fail("pve_guests", json!({})).await;
    assert!(text.contains("only the operator can help"), "{text}");
    assert!(
        !text.contains("nobody") && !text.contains("127.0.0.1"),
        "{text}"
    );
}

const WRONG_TOKEN: &str = r#"
[credentials.pve]
kind = "header"
header = "authorization"
prefix = "PVEAPIToken=toolward@pve!nobody="
value = "file:pve-token"
"#;
