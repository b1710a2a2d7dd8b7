//! Building again and comparing: equal, different, and not to be judged are three things.

use std::fs;

use release_plan::Exit;

use crate::fixture::{Ended, Fixture, ok};

const HOST: &str = env!("XTASK_HOST");

fn reproduce(fixture: &Fixture, against: &str) -> Ended {
    let mut reproduce = fixture.xtask("reproduce");
    reproduce.arg("--against").arg(fixture.beside(against));
    reproduce.output().unwrap().into()
}

#[test]
fn a_second_build_on_another_path_under_another_home_is_equal_to_the_byte() {
    let fixture = Fixture::assembled();
    let equal = format!("✓ {HOST}: equal to the byte\n");
    for against in ["archives", "assets"] {
        let ended = reproduce(&fixture, against).with(Exit::Done);
        assert_eq!(ended.out, equal, "{against}");
    }
}

#[test]
fn a_program_that_holds_a_path_of_this_machine_is_not_packed() {
    let fixture = Fixture::unborn();
    fixture.write(
        "build.rs",
        "fn main() {\n    println!(\"cargo::rustc-env=WHERE={}\", env!(\"CARGO_MANIFEST_DIR\"));\n}\n",
    );
    let main = fs::read_to_string(fixture.root().join("src/main.rs")).unwrap();
    let main = main.replace(
        "fn main() {\n",
        "fn main() {\n    eprintln!(env!(\"WHERE\"));\n",
    );
    fixture.write("src/main.rs", &main);
    fixture.commit();
    fixture.make_plan();
    // The path is private, so that such a program is not packed in the first place.
    let ended = Ended::from(fixture.build().output().unwrap());
    ended.with(Exit::Gate).saying("work tree");
}

#[test]
fn archives_that_differ_are_told_with_member_and_offset() {
    let fixture = Fixture::assembled();
    let program = fixture.unpacked("assets");
    let mut bytes = fs::read(&program).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&program, bytes).unwrap();
    let root = format!("ember-{HOST}");
    let mut tar = std::process::Command::new("tar");
    tar.args(["-czf"])
        .arg(fixture.archive())
        .arg("-C")
        .arg(fixture.beside("unpacked"));
    ok(tar.arg(&root));
    let manifest = fs::read_to_string(fixture.asset("release.json")).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let packed = fs::read(fixture.archive()).unwrap();
    let asset = &mut manifest["assets"][0];
    asset["size"] = packed.len().into();
    asset["sha256"] = release_plan::Sha256::of(&packed).to_string().into();
    fs::write(fixture.asset("release.json"), manifest.to_string()).unwrap();
    let ended = reproduce(&fixture, "assets").with(Exit::Gate);
    let words = format!("{root}/ember: first differs at byte {middle} ");
    assert!(ended.out.contains(&words), "{}", ended.out);
    ended.saying("1 of 1 archives differ");
}

#[test]
fn what_another_toolchain_made_cannot_be_judged_and_is_not_called_different() {
    let fixture = Fixture::assembled();
    let record = fixture.beside(&format!("archives/ember-{HOST}.tar.gz.built.json"));
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replacen("\"rustc 1.", "\"rustc 0.", 1)).unwrap();
    let ended = reproduce(&fixture, "archives").with(Exit::Input);
    assert!(
        ended.out.contains("cannot judge: it was made by rustc 0."),
        "{}",
        ended.out
    );
    assert!(!ended.err.contains("differ"), "{}", ended.err);
}

#[test]
fn archives_of_another_commit_are_told_with_the_way_there() {
    let fixture = Fixture::assembled();
    let commit = fixture.plan().source.commit;
    fixture.write("README.md", "# more\n");
    fixture.commit();
    let ended = reproduce(&fixture, "assets");
    ended
        .with(Exit::Input)
        .saying(&format!("git checkout {commit}"));
}

#[test]
fn archives_of_uncommitted_changes_cannot_be_built_again_by_anybody() {
    let fixture = Fixture::assembled();
    fixture.write("README.md", "# more\n");
    fixture.assemble();
    reproduce(&fixture, "archives")
        .with(Exit::Input)
        .saying("commit them and build again");
}

#[test]
fn a_folder_without_archives_is_told_with_the_command_that_fills_it() {
    let fixture = Fixture::committed();
    fs::create_dir(fixture.beside("empty")).unwrap();
    let ended = reproduce(&fixture, "empty").with(Exit::Input);
    ended.saying("cargo xtask build --all-targets");
    reproduce(&fixture, "nowhere")
        .with(Exit::Input)
        .saying("nowhere");
}
