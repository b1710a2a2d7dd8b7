//! Puts the product and its playbook into the program.

fn main() {
    release_plan::embed("..");
    // Tests install and download the example many times: without symbols it is a third as large.
    if std::env::var("TARGET").is_ok_and(|target| target.contains("-linux-")) {
        println!("cargo::rustc-link-arg-examples=-s");
    }
}
