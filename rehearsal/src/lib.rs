//! A GitHub and a Sigstore on loopback, which speak the real protocols.
//!
//! Everything listens on 127.0.0.1 and is never linked into what ships. Each half hands out an
//! [`axum::Router`]; [`Server`] puts one on a port of its own.

pub mod formula;
pub mod github;
mod kept;
mod line;
mod loopback;
pub mod node;
pub mod openapi;
mod server;
pub mod sigstore;
mod traffic;
pub mod tuf;
pub mod verifiers;

pub use kept::{Kept, KeptRelease};
pub use loopback::{Loopback, LoopbackError};
pub use server::Server;
