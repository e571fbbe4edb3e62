//! `toolward token …`.

use serde_json::json;

use super::print;
use crate::auth::token;
use crate::config::token_table;
use crate::error::Exit;
use crate::plugin::hex;

/// Make bearer tokens for callers
#[derive(Debug, clap::Subcommand)]
pub(super) enum Token {
    /// Make a token and print it, once, with the table for the configuration that lets it in
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
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Token {
    pub(super) fn run(self) -> Exit {
        let Self::New {
            name,
            tenant,
            scopes,
            expires,
            json: as_json,
        } = self;
        let token = token::generate();
        let hash = format!("sha256:{}", hex(&token::hash(token.expose())));
        let table = match token_table(&name, &hash, &tenant, &scopes, expires.as_deref()) {
            Ok(table) => table,
            Err(problem) => {
                eprintln!("error: {problem}");
                return Exit::Usage;
            }
        };
        if as_json {
            return print(&json!({ "token": token.expose(), "toml": table }).to_string());
        }
        print(&format!(
            "The token, which is shown only now. Its bearer sends it as `Authorization: Bearer TOKEN`:\n\n{}\n\n\
             The table for toolward.toml, which holds only its hash:\n\n{table}",
            token.expose()
        ))
    }
}
