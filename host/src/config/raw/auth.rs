//! `[auth]` as written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Duration, Texts};
use crate::config::at::At;
use crate::config::defaults;

/// Who may call over HTTP. Without this table nobody is asked who they are, and the host listens on loopback only.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Auth {
    /// Static bearer tokens, by name. `toolward token new NAME` makes one and prints its table. Several may be valid
    /// at once, so that one replaces another without a gap.
    pub(in crate::config) tokens: Option<BTreeMap<At<String>, Token>>,
    /// The OAuth 2.1 authorization server whose access tokens are taken.
    pub(in crate::config) oauth: Option<At<OAuth>>,
}

/// A static bearer token.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Token {
    /// SHA-256 of the token: `sha256:` and 64 hexadecimal digits. The token itself is nowhere in the file.
    #[schemars(required, extend("examples" = [EXAMPLE_HASH]))]
    pub(in crate::config) hash: Option<At<String>>,
    /// The tenant that its bearer belongs to.
    #[schemars(extend("default" = defaults::TENANT, "examples" = ["team-a"]))]
    pub(in crate::config) tenant: Option<At<String>>,
    /// What its bearer may do: `tools:call`, `resources:read`, `prompts:get`, `jobs:read`, `jobs:cancel`, each also
    /// with a plugin's name after a colon, `metrics:read`, and `admin`.
    #[schemars(required, extend("examples" = [["tools:call:backup-jobs", "jobs:read"]]))]
    pub(in crate::config) scopes: Option<At<Vec<At<String>>>>,
    /// From when on it is refused: a date (its first moment, UTC) or a time as RFC 3339 has it. Default: never.
    #[schemars(extend("examples" = ["2027-06-30"]))]
    pub(in crate::config) expires: Option<At<String>>,
}

const EXAMPLE_HASH: &str =
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// An OAuth 2.1 authorization server, and how its access tokens (JWTs) are read.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct OAuth {
    /// The issuer: exactly the `iss` of its tokens. Its metadata is found below it.
    #[schemars(required, extend("examples" = ["https://login.example/realms/main"]))]
    pub(in crate::config) issuer: Option<At<String>>,
    /// The URL by which clients reach `/mcp`, as they see it: what protected-resource metadata names.
    #[schemars(required, extend("examples" = ["https://tools.example/mcp"]))]
    pub(in crate::config) resource: Option<At<String>>,
    /// What the `aud` of a token must hold. Default: `resource`.
    #[schemars(extend("examples" = ["api://toolward"]))]
    pub(in crate::config) audience: Option<At<String>>,
    /// Where the issuer's keys are. Default: what its metadata says.
    #[schemars(extend("examples" = ["https://login.example/realms/main/certs"]))]
    pub(in crate::config) jwks_url: Option<At<String>>,
    /// The authorities of the issuer's certificate, PEM. Default: the operating system's roots.
    #[schemars(extend("format" = "path", "examples" = ["login-ca.pem"]))]
    pub(in crate::config) ca_file: Option<At<String>>,
    /// The signature algorithms that are taken, and no others, whatever a token says.
    #[schemars(extend("default" = defaults::ALGORITHMS, "examples" = [["ES256"]]))]
    pub(in crate::config) algorithms: Option<At<Vec<At<Algorithm>>>>,
    /// The tenant of everybody with a token of this issuer. Not together with `tenant-claim`.
    #[schemars(extend("default" = defaults::TENANT, "examples" = ["team-a"]))]
    pub(in crate::config) tenant: Option<At<String>>,
    /// The claim that names the tenant.
    #[schemars(extend("examples" = ["tid"]))]
    pub(in crate::config) tenant_claim: Option<At<String>>,
    /// The values of `tenant-claim` that are taken, each with the tenant it stands for. Default: every value that is
    /// the name of a tenant itself.
    #[schemars(extend("examples" = [{"72f988bf-86f1-41af-91ab-2d7cd011db47": "team-a"}]))]
    pub(in crate::config) tenants: Option<At<Texts>>,
    /// The claim with the scopes: text with spaces between, or a list of texts.
    #[schemars(extend("default" = defaults::SCOPES_CLAIM, "examples" = ["scp"]))]
    pub(in crate::config) scopes_claim: Option<At<String>>,
    /// How far the issuer's clock may be off, at most 5 min.
    #[schemars(extend("default" = defaults::CLOCK_LEEWAY, "examples" = ["10 s"]))]
    pub(in crate::config) clock_leeway: Option<At<Duration>>,
}

/// A signature algorithm, RFC 7518 and RFC 8037. Those with a shared secret are not among them: whoever can check
/// such a signature can make one.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[schemars(inline)]
pub(in crate::config) enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}
