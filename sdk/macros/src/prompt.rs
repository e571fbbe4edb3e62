//! The `#[prompt]` attribute: from a function to the function and a type of the same name that implements `Prompt`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ItemFn;
use syn::spanned::Spanned;

use crate::function::{self, Function, Kind, option, public_name};
use crate::options::{Options, Takes};

const PROMPT: Kind = Kind {
    name: "prompt",
    arguments: "its blanks as one struct, whose fields the person fills in",
    shape: "its blanks are the same for everyone",
    doc: "it is what people read to choose it",
    returns: "a `Result` of a text, of messages or of `Filled`",
};

pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    function::expand(PROMPT, item, |function| prompt(options, function))
}

fn prompt(options: TokenStream, function: &ItemFn) -> syn::Result<TokenStream> {
    let options = Options::parse(Takes::PROMPT, options)?;
    let function = Function::parse(PROMPT, function)?;
    let ident = &function.item.sig.ident;
    let name = public_name(PROMPT, options.name.as_ref(), ident)?;
    let conditions = function.conditions();
    let carrier = function.type_of_its_name();
    let description = &function.description;
    let icons = options.icons();
    let meta = options.meta();
    let title = option(options.title);
    let blanks = function.parameters.arguments.map_or_else(
        || quote!(::std::vec::Vec::new()),
        |blanks| quote_spanned!(blanks.span()=> ::toolward_sdk::__private::prompt_arguments::<#blanks>()),
    );
    let context = function.parameters.context.then(|| quote!(cx,));
    let arguments = function.parameters.arguments.map(|blanks| {
        quote_spanned!(blanks.span()=> ::toolward_sdk::__private::read_prompt_arguments::<#blanks>(arguments)?)
    });
    let returns = function.returns;
    let outcome = quote_spanned!(returns.span()=> ::toolward_sdk::__private::finish_prompt);

    Ok(quote! {
        #carrier

        #(#conditions)*
        #[automatically_derived]
        impl ::toolward_sdk::Prompt for #ident {
            const NAME: &'static str = #name;

            fn definition() -> ::toolward_sdk::PromptDefinition {
                ::toolward_sdk::PromptDefinition {
                    name: #name,
                    title: #title,
                    description: #description,
                    arguments: #blanks,
                    icons: #icons,
                    meta: #meta,
                }
            }

            #[allow(unused_variables, reason = "not every prompt uses the context or has blanks")]
            fn fill(
                cx: &::toolward_sdk::Context,
                arguments: &[(::std::string::String, ::std::string::String)],
            ) -> ::toolward_sdk::Result<::toolward_sdk::Filled> {
                #outcome(#ident(#context #arguments))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(options: TokenStream, function: &TokenStream) -> String {
        let file = syn::parse2(expand(options, function)).expect("the expansion is Rust");
        prettyplease::unparse(&file)
    }

    #[test]
    fn the_expansion_is_this() {
        let text = expanded(
            quote!(title = "Last night", icon = "https://shop.example/a.png"),
            &quote! {
                /// Looks into a night.
                pub(crate) fn night(cx: &Context, args: Night) -> Result<String> {
                    Ok(args.day)
                }
            },
        );
        assert_eq!(text, include_str!("../snapshots/prompt.rs"));
    }

    #[test]
    fn mistakes_are_named() {
        let ok = quote! { #[doc = "N."] fn night() -> Result<String> { f() } };
        for (options, function, message) in [
            (
                quote!(read_only),
                &ok,
                "`#[prompt]` knows no `read_only`; it takes `title",
            ),
            (
                quote!(),
                &quote! { fn night() -> Result<String> { f() } },
                "a prompt needs a doc comment: it is what people read",
            ),
            (
                quote!(),
                &quote! { #[doc = "N."] fn night(a: A, b: B) -> Result<String> { f() } },
                "a prompt takes its blanks as one struct",
            ),
            (
                quote!(),
                &quote! { #[doc = "N."] fn night() { f() } },
                "a prompt returns a `Result` of a text",
            ),
            (
                quote!(),
                &quote! { struct Night; },
                "`#[prompt]` goes on a function",
            ),
        ] {
            let text = expanded(options, function);
            assert!(text.contains("compile_error!"), "no error: {text}");
            assert!(text.contains(message), "other error: {text}");
        }
    }
}
