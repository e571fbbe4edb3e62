//! What a build puts into the binary besides code.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to build scripts through the environment"
)]

mod facts;
mod swagger_ui;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build");
    facts::tell();
    swagger_ui::unpack()
}
