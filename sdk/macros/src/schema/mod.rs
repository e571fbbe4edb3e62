//! `#[derive(JsonSchema)]`: from a type to the table of what its JSON looks like.
//!
//! What serde does with a type is asked of serde's own reader of its attributes.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use serde_derive_internals::ast::{Container, Data, Field, Style, Variant};
use serde_derive_internals::attr::{Default, TagType};
use serde_derive_internals::{Ctxt, Derive};
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, GenericParam, Type};

mod own;

use own::{Own, Place, description};

pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let input = match syn::parse2::<DeriveInput>(item) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    derive(&input).unwrap_or_else(Error::into_compile_error)
}

fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let errors = Ctxt::new();
    let container = Container::from_ast(&errors, input, Derive::Deserialize);
    // What is only written may be what cannot be read, and the other way round: such are errors of the other derives.
    let mistakes = errors.check();
    let Some(container) = container else {
        mistakes?;
        return Err(Error::new_spanned(input, "this has no JSON Schema"));
    };
    let schema = schema(&container)?;
    let ident = &container.ident;
    let mut generics = container.generics.clone();
    for parameter in &mut generics.params {
        if let GenericParam::Type(parameter) = parameter {
            parameter
                .bounds
                .push(syn::parse_quote!(::toolward_sdk::JsonSchema));
        }
    }
    let (implemented, named, conditions) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #implemented ::toolward_sdk::JsonSchema for #ident #named #conditions {
            const SCHEMA: ::toolward_sdk::Schema = #schema;
        }
    })
}

fn schema(container: &Container<'_>) -> syn::Result<TokenStream> {
    let about = description(&container.original.attrs)?;
    let own = Own::parse(&container.original.attrs, Place::Type)?;
    let about = own.description.clone().unwrap_or(about);
    if let Some(other) = container.attrs.type_from().or(container.attrs.type_into()) {
        return Ok(wrapped(&about, &bare_field(other)));
    }
    if let Some(with) = &own.with {
        return Ok(wrapped(&about, &bare_field(with)));
    }
    match &container.data {
        Data::Struct(style, fields) => structure(container, *style, fields, &about, &own),
        Data::Enum(variants) => choice(container, variants, &about),
    }
}

fn wrapped(about: &str, inner: &TokenStream) -> TokenStream {
    quote! {
        ::toolward_sdk::Schema::Wrapped(&::toolward_sdk::__private::schema::Wrapped {
            description: #about,
            inner: #inner,
        })
    }
}

fn structure(
    container: &Container<'_>,
    style: Style,
    fields: &[Field<'_>],
    about: &str,
    own: &Own,
) -> syn::Result<TokenStream> {
    let transparent = fields.iter().find(|field| field.attrs.transparent());
    if let (true, Some(inner)) = (container.attrs.transparent(), transparent) {
        return Ok(wrapped(about, &field(container, inner)?));
    }
    Ok(match (style, fields) {
        (Style::Unit, _) => quote!(::toolward_sdk::Schema::Null),
        (Style::Newtype, [inner]) => wrapped(about, &field(container, inner)?),
        (Style::Newtype | Style::Tuple, fields) => {
            let items = fields.iter().map(|field| of(field.ty));
            quote!(::toolward_sdk::Schema::Tuple(&[#(#items),*]))
        }
        (Style::Struct, fields) => {
            let name = name();
            let fields = all_fields(container, fields)?;
            let closed = container.attrs.deny_unknown_fields();
            let more = &own.more;
            quote! {
                ::toolward_sdk::Schema::Struct(&::toolward_sdk::__private::schema::Struct {
                    name: #name,
                    description: #about,
                    fields: &[#(#fields),*],
                    closed: #closed,
                    more: #more,
                })
            }
        }
    })
}

fn choice(
    container: &Container<'_>,
    variants: &[Variant<'_>],
    about: &str,
) -> syn::Result<TokenStream> {
    let name = name();
    let tag = match container.attrs.tag() {
        TagType::External => quote!(External),
        TagType::Internal { tag } => quote!(Internal(#tag)),
        TagType::Adjacent { tag, content } => quote!(Adjacent(#tag, #content)),
        TagType::None => quote!(Untagged),
    };
    let closed = container.attrs.deny_unknown_fields();
    let mut is_branched = !matches!(container.attrs.tag(), TagType::External);
    let mut written = Vec::new();
    for it in variants {
        is_branched |= !matches!(it.style, Style::Unit) || !variant_description(it)?.is_empty();
        written.push(variant(container, it)?);
    }
    let branches = if is_branched {
        quote!(::core::option::Option::Some(
            ::toolward_sdk::__private::schema::Branches::WRITTEN
        ))
    } else {
        quote!(::core::option::Option::None)
    };
    Ok(quote! {
        ::toolward_sdk::Schema::Choice(&::toolward_sdk::__private::schema::Choice {
            name: #name,
            description: #about,
            tag: ::toolward_sdk::__private::schema::Tag::#tag,
            variants: &[#(#written),*],
            closed: #closed,
            branches: #branches,
        })
    })
}

fn variant(container: &Container<'_>, variant: &Variant<'_>) -> syn::Result<TokenStream> {
    if variant.attrs.untagged() {
        return Err(Error::new_spanned(
            variant.original,
            "`JsonSchema` does not know one variant that is `untagged` among others: mark the whole enum",
        ));
    }
    let about = variant_description(variant)?;
    let names = names(variant.attrs.name());
    let (not_read, not_written) = (
        variant.attrs.skip_deserializing(),
        variant.attrs.skip_serializing(),
    );
    let content = match (variant.style, variant.fields.as_slice()) {
        (Style::Unit, _) => quote!(Unit),
        (Style::Newtype, [inner]) => {
            let inner = field(container, inner)?;
            quote!(One(#inner))
        }
        (Style::Newtype | Style::Tuple, fields) => {
            let items = fields.iter().map(|field| of(field.ty));
            quote!(Tuple(&[#(#items),*]))
        }
        (Style::Struct, fields) => {
            let fields = all_fields(container, fields)?;
            quote!(Fields(&[#(#fields),*]))
        }
    };
    let presence = presence([not_read, not_written, false, false, false]);
    Ok(quote! {
        ::toolward_sdk::__private::schema::Variant {
            names: #names,
            presence: #presence,
            description: #about,
            content: ::toolward_sdk::__private::schema::Content::#content,
        }
    })
}

fn variant_description(variant: &Variant<'_>) -> syn::Result<String> {
    match Own::parse(&variant.original.attrs, Place::Variant)?.description {
        Some(description) => Ok(description),
        None => description(&variant.original.attrs),
    }
}

fn all_fields(container: &Container<'_>, fields: &[Field<'_>]) -> syn::Result<Vec<TokenStream>> {
    let present = fields
        .iter()
        .filter(|field| !(field.attrs.skip_deserializing() && field.attrs.skip_serializing()));
    present.map(|it| field(container, it)).collect()
}

fn field(container: &Container<'_>, field: &Field<'_>) -> syn::Result<TokenStream> {
    let attributes = &field.original.attrs;
    let mut own = Own::parse(attributes, Place::Field)?;
    if field.attrs.skip_serializing() {
        own.keyword("writeOnly", "true");
    } else if field.attrs.skip_deserializing() {
        own.keyword("readOnly", "true");
    }
    let about = match &own.description {
        Some(description) => description.clone(),
        None => description(attributes)?,
    };
    let default = default(container, field);
    let may_lack = !default.is_empty();
    let presence = presence([
        field.attrs.skip_deserializing(),
        field.attrs.skip_serializing(),
        may_lack,
        field.attrs.skip_serializing_if().is_some(),
        field.attrs.flatten(),
    ]);
    let default = if default.is_empty() || field.attrs.skip_serializing() || field.attrs.flatten() {
        quote!(::core::option::Option::None)
    } else {
        quote!(::core::option::Option::Some(#default))
    };
    let names = names(field.attrs.name());
    let title = own.title.as_deref().unwrap_or_default();
    let schema = of(own.with.as_ref().unwrap_or(field.ty));
    let limits = own.limits();
    Ok(quote! {
        ::toolward_sdk::__private::schema::Field {
            names: #names,
            presence: #presence,
            title: #title,
            description: #about,
            schema: #schema,
            limits: #limits,
            default: #default,
        }
    })
}

/// A field that is only its type.
fn bare_field(kind: &Type) -> TokenStream {
    let presence = presence([false; 5]);
    let schema = of(kind);
    quote! {
        ::toolward_sdk::__private::schema::Field {
            names: ["", ""],
            presence: #presence,
            title: "",
            description: "",
            schema: #schema,
            limits: ::core::option::Option::None,
            default: ::core::option::Option::None,
        }
    }
}

/// A function that gives the value of a field that is missing, as JSON; nothing if it has none.
fn default(container: &Container<'_>, field: &Field<'_>) -> TokenStream {
    let kind = field.ty;
    let member = &field.member;
    let value = match (field.attrs.default(), container.attrs.default()) {
        (Default::Default, _) => quote!(<#kind as ::core::default::Default>::default()),
        (Default::Path(path), _) => quote!(#path()),
        (Default::None, Default::Default) => {
            quote!(<Self as ::core::default::Default>::default().#member)
        }
        (Default::None, Default::Path(path)) => quote!(#path().#member),
        (Default::None, Default::None) => return TokenStream::new(),
    };
    // A value that would not be written is none to tell of.
    let unwritten = field.attrs.skip_serializing_if().map(|skip| {
        quote! {
            if #skip(&value) {
                return ::core::option::Option::None;
            }
        }
    });
    quote! {
        || {
            #[allow(unused_imports, reason = "only values that cannot be written need it")]
            use ::toolward_sdk::__private::schema::NoFallback as _;

            let value: #kind = #value;
            #unwritten
            ::toolward_sdk::__private::schema::Fallback(value).json()
        }
    }
}

fn presence(
    [not_read, not_written, optional_read, optional_written, flat]: [bool; 5],
) -> TokenStream {
    quote! {
        ::toolward_sdk::__private::schema::Presence {
            not_read: #not_read,
            not_written: #not_written,
            optional_read: #optional_read,
            optional_written: #optional_written,
            flat: #flat,
        }
    }
}

fn names(name: &serde_derive_internals::attr::Name) -> TokenStream {
    let (read, written) = (name.deserialize_name(), name.serialize_name());
    quote!([#read, #written])
}

fn of(kind: &Type) -> TokenStream {
    quote_spanned!(kind.span()=> ::toolward_sdk::__private::schema::of::<#kind>)
}

fn name() -> TokenStream {
    quote!(::core::any::type_name::<Self>)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(item: TokenStream) -> String {
        let file = syn::parse2(expand(item)).expect("the expansion is Rust");
        prettyplease::unparse(&file)
    }

    #[test]
    fn the_expansion_is_this() {
        let text = expanded(quote! {
            /// Which jobs.
            #[serde(rename_all = "camelCase")]
            struct JobArgs<T> {
                /// How many.
                #[serde(default = "ten")]
                #[schemars(range(min = 1, max = 100))]
                at_most: u32,
                of_kind: Option<T>,
            }
        });
        assert_eq!(text, include_str!("../../snapshots/schema.rs"));
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (item, message) in [
            (
                quote!(
                    struct A {
                        #[schemars(multiple_of = 2)]
                        a: u32,
                    }
                ),
                "`multiple_of` is not known here",
            ),
            (
                quote!(
                    struct A {
                        #[schemars(range(least = 2))]
                        a: u32,
                    }
                ),
                "`range` has `min` and `max`",
            ),
            (
                quote!(
                    struct A {
                        #[schemars(range(max = LIMIT))]
                        a: u32,
                    }
                ),
                "written out",
            ),
        ] {
            let text = expand(item).to_string();
            assert!(
                text.contains("compile_error") && text.contains(message),
                "{text}"
            );
        }
    }
}
