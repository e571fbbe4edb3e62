//! The plugin on a simulated cluster, without a socket: every request of a tool goes straight to the simulator.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]
#![allow(dead_code, reason = "each test file uses another part of it")]

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use proxmox_vms::PLUGIN;
use pve_simulator::{Answer as Told, Cluster, Flavour, Options, Request, SECRET};
use serde_json::{Value, json};
use toolward_sdk::ask::Ask;
use toolward_sdk::testing::{Answer, Called, Host, JobRun, Sent};
use toolward_sdk::{Backend, Failure, ToolError};

/// A cluster, and what the operator set.
pub(crate) struct Lab {
    pub(crate) clusters: Vec<(String, Cluster)>,
    pub(crate) settings: Value,
    pub(crate) read_only: bool,
    /// The host passes reason phrases on.
    pub(crate) token: String,
}

/// What came of a call in the end: its job's result, if it began one.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) result: Result<Value, ToolError>,
    pub(crate) text: String,
    /// What the person was shown.
    pub(crate) asked: Vec<Value>,
    pub(crate) job: Option<String>,
    pub(crate) requests: Vec<Sent>,
}

impl Outcome {
    #[track_caller]
    pub(crate) fn ok(&self) -> &Value {
        match &self.result {
            Ok(value) => value,
            Err(error) => panic!("the tool failed: {error}"),
        }
    }

    #[track_caller]
    pub(crate) fn error(&self) -> &ToolError {
        match &self.result {
            Err(error) => error,
            Ok(value) => panic!("it worked: {value}"),
        }
    }

    /// How each part ended.
    #[track_caller]
    pub(crate) fn outcomes(&self) -> Vec<String> {
        let lines = self.ok()["results"].as_array().cloned().unwrap_or_default();
        lines
            .iter()
            .map(|line| line["outcome"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Lab {
    pub(crate) fn new(flavour: Flavour) -> Self {
        Self::with(Options {
            flavour,
            ..Options::default()
        })
    }

    pub(crate) fn with(options: Options) -> Self {
        Self {
            clusters: vec![("pve".to_owned(), timeless(options))],
            settings: json!({}),
            read_only: false,
            token: format!("PVEAPIToken=toolward@pve!agent={SECRET}"),
        }
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        &self.clusters[0].1
    }

    /// A second cluster of that name.
    pub(crate) fn and(mut self, name: &str) -> Self {
        "lab".clone_into(&mut self.clusters[0].0);
        let cluster = timeless(Options::default());
        self.clusters.push((name.to_owned(), cluster));
        self
    }

    pub(crate) fn host(&self) -> Host {
        let mut host = Host::new(&PLUGIN).settings(&self.settings);
        for (name, cluster) in &self.clusters {
            let mut backend = Backend::named(name);
            "pve".clone_into(&mut backend.answers);
            "pve".clone_into(&mut backend.kind);
            backend.read_only = self.read_only;
            let (cluster, token) = (cluster.clone(), self.token.clone());
            host = host
                .backend(backend)
                .serve(name, move |sent| deliver(&ask(&cluster, sent, &token)));
        }
        host
    }

    /// Calls a tool; says yes to every question, and follows its job to the end.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments are made for one call"
    )]
    #[track_caller]
    pub(crate) fn call(&self, tool: &str, arguments: Value) -> Outcome {
        self.reply(tool, &arguments, Some(json!({ "confirm": true })))
    }

    /// The same, without anybody who answers questions.
    #[track_caller]
    pub(crate) fn call_alone(&self, tool: &str, arguments: &Value) -> Called {
        self.host().call(tool, arguments)
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments are made for one call"
    )]
    #[track_caller]
    fn reply(&self, tool: &str, arguments: &Value, answer: Option<Value>) -> Outcome {
        let mut keys: Vec<String> = Vec::new();
        let mut asked = Vec::new();
        loop {
            let mut host = self.host();
            for key in &keys {
                host = host.answer(key, answer.clone().unwrap_or_default());
            }
            let called = host.call(tool, arguments);
            let open = called
                .asked
                .iter()
                .find(|one| !keys.contains(&one.key))
                .cloned();
            if let Some(open) = open {
                keys.push(open.key);
                asked.push(shown(&open.ask));
                assert!(keys.len() < 5, "{tool} asks again and again: {asked:?}");
                continue;
            }
            return finish(tool, called, asked);
        }
    }

    /// A request from elsewhere.
    #[track_caller]
    pub(crate) fn post(&self, path: &str, form: &str) {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", self.token.parse().unwrap());
        headers.insert(
            "content-type",
            "application/x-www-form-urlencoded".parse().unwrap(),
        );
        let told = self.cluster().ask(&Request {
            method: "POST",
            path: &format!("/api2/json{path}"),
            query: "",
            headers: &headers,
            body: form.as_bytes(),
        });
        assert_eq!(told.status, 200, "{told:?}");
    }

    /// What the simulator found wrong with requests and answers.
    #[track_caller]
    pub(crate) fn fits(&self) {
        for (_, cluster) in &self.clusters {
            let found: Vec<_> = cluster
                .violations()
                .iter()
                .map(ToString::to_string)
                .collect();
            assert!(found.is_empty(), "{}", found.join("\n"));
        }
    }
}

fn shown(ask: &Ask) -> Value {
    match ask {
        Ask::Confirm(confirm) => json!(format!("{confirm:?}")),
        other => json!(format!("{other:?}")),
    }
}

#[track_caller]
fn finish(tool: &str, called: Called, asked: Vec<Value>) -> Outcome {
    let requests = called.requests.clone();
    match &called.result {
        Ok(_) => Outcome {
            result: Ok(fits_its_schema(tool, called.structured())),
            text: called.text(),
            asked,
            job: None,
            requests,
        },
        Err(Failure::Tool(error)) => Outcome {
            result: Err(error.clone()),
            text: error.message.clone(),
            asked,
            job: None,
            requests,
        },
        Err(_) => {
            let job: JobRun = called.job();
            let title = job.title().to_owned();
            let ended = job.run();
            let text = match &ended.result {
                Ok(_) => ended.text(),
                Err(failure) => failure.to_string(),
            };
            let result = match &ended.result {
                Ok(_) => Ok(fits_its_schema(tool, ended.structured())),
                Err(Failure::Tool(error)) => Err(error.clone()),
                Err(other) => panic!("{tool}: {other:?}"),
            };
            Outcome {
                result,
                text,
                asked,
                job: Some(title),
                requests,
            }
        }
    }
}

/// The host insists on it.
#[track_caller]
fn fits_its_schema(tool: &str, value: Value) -> Value {
    let definition = PLUGIN
        .definitions()
        .into_iter()
        .find(|one| one.name == tool)
        .unwrap();
    let schema = definition
        .output_schema
        .unwrap_or_else(|| panic!("{tool} has no output schema"));
    if let Err(error) = jsonschema::validate(&schema, &value) {
        panic!("{tool}: {error} at {}: {value}", error.instance_path());
    }
    value
}

fn ask(cluster: &Cluster, sent: &Sent, token: &str) -> Told {
    let mut headers = HeaderMap::new();
    for (name, value) in &sent.headers {
        headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers.insert("authorization", token.parse().unwrap());
    cluster.ask(&Request {
        method: &sent.method,
        path: &sent.path,
        query: &serde_urlencoded::to_string(&sent.query).unwrap(),
        headers: &headers,
        body: &sent.body,
    })
}

fn deliver(told: &Told) -> Answer {
    let body = told
        .body
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    Answer::status(told.status)
        .header("x-reason-phrase", &told.reason)
        .body(body)
}

/// A cluster whose time goes by with requests, not with the clock: a job's steps follow each other at once.
fn timeless(options: Options) -> Cluster {
    Cluster::new(&Options {
        task_time: Duration::from_secs(3),
        time_per_request: Duration::from_secs(1),
        ..options
    })
}
