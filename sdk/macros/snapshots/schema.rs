#[automatically_derived]
impl<T: ::toolward_sdk::JsonSchema> ::toolward_sdk::JsonSchema for JobArgs<T> {
    const SCHEMA: ::toolward_sdk::Schema = ::toolward_sdk::Schema::Struct(
        &::toolward_sdk::__private::schema::Struct {
            name: ::core::any::type_name::<Self>,
            description: "Which jobs.",
            fields: &[
                ::toolward_sdk::__private::schema::Field {
                    names: ["atMost", "atMost"],
                    presence: ::toolward_sdk::__private::schema::Presence {
                        not_read: false,
                        not_written: false,
                        optional_read: true,
                        optional_written: false,
                        flat: false,
                    },
                    title: "",
                    description: "How many.",
                    schema: ::toolward_sdk::__private::schema::of::<u32>,
                    limits: ::core::option::Option::Some(
                        &::toolward_sdk::__private::schema::Limits {
                            min: "1",
                            max: "100",
                            min_length: "",
                            max_length: "",
                            more: "",
                        },
                    ),
                    default: ::core::option::Option::Some(|| {
                        #[allow(
                            unused_imports,
                            reason = "only values that cannot be written need it"
                        )]
                        use ::toolward_sdk::__private::schema::NoFallback as _;
                        let value: u32 = ten();
                        ::toolward_sdk::__private::schema::Fallback(value).json()
                    }),
                },
                ::toolward_sdk::__private::schema::Field {
                    names: ["ofKind", "ofKind"],
                    presence: ::toolward_sdk::__private::schema::Presence {
                        not_read: false,
                        not_written: false,
                        optional_read: false,
                        optional_written: false,
                        flat: false,
                    },
                    title: "",
                    description: "",
                    schema: ::toolward_sdk::__private::schema::of::<Option<T>>,
                    limits: ::core::option::Option::None,
                    default: ::core::option::Option::None,
                },
            ],
            closed: false,
            more: "",
        },
    );
}
