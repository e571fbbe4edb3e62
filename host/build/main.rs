//! What a build puts into the binary besides code.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "cargo and build scripts speak to each other in this way"
)]

mod facts;
mod swagger_ui;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build");
    facts::tell()?;
    swagger_ui::unpack()
}
