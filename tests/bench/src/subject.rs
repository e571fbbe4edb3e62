//! What is measured.

/// How a client reaches it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Transport {
    Http,
    Stdio,
}

/// Which program it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Program {
    Bare,
    Rmcp,
    /// The same with as many threads as the host has for I/O.
    RmcpHalfThreads,
    /// The host, configured in one of these ways.
    Ours(Setup),
    /// The HTTPS server that plugins ask.
    Backend,
}

/// How the host is configured.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Setup {
    /// With the echo plugin, a fresh instance for every call, and nobody is asked who calls.
    Plain,
    /// With a plugin that has jobs, so that the host's own tools are on offer.
    Jobs,
    /// As `Plain`, for those who have a token.
    Named,
    /// As `Named`, and an instance serves its principal again.
    PerPrincipal,
    /// With a plugin that asks a backend, where the host logs in.
    Backend,
    /// With ten more plugins.
    Ten,
}

impl Setup {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Jobs => "jobs",
            Self::Named => "named",
            Self::PerPrincipal => "per-principal",
            Self::Backend => "backend",
            Self::Ten => "ten",
        }
    }
}

/// What is called, and by which road.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// The echo tool by stateless MCP.
    Echo,
    /// The same in a session of the old era, one for each connection.
    Session,
    /// The same by plain HTTP.
    Rest,
    /// A tool of the host itself.
    Own,
    /// A tool that makes one request to the backend.
    Ask,
    /// That request, made by the generator itself.
    Direct,
}

/// One of the things that are measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    /// Its name in the report.
    pub(crate) name: &'static str,
    pub(crate) program: Program,
    pub(crate) transport: Transport,
    pub(crate) kind: Kind,
    /// What its figures are divided by.
    pub(crate) yardstick: &'static str,
}

/// The native server that a figure over this transport is divided by.
pub(crate) const fn yardstick(transport: Transport) -> &'static str {
    match transport {
        Transport::Http => "rmcp",
        Transport::Stdio => "rmcp-stdio",
    }
}

/// All whose calls are measured.
pub(crate) const SUBJECTS: [Subject; 13] = [
    http("bare", Program::Bare, Kind::Echo),
    http(yardstick(Transport::Http), Program::Rmcp, Kind::Echo),
    http("rmcp-half-threads", Program::RmcpHalfThreads, Kind::Echo),
    http("ours-floor", Program::Ours(Setup::Jobs), Kind::Own),
    http("ours-fresh", Program::Ours(Setup::Plain), Kind::Echo),
    http("ours-fresh-named", Program::Ours(Setup::Named), Kind::Echo),
    http(
        "ours-per-principal",
        Program::Ours(Setup::PerPrincipal),
        Kind::Echo,
    ),
    http("ours-session", Program::Ours(Setup::Plain), Kind::Session),
    http("ours-rest", Program::Ours(Setup::Plain), Kind::Rest),
    Subject {
        yardstick: "direct-backend",
        ..http("ours-backend", Program::Ours(Setup::Backend), Kind::Ask)
    },
    Subject {
        yardstick: "direct-backend",
        ..http("direct-backend", Program::Backend, Kind::Direct)
    },
    stdio(yardstick(Transport::Stdio), Program::Rmcp),
    stdio("ours-fresh-stdio", Program::Ours(Setup::Plain)),
];

const fn http(name: &'static str, program: Program, kind: Kind) -> Subject {
    Subject {
        name,
        program,
        transport: Transport::Http,
        kind,
        yardstick: yardstick(Transport::Http),
    }
}

const fn stdio(name: &'static str, program: Program) -> Subject {
    Subject {
        name,
        program,
        transport: Transport::Stdio,
        kind: Kind::Echo,
        yardstick: yardstick(Transport::Stdio),
    }
}
