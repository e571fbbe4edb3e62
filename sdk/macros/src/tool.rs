//! The `#[tool]` attribute: from a function to the function and a type of the same name that implements `Tool`.
//!
//! A type with braces and a function may share a name, and one `use` brings both: so `plugin!(tools::job_get)`
//! finds the tool wherever it finds the function.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, FnArg, Ident, ItemFn, Lit, Meta, ReturnType, Type};

use crate::options::Options;

/// Writes the tool; a mistake becomes a compiler error at its place, beside the function itself, so that the
/// compiler does not also complain about everything that calls it.
pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    let Ok(function) = syn::parse2::<ItemFn>(item.clone()) else {
        let error =
            Error::new(first_span(item), "`#[tool]` goes on a function").into_compile_error();
        return quote!(#error #item);
    };
    let tool = syn::parse2(options).and_then(|options| Tool::parse(options, &function));
    let tool = tool.map_or_else(Error::into_compile_error, Tool::into_tokens);
    quote! {
        #[allow(
            clippy::needless_pass_by_value,
            clippy::unnecessary_wraps,
            reason = "a tool's signature is not its author's choice"
        )]
        #function
        #tool
    }
}

fn first_span(tokens: &TokenStream) -> Span {
    tokens
        .clone()
        .into_iter()
        .next()
        .map_or_else(Span::call_site, |token| token.span())
}

/// The function's parameters that there are.
struct Parameters<'f> {
    context: bool,
    arguments: Option<&'f Type>,
}

struct Tool<'f> {
    function: &'f ItemFn,
    name: String,
    description: String,
    options: Options,
    parameters: Parameters<'f>,
    returns: &'f Type,
}

impl<'f> Tool<'f> {
    fn parse(options: Options, function: &'f ItemFn) -> syn::Result<Self> {
        check_signature(function)?;
        Ok(Self {
            name: tool_name(&options, &function.sig.ident)?,
            description: description(function)?,
            parameters: parameters(function)?,
            returns: returns(function)?,
            function,
            options,
        })
    }

    fn into_tokens(self) -> TokenStream {
        let Self {
            function,
            name,
            description,
            options,
            parameters,
            returns,
        } = self;
        let (ident, vis) = (&function.sig.ident, &function.vis);
        let conditions: Vec<&Attribute> = function
            .attrs
            .iter()
            .filter(|attribute| attribute.path().is_ident("cfg"))
            .collect();
        let title = option(options.title);
        let [read_only, destructive, idempotent, open_world] = [
            options.read_only,
            options.destructive,
            options.idempotent,
            options.open_world,
        ]
        .map(|hint| option(hint.map(|hint| hint.value)));

        let input_schema = parameters.arguments.map_or_else(
            || quote!(::toolward_sdk::__private::empty_input_schema()),
            |arguments| quote_spanned!(arguments.span()=> ::toolward_sdk::__private::input_schema::<#arguments>()),
        );
        let output_schema =
            quote_spanned!(returns.span()=> ::toolward_sdk::__private::output_schema::<#returns>());
        let context = parameters.context.then(|| quote!(cx,));
        let arguments = parameters.arguments.map(|arguments| {
            quote_spanned!(arguments.span()=> ::toolward_sdk::__private::arguments::<#arguments>(arguments)?)
        });
        let outcome =
            quote_spanned!(returns.span()=> ::toolward_sdk::__private::finish::<#returns>);

        quote! {
            #(#conditions)*
            #[doc(hidden)]
            #[allow(non_camel_case_types, reason = "it carries the function's name")]
            #[derive(Clone, Copy, Debug)]
            #vis struct #ident {}

            #(#conditions)*
            #[automatically_derived]
            impl ::toolward_sdk::Tool for #ident {
                const NAME: &'static str = #name;

                fn definition() -> ::toolward_sdk::Definition {
                    ::toolward_sdk::Definition {
                        name: #name,
                        title: #title,
                        description: #description,
                        input_schema: #input_schema,
                        output_schema: #output_schema,
                        hints: ::toolward_sdk::Hints {
                            read_only: #read_only,
                            destructive: #destructive,
                            idempotent: #idempotent,
                            open_world: #open_world,
                        },
                    }
                }

                #[allow(unused_variables, reason = "not every tool uses the context or takes arguments")]
                fn call(
                    cx: &::toolward_sdk::Context,
                    arguments: &str,
                ) -> ::toolward_sdk::Result<::toolward_sdk::Output> {
                    #outcome(#ident(#context #arguments))
                }
            }
        }
    }
}

fn option(value: Option<impl ToTokens>) -> TokenStream {
    value.map_or_else(
        || quote!(::core::option::Option::None),
        |value| quote!(::core::option::Option::Some(#value)),
    )
}

fn check_signature(function: &ItemFn) -> syn::Result<()> {
    let signature = &function.sig;
    if let Some(asyncness) = &signature.asyncness {
        return Err(Error::new(
            asyncness.span(),
            "a tool is not `async`: each call has an instance of its own and may wait",
        ));
    }
    if let Some(unsafety) = &signature.unsafety {
        return Err(Error::new(
            unsafety.span(),
            "a tool is not `unsafe`: anyone may call it",
        ));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new(
            signature.generics.span(),
            "a tool is not generic: its schema has one shape",
        ));
    }
    Ok(())
}

fn tool_name(options: &Options, function: &Ident) -> syn::Result<String> {
    let (name, span) = match &options.name {
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
                "`{name}` is not the name of a tool: use up to 64 ASCII letters, digits, `_`, `-`, `.` and `/`"
            ),
        ))
    }
}

/// The doc comment without the space that follows `///`.
fn description(function: &ItemFn) -> syn::Result<String> {
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
                "a tool's description is written out, not made by a macro",
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
        let message = "a tool needs a doc comment: it is what the model reads to choose it";
        return Err(Error::new(function.sig.ident.span(), message));
    }
    Ok(description)
}

fn parameters(function: &ItemFn) -> syn::Result<Parameters<'_>> {
    let mut found = Parameters {
        context: false,
        arguments: None,
    };
    for input in &function.sig.inputs {
        let parameter = match input {
            FnArg::Receiver(receiver) => {
                return Err(Error::new(
                    receiver.span(),
                    "a tool is a function of its own, not a method",
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
                let message = "a tool is not generic: its schema has one shape";
                return Err(Error::new(parameter.span(), message));
            }
            _ if found.arguments.is_some() => {
                let message =
                    "a tool takes its arguments as one struct, whose fields the model fills in";
                return Err(Error::new(parameter.span(), message));
            }
            arguments => found.arguments = Some(arguments),
        }
    }
    Ok(found)
}

fn returns(function: &ItemFn) -> syn::Result<&Type> {
    match &function.sig.output {
        ReturnType::Type(_, returns) => Ok(returns),
        ReturnType::Default => {
            let message =
                "a tool returns a `Result`; one that has nothing to say returns `Result<()>`";
            Err(Error::new(function.sig.paren_token.span.close(), message))
        }
    }
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
            quote!(read_only, destructive = false, title = "One job"),
            &quote! {
                /// Shows one job.
                ///
                /// And more.
                pub(crate) fn job_get(cx: &Context, args: JobArgs) -> Result<Job> {
                    client::job(cx, &args.id)
                }
            },
        );
        assert_eq!(text, include_str!("../snapshots/tool.rs"));
    }

    #[test]
    fn a_tool_without_parameters_has_an_empty_schema() {
        let text = expanded(
            quote!(name = "time.now"),
            &quote! { #[doc = "Now."] fn now() -> Result<String> { clock() } },
        );
        assert!(
            text.contains("::toolward_sdk::__private::empty_input_schema()"),
            "{text}"
        );
        assert!(text.contains("finish::<Result<String>>(now())"), "{text}");
        assert!(
            text.contains(r#"const NAME: &'static str = "time.now";"#),
            "{text}"
        );
    }

    #[test]
    fn conditions_hold_for_the_tool_too() {
        let text = expanded(
            quote!(),
            &quote! { #[cfg(feature = "x")] #[doc = "Now."] fn now() -> Result<String> { f() } },
        );
        assert_eq!(
            text.matches(r#"#[cfg(feature = "x")]"#).count(),
            3,
            "{text}"
        );
    }

    #[track_caller]
    fn check(options: TokenStream, function: &TokenStream, message: &str) {
        let text = expanded(options, function);
        assert!(text.contains("compile_error!"), "no error: {text}");
        assert!(
            text.contains(&message.escape_default().to_string()) || text.contains(message),
            "other error: {text}"
        );
        assert!(
            !text.contains("::toolward_sdk::Tool for"),
            "an error and a tool: {text}"
        );
    }

    #[test]
    fn mistakes_in_the_options_are_named() {
        let ok = quote! { #[doc = "Now."] fn now() -> Result<String> { f() } };
        for (options, message) in [
            (
                quote!(readonly),
                "`#[tool]` knows no `readonly`; it takes `read_only`",
            ),
            (
                quote!(read_only, read_only = false),
                "`read_only` is given twice",
            ),
            (
                quote!(read_only, destructive),
                "a tool that is `read_only` destroys nothing",
            ),
            (quote!(read_only = 1), "`read_only` takes `true` or `false`"),
            (quote!(title), "write `title = "),
            (quote!(title = " "), "`title` is empty"),
            (quote!(title = 1), "`title` takes a text in quotes"),
            (quote!(name = "a b"), "`a b` is not the name of a tool"),
            (quote!(idempotent open_world), "expected `,`"),
        ] {
            check(options, &ok, message);
        }
    }

    #[test]
    fn mistakes_in_the_function_are_named() {
        for (function, message) in [
            (
                quote! { fn now() -> Result<String> { f() } },
                "a tool needs a doc comment",
            ),
            (
                quote! { #[doc = " "] fn now() -> Result<String> { f() } },
                "a tool needs a doc comment",
            ),
            (
                quote! { #[doc = include_str!("x")] fn now() -> Result<()> { f() } },
                "written out, not made by a macro",
            ),
            (
                quote! { #[doc = "N"] fn now() { f() } },
                "a tool returns a `Result`",
            ),
            (
                quote! { #[doc = "N"] async fn now() -> Result<()> { f() } },
                "a tool is not `async`",
            ),
            (
                quote! { #[doc = "N"] unsafe fn now() -> Result<()> { f() } },
                "a tool is not `unsafe`",
            ),
            (
                quote! { #[doc = "N"] fn now<T>(a: T) -> Result<()> { f() } },
                "a tool is not generic",
            ),
            (
                quote! { #[doc = "N"] fn now(a: impl A) -> Result<()> { f() } },
                "a tool is not generic",
            ),
            (
                quote! { #[doc = "N"] fn now(&self) -> Result<()> { f() } },
                "not a method",
            ),
            (
                quote! { #[doc = "N"] fn now(cx: &mut Context) -> Result<()> { f() } },
                "the context is shared",
            ),
            (
                quote! { #[doc = "N"] fn now(a: A, cx: &Context) -> Result<()> { f() } },
                "the context comes first",
            ),
            (
                quote! { #[doc = "N"] fn now(cx: &Context, a: &A) -> Result<()> { f() } },
                "arguments are owned",
            ),
            (
                quote! { #[doc = "N"] fn now(a: A, b: B) -> Result<()> { f() } },
                "arguments as one struct",
            ),
            (
                quote! { #[doc = "N"] fn größe() -> Result<()> { f() } },
                "is not the name of a tool",
            ),
            (quote! { struct Now; }, "`#[tool]` goes on a function"),
        ] {
            check(quote!(), &function, message);
        }
    }
}
