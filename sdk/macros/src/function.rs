//! What tools, prompts and resources have in common: a function that becomes a type of the same name.
//!
//! A type with braces and a function may share a name, and one `use` brings both: so `plugin!(tools::job_get)`
//! finds the tool wherever it finds the function.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, Ident, ItemFn, Lit, LitStr, Meta, ReturnType, Type,
};

/// What a function is made into, as messages name it.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// `tool`.
    pub(crate) name: &'static str,
    /// What its parameter is called.
    pub(crate) arguments: &'static str,
    /// Why it is not generic.
    pub(crate) shape: &'static str,
    /// Why it needs a doc comment.
    pub(crate) doc: &'static str,
    /// What it returns, after "a tool returns".
    pub(crate) returns: &'static str,
}

/// Writes the function and what is made of it; a mistake becomes a compiler error at its place, beside the function
/// itself, so that the compiler does not also complain about everything that calls it.
pub(crate) fn expand(
    kind: Kind,
    item: &TokenStream,
    make: impl FnOnce(&ItemFn) -> syn::Result<TokenStream>,
) -> TokenStream {
    let Ok(function) = syn::parse2::<ItemFn>(item.clone()) else {
        let message = format!("`#[{}]` goes on a function", kind.name);
        let error = Error::new(first_span(item), message).into_compile_error();
        return quote!(#error #item);
    };
    let beside = make(&function).unwrap_or_else(Error::into_compile_error);
    let reason = format!("a {}'s signature is not its author's choice", kind.name);
    quote! {
        #[allow(
            clippy::needless_pass_by_value,
            clippy::unnecessary_wraps,
            reason = #reason
        )]
        #function
        #beside
    }
}

fn first_span(tokens: &TokenStream) -> Span {
    tokens
        .clone()
        .into_iter()
        .next()
        .map_or_else(Span::call_site, |token| token.span())
}

/// What there is to know about the function itself.
pub(crate) struct Function<'f> {
    pub(crate) item: &'f ItemFn,
    pub(crate) description: String,
    pub(crate) parameters: Parameters<'f>,
    pub(crate) returns: &'f Type,
}

/// The function's parameters that there are.
pub(crate) struct Parameters<'f> {
    pub(crate) context: bool,
    pub(crate) arguments: Option<&'f Type>,
}

impl<'f> Function<'f> {
    pub(crate) fn parse(kind: Kind, item: &'f ItemFn) -> syn::Result<Self> {
        check_signature(kind, item)?;
        Ok(Self {
            description: description(kind, item)?,
            parameters: parameters(kind, item)?,
            returns: returns(kind, item)?,
            item,
        })
    }

    /// The conditions under which it exists, for what is made of it.
    pub(crate) fn conditions(&self) -> Vec<&'f Attribute> {
        self.item
            .attrs
            .iter()
            .filter(|attribute| attribute.path().is_ident("cfg"))
            .collect()
    }

    /// The function's own name.
    pub(crate) fn plain_name(&self) -> String {
        self.item.sig.ident.unraw().to_string()
    }

    /// The type of the same name.
    pub(crate) fn type_of_its_name(&self) -> TokenStream {
        let (ident, vis) = (&self.item.sig.ident, &self.item.vis);
        let conditions = self.conditions();
        quote! {
            #(#conditions)*
            #[doc(hidden)]
            #[allow(non_camel_case_types, reason = "it carries the function's name")]
            #[derive(Clone, Copy, Debug)]
            #vis struct #ident {}
        }
    }
}

pub(crate) fn option(value: Option<impl ToTokens>) -> TokenStream {
    value.map_or_else(
        || quote!(::core::option::Option::None),
        |value| quote!(::core::option::Option::Some(#value)),
    )
}

fn check_signature(kind: Kind, function: &ItemFn) -> syn::Result<()> {
    let (signature, name) = (&function.sig, kind.name);
    if let Some(asyncness) = &signature.asyncness {
        return Err(Error::new(
            asyncness.span(),
            format!("a {name} is not `async`: each call has an instance of its own and may wait"),
        ));
    }
    if let Some(unsafety) = &signature.unsafety {
        return Err(Error::new(
            unsafety.span(),
            format!("a {name} is not `unsafe`: anyone may call it"),
        ));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new(
            signature.generics.span(),
            format!("a {name} is not generic: {}", kind.shape),
        ));
    }
    Ok(())
}

/// The name by which clients know it.
pub(crate) fn public_name(
    kind: Kind,
    given: Option<&LitStr>,
    function: &Ident,
) -> syn::Result<String> {
    let (name, span) = match given {
        Some(name) => (name.value(), name.span()),
        None => (function.unraw().to_string(), function.span()),
    };
    let fits = name.len() <= 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte));
    if fits {
        Ok(name)
    } else {
        Err(Error::new(
            span,
            format!(
                "`{name}` is not the name of a {}: use up to 64 ASCII letters, digits, `_`, `-`, `.` and `/`",
                kind.name
            ),
        ))
    }
}

/// The doc comment without the space that follows `///`.
fn description(kind: Kind, function: &ItemFn) -> syn::Result<String> {
    let mut lines = Vec::new();
    for attribute in function
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"))
    {
        let Meta::NameValue(pair) = &attribute.meta else {
            continue;
        };
        let Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) = &pair.value
        else {
            return Err(Error::new(
                pair.value.span(),
                format!(
                    "a {}'s description is written out, not made by a macro",
                    kind.name
                ),
            ));
        };
        lines.extend(
            text.value()
                .split('\n')
                .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()),
        );
    }
    let description = lines.join("\n").trim().to_owned();
    if description.is_empty() {
        let message = format!("a {} needs a doc comment: {}", kind.name, kind.doc);
        return Err(Error::new(function.sig.ident.span(), message));
    }
    Ok(description)
}

fn parameters(kind: Kind, function: &ItemFn) -> syn::Result<Parameters<'_>> {
    let mut found = Parameters {
        context: false,
        arguments: None,
    };
    for input in &function.sig.inputs {
        let parameter = match input {
            FnArg::Receiver(receiver) => {
                return Err(Error::new(
                    receiver.span(),
                    format!("a {} is a function of its own, not a method", kind.name),
                ));
            }
            FnArg::Typed(parameter) => parameter,
        };
        match &*parameter.ty {
            Type::Reference(reference) if reference.mutability.is_some() => {
                return Err(Error::new(
                    parameter.span(),
                    "the context is shared: write `&Context`",
                ));
            }
            Type::Reference(_) if found.arguments.is_some() => {
                return Err(Error::new(
                    parameter.span(),
                    "the context comes first: `(cx: &Context, args: …)`",
                ));
            }
            Type::Reference(_) if found.context => {
                return Err(Error::new(
                    parameter.span(),
                    "the context is given once; arguments are owned, not borrowed",
                ));
            }
            Type::Reference(_) => found.context = true,
            Type::ImplTrait(_) => {
                let message = format!("a {} is not generic: {}", kind.name, kind.shape);
                return Err(Error::new(parameter.span(), message));
            }
            _ if found.arguments.is_some() => {
                let message = format!("a {} takes {}", kind.name, kind.arguments);
                return Err(Error::new(parameter.span(), message));
            }
            arguments => found.arguments = Some(arguments),
        }
    }
    Ok(found)
}

fn returns(kind: Kind, function: &ItemFn) -> syn::Result<&Type> {
    match &function.sig.output {
        ReturnType::Type(_, returns) => Ok(returns),
        ReturnType::Default => {
            let message = format!("a {} returns {}", kind.name, kind.returns);
            Err(Error::new(function.sig.paren_token.span.close(), message))
        }
    }
}
