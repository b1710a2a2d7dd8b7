//! `install.sh` in every shell that is here: what it installs, and what it refuses.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use release_plan::{Sha256, Version};

use rehearsal::verifiers::not_run;

use crate::rig::{Ran, Rig, flip, rescue, stamped, stub};

const SHELLS: [&[&str]; 4] = [&["dash"], &["bash"], &["busybox", "sh"], &["zsh"]];

pub(crate) fn find(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path)
        .map(|folder| folder.join(tool))
        .find(|path| path.is_file())
}

/// The shells that are here, by path, so that they start without PATH.
pub(crate) fn shells() -> Vec<Vec<String>> {
    let mut here = Vec::new();
    for shell in SHELLS {
        match find(shell[0]) {
            Some(path) => {
                let mut command = vec![path.display().to_string()];
                command.extend(shell[1..].iter().map(|&argument| argument.to_owned()));
                here.push(command);
            }
            None => not_run(shell[0]),
        }
    }
    here
}

pub(crate) fn run(shell: &[String], script: &Path, arguments: &[&str], path: Option<&Path>) -> Ran {
    let mut command = Command::new(&shell[0]);
    command.args(&shell[1..]).arg(script).args(arguments);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    for elsewhere in ["ZDOTDIR", "XDG_CONFIG_HOME"] {
        command.env_remove(elsewhere);
    }
    command.env("HOME", "/nowhere").output().unwrap().into()
}

/// What a script is told: where to take everything from, whose keys to believe, where to install.
pub(crate) fn told(rig: &Rig, mirror: &str) -> [String; 6] {
    let [root, home] = [rig.root(), rig.home()].map(|path| path.display().to_string());
    let [from, believe, into] = ["--mirror", "--trusted-root", "--dir"].map(str::to_owned);
    [from, mirror.to_owned(), believe, root, into, home]
}

#[test]
fn every_shell_installs_and_says_what_it_rests_on() {
    let rig = Rig::new();
    rig.publish_good("1.0.0");
    for shell in shells() {
        let parts: Vec<&str> = shell.iter().map(String::as_str).collect();
        let ran = rig.install_with(&parts, "1.0.0").expect(0);
        assert!(
            ran.stderr.contains("the program verifies signatures"),
            "{}",
            ran.stderr
        );
        let now = format!(". '{}'", rig.home().join("env.sh").display());
        assert!(ran.stderr.contains(&now), "{}", ran.stderr);
        assert_eq!(rig.version(), "1.0.0");
        fs::remove_dir_all(rig.home()).unwrap();
    }
}

#[test]
fn an_archive_with_another_digest_is_refused_by_every_shell() {
    let rig = Rig::new();
    rig.publish_good("1.0.0");
    flip(&rig.archive("1.0.0"));
    for shell in shells() {
        let parts: Vec<&str> = shell.iter().map(String::as_str).collect();
        let ran = rig.install_with(&parts, "1.0.0").expect(11);
        assert!(
            ran.stderr.contains("digest refused: expected "),
            "{}",
            ran.stderr
        );
        assert!(!rig.home().exists());
    }
}

/// A folder with these tools and no others.
pub(crate) fn tools(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        match find(name) {
            Some(path) => symlink(path, folder.path().join(name)).unwrap(),
            None => not_run(name),
        }
    }
    folder
}

#[test]
fn any_of_the_three_digest_tools_will_do_and_without_one_nothing_is_installed() {
    let rig = Rig::new();
    rig.publish_good("1.0.0");
    let always = ["uname", "mktemp", "tar", "gzip", "rm", "cat", "cp"];
    let script = rig.release("1.0.0").join("install.sh");
    let told = told(&rig, &rig.mirror());
    let arguments = told.each_ref().map(String::as_str);
    for (tool, extra) in [
        (Some("sha256sum"), &[][..]),
        // A Perl program.
        (Some("shasum"), &["perl", "env"]),
        (Some("openssl"), &[]),
        (None, &[]),
    ] {
        let path = tools(&[&always, tool.as_slice(), extra].concat());
        if tool.is_some_and(|tool| !path.path().join(tool).exists()) {
            continue;
        }
        for shell in shells() {
            let ran = run(&shell, &script, &arguments, Some(path.path()));
            if tool.is_some() {
                ran.expect(0);
                assert_eq!(rig.version(), "1.0.0");
                fs::remove_dir_all(rig.home()).unwrap();
            } else {
                let ran = ran.expect(17);
                assert!(
                    ran.stderr.contains("sha256sum, shasum or openssl"),
                    "{}",
                    ran.stderr
                );
                assert!(!rig.home().exists());
            }
        }
    }
}

#[test]
fn a_missing_tool_is_named() {
    let rig = Rig::new();
    let script = rig.path("install.sh");
    fs::write(&script, stamped(&Version::new(1, 0, 0), Sha256::of(b"x"))).unwrap();
    let without = |missing: &str| {
        let all = [
            "uname",
            "mktemp",
            "tar",
            "gzip",
            "rm",
            "cat",
            "cp",
            "sha256sum",
        ];
        tools(
            &all.into_iter()
                .filter(|tool| *tool != missing)
                .collect::<Vec<_>>(),
        )
    };
    for shell in shells() {
        // It has those built in.
        if shell.iter().any(|part| part == "sh") {
            continue;
        }
        for missing in ["uname", "mktemp", "tar", "gzip", "rm", "cat", "cp"] {
            let path = without(missing);
            let ran = run(
                &shell,
                &script,
                &["--mirror", "file:///x"],
                Some(path.path()),
            )
            .expect(17);
            assert!(
                ran.stderr.contains(&format!("{missing} is needed")),
                "{}",
                ran.stderr
            );
        }
        let path = without("");
        let ran = run(&shell, &script, &[], Some(path.path())).expect(17);
        assert!(
            ran.stderr.contains("curl or wget is needed"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn curl_and_wget_download_over_http_past_a_proxy() {
    let rig = Rig::new();
    rig.publish_good("1.0.0");
    let folder = rig.path("mirror");
    let server = rehearsal::Server::start(|_| {
        axum::Router::new().fallback(move |uri: axum::http::Uri| async move {
            fs::read(folder.join(uri.path().trim_start_matches('/')))
                .map_err(|_| axum::http::StatusCode::NOT_FOUND)
        })
    })
    .unwrap();
    let script = rig.release("1.0.0").join("install.sh");
    let mirror = server.url();
    let told = told(&rig, &mirror);
    let arguments = told.each_ref().map(String::as_str);
    for tool in ["curl", "wget"] {
        let path = tools(&[
            "uname",
            "mktemp",
            "tar",
            "gzip",
            "rm",
            "cat",
            "cp",
            "sha256sum",
            tool,
        ]);
        let run = |arguments: &[&str]| -> Ran {
            let mut command = Command::new("/bin/sh");
            command
                .arg(&script)
                .args(arguments)
                .env("PATH", path.path());
            for variable in ["http_proxy", "HTTP_PROXY", "ALL_PROXY"] {
                command.env(variable, "http://127.0.0.1:1");
            }
            command.output().unwrap().into()
        };
        run(&arguments).expect(0);
        assert_eq!(rig.version(), "1.0.0");
        fs::remove_dir_all(rig.home()).unwrap();
        let nowhere = format!("{mirror}/nowhere");
        let ran = run(&["--mirror", &nowhere]).expect(10);
        assert!(ran.stderr.contains(&nowhere), "{}", ran.stderr);
    }
}

#[test]
fn a_script_that_was_cut_off_runs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // Tools that tell that they were run.
    let bin = path("bin");
    fs::create_dir(&bin).unwrap();
    for tool in [
        "uname",
        "mktemp",
        "mv",
        "tar",
        "gzip",
        "rm",
        "cat",
        "cp",
        "sha256sum",
        "curl",
        "sed",
        "sort",
        "head",
        "date",
        // What is left of a name where it is cut off may be a program's.
        "w",
        "arch",
        "us",
    ] {
        let fake = bin.join(tool);
        fs::write(
            &fake,
            format!("#!/bin/sh\necho >>'{}'\n", path("ran").display()),
        )
        .unwrap();
        fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let script = path("install.sh");
    fs::create_dir(path("state")).unwrap();
    fs::write(path("state/trusted-root"), "").unwrap();
    let home = folder.path().to_str().unwrap();
    let arguments = ["--mirror", "https://127.0.0.1:1", "--dir", home];
    let install = stamped(&Version::new(1, 0, 0), Sha256::of(b"x"));
    let stub = stub("https://127.0.0.1:1", "https://127.0.0.1:1");
    let rescue = rescue("1.0.0");
    for (whole, shell) in [install, stub, rescue].iter().flat_map(|whole| {
        let shells = shells().into_iter();
        shells.map(move |shell| (whole, shell))
    }) {
        let end = whole.trim_end().len();
        // At every byte by the one that starts fastest.
        let every = shell[0].ends_with("dash");
        let names =
            ["\nw", "\narch", "\nus"].map(|name| whole.find(name).map(|at| at + name.len()));
        let cuts = (0..end).filter(|cut| every || cut % 61 == 0 || cut + 40 > end);
        let cuts = cuts.chain(names.into_iter().flatten());
        for cut in cuts {
            fs::write(&script, &whole.as_bytes()[..cut]).unwrap();
            run(&shell, &script, &arguments, Some(&bin));
            assert!(
                !path("ran").exists(),
                "{shell:?} ran a tool when cut at byte {cut}"
            );
        }
        fs::write(&script, whole).unwrap();
        run(&shell, &script, &arguments, Some(&bin));
        fs::remove_file(path("ran")).expect("the whole script runs tools");
    }
}

#[test]
fn the_template_itself_a_wrong_option_and_an_unknown_machine_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bootstrap = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bootstrap");
    let script = folder.path().join("install.sh");
    let whole = stamped(&Version::new(1, 0, 0), Sha256::of(b"x"));
    fs::write(&script, &whole).unwrap();
    let foreign = folder.path().join("foreign.sh");
    fs::write(
        &foreign,
        whole.replace(crate::rig::TARGET, "riscv64gc-unknown-linux-gnu"),
    )
    .unwrap();
    for shell in shells() {
        for template in ["install.sh", "stub.sh", "upgrade.sh"].map(|name| bootstrap.join(name)) {
            let ran = run(&shell, &template, &["--help"], None).expect(17);
            assert!(ran.stderr.contains("template"), "{}", ran.stderr);
        }
        let ran = run(&shell, &foreign, &[], None).expect(17);
        assert!(
            ran.stderr.contains("It has riscv64gc-unknown-linux-gnu"),
            "{}",
            ran.stderr
        );
        let ran = run(&shell, &script, &["--help"], None).expect(0);
        assert!(
            ran.stdout.contains("$ROCKET_HOME or ~/.rocket"),
            "{}",
            ran.stdout
        );
        for wrong in [
            &["--frob"][..],
            &["--dir"],
            &["--dir", ""],
            &["--mirror", "ftp://x"],
            &["--mirror", "file://x"],
        ] {
            run(&shell, &script, wrong, None).expect(2);
        }
    }
}
