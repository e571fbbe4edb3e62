//! The simulator as clients see it: logins, rights, errors of each version, tasks, nodes that are away.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

use std::time::Duration;

use http::HeaderMap;
use pve_simulator::{
    Account, Answer, Cluster, Fate, Flavour, Grant, Options, PASSWORD, Request, SECRET, Token,
};
use serde_json::{Value, json};

struct Client<'c> {
    cluster: &'c Cluster,
    headers: HeaderMap,
}

impl<'c> Client<'c> {
    fn token(cluster: &'c Cluster) -> Self {
        Self::with(
            cluster,
            "authorization",
            &format!("PVEAPIToken=toolward@pve!agent={SECRET}"),
        )
    }

    fn with(cluster: &'c Cluster, name: &'static str, value: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        Self { cluster, headers }
    }

    fn send(&self, method: &str, path: &str, parameters: &str) -> Answer {
        let mut headers = self.headers.clone();
        let (query, body) = match method {
            "GET" | "DELETE" => (parameters, ""),
            _ => ("", parameters),
        };
        if !body.is_empty() {
            headers.insert(
                "content-type",
                "application/x-www-form-urlencoded".parse().unwrap(),
            );
        }
        self.cluster.ask(&Request {
            method,
            path: &format!("/api2/json{path}"),
            query,
            headers: &headers,
            body: body.as_bytes(),
        })
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.send("GET", path, "");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body.unwrap()["data"].clone()
    }

    fn post(&self, path: &str, parameters: &str) -> Value {
        let answer = self.send("POST", path, parameters);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body.unwrap()["data"].clone()
    }
}

fn message(answer: &Answer) -> String {
    let body = answer
        .body
        .as_ref()
        .map_or(&Value::Null, |body| &body["message"]);
    body.as_str().unwrap_or_default().trim().to_owned()
}

#[test]
fn a_task_takes_its_time_and_locks_the_guest() {
    let cluster = Cluster::new(&Options::default());
    let client = Client::token(&cluster);
    let upid = client.post("/nodes/pve1/qemu/101/snapshot", "snapname=before");
    let path = format!("/nodes/pve1/tasks/{}/status", upid.as_str().unwrap());
    assert_eq!(client.get(&path)["status"], "running");
    assert_eq!(
        cluster.guest(101).unwrap().lock.as_deref(),
        Some("snapshot")
    );
    let refused = client.send("POST", "/nodes/pve1/qemu/101/status/shutdown", "");
    assert_eq!(
        (refused.status, message(&refused).as_str()),
        (500, "VM is locked (snapshot)")
    );
    cluster.advance(Duration::from_secs(1));
    let done = client.get(&path);
    assert_eq!(
        (&done["status"], &done["exitstatus"]),
        (&json!("stopped"), &json!("OK"))
    );
    assert_eq!(cluster.guest(101).unwrap().snapshots, ["before"]);
    assert_eq!(cluster.violations(), []);
}

#[test]
fn tasks_fail_and_warn_on_demand() {
    let cluster = Cluster::new(&Options::default());
    let client = Client::token(&cluster);
    cluster.next_task("qmstart", Fate::Fails("no such bridge".to_owned()));
    client.post("/nodes/pve2/qemu/103/status/start", "");
    cluster.advance(Duration::from_secs(1));
    assert_eq!(cluster.guest(103).unwrap().status, "stopped");
    cluster.next_task("qmstart", Fate::Warnings(2));
    client.post("/nodes/pve2/qemu/103/status/start", "");
    cluster.advance(Duration::from_secs(1));
    assert_eq!(cluster.guest(103).unwrap().status, "running");
    let ends: Vec<_> = cluster
        .tasks()
        .into_iter()
        .filter_map(|(_, _, exit)| exit)
        .collect();
    assert_eq!(ends, ["no such bridge", "WARNINGS: 2"]);
}

#[test]
fn unknown_and_missing_parameters_are_refused_as_a_whole() {
    let cluster = Cluster::new(&Options::default());
    let client = Client::token(&cluster);
    let answer = client.send("POST", "/nodes/pve1/qemu/101/snapshot", "nonsense=1");
    assert_eq!(answer.status, 400);
    let errors = &answer.body.unwrap()["errors"];
    assert!(
        errors["nonsense"].is_string() && errors["snapname"].is_string(),
        "{errors}"
    );
    let answer = client.send("GET", "/nodes/pve1/qemu/abc/config", "");
    assert_eq!(answer.status, 400);
    let answer = client.send("GET", "/nowhere", "");
    assert_eq!((answer.status, answer.body), (501, None));
}

#[test]
fn a_body_where_none_belongs_is_not_implemented() {
    let cluster = Cluster::new(&Options::default());
    let client = Client::token(&cluster);
    let answer = cluster.ask(&Request {
        method: "DELETE",
        path: "/api2/json/nodes/pve2/qemu/103",
        query: "",
        headers: &client.headers,
        body: b"purge=1",
    });
    assert_eq!(answer.status, 501);
}

#[test]
fn errors_have_their_text_where_the_version_puts_it() {
    for flavour in Flavour::ALL {
        let cluster = Cluster::new(&Options {
            flavour,
            ..Options::default()
        });
        let answer = Client::token(&cluster).send("GET", "/nodes/pve1/qemu/999/config", "");
        let text = "Configuration file 'nodes/pve1/qemu-server/999.conf' does not exist";
        assert_eq!((answer.status, answer.reason.as_str()), (500, text));
        let expected = if flavour == Flavour::V7 { "" } else { text };
        assert_eq!(message(&answer), expected);
        let answer = Client::with(&cluster, "x-nothing", "1").send("GET", "/version", "");
        assert_eq!(
            (answer.status, answer.reason.as_str(), answer.body),
            (401, "No ticket", None)
        );
    }
}

#[test]
fn a_ticket_needs_its_proof_to_write_and_ends() {
    let options = Options {
        ticket_life: Duration::from_mins(1),
        ..Options::default()
    };
    let cluster = Cluster::new(&options);
    let nobody = Client::with(&cluster, "x-nothing", "1");
    let form = format!("username=toolward%40pve&password={PASSWORD}");
    let login = nobody.post("/access/ticket", &form);
    let cookie = format!("PVEAuthCookie={}", login["ticket"].as_str().unwrap());
    let mut client = Client::with(&cluster, "cookie", &cookie);
    client.get("/version");
    let path = "/nodes/pve2/qemu/103/status/start";
    assert_eq!(client.send("POST", path, "").status, 401);
    let csrf = login["CSRFPreventionToken"].as_str().unwrap();
    client
        .headers
        .insert("csrfpreventiontoken", csrf.parse().unwrap());
    client.post(path, "");
    // The ticket itself renews it; a wrong password does nothing.
    let renewal = format!(
        "username=toolward%40pve&password={}",
        login["ticket"].as_str().unwrap()
    );
    nobody.post("/access/ticket", &renewal);
    assert_eq!(
        nobody
            .send(
                "POST",
                "/access/ticket",
                "username=toolward%40pve&password=x"
            )
            .status,
        401
    );
    cluster.advance(Duration::from_mins(2));
    assert_eq!(client.send("GET", "/version", "").status, 401);
    let stats = cluster.stats();
    assert_eq!(
        (stats.logins, stats.renewals, stats.failed_logins),
        (1, 1, 1)
    );
}

#[test]
fn a_second_factor_is_asked_for_and_serves_once() {
    let secret = b"12345678901234567890".to_vec();
    let mut options = Options::default();
    options.accounts[0].totp = Some(secret.clone());
    let cluster = Cluster::new(&options);
    let nobody = Client::with(&cluster, "x-nothing", "1");
    let first = format!("username=toolward%40pve&password={PASSWORD}");
    let code = cluster.code(&secret);
    let second = |code: &str| {
        let half = nobody.post("/access/ticket", &first);
        assert_eq!(half["NeedTFA"], 1);
        let challenge = half["ticket"].as_str().unwrap();
        assert!(challenge.starts_with("PVE:!tfa!"));
        let form =
            format!("username=toolward%40pve&tfa-challenge={challenge}&password=totp%3A{code}");
        nobody.send("POST", "/access/ticket", &form).status
    };
    assert_eq!(
        [second("000000"), second(&code), second(&code)],
        [401, 200, 401]
    );
}

#[test]
fn rights_filter_lists_and_refuse_the_rest() {
    let mut options = Options::default();
    options.accounts.push(Account {
        user: "viewer@pve".to_owned(),
        password: "x".to_owned(),
        totp: None,
        grants: vec![Grant::new("/vms/101", &["VM.Audit", "VM.PowerMgmt"])],
    });
    let token = |id: &str, privilege_separation| Token {
        id: format!("viewer@pve!{id}"),
        secret: "s".to_owned(),
        privilege_separation,
        grants: Vec::new(),
    };
    options
        .tokens
        .extend([token("full", false), token("apart", true)]);
    let cluster = Cluster::new(&options);
    let client = |id: &str| {
        Client::with(
            &cluster,
            "authorization",
            &format!("PVEAPIToken=viewer@pve!{id}=s"),
        )
    };
    let ids = |client: &Client<'_>| {
        let all = client.get("/cluster/resources?type=vm".split('?').next().unwrap());
        let guests = all
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["vmid"].is_u64());
        guests
            .map(|one| one["vmid"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&client("full")), [101]);
    // A token with its own rights, and none granted, sees nothing and is told no error.
    assert_eq!(ids(&client("apart")), [0; 0]);
    let refused = client("apart").send("POST", "/nodes/pve1/qemu/101/status/reboot", "");
    assert_eq!(
        message(&refused),
        "Permission check failed (/vms/101, VM.PowerMgmt)"
    );
    assert_eq!(
        client("full")
            .send("POST", "/nodes/pve1/qemu/101/status/reboot", "")
            .status,
        200
    );
}

#[test]
fn a_node_that_is_away_answers_595_and_its_guests_are_unknown() {
    let cluster = Cluster::new(&Options::default());
    let client = Client::token(&cluster);
    cluster.set_online("pve3", false);
    let answer = client.send("GET", "/nodes/pve3/status", "");
    assert_eq!((answer.status, answer.body.is_none()), (595, true));
    let all = client.get("/cluster/resources");
    let guest = all
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["vmid"] == 104)
        .unwrap();
    assert_eq!(
        (&guest["status"], guest.get("name")),
        (&json!("unknown"), None)
    );
    assert_eq!(cluster.violations(), []);
}

#[test]
fn every_list_fits_the_vendors_description() {
    let cluster = Cluster::new(&Options::default());
    let client = Client::token(&cluster);
    for path in [
        "/version",
        "/cluster/resources",
        "/cluster/status",
        "/cluster/nextid",
        "/cluster/tasks",
        "/cluster/backup",
        "/cluster/backup-info/not-backed-up",
        "/cluster/ha/resources",
        "/cluster/ha/status/current",
        "/access/permissions",
        "/nodes",
        "/nodes/pve1/status",
        "/nodes/pve1/services",
        "/nodes/pve1/apt/update",
        "/nodes/pve1/aplinfo",
        "/nodes/pve1/tasks",
        "/nodes/pve1/storage",
        "/nodes/pve1/storage/nas/content",
        "/nodes/pve1/storage/pbs/content",
        "/nodes/pve1/storage/ceph/content",
        "/nodes/pve1/qemu/101/status/current",
        "/nodes/pve2/lxc/200/status/current",
        "/nodes/pve1/qemu/101/config",
        "/nodes/pve2/lxc/200/config",
        "/nodes/pve1/qemu/101/migrate",
        "/nodes/pve1/qemu/101/snapshot",
        "/nodes/pve2/lxc/200/snapshot",
        "/nodes/pve2/lxc/200/interfaces",
        "/nodes/pve1/qemu/101/agent/network-get-interfaces",
    ] {
        client.get(path);
    }
    let shown: Vec<_> = cluster
        .violations()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(shown.is_empty(), "{}", shown.join("\n"));
}
