//! The macros of `toolward-sdk`, which re-exports and documents them.

use proc_macro::TokenStream;

mod options;
mod tool;

/// See `toolward_sdk::tool`.
#[proc_macro_attribute]
pub fn tool(options: TokenStream, function: TokenStream) -> TokenStream {
    tool::expand(options.into(), &function.into()).into()
}
