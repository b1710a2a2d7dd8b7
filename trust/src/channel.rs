//! A channel pointer, believed under an identity of its own.

use release_plan::{Channel, Channels, Claim, Pointer, Policy, Product, Sha256};

use crate::{Evidence, Refusal, TrustedRoot, VerifiedRelease, verify_blob};

/// A pointer, verified for exactly one product and channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedPointer {
    pointer: Pointer,
    selection: u64,
    evidence: Evidence,
}

impl VerifiedPointer {
    /// Hours that the clock of a job may be off from that of the log.
    pub const CLOCK_HOURS: u32 = 1;

    /// Verifies a pointer and its bundle. One that a scheduled run signed must bring the pointer
    /// that it renews, which a person's run signed. Whoever signed a renewal, it must select what
    /// that one selects.
    ///
    /// # Errors
    /// When a bundle does not verify under the channel policy, or when the pointer is malformed,
    /// is of another product or channel, or changes what it renews.
    pub fn verify(
        product: &Product,
        channel: Channel,
        pointer: &[u8],
        bundle: &[u8],
        root: &TrustedRoot,
    ) -> Result<Self, Refusal> {
        let subject = &channel.pointer_path();
        let policy = Policy::of_channel(product);
        let (pointer, evidence) =
            signed(subject, product, channel, pointer, bundle, &policy, root)?;
        let by_the_clock = evidence.claim(Claim::BuildTrigger) == Some(Policy::BY_THE_CLOCK);
        let selection = if by_the_clock || pointer.renews.is_some() {
            renewed(subject, product, &pointer, root)?
        } else {
            pointer.sequence
        };
        Ok(Self {
            pointer,
            selection,
            evidence,
        })
    }

    /// Sequence of the pointer by which a person selected the release: this one, or the one that
    /// this one renews.
    #[must_use]
    pub fn selection(&self) -> u64 {
        self.selection
    }

    /// The pointer.
    #[must_use]
    pub fn pointer(&self) -> &Pointer {
        &self.pointer
    }

    /// What verification learned.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Holds a release against the digests that this pointer names: of its manifest, and of its
    /// bootstrap scripts. Patched scripts are vouched for by the pointer alone, and must be as many
    /// as the release's own.
    ///
    /// # Errors
    /// When it is another release, another manifest of the same one, or has other scripts.
    pub fn names(&self, release: &VerifiedRelease) -> Result<(), Refusal> {
        let expected = self.pointer.release_sha256;
        if release.sha256() != expected {
            let check = "digest named by the channel pointer";
            return Err(Refusal::new(
                "release.json",
                check,
                expected,
                release.sha256(),
            ));
        }
        let (own, named) = (release.manifest().bootstrap(), &self.pointer.bootstrap);
        let patched = named.tag.revision() > 0;
        if own == *named || patched && own.scripts.keys().eq(named.scripts.keys()) {
            return Ok(());
        }
        let subject = &self.pointer.channel.pointer_path();
        Err(Refusal::new(subject, "bootstrap scripts", own, named))
    }
}

/// A pointer of this product and channel whose bundle verifies under `policy`.
fn signed(
    subject: &str,
    product: &Product,
    channel: Channel,
    pointer: &[u8],
    bundle: &[u8],
    policy: &Policy,
    root: &TrustedRoot,
) -> Result<(Pointer, Evidence), Refusal> {
    let blob = verify_blob(subject, Sha256::of(pointer), bundle, policy, root)?;
    let pointer = Pointer::parse(pointer)
        .map_err(|error| Refusal::new(subject, "format", "a channel pointer", error))?;
    if pointer.product != product.name {
        let (expected, found) = (&product.name, &pointer.product);
        return Err(Refusal::new(subject, "product", expected, found));
    }
    if pointer.channel != channel {
        return Err(Refusal::new(subject, "channel", channel, pointer.channel));
    }
    // Its clock is the log's: whoever may renew a pointer cannot make it live on by itself.
    let signed = blob.evidence().signed_at();
    let latest = signed.map(|signed| signed.plus_days(Channels::LONGEST_LIFE));
    if latest.is_none_or(|latest| pointer.expires > latest) {
        let expected = format!(
            "at most {} days after it was signed",
            Channels::LONGEST_LIFE
        );
        return Err(Refusal::new(subject, "expiry", expected, pointer.expires));
    }
    let latest = signed.map(|signed| signed.plus_hours(VerifiedPointer::CLOCK_HOURS));
    if latest.is_none_or(|latest| pointer.selected > latest) {
        let (check, expected) = ("time of selection", "a time before it was signed");
        return Err(Refusal::new(subject, check, expected, pointer.selected));
    }
    Ok((pointer, blob.evidence().clone()))
}

/// The sequence of what `renewal` renews, once that is proved to be a person's and to select the
/// same.
fn renewed(
    subject: &str,
    product: &Product,
    renewal: &Pointer,
    root: &TrustedRoot,
) -> Result<u64, Refusal> {
    let Some(renewed) = &renewal.renews else {
        let expected = "a pointer that a person's run signed, or such a one renewed";
        let found = "one by a scheduled run, which renews none";
        return Err(Refusal::new(subject, Claim::BuildTrigger, expected, found));
    };
    let subject = &format!("what {subject} renews");
    let (pointer, bundle) = (renewed.pointer.as_bytes(), renewed.bundle.as_bytes());
    let (policy, channel) = (Policy::of_selection(product), renewal.channel);
    let (selection, _) = signed(subject, product, channel, pointer, bundle, &policy, root)?;
    if selection.renews.is_some() {
        let (expected, found) = ("a pointer that renews none", "a renewal");
        return Err(Refusal::new(subject, "selection", expected, found));
    }
    if selection.sequence >= renewal.sequence {
        let expected = format!("a sequence below {}", renewal.sequence);
        return Err(Refusal::new(
            subject,
            "sequence",
            expected,
            selection.sequence,
        ));
    }
    if !selection.selects_like(renewal) {
        let check = "selection, which a renewal may not change";
        return Err(Refusal::new(
            subject,
            check,
            describe(&selection),
            describe(renewal),
        ));
    }
    Ok(selection.sequence)
}

fn describe(pointer: &Pointer) -> String {
    let Pointer {
        version,
        release_sha256,
        selected,
        bootstrap,
        ..
    } = pointer;
    let listed = |what: &str, versions: Vec<String>| match versions.as_slice() {
        [] => format!("nothing {what}"),
        versions => format!("{} {what}", versions.join(", ")),
    };
    let yanked = pointer.yanked.iter();
    let yanked = yanked.map(|it| format!("{} ({})", it.version, it.reason));
    let earlier = pointer.earlier.iter().map(|it| it.version.to_string());
    format!(
        "{version} with release.json sha256:{release_sha256}, selected at {selected}, {bootstrap}, \
         {}, {}",
        listed("yanked", yanked.collect()),
        listed("earlier", earlier.collect())
    )
}
