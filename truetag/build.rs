//! Puts the product and its playbook into the program.

fn main() {
    let file = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"))
        .join("../release-plan/product.yaml");
    println!("cargo::rerun-if-changed={}", file.display());
    let yaml =
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let product = release_plan::sources::product("release-plan/product.yaml", &yaml)
        .unwrap_or_else(|error| panic!("{error}"));
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("product.json");
    fs::write(&out, product.to_json()).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
    // Files that come or go there change what is embedded.
    println!("cargo::rerun-if-changed=../playbook/skills");
    let target = env::var("TARGET").expect("cargo sets it");
    println!("cargo::rustc-env=BUILD_TARGET={target}");
    // Tests install and download the example many times: without symbols it is a third as large.
    if target.contains("-linux-") {
        println!("cargo::rustc-link-arg-examples=-s");
    }
    release_plan::embed("..");
}
