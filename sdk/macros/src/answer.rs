//! The `#[answer]` attribute: a struct that tools answer with, in which what is not known is absent.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Fields, ItemStruct, Type, parse_quote};

pub(crate) fn expand(options: &TokenStream, item: TokenStream) -> TokenStream {
    match answer(options, item) {
        Ok(tokens) => tokens,
        Err(error) => error.into_compile_error(),
    }
}

fn answer(options: &TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    if !options.is_empty() {
        return Err(Error::new_spanned(options, "`#[answer]` takes no options"));
    }
    let mut item: ItemStruct = syn::parse2(item)?;
    let Fields::Named(fields) = &mut item.fields else {
        return Err(Error::new_spanned(
            &item,
            "`#[answer]` is for a struct whose fields have names",
        ));
    };
    for field in &mut fields.named {
        if is_option(&field.ty) {
            field.attrs.push(
                parse_quote!(#[serde(skip_serializing_if = "::core::option::Option::is_none")]),
            );
        }
    }
    Ok(quote! {
        #[derive(::serde::Serialize, ::toolward_sdk::JsonSchema)]
        #item
    })
}

fn is_option(kind: &Type) -> bool {
    let Type::Path(path) = kind else {
        return false;
    };
    let last = path.path.segments.last();
    last.is_some_and(|segment| segment.ident == "Option")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_missing_is_left_out() {
        let expanded = expand(
            &TokenStream::new(),
            quote! {
                /// A job.
                struct Job { name: String, next: Option<String>, last: std::option::Option<u8> }
            },
        );
        let file = syn::parse2(expanded).expect("the expansion is Rust");
        let text = prettyplease::unparse(&file);
        assert_eq!(text.matches("skip_serializing_if").count(), 2, "{text}");
        assert!(
            text.starts_with("#[derive(::serde::Serialize, ::toolward_sdk::JsonSchema)]"),
            "{text}"
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (options, item, message) in [
            (quote!(x), quote! { struct A { a: u8 } }, "takes no options"),
            (
                quote!(),
                quote! { struct A(u8); },
                "whose fields have names",
            ),
        ] {
            let text = expand(&options, item).to_string();
            assert!(
                text.contains("compile_error") && text.contains(message),
                "{text}"
            );
        }
    }
}
