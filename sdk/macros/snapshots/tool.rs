#[allow(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "a tool's signature is not its author's choice"
)]
/// Shows one job.
///
/// And more.
pub(crate) fn job_get(cx: &Context, args: JobArgs) -> Result<Job> {
    client::job(cx, &args.id)
}
#[doc(hidden)]
#[allow(non_camel_case_types, reason = "it carries the function's name")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct job_get {}
#[automatically_derived]
impl ::toolward_sdk::Tool for job_get {
    const LISTED: ::toolward_sdk::__private::Listed = ::toolward_sdk::__private::Listed {
        name: "job_get",
        title: ::core::option::Option::Some("One job"),
        description: "Shows one job.\n\nAnd more.",
        input_schema: ::toolward_sdk::__private::schema::input::<JobArgs>,
        output_schema: ::toolward_sdk::__private::output_schema::<Result<Job>>,
        hints: ::toolward_sdk::Hints {
            read_only: ::core::option::Option::Some(true),
            destructive: ::core::option::Option::Some(false),
            idempotent: ::core::option::Option::None,
            open_world: ::core::option::Option::None,
        },
        jobs: ::toolward_sdk::__private::job_support::<Result<Job>, false>(),
        icons: || ::std::vec::Vec::new(),
        meta: || ::toolward_sdk::Meta::new(),
    };
    #[allow(
        unused_variables,
        reason = "not every tool uses the context or takes arguments"
    )]
    fn call(
        cx: &::toolward_sdk::Context,
        arguments: &str,
    ) -> ::toolward_sdk::Result<::toolward_sdk::Output> {
        ::toolward_sdk::__private::finish::<
            Result<Job>,
        >(job_get(cx, ::toolward_sdk::__private::arguments::<JobArgs>(arguments)?))
    }
}
