//! Asking the person at the terminal, which is a client's business otherwise: forms and links.
//!
//! What is asked comes from a plugin. It is shown as it is, never obeyed, and nothing is opened or answered by itself.

use std::io::{BufRead as _, Write as _};

use serde_json::{Map, Value, json};

use super::field::{Field, Given};
use crate::catalog::Schema;
use crate::cli::failure::Failure;
use crate::cli::output::{printable, say};
use crate::cli::status::Held;
use crate::error::Exit;

/// Answers one request for input.
pub(super) async fn answer(request: &Value) -> Result<Value, Failure> {
    let _held = Held::new();
    let params = &request["params"];
    match (request["method"].as_str(), params["mode"].as_str()) {
        (Some("elicitation/create"), Some("url")) => visit(params).await,
        (Some("elicitation/create"), _) => form(params).await,
        _ => Err(Failure::new(
            Exit::Nobody,
            "the tool asks for what the command line does not have",
        )),
    }
}

async fn visit(params: &Value) -> Result<Value, Failure> {
    introduce(params);
    let url = params["url"].as_str().unwrap_or_default();
    say(&format!(
        "Open this link yourself, if you trust it:\n\n  {}\n",
        printable(url)
    ));
    let said = line("Done? [y/N] ").await?;
    Ok(match said.as_deref().map(str::trim) {
        Some("y" | "Y" | "yes") => json!({ "action": "accept" }),
        _ => json!({ "action": "decline" }),
    })
}

/// Asks field by field, until what was said fits the form.
async fn form(params: &Value) -> Result<Value, Failure> {
    introduce(params);
    let requested = &params["requestedSchema"];
    let whole = Schema::parse(&requested.to_string()).map_err(|problem| {
        Failure::new(
            Exit::Refused,
            format!("the question has a schema that {problem}"),
        )
    })?;
    loop {
        let Some(content) = fields(requested).await? else {
            return Ok(json!({ "action": "decline" }));
        };
        match whole.check(&content) {
            Ok(()) => return Ok(json!({ "action": "accept", "content": content })),
            Err(problem) => say(&format!("That does not fit: {}", printable(&problem))),
        }
    }
}

/// `None`: the person does not want to answer.
async fn fields(requested: &Value) -> Result<Option<Value>, Failure> {
    let mut content = Map::new();
    for field in Field::all(requested) {
        field.explain();
        loop {
            let Some(said) = line(&field.prompt()).await? else {
                return Ok(None);
            };
            match field.read(said.trim()) {
                // What the host asks as a confirmation needs nothing more once it is denied.
                Ok(Given::Value(Value::Bool(false))) if field.name == "confirm" => return Ok(None),
                Ok(Given::Value(value)) => {
                    content.insert(field.name.clone(), value);
                    break;
                }
                Ok(Given::Nothing) => break,
                Err(problem) => say(&format!("  {}", printable(&problem))),
            }
        }
    }
    Ok(Some(Value::Object(content)))
}

fn introduce(params: &Value) {
    let message = params["message"].as_str().unwrap_or_default();
    say(&format!("\n{}\n", printable(message)));
    say("(Ctrl-D declines, Ctrl-C cancels the call.)");
}

/// One line, without its end; `None` at the end of the input.
async fn line(prompt: &str) -> Result<Option<String>, Failure> {
    {
        let mut terminal = std::io::stderr().lock();
        let _ = write!(terminal, "{}", printable(prompt));
        let _ = terminal.flush();
    }
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        let count = std::io::stdin().lock().read_line(&mut line)?;
        Ok::<_, std::io::Error>((count > 0).then_some(line))
    });
    let failed = |error: &dyn std::error::Error| {
        Failure::of(Exit::Failure, error).because("cannot read the answer")
    };
    let line = read.await.map_err(|error| failed(&error))?;
    let line = line.map_err(|error| failed(&error))?;
    if line.is_none() {
        // The person's Ctrl-D leaves the cursor behind the prompt.
        say("");
    }
    Ok(line)
}
