//! `channels`: where each channel points, as anybody sees it from outside, and what its followers
//! get. It needs no token, and believes nothing that does not verify.

use release_plan::{
    Channel, Exit, Instant, Origin, Pointer, Product, Reason, Tag, Version, Yanked,
};
use serde::Serialize;

use super::trusted_root;
use crate::channels::public::{ATTEMPTS, Public};
use crate::channels::{now, span};
use crate::failure::Exiting as _;
use crate::project::Project;
use crate::report::{print, table};
use crate::{Failure, cli};

pub(super) async fn run(arguments: &cli::Channels) -> Result<(), Failure> {
    let product = Project::product()?;
    let root = trusted_root(arguments.root.trusted_root.as_deref())?;
    let public = Public::new(&product, &root, arguments.mirror.as_deref())?;
    let mut found = Vec::new();
    for &channel in product.channels.feeds.keys() {
        let served = channel == product.channels.default;
        found.push((channel, look(&public, channel, served).await));
    }
    let report = Report::new(&product, &found, now()?);
    if arguments.json {
        let mut json = serde_json::to_string_pretty(&report)?;
        json.push('\n');
        print(&json)?;
    } else {
        print(&report.render())?;
    }
    report.verdict()
}

/// What lies where a channel's pointer should: one that verifies, and names a public release that
/// does; and where the stub of the channel is `served`, that one. What moved between two of them is
/// asked for again.
async fn look(
    public: &Public<'_>,
    channel: Channel,
    served: bool,
) -> Result<Option<Pointer>, Failure> {
    let mut attempt = 1;
    loop {
        let Some(pointer) = public.pointer(channel).await? else {
            return Ok(None);
        };
        let tag = Tag::of(&pointer.pointer().version)?;
        let release = public.release(&tag).await?;
        pointer.names(&release).or_exit(Exit::Refused)?;
        let pointer = pointer.pointer();
        let stub = if served {
            public.check_served(&pointer.bootstrap).await
        } else {
            Ok(())
        };
        match stub {
            Ok(()) => return Ok(Some(pointer.clone())),
            Err(failure) if attempt == ATTEMPTS => return Err(failure),
            Err(_) => attempt += 1,
        }
    }
}

#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    product: String,
    at: Instant,
    channels: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    channel: Channel,
    state: State,
    /// What whoever follows it gets.
    gets: Option<Version>,
    /// Why that is nothing.
    why: Option<String>,
    pointer: Option<Summary>,
    /// What comes next, where another channel feeds this one.
    waiting: Option<Waiting>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// It moves its followers.
    Good,
    /// There is no pointer yet.
    Absent,
    /// It points at a yanked version, with nothing to go back to.
    Yanked,
    Expired,
    /// It, or the release that it names, does not verify.
    Refused,
    /// It, or the release that it names, could not be had.
    Unread,
}

#[derive(Debug, Serialize)]
struct Summary {
    version: Version,
    sequence: u64,
    selected: Instant,
    expires: Instant,
    override_reason: Option<Reason>,
    bootstrap_tag: String,
    yanked: Vec<Yanked>,
}

#[derive(Debug, Serialize)]
struct Waiting {
    version: Version,
    /// When its soak is over.
    until: Instant,
}

type Found = (Channel, Result<Option<Pointer>, Failure>);

impl Report {
    fn new(product: &Product, found: &[Found], now: Instant) -> Self {
        let of = |channel: Channel| {
            let found = found.iter().find(|(of, _)| *of == channel)?;
            found.1.as_ref().ok()?.as_ref()
        };
        let row = |(channel, found): &Found| {
            let waiting = waiting(product, *channel, of);
            Row::new(*channel, found, waiting, now)
        };
        Self {
            schema: "channels-report/1",
            product: product.name.clone(),
            at: now,
            channels: found.iter().map(row).collect(),
        }
    }

    fn render(&self) -> String {
        let mut rows = table([
            "channel",
            "version",
            "sequence",
            "selected",
            "expires in",
            "next",
            "followers get",
        ]);
        let mut notes = String::new();
        for row in &self.channels {
            let pointer = row.pointer.as_ref();
            let told = |tell: fn(&Summary) -> String| pointer.map_or("-".to_owned(), tell);
            let next = row
                .waiting
                .as_ref()
                .map(|it| match span(self.at, it.until) {
                    _ if it.until <= self.at => format!("{}, soaked", it.version),
                    left => format!("{}, in {left}", it.version),
                });
            let gets = row.gets.as_ref().map(ToString::to_string);
            rows.add_row([
                row.channel.to_string(),
                told(|it| it.version.to_string()),
                told(|it| it.sequence.to_string()),
                told(|it| it.selected.to_string()),
                pointer.map_or("-".to_owned(), |it| span(self.at, it.expires)),
                next.unwrap_or("-".to_owned()),
                gets.unwrap_or("nothing".to_owned()),
            ]);
            let channel = row.channel;
            if let Some(why) = &row.why {
                notes.push_str(&format!("{channel}: {why}\n"));
            }
            let Some(pointer) = pointer else { continue };
            if let Some(reason) = &pointer.override_reason {
                notes.push_str(&format!("{channel}: soak overridden: {reason}\n"));
            }
            if pointer.bootstrap_tag != format!("v{}", pointer.version) {
                notes.push_str(&format!(
                    "{channel}: scripts of {}\n",
                    pointer.bootstrap_tag
                ));
            }
            for Yanked { version, reason } in &pointer.yanked {
                notes.push_str(&format!("{channel}: {version} is yanked: {reason}\n"));
            }
        }
        format!("{rows}\n{notes}")
    }

    /// Fails where a channel moves nobody although it has a pointer.
    fn verdict(&self) -> Result<(), Failure> {
        for (state, exit) in [
            (State::Refused, Exit::Refused),
            (State::Unread, Exit::Network),
            (State::Expired, Exit::Gate),
            (State::Yanked, Exit::Gate),
        ] {
            let bad = self.channels.iter().find(|row| row.state == state);
            if let Some(Row { channel, why, .. }) = bad {
                let why = why.as_deref().unwrap_or_default();
                let message = format!("whoever follows {channel} gets nothing: {why}");
                return Err(Failure::new(exit, message));
            }
        }
        Ok(())
    }
}

impl Row {
    fn new(
        channel: Channel,
        found: &Result<Option<Pointer>, Failure>,
        waiting: Option<Waiting>,
        now: Instant,
    ) -> Self {
        let (state, why) = match found {
            Err(failure) if failure.exit() == Exit::Refused => {
                (State::Refused, Some(failure.to_string()))
            }
            Err(failure) => (State::Unread, Some(failure.to_string())),
            Ok(None) => (State::Absent, Some("no pointer yet".to_owned())),
            Ok(Some(pointer)) => judge(pointer, now),
        };
        let pointer = found.as_ref().ok().and_then(Option::as_ref);
        let good = pointer.filter(|_| state == State::Good);
        Self {
            channel,
            state,
            gets: good.map(|pointer| pointer.version.clone()),
            why,
            pointer: pointer.map(Summary::of),
            waiting,
        }
    }
}

impl Summary {
    fn of(pointer: &Pointer) -> Self {
        Self {
            version: pointer.version.clone(),
            sequence: pointer.sequence,
            selected: pointer.selected,
            expires: pointer.expires,
            override_reason: pointer.override_reason.clone(),
            bootstrap_tag: pointer.bootstrap.tag.to_string(),
            yanked: pointer.yanked.clone(),
        }
    }
}

/// What a follower makes of a pointer that verified.
fn judge(pointer: &Pointer, now: Instant) -> (State, Option<String>) {
    let Pointer {
        version, expires, ..
    } = pointer;
    if now >= *expires {
        let why = format!("its pointer expired at {expires}; run `cargo xtask renew`");
        return (State::Expired, Some(why));
    }
    match pointer.yank_of(version) {
        Some(reason) => {
            let why = format!(
                "it points at {version}, which is yanked ({reason}); promote a mended version"
            );
            (State::Yanked, Some(why))
        }
        None => (State::Good, None),
    }
}

/// What the feeding channel has that this one has not, unless it is yanked.
fn waiting<'a>(
    product: &Product,
    channel: Channel,
    of: impl Fn(Channel) -> Option<&'a Pointer>,
) -> Option<Waiting> {
    let feed = product.channels.feeds.get(&channel)?;
    let Origin::Channel(from) = feed.from else {
        return None;
    };
    let feeding = of(from)?;
    let version = &feeding.version;
    let higher = of(channel).is_none_or(|pointer| pointer.version < *version);
    if !higher || feeding.yank_of(version).is_some() {
        return None;
    }
    Some(Waiting {
        version: version.clone(),
        until: feed.soaked_at(feeding.selected),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::trial::product;

    const DAY: i64 = 86_400;
    const NOW: i64 = 1_800_000_000;

    fn in_days(days: i64) -> Instant {
        Instant::from_seconds(NOW + days * DAY).unwrap()
    }

    fn pointer(channel: Channel, version: &str, expires_in: i64, yanked: &[&str]) -> Pointer {
        let yanked = yanked
            .iter()
            .map(|version| json!({ "version": version, "reason": "it eats files" }));
        let pointer = json!({
            "schema": release_plan::POINTER_SCHEMA,
            "product": "ember",
            "channel": channel,
            "sequence": 1,
            "expires": in_days(expires_in),
            "version": version,
            "tag": format!("v{version}"),
            "release_sha256": "a".repeat(64),
            "selected": in_days(-2),
            "bootstrap": { "tag": format!("v{version}"), "scripts": {} },
            "yanked": yanked.collect::<Vec<_>>(),
        });
        Pointer::parse(pointer.to_string().as_bytes()).unwrap()
    }

    fn report(found: [Found; 2]) -> Report {
        Report::new(&product(), &found, in_days(0))
    }

    #[test]
    fn a_channel_that_moves_its_followers_is_good_and_what_soaks_is_told() {
        let stable = pointer(Channel::Stable, "1.0.0", 3, &[]);
        let beta = pointer(Channel::Beta, "1.1.0", 3, &[]);
        let report = report([
            (Channel::Stable, Ok(Some(stable))),
            (Channel::Beta, Ok(Some(beta))),
        ]);
        assert!(report.verdict().is_ok());
        let gets = |row: &Row| row.gets.as_ref().map(ToString::to_string);
        let gets: Vec<_> = report.channels.iter().filter_map(gets).collect();
        assert_eq!(gets, ["1.0.0", "1.1.0"]);
        let text = report.render();
        assert!(text.contains("1.1.0, in 5d 0h"), "{text}");
    }

    #[test]
    fn a_yanked_version_waits_for_no_channel() {
        let beta = pointer(Channel::Beta, "1.1.0", 3, &["1.1.0"]);
        let report = report([(Channel::Stable, Ok(None)), (Channel::Beta, Ok(Some(beta)))]);
        assert!(report.channels.iter().all(|row| row.waiting.is_none()));
    }

    #[test]
    fn a_channel_that_gives_nothing_fails_with_why_and_the_worst_comes_first() {
        let expired = || Ok(Some(pointer(Channel::Beta, "1.1.0", 0, &[])));
        let absent = || (Channel::Stable, Ok(None));
        let failure = report([absent(), (Channel::Beta, expired())]).verdict();
        let failure = failure.unwrap_err();
        assert_eq!(failure.exit(), Exit::Gate);
        assert!(failure.to_string().contains("renew"), "{failure}");
        let yanked = Ok(Some(pointer(Channel::Beta, "1.1.0", 3, &["1.1.0"])));
        let failure = report([absent(), (Channel::Beta, yanked)]).verdict();
        let failure = failure.unwrap_err();
        assert_eq!(failure.exit(), Exit::Gate);
        assert!(failure.to_string().contains("it eats files"), "{failure}");
        for exit in [Exit::Network, Exit::Refused] {
            let broken = (Channel::Stable, Err(Failure::new(exit, "the words")));
            let report = report([broken, (Channel::Beta, expired())]);
            let failure = report.verdict().unwrap_err();
            assert_eq!(failure.exit(), exit);
            assert!(
                failure
                    .to_string()
                    .ends_with("stable gets nothing: the words")
            );
            assert!(report.channels.iter().all(|row| row.gets.is_none()));
        }
        assert!(
            report([absent(), (Channel::Beta, Ok(None))])
                .verdict()
                .is_ok()
        );
    }
}
