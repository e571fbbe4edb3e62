//! The macros of `toolward-sdk`, which re-exports and documents them.

use proc_macro::TokenStream;

mod answer;
mod function;
mod options;
mod prompt;
mod resource;
mod schema;
mod tool;

/// See `toolward_sdk::tool`.
#[proc_macro_attribute]
pub fn tool(options: TokenStream, function: TokenStream) -> TokenStream {
    tool::expand(options.into(), &function.into()).into()
}

/// See `toolward_sdk::prompt`.
#[proc_macro_attribute]
pub fn prompt(options: TokenStream, function: TokenStream) -> TokenStream {
    prompt::expand(options.into(), &function.into()).into()
}

/// See `toolward_sdk::resource`.
#[proc_macro_attribute]
pub fn resource(options: TokenStream, function: TokenStream) -> TokenStream {
    resource::expand(options.into(), &function.into()).into()
}

/// See `toolward_sdk::JsonSchema`.
#[proc_macro_derive(JsonSchema, attributes(schemars, serde))]
pub fn json_schema(item: TokenStream) -> TokenStream {
    schema::expand(item.into()).into()
}

/// See `toolward_sdk::answer`.
#[proc_macro_attribute]
pub fn answer(options: TokenStream, item: TokenStream) -> TokenStream {
    answer::expand(&options.into(), item.into()).into()
}
