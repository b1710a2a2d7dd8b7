//! What GitHub says of a release follows from where the channels point: `prerelease`, and which
//! release is the latest. Both stay editable on an immutable release, and neither decides what any
//! installed program believes.

use std::collections::BTreeMap;

use release_plan::{Channel, Exit, Pointer, Tag};

use crate::Failure;
use crate::failure::say;
use crate::github::{GitHub, PublicRelease};

/// What GitHub should say of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Flags {
    prerelease: bool,
    /// Whether it is the one that `releases/latest` leads to.
    latest: bool,
}

/// What GitHub should say of every release that a channel points at or names as yanked. A release
/// is the latest where the `default` channel points at it; it is a `prerelease` where that is its
/// version, where it is yanked, and as long as that channel never pointed at it. What stands
/// elsewhere is left as it is.
fn wanted(default: Channel, pointers: &[&Pointer]) -> BTreeMap<Tag, Flags> {
    let chosen = pointers.iter().find(|pointer| pointer.channel == default);
    let selected = pointers.iter().map(|pointer| &pointer.version);
    let yanked = pointers.iter().flat_map(|pointer| &pointer.yanked);
    let named = selected.chain(yanked.map(|it| &it.version));
    let flagged = named.filter_map(|version| {
        let good = version.pre.is_empty()
            && !pointers.iter().any(|it| it.yank_of(version).is_some())
            && chosen.is_some_and(|it| it.selected(version).is_some());
        let flags = Flags {
            prerelease: !good,
            latest: good && chosen.is_some_and(|it| it.version == *version),
        };
        Some((Tag::of(version).ok()?, flags))
    });
    flagged.collect()
}

/// Makes GitHub say what follows from `pointers`. Where it does already, nothing is written.
pub(crate) async fn settle(
    github: &GitHub,
    default: Channel,
    pointers: &[&Pointer],
) -> Result<(), Failure> {
    let failed = |error| {
        let message = format!(
            "the channels are as they should be, but GitHub's own flags may not follow yet; run \
             this again: {error}"
        );
        Failure::new(Exit::Network, message)
    };
    let releases = github.public_releases().await.map_err(failed)?;
    let latest = github.latest().await.map_err(failed)?;
    let flagged = wanted(default, pointers);
    let mut turned: Vec<_> = releases
        .iter()
        .filter_map(|release| Some((release, *flagged.get(&release.tag_name.parse().ok()?)?)))
        .filter(|(release, flags)| !says(release, latest.as_ref(), *flags))
        .collect();
    // The new latest first: there is no moment with none.
    turned.sort_by_key(|(_, flags)| !flags.latest);
    for (release, Flags { prerelease, latest }) in turned {
        let flag = github.flag(release, prerelease, latest).await;
        flag.map_err(failed)?;
        let latest = if latest { ", the latest release" } else { "" };
        let kind = if prerelease {
            "a pre-release"
        } else {
            "a release"
        };
        say(format!("GitHub calls {} {kind}{latest}", release.tag_name));
    }
    Ok(())
}

fn says(release: &PublicRelease, latest: Option<&PublicRelease>, flags: Flags) -> bool {
    let is_latest = latest.is_some_and(|latest| latest.id == release.id);
    release.prerelease == flags.prerelease && is_latest == flags.latest
}

#[cfg(test)]
mod tests {
    use release_plan::{Bootstrap, Earlier, Instant, POINTER_SCHEMA, Sha256, Yanked};

    use super::*;

    fn pointer(channel: Channel, version: &str, earlier: &[&str], yanked: &[&str]) -> Pointer {
        let tag = format!("v{version}");
        let moment = Instant::from_seconds(0).unwrap();
        let earlier = earlier.iter().map(|version| Earlier {
            version: version.parse().unwrap(),
            release_sha256: Sha256::of(b""),
            selected: moment,
            override_reason: None,
            patched: None,
        });
        let yanked = yanked.iter().map(|version| Yanked {
            version: version.parse().unwrap(),
            reason: "it eats files".parse().unwrap(),
        });
        Pointer {
            schema: POINTER_SCHEMA.to_owned(),
            product: "ember".to_owned(),
            channel,
            sequence: 1,
            expires: moment,
            version: version.parse().unwrap(),
            tag: tag.parse().unwrap(),
            release_sha256: Sha256::of(b""),
            selected: moment,
            override_reason: None,
            bootstrap: Bootstrap {
                tag: tag.parse().unwrap(),
                scripts: BTreeMap::new(),
            },
            yanked: yanked.collect(),
            earlier: earlier.collect(),
            renews: None,
        }
    }

    /// Each release as `tag latest`, `tag release` or `tag pre-release`.
    fn told(pointers: &[Pointer]) -> Vec<String> {
        let pointers: Vec<_> = pointers.iter().collect();
        let wanted = wanted(Channel::Stable, &pointers);
        let told = wanted.into_iter().map(|(tag, flags)| {
            let words = match flags {
                Flags { latest: true, .. } => "latest",
                Flags {
                    prerelease: true, ..
                } => "pre-release",
                Flags { .. } => "release",
            };
            format!("{tag} {words}")
        });
        told.collect()
    }

    #[test]
    fn a_release_is_a_pre_release_until_the_default_channel_has_it_and_the_latest_while_it_has() {
        let beta = pointer(Channel::Beta, "1.0.0", &[], &[]);
        assert_eq!(told(&[beta]), ["v1.0.0 pre-release"]);
        let stable = pointer(Channel::Stable, "1.0.0", &[], &[]);
        let beta = pointer(Channel::Beta, "1.1.0", &["1.0.0"], &[]);
        let alpha = pointer(Channel::Alpha, "1.2.0-rc.1", &[], &[]);
        assert_eq!(
            told(&[stable, beta, alpha]),
            [
                "v1.0.0 latest",
                "v1.1.0 pre-release",
                "v1.2.0-rc.1 pre-release"
            ]
        );
    }

    #[test]
    fn what_the_default_channel_once_had_stays_a_release_unless_it_is_yanked() {
        let stable = pointer(Channel::Stable, "1.1.0", &["1.0.0"], &[]);
        let beta = pointer(Channel::Beta, "1.0.0", &[], &[]);
        assert_eq!(told(&[stable, beta]), ["v1.0.0 release", "v1.1.0 latest"]);
        let stable = pointer(Channel::Stable, "1.0.0", &["1.1.0"], &["1.1.0"]);
        assert_eq!(told(&[stable]), ["v1.0.0 latest", "v1.1.0 pre-release"]);
        let alone = pointer(Channel::Stable, "1.0.0", &[], &["1.0.0"]);
        assert_eq!(told(&[alone]), ["v1.0.0 pre-release"]);
    }
}
