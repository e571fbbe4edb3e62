//! The clients: which there are, what each can do, and how its program is run.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::process::Stdio;
use std::time::Duration;

use e2e::Tools;
use serde_json::{Value, json};
use tokio::process::Command;

/// A program has deadlines of its own; this one is for a program that hangs all the same.
const PATIENCE: Duration = Duration::from_mins(5);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Client {
    /// `PyPI` `mcp`.
    Mcp,
    /// `PyPI` `fastmcp`.
    FastMcp,
    /// npm `@modelcontextprotocol/client`.
    TypeScript,
    /// npm `@modelcontextprotocol/inspector`, its command lines.
    Inspector,
}

/// What a client is to be made to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    List,
    Call,
    Progress,
    Cancel,
    Elicit,
}

/// What a client cannot do, in which version, and why: then it is not asked to. Another version is looked at anew.
const LACKS: [(Client, Step, &str, &str); 1] = [(
    Client::Inspector,
    Step::Progress,
    "2.12.0",
    "it asks for progress, to wait longer while there is some, and neither command line shows any",
)];

impl Step {
    const ALL: [Self; 5] = [
        Self::List,
        Self::Call,
        Self::Progress,
        Self::Cancel,
        Self::Elicit,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Call => "call",
            Self::Progress => "progress",
            Self::Cancel => "cancel",
            Self::Elicit => "elicit",
        }
    }
}

/// The two protocols, and the revision that the clients must end up with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Era {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

pub(crate) const ERAS: [Era; 2] = [
    Era {
        name: "legacy",
        version: "2025-11-25",
    },
    Era {
        name: "modern",
        version: "2026-07-28",
    },
];

/// How a client gets to the host.
#[derive(Clone, Debug)]
pub(crate) enum Reach {
    Http(String),
    Stdio(Vec<String>),
}

impl Client {
    /// What it can do, as the plan names it.
    pub(crate) fn steps(self) -> Vec<&'static str> {
        let able = |step: &Step| {
            let lacks = LACKS
                .iter()
                .find(|(client, lacked, ..)| (*client, *lacked) == (self, *step));
            if let Some((_, _, version, reason)) = lacks {
                e2e::tell(format_args!(
                    "{self:?} {version} is not tried with {step:?}: {reason}"
                ));
            }
            lacks.is_none()
        };
        Step::ALL.into_iter().filter(able).map(Step::word).collect()
    }

    fn command(self, plan: &Value) -> Command {
        let tools = Tools::installed();
        let clients = e2e::repository().join("tests").join("clients");
        let node = |program: &str| {
            let mut command = Command::new(&tools.node);
            command.arg(clients.join(program)).arg(&tools.node_modules);
            command
        };
        let python = |program: &str| {
            let mut command = Command::new(&tools.python);
            // No `__pycache__` in the checkout.
            command.arg("-B").arg(clients.join(program));
            command
        };
        let mut command = match self {
            Self::Mcp => python("python_mcp.py"),
            Self::FastMcp => python("python_fastmcp.py"),
            Self::TypeScript => node("typescript_client.mjs"),
            Self::Inspector => node("inspector.mjs"),
        };
        command.arg(plan.to_string());
        command
    }

    /// Carries the plan out; panics with what the program said if it failed.
    pub(crate) async fn run(self, plan: &Value) {
        let mut command = self.command(plan);
        let child = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let output = tokio::time::timeout(PATIENCE, child).await;
        let output = output
            .unwrap_or_else(|_| panic!("{self:?} hangs with {plan}"))
            .expect("the client can be started");
        let [said, told] =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(
            output.status.success(),
            "{self:?} failed with {plan}\n{said}\n{told}"
        );
        let result: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(result["did"], json!(self.steps()), "{self:?}: {result}");
        for (client, step, version, reason) in LACKS {
            assert!(
                client != self || result["version"] == version,
                "{self:?} is {} now: can it do {step:?}? In {version}: {reason}",
                result["version"]
            );
        }
        e2e::tell(format_args!(
            "{self:?} {} as {}: {}",
            result["version"], plan["era"], result["did"]
        ));
    }
}
