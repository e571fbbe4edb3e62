//! What wit-bindgen makes of the plugin interface.

wit_bindgen::generate!({
    path: "../wit",
    world: "toolward:plugin/http-tool",
    generate_all,
    pub_export_macro: true,
    default_bindings_module: "::toolward_sdk::__private::bindings",
});
