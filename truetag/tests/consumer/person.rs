//! PATH of a person in every shell that is here: what an installation adds to her profiles, and what
//! `uninstall` leaves of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rehearsal::verifiers::not_run;

use crate::install_script::{find, shells};
use crate::rig::{Ran, Rig, unchecked};

/// Ways to start each shell as a person does who opens a terminal or logs in.
const STARTS: [(&str, &[&str]); 8] = [
    ("dash", &["-l", "-c"]),
    ("bash", &["-l", "-c"]),
    ("bash", &["-i", "-c"]),
    ("busybox", &["sh", "-l", "-c"]),
    ("zsh", &["-c"]),
    ("zsh", &["-l", "-i", "-c"]),
    ("fish", &["-c"]),
    ("fish", &["-l", "-i", "-c"]),
];

/// Somebody with a folder of her own, and a program to install.
struct Person {
    rig: Rig,
    /// Where the program goes.
    home: PathBuf,
}

impl Person {
    fn new(home: &str) -> Self {
        let rig = Rig::new();
        rig.publish_good("1.0.0");
        fs::create_dir(rig.path("ada")).unwrap();
        let home = rig.path("ada").join(home);
        Self { rig, home }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.rig.path("ada").join(name)
    }

    /// A command that knows of this person and of nobody else.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.file(""))
            .env("PATH", std::env::var_os("PATH").unwrap());
        command
    }

    fn install_by(&self, shell: &[String], more: &[&str]) -> Ran {
        let mut command = self.command(&shell[0]);
        command
            .args(&shell[1..])
            .arg(self.rig.release("1.0.0").join("install.sh"))
            .args(["--mirror", &self.rig.mirror(), "--trusted-root"])
            .arg(self.rig.root())
            .arg("--dir")
            .arg(&self.home)
            .args(more);
        command.output().unwrap().into()
    }

    fn install(&self) -> Ran {
        self.install_by(&["sh".to_owned()], &[]).expect(0)
    }

    fn uninstall(&self) -> Ran {
        let mut command = self.command(self.home.join("bin/rocket"));
        command.args(["uninstall", "--yes"]);
        command.output().unwrap().into()
    }

    fn belongings(&self) -> Belongings {
        belongings(&self.file(""))
    }

    /// In every shell, newly opened, the program is found.
    fn is_on_path_everywhere(&self) {
        for (shell, start) in STARTS {
            let Some(path) = find(shell) else {
                not_run(shell);
                continue;
            };
            let mut command = self.command(path);
            command.args(start).arg("rocket --version --json");
            command.env("PATH", "/usr/bin:/bin");
            let ran = Ran::from(command.output().unwrap());
            assert!(
                ran.stdout.contains("\"1.0.0\""),
                "{shell} {start:?}: {}{}",
                ran.stdout,
                ran.stderr
            );
        }
    }
}

/// By path below a folder: of files the bytes and mode, of links where they lead.
pub(crate) type Belongings = BTreeMap<PathBuf, (Vec<u8>, u32)>;

/// What lies in a folder, and in those in it.
pub(crate) fn belongings(folder: &Path) -> Belongings {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(inner).into_iter().flatten() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let bytes = if metadata.is_symlink() {
                let leads_to = fs::read_link(&path).unwrap();
                leads_to.as_os_str().as_bytes().to_vec()
            } else if metadata.is_dir() {
                folders.push(path.clone());
                Vec::new()
            } else {
                fs::read(&path).unwrap()
            };
            let below = path.strip_prefix(folder).unwrap().to_owned();
            found.insert(below, (bytes, metadata.mode()));
        }
    }
    found
}

/// Stands for profiles that are not there.
const NONE: &[u8] = b"(no file)";

/// Profiles as people have them.
fn profiles() -> Vec<(&'static str, &'static [u8])> {
    vec![
        ("nothing", NONE),
        ("empty", b""),
        ("a newline at its end", b"umask 022\n"),
        ("no newline at its end", b"umask 022"),
        ("CRLF", b"umask 022 #\r\n"),
        (
            "bytes that are no UTF-8",
            b"# caf\xe9 \xff\xfe\numask 022\n",
        ),
    ]
}

/// Somebody who has these bytes in her profiles, or none where they are `NONE`.
fn somebody(bytes: &[u8]) -> Person {
    let person = Person::new(".rocket");
    if bytes != NONE {
        for name in [".profile", ".bashrc", ".zshenv"] {
            fs::write(person.file(name), bytes).unwrap();
        }
        let few = fs::Permissions::from_mode(0o640);
        fs::set_permissions(person.file(".profile"), few).unwrap();
    }
    person
}

#[test]
fn installed_and_uninstalled_under_every_shell_profiles_are_as_they_were() {
    for (what, bytes) in profiles() {
        let person = somebody(bytes);
        let before = person.belongings();
        for shell in shells() {
            person.install_by(&shell, &[]).expect(0);
            let once = person.belongings();
            assert_ne!(
                once.get(Path::new(".profile")),
                before.get(Path::new(".profile"))
            );
            person.install_by(&shell, &[]).expect(0);
            assert_eq!(person.belongings(), once, "{what}: {shell:?}");
            person.uninstall().expect(0);
            assert_eq!(person.belongings(), before, "{what}: {shell:?}");
        }
    }
}

#[test]
fn after_an_installation_every_new_shell_finds_the_program() {
    for (_, bytes) in profiles() {
        let person = somebody(bytes);
        person.install();
        person.is_on_path_everywhere();
    }
}

#[test]
fn a_home_with_every_bad_character_in_its_name_is_on_path_in_every_shell() {
    let person = Person::new("a b'c\"d$HOME`id`\\e\u{2019}*");
    fs::write(person.file(".bashrc"), "").unwrap();
    let before = person.belongings();
    person.install();
    person.is_on_path_everywhere();
    person.uninstall().expect(0);
    for (path, file) in before {
        assert_eq!(person.belongings().get(&path), Some(&file));
    }
}

#[test]
fn the_env_file_read_twice_puts_one_entry_on_path() {
    let person = Person::new(".rocket");
    person.install();
    for (shell, extra, file) in [
        ("dash", None, "env.sh"),
        ("bash", None, "env.sh"),
        ("busybox", Some("sh"), "env.sh"),
        ("zsh", None, "env.sh"),
        ("fish", None, "env.fish"),
    ] {
        let Some(path) = find(shell) else {
            not_run(shell);
            continue;
        };
        let mut command = person.command(path);
        let file = person.home.join(file);
        let twice = format!(
            "PATH=/usr/bin:/bin; . {0}; . {0}; printenv PATH",
            file.display()
        );
        let twice = if shell == "fish" {
            twice.replacen("PATH=/usr/bin:/bin", "set -x PATH /usr/bin /bin", 1)
        } else {
            twice
        };
        let ran: Ran = command
            .args(extra)
            .args(["-c", &twice])
            .output()
            .unwrap()
            .into();
        let expected = format!("{}:/usr/bin:/bin\n", person.home.join("bin").display());
        assert_eq!(ran.expect(0).stdout, expected, "{shell}");
    }
}

#[test]
fn a_profile_that_is_a_link_is_edited_where_it_leads() {
    let person = Person::new(".rocket");
    fs::create_dir(person.file("dotfiles")).unwrap();
    fs::write(person.file("dotfiles/profile"), "umask 022").unwrap();
    symlink("dotfiles/profile", person.file(".profile")).unwrap();
    // The same file under another name gets no second line.
    symlink("dotfiles/profile", person.file(".bashrc")).unwrap();
    let file = person.file("dotfiles/profile");
    if is_root() {
        chown(&file, Some(1234), Some(1235)).unwrap();
    }
    let owner = |file| fs::metadata(file).map(|it| (it.uid(), it.gid())).unwrap();
    let owned_by = owner(&file);
    let before = person.belongings();
    person.install();
    let edited = fs::read_to_string(person.file("dotfiles/profile")).unwrap();
    assert_eq!(edited.matches("env.sh").count(), 2, "{edited}");
    assert_eq!(owner(&file), owned_by);
    person.uninstall().expect(0);
    assert_eq!(person.belongings(), before);
}

#[test]
fn a_line_that_a_person_changed_is_left_and_named() {
    let person = Person::new(".rocket");
    person.install();
    let profile = person.file(".profile");
    let mine = fs::read_to_string(&profile)
        .unwrap()
        .replace(". \"", "source \"");
    fs::write(&profile, &mine).unwrap();
    let ran = person.uninstall().expect(0);
    let words = format!("the line in {} was changed since", profile.display());
    assert!(ran.stderr.contains(&words), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&profile).unwrap(), mine);
    assert!(!person.home.exists());
}

#[test]
fn a_profile_that_cannot_be_written_is_told_with_its_line_and_never_as_a_success() {
    let person = Person::new(".rocket");
    fs::write(person.file(".bashrc"), "umask 022\n").unwrap();
    fs::set_permissions(person.file(".bashrc"), fs::Permissions::from_mode(0o444)).unwrap();
    fs::create_dir(person.file(".profile")).unwrap();
    symlink("nowhere", person.file(".zshenv")).unwrap();
    let before = person.belongings();
    let ran = person.install();
    for name in [".bashrc", ".profile", ".zshenv"] {
        let name = person.file(name).display().to_string();
        let line = ran
            .stderr
            .lines()
            .find(|line| line.contains(&format!("{name} was not changed")));
        assert!(
            line.is_some_and(|line| line.contains(". \"$HOME/.rocket/env.sh\"")),
            "{name}: {}",
            ran.stderr
        );
        assert!(
            !ran.stderr.contains(&format!("added to {name}")),
            "{}",
            ran.stderr
        );
    }
    person.uninstall().expect(0);
    assert_eq!(person.belongings(), before);
}

#[test]
fn an_edit_that_cannot_be_taken_back_keeps_the_program_until_it_can() {
    let person = Person::new(".rocket");
    fs::write(person.file(".bashrc"), "umask 022\n").unwrap();
    let before = person.belongings();
    person.install();
    let profile = person.file(".bashrc");
    fs::set_permissions(&profile, fs::Permissions::from_mode(0o444)).unwrap();
    let ran = person.uninstall().expect(16);
    assert!(
        ran.stderr.contains("This line is left in it"),
        "{}",
        ran.stderr
    );
    fs::set_permissions(
        &profile,
        fs::Permissions::from_mode(before[Path::new(".bashrc")].1),
    )
    .unwrap();
    person.uninstall().expect(0);
    assert_eq!(person.belongings(), before);
}

#[test]
fn root_with_anothers_home_edits_none_of_her_profiles() {
    if !is_root() {
        unchecked("what root does with another's profiles: this is not root");
        return;
    }
    let person = Person::new("../elsewhere");
    chown(person.file(""), Some(1234), None).unwrap();
    let ran = person.install();
    assert!(
        ran.stderr
            .contains("belongs to user 1234: no profile was changed"),
        "{}",
        ran.stderr
    );
    assert!(person.belongings().is_empty());
}

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

#[test]
fn told_to_leave_path_alone_it_does() {
    let person = Person::new("../elsewhere");
    let ran = person
        .install_by(&["sh".to_owned()], &["--no-modify-path"])
        .expect(0);
    assert!(
        ran.stderr.contains("no profile was changed"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("/env.sh'"), "{}", ran.stderr);
    assert!(person.belongings().is_empty());
    person.uninstall().expect(0);
    assert!(!person.rig.path("elsewhere").exists());
}

#[test]
fn uninstall_asks_first_and_without_anybody_to_ask_needs_to_be_told() {
    let person = Person::new(".rocket");
    person.install();
    let mut command = person.command(person.home.join("bin/rocket"));
    let ran = Ran::from(command.arg("uninstall").output().unwrap()).expect(2);
    assert!(ran.stderr.contains("a line in "), "{}", ran.stderr);
    assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
    assert!(person.home.join("bin/rocket").exists());
}

#[test]
fn at_a_terminal_uninstall_goes_on_only_with_a_yes() {
    let Some(script) = find("script") else {
        not_run("script");
        return;
    };
    let person = Person::new(".rocket");
    person.install();
    let program = person.home.join("bin/rocket");
    let uninstall = format!("'{}' uninstall", program.display());
    for (answer, code) in [("\n", 130), ("n\n", 130), ("y\n", 0)] {
        assert!(program.exists());
        // It gives what it runs a terminal, and types its own input there.
        let mut command = person.command(&script);
        let mut child = command
            .args(["-qec", &uninstall, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(answer.as_bytes())
            .unwrap();
        let ran = Ran::from(child.wait_with_output().unwrap()).expect(code);
        assert!(ran.stdout.contains("Go on? [y/N]"), "{}", ran.stdout);
    }
    assert!(!person.home.exists());
}

#[test]
fn what_is_no_home_is_never_removed() {
    let person = Person::new(".rocket");
    person.install();
    let mine = person.file("mine");
    for folder in ["bin", "versions/1.0.0", "state"] {
        fs::create_dir_all(mine.join(folder)).unwrap();
    }
    fs::write(mine.join("bin/rocket"), "mine").unwrap();
    let before = person.belongings();
    for folder in [Path::new("/"), &person.file(""), &mine] {
        let mut command = person.command(person.home.join("versions/1.0.0/rocket"));
        command
            .args(["uninstall", "--yes"])
            .env("ROCKET_HOME", folder);
        let ran = Ran::from(command.output().unwrap()).expect(17);
        assert!(
            ran.stderr.contains("trusted-root does not exist"),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(person.belongings(), before);
}

#[test]
fn files_of_others_in_the_home_stay_and_are_named() {
    let person = Person::new(".rocket");
    person.install();
    let notes = person.home.join("notes");
    fs::write(&notes, "mine").unwrap();
    let ran = person.uninstall().expect(0);
    let words = format!("not rocket's: {}", notes.display());
    assert!(ran.stderr.contains(&words), "{}", ran.stderr);
    assert_eq!(fs::read_dir(&person.home).unwrap().count(), 1);
}

#[test]
fn a_home_in_use_is_not_removed() {
    let person = Person::new(".rocket");
    person.install();
    let lock = fs::File::open(person.home.join("state/lock")).unwrap();
    lock.lock().unwrap();
    person.uninstall().expect(12);
    drop(lock);
    person.uninstall().expect(0);
}
