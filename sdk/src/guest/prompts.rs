//! The export `prompts`.

use super::bindings::prompts::exports::toolward::plugin::prompts::{
    Argument, Filled, Guest, Listing, Message, Prompt, PromptOutcome,
};
use super::bindings::toolward::plugin::{call, values as wit};
use super::{Offers, context, values};
use crate::prompt::{self, PromptArgument, PromptDefinition};

impl<T: Offers> Guest for T {
    fn list_prompts(_: &call::Context) -> Result<Listing, wit::Failure> {
        let prompts = T::plugin().prompt_definitions();
        Ok(Listing {
            prompts: prompts.into_iter().map(prompt).collect(),
            freshness: T::plugin().freshness().map(values::freshness),
        })
    }

    fn get_prompt(
        cx: &call::Context,
        name: String,
        arguments: Vec<(String, String)>,
    ) -> Result<PromptOutcome, wit::Failure> {
        match T::plugin().fill(context(cx), &name, &arguments) {
            Ok(filled) => Ok(PromptOutcome::Done(self::filled(filled))),
            Err(failure) => match values::asked(failure) {
                Ok(questions) => Ok(PromptOutcome::InputNeeded(questions)),
                Err(failure) => Err(failure),
            },
        }
    }
}

fn prompt(definition: PromptDefinition) -> Prompt {
    let argument = |argument: PromptArgument| Argument {
        name: argument.name,
        title: argument.title,
        description: argument.description,
        required: argument.required,
    };
    Prompt {
        name: definition.name.to_owned(),
        title: definition.title.map(str::to_owned),
        description: Some(definition.description.to_owned()),
        arguments: definition.arguments.into_iter().map(argument).collect(),
        icons: values::icons(definition.icons),
        meta: definition.meta.0,
        extras: Vec::new(),
    }
}

fn filled(filled: prompt::Filled) -> Filled {
    let message = |message: prompt::Message| Message {
        role: values::role(message.role),
        content: values::content(message.content),
    };
    Filled {
        description: filled.description,
        messages: filled.messages.into_iter().map(message).collect(),
        meta: filled.meta.0,
        extras: Vec::new(),
    }
}
