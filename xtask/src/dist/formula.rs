//! What a Homebrew formula, as cargo-dist writes it, has whom download. Read as lines, since each
//! stands on one of its own.

use release_plan::{AssetName, Sha256, Target};

/// A platform as Homebrew tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Platform {
    pub(super) os: &'static str,
    pub(super) cpu: &'static str,
}

impl Platform {
    const ALL: [Self; 4] = [
        Self::new("mac", "arm"),
        Self::new("mac", "intel"),
        Self::new("linux", "arm"),
        Self::new("linux", "intel"),
    ];

    const fn new(os: &'static str, cpu: &'static str) -> Self {
        Self { os, cpu }
    }

    /// The platform that programs for `target` run on; none where Homebrew does not.
    pub(super) fn of(target: &Target) -> Option<Self> {
        let parts: Vec<&str> = target.as_str().split('-').collect();
        let os = match parts.as_slice() {
            [_, "apple", "darwin"] => "mac",
            [_, _, "linux", ..] => "linux",
            _ => return None,
        };
        let cpu = match parts[0] {
            "aarch64" => "arm",
            "x86_64" => "intel",
            _ => return None,
        };
        Some(Self { os, cpu })
    }

    /// Whether it runs programs for `other`: Macs with ARM run those for Intel, too.
    pub(super) fn runs(self, other: Self) -> bool {
        self == other || (self.os == "mac" && other == Self::new("mac", "intel"))
    }

    /// The conditions, from the outer to the inner, under which a line is for this platform.
    fn conditions(self) -> [String; 2] {
        let Self { os, cpu } = self;
        [format!("if OS.{os}?"), format!("if Hardware::CPU.{cpu}?")]
    }
}

/// An archive that a formula names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Download {
    /// Every platform that gets it: where only the one for Intel Macs was built, all Macs do.
    pub(super) platforms: Vec<Platform>,
    pub(super) name: AssetName,
    pub(super) sha256: Sha256,
}

/// Reads the version and the downloads of a formula that takes all of them from `base`.
///
/// # Errors
/// With what was found, on a download under other conditions than a platform, without a digest or from elsewhere,
/// and on any other URL than that and the homepage.
pub(super) fn read(formula: &str, base: &str) -> Result<(String, Vec<Download>), String> {
    let mut version = None;
    let mut downloads = Vec::new();
    let mut open = Vec::new();
    let mut lines = formula.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("if ") || line.starts_with("class ") {
            open.push(line);
        } else if line == "end" {
            open.pop();
        } else if line.starts_with("def ") {
            // From here on it installs what it has.
            break;
        } else if let Some(found) = quoted(line, "version") {
            version = Some(found.to_owned());
        } else if let Some(url) = quoted(line, "url") {
            let within = open.get(1..).unwrap_or_default();
            let platforms: Vec<Platform> = Platform::ALL
                .into_iter()
                .filter(|platform| {
                    platform
                        .conditions()
                        .iter()
                        .zip(within)
                        .all(|(a, b)| a == b)
                        && within.len() <= 2
                })
                .collect();
            if within.is_empty() || platforms.is_empty() {
                return Err(format!("{url} under other conditions than a platform"));
            }
            let name = url
                .strip_prefix(base)
                .and_then(|rest| rest.strip_prefix('/')?.parse().ok())
                .ok_or_else(|| url.to_owned())?;
            let sha256 = lines
                .next_if(|next| next.starts_with("sha256 "))
                .and_then(|next| quoted(next, "sha256")?.parse().ok())
                .ok_or_else(|| format!("{name} without a digest"))?;
            downloads.push(Download {
                platforms,
                name,
                sha256,
            });
        }
    }
    let homepages = formula
        .lines()
        .filter(|line| quoted(line.trim(), "homepage").is_some_and(|url| url.contains("://")));
    let expected = downloads.len() + homepages.count();
    let urls = formula.matches("://").count();
    if urls != expected {
        return Err(format!("{urls} URLs where {expected} are understood"));
    }
    let version = version.ok_or("no version")?;
    Ok((version, downloads))
}

/// The text of a line `KEY "TEXT"`.
fn quoted<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?
        .strip_prefix(" \"")?
        .strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://github.com/example/ember/releases/download/v1.2.3";

    fn formula(lines: &str) -> String {
        format!(
            "class Ember < Formula\n  homepage \"https://example.com\"\n  version \"1.2.3\"\n  \
             if OS.mac?\n    if Hardware::CPU.arm?\n      {lines}\n    end\n  end\n\
             def install\n    if OS.mac?\n    end\n  end\nend\n"
        )
    }

    #[test]
    fn a_download_is_read_with_its_platform_and_digest() {
        let sha256 = Sha256::of(b"archive");
        let lines = format!("url \"{BASE}/ember.tar.gz\"\n sha256 \"{sha256}\"");
        let (version, downloads) = read(&formula(&lines), BASE).unwrap();
        assert_eq!(version, "1.2.3");
        let expected = Download {
            platforms: vec![Platform::new("mac", "arm")],
            name: "ember.tar.gz".parse().unwrap(),
            sha256,
        };
        assert_eq!(downloads, [expected]);
    }

    #[test]
    fn a_download_without_digest_or_from_elsewhere_is_refused() {
        let digest = format!("\n sha256 \"{}\"", Sha256::of(b"archive"));
        for (lines, words) in [
            (format!("url \"{BASE}/ember.tar.gz\""), "without a digest"),
            (
                format!("url \"https://example.com/ember.tar.gz\"{digest}"),
                "https://example.com",
            ),
            (
                format!("url \"{BASE}/../ember.tar.gz\"{digest}"),
                "https://github.com",
            ),
            (
                format!("url \"{BASE}/e.tar.gz\"{digest}\nmirror \"https://example.com/e\""),
                "3 URLs where 2",
            ),
            (
                format!("if true\nurl \"{BASE}/e.tar.gz\"{digest}\nend"),
                "under other conditions",
            ),
        ] {
            let error = read(&formula(&lines), BASE).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_mac_runs_programs_for_intel_and_nothing_else_runs_those_of_another() {
        let runs: Vec<_> = Platform::ALL
            .into_iter()
            .map(|on| Platform::ALL.map(|other| on.runs(other)))
            .collect();
        let expected = [
            [true, true, false, false],
            [false, true, false, false],
            [false, false, true, false],
            [false, false, false, true],
        ];
        assert_eq!(runs, expected);
    }

    #[test]
    fn only_what_homebrew_runs_on_is_a_platform() {
        for (target, expected) in [
            ("aarch64-apple-darwin", Some(Platform::new("mac", "arm"))),
            (
                "x86_64-unknown-linux-musl",
                Some(Platform::new("linux", "intel")),
            ),
            ("x86_64-pc-windows-gnullvm", None),
            ("riscv64gc-unknown-linux-gnu", None),
        ] {
            let found = Platform::of(&target.parse().unwrap());
            assert_eq!(found, expected, "{target}");
        }
    }
}
