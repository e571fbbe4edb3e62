//! A backup server, and the plugins on it: every request of a tool goes to the simulator, and is held against the vendor's
//! document of its revision on the way.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::Certificate;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use toolward_sdk::testing::{Answer, Called, Host, Sent};
use toolward_sdk::{Backend, Plugin};
use vbr_simulator::openapi::{self, Checker};
use vbr_simulator::{Login, Options, Revision, Simulator};

/// A simulator, and a client that has logged in to it.
pub(crate) struct Server {
    pub(crate) simulator: Simulator,
    http: reqwest::Client,
    token: String,
    checkers: Vec<Checker>,
}

impl Server {
    /// One whose documents are checked where they are present.
    pub(crate) async fn start(options: Options) -> Rc<Self> {
        let login = Login {
            user: options.user.clone(),
            password: options.password.clone(),
        };
        Self::start_as(options, login).await
    }

    /// The same, logged in as somebody else than its administrator.
    pub(crate) async fn start_as(options: Options, login: Login) -> Rc<Self> {
        // Installed by whichever test comes first.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let checkers: Vec<Checker> = Revision::ALL
            .into_iter()
            .filter_map(Checker::load)
            .collect();
        if checkers.is_empty() {
            eprintln!(
                "unchecked: the vendor's documents are not in {}",
                Checker::folder().display()
            );
        }
        let newest = options.revisions.iter().max().copied().unwrap();
        // The simulator holds its own answers against them, too.
        let options = Options {
            checkers: checkers.clone(),
            ..options
        };
        let simulator = Simulator::start(options).await.unwrap();
        let certificate = Certificate::from_pem(simulator.ca_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([certificate])
            .build()
            .unwrap();
        let form = [
            ("grant_type", "password"),
            ("username", &login.user),
            ("password", &login.password),
        ];
        let login = http
            .post(simulator.url() + "/api/oauth2/token")
            .header("x-api-version", newest.as_str())
            .form(&form);
        let pair = login.send().await.unwrap().bytes().await.unwrap();
        let pair: Value = serde_json::from_slice(&pair).unwrap();
        let token = pair["access_token"].as_str().unwrap().to_owned();
        Rc::new(Self {
            simulator,
            http,
            token,
            checkers,
        })
    }

    /// One that serves all revisions up to this one, as a server of that version does.
    pub(crate) async fn of(newest: Revision, jobs: usize) -> Rc<Self> {
        Self::start(Options {
            revisions: up_to(newest),
            jobs,
            run_time: Duration::from_hours(1),
            ..Options::default()
        })
        .await
    }

    /// Runs a tool; whoever is asked says yes.
    pub(crate) fn call(
        self: &Rc<Self>,
        plugin: &'static Plugin,
        tool: &str,
        arguments: Value,
    ) -> Called {
        self.host(plugin).call(tool, arguments)
    }

    /// A host of the plugin with this server as its backend.
    pub(crate) fn host(self: &Rc<Self>, plugin: &'static Plugin) -> Host {
        hosted(plugin, vec![("vbr", Rc::clone(self))])
    }

    /// The answer to a request, and whether it fits the document.
    pub(crate) fn ask(&self, sent: &Sent) -> Answer {
        self.check(sent);
        let url = format!("{}{}?{}", self.simulator.url(), sent.path, query(sent));
        let request = self
            .http
            .request(sent.method.parse().unwrap(), url)
            .headers(headers(sent))
            .bearer_auth(&self.token)
            .body(sent.body.clone());
        let asked = async {
            let response = request.send().await.ok()?;
            let status = response.status().as_u16();
            Some((status, response.bytes().await.ok()?))
        };
        let answered = tokio::task::block_in_place(|| Handle::current().block_on(asked));
        match answered {
            Some((status, body)) => Answer::status(status).body(body.to_vec()),
            None => Answer::refused(
                toolward_sdk::Trouble::Unavailable,
                "backend \"vbr\" does not answer",
            ),
        }
    }

    /// Neither a request nor an answer was anything that the vendor's document does not describe.
    #[track_caller]
    pub(crate) fn kept_to_the_document(&self) {
        let violations = self.simulator.stats().violations;
        assert!(violations.is_empty(), "{violations:?}");
    }

    fn check(&self, sent: &Sent) {
        let mut headers = headers(sent);
        // The host adds it.
        headers.insert("authorization", HeaderValue::from_static("Bearer x"));
        let version = sent.header("x-api-version").unwrap();
        let served: Revision = version.parse().unwrap();
        let Some(checker) = self.checkers.iter().find(|one| one.revision() == served) else {
            return;
        };
        let (query, body) = (query(sent), Bytes::from(sent.body.clone()));
        let request = openapi::Request {
            method: &sent.method,
            path: &sent.path,
            query: &query,
            headers: &headers,
            body: &body,
        };
        let violations = checker.check_request(&request);
        assert!(violations.is_empty(), "{sent} at {served}: {violations:?}");
    }
}

/// A plugin with several servers.
pub(crate) fn hosted(plugin: &'static Plugin, servers: Vec<(&str, Rc<Server>)>) -> Host {
    let mut host = Host::new(plugin).answer("confirm", json!({ "reason": "a test" }));
    for (at, (name, _)) in servers.iter().enumerate() {
        let mut backend = Backend::named(*name);
        "vbr".clone_into(&mut backend.answers);
        backend.default = at == 0;
        host = host.backend(backend);
    }
    for (name, server) in servers {
        host = host.serve(name, move |sent| server.ask(sent));
    }
    host
}

pub(crate) fn up_to(newest: Revision) -> Vec<Revision> {
    Revision::ALL
        .into_iter()
        .filter(|one| *one <= newest)
        .collect()
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
pub(crate) fn fits(plugin: &'static Plugin, tool: &str, called: &Called) -> Value {
    let result = called.structured();
    let definitions = plugin.definitions();
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
