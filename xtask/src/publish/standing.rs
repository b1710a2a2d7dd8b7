//! What GitHub has of a release, held against what is to be there. Pure: lists in, a verdict out.

use std::collections::BTreeMap;

use release_plan::{AssetName, Exit, Measured};

use super::Publication;
use crate::Failure;
use crate::github::{Release, UploadedAsset};

/// Where a publication stands.
#[derive(Debug)]
pub(super) enum Standing {
    /// Nobody has begun.
    Nothing,
    /// Its draft is there; it is the one to fill.
    Draft(Release),
    /// Its tag is public, by this plan.
    Public(Release),
}

impl Publication {
    /// Finds what of `releases`, all those of its tag, is of this publication.
    ///
    /// # Errors
    /// When one of them was made by another plan or by somebody's hand: it is not ours to touch.
    pub(super) fn standing(&self, releases: Vec<Release>) -> Result<Standing, Failure> {
        let refused = |message: String| Err(Failure::new(Exit::Gate, message));
        let tag = &self.tag;
        if let Some(other) = releases.iter().find(|release| !self.made(release)) {
            let (id, url) = (other.id, &other.html_url);
            if !other.draft {
                return refused(format!(
                    "GitHub has a public release of {tag} that was made by another plan: {url}; a \
                     public one is final: raise the version"
                ));
            }
            let author = other.author.as_ref();
            let author = author.map_or("somebody", |author| &author.login);
            return refused(format!(
                "expected no draft of {tag} but those of {}, GitHub has draft {id}, made by \
                 another plan or by hand, by {author}: {url}; delete it if nobody needs it, and \
                 run again",
                self.of_plan()
            ));
        }
        let mut public = None;
        let mut draft: Option<Release> = None;
        for release in releases {
            if !release.draft {
                public = Some(release);
            } else if self.holds(&release)
                // Of several, every publisher takes the oldest.
                && draft.as_ref().is_none_or(|other| release.id < other.id)
            {
                draft = Some(release);
            }
        }
        Ok(match (public, draft) {
            (Some(public), _) => Standing::Public(public),
            (None, Some(draft)) => Standing::Draft(draft),
            (None, None) => Standing::Nothing,
        })
    }

    /// The drafts among `releases` that a publisher of this plan made, when its tag is public.
    pub(super) fn leftovers<'a>(
        &self,
        releases: &'a [Release],
    ) -> impl Iterator<Item = &'a Release> {
        let public = releases.iter().any(|release| !release.draft);
        let drafts = releases
            .iter()
            .filter(move |release| public && release.draft);
        drafts.filter(|draft| self.made(draft))
    }

    /// Whether a publisher of this very plan made it.
    fn made(&self, release: &Release) -> bool {
        release.target_commitish == self.commit.as_str() && says(release, &self.of_plan())
    }

    /// Whether it is for these very files.
    fn holds(&self, release: &Release) -> bool {
        says(release, &self.of_files())
    }
}

fn says(release: &Release, binding: &str) -> bool {
    let body = release.body.as_deref();
    body.is_some_and(|body| body.contains(binding))
}

/// What GitHub has that should not be, and lacks that should.
#[derive(Debug)]
pub(super) struct Difference<'a> {
    /// Not there at all.
    pub(super) missing: Vec<&'a AssetName>,
    /// There, but not with these bytes.
    pub(super) wrong: Vec<(&'a AssetName, &'a UploadedAsset)>,
    /// Nothing of this release.
    pub(super) extra: Vec<&'a UploadedAsset>,
}

impl<'a> Difference<'a> {
    pub(super) fn between(
        files: &'a BTreeMap<AssetName, Measured>,
        there: &'a [UploadedAsset],
    ) -> Self {
        let mut missing: BTreeMap<_, _> = files.keys().map(|name| (name.as_str(), name)).collect();
        let (mut wrong, mut extra) = (Vec::new(), Vec::new());
        for asset in there {
            let wanted = files.iter().find(|(name, _)| name.as_str() == asset.name);
            match wanted {
                None => extra.push(asset),
                Some((name, measured)) if !asset.is(measured.size(), measured.sha256()) => {
                    wrong.push((name, asset));
                }
                Some((name, _)) => {
                    missing.remove(name.as_str());
                }
            }
        }
        Self {
            missing: missing.into_values().collect(),
            wrong,
            extra,
        }
    }

    /// The first thing that still has to come right, in words.
    pub(super) fn first_open(&self) -> Option<String> {
        let wrong = self.wrong.first();
        let wrong = wrong.map(|(name, asset)| {
            let found = Self::describe(asset);
            format!("{name}, which GitHub has with {found}")
        });
        wrong.or_else(|| Some(format!("{}, which GitHub lacks", self.missing.first()?)))
    }

    /// What GitHub says of an asset.
    pub(super) fn describe(asset: &UploadedAsset) -> String {
        let digest = asset.digest.as_deref().unwrap_or("no digest");
        let UploadedAsset { size, state, .. } = asset;
        format!("{digest}, {size} bytes, {state}")
    }

    /// The first difference of all, in words.
    pub(super) fn first(&self) -> Option<String> {
        let extra = self.extra.first();
        let extra = extra.map(|asset| format!("{}, which is not of this release", asset.name));
        extra.or_else(|| self.first_open())
    }
}
