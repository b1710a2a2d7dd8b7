//! Assets between stages: what was changed after it was made is refused before it is signed,
//! verified or published.

use std::fs;
use std::path::Path;

use release_plan::Exit;

use crate::fixture::{Ended, Fixture, Loopback, ok};

fn append(path: &Path, bytes: &[u8]) {
    let mut content = fs::read(path).unwrap();
    content.extend_from_slice(bytes);
    fs::write(path, content).unwrap();
}

fn flip_a_bit(path: &Path) {
    let mut content = fs::read(path).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(path, content).unwrap();
}

#[track_caller]
fn every_stage_refuses(fixture: &Fixture, words: &str) {
    let loopback = Loopback::start();
    let plan = fixture.plan();
    let job = loopback.release_job(&plan, "v1.2.3");
    loopback
        .sign_as(fixture, job)
        .with(Exit::Input)
        .saying(words);
    assert!(
        !fixture.asset("release.json.sigstore.json").exists(),
        "nothing was signed"
    );
    loopback.verify(fixture).with(Exit::Input).saying(words);
    let ended = Ended::from(loopback.publish(fixture).output().unwrap());
    ended.with(Exit::Input).saying(words);
    assert!(loopback.requests().is_empty(), "GitHub was not asked");
}

#[test]
fn assets_have_the_digests_that_sha256sum_computes() {
    let fixture = Fixture::assembled();
    let mut sha256sum = std::process::Command::new("sha256sum");
    sha256sum
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(fixture.beside("assets"));
    let ended = ok(&mut sha256sum);
    assert_eq!(ended.out.lines().count(), 7, "{}", ended.out);
}

#[test]
fn assembling_twice_gives_the_same_bytes() {
    let fixture = Fixture::assembled();
    let sums = fs::read(fixture.asset("SHA256SUMS")).unwrap();
    fixture.assemble();
    assert_eq!(fs::read(fixture.asset("SHA256SUMS")).unwrap(), sums);
}

#[test]
fn the_install_script_is_stamped_with_version_and_digests() {
    let fixture = Fixture::assembled();
    let script = fs::read_to_string(fixture.asset("install.sh")).unwrap();
    let sums = fs::read_to_string(fixture.asset("SHA256SUMS")).unwrap();
    let line = sums.lines().find(|line| line.ends_with(".tar.gz")).unwrap();
    let (digest, archive) = line.split_once("  ").unwrap();
    let host = env!("XTASK_HOST");
    assert!(script.contains("ember 1.2.3 v1.2.3 https://github.com/example/ember EMBER_HOME"));
    let claim = "# One of the scripts of v1.2.3.\n";
    assert!(script.contains(claim));
    let stub = fs::read_to_string(fixture.asset("stub.sh")).unwrap();
    let values = "https://github.com/example/ember https://example.github.io/ember stable";
    assert!(stub.contains(&format!("ember {values} EMBER_UPGRADE_REF\n{claim}")));
    assert!(
        script.contains(&format!("{digest} {host} {archive}")),
        "{script}"
    );
}

#[test]
fn a_template_with_an_unknown_or_a_missing_placeholder_is_refused() {
    let install = "bootstrap/install.sh";
    for (template, from, to, words) in [
        (install, "@TAG@", "@TAGS@", "expected the placeholder @TAG@"),
        (
            "bootstrap/stub.sh",
            "@CHANNELS_URL@",
            "",
            "bootstrap/stub.sh: expected the placeholder @CHANNELS_URL@",
        ),
        (
            install,
            "One of the scripts of",
            "Of",
            "expected the line \"# One of the scripts of @BOOTSTRAP_TAG@.\"",
        ),
        (
            install,
            "#!/bin/sh",
            "#!/bin/sh\n# @SURPRISE@",
            "unknown placeholder @SURPRISE@",
        ),
    ] {
        let fixture = Fixture::committed();
        fixture.replace(template, from, to);
        fixture.make_plan();
        ok(&mut fixture.build());
        let mut assemble = fixture.stage("assemble", "--out", "assets");
        assemble.arg("--from").arg(fixture.beside("archives"));
        Ended::from(assemble.output().unwrap())
            .with(Exit::Input)
            .saying(words);
        assert!(!fixture.beside("assets").exists());
        assert!(!fixture.beside("assets.partial").exists());
    }
}

#[test]
fn a_flipped_bit_in_any_asset_is_refused() {
    for name in ["plan.json", "install.sh", "archive"] {
        let fixture = Fixture::assembled();
        let path = if name == "archive" {
            fixture.archive()
        } else {
            fixture.asset(name)
        };
        flip_a_bit(&path);
        every_stage_refuses(&fixture, "release.json says");
    }
}

#[test]
fn a_truncated_archive_is_refused() {
    let fixture = Fixture::assembled();
    let bytes = fs::read(fixture.archive()).unwrap();
    fs::write(fixture.archive(), &bytes[..bytes.len() / 2]).unwrap();
    every_stage_refuses(&fixture, "release.json says");
}

#[test]
fn a_changed_manifest_is_refused() {
    let fixture = Fixture::assembled();
    append(&fixture.asset("release.json"), b"\n");
    every_stage_refuses(&fixture, "SHA256SUMS says");
}

#[test]
fn checksums_with_a_line_too_many_are_refused() {
    let fixture = Fixture::assembled();
    let line = format!("{}  zzz.tar.gz\n", "0".repeat(64));
    append(&fixture.asset("SHA256SUMS"), line.as_bytes());
    every_stage_refuses(&fixture, "SHA256SUMS has a line too many: zzz.tar.gz");
}

#[test]
fn checksums_with_a_line_too_few_are_refused() {
    let fixture = Fixture::assembled();
    let sums = fs::read_to_string(fixture.asset("SHA256SUMS")).unwrap();
    let lines: Vec<_> = sums
        .lines()
        .skip(1)
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(fixture.asset("SHA256SUMS"), lines.concat()).unwrap();
    every_stage_refuses(&fixture, "SHA256SUMS lacks a line for");
}

#[test]
fn a_file_too_many_or_too_few_is_refused() {
    let fixture = Fixture::assembled();
    fs::write(fixture.asset("extra.txt"), "extra").unwrap();
    every_stage_refuses(&fixture, "extra.txt is not of this release");
    fs::remove_file(fixture.asset("extra.txt")).unwrap();
    fs::remove_file(fixture.asset("install.sh")).unwrap();
    every_stage_refuses(&fixture, "install.sh is missing");
}

#[test]
fn a_folder_that_cannot_be_written_is_told_and_nothing_is_left() {
    let fixture = Fixture::assembled();
    // Nobody may make a folder here, not even one who may write everywhere else.
    let mut assemble = fixture.xtask("assemble");
    assemble.arg("--plan").arg(fixture.beside("plan.json"));
    assemble.arg("--from").arg(fixture.beside("archives"));
    assemble.args(["--out", "/sys/kernel/assets"]);
    let ended = Ended::from(assemble.output().unwrap());
    ended.with(Exit::Storage).saying("/sys/kernel/assets");
    let ended = fixture.run("plan", &["--out", "/sys/kernel/plan.json"]);
    ended.with(Exit::Storage).saying("/sys/kernel/plan.json");
}

#[test]
fn a_file_in_the_place_of_a_folder_is_told_and_kept() {
    let fixture = Fixture::assembled();
    fs::write(fixture.beside("full"), "kept").unwrap();
    let mut assemble = fixture.stage("assemble", "--out", "full/assets");
    assemble.arg("--from").arg(fixture.beside("archives"));
    let ended = Ended::from(assemble.output().unwrap());
    ended.with(Exit::Input).saying("full/assets");
    assert_eq!(fs::read_to_string(fixture.beside("full")).unwrap(), "kept");
}

#[test]
fn what_was_signed_verifies_and_says_who_signed() {
    let (fixture, loopback) = (Fixture::assembled(), Loopback::start());
    loopback.sign(&fixture);
    let san = "https://github.com/example/ember/.github/workflows/release.yml@refs/tags/v1.2.3";
    loopback.verify(&fixture).with(Exit::Done).saying(san);
}

#[test]
fn a_missing_bundle_is_refused() {
    let (fixture, loopback) = (Fixture::assembled(), Loopback::start());
    loopback.sign(&fixture);
    fs::remove_file(fixture.asset("install.sh.sigstore.json")).unwrap();
    loopback
        .verify(&fixture)
        .with(Exit::Input)
        .saying("install.sh is not signed");
    let ended = Ended::from(loopback.publish(&fixture).output().unwrap());
    ended.with(Exit::Input).saying("install.sh is not signed");
    assert!(loopback.requests().is_empty(), "GitHub was not asked");
}

#[test]
fn a_bundle_of_another_asset_is_refused() {
    let (fixture, loopback) = (Fixture::assembled(), Loopback::start());
    loopback.sign(&fixture);
    let other = fixture.asset("plan.json.sigstore.json");
    fs::copy(other, fixture.asset("install.sh.sigstore.json")).unwrap();
    loopback
        .verify(&fixture)
        .with(Exit::Refused)
        .saying("install.sh: ");
}

#[test]
fn a_bundle_signed_under_another_tag_is_refused() {
    let (fixture, loopback) = (Fixture::assembled(), Loopback::start());
    let job = loopback.release_job(&fixture.plan(), "v1.2.4");
    loopback.forge_as(&fixture, &job);
    let ended = loopback.verify(&fixture).with(Exit::Refused);
    ended
        .saying("identity refused")
        .saying("v1.2.3")
        .saying("v1.2.4");
}

#[test]
fn a_bundle_of_another_commit_is_refused() {
    let (fixture, loopback) = (Fixture::assembled(), Loopback::start());
    let mut job = loopback.release_job(&fixture.plan(), "v1.2.3");
    job.commit = "0".repeat(40);
    loopback.forge_as(&fixture, &job);
    loopback
        .verify(&fixture)
        .with(Exit::Refused)
        .saying("source commit refused");
}

#[test]
fn a_bundle_of_a_namesake_with_another_id_is_refused() {
    let (fixture, loopback) = (Fixture::assembled(), Loopback::start());
    let mut job = loopback.release_job(&fixture.plan(), "v1.2.3");
    job.repository_id += 1;
    loopback.forge_as(&fixture, &job);
    loopback
        .verify(&fixture)
        .with(Exit::Refused)
        .saying("source repository id refused");
}

#[test]
fn a_bundle_of_another_sigstore_is_refused() {
    let (fixture, loopback) = (Fixture::assembled(), Loopback::start());
    Loopback::start().sign(&fixture);
    loopback.verify(&fixture).with(Exit::Refused);
}

#[test]
fn the_public_sigstore_does_not_believe_a_rehearsal() {
    let (fixture, loopback) = (Fixture::assembled(), Loopback::start());
    loopback.sign(&fixture);
    let mut verify = fixture.stage("verify", "--dir", "assets");
    Ended::from(verify.output().unwrap()).with(Exit::Refused);
}

#[test]
fn signing_without_a_token_is_refused() {
    let fixture = Fixture::assembled();
    let mut sign = fixture.stage("sign", "--dir", "assets");
    Ended::from(sign.output().unwrap())
        .with(Exit::Input)
        .saying("id-token: write");
}

#[test]
fn a_folder_that_assemble_did_not_make_is_left_alone() {
    let fixture = Fixture::assembled();
    let thesis = fixture.beside("papers/thesis.txt");
    fs::create_dir(thesis.parent().unwrap()).unwrap();
    fs::write(&thesis, "years of work").unwrap();
    let mut assemble = fixture.stage("assemble", "--out", "papers");
    assemble.arg("--from").arg(fixture.beside("archives"));
    let ended = Ended::from(assemble.output().unwrap());
    ended.with(Exit::Input).saying("name another folder");
    assert_eq!(fs::read_to_string(&thesis).unwrap(), "years of work");
}

#[test]
fn a_manifest_that_says_other_things_than_the_plan_is_refused() {
    let host = env!("XTASK_HOST");
    for (from, to, words) in [
        (
            "\"upgrades_from\": \"0.0.0\"",
            "\"upgrades_from\": \"99.0.0\"",
            "says other things than the plan",
        ),
        (
            &format!("\"target\": \"{host}\""),
            "\"target\": \"aarch64-apple-darwin\"",
            "must name one toolchain for each target",
        ),
        (
            "\"playbook_sha256\": \"",
            "\"playbook_sha256\": \"0000",
            "says other things than the plan",
        ),
        (
            "\"kind\": \"plan\"",
            "\"kind\": \"bootstrap-script\"",
            "says",
        ),
    ] {
        let fixture = Fixture::assembled();
        let path = fixture.asset("release.json");
        let before = fs::read(&path).unwrap();
        let text = String::from_utf8(before.clone()).unwrap();
        assert!(text.contains(from), "{from}");
        let mut text = text.replacen(from, to, 1);
        if to.ends_with("0000") {
            // Still 64 digits.
            let end = text.find(to).unwrap() + to.len();
            text.replace_range(end..end + 4, "");
        }
        fs::write(&path, &text).unwrap();
        let sums = fixture.asset("SHA256SUMS");
        let digest = |bytes: &[u8]| release_plan::Sha256::of(bytes).to_string();
        let listed = fs::read_to_string(&sums).unwrap();
        fs::write(
            sums,
            listed.replace(&digest(&before), &digest(text.as_bytes())),
        )
        .unwrap();
        every_stage_refuses(&fixture, &format!("release.json {words}"));
    }
}

#[test]
fn a_plan_that_cannot_be_published_is_signed_by_no_service_elsewhere() {
    let fixture = Fixture::committed();
    fixture.write("README.md", "changed\n");
    fixture.assemble();
    let ended = fixture.run_stage("sign", "--dir", "assets");
    ended
        .with(Exit::Gate)
        .saying("the tree differs from commit");
}

#[test]
fn what_was_changed_after_it_was_signed_is_refused_as_such() {
    let (fixture, loopback) = (Fixture::assembled(), Loopback::start());
    loopback.sign(&fixture);
    flip_a_bit(&fixture.archive());
    let words = "changed after it was signed: do not publish";
    loopback.verify(&fixture).with(Exit::Refused).saying(words);
    let ended = Ended::from(loopback.publish(&fixture).output().unwrap());
    ended.with(Exit::Refused).saying(words);
    assert!(loopback.requests().is_empty(), "GitHub was not asked");
}

/// Assembles from a folder beside the tree into `again`, where nothing must appear.
#[track_caller]
fn assembles_nothing(fixture: &Fixture, from: &str, words: &str) {
    let mut assemble = fixture.stage("assemble", "--out", "again");
    assemble.arg("--from").arg(fixture.beside(from));
    let ended = Ended::from(assemble.output().unwrap());
    ended
        .with(Exit::Input)
        .saying(words)
        .saying(env!("XTASK_HOST"));
    assert!(!fixture.beside("again").exists());
}

fn archive_name() -> String {
    format!("ember-{}.tar.gz", env!("XTASK_HOST"))
}

#[test]
fn an_archive_that_is_not_of_this_plan_is_refused() {
    let fixture = Fixture::assembled();
    fixture.write("README.md", "# ember, with more to say\n");
    fixture.commit();
    fixture.make_plan();
    assembles_nothing(
        &fixture,
        "archives",
        "expected an archive built by plan sha256:",
    );
}

/// Packs the unpacked archive anew in the place of the one that was built, with a record that
/// vouches for it.
fn pack_anew(fixture: &Fixture) {
    let archive = fixture.beside("archives").join(archive_name());
    let mut tar = std::process::Command::new("tar");
    tar.args(["--sort=name", "-czf"]).arg(&archive);
    tar.arg("-C").arg(fixture.beside("unpacked"));
    ok(tar.arg(format!("ember-{}", env!("XTASK_HOST"))));
    let record = fixture
        .beside("archives")
        .join(format!("{}.built.json", archive_name()));
    let mut told: serde_json::Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    let bytes = fs::read(&archive).unwrap();
    told["size"] = bytes.len().into();
    told["sha256"] = release_plan::Sha256::of(&bytes).to_string().into();
    fs::write(record, told.to_string()).unwrap();
}

#[test]
fn an_archive_is_looked_into_whatever_its_record_says() {
    let fixture = Fixture::assembled();
    let program = fixture.unpacked("assets");
    let folder = program.parent().unwrap();
    fs::write(folder.join("README.md"), "other words").unwrap();
    pack_anew(&fixture);
    assembles_nothing(&fixture, "archives", "expected the README.md of this tree");
    fs::copy(fixture.root().join("README.md"), folder.join("README.md")).unwrap();
    fs::write(&program, "#!/bin/sh\n").unwrap();
    pack_anew(&fixture);
    let mut assemble = fixture.stage("assemble", "--out", "again");
    assemble.arg("--from").arg(fixture.beside("archives"));
    let ended = Ended::from(assemble.output().unwrap());
    ended.with(Exit::Gate).saying("expected a 64-bit ELF");
    assert!(!fixture.beside("again").exists());
}

#[test]
fn an_archive_that_was_changed_after_it_was_built_is_refused() {
    let fixture = Fixture::assembled();
    flip_a_bit(&fixture.beside("archives").join(archive_name()));
    assembles_nothing(
        &fixture,
        "archives",
        "expected the archive that its record tells of",
    );
}

#[test]
fn an_archive_without_its_record_is_refused() {
    let fixture = Fixture::assembled();
    let record = format!("{}.built.json", archive_name());
    fs::remove_file(fixture.beside("archives").join(record)).unwrap();
    assembles_nothing(&fixture, "archives", "the record that `build` leaves");
}

#[test]
fn an_archive_that_is_missing_is_told_with_the_command_that_builds_it() {
    let fixture = Fixture::assembled();
    fs::create_dir(fixture.beside("nothing")).unwrap();
    let words = "build it with `cargo xtask build --target";
    assembles_nothing(&fixture, "nothing", words);
}

#[test]
fn an_archive_that_no_plan_of_this_release_has_is_refused() {
    let fixture = Fixture::assembled();
    let other = fixture.beside("archives/ember-aarch64-apple-darwin.tar.gz");
    fs::write(other, "an archive").unwrap();
    let mut assemble = fixture.stage("assemble", "--out", "again");
    assemble.arg("--from").arg(fixture.beside("archives"));
    let ended = Ended::from(assemble.output().unwrap());
    let words = "found ember-aarch64-apple-darwin.tar.gz; take it away";
    ended.with(Exit::Input).saying(words);
    assert!(!fixture.beside("again").exists());
}

#[test]
fn a_device_is_not_replaced_by_a_file() {
    use std::os::unix::fs::FileTypeExt as _;
    let fixture = Fixture::committed();
    let ended = fixture.run("plan", &["--out", "/dev/null"]);
    ended.with(Exit::Input).saying("/dev/null");
    assert!(
        fs::metadata("/dev/null")
            .unwrap()
            .file_type()
            .is_char_device()
    );
}
