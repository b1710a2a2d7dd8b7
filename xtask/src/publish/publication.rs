//! What is to be public: verified files, and what binds them to a draft. Pure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use release_plan::changes::{Guide, RELEASES};
use release_plan::{AssetName, BootstrapTag, CommitId, Exit, Measured, Plan, Sha256};

use crate::Failure;

/// What is to be public: verified files, and what binds them to a draft.
pub(crate) struct Publication {
    /// Of a release, or of patched scripts.
    pub(crate) tag: BootstrapTag,
    pub(crate) commit: CommitId,
    /// Digest of the plan of that release.
    pub(crate) plan: Sha256,
    /// The text of the release, but for what binds it.
    pub(crate) notes: String,
    /// Where the files lie.
    pub(crate) folder: PathBuf,
    /// Every file with what verified.
    pub(crate) files: BTreeMap<AssetName, Measured>,
}

impl Publication {
    /// The digest of all files together: of a line for each, as `SHA256SUMS` writes it.
    fn set(&self) -> Sha256 {
        let lines = self
            .files
            .iter()
            .map(|(name, measured)| format!("{}  {name}\n", measured.sha256()));
        Sha256::of(lines.collect::<String>().as_bytes())
    }

    /// Binds a draft to its plan, in the release's text.
    pub(super) fn of_plan(&self) -> String {
        format!("plan sha256:{}", self.plan)
    }

    /// Binds a draft to its files, likewise.
    pub(super) fn of_files(&self) -> String {
        format!("files sha256:{}", self.set())
    }

    pub(super) fn body(&self) -> String {
        format!(
            "{}\n\n{}, {}\n",
            self.notes,
            self.of_plan(),
            self.of_files()
        )
    }
}

/// The most characters that GitHub takes as the text of a release.
const LONGEST: usize = 125_000;
/// What of these is kept for what binds a draft.
const BINDING: usize = 500;

/// The text of a release, as far as it does not bind a draft: its guide, where it has one, and how
/// it is verified.
pub(crate) fn notes(plan: &Plan, guide: Option<&Guide>) -> Result<String, Failure> {
    let verify = verify(plan);
    let Some(guide) = guide else {
        return Ok(verify);
    };
    let file = format!("{RELEASES}/{}", Guide::file(&plan.version));
    let whole = format!("{}/blob/{}/{file}", plan.repository, plan.tag);
    let rest = format!("\n---\n\n{verify}");
    let most = LONGEST - BINDING - rest.chars().count();
    let told = guide.notes(&whole, most).ok_or_else(|| {
        let message = format!(
            "{file}: expected notes of at most {most} characters, as GitHub takes them, found {} in \
             \"What to tell your user\" alone; tell it shorter in the fragments",
            guide.news().tell.chars().count()
        );
        Failure::new(Exit::Gate, message)
    })?;
    Ok(told + &rest)
}

fn verify(plan: &Plan) -> String {
    format!(
        "{} {} from commit {}.\n\nVerify what you download: `SHA256SUMS` lists every digest, \
         each asset has a sigstore bundle beside it, and `{}` tells what the archives were made \
         from; all signed by `{}`.",
        plan.product,
        plan.version,
        plan.source.commit,
        plan.provenance(),
        plan.identity
    )
}

#[cfg(test)]
mod tests {
    use release_plan::changes::Fragment;

    use super::*;

    fn guide(tell: &str) -> Guide {
        let fragment = "---\nbump: minor\narea: a\nside_effects: false\nmigration: none\n---\n\
                        ## What changed\n\nIt glows.\n\n## What to tell your user\n\nTELL\n\n\
                        ## Capabilities\n\nNone.\n";
        let fragment = Fragment::read("f.md", "f".parse().unwrap(), fragment.as_bytes());
        let version = "1.2.3".parse().unwrap();
        let text = Guide::write("ember", &version, &[&fragment.unwrap()]).unwrap();
        Guide::read("g.md", text.replace("TELL", tell).as_bytes()).unwrap()
    }

    #[test]
    fn a_release_tells_its_guide_and_how_it_is_verified_in_what_github_takes() {
        let plan = crate::trial::plan();
        let without = notes(&plan, None).unwrap();
        assert!(without.starts_with("ember 1.2.3 from commit"), "{without}");
        let with = notes(&plan, Some(&guide("It can be seen."))).unwrap();
        assert!(
            with.starts_with("## What to tell your user\n\nIt can be seen."),
            "{with}"
        );
        assert!(with.ends_with(&without), "{with}");
        let long = "é".repeat(LONGEST - BINDING - without.chars().count() - 140);
        let cut = notes(&plan, Some(&guide(&long))).unwrap();
        assert!(cut.chars().count() <= LONGEST - BINDING);
        let whole = "https://github.com/example/ember/blob/v1.2.3/release-plan/releases/1.2.3.md";
        assert!(
            cut.contains(whole) && cut.ends_with(&without),
            "{}",
            cut.replace("é", "")
        );
        let refused = notes(&plan, Some(&guide(&"é".repeat(LONGEST)))).unwrap_err();
        assert_eq!(refused.exit(), Exit::Gate);
        assert!(refused.to_string().contains("tell it shorter"), "{refused}");
    }
}
