//! A Sigstore as a program carries it, and what keeps its keys from growing old. Relies on
//! `sigstore-trust-root` for the public one's `trusted_root.json`.

use release_plan::Instant;
use sigstore_verify::trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT;

use super::workflow::Workflow;
use super::{RefreshError, RefreshedRoot, TufFiles, TufRoot, timestamp};
use crate::{Refusal, RootError, TrustedRoot};

/// A Sigstore whose keys a program believes: as they were when it was built, and where newer ones
/// are found. Compiled in; nothing that is fetched or kept changes it.
#[derive(Debug, Clone, Copy)]
pub struct Sigstore {
    /// What a home that was made with it is bound to; its keys may change, and this does not.
    pub name: &'static str,
    /// `trusted_root.json`.
    pub trusted_root: &'static str,
    /// When that was the newest, in RFC 3339.
    pub as_of: &'static str,
    /// Version of the TUF targets metadata that lists it.
    pub targets_version: u64,
    /// TUF `root.json`.
    pub tuf_root: &'static [u8],
    /// Base URL of the TUF repository, without a slash at its end.
    pub repository: &'static str,
}

impl Sigstore {
    /// The public one.
    ///
    /// `as_of` is the day on which the `sigstore-trust-root` that this is built with was released:
    /// its makers fetch both files from the repository for a release. `targets_version` is what a
    /// refresh showed with the same digest.
    pub const PUBLIC: Self = Self {
        name: "public-sigstore",
        trusted_root: SIGSTORE_PRODUCTION_TRUSTED_ROOT,
        as_of: "2026-10-23T00:00:00Z",
        targets_version: 14,
        tuf_root: include_bytes!("public-sigstore.root.json"),
        repository: "https://tuf-repo-cdn.sigstore.dev",
    };

    /// The keys compiled in.
    ///
    /// # Errors
    /// Never for a build whose tests passed.
    pub fn trusted_root(&self) -> Result<TrustedRoot, RootError> {
        TrustedRoot::parse(self.trusted_root.as_bytes())
    }

    /// [`Self::as_of`] parsed.
    ///
    /// # Panics
    /// Never for a build whose tests passed.
    #[must_use]
    pub fn as_of(&self) -> Instant {
        Instant::try_from(self.as_of.to_owned()).expect("a program is built with a time")
    }

    /// The TUF root compiled in.
    ///
    /// # Errors
    /// Never for a build whose tests passed.
    pub fn tuf_root(&self) -> Result<TufRoot, Refusal> {
        TufRoot::parse(self.tuf_root)
    }

    /// Believes files that a refresh left, however long ago, by following them from the TUF root
    /// compiled in. None when they are older than the keys compiled in: when the targets metadata
    /// has a lower version than the one that lists those. Its version rises whenever what it lists
    /// changes, and its owners sign both.
    ///
    /// # Errors
    /// When any of them is not believed.
    pub fn load(&self, files: &TufFiles) -> Result<Option<RefreshedRoot>, Refusal> {
        let kept = RefreshedRoot::load(self.tuf_root()?, files)?;
        Ok((kept.targets_version() >= self.targets_version).then_some(kept))
    }

    /// What the repository lists at `now`: nothing older than `last`, or than the keys compiled
    /// in. `fetch` is as for [`RefreshedRoot::fetch`].
    ///
    /// # Errors
    /// When a file cannot be fetched, is missing, or is not believed.
    pub fn refresh<E>(
        &self,
        last: Option<&RefreshedRoot>,
        now: Instant,
        mut fetch: impl FnMut(&str, usize) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<RefreshedRoot, RefreshError<E>> {
        let last = last.map(RefreshedRoot::files);
        let root = self.tuf_root()?;
        let refreshed = Workflow::new(root, last, timestamp(now), &mut fetch).run()?;
        let (lowest, found) = (self.targets_version, refreshed.targets_version());
        if found < lowest {
            let expected = format!("{lowest} at least, whose keys are compiled in");
            return Err(Refusal::new("targets.json", "version", expected, found).into());
        }
        Ok(refreshed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuf::workflow;
    use release_plan::Sha256;

    #[test]
    fn what_is_compiled_in_of_the_public_sigstore_can_be_used() {
        let public = Sigstore::PUBLIC;
        public.trusted_root().unwrap();
        assert_eq!(public.tuf_root().unwrap().version(), 16);
        assert_eq!(public.as_of().to_string(), public.as_of);
        assert!(workflow::target(&public.tuf_root().unwrap().0).is_none());
    }

    // The date and the version are told of one file; another needs others.
    #[test]
    fn the_date_compiled_in_is_that_of_the_trusted_root_compiled_in() {
        let digest = Sha256::of(Sigstore::PUBLIC.trusted_root.as_bytes());
        assert_eq!(
            digest.to_string(),
            "6494e21ea73fa7ee769f85f57d5a3e6a08725eae1e38c755fc3517c9e6bc0b66",
            "the library carries another trusted root: bring `as_of` and `targets_version` up to it"
        );
    }

    #[test]
    fn the_tuf_root_and_the_repository_are_those_that_the_library_would_use() {
        let library = sigstore_trust_root::SigstoreInstance::PublicGood;
        assert!(
            Sigstore::PUBLIC.tuf_root == library.tuf_root(),
            "the library carries another TUF root: copy it over public-sigstore.root.json"
        );
        assert_eq!(Sigstore::PUBLIC.repository, library.tuf_url());
    }
}
