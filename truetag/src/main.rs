//! The program: this product, its playbook and its build, given to the library.

use std::process::ExitCode;

use truetag::{Dir, Program, Sigstore, build_info, include_dir};

static PLAYBOOK: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../playbook/skills");

fn main() -> ExitCode {
    truetag::run(&Program {
        product_json: include_str!(concat!(env!("OUT_DIR"), "/product.json")),
        playbook: &PLAYBOOK,
        sigstore: Sigstore::PUBLIC,
        build: build_info!(),
    })
}
