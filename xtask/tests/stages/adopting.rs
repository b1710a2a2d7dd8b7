//! `adopt`: what it writes into a program's tree, what it leaves alone, and what it has to be told.

use std::fs;
use std::path::Path;
use std::process::Command;

use release_plan::Exit;
use tempfile::TempDir;

use crate::fixture::Ended;

const MANIFEST: &str = "\
[package]
name = \"torch\"
description = \"Burns: \\\"bright\\\"\"
version = \"0.1.0\"
edition = \"2024\"
license = \"MIT\"
# Where it lives.
repository = \"https://github.com/example/torch.git\"
";
const FRESH: &str = "fn main() {\n    println!(\"Hello, world!\");\n}\n";
const TOLD: [&str; 5] = ["--yes", "--repository-id", "81", "--owner-id", "82"];

/// A program in a repository without a commit.
struct Program(TempDir);

impl Program {
    fn new() -> Self {
        let program = Self::empty();
        program.write("Cargo.toml", MANIFEST);
        program.write("src/main.rs", FRESH);
        program
    }

    fn empty() -> Self {
        let program = Self(tempfile::tempdir().unwrap());
        let repository = git2::Repository::init(program.0.path()).unwrap();
        repository.set_head("refs/heads/trunk").unwrap();
        program
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.path().join(path)).unwrap()
    }

    fn adopt(&self, arguments: &[&str]) -> Ended {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg("adopt").arg("--crates").arg(crates);
        command.args(arguments).current_dir(self.0.path());
        // What this workspace was compiled from is there.
        command.env("CARGO_NET_OFFLINE", "true");
        command.output().unwrap().into()
    }

    /// Every file with its text, but git's own.
    fn files(&self) -> Vec<(String, String)> {
        fn below(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.ends_with(".git") {
                    continue;
                } else if path.is_dir() {
                    below(root, &path, found);
                } else {
                    let name = path.strip_prefix(root).unwrap().display().to_string();
                    found.push((name, fs::read_to_string(&path).unwrap()));
                }
            }
        }
        let mut found = Vec::new();
        below(self.0.path(), self.0.path(), &mut found);
        found.sort();
        found
    }
}

#[test]
fn a_fresh_program_gets_every_file_with_its_own_values_and_a_second_run_changes_nothing() {
    let program = Program::new();
    program
        .adopt(&TOLD)
        .with(Exit::Done)
        .saying("README.md: none; write it");
    let product = program.read("release-plan/product.yaml");
    for line in [
        "name: torch",
        "summary: \"Burns: \\\"bright\\\"\"",
        "  url: https://github.com/example/torch",
        "  id: 81",
        "  owner_id: 82",
        "  default_branch: \"trunk\"",
        "  url: https://example.github.io/torch",
    ] {
        assert!(product.contains(&format!("{line}\n")), "{line}:\n{product}");
    }
    let main = program.read("src/main.rs");
    assert!(
        main.contains("truetag::run_with(&truetag::program!()"),
        "{main}"
    );
    assert!(
        program
            .read("build.rs")
            .contains("release_plan::embed(\".\")")
    );
    let manifest = program.read("Cargo.toml");
    assert!(manifest.starts_with(MANIFEST), "{manifest}");
    assert!(
        program
            .read("Cargo.lock")
            .contains("name = \"torch-xtask\"")
    );
    let alias = program.read(".cargo/config.toml");
    assert!(alias.contains("--package torch-xtask --"), "{alias}");
    let gates = program.read(".github/workflows/gates.yml");
    assert!(gates.contains("branches: [trunk]"), "{gates}");

    let before = program.files();
    program
        .adopt(&["--yes"])
        .with(Exit::Done)
        .saying("0 written");
    assert_eq!(program.files(), before);
}

#[test]
fn a_dry_run_shows_and_writes_nothing() {
    let program = Program::new();
    let before = program.files();
    let told = [&["--dry-run"], &TOLD[1..]].concat();
    let ended = program.adopt(&told).with(Exit::Done);
    assert!(
        ended
            .out
            .contains("new      .github/workflows/release.yml\n"),
        "{}",
        ended.out
    );
    assert!(
        ended.out.contains("         +[build-dependencies]\n"),
        "{}",
        ended.out
    );
    assert_eq!(program.files(), before);
    program.adopt(&TOLD[1..]).with(Exit::Usage);
}

#[test]
fn what_a_person_wrote_is_kept_until_she_says_otherwise() {
    let program = Program::new();
    let release = ".github/workflows/release.yml";
    let mine = "fn main() {\n    burn();\n}\n\nfn burn() {}\n";
    let alias = "[alias]\nxtask = \"run --package mine --\" # mine\n";
    program.write(release, "name: mine\n");
    program.write("src/main.rs", mine);
    program.write(".cargo/config.toml", alias);
    program
        .adopt(&TOLD)
        .with(Exit::Done)
        .saying(".github/workflows/release.yml: kept, though it differs as shown; --overwrite")
        .saying("src/main.rs: yours, and not touched")
        .saying(".cargo/config.toml: yours, and not touched");
    assert_eq!(program.read(release), "name: mine\n");
    assert_eq!(program.read("src/main.rs"), mine);
    assert_eq!(program.read(".cargo/config.toml"), alias);

    let ended = program
        .adopt(&["--yes", "--overwrite", release])
        .with(Exit::Done);
    assert!(
        ended.out.contains("         -name: mine\n"),
        "{}",
        ended.out
    );
    assert!(program.read(release).contains("--package torch-xtask"));
    assert_eq!(program.read("src/main.rs"), mine);
    program
        .adopt(&["--yes", "--overwrite", "src/other.rs"])
        .with(Exit::Input)
        .saying("--overwrite src/other.rs: expected a file that this command writes");
}

#[test]
fn a_program_in_a_folder_of_its_workspace_is_adopted_there() {
    let program = Program::empty();
    let workspace =
        "[workspace]\nresolver = \"3\"\nmembers = [\n    \"crates/*\", # all of them\n]\n";
    program.write("Cargo.toml", workspace);
    program.write("crates/torch/Cargo.toml", MANIFEST);
    program.write("crates/torch/src/main.rs", FRESH);
    program.adopt(&TOLD).with(Exit::Done);
    let manifest = program.read("Cargo.toml");
    let members = "[\n    \"xtask\",\n    \"crates/*\", # all of them\n]\n";
    assert!(manifest.contains(members), "{manifest}");
    assert!(!manifest.contains("[dependencies]"), "{manifest}");
    let build = program.read("crates/torch/build.rs");
    assert!(build.contains("release_plan::embed(\"../..\")"), "{build}");
    let before = program.files();
    program.adopt(&["--yes"]).with(Exit::Done);
    assert_eq!(program.files(), before);
}

#[test]
fn what_cannot_be_read_is_asked_for_with_exit_code_17() {
    let without = |line: &str| {
        let program = Program::new();
        let lines = MANIFEST.lines().filter(|other| !other.starts_with(line));
        let lines: String = lines.map(|line| format!("{line}\n")).collect();
        program.write("Cargo.toml", &lines);
        program
    };
    for (line, words) in [
        ("description", "say --summary TEXT"),
        (
            "repository",
            "say --repository https://github.com/OWNER/NAME",
        ),
        ("license", "expected `license`"),
    ] {
        let program = without(line);
        let before = program.files();
        program.adopt(&TOLD).with(Exit::Input).saying(words);
        assert_eq!(program.files(), before);
    }
    let program = without("description");
    program
        .adopt(&[&TOLD[..], &["--summary", "Burns."]].concat())
        .with(Exit::Done);

    let program = Program::new();
    let ended = program.adopt(&["--yes"]).with(Exit::Input);
    ended.saying("expected --repository-id NUMBER: only GitHub knows");
    program.write("src/main.rs", "");
    fs::remove_file(program.0.path().join("src/main.rs")).unwrap();
    program.write("src/lib.rs", "");
    program
        .adopt(&TOLD)
        .with(Exit::Input)
        .saying("expected one package with a program of its name, found none");
    fs::remove_file(program.0.path().join("Cargo.toml")).unwrap();
    program
        .adopt(&TOLD)
        .with(Exit::Input)
        .saying("expected a Cargo.toml at the root");
}

#[test]
fn a_product_that_is_there_is_believed_and_never_changed() {
    let program = Program::new();
    program.adopt(&TOLD).with(Exit::Done);
    let file = "release-plan/product.yaml";
    let changed = program
        .read(file)
        .replace("expires_after_days: 14", "expires_after_days: 9");
    program.write(file, &changed);
    program.adopt(&["--yes"]).with(Exit::Done);
    assert_eq!(program.read(file), changed);
    program
        .adopt(&["--yes", "--owner-id", "83"])
        .with(Exit::Input)
        .saying("expected \"83\" as --owner-id says, found \"82\"");
}
