//! What each family of shells reads: its env file, the line that reads that file, and how it quotes.
//! Relies on the shells' manuals: POSIX 2.2.2 and fish's and PowerShell's single quotes.

use std::path::Path;

/// A family of shells with one syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shell {
    /// sh, dash, bash, busybox, zsh.
    Posix,
    Fish,
    /// PowerShell.
    Pwsh,
}

impl Shell {
    pub(super) const ALL: [Self; 3] = [Self::Posix, Self::Fish, Self::Pwsh];

    /// Name of its env file.
    pub(super) fn env_file(self) -> &'static str {
        match self {
            Self::Posix => "env.sh",
            Self::Fish => "env.fish",
            Self::Pwsh => "env.ps1",
        }
    }

    /// The env file: puts `bin` in front of PATH, unless it stands in it.
    pub(super) fn env_text(self, bin: &str) -> String {
        let bin = self.quote(bin);
        let text = match self {
            Self::Posix => format!(
                "case \":${{PATH}}:\" in\n    *:{bin}:*) ;;\n    *) export PATH={bin}\"${{PATH:+:${{PATH}}}}\" ;;\nesac"
            ),
            Self::Fish => {
                format!("if not contains -- {bin} $PATH\n    set -gx PATH {bin} $PATH\nend")
            }
            Self::Pwsh => format!(
                "if (($env:PATH -split [IO.Path]::PathSeparator) -cnotcontains {bin}) {{\n    $env:PATH = {bin} + [IO.Path]::PathSeparator + $env:PATH\n}}"
            ),
        };
        format!("# Puts the program on PATH. Written by its installer; profiles read it.\n{text}\n")
    }

    /// The line of a profile that reads the env file in `home`, and does nothing where there is
    /// none: a shell must start after the home is gone too.
    pub(super) fn line(self, home: &str, user: &Path) -> String {
        let file = self.env_path(home, user);
        match self {
            Self::Posix => format!("[ ! -f {file} ] || . {file}"),
            Self::Fish => format!("test -f {file}; and source {file}"),
            Self::Pwsh => format!("if (Test-Path -LiteralPath {file}) {{ . {file} }}"),
        }
    }

    /// What reads it into a shell that runs already.
    #[cfg(unix)]
    pub(super) fn now(self, home: &str, user: &Path) -> String {
        let file = self.env_path(home, user);
        match self {
            Self::Posix | Self::Pwsh => format!(". {file}"),
            Self::Fish => format!("source {file}"),
        }
    }

    /// The env file, by $HOME where it lies below that and needs no more quotes: profiles are
    /// carried from one machine to another.
    fn env_path(self, home: &str, user: &Path) -> String {
        let plain = |path: &str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-/+".contains(&b);
            path.bytes().all(plain) && !path.split('/').any(|part| part == "..")
        };
        let below = Path::new(home).strip_prefix(user).ok();
        match below.and_then(Path::to_str).filter(|path| plain(path)) {
            Some("") => format!("\"$HOME/{}\"", self.env_file()),
            Some(below) => format!("\"$HOME/{below}/{}\"", self.env_file()),
            None => self.quote(&format!("{home}/{}", self.env_file())),
        }
    }

    /// A word that stands for these very characters.
    fn quote(self, text: &str) -> String {
        let mut quoted = String::from('\'');
        for c in text.chars() {
            match (self, c) {
                (Self::Posix, '\'') => quoted.push_str("'\\''"),
                (Self::Fish, '\'' | '\\') => quoted.extend(['\\', c]),
                // To PowerShell all of these are single quotes.
                (Self::Pwsh, '\'' | '\u{2018}'..='\u{201b}') => quoted.extend([c, c]),
                (_, c) => quoted.push(c),
            }
        }
        quoted.push('\'');
        quoted
    }
}

/// All that is written for shells, by name, with `{home}` in the place of the home.
pub(crate) fn snippets() -> Vec<(String, String)> {
    let snippets = Shell::ALL.into_iter().flat_map(|shell| {
        let env = shell.env_file();
        let line = env.replace("env", "profile-line");
        [
            (env.to_owned(), shell.env_text("{home}/bin")),
            (line, shell.line("{home}", Path::new("{user}"))),
        ]
    });
    snippets.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_below_the_users_is_named_by_home_and_another_in_full() {
        let user = Path::new("/home/ada");
        let line = |home| Shell::Posix.line(home, user);
        assert_eq!(
            line("/home/ada/.rocket"),
            r#"[ ! -f "$HOME/.rocket/env.sh" ] || . "$HOME/.rocket/env.sh""#
        );
        assert_eq!(
            line("/home/ada/$x"),
            "[ ! -f '/home/ada/$x/env.sh' ] || . '/home/ada/$x/env.sh'"
        );
        assert_eq!(
            Shell::Fish.now("/home/ada/../r", user),
            "source '/home/ada/../r/env.fish'"
        );
        assert_eq!(Shell::Fish.now("/srv/r", user), "source '/srv/r/env.fish'");
    }

    #[test]
    fn every_family_quotes_what_it_would_read_otherwise() {
        let evil = "a'b\\c\u{2019}$x`y`\"";
        for (shell, quoted) in [
            (Shell::Posix, "'a'\\''b\\c\u{2019}$x`y`\"'"),
            (Shell::Fish, "'a\\'b\\\\c\u{2019}$x`y`\"'"),
            (Shell::Pwsh, "'a''b\\c\u{2019}\u{2019}$x`y`\"'"),
        ] {
            assert_eq!(shell.quote(evil), quoted);
        }
    }
}
