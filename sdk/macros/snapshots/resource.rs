#[allow(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "a resource's signature is not its author's choice"
)]
/// One order.
fn order(cx: &Context, order: Order) -> Result<Json<Value>> {
    client::order(cx, order)
}
#[doc(hidden)]
#[allow(non_camel_case_types, reason = "it carries the function's name")]
#[derive(Clone, Copy, Debug)]
struct order {}
#[automatically_derived]
impl ::toolward_sdk::Resource for order {
    const URI: &'static str = "shop://orders/{number}";
    const LIST: ::core::option::Option<::toolward_sdk::ListFunction> = ::core::option::Option::Some(
        orders,
    );
    fn definition() -> ::toolward_sdk::ResourceDefinition {
        ::toolward_sdk::ResourceDefinition {
            uri: "shop://orders/{number}",
            name: "order",
            title: ::core::option::Option::None,
            description: "One order.",
            mime_type: ::core::option::Option::Some("application/json"),
            icons: ::std::vec::Vec::new(),
            annotations: ::core::option::Option::Some(::toolward_sdk::Annotations {
                audience: ::std::vec![::toolward_sdk::Role::Assistant],
                priority: ::core::option::Option::Some(0.5f64),
                last_modified: ::core::option::Option::None,
            }),
            meta: ::toolward_sdk::Meta::new(),
        }
    }
    #[allow(
        unused_variables,
        reason = "not every resource uses the context or has blanks"
    )]
    fn read(
        cx: &::toolward_sdk::Context,
        uri: &str,
        blanks: &[(::std::string::String, ::std::string::String)],
    ) -> ::toolward_sdk::Result<::toolward_sdk::Found> {
        ::toolward_sdk::__private::finish_resource(
            order(cx, ::toolward_sdk::__private::read_blanks::<Order>(blanks)?),
            uri,
            ::core::option::Option::Some("application/json"),
        )
    }
}
