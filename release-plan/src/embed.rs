//! What the build script of a program does: it checks `product.yaml` and hands it to the compiler
//! as JSON, so that no YAML is parsed at run time and a broken product never compiles. Relies on
//! the environment that cargo gives a build script.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::changes::{Guide, RELEASES};
use crate::sources;

/// Where `product.yaml` lies, below the root of the tree.
const PRODUCT: &str = "release-plan/product.yaml";
/// The folder of skills that a program embeds, below the root of the tree.
const PLAYBOOK: &str = "playbook/skills";

/// To be called by the build script of a program. `root` is the way from the folder of its package
/// to the root of the tree, such as `"."` or `".."`.
///
/// The compiler then finds the product at `concat!(env!("OUT_DIR"), "/product.json")`, what its
/// guides tell at `/news.json` beside it, the target
/// in `BUILD_TARGET` and the folder of skills in `BUILD_PLAYBOOK`, and the program is compiled again
/// when product or playbook change.
///
/// # Panics
/// When the product cannot be read or is broken: with file, line and column.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a build script is an edge, and talks to cargo by stdout"
)]
pub fn embed(root: impl AsRef<Path>) {
    let set = |name: &str| env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"));
    let root = PathBuf::from(set("CARGO_MANIFEST_DIR")).join(root);
    let file = root.join(PRODUCT);
    let yaml = fs::read_to_string(&file).unwrap_or_else(|error| failed(&file, error));
    let product = sources::product(PRODUCT, &yaml).unwrap_or_else(|error| panic!("{error}"));
    let out = Path::new(&set("OUT_DIR")).join("product.json");
    fs::write(&out, product.to_json()).unwrap_or_else(|error| failed(&out, error));
    let guides = root.join(RELEASES);
    let out = out.with_file_name("news.json");
    fs::write(&out, news(&guides)).unwrap_or_else(|error| failed(&out, error));
    let playbook = root.join(PLAYBOOK);
    // A folder that is not there would have the program compiled each time.
    let watched = if guides.is_dir() {
        guides
    } else {
        root.join("release-plan")
    };
    println!("cargo::rerun-if-changed={}", watched.display());
    println!("cargo::rerun-if-changed={}", file.display());
    // Files that come or go there change what is embedded.
    println!("cargo::rerun-if-changed={}", playbook.display());
    println!("cargo::rustc-env=BUILD_PLAYBOOK={}", playbook.display());
    println!("cargo::rustc-env=BUILD_TARGET={}", set("TARGET"));
}

/// What the guides in a folder tell, sorted by version, as JSON; nothing where there is no folder.
#[expect(clippy::disallowed_methods, reason = "a build script is an edge")]
fn news(guides: &Path) -> String {
    let mut all = Vec::new();
    for entry in fs::read_dir(guides).into_iter().flatten() {
        let path = entry.unwrap_or_else(|error| failed(guides, error)).path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if Guide::of_file(&name).is_some() {
            let bytes = fs::read(&path).unwrap_or_else(|error| failed(&path, error));
            let guide = Guide::read(&format!("{RELEASES}/{name}"), &bytes);
            all.push(guide.unwrap_or_else(|error| panic!("{error}")).news());
        }
    }
    all.sort_by(|one, other| one.version.cmp(&other.version));
    serde_json::to_string(&all).expect("news have string keys and no floating point")
}

fn failed<T>(path: &Path, error: io::Error) -> T {
    panic!("{}: {error}", path.display())
}
