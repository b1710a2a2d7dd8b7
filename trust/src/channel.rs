//! A channel pointer, believed under an identity of its own.

use release_plan::{Channel, Pointer, Policy, Product, Sha256};

use crate::{Evidence, Refusal, TrustedRoot, VerifiedRelease, verify_blob};

/// A pointer, verified for exactly one product and channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedPointer {
    pointer: Pointer,
    evidence: Evidence,
}

impl VerifiedPointer {
    /// Verifies a pointer and its bundle.
    ///
    /// # Errors
    /// When the bundle does not verify under the channel policy, or when the pointer is malformed
    /// or is of another product or channel.
    pub fn verify(
        product: &Product,
        channel: Channel,
        pointer: &[u8],
        bundle: &[u8],
        root: &TrustedRoot,
    ) -> Result<Self, Refusal> {
        let subject = channel.pointer_path();
        let subject = subject.as_str();
        let policy = Policy::of_channel(product);
        let blob = verify_blob(subject, Sha256::of(pointer), bundle, &policy, root)?;
        let pointer = Pointer::parse(pointer)
            .map_err(|error| Refusal::new(subject, "format", "a channel pointer", error))?;
        if pointer.product != product.name {
            return Err(Refusal::new(
                subject,
                "product",
                &product.name,
                &pointer.product,
            ));
        }
        if pointer.channel != channel {
            return Err(Refusal::new(subject, "channel", channel, pointer.channel));
        }
        Ok(Self {
            pointer,
            evidence: blob.evidence().clone(),
        })
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

    /// Holds a release against the digest that this pointer names.
    ///
    /// # Errors
    /// When it is another release, or another manifest of the same one.
    pub fn names(&self, release: &VerifiedRelease) -> Result<(), Refusal> {
        let expected = self.pointer.release_sha256;
        if release.sha256() == expected {
            Ok(())
        } else {
            let check = "digest named by the channel pointer";
            Err(Refusal::new(
                "release.json",
                check,
                expected,
                release.sha256(),
            ))
        }
    }
}
