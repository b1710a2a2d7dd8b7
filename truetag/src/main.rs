//! The program: this product, its playbook and its build, given to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    truetag::run(&truetag::program!())
}
