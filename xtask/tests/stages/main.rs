//! The stages as a CI job runs them: the built command, on a small product in a repository of its
//! own, against the loopback GitHub and Sigstore. Releases are made on Unix: shells stand in for
//! tools here, and signals are sent.

#![cfg(unix)]

mod adopting;
mod assets;
mod attacking;
mod building;
mod builtins;
mod channels;
mod deprecations;
mod fixture;
mod gates;
mod interrupting;
mod keys;
mod planning;
mod proof;
mod provenance;
mod publishing;
mod reproducing;
mod setting_up;
mod signing;
mod smoking;
mod story;
mod words;
mod workflows;
