//! The routes of `server/admin.rs`, as the document shows them.

use serde_json::{Value, json};

use super::parts::{json as json_body, response};
use super::routes::operation;

pub(super) fn paths() -> [(String, Value); 2] {
    [
        ("/api/admin/reload", json!({ "post": reload() })),
        ("/api/admin/plugins", json!({ "get": plugins() })),
    ]
    .map(|(path, item)| (path.to_owned(), item))
}

fn reload() -> Value {
    let told = "What became of the configuration and of each plugin";
    operation(
        "reload_plugins",
        "Read the configuration and every component again, and take up what changed",
        &json!({
            "200": json_body(told, "Object"),
            "401": response("Unauthorized"),
            "403": response("Forbidden"),
            "422": json_body("The same, where something stayed out: it says what, and why", "Object"),
            "503": response("Unavailable"),
        }),
    )
}

fn plugins() -> Value {
    operation(
        "list_plugins",
        "What is served, and what is not and why",
        &json!({
            "200": json_body("Each plugin with its version and digest, or with its problem", "Object"),
            "401": response("Unauthorized"),
            "403": response("Forbidden"),
            "503": response("Unavailable"),
        }),
    )
}
