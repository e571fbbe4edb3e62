//! {{name}}: a plugin for toolward.

use toolward_sdk::prelude::*;

/// Whom to greet.
#[derive(Deserialize, JsonSchema)]
struct GreetArgs {
    /// The person's name; not empty.
    name: String,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Greeting {
    /// What to say.
    text: String,
}

/// Greets a person by name.
#[tool(read_only, idempotent, open_world = false)]
fn {{tool}}_greet(args: GreetArgs) -> Result<Greeting> {
    if args.name.trim().is_empty() {
        return Err(ToolError::invalid_input("there is nobody to greet: give a name").into());
    }
    Ok(Greeting { text: format!("Hello, {}!", args.name) })
}

plugin!({{tool}}_greet);

#[cfg(test)]
mod tests {
    use toolward_sdk::testing::Host;

    use super::*;

    #[test]
    fn a_person_is_greeted() {
        let answer = Host::new(&PLUGIN).call("{{tool}}_greet", json!({"name": "Ada"}));
        assert_eq!(answer.structured(), json!({"text": "Hello, Ada!"}));
    }

    #[test]
    fn nobody_is_not_greeted() {
        let answer = Host::new(&PLUGIN).call("{{tool}}_greet", json!({"name": " "}));
        assert_eq!(answer.error().kind, Trouble::InvalidInput);
    }
}
