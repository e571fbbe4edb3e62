//! The tools on answers of the simulator, which fit the vendor's documents: every kind of job, both revisions.
//! And the other direction: the tools' requests against those documents, where they are present.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

use std::time::Duration;

use backup_jobs::PLUGIN;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::Certificate;
use toolward_sdk::prelude::*;
use toolward_sdk::testing::{Answer, Called, Exchange, Host, Sent};
use vbr_simulator::openapi::{self, Checker};
use vbr_simulator::{Options, Quirks, Revision, Simulator};

/// A simulator, and a client that has logged in to it.
struct Backup {
    simulator: Simulator,
    http: reqwest::Client,
    token: String,
    revision: Revision,
}

impl Backup {
    async fn start(revision: Revision, quirks: Quirks) -> Self {
        // Installed by whichever test comes first.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let options = Options {
            jobs: 16,
            quirks,
            run_time: Duration::from_hours(1),
            ..Options::default()
        };
        let (user, password) = (options.user.clone(), options.password.clone());
        let simulator = Simulator::start(options).await.unwrap();
        let certificate = Certificate::from_pem(simulator.ca_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([certificate])
            .build()
            .unwrap();
        let form = [
            ("grant_type", "password"),
            ("username", &user),
            ("password", &password),
        ];
        let login = http
            .post(simulator.url() + "/api/oauth2/token")
            .header("x-api-version", revision.as_str())
            .form(&form);
        let pair = login.send().await.unwrap().bytes().await.unwrap();
        let pair: Value = serde_json::from_slice(&pair).unwrap();
        let token = pair["access_token"].as_str().unwrap().to_owned();
        Self {
            simulator,
            http,
            token,
            revision,
        }
    }

    /// Runs a tool. The script is made on the way: a request that it lacks is put to the simulator, and the tool
    /// runs again with the answer, until it comes to its end.
    async fn call(&self, tool: &str, arguments: &Value) -> Called {
        let mut script: Vec<(Sent, u16, Bytes)> = Vec::new();
        loop {
            let known = script.len();
            let called = self.replay(&script, tool, arguments);
            if called.requests.len() == known {
                return called;
            }
            let next = called.requests.into_iter().nth(known).unwrap();
            let (status, body) = self.ask(&next).await;
            script.push((next, status, body));
        }
    }

    /// Runs a tool on what is known; what is not is answered with an error, at which the tool ends.
    fn replay(&self, script: &[(Sent, u16, Bytes)], tool: &str, arguments: &Value) -> Called {
        let settings = json!({ "revision": self.revision.as_str() });
        let mut host = Host::new(&PLUGIN).settings(settings);
        for (sent, status, body) in script {
            let mut exchange = if sent.method == "POST" {
                Exchange::post("vbr", &sent.path)
            } else {
                Exchange::get("vbr", &sent.path)
            };
            for (name, value) in &sent.query {
                exchange = exchange.query(name, value);
            }
            host = host.expect(exchange.answer(Answer::status(*status).body(body.to_vec())));
        }
        let mut unknown = vec![
            Exchange::get("vbr", "/api/v1/jobs/states"),
            Exchange::get("vbr", "/api/v1/sessions"),
        ];
        for (id, _) in self.simulator.jobs() {
            let path = format!("/api/v1/jobs/{id}");
            unknown.push(Exchange::get("vbr", &path));
            for order in ["start", "stop", "retry"] {
                unknown.push(Exchange::post("vbr", &format!("{path}/{order}")));
            }
        }
        for exchange in unknown {
            host = host.expect(exchange.answer(Answer::status(599)).always());
        }
        host.call(tool, arguments)
    }

    async fn ask(&self, sent: &Sent) -> (u16, Bytes) {
        let url = format!("{}{}?{}", self.simulator.url(), sent.path, query(sent));
        let method = sent.method.parse().unwrap();
        let request = self
            .http
            .request(method, url)
            .headers(headers(sent))
            .bearer_auth(&self.token)
            .body(sent.body.clone());
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.bytes().await.unwrap())
    }
}

fn query(sent: &Sent) -> String {
    serde_urlencoded::to_string(&sent.query).unwrap()
}

fn headers(sent: &Sent) -> HeaderMap {
    let headers = sent.headers.iter().map(|(name, value)| {
        (
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_str(value).unwrap(),
        )
    });
    headers.collect()
}

/// The result fits the tool's own output schema, which the host insists on.
fn fits_its_schema(tool: &str, called: &Called) -> Value {
    let result = called.structured();
    let definitions = PLUGIN.definitions();
    let definition = definitions
        .into_iter()
        .find(|one| one.name == tool)
        .unwrap();
    let schema = definition.output_schema.unwrap();
    if let Err(error) = jsonschema::validate(&schema, &result) {
        panic!("{tool}: {error} at {}: {result}", error.instance_path());
    }
    result
}

fn fit_the_document(revision: Revision, called: &Called) {
    let Some(checker) = Checker::load(revision) else {
        eprintln!(
            "skipped: the vendor's document for {revision} is not in {}",
            Checker::folder().display()
        );
        return;
    };
    for sent in &called.requests {
        let mut headers = headers(sent);
        // The host adds it.
        headers.insert("authorization", HeaderValue::from_static("Bearer x"));
        let (query, body) = (query(sent), Bytes::from(sent.body.clone()));
        let request = openapi::Request {
            method: &sent.method,
            path: &sent.path,
            query: &query,
            headers: &headers,
            body: &body,
        };
        let violations = checker.check_request(&request);
        assert!(violations.is_empty(), "{sent}: {violations:?}");
    }
}

const QUIRKS: [Quirks; 2] = [
    Quirks {
        nulls: false,
        nested_includes: false,
    },
    Quirks {
        nulls: true,
        nested_includes: true,
    },
];

#[tokio::test]
async fn every_list_fits() {
    for revision in Revision::ALL {
        for quirks in QUIRKS {
            let backup = Backup::start(revision, quirks).await;
            for arguments in [
                json!({}),
                json!({ "limit": 3, "skip": 2, "sort": "last_run" }),
                json!({ "type": "Backup", "status": "running", "last_result": "none" }),
                json!({ "status": "disabled", "sort": "next_run" }),
                json!({ "name": "*nightly" }),
                json!({ "name": "бухгалтерия" }),
                json!({ "name": "%" }),
            ] {
                let called = backup.call("backup_jobs_list", &arguments).await;
                let list = fits_its_schema("backup_jobs_list", &called);
                assert!(
                    !list["jobs"].as_array().unwrap().is_empty(),
                    "{revision} {arguments}"
                );
                fit_the_document(revision, &called);
            }
        }
    }
}

#[tokio::test]
async fn every_job_fits() {
    for revision in Revision::ALL {
        for quirks in QUIRKS {
            let backup = Backup::start(revision, quirks).await;
            for (number, (id, name)) in backup.simulator.jobs().into_iter().enumerate() {
                let arguments = json!({ "job": id.to_string(), "whole_configuration": true });
                let called = backup.call("backup_jobs_get", &arguments).await;
                let details = fits_its_schema("backup_jobs_get", &called);
                fit_the_document(revision, &called);
                // What a revision cannot show of a job is said; the rest is there.
                let hidden =
                    revision == Revision::V1_2Rev1 && [2, 3, 5, 10, 12, 15].contains(&number);
                let shown = !hidden && number != 10;
                assert_eq!(details.get("state").is_none(), hidden, "{revision} {name}");
                assert_eq!(
                    details.get("configuration").is_some(),
                    shown,
                    "{revision} {name}"
                );
                assert_eq!(details.get("note").is_none(), shown, "{revision} {name}");
                if shown {
                    let configuration = &details["configuration"];
                    assert!(
                        configuration["schedule"]["automatic"].is_boolean(),
                        "{details}"
                    );
                    let file_copy = number == 8;
                    let objects = configuration["objects"].as_array().unwrap();
                    assert_eq!(
                        objects.is_empty(),
                        file_copy,
                        "{revision} {name}: {configuration}"
                    );
                }
                let runs = details["runs"].as_array().unwrap().len();
                assert_eq!(runs, if number == 13 { 0 } else { 3 }, "{revision} {name}");
            }
        }
    }
}

#[tokio::test]
async fn a_job_is_found_by_any_name_there_is() {
    for revision in Revision::ALL {
        let backup = Backup::start(revision, Quirks::default()).await;
        for (number, (id, name)) in backup.simulator.jobs().into_iter().enumerate() {
            if revision == Revision::V1_2Rev1 && [2, 3, 5, 10, 12, 15].contains(&number) {
                continue;
            }
            let called = backup
                .call("backup_jobs_get", &json!({ "job": name, "runs": 1 }))
                .await;
            assert_eq!(called.structured()["id"], id.to_string(), "{name}");
            fit_the_document(revision, &called);
        }
    }
}

#[tokio::test]
async fn orders_are_taken() {
    for revision in Revision::ALL {
        let backup = Backup::start(revision, Quirks::default()).await;
        let jobs = backup.simulator.jobs();
        let mut orders = vec![
            (
                "backup_jobs_start",
                json!({ "job": jobs[0].0.to_string(), "full": true }),
            ),
            (
                "backup_jobs_stop",
                json!({ "job": jobs[0].0.to_string(), "graceful": false }),
            ),
            (
                "backup_jobs_start",
                json!({ "job": jobs[7].1, "start_chained_jobs": true }),
            ),
        ];
        if revision == Revision::V1_3Rev1 {
            orders.push((
                "backup_jobs_stop",
                json!({ "job": jobs[7].1, "cancel_chained_jobs": true }),
            ));
            orders.push(("backup_jobs_retry", json!({ "job": jobs[1].1 })));
        }
        for (tool, arguments) in orders {
            let called = backup.call(tool, &arguments).await;
            let result = fits_its_schema(tool, &called);
            assert!(result["run"]["session_id"].is_string(), "{result}");
            fit_the_document(revision, &called);
        }
    }
}
