//! Which package manager a copy of the program belongs to, told by where it lies, and how it is
//! upgraded there. What such a copy would do to itself, its manager would undo or trip over.

use std::env;
use std::path::{Component, Path, PathBuf};

use crate::app::App;
use crate::home::Home;

/// A package manager, and the package that the program came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) manager: &'static str,
    /// The command that upgrades it.
    pub(crate) upgrade: String,
}

/// Databases of the package managers that install into `/usr`, and how each upgrades.
const DISTRIBUTIONS: [(&str, &str, &str); 4] = [
    ("/var/lib/dpkg/status", "apt", "apt install --only-upgrade"),
    ("/lib/apk/db/installed", "apk", "apk upgrade"),
    ("/var/lib/pacman/local", "pacman", "pacman -S"),
    ("/var/lib/rpm", "dnf", "dnf upgrade"),
];

/// Who owns the running program; none for one in its own home, and for a copy of nobody's.
pub(crate) fn of(app: &App) -> Option<Owner> {
    let name = &app.product.name;
    if let Ok(home) = Home::locate(app)
        && let Ok(root) = home.root().canonicalize()
        && app.executable.starts_with(root)
    {
        return None;
    }
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| env::home_dir().map(|user| user.join(".cargo")));
    let cargo = cargo.and_then(|cargo| cargo.join("bin").canonicalize().ok());
    by_place(&app.executable, name, cargo.as_deref(), Path::exists)
}

fn by_place(
    executable: &Path,
    name: &str,
    cargo_bin: Option<&Path>,
    exists: impl Fn(&Path) -> bool,
) -> Option<Owner> {
    let owner = |manager, upgrade: String| Some(Owner { manager, upgrade });
    let parts: Vec<_> = executable
        .components()
        .filter_map(|part| match part {
            Component::Normal(part) => Some(part.to_string_lossy()),
            _ => None,
        })
        .collect();
    // The part after these.
    let after = |folders: &[&str]| {
        let at = parts.windows(folders.len()).position(|window| {
            window
                .iter()
                .zip(folders)
                .all(|(part, folder)| part.eq_ignore_ascii_case(folder))
        })?;
        parts.get(at + folders.len()).map(ToString::to_string)
    };
    if let Some(formula) = after(&["Cellar"]) {
        return owner("Homebrew", format!("brew upgrade {formula}"));
    }
    if executable.starts_with("/nix/store") {
        return owner("nix", format!("nix profile upgrade {name}"));
    }
    if let Some(package) = after(&["scoop", "apps"]) {
        return owner("scoop", format!("scoop update {package}"));
    }
    if let Some(package) = after(&["chocolatey", "lib"]) {
        return owner("chocolatey", format!("choco upgrade {package}"));
    }
    if after(&["WinGet", "Packages"]).is_some() {
        return owner("winget", format!("winget upgrade {name}"));
    }
    if let Some(tool) = after(&["mise", "installs"]) {
        return owner("mise", format!("mise upgrade {tool}"));
    }
    if let Some(tool) = after(&[".asdf", "installs"]) {
        return owner("asdf", format!("asdf install {tool} latest"));
    }
    if let Some(package) = after(&["node_modules"]) {
        let scope = package.starts_with('@');
        let package = match after(&["node_modules", &package]) {
            Some(rest) if scope => format!("{package}/{rest}"),
            _ => package,
        };
        return owner("npm", format!("npm update -g {package}"));
    }
    if executable.starts_with("/snap") {
        return owner("snap", format!("snap refresh {name}"));
    }
    if cargo_bin.is_some_and(|bin| executable.parent() == Some(bin)) {
        return owner("cargo", format!("cargo install --locked {name}"));
    }
    let of_system = ["/usr", "/bin", "/sbin"];
    let of_system = of_system.iter().any(|root| executable.starts_with(root));
    if of_system && !executable.starts_with("/usr/local") {
        let mut databases = DISTRIBUTIONS.iter();
        return match databases.find(|(database, ..)| exists(Path::new(database))) {
            Some((_, manager, upgrade)) => owner(manager, format!("{upgrade} {name}")),
            None => owner(
                "the distribution",
                format!("the package manager of this system, for {name}"),
            ),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upgrade(executable: &str) -> Option<String> {
        let cargo = Path::new("/home/ada/.cargo/bin");
        let dpkg = |path: &Path| path == Path::new("/var/lib/dpkg/status");
        let owner = by_place(Path::new(executable), "rocket", Some(cargo), dpkg);
        owner.map(|owner| owner.upgrade)
    }

    #[test]
    fn each_package_manager_is_known_by_where_it_puts_programs() {
        for (executable, command) in [
            (
                "/opt/homebrew/Cellar/rocket-cli/1.0.0/bin/rocket",
                "brew upgrade rocket-cli",
            ),
            (
                "/home/linuxbrew/.linuxbrew/Cellar/rocket/1.0.0/bin/rocket",
                "brew upgrade rocket",
            ),
            (
                "/nix/store/abc-rocket-1.0.0/bin/rocket",
                "nix profile upgrade rocket",
            ),
            (
                "/home/ada/scoop/apps/rocket/current/rocket.exe",
                "scoop update rocket",
            ),
            (
                "/ProgramData/Chocolatey/lib/rocket/tools/rocket.exe",
                "choco upgrade rocket",
            ),
            (
                "/home/ada/.local/share/mise/installs/rocket/1.0.0/rocket",
                "mise upgrade rocket",
            ),
            (
                "/home/ada/.asdf/installs/rocket/1.0.0/bin/rocket",
                "asdf install rocket latest",
            ),
            (
                "/usr/lib/node_modules/rocket/bin/rocket",
                "npm update -g rocket",
            ),
            (
                "/usr/lib/node_modules/@acme/rocket/bin/rocket",
                "npm update -g @acme/rocket",
            ),
            ("/snap/rocket/1/bin/rocket", "snap refresh rocket"),
            (
                "/home/ada/.cargo/bin/rocket",
                "cargo install --locked rocket",
            ),
            ("/usr/bin/rocket", "apt install --only-upgrade rocket"),
            ("/bin/rocket", "apt install --only-upgrade rocket"),
        ] {
            assert_eq!(
                upgrade(executable).as_deref(),
                Some(command),
                "{executable}"
            );
        }
    }

    #[test]
    fn a_copy_that_nobody_manages_is_nobodys() {
        for executable in [
            "/usr/local/bin/rocket",
            "/opt/rocket/rocket",
            "/home/ada/bin/rocket",
            "/home/ada/src/rocket/target/release/rocket",
            "/home/ada/.cargo/bin/deep/rocket",
        ] {
            assert_eq!(upgrade(executable), None, "{executable}");
        }
        let of_system = by_place(Path::new("/usr/bin/rocket"), "rocket", None, |_| false);
        assert_eq!(of_system.unwrap().manager, "the distribution");
    }
}
