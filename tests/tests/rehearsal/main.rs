//! One dry-run of this very tree, and what others make of its assets: other people's verifiers,
//! and the program that it would ship.

mod derived_assets;
mod dry_run;
mod foreign_verifiers;
mod runbook;
mod shipped_program;
