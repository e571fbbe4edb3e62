#[allow(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "a prompt's signature is not its author's choice"
)]
/// Looks into a night.
pub(crate) fn night(cx: &Context, args: Night) -> Result<String> {
    Ok(args.day)
}
#[doc(hidden)]
#[allow(non_camel_case_types, reason = "it carries the function's name")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct night {}
#[automatically_derived]
impl ::toolward_sdk::Prompt for night {
    const NAME: &'static str = "night";
    fn definition() -> ::toolward_sdk::PromptDefinition {
        ::toolward_sdk::PromptDefinition {
            name: "night",
            title: ::core::option::Option::Some("Last night"),
            description: "Looks into a night.",
            arguments: ::toolward_sdk::__private::prompt_arguments::<Night>(),
            icons: ::std::vec![::toolward_sdk::Icon::new("https://shop.example/a.png")],
            meta: ::toolward_sdk::Meta::new(),
        }
    }
    #[allow(
        unused_variables,
        reason = "not every prompt uses the context or has blanks"
    )]
    fn fill(
        cx: &::toolward_sdk::Context,
        arguments: &[(::std::string::String, ::std::string::String)],
    ) -> ::toolward_sdk::Result<::toolward_sdk::Filled> {
        ::toolward_sdk::__private::finish_prompt(
            night(
                cx,
                ::toolward_sdk::__private::read_prompt_arguments::<Night>(arguments)?,
            ),
        )
    }
}
