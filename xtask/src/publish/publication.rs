//! What is to be public: verified files, and what binds them to a draft. Pure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use release_plan::{AssetName, BootstrapTag, CommitId, Measured, Plan, Sha256};

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

/// The text of a release, as far as it does not bind a draft.
pub(crate) fn notes(plan: &Plan) -> String {
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
