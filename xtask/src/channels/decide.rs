//! What becomes of the channels' pointers, decided from where they point, what is asked and the
//! time. Nothing here reads or writes.

use std::collections::BTreeMap;

use release_plan::{
    Bootstrap, Channel, Channels, CommitId, Earlier, Feed, Instant, Origin, POINTER_SCHEMA,
    Pointer, Product, Reason, Sha256, SignedPointer, Tag, Version, Yanked,
};
use trust::VerifiedRelease;

pub(crate) use self::refused::Refused;
use super::span;
use crate::github::Comparison;

mod refused;
#[cfg(test)]
mod tests;

/// Where the channels point, each by a pointer that verified.
pub(crate) type Standings = BTreeMap<Channel, Standing>;

/// Where a channel points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) pointer: Pointer,
    /// Sequence of the pointer by which a person selected the release.
    pub(crate) selection: u64,
    /// That pointer.
    pub(crate) selected_by: SignedPointer,
}

/// A public release that a channel could point at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) tag: Tag,
    pub(crate) commit: CommitId,
    pub(crate) release_sha256: Sha256,
    /// Its own scripts.
    pub(crate) bootstrap: Bootstrap,
}

impl Candidate {
    pub(crate) fn of(release: &VerifiedRelease) -> Self {
        Self {
            tag: release.manifest().tag.clone(),
            commit: release.manifest().commit.clone(),
            release_sha256: release.sha256(),
            bootstrap: release.manifest().bootstrap(),
        }
    }

    fn version(&self) -> &Version {
        self.tag.version()
    }
}

/// What a person asks for.
#[derive(Debug, Clone)]
pub(crate) struct Promotion {
    pub(crate) channel: Channel,
    pub(crate) candidate: Candidate,
    /// How the candidate's commit stands to the default branch. What is no pre-release needs none.
    pub(crate) to_branch: Option<Comparison>,
    /// Scripts that take the place of the release's own.
    pub(crate) patched: Option<Bootstrap>,
    /// Why the soak is not waited for.
    pub(crate) override_reason: Option<Reason>,
}

/// What to do about the pointers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing, and why.
    Stay(String),
    Move(Move),
}

/// New pointers, which take the place of the old ones together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) pointers: Vec<Pointer>,
    /// For the branch's history.
    pub(crate) message: String,
}

/// How far a version has come in the channel that feeds another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Soak {
    /// The feeding channel never pointed at it, as far as is told.
    NotFed { from: Channel },
    Under {
        from: Channel,
        since: Instant,
        until: Instant,
    },
    /// Over, or none is wanted.
    Over,
}

/// How far `version` has come on its way into a channel with `feed`. The soak is counted from when
/// the feeding channel first selected the version, whatever it selected since: to be followed by a
/// newer version is no fault, and a yanked one is promoted nowhere.
pub(crate) fn soak(
    feed: &Feed,
    feeding: Option<&Pointer>,
    version: &Version,
    now: Instant,
) -> Soak {
    let Origin::Channel(from) = feed.from else {
        return Soak::Over;
    };
    let Some(since) = feeding.and_then(|pointer| pointer.selected(version)) else {
        return Soak::NotFed { from };
    };
    let until = feed.soaked_at(since);
    if now >= until {
        return Soak::Over;
    }
    Soak::Under { from, since, until }
}

/// Whether a pointer should be renewed: less than half of its life is left.
pub(crate) fn is_due(channels: &Channels, expires: Instant, now: Instant) -> bool {
    let left = expires.seconds().saturating_sub(now.seconds());
    left < i64::from(channels.expires_after_days) * 86_400 / 2
}

/// Points a channel at a release, or refuses to. Asked for what is there already, it does nothing
/// unless the pointer is due.
pub(crate) fn promote(
    product: &Product,
    standings: &Standings,
    asked: &Promotion,
    now: Instant,
) -> Result<Decision, Refused> {
    let Promotion {
        channel, candidate, ..
    } = asked;
    let (channel, version) = (*channel, candidate.version());
    let channels = &product.channels;
    let missing = || Refused::NoSuchChannel { channel };
    let feed = channels.feeds.get(&channel).ok_or_else(missing)?;
    let (_, origin) = channels.path_to(channel).ok_or_else(missing)?;
    check_kind(channel, origin, version)?;
    check_branch(product, origin, asked)?;
    let yanked = yanked(standings);
    if let Some(Yanked { version, reason }) = yanked.iter().find(|it| it.version == *version) {
        return Err(Refused::Yanked {
            version: version.clone(),
            reason: reason.clone(),
        });
    }
    let bootstrap = bootstrap(standings, asked)?;
    let standing = standings.get(&channel);
    let current = standing.map(|standing| &standing.pointer);
    if let Some(current) = current {
        check_rise(current, candidate)?;
        let same = current.version == *version && current.bootstrap == bootstrap;
        if same && !is_due(channels, current.expires, now) {
            return Ok(Decision::Stay(format!(
                "{channel} points at {version} already (sequence {}), until {}",
                current.sequence, current.expires
            )));
        }
    }
    let before = current.and_then(|current| current.selected(version));
    let override_reason = match current {
        // Once let in, it stays let in.
        Some(current) if current.version == *version => current.override_reason.clone(),
        _ => let_in(standings, channel, feed, asked, now)?,
    };
    let next = match standing {
        Some(standing) => standing.next(product, now)?,
        None => first(product, channel, candidate, now),
    };
    let pointer = Pointer {
        version: version.clone(),
        tag: candidate.tag.clone(),
        release_sha256: candidate.release_sha256,
        selected: before.unwrap_or(now),
        override_reason,
        bootstrap,
        earlier: earlier(current, version),
        yanked,
        ..next
    };
    Ok(Decision::Move(Move::of(vec![pointer], None)))
}

/// For each channel that points at `version`: what it should go back to, the highest that it
/// pointed at before and that is not yanked.
pub(crate) fn ways_back<'a>(
    standings: &'a Standings,
    version: &Version,
) -> BTreeMap<Channel, &'a Earlier> {
    let good = |it: &&Earlier| {
        let known = |standing: &Standing| standing.pointer.yank_of(&it.version).is_some();
        it.version != *version && !standings.values().any(known)
    };
    let pointing = standings
        .iter()
        .filter(|(_, standing)| standing.pointer.version == *version);
    let back = pointing.filter_map(|(channel, standing)| {
        let earlier = standing.pointer.earlier.iter().filter(good);
        Some((*channel, earlier.max_by_key(|it| &it.version)?))
    });
    back.collect()
}

/// A version that nobody should run any more.
#[derive(Debug, Clone)]
pub(crate) struct Yank {
    pub(crate) version: Version,
    pub(crate) reason: Reason,
    /// Whether a channel with nothing to go back to may stay where it is.
    pub(crate) without_replacement: bool,
    /// The releases of [`ways_back`], verified in public.
    pub(crate) back: BTreeMap<Channel, Candidate>,
}

/// Names a version as yanked in every pointer, and has those that point at it go back.
pub(crate) fn yank(
    product: &Product,
    standings: &Standings,
    asked: &Yank,
    now: Instant,
) -> Result<Decision, Refused> {
    let version = &asked.version;
    if standings.is_empty() {
        return Err(Refused::NoPointers);
    }
    let mut yanked = yanked(standings);
    let known = yanked.iter().find(|it| it.version == *version).cloned();
    let entry = known.clone().unwrap_or_else(|| Yanked {
        version: version.clone(),
        reason: asked.reason.clone(),
    });
    if known.is_none() {
        yanked.push(entry.clone());
        yanked.sort_by(|a, b| a.version.cmp(&b.version));
    }
    let ways_back = ways_back(standings, version);
    let mut pointers = Vec::new();
    for (&channel, standing) in standings {
        let pointer = &standing.pointer;
        let back = ways_back.get(&channel).zip(asked.back.get(&channel));
        if pointer.version == *version && back.is_none() && !asked.without_replacement {
            let version = version.clone();
            return Err(Refused::NothingBefore { channel, version });
        }
        if back.is_none() && pointer.yanked == yanked {
            continue;
        }
        let mut moved = standing.next(product, now)?;
        moved.yanked.clone_from(&yanked);
        if let Some((to, candidate)) = back {
            moved.version = to.version.clone();
            moved.tag = candidate.tag.clone();
            moved.release_sha256 = to.release_sha256;
            moved.selected = to.selected;
            moved.override_reason.clone_from(&to.override_reason);
            moved.bootstrap = to.patched.as_ref().unwrap_or(&candidate.bootstrap).clone();
            moved.earlier = earlier(Some(pointer), &to.version);
        }
        pointers.push(moved);
    }
    let Yanked { version, reason } = entry;
    if pointers.is_empty() {
        let words = format!("{version} is yanked already: {reason}");
        return Ok(Decision::Stay(words));
    }
    let why = format!("yank {version}: {reason}");
    Ok(Decision::Move(Move::of(pointers, Some(why))))
}

/// Renews every pointer that is due, or `all` of them, without a change to what they select.
pub(crate) fn renew(
    product: &Product,
    standings: &Standings,
    all: bool,
    now: Instant,
) -> Result<Decision, Refused> {
    let channels = &product.channels;
    let due = standings
        .values()
        .filter(|standing| all || is_due(channels, standing.pointer.expires, now));
    let renewed = due.map(|standing| {
        let Standing {
            pointer,
            selected_by,
            ..
        } = standing;
        let channel = pointer.channel;
        Ok(Pointer {
            sequence: above(pointer.sequence, channel)?,
            expires: now.plus_days(channels.expires_after_days),
            renews: Some(selected_by.clone()),
            ..pointer.clone()
        })
    });
    let pointers = renewed.collect::<Result<Vec<_>, Refused>>()?;
    if !pointers.is_empty() {
        let why = Some("renewal".to_owned());
        return Ok(Decision::Move(Move::of(pointers, why)));
    }
    let soonest = standings.values().map(|standing| standing.pointer.expires);
    Ok(Decision::Stay(match soonest.min() {
        None => "no channel points at anything yet".to_owned(),
        Some(expires) => format!(
            "no pointer is due: the first expires at {expires}, in {}",
            span(now, expires)
        ),
    }))
}

impl Move {
    /// The new pointers with a message that names each, and the reason of every override.
    fn of(pointers: Vec<Pointer>, why: Option<String>) -> Self {
        let told = pointers.iter().map(|pointer| {
            let Pointer {
                channel,
                version,
                sequence,
                ..
            } = pointer;
            format!("{channel}: {version} (sequence {sequence})")
        });
        let told = why.into_iter().chain(told).collect::<Vec<_>>().join("; ");
        let overrides = pointers.iter().filter_map(|pointer| {
            let reason = pointer.override_reason.as_ref()?;
            Some(format!("\n\nOverride for {}: {reason}", pointer.channel))
        });
        Self {
            message: format!("{told}{}", overrides.collect::<String>()),
            pointers,
        }
    }
}

fn check_kind(channel: Channel, origin: Origin, version: &Version) -> Result<(), Refused> {
    let expected = match origin {
        Origin::PreReleases if version.pre.is_empty() => "a pre-release",
        Origin::Releases if !version.pre.is_empty() => "a release that is none",
        _ => return Ok(()),
    };
    Err(Refused::Kind {
        channel,
        origin,
        expected,
        version: version.clone(),
    })
}

/// A pre-release is one of the default branch: its followers go on to what is released from there.
fn check_branch(product: &Product, origin: Origin, asked: &Promotion) -> Result<(), Refused> {
    let held = [Some(Comparison::Identical), Some(Comparison::Behind)];
    if origin != Origin::PreReleases || held.contains(&asked.to_branch) {
        return Ok(());
    }
    Err(Refused::Branch {
        channel: asked.channel,
        branch: product.identities.default_branch.clone(),
        version: asked.candidate.version().clone(),
        commit: asked.candidate.commit.clone(),
    })
}

/// A channel never goes down unasked: its followers would stay where they are, and newcomers get
/// an old version. From a yanked version there is nowhere else to go.
fn check_rise(current: &Pointer, candidate: &Candidate) -> Result<(), Refused> {
    let (channel, version) = (current.channel, candidate.version());
    if *version < current.version && current.yank_of(&current.version).is_none() {
        return Err(Refused::Lower {
            channel,
            current: current.version.clone(),
            version: version.clone(),
        });
    }
    if *version == current.version && candidate.release_sha256 != current.release_sha256 {
        return Err(Refused::Changed {
            channel,
            version: version.clone(),
            expected: current.release_sha256,
            found: candidate.release_sha256,
        });
    }
    Ok(())
}

/// Whether the candidate may enter the channel now; with the reason of an override that it needed.
fn let_in(
    standings: &Standings,
    channel: Channel,
    feed: &Feed,
    asked: &Promotion,
    now: Instant,
) -> Result<Option<Reason>, Refused> {
    let version = asked.candidate.version();
    let feeding = match feed.from {
        Origin::Channel(from) => standings.get(&from).map(|standing| &standing.pointer),
        Origin::Releases | Origin::PreReleases => None,
    };
    let refused = match soak(feed, feeding, version, now) {
        Soak::Over => return Ok(None),
        Soak::NotFed { from } => Refused::NotFed {
            channel,
            from,
            version: version.clone(),
        },
        Soak::Under { from, since, until } => Refused::Soaking {
            channel,
            from,
            version: version.clone(),
            days: feed.soak_days,
            found: span(since, now),
            left: span(now, until),
            since,
            until,
        },
    };
    asked.override_reason.clone().map(Some).ok_or(refused)
}

/// The scripts that go with the candidate: those asked for, else those patched most often that any
/// channel names for it, else its own.
fn bootstrap(standings: &Standings, asked: &Promotion) -> Result<Bootstrap, Refused> {
    let Candidate { tag, bootstrap, .. } = &asked.candidate;
    if let Some(patched) = &asked.patched {
        let alike = patched.scripts.keys().eq(bootstrap.scripts.keys());
        return if patched.tag.release() == tag && alike {
            Ok(patched.clone())
        } else {
            Err(Refused::Scripts {
                own: Box::new(bootstrap.clone()),
                patched: Box::new(patched.clone()),
            })
        };
    }
    let named = standings.values().map(|it| &it.pointer.bootstrap);
    let named = named.filter(|it| it.tag.release() == tag);
    let newest = named.max_by_key(|it| it.tag.revision());
    Ok(newest.unwrap_or(bootstrap).clone())
}

/// Whatever any pointer names as yanked, sorted: a channel that is new, or behind, learns of it.
fn yanked(standings: &Standings) -> Vec<Yanked> {
    let all = standings.values().flat_map(|it| &it.pointer.yanked);
    let by_version: BTreeMap<_, _> = all.map(|it| (&it.version, it)).collect();
    by_version.into_values().cloned().collect()
}

/// What a channel selected before, once it selects `version`.
fn earlier(current: Option<&Pointer>, version: &Version) -> Vec<Earlier> {
    let Some(current) = current else {
        return Vec::new();
    };
    let patched = current.bootstrap.tag.revision() > 0;
    let left = Earlier {
        version: current.version.clone(),
        release_sha256: current.release_sha256,
        selected: current.selected,
        override_reason: current.override_reason.clone(),
        patched: patched.then(|| current.bootstrap.clone()),
    };
    let all = std::iter::once(&left).chain(&current.earlier);
    let others = all.filter(|it| it.version != *version);
    others.take(Pointer::EARLIER).cloned().collect()
}

/// The first pointer of a channel.
fn first(product: &Product, channel: Channel, candidate: &Candidate, now: Instant) -> Pointer {
    Pointer {
        schema: POINTER_SCHEMA.to_owned(),
        product: product.name.clone(),
        channel,
        sequence: 1,
        expires: now.plus_days(product.channels.expires_after_days),
        version: candidate.version().clone(),
        tag: candidate.tag.clone(),
        release_sha256: candidate.release_sha256,
        selected: now,
        override_reason: None,
        bootstrap: candidate.bootstrap.clone(),
        yanked: Vec::new(),
        earlier: Vec::new(),
        renews: None,
    }
}

impl Standing {
    /// The same selection by a person, anew.
    fn next(&self, product: &Product, now: Instant) -> Result<Pointer, Refused> {
        Ok(Pointer {
            // A renewal may claim any sequence; a newer selection is followed whatever it claims.
            sequence: above(self.selection, self.pointer.channel)?,
            expires: now.plus_days(product.channels.expires_after_days),
            renews: None,
            ..self.pointer.clone()
        })
    }
}

fn above(sequence: u64, channel: Channel) -> Result<u64, Refused> {
    sequence.checked_add(1).ok_or(Refused::Sequence { channel })
}
