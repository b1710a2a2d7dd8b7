//! What can be wrong with a bundle, one thing at a time.

use super::{Content, Forgery, Signer};
use crate::sigstore::RekorApi;

macro_rules! flaws {
    ($($(#[$meaning:meta])* $name:ident,)*) => {
        /// The one thing that is wrong with a bundle; all else in it is made as in a true one.
        ///
        /// *By another* log or authority means by one that no trusted root has, under names of its
        /// own; *forged* means by a key of one's own under the name of a trusted one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Flaw {
            $($(#[$meaning])* $name,)*
        }

        impl Flaw {
            /// Every flaw there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

flaws! {
    /// The certificate had expired when all else happened.
    CertificateExpired,
    /// The certificate was not valid yet when all else happened.
    CertificateNotYetValid,
    /// The certificate is by an authority of the same names with keys of its own.
    CertificateForged,
    /// The certificate states no extended key usage.
    CertificateWithoutPurpose,
    /// The certificate is for TLS clients, not for code signing.
    CertificateForAnotherPurpose,
    /// The certificate states a use of its key that is not signing.
    CertificateForAnotherUse,
    /// The certificate names somebody in an extension that a reader may skip, and nobody else.
    CertificateIdentityNotCritical,
    /// The certificate does not say which key its issuer has.
    CertificateIssuerKeyUnnamed,
    /// The certificate has a claim twice, and the second time another value.
    CertificateClaimTwice,
    /// The certificate holds no signed certificate timestamp.
    SctMissing,
    /// The signed certificate timestamp is by another log.
    SctByAnotherLog,
    /// The signature of the signed certificate timestamp is forged.
    SctForged,

    /// The signature is by another key than the certificate's, or the managed one.
    SignedByAnotherKey,
    /// The bundle states another message digest than the one signed.
    MessageDigestChanged,
    /// The signature is over the payload itself, not over the envelope's encoding of it.
    PayloadSignedBare,
    /// The envelope holds another payload than was signed and logged.
    PayloadSwapped,
    /// The envelope states another payload type than was signed.
    PayloadTypeChanged,
    /// The payload is signed, and logged, as of a type other than in-toto's.
    PayloadOfAnotherType,
    /// The envelope has a second signature, by another key.
    SecondSignature,
    /// The envelope has no signature.
    SignatureMissing,

    /// The bundle has no log entry.
    EntryMissing,
    /// The entry is by another log, with all its proofs.
    EntryByAnotherLog,
    /// The entry is of another signature over the same digest or envelope.
    EntryOfAnotherSignature,
    /// The entry is of the same signature over another digest or payload.
    EntryOfAnotherDigest,
    /// The entry has another certificate, or managed key.
    EntryOfAnotherSigner,
    /// The log's time is before the certificate's life, and the promise says the same.
    EntryBeforeCertificate,
    /// The log's time is after the certificate's life, and the promise says the same.
    EntryAfterCertificate,
    /// The log's time is not what the promise says.
    EntryTimeChanged,
    /// The signed entry timestamp is missing.
    PromiseMissing,
    /// The signed entry timestamp is by another log, whose name the entry bears.
    PromiseByAnotherLog,
    /// The signed entry timestamp is forged.
    PromiseForged,
    /// The inclusion proof is missing.
    ProofMissing,
    /// A hash of the inclusion proof is wrong.
    ProofCorrupt,
    /// The inclusion proof is another entry's.
    ProofOfAnotherEntry,
    /// The inclusion proof has no checkpoint.
    CheckpointMissing,
    /// The checkpoint has no signature.
    CheckpointUnsigned,
    /// The checkpoint is by another log.
    CheckpointByAnotherLog,
    /// The signature of the checkpoint is forged.
    CheckpointForged,
    /// The checkpoint, truly signed, is of another tree of the same size.
    CheckpointOfAnotherTree,

    /// The bundle has no timestamp.
    TimestampMissing,
    /// The timestamp is by an authority of the same names with keys of its own.
    TimestampForged,
    /// The timestamp is over another signature.
    TimestampOfAnotherSignature,
    /// The timestamp is of before the certificate's life.
    TimestampBeforeCertificate,
    /// The timestamp is of after the certificate's life.
    TimestampAfterCertificate,
}

impl Flaw {
    /// Whether a bundle of this kind can have the flaw: one that has no promise can have none that
    /// is forged.
    #[must_use]
    pub fn fits(self, forgery: &Forgery<'_>) -> bool {
        use Flaw::*;
        let by_job = matches!(forgery.signer, Signer::Job(_)) && forgery.certified.is_none();
        let attests = matches!(forgery.content, Content::Statement(_));
        let log_has_time = forgery.log == RekorApi::V1;
        match self {
            CertificateExpired
            | CertificateNotYetValid
            | CertificateForged
            | CertificateWithoutPurpose
            | CertificateForAnotherPurpose
            | CertificateForAnotherUse
            | CertificateIdentityNotCritical
            | CertificateIssuerKeyUnnamed
            | CertificateClaimTwice
            | SctMissing
            | SctByAnotherLog
            | SctForged => by_job,
            MessageDigestChanged => !attests,
            PayloadSignedBare | PayloadSwapped | PayloadTypeChanged | PayloadOfAnotherType
            | SecondSignature | SignatureMissing => attests,
            EntryBeforeCertificate | EntryAfterCertificate => by_job && log_has_time,
            EntryTimeChanged | PromiseMissing | PromiseByAnotherLog | PromiseForged => log_has_time,
            TimestampBeforeCertificate | TimestampAfterCertificate => by_job && forgery.timestamped,
            TimestampMissing | TimestampForged | TimestampOfAnotherSignature => forgery.timestamped,
            SignedByAnotherKey
            | EntryMissing
            | EntryByAnotherLog
            | EntryOfAnotherSignature
            | EntryOfAnotherDigest
            | EntryOfAnotherSigner
            | ProofMissing
            | ProofCorrupt
            | ProofOfAnotherEntry
            | CheckpointMissing
            | CheckpointUnsigned
            | CheckpointByAnotherLog
            | CheckpointForged
            | CheckpointOfAnotherTree => true,
        }
    }
}
