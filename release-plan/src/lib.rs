//! What a release is, as pure values.
//!
//! A name, a digest line or a field of the manifest is computed here once and read by both
//! halves: by the maintainer's command, which makes a release, and by the released program,
//! which consumes it. Nothing here knows a network, a clock, an environment or git.

mod asset;
mod bootstrap;
mod builtins;
mod bump;
#[cfg(feature = "sources")]
pub mod changes;
mod channel;
mod checksums;
mod commit;
mod contents;
mod deprecation;
mod digest;
#[cfg(feature = "sources")]
mod embed;
mod exit;
mod feed;
mod instant;
mod json;
mod manifest;
mod news;
mod plan;
mod pointer;
mod policy;
mod product;
mod reason;
#[cfg(feature = "sources")]
pub mod sources;
mod surface;
mod tag;
mod target;
mod type_at;

pub use asset::{
    Asset, AssetKind, AssetName, AssetNameError, BUNDLE_SUFFIX, PROVENANCE_SUFFIX, PlannedAsset,
};
pub use bootstrap::{Bootstrap, BootstrapTag, BootstrapTagError};
pub use builtins::{BUILTINS_SCHEMA, Builtin, Builtins, Installed, Shipped};
pub use bump::{Bump, UnknownBump};
pub use channel::{Channel, UnknownChannel};
pub use checksums::{Checksums, ChecksumsError};
pub use commit::{CommitId, CommitIdError};
pub use contents::Contents;
pub use deprecation::Deprecation;
pub use digest::{Measured, Meter, Sha256, Sha256Error};
#[cfg(feature = "sources")]
pub use embed::embed;
pub use exit::Exit;
pub use feed::{Feed, Feeds, Origin, UnknownOrigin};
pub use instant::Instant;
pub use json::{FormatError, Limits};
pub use manifest::{MANIFEST_SCHEMA, Manifest, ManifestError, StdOrigin, Toolchain};
pub use news::{Capability, News};
pub use plan::{
    PLAN_SCHEMA, Plan, PlanError, Reservation, Source, Tools, UnknownTarget, WithoutError,
};
pub use pointer::{Earlier, POINTER_SCHEMA, Pointer, PointerError, SignedPointer, Yanked};
pub use policy::{Claim, Expectation, LogEvidence, Policy};
pub use product::{Changes, Channels, Identities, Product, ProductError, Repository, Upgrades};
pub use reason::{Reason, ReasonError};
pub use semver::Version;
pub use surface::{Argument, Difference, GONE, NEW, OTHER, SURFACE_SCHEMA, Surface, named};
pub use tag::{Tag, TagError};
pub use target::{Target, TargetError};
pub use type_at::{TypeAt, TypeAtError};
