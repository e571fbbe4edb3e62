//! The host's side of `wit/`, generated. Types only; each import is implemented in a file of its own beside this
//! one, and exports are found one interface at a time by `plugin`.

mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "toolward:plugin/everything",
        imports: { default: trappable },
        exports: { default: async },
        require_store_data_send: true,
        // What a job asks for and what it gives in the end is kept in the store.
        additional_derives: [serde::Deserialize, serde::Serialize],
        with: {
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:http": wasmtime_wasi_http::p2::bindings::http,
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "toolward:plugin/call.context": super::super::call::Context,
        },
    });
}

pub(crate) use generated::exports::toolward::plugin as exports;
pub(crate) use generated::toolward::plugin as imports;
