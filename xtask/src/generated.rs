//! What is written down in the tree although it follows from other files of it: regions between two
//! markers, which `generate` writes and a gate compares.

use release_plan::{AssetName, Exit, Target};

use crate::project::Project;
use crate::{Failure, files};

/// The command that brings every region up to date.
pub(crate) const GENERATE: &str = "cargo xtask generate";

/// What all bootstrap scripts share.
const COMMON: &str = "bootstrap/common.sh";

/// How a comment begins and ends.
struct Language {
    begin: &'static str,
    end: &'static str,
}

const MARKDOWN: Language = Language {
    begin: "<!-- ",
    end: " -->",
};
const SHELL: Language = Language {
    begin: "# ",
    end: "",
};

/// A file with a generated region in it.
pub(crate) struct Generated {
    /// Below the root of the tree.
    pub(crate) file: &'static str,
    found: String,
    current: String,
}

impl Generated {
    /// The region `name` of `file`, which should hold `content`; none where there is no such file.
    fn of(
        project: &Project,
        file: &'static str,
        language: &Language,
        name: &str,
        content: &str,
    ) -> Result<Option<Self>, Failure> {
        let path = project.root.join(file);
        if !path.is_file() {
            return Ok(None);
        }
        let found = files::read_text(&path)?;
        let current = replace(file, &found, language, name, content)?;
        Ok(Some(Self {
            file,
            found,
            current,
        }))
    }

    /// Whether the file says what it should.
    pub(crate) fn is_current(&self) -> bool {
        self.found == self.current
    }

    /// Writes what the file should say.
    pub(crate) fn write(&self, project: &Project) -> Result<(), Failure> {
        files::write(&project.root.join(self.file), self.current.as_bytes()).map(drop)
    }
}

/// Every generated region of the tree. A file without the markers wants none.
pub(crate) fn all(project: &Project) -> Result<Vec<Generated>, Failure> {
    let table = platforms(&project.product.name, project.targets())?;
    let mut all = Vec::from_iter(Generated::of(
        project,
        "README.md",
        &MARKDOWN,
        "platforms",
        &table,
    )?);
    let common = project.root.join(COMMON);
    if common.is_file() {
        let functions = functions(&files::read_text(&common)?).to_owned();
        for script in [
            "bootstrap/install.sh",
            "bootstrap/stub.sh",
            "bootstrap/upgrade.sh",
        ] {
            all.extend(Generated::of(
                project, script, &SHELL, "common", &functions,
            )?);
        }
    }
    Ok(all)
}

/// What follows the comment that a script begins with.
fn functions(script: &str) -> &str {
    script
        .split_once("\n\n")
        .map_or("", |(_, functions)| functions)
}

/// The systems that a release is for, with their archives.
fn platforms(product: &str, targets: &[Target]) -> Result<String, Failure> {
    let mut table = "| system | archive |\n|---|---|\n".to_owned();
    for target in targets {
        let archive = AssetName::archive(product, target)?;
        table.push_str(&format!("| {} | `{archive}` |\n", target.system()));
    }
    Ok(table)
}

/// `text` with `content` in the region called `name`.
fn replace(
    file: &str,
    text: &str,
    language: &Language,
    name: &str,
    content: &str,
) -> Result<String, Failure> {
    let comment = |words: String| format!("{}{words}{}\n", language.begin, language.end);
    let begin = comment(format!("{name}: written by `{GENERATE}`"));
    let end = comment(format!("end of {name}"));
    let refused = |what: &str| {
        let message = format!("{file}: expected one region {name}, found {what}; mend its markers");
        Err(Failure::new(Exit::Input, message))
    };
    match (text.matches(&begin).count(), text.matches(&end).count()) {
        (0, 0) => return Ok(text.to_owned()),
        (1, 1) => {}
        _ => return refused("a marker without the other, or one twice"),
    }
    let (before, rest) = text.split_once(&begin).unwrap_or_default();
    match rest.split_once(&end) {
        Some((_, after)) => Ok(format!("{before}{begin}{content}{end}{after}")),
        None => refused("its end before its beginning"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = "<!-- x: written by `cargo xtask generate` -->\n";
    const END: &str = "<!-- end of x -->\n";

    #[test]
    fn a_region_is_replaced_and_what_is_around_it_stays() {
        let text = format!("before\n{BEGIN}old\n{END}after\n");
        let new = replace("f", &text, &MARKDOWN, "x", "new\n").unwrap();
        assert_eq!(new, format!("before\n{BEGIN}new\n{END}after\n"));
        assert_eq!(replace("f", &new, &MARKDOWN, "x", "new\n").unwrap(), new);
        assert_eq!(
            replace("f", "no region\n", &MARKDOWN, "x", "new\n").unwrap(),
            "no region\n"
        );
    }

    #[test]
    fn markers_that_are_lost_twice_or_the_wrong_way_round_are_refused() {
        for text in [
            BEGIN.to_owned(),
            END.to_owned(),
            format!("{END}{BEGIN}"),
            format!("{BEGIN}{END}{BEGIN}{END}"),
        ] {
            let failure = replace("f", &text, &MARKDOWN, "x", "new\n").unwrap_err();
            assert!(
                failure.to_string().contains("mend its markers"),
                "{failure}"
            );
        }
    }

    #[test]
    fn a_script_is_given_what_follows_the_comment_of_the_common_one() {
        let common = "# About.\n# shellcheck shell=sh\n\nsay() {\n}\n\ndie() {\n}\n";
        let script = "# common: written by `cargo xtask generate`\n# end of common\n";
        let new = replace("f", script, &SHELL, "common", functions(common)).unwrap();
        assert_eq!(
            new,
            "# common: written by `cargo xtask generate`\nsay() {\n}\n\ndie() {\n}\n\
             # end of common\n"
        );
    }

    #[test]
    fn every_target_has_its_row() {
        let targets = ["aarch64-apple-darwin", "x86_64-pc-windows-gnullvm"];
        let targets = targets.map(|target| target.parse().unwrap());
        let table = platforms("p", &targets).unwrap();
        assert!(
            table.contains("| macOS arm64 | `p-aarch64-apple-darwin.tar.gz` |\n"),
            "{table}"
        );
        assert!(
            table.contains("| Windows amd64 | `p-x86_64-pc-windows-gnullvm.zip` |\n"),
            "{table}"
        );
    }
}
