//! The rehearsal's Sigstore against production clients: sigstore-sign and cosign sign with it, and
//! sigstore-verify, cosign, sigstore-python and sigstore-js judge what came of it.

mod attacks;
mod attestations;
mod clients;
mod disturbances;
mod folder;
mod forgeries;
mod keys;
mod refusals;
mod rig;
mod tiles;
mod verdicts;
