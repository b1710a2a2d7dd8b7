//! Why a release is believed.
//!
//! Bytes, a policy and a trusted root go in; a `Verified…` value or a [`Refusal`] comes out.
//! Nothing here reads a file, a socket or the environment. The values that verification makes have
//! private fields and no other constructor, so that code which takes one cannot be handed bytes
//! that nobody verified.

mod blob;
mod channel;
pub mod crypto;
mod refusal;
mod release;
mod root;

pub use blob::{Evidence, VerifiedBlob, verify_blob};
pub use channel::VerifiedPointer;
pub use refusal::Refusal;
pub use release::{VerifiedAsset, VerifiedRelease};
pub use root::{RootError, TrustedRoot};
