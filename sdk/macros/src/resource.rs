//! The `#[resource]` attribute: from a function to the function and a type of the same name that implements
//! `Resource`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::{ParseStream, Parser as _};
use syn::spanned::Spanned;
use syn::{Error, ItemFn, LitStr, Token};

use crate::function::{self, Function, Kind, option};
use crate::options::{Options, Takes};

const RESOURCE: Kind = Kind {
    name: "resource",
    arguments: "what stands in the blanks of its URI as one struct",
    shape: "its blanks are the same for everyone",
    doc: "it is what the model reads to choose it",
    returns: "a `Result` of a text, of bytes, of `Json` or of `Found`",
};

pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    function::expand(RESOURCE, item, |function| resource(options, function))
}

/// The URI, and what may follow it.
fn uri_and_options(input: ParseStream<'_>) -> syn::Result<(LitStr, TokenStream)> {
    let uri: LitStr = input.parse().map_err(|error: Error| {
        Error::new(
            error.span(),
            "the URI comes first: `#[resource(\"scheme://…\")]`",
        )
    })?;
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok((uri, input.parse()?))
}

fn resource(options: TokenStream, function: &ItemFn) -> syn::Result<TokenStream> {
    let (uri, options) = uri_and_options.parse2(options)?;
    let blanks = blanks(&uri)?;
    let options = Options::parse(Takes::RESOURCE, options)?;
    let function = Function::parse(RESOURCE, function)?;
    let ident = &function.item.sig.ident;
    match (blanks, function.parameters.arguments) {
        (0, Some(arguments)) => {
            let message = "its URI has no blanks, so there is nothing for a parameter to hold";
            return Err(Error::new(arguments.span(), message));
        }
        (1.., None) => {
            let message = "its URI has blanks: take a struct whose fields are named as they are";
            return Err(Error::new(ident.span(), message));
        }
        (0, None) | (1.., Some(_)) => {}
    }
    if let (0, Some(list)) = (blanks, &options.list) {
        return Err(Error::new(list.span(), "only a URI with blanks has a list"));
    }
    let name = match &options.name {
        Some(name) => name.value(),
        None => function.plain_name(),
    };
    let conditions = function.conditions();
    let carrier = function.type_of_its_name();
    let description = &function.description;
    let icons = options.icons();
    let meta = options.meta();
    let annotations = options.annotations();
    let list = option(options.list);
    let title = option(options.title);
    let mime_type = option(options.mime_type);
    let context = function.parameters.context.then(|| quote!(cx,));
    let arguments = function.parameters.arguments.map(|arguments| {
        quote_spanned!(arguments.span()=> ::toolward_sdk::__private::read_blanks::<#arguments>(blanks)?)
    });
    let returns = function.returns;
    let outcome = quote_spanned!(returns.span()=> ::toolward_sdk::__private::finish_resource);

    Ok(quote! {
        #carrier

        #(#conditions)*
        #[automatically_derived]
        impl ::toolward_sdk::Resource for #ident {
            const URI: &'static str = #uri;
            const LIST: ::core::option::Option<::toolward_sdk::ListFunction> = #list;

            fn definition() -> ::toolward_sdk::ResourceDefinition {
                ::toolward_sdk::ResourceDefinition {
                    uri: #uri,
                    name: #name,
                    title: #title,
                    description: #description,
                    mime_type: #mime_type,
                    icons: #icons,
                    annotations: #annotations,
                    meta: #meta,
                }
            }

            #[allow(unused_variables, reason = "not every resource uses the context or has blanks")]
            fn read(
                cx: &::toolward_sdk::Context,
                uri: &str,
                blanks: &[(::std::string::String, ::std::string::String)],
            ) -> ::toolward_sdk::Result<::toolward_sdk::Found> {
                #outcome(#ident(#context #arguments), uri, #mime_type)
            }
        }
    })
}

/// How many blanks a URI has; fails where it is not one, or where a blank is not a name.
fn blanks(uri: &LitStr) -> syn::Result<usize> {
    let text = uri.value();
    let wrong = |message: &str| Err(Error::new(uri.span(), message));
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme {
        return wrong("a URI begins with a scheme, as in `shop://orders`");
    }
    let mut names = Vec::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['{', '}']) {
        let Some(inner) = rest[at..].strip_prefix('{') else {
            return wrong("a `}` without a `{`");
        };
        let Some((name, after)) = inner.split_once('}') else {
            return wrong("a `{` without a `}`");
        };
        let name = name.strip_prefix('+').unwrap_or(name);
        if syn::parse_str::<syn::Ident>(name).is_err() {
            return wrong("a blank is `{name}`, or `{+name}` where slashes may stand in it");
        }
        if names.contains(&name) {
            return wrong("two blanks have the same name");
        }
        if after.starts_with('{') {
            return wrong("something must stand between two blanks");
        }
        names.push(name);
        rest = after;
    }
    Ok(names.len())
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
            quote!(
                "shop://orders/{number}",
                mime_type = "application/json",
                list = orders,
                priority = 0.5,
                audience = "assistant"
            ),
            &quote! {
                /// One order.
                fn order(cx: &Context, order: Order) -> Result<Json<Value>> {
                    client::order(cx, order)
                }
            },
        );
        assert_eq!(text, include_str!("../snapshots/resource.rs"));
    }

    #[test]
    fn mistakes_are_named() {
        let plain = quote! { #[doc = "N."] fn one() -> Result<String> { f() } };
        let taking = quote! { #[doc = "N."] fn one(a: A) -> Result<String> { f() } };
        for (options, function, message) in [
            (quote!(), &plain, "the URI comes first"),
            (quote!(title = "a"), &plain, "the URI comes first"),
            (quote!("orders"), &plain, "a URI begins with a scheme"),
            (quote!("a://{x"), &taking, "a `{` without a `}`"),
            (quote!("a://x}"), &taking, "a `}` without a `{`"),
            (quote!("a://{?x}"), &taking, "a blank is `{name}`"),
            (
                quote!("a://{x}/{x}"),
                &taking,
                "two blanks have the same name",
            ),
            (
                quote!("a://{x}{y}"),
                &taking,
                "something must stand between",
            ),
            (quote!("a://{x}"), &plain, "its URI has blanks"),
            (quote!("a://x"), &taking, "its URI has no blanks"),
            (
                quote!("a://x", list = f),
                &plain,
                "only a URI with blanks has a list",
            ),
            (
                quote!("a://x", priority = 2),
                &plain,
                "`priority` takes a number from 0 to 1",
            ),
            (
                quote!("a://x", audience = "cat"),
                &plain,
                "`audience` takes",
            ),
            (
                quote!("a://x", read_only),
                &plain,
                "`#[resource]` knows no `read_only`",
            ),
        ] {
            let text = expanded(options, function);
            assert!(text.contains("compile_error!"), "no error: {text}");
            assert!(text.contains(message), "other error: {text}");
        }
    }
}
