//! A TUF repository with keys of its own, as Sigstore's is laid out (consistent snapshots, targets
//! under `targets/`): it publishes trusted roots, changes its keys, and goes wrong in every way a
//! test wants. Unmodified clients follow it.

mod repository;
mod served;

pub use repository::{Repository, Role};
pub use served::{Fault, Tuf};
