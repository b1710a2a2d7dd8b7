//! Why a release is believed.
//!
//! Bytes, a policy and a trusted root go in; a `Verified…` value or a [`Refusal`] comes out.
//! Nothing here reads a file, a socket or the environment. The values that verification makes have
//! private fields and no other constructor, so that code which takes one cannot be handed bytes
//! that nobody verified.

mod bundle;
mod channel;
pub mod crypto;
mod evidence;
mod explain;
mod json;
mod key;
mod log;
mod profile;
mod refusal;
mod release;
mod root;
mod tuf;
mod unlogged;
mod verify;

pub use bundle::Content;
pub use channel::VerifiedPointer;
pub use evidence::{CertificateClaims, Check, Evidence, SignedBy};
pub use key::{KeyError, PublicKey};
pub use refusal::Refusal;
pub use release::{VerifiedAsset, VerifiedRelease};
pub use root::{RootError, TrustedRoot};
pub use tuf::{RefreshError, RefreshedRoot, Sigstore, TufFiles, TufRoot};
pub use verify::{
    Artifact, LogEntry, Signer, Unverified, VerifiedBlob, verify, verify_blob, verify_statement,
};
