//! Tells the program which target it was compiled for: the host of what it will build.

fn main() {
    let target = std::env::var("TARGET").expect("cargo sets it");
    println!("cargo::rustc-env=XTASK_HOST={target}");
    println!("cargo::rerun-if-changed=build.rs");
}
