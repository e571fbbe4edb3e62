//! `toolward token …`.

use serde_json::json;

use super::failure::Failure;
use super::output::Said;
use crate::auth::token;
use crate::config::token_table;
use crate::error::Exit;
use crate::plugin::hex;

/// Make bearer tokens for callers
#[derive(Debug, clap::Subcommand)]
pub(super) enum Token {
    /// Make a token and print it, once, with the table for the configuration that lets it in
    #[command(after_long_help = "\
Examples:
  toolward token new nightly --tenant operations --scope tools:call:backup-jobs --expires 2027-06-30
  toolward token new ci --json | jq -r .token")]
    New {
        /// What to call it: whose it is, or where it is used
        name: String,
        /// The tenant that its bearer belongs to
        #[arg(long, default_value = "local", value_name = "TENANT")]
        tenant: String,
        /// What its bearer may do; may be given several times
        #[arg(long = "scope", default_value = "tools:call", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// From when on it is refused: a date, or a time as in 2027-06-30T12:00:00Z
        #[arg(long, value_name = "DATE")]
        expires: Option<String>,
    },
}

impl Token {
    pub(super) fn run(self) -> Result<Said, Failure> {
        let Self::New {
            name,
            tenant,
            scopes,
            expires,
        } = self;
        let token = token::generate();
        let hash = format!("sha256:{}", hex(&token::hash(token.expose())));
        let table = token_table(&name, &hash, &tenant, &scopes, expires.as_deref())
            .map_err(|problem| Failure::new(Exit::Usage, problem))?;
        let text = format!(
            "The token, which is shown only now. Its bearer sends it as `Authorization: Bearer TOKEN`:\n\n{}\n\n\
             The table for toolward.toml, which holds only its hash:\n\n{table}",
            token.expose()
        );
        let json = json!({ "token": token.expose(), "toml": table });
        Ok(Said::new(text, json))
    }
}
