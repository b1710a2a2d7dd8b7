//! Whether to move to another version, as a pure decision. Only a [`Chosen`] can be fetched, and
//! only this module makes one.

use std::fmt;

use release_plan::{Channel, Exit, Instant, Manifest, Pointer, Reason, Tag, Version};
use trust::{Refusal, VerifiedPointer, VerifiedRelease};

use crate::home::{Of, Shunned};

/// A release that was decided for.
#[derive(Debug)]
pub(crate) struct Chosen {
    tag: Tag,
    /// The pointer that selected it, where one did.
    pointer: Option<VerifiedPointer>,
    /// Why the pointer yanks what is installed.
    leaves: Option<Reason>,
    /// Whether it may be lower than what is installed.
    may_fall: bool,
}

/// What was seen of a channel's pointers before: the highest. A newer selection is higher than any
/// renewal of an older one, whatever sequence the renewal claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    /// Sequence of the pointer by which a person selected a release.
    pub(crate) selection: u64,
    /// Sequence of the pointer.
    pub(crate) sequence: u64,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sequence {}", self.sequence)?;
        if self.selection == self.sequence {
            return Ok(());
        }
        write!(f, " (a renewal of {})", self.selection)
    }
}

/// The versions that a home does not take by itself.
#[derive(Debug, Default)]
pub(crate) struct Shuns {
    /// What did not work here.
    pub(crate) quarantine: Vec<Shunned>,
    /// What pointers named as yanked.
    pub(crate) yanked: Vec<Of<Shunned>>,
}

/// Why to stay with what is installed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stay {
    #[error("nothing new: {version} is installed")]
    AlreadyThere { version: Version },
    #[error(
        "nothing new: the {channel} pointer has {found}, and {seen} was seen before; this source is behind"
    )]
    Stale {
        channel: Channel,
        found: Seen,
        seen: Seen,
    },
    #[error(
        "the {channel} pointer expired at {expired}, and it is {now}: nobody may vouch for it any more. Check the clock, try again later, or name a version with --version"
    )]
    Expired {
        channel: Channel,
        expired: Instant,
        now: Instant,
    },
    #[error(
        "the {channel} pointer selects {version}, which is yanked: {reason}. Wait for the next release, or name a version with --version"
    )]
    Yanked {
        channel: Channel,
        version: Version,
        reason: String,
    },
    #[error(
        "nothing new: {version}, which the {channel} pointer selects, is quarantined here: {reason}. A newer version ends that, and --version {version} takes it all the same"
    )]
    Quarantined {
        channel: Channel,
        version: Version,
        reason: String,
    },
    #[error("held at {installed}: {reason}. unhold ends that")]
    Held { installed: Version, reason: String },
    #[error(
        "{wanted} is lower than {installed}, which is installed. rollback goes back to the version before it, and --version {wanted} --allow-downgrade to this one"
    )]
    Downgrade { wanted: Version, installed: Version },
    #[error(
        "{wanted} can be reached from {floor} or later, and {installed} is installed. Go to a version in between first, with --version"
    )]
    BelowFloor {
        wanted: Version,
        floor: Version,
        installed: Version,
    },
}

impl Stay {
    /// Whether all is as it should be.
    pub(crate) fn is_no_failure(&self) -> bool {
        self.exit() == Exit::Done
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::AlreadyThere { .. } | Self::Stale { .. } | Self::Quarantined { .. } => Exit::Done,
            Self::Held { .. } => Exit::Held,
            Self::Expired { .. } | Self::Yanked { .. } => Exit::Refused,
            Self::Downgrade { .. } => Exit::Downgrade,
            Self::BelowFloor { .. } => Exit::Gate,
        }
    }
}

impl Chosen {
    /// What a pointer selects. `seen` is what was seen of its channel before.
    pub(crate) fn by_pointer(
        pointer: VerifiedPointer,
        seen: Option<Seen>,
        now: Instant,
        installed: &Version,
        shuns: &Shuns,
    ) -> Result<Self, Stay> {
        let selects = pointer.pointer();
        let selection = pointer.selection();
        let leaves = replaces(selects, selection, seen, now, installed, shuns)?;
        Ok(Self {
            tag: selects.tag.clone(),
            may_fall: leaves.is_some(),
            leaves,
            pointer: Some(pointer),
        })
    }

    /// What a pointer selects, where nothing is replaced by it.
    pub(crate) fn to_begin_with(
        pointer: VerifiedPointer,
        seen: Option<Seen>,
        now: Instant,
        shuns: &Shuns,
    ) -> Result<Self, Stay> {
        let selects = pointer.pointer();
        judge(selects, pointer.selection(), seen, now)?;
        works(selects, shuns)?;
        Ok(Self {
            pointer: Some(pointer.clone()),
            ..Self::own(selects.tag.clone())
        })
    }

    /// A version that was asked for by name, and whether it may be lower than the installed one.
    pub(crate) fn by_name(tag: Tag, installed: &Version, may_fall: bool) -> Result<Self, Stay> {
        match rises(tag.version(), installed) {
            Err(Stay::Downgrade { .. }) if may_fall => {}
            result => result?,
        }
        Ok(Self {
            may_fall,
            ..Self::own(tag)
        })
    }

    /// A release that replaces nothing: that of the running program, or one installed beside
    /// others.
    pub(crate) fn own(tag: Tag) -> Self {
        Self {
            tag,
            pointer: None,
            leaves: None,
            may_fall: false,
        }
    }

    /// Why what is installed is yanked, where the pointer says so: from there it may go down.
    pub(crate) fn leaves(&self) -> Option<&Reason> {
        self.leaves.as_ref()
    }

    pub(crate) fn tag(&self) -> &Tag {
        &self.tag
    }

    /// Holds the release against the pointer that selected it.
    pub(crate) fn check(&self, release: &VerifiedRelease) -> Result<(), Refusal> {
        self.pointer
            .as_ref()
            .map_or(Ok(()), |pointer| pointer.names(release))
    }

    /// Refuses a release that is lower than what is installed, unless it may be, or cannot be
    /// reached from it. The same version again is fine.
    pub(crate) fn fits_over(&self, manifest: &Manifest, installed: &Version) -> Result<(), Stay> {
        match rises(&manifest.version, installed) {
            Err(stay @ Stay::Downgrade { .. }) if !self.may_fall => return Err(stay),
            _ => {}
        }
        if *installed >= manifest.upgrades_from {
            return Ok(());
        }
        Err(Stay::BelowFloor {
            wanted: manifest.version.clone(),
            floor: manifest.upgrades_from.clone(),
            installed: installed.clone(),
        })
    }
}

fn judge(pointer: &Pointer, selection: u64, seen: Option<Seen>, now: Instant) -> Result<(), Stay> {
    let channel = pointer.channel;
    // First of all: a mirror that stopped at an old pointer is told, not taken for quiet.
    if now >= pointer.expires {
        return Err(Stay::Expired {
            channel,
            expired: pointer.expires,
            now,
        });
    }
    let found = Seen {
        selection,
        sequence: pointer.sequence,
    };
    if let Some(seen) = seen.filter(|seen| found < *seen) {
        return Err(Stay::Stale {
            channel,
            found,
            seen,
        });
    }
    if let Some(reason) = pointer.yank_of(&pointer.version) {
        return Err(Stay::Yanked {
            channel,
            version: pointer.version.clone(),
            reason: reason.to_string(),
        });
    }
    Ok(())
}

/// Refuses to leave a version that is held.
pub(crate) fn let_go(hold: Option<String>, installed: &Version) -> Result<(), Stay> {
    match hold {
        None => Ok(()),
        Some(reason) => Err(Stay::Held {
            installed: installed.clone(),
            reason,
        }),
    }
}

/// Whether a pointer's release may replace what is installed; why that is yanked, if it is.
fn replaces(
    pointer: &Pointer,
    selection: u64,
    seen: Option<Seen>,
    now: Instant,
    installed: &Version,
    shuns: &Shuns,
) -> Result<Option<Reason>, Stay> {
    judge(pointer, selection, seen, now)?;
    let leaves = pointer.yank_of(installed).cloned();
    // Whoever has a yanked version may go back from it.
    if leaves.is_none() {
        rises(&pointer.version, installed)?;
    }
    works(pointer, shuns)?;
    Ok(leaves)
}

/// Refuses what did not work here before, and what the pointer of another channel yanks: a version
/// is yanked in all of them at once, so that this one is older.
fn works(pointer: &Pointer, shuns: &Shuns) -> Result<(), Stay> {
    let mut elsewhere = shuns
        .yanked
        .iter()
        .filter(|of| of.channel != pointer.channel);
    if let Some(of) = elsewhere.find(|of| of.what.version == pointer.version) {
        return Err(Stay::Yanked {
            channel: pointer.channel,
            version: pointer.version.clone(),
            reason: of.what.reason.clone(),
        });
    }
    let mut quarantine = shuns.quarantine.iter();
    match quarantine.find(|shunned| shunned.version == pointer.version) {
        None => Ok(()),
        Some(shunned) => Err(Stay::Quarantined {
            channel: pointer.channel,
            version: pointer.version.clone(),
            reason: shunned.reason.clone(),
        }),
    }
}

fn rises(wanted: &Version, installed: &Version) -> Result<(), Stay> {
    if wanted == installed {
        return Err(Stay::AlreadyThere {
            version: wanted.clone(),
        });
    }
    if wanted < installed {
        return Err(Stay::Downgrade {
            wanted: wanted.clone(),
            installed: installed.clone(),
        });
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use release_plan::{
        Bootstrap, BootstrapTag, Channels, Feeds, Identities, POINTER_SCHEMA, Product, Repository,
        Sha256, Upgrades, Yanked,
    };

    /// A product that is not the one this crate ships.
    pub(crate) fn product() -> Product {
        Product {
            name: "rocket".to_owned(),
            summary: "Goes up.".to_owned(),
            repository: Repository {
                url: "https://github.com/acme/rocket".to_owned(),
                id: 1001,
                owner_id: 77,
            },
            identities: Identities {
                issuer: "https://token.actions.githubusercontent.com".to_owned(),
                release_workflow: ".github/workflows/release.yml".to_owned(),
                channel_workflow: ".github/workflows/channel.yml".to_owned(),
                default_branch: "main".to_owned(),
            },
            channels: Channels {
                url: "https://acme.github.io/rocket".to_owned(),
                expires_after_days: 14,
                default: Channel::Stable,
                feeds: Feeds::new(),
            },
            upgrades: Upgrades {
                from: Version::new(0, 0, 0),
            },
            changes: release_plan::Changes::default(),
            deprecations: Vec::new(),
            bootstrap_revision: 0,
        }
    }

    const NOW: i64 = 1_000_000;

    fn pointer(version: &str) -> Pointer {
        let version: Version = version.parse().unwrap();
        let tag = Tag::of(&version).unwrap();
        Pointer {
            schema: POINTER_SCHEMA.to_owned(),
            product: "rocket".to_owned(),
            channel: Channel::Stable,
            sequence: 7,
            expires: Instant::from_seconds(NOW + 1).unwrap(),
            bootstrap: Bootstrap {
                tag: BootstrapTag::own(tag.clone()),
                scripts: Default::default(),
            },
            tag,
            version,
            release_sha256: Sha256::of(b"release"),
            selected: Instant::from_seconds(NOW - 1).unwrap(),
            override_reason: None,
            yanked: Vec::new(),
            earlier: Vec::new(),
            renews: None,
        }
    }

    fn yank(version: &str) -> Vec<Yanked> {
        vec![Yanked {
            version: version.parse().unwrap(),
            reason: "it eats files".parse().unwrap(),
        }]
    }

    fn judged(pointer: &Pointer, seen: Option<u64>, installed: &str) -> Option<Stay> {
        let seen = seen.map(|sequence| Seen {
            sequence,
            selection: sequence,
        });
        let now = Instant::from_seconds(NOW).unwrap();
        let installed = installed.parse().unwrap();
        replaces(
            pointer,
            pointer.sequence,
            seen,
            now,
            &installed,
            &Shuns::default(),
        )
        .err()
    }

    #[test]
    fn a_pointer_at_a_higher_version_moves() {
        for seen in [None, Some(0), Some(6), Some(7)] {
            assert_eq!(judged(&pointer("1.1.0"), seen, "1.0.0"), None);
        }
        assert_eq!(judged(&pointer("1.1.0"), None, "1.1.0-rc.1"), None);
    }

    #[test]
    fn a_lower_sequence_than_the_highest_seen_is_nothing_new_whatever_it_selects() {
        let stale = pointer("9.0.0");
        let stay = judged(&stale, Some(8), "1.0.0").unwrap();
        assert!(
            matches!(
                stay,
                Stay::Stale {
                    found: Seen { sequence: 7, .. },
                    seen: Seen { sequence: 8, .. },
                    ..
                }
            ),
            "{stay}"
        );
        assert_eq!(stay.exit(), Exit::Done);
    }

    #[test]
    fn a_renewal_of_an_older_selection_than_was_seen_is_nothing_new_whatever_it_claims() {
        let judged = |selection, seen| {
            let seen = Some(Seen {
                selection: seen,
                sequence: 4,
            });
            let now = Instant::from_seconds(NOW).unwrap();
            let installed = Version::new(1, 0, 0);
            replaces(
                &pointer("1.1.0"),
                selection,
                seen,
                now,
                &installed,
                &Shuns::default(),
            )
            .err()
        };
        assert_eq!(judged(4, 4), None);
        assert_eq!(judged(4, 3), None);
        let stay = judged(3, 4).unwrap();
        let words = "sequence 7 (a renewal of 3), and sequence 4 was seen";
        assert!(stay.to_string().contains(words), "{stay}");
        assert_eq!(stay.exit(), Exit::Done);
    }

    #[test]
    fn an_expired_pointer_moves_nobody_from_that_very_second_on() {
        let mut expired = pointer("1.1.0");
        expired.expires = Instant::from_seconds(NOW).unwrap();
        for installed in ["1.0.0", "1.1.0", "2.0.0"] {
            for seen in [None, Some(7), Some(8)] {
                let stay = judged(&expired, seen, installed).unwrap();
                assert!(matches!(stay, Stay::Expired { .. }), "{stay}");
                assert_eq!(stay.exit(), Exit::Refused);
            }
        }
    }

    #[test]
    fn a_yanked_version_is_refused_and_the_reason_told() {
        let mut yanked = pointer("1.1.0");
        yanked.yanked = yank("1.1.0");
        for installed in ["1.0.0", "1.1.0", "1.2.0"] {
            let stay = judged(&yanked, None, installed).unwrap();
            assert!(matches!(stay, Stay::Yanked { .. }), "{stay}");
            assert!(stay.to_string().contains("it eats files"), "{stay}");
            assert_eq!(stay.exit(), Exit::Refused);
        }
    }

    #[test]
    fn a_version_that_is_quarantined_is_nothing_new_and_a_newer_one_is() {
        let now = Instant::from_seconds(NOW).unwrap();
        let shuns = Shuns {
            quarantine: vec![Shunned::new(Version::new(1, 1, 0), "it crashed")],
            yanked: Vec::new(),
        };
        let replaces = |version: &str| {
            let installed = Version::new(1, 0, 0);
            replaces(&pointer(version), 7, None, now, &installed, &shuns)
        };
        let stay = replaces("1.1.0").unwrap_err();
        assert!(stay.to_string().contains("it crashed"), "{stay}");
        assert!(stay.to_string().contains("--version 1.1.0"), "{stay}");
        assert_eq!(stay.exit(), Exit::Done);
        assert_eq!(replaces("1.1.1"), Ok(None));
    }

    #[test]
    fn what_is_installed_is_nothing_new() {
        let stay = judged(&pointer("1.1.0"), Some(7), "1.1.0").unwrap();
        assert!(matches!(stay, Stay::AlreadyThere { .. }), "{stay}");
        assert_eq!(stay.exit(), Exit::Done);
    }

    #[test]
    fn a_lower_version_is_refused_unless_the_installed_one_is_yanked() {
        let mut lower = pointer("1.0.0");
        for yanked in [Vec::new(), yank("1.0.9")] {
            lower.yanked = yanked;
            let stay = judged(&lower, None, "1.1.0").unwrap();
            assert_eq!(stay.exit(), Exit::Downgrade);
            assert!(stay.to_string().contains("rollback"), "{stay}");
        }
        lower.yanked = yank("1.1.0");
        assert_eq!(judged(&lower, None, "1.1.0"), None);
        assert_eq!(
            judged(&lower, None, "1.0.5").unwrap().exit(),
            Exit::Downgrade
        );
    }

    #[test]
    fn a_version_asked_for_by_name_rises_or_is_refused() {
        let by_name = |installed: &str| {
            Chosen::by_name(
                "v1.1.0".parse().unwrap(),
                &installed.parse().unwrap(),
                false,
            )
        };
        assert_eq!(by_name("1.0.0").unwrap().tag().to_string(), "v1.1.0");
        assert_eq!(by_name("1.1.0").unwrap_err().exit(), Exit::Done);
        assert_eq!(by_name("1.2.0").unwrap_err().exit(), Exit::Downgrade);
        let installed = Version::new(1, 2, 0);
        Chosen::by_name("v1.1.0".parse().unwrap(), &installed, true).unwrap();
        let same = Chosen::by_name("v1.2.0".parse().unwrap(), &installed, true);
        assert_eq!(same.unwrap_err().exit(), Exit::Done);
    }
}
