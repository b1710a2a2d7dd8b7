//! What is written down in the tree although it follows from other files of it: regions between two
//! markers, which `generate` writes and a gate compares.

use release_plan::{AssetName, Exit, Target};

use crate::project::Project;
use crate::{Failure, files};

/// The command that brings every region up to date.
pub(crate) const GENERATE: &str = "cargo xtask generate";

/// A file with a generated region in it.
pub(crate) struct Generated {
    /// Below the root of the tree.
    pub(crate) file: &'static str,
    found: String,
    current: String,
}

impl Generated {
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
    let file = "README.md";
    let path = project.root.join(file);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let found = files::read_text(&path)?;
    let table = platforms(&project.product.name, project.targets())?;
    let current = replace(file, &found, "platforms", &table)?;
    Ok(vec![Generated {
        file,
        found,
        current,
    }])
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
fn replace(file: &str, text: &str, name: &str, content: &str) -> Result<String, Failure> {
    let begin = format!("<!-- {name}: written by `{GENERATE}` -->\n");
    let end = format!("<!-- end of {name} -->\n");
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
        let new = replace("f", &text, "x", "new\n").unwrap();
        assert_eq!(new, format!("before\n{BEGIN}new\n{END}after\n"));
        assert_eq!(replace("f", &new, "x", "new\n").unwrap(), new);
        assert_eq!(
            replace("f", "no region\n", "x", "new\n").unwrap(),
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
            let failure = replace("f", &text, "x", "new\n").unwrap_err();
            assert!(
                failure.to_string().contains("mend its markers"),
                "{failure}"
            );
        }
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
