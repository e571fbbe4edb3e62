//! The export `completions`.

use super::bindings::completions::exports::toolward::plugin::completions::{
    Guest, Subject, Suggestions,
};
use super::bindings::toolward::plugin::{call, values as wit};
use super::{Offers, context, values};
use crate::completion::{self, Blank};

impl<T: Offers> Guest for T {
    fn complete(
        cx: &call::Context,
        subject: Subject,
        argument: String,
        value: String,
        filled: Vec<(String, String)>,
    ) -> Result<Suggestions, wit::Failure> {
        let blank = Blank {
            subject: match subject {
                Subject::Prompt(name) => completion::Subject::Prompt(name),
                Subject::ResourceTemplate(uri) => completion::Subject::Resource(uri),
            },
            argument,
            value,
            filled,
        };
        let suggestions = T::plugin().complete(context(cx), &blank);
        let suggestions = suggestions.map_err(values::failure)?;
        Ok(Suggestions {
            values: suggestions.values,
            total: suggestions.total,
            more: suggestions.more,
        })
    }
}
