//! The story of a release, as maintainers write it: a fragment for each change, and a review of the
//! side effects of those that change behaviour. Relies on `pulldown-cmark` for Markdown and
//! `serde-saphyr` for what stands before it.

mod document;
mod fault;
mod fragment;
mod guide;
mod review;
mod slug;
mod spec;

pub use fault::Fault;
pub use fragment::Fragment;
pub use guide::{Guide, RELEASES};
pub use review::Review;
pub use slug::{Slug, SlugError};
pub use spec::{SPECS, Spec, Status};

/// Where the fragments of the next release lie, below the root of the tree.
pub const NEXT: &str = "release-plan/next";
/// The most bytes of a fragment or a review.
pub const MOST_BYTES: usize = 64 * 1024;
/// The most bytes of a guide, or of the reviews of a release.
pub const MOST_FROZEN_BYTES: usize = 1024 * 1024;
/// How the name of a file of reviews ends.
pub const REVIEW: &str = ".side-effects.md";
/// What a template says where words are wanted; nothing that says it is finished.
pub const PLACEHOLDER: &str = "REPLACE:";
