//! The person whose profiles are edited, and which of them there are. Relies on what each shell's
//! manual says that it reads at start.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::shell::Shell;

/// What of the environment says where profiles are.
#[derive(Debug)]
pub(super) struct User {
    /// Home folder of the person.
    pub(super) folder: PathBuf,
    /// Where zsh looks in place of it.
    zdotdir: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    config: PathBuf,
    /// `PATH`, by which the shells of this machine are found.
    path: OsString,
    /// The shell that the person logs in with.
    shell: OsString,
}

/// A profile to edit.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Profile {
    pub(super) file: PathBuf,
    pub(super) shell: Shell,
}

impl User {
    /// None where nothing says which folder is the person's.
    pub(super) fn of_environment() -> Option<Self> {
        let absolute = |name| {
            env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let folder = env::home_dir().filter(|path| path.is_absolute())?;
        Some(Self {
            zdotdir: absolute("ZDOTDIR"),
            config: absolute("XDG_CONFIG_HOME").unwrap_or_else(|| folder.join(".config")),
            path: env::var_os("PATH").unwrap_or_default(),
            shell: env::var_os("SHELL").unwrap_or_default(),
            folder,
        })
    }

    /// The family of the shell that the person logs in with.
    pub(super) fn logs_in_with(&self) -> Shell {
        let name = Path::new(&self.shell).file_name().unwrap_or_default();
        match name.to_str() {
            Some("fish") => Shell::Fish,
            Some("pwsh") => Shell::Pwsh,
            _ => Shell::Posix,
        }
    }

    /// The profiles that have `product` on PATH in every shell of this machine once each reads its
    /// env file. `.profile` and those of shells that are here are made where they are missing; but
    /// not those of bash that would hide `.profile`.
    pub(super) fn profiles(&self, product: &str) -> BTreeSet<Profile> {
        let mut profiles = BTreeSet::new();
        let mut add = |shell, file| {
            profiles.insert(Profile { file, shell });
        };
        add(Shell::Posix, self.folder.join(".profile"));
        for (name, made) in [
            (".bash_profile", false),
            (".bash_login", false),
            (".bashrc", self.has("bash")),
        ] {
            let file = self.folder.join(name);
            if made || file.symlink_metadata().is_ok() {
                add(Shell::Posix, file);
            }
        }
        // One that is in the person's folder may be what sets ZDOTDIR.
        let zshenv = self.folder.join(".zshenv");
        if zshenv.symlink_metadata().is_ok() || (self.zdotdir.is_none() && self.has("zsh")) {
            add(Shell::Posix, zshenv);
        }
        if let Some(folder) = &self.zdotdir {
            add(Shell::Posix, folder.join(".zshenv"));
        }
        let fish = self.config.join("fish");
        if fish.is_dir() || self.has("fish") {
            let file = fish.join("conf.d").join(format!("{product}.fish"));
            add(Shell::Fish, file);
        }
        let powershell = self.config.join("powershell");
        if powershell.is_dir() || self.has("pwsh") {
            add(Shell::Pwsh, powershell.join("profile.ps1"));
        }
        profiles
    }

    fn has(&self, shell: &str) -> bool {
        env::split_paths(&self.path).any(|folder| folder.join(shell).is_file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn user(folder: &Path) -> User {
        User {
            folder: folder.to_owned(),
            zdotdir: None,
            config: folder.join(".config"),
            path: folder.join("bin").into(),
            shell: "/usr/bin/fish".into(),
        }
    }

    fn names(user: &User) -> Vec<String> {
        let name = |profile: Profile| {
            let below = profile.file.strip_prefix(&user.folder).unwrap();
            below.display().to_string()
        };
        user.profiles("rocket").into_iter().map(name).collect()
    }

    #[test]
    fn without_other_shells_one_profile_serves_and_none_that_would_hide_it_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let user = user(folder.path());
        assert_eq!(names(&user), [".profile"]);
        for name in [".bash_profile", ".bash_login", ".bashrc"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let bash = [".bash_login", ".bash_profile", ".bashrc", ".profile"];
        assert_eq!(names(&user), bash);
    }

    #[test]
    fn shells_that_are_here_have_their_profiles() {
        let folder = tempfile::tempdir().unwrap();
        let mut user = user(folder.path());
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for name in ["bash", "zsh", "fish", "pwsh"] {
            fs::write(bin.join(name), "").unwrap();
        }
        let fish = ".config/fish/conf.d/rocket.fish";
        let powershell = ".config/powershell/profile.ps1";
        assert_eq!(
            names(&user),
            [".bashrc", fish, powershell, ".profile", ".zshenv"]
        );
        user.zdotdir = Some(folder.path().join("z"));
        assert_eq!(
            names(&user),
            [".bashrc", fish, powershell, ".profile", "z/.zshenv"]
        );
        fs::write(folder.path().join(".zshenv"), "ZDOTDIR=z").unwrap();
        assert!(names(&user).contains(&".zshenv".to_owned()));
        assert_eq!(user.logs_in_with(), Shell::Fish);
    }
}
