//! What the program is made of, as cargo resolves it for every platform. Relies on `cargo tree`.

use std::process::Command;

/// Git, an async runtime, a second cryptography, or a system's framework.
const NOT_LINKED: [&str; 11] = [
    "async-std",
    "aws-lc-rs",
    "aws-lc-sys",
    "git2",
    "native-tls",
    "octocrab",
    "openssl",
    "rehearsal",
    "reqwest",
    "security-framework",
    "tokio",
];

#[test]
fn what_ships_links_one_cryptography_and_neither_git_nor_an_async_runtime() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--package", "truetag"])
        .args(["--edges", "normal", "--target", "all", "--prefix", "none"])
        .args(["--format", "{p}", "--color", "never"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let tree = String::from_utf8(output.stdout).unwrap();
    let linked: Vec<_> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(linked.contains(&"trust") && linked.contains(&"ring"));
    for name in NOT_LINKED {
        assert!(!linked.contains(&name), "{name}");
    }
}
