//! The `#[tool]` attribute: from a function to the function and a type of the same name that implements `Tool`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ItemFn;
use syn::spanned::Spanned;

use crate::function::{self, Function, Kind, option, public_name};
use crate::options::{Options, Takes};

const TOOL: Kind = Kind {
    name: "tool",
    arguments: "its arguments as one struct, whose fields the model fills in",
    shape: "its schema has one shape",
    doc: "it is what the model reads to choose it",
    returns: "a `Result`; one that has nothing to say returns `Result<()>`",
};

pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    function::expand(TOOL, item, |function| tool(options, function))
}

fn tool(options: TokenStream, function: &ItemFn) -> syn::Result<TokenStream> {
    let options = Options::parse(Takes::TOOL, options)?;
    let function = Function::parse(TOOL, function)?;
    let ident = &function.item.sig.ident;
    let name = public_name(TOOL, options.name.as_ref(), ident)?;
    let conditions = function.conditions();
    let carrier = function.type_of_its_name();
    let description = &function.description;
    let returns = function.returns;
    let icons = options.icons();
    let meta = options.meta();
    let title = option(options.title);
    let [read_only, destructive, idempotent, open_world] = [
        options.read_only,
        options.destructive,
        options.idempotent,
        options.open_world,
    ]
    .map(|hint| option(hint.map(|hint| hint.value)));
    let job_required = options.job_required.is_some_and(|hint| hint.value);

    let input_schema = function.parameters.arguments.map_or_else(
        || quote!(::toolward_sdk::__private::schema::no_input),
        |arguments| quote_spanned!(arguments.span()=> ::toolward_sdk::__private::schema::input::<#arguments>),
    );
    let output_schema =
        quote_spanned!(returns.span()=> ::toolward_sdk::__private::output_schema::<#returns>);
    let jobs = quote_spanned!(returns.span()=> ::toolward_sdk::__private::job_support::<#returns, #job_required>());
    let context = function.parameters.context.then(|| quote!(cx,));
    let arguments = function.parameters.arguments.map(|arguments| {
        quote_spanned!(arguments.span()=> ::toolward_sdk::__private::arguments::<#arguments>(arguments)?)
    });
    let outcome = quote_spanned!(returns.span()=> ::toolward_sdk::__private::finish::<#returns>);

    Ok(quote! {
        #carrier

        #(#conditions)*
        #[automatically_derived]
        impl ::toolward_sdk::Tool for #ident {
            const LISTED: ::toolward_sdk::__private::Listed = ::toolward_sdk::__private::Listed {
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
                jobs: #jobs,
                icons: || #icons,
                meta: || #meta,
            };

            #[allow(unused_variables, reason = "not every tool uses the context or takes arguments")]
            fn call(
                cx: &::toolward_sdk::Context,
                arguments: &str,
            ) -> ::toolward_sdk::Result<::toolward_sdk::Output> {
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
            text.contains("::toolward_sdk::__private::schema::no_input"),
            "{text}"
        );
        assert!(text.contains("finish::<Result<String>>(now())"), "{text}");
        assert!(text.contains(r#"name: "time.now","#), "{text}");
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
