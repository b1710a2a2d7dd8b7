//! Why a channel is not moved: what was expected, what was found, and what to do.

use release_plan::{Bootstrap, Channel, CommitId, Exit, Instant, Origin, Reason, Sha256, Version};

use crate::Failure;

/// Why nothing may be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error(
        "expected a channel that product.yaml feeds, found {channel}; name it under channels.feeds"
    )]
    NoSuchChannel { channel: Channel },
    #[error(
        "{channel} takes {origin}: expected {expected}, found {version}{hint}",
        hint = if version.pre.is_empty() { "" } else { ", which is a pre-release" }
    )]
    Kind {
        channel: Channel,
        origin: Origin,
        expected: &'static str,
        version: Version,
    },
    #[error(
        "{channel} takes pre-releases of {branch}: expected {branch} to hold {commit}, which {version} was made from, found that it does not; merge it into {branch} and run this again, or make a pre-release there"
    )]
    Branch {
        channel: Channel,
        branch: String,
        version: Version,
        commit: CommitId,
    },
    #[error("{version} is yanked ({reason}): nothing points at it any more; promote another")]
    Yanked { version: Version, reason: Reason },
    #[error(
        "expected a version from {current} on, which {channel} points at, found {version}; a channel goes down by `yank {current}` alone"
    )]
    Lower {
        channel: Channel,
        current: Version,
        version: Version,
    },
    #[error(
        "expected release.json of {version} with sha256:{expected}, which {channel} names, found sha256:{found}; find out who changed what was public"
    )]
    Changed {
        channel: Channel,
        version: Version,
        expected: Sha256,
        found: Sha256,
    },
    #[error(
        "{channel} takes versions that {from} pointed at, found none of {version} there; promote it to {from} first, or say why not with --override"
    )]
    NotFed {
        channel: Channel,
        from: Channel,
        version: Version,
    },
    #[error(
        "{version} must be in {from} for {days} days before {channel}, found {found} (since {since}), {left} left; wait until {until}, or say why not with --override"
    )]
    Soaking {
        channel: Channel,
        from: Channel,
        version: Version,
        days: u32,
        found: String,
        left: String,
        since: Instant,
        until: Instant,
    },
    #[error("expected scripts like the release's own ({own}), found {patched}")]
    Scripts {
        own: Box<Bootstrap>,
        patched: Box<Bootstrap>,
    },
    #[error(
        "{channel} points at {version} and pointed at nothing before that is not yanked: there is nothing to go back to. Promote a mended version first, or yank with --without-replacement: {channel} then gives nobody anything until the next promotion"
    )]
    NothingBefore { channel: Channel, version: Version },
    #[error("expected channels that point at something, found none; there is nothing to yank from")]
    NoPointers,
    #[error("the sequence of {channel} cannot grow any more; promote what it points at again")]
    Sequence { channel: Channel },
}

impl Refused {
    /// As a failure of the command.
    pub(crate) fn into_failure(self) -> Failure {
        Failure::new(self.exit(), self)
    }

    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::NoSuchChannel { .. } => Exit::Input,
            Self::Lower { .. } => Exit::Downgrade,
            Self::Changed { .. } => Exit::Refused,
            Self::Kind { .. }
            | Self::Branch { .. }
            | Self::Yanked { .. }
            | Self::NotFed { .. }
            | Self::Soaking { .. }
            | Self::Scripts { .. }
            | Self::NothingBefore { .. }
            | Self::NoPointers
            | Self::Sequence { .. } => Exit::Gate,
        }
    }
}
