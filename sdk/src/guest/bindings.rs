//! What wit-bindgen makes of the plugin interface: the imports and shared types here, each ability in a module of
//! its own.
//!
//! An ability is exported by the macro of its module, so that a component exports exactly what its author wrote.
//! Imports need no such care: the linker drops what nothing calls, and `wit-component` what no code imports.

wit_bindgen::generate!({
    path: "../wit",
    inline: "
        package toolward:sdk;

        world imports {
            include toolward:plugin/base@0.1.0;
            import wasi:http/outgoing-handler@0.2.12;
            import toolward:plugin/changes@0.1.0;
        }
    ",
    generate_all,
});

/// The export `tools`.
pub mod tools {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package toolward:sdk-tools;

            world offers-tools {
                export toolward:plugin/tools@0.1.0;
            }
        ",
        with: {
            "toolward:plugin/values@0.1.0": crate::guest::bindings::toolward::plugin::values,
            "toolward:plugin/call@0.1.0": crate::guest::bindings::toolward::plugin::call,
            "wasi:io/poll@0.2.12": crate::guest::bindings::wasi::io::poll,
        },
        pub_export_macro: true,
        default_bindings_module: "::toolward_sdk::__private::bindings::tools",
    });
}

/// The export `jobs`.
pub mod jobs {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package toolward:sdk-jobs;

            world offers-jobs {
                export toolward:plugin/jobs@0.1.0;
            }
        ",
        with: {
            "toolward:plugin/values@0.1.0": crate::guest::bindings::toolward::plugin::values,
            "toolward:plugin/call@0.1.0": crate::guest::bindings::toolward::plugin::call,
            "wasi:io/poll@0.2.12": crate::guest::bindings::wasi::io::poll,
        },
        pub_export_macro: true,
        default_bindings_module: "::toolward_sdk::__private::bindings::jobs",
    });
}

/// The export `resources`.
pub mod resources {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package toolward:sdk-resources;

            world offers-resources {
                export toolward:plugin/resources@0.1.0;
            }
        ",
        with: {
            "toolward:plugin/values@0.1.0": crate::guest::bindings::toolward::plugin::values,
            "toolward:plugin/call@0.1.0": crate::guest::bindings::toolward::plugin::call,
            "wasi:io/poll@0.2.12": crate::guest::bindings::wasi::io::poll,
        },
        pub_export_macro: true,
        default_bindings_module: "::toolward_sdk::__private::bindings::resources",
    });
}

/// The export `watch`.
pub mod watch {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package toolward:sdk-watch;

            world offers-watch {
                export toolward:plugin/watch@0.1.0;
            }
        ",
        with: {
            "toolward:plugin/values@0.1.0": crate::guest::bindings::toolward::plugin::values,
            "toolward:plugin/call@0.1.0": crate::guest::bindings::toolward::plugin::call,
            "wasi:io/poll@0.2.12": crate::guest::bindings::wasi::io::poll,
        },
        pub_export_macro: true,
        default_bindings_module: "::toolward_sdk::__private::bindings::watch",
    });
}

/// The export `prompts`.
pub mod prompts {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package toolward:sdk-prompts;

            world offers-prompts {
                export toolward:plugin/prompts@0.1.0;
            }
        ",
        with: {
            "toolward:plugin/values@0.1.0": crate::guest::bindings::toolward::plugin::values,
            "toolward:plugin/call@0.1.0": crate::guest::bindings::toolward::plugin::call,
            "wasi:io/poll@0.2.12": crate::guest::bindings::wasi::io::poll,
        },
        pub_export_macro: true,
        default_bindings_module: "::toolward_sdk::__private::bindings::prompts",
    });
}

/// The export `completions`.
pub mod completions {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package toolward:sdk-completions;

            world offers-completions {
                export toolward:plugin/completions@0.1.0;
            }
        ",
        with: {
            "toolward:plugin/values@0.1.0": crate::guest::bindings::toolward::plugin::values,
            "toolward:plugin/call@0.1.0": crate::guest::bindings::toolward::plugin::call,
            "wasi:io/poll@0.2.12": crate::guest::bindings::wasi::io::poll,
        },
        pub_export_macro: true,
        default_bindings_module: "::toolward_sdk::__private::bindings::completions",
    });
}
