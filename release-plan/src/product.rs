//! A product: what `product.yaml` says, and what is compiled into the program.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{AssetName, Channel, Deprecation, Feed, Feeds, Origin, TypeAt};

/// A program that is released with these crates. Nothing else knows its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// Its name: of the package, the program, the assets and the home.
    pub name: String,
    /// One sentence that says what it is.
    pub summary: String,
    /// Where it lives.
    pub repository: Repository,
    /// Who may sign for it.
    pub identities: Identities,
    /// How it is channelled.
    pub channels: Channels,
    /// How it is upgraded.
    pub upgrades: Upgrades,
    /// How changes come about.
    #[serde(default, skip_serializing_if = "Changes::is_nothing")]
    pub changes: Changes,
    /// What is to go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deprecations: Vec<Deprecation>,
    /// How often the bootstrap scripts were mended since this version was released: the number of
    /// the tag `bootstrap-vX.Y.Z-rN` that they go out under. 0 with every new version.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bootstrap_revision: u32,
}

/// As serde asks.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands it by reference"
)]
fn is_zero(revision: &u32) -> bool {
    *revision == 0
}

/// The repository on GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// `https://github.com/OWNER/NAME`.
    pub url: String,
    /// Numeric id, which outlives a rename and dies with the repository.
    pub id: u64,
    /// Numeric id of the owner.
    pub owner_id: u64,
}

/// Who may sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identities {
    /// The OIDC issuer of CI's tokens.
    pub issuer: String,
    /// Path of the workflow that signs releases.
    pub release_workflow: String,
    /// Path of the workflow that signs channel pointers.
    pub channel_workflow: String,
    /// Branch whose channel workflow is believed.
    pub default_branch: String,
}

/// How releases reach those who follow them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channels {
    /// Where the static tree with `channels/` is served.
    pub url: String,
    /// Days after which a pointer moves nobody any more.
    pub expires_after_days: u32,
    /// The channel of somebody who named none. What it points at is the latest release on GitHub.
    pub default: Channel,
    /// The channels that there are, and what each takes.
    pub feeds: Feeds,
}

impl Channels {
    /// Days that a pointer lives at most, whatever the product says.
    pub const LONGEST_LIFE: u32 = 365;

    /// The channels from `channel` back to the one that takes releases, which is the last, and
    /// which releases that one takes; none where there is no such channel, or where feeds lead
    /// nowhere or round in a ring.
    #[must_use]
    pub fn path_to(&self, channel: Channel) -> Option<(Vec<Channel>, Origin)> {
        let mut path = vec![channel];
        loop {
            match self.feeds.get(path.last()?)?.from {
                Origin::Channel(from) if path.contains(&from) => return None,
                Origin::Channel(from) => path.push(from),
                origin => return Some((path, origin)),
            }
        }
    }

    fn check_feeds(&self) -> Result<(), ProductError> {
        let refused = |expected, found: String| {
            Err(ProductError {
                key: "channels.feeds",
                expected,
                found,
            })
        };
        for (channel, Feed { from, soak_days }) in &self.feeds {
            if self.path_to(*channel).is_none() {
                let expected = "pre-releases, releases, or a channel that they reach";
                return refused(expected, format!("{channel} from {from}"));
            }
            let found = format!("{soak_days} days for {channel} from {from}");
            if *soak_days > Self::LONGEST_LIFE {
                return refused("a soak of up to 365 days", found);
            }
            if *soak_days > 0 && !matches!(from, Origin::Channel(_)) {
                let expected = "a soak only where versions come from a channel";
                return refused(expected, found);
            }
        }
        if self.feeds.contains_key(&self.default) {
            return Ok(());
        }
        let expected = "one that feeds the default channel";
        let stand: Vec<_> = self.feeds.keys().map(ToString::to_string).collect();
        refused(expected, stand.join(", "))
    }
}

/// How upgrades go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upgrades {
    /// The lowest version that may upgrade to what is released from this tree.
    pub from: Version,
}

/// How changes come about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// Paths below the root of the tree, or patterns of them as git has them, whose change is one
    /// of behaviour.
    pub behaviour: Vec<String>,
    /// Pairs of files below the root of the tree, such as a template and its embedded copy, that are
    /// equal to the byte.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub twins: Vec<[String; 2]>,
    /// The Rust type of each document that others rely on, by the name that they know it by, such
    /// as `release.json` or `upgrade --json`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub formats: BTreeMap<String, TypeAt>,
}

impl Changes {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What is wrong with a product. Each names the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: expected {expected}, found {found:?}")]
pub struct ProductError {
    /// The key, with dots between levels.
    pub key: &'static str,
    /// What should stand there.
    pub expected: &'static str,
    /// What stands there.
    pub found: String,
}

impl Product {
    /// Reads what a build put into the program.
    ///
    /// # Errors
    /// When it is not the JSON that [`to_json`](Self::to_json) writes.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// What a build puts into the program.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self)
            .expect("a product has string keys and no floating point, so it serializes")
    }

    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// On the first key with a value that cannot be.
    pub fn check(&self) -> Result<(), ProductError> {
        let refused = |key, expected, found: &str| {
            Err(ProductError {
                key,
                expected,
                found: found.to_owned(),
            })
        };
        let name = &self.name;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let letter = |name: &str| name.starts_with(|first: char| first.is_ascii_lowercase());
        if name.parse::<AssetName>().is_err() || !name.bytes().all(plain) || !letter(name) {
            let expected = "lower-case letters, digits and '-', beginning with a letter";
            return refused("name", expected, name);
        }
        if self.repository.slug().is_none() {
            let expected = "https://github.com/OWNER/NAME without a slash at its end";
            return refused("repository.url", expected, &self.repository.url);
        }
        for (key, workflow) in [
            (
                "identities.release_workflow",
                &self.identities.release_workflow,
            ),
            (
                "identities.channel_workflow",
                &self.identities.channel_workflow,
            ),
        ] {
            // It stands in scripts, where a quote or a blank would be read as code.
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-".contains(&b);
            if !workflow.starts_with(".github/workflows/") || !workflow.bytes().all(plain) {
                let expected = "a path of letters, digits and /._- below .github/workflows/";
                return refused(key, expected, workflow);
            }
        }
        if self.identities.release_workflow == self.identities.channel_workflow {
            let expected = "another workflow than the one that signs releases";
            return refused(
                "identities.channel_workflow",
                expected,
                &self.identities.channel_workflow,
            );
        }
        for (key, url) in [
            ("identities.issuer", &self.identities.issuer),
            ("channels.url", &self.channels.url),
        ] {
            // It stands in scripts, where a quote or a blank would be read as code.
            let plain = |b: u8| b.is_ascii_alphanumeric() || b":/.-_~%".contains(&b);
            if !url.starts_with("https://") || url.ends_with('/') || !url.bytes().all(plain) {
                let expected =
                    "an https URL of letters, digits and :/.-_~%, with no slash at its end";
                return refused(key, expected, url);
            }
        }
        let days = self.channels.expires_after_days;
        if !(1..=Channels::LONGEST_LIFE).contains(&days) {
            let expected = "1 to 365 days";
            return refused("channels.expires_after_days", expected, &days.to_string());
        }
        self.channels.check_feeds()?;
        self.check_deprecations()
    }

    fn check_deprecations(&self) -> Result<(), ProductError> {
        for (before, deprecation) in self.deprecations.iter().enumerate() {
            let thing = &deprecation.thing;
            let mut others = self.deprecations[..before].iter();
            let twice = others.any(|other| other.thing == *thing);
            let twice = twice.then(|| format!("{thing} twice"));
            if let Some(found) = twice.or_else(|| deprecation.fault()) {
                return Err(ProductError {
                    key: "deprecations",
                    expected: "each thing once, with what replaces it and no end before its beginning",
                    found,
                });
            }
        }
        Ok(())
    }

    /// Name of an environment variable of this product, such as `LANTERN_HOME`.
    #[must_use]
    pub fn variable(&self, suffix: &str) -> String {
        let name = self.name.to_ascii_uppercase().replace('-', "_");
        format!("{name}_{suffix}")
    }
}

impl Repository {
    /// `OWNER` and `NAME`, where the URL has that form.
    #[must_use]
    pub fn slug(&self) -> Option<(&str, &str)> {
        let (owner, name) = self
            .url
            .strip_prefix("https://github.com/")?
            .split_once('/')?;
        let plain = |text: &str| {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            !text.is_empty() && text.bytes().all(allowed)
        };
        (plain(owner) && plain(name)).then_some((owner, name))
    }
}
