//! The texts of the demo: its configuration, and how clients connect.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};

use super::mcp::Client;
use crate::failure::Failure;

/// The plugins that the demo serves.
const PLUGINS: [&str; 3] = ["backup-jobs", "sessions", "repositories"];

/// The configuration for the simulator at `url`, with the plugins of a folder. Its certificate and password are beside it.
/// `publisher` is the table that trusts what was built here.
pub(super) fn configuration(url: &str, plugins: &Path, publisher: &str) -> String {
    let mut text = format!(
        r#"# Written by `cargo xtask demo`.

[runtime]
state-dir = "state"

{publisher}
[credentials.vbr]
kind = "oauth2"
grant = "password"
token-path = "/api/oauth2/token"
username = "toolward"
password = "file:vbr-password"
headers = {{ x-api-version = "1.2-rev1" }}

[bindings.vbr01]
kind = "vbr"
url = {url}
tls = {{ ca-file = "vbr01.pem" }}
credential = "vbr"
allow = ["GET /api/v1/**", "POST /api/v1/**"]
"#,
        // A JSON string is a TOML string.
        url = Value::from(url),
    );
    for plugin in PLUGINS {
        let component = plugins.join(plugin).with_extension("wasm");
        let _ = write!(
            text,
            r#"
[plugins.{plugin}]
component = {component}
grant = ["http", "form"]
backends = {{ vbr = "vbr01" }}
"#,
            component = Value::from(component.display().to_string()),
        );
    }
    text
}

/// A password for the simulator, new each time.
pub(super) fn password() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|source| Failure::file("read", Path::new("/dev/urandom"), &source))?;
    Ok(bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    }))
}

/// How to connect a client to the running host, and how a client starts its own.
pub(super) fn instructions(host: &Path, config: &Path, client: &Client) -> String {
    let desktop = json!({ "mcpServers": { "toolward": {
        "command": host,
        "args": ["serve", "--stdio", "--config", config],
    } } });
    let code = json!({ "servers": { "toolward": { "type": "http", "url": client.url } } });
    let (headers, body) = Client::message("tools/list", json!({}));
    let headers = headers.iter().fold(String::new(), |mut lines, header| {
        let _ = writeln!(lines, "  -H '{header}' \\");
        lines
    });
    format!(
        "
Connect a client:

Claude Desktop, in claude_desktop_config.json:
{desktop:#}

VS Code, in .vscode/mcp.json:
{code:#}

Anything else, by hand:
curl -s {url} \\
{headers}  -d '{body}'
",
        url = client.url,
    )
}
