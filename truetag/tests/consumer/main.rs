//! A program that is released with these crates, as a black box: what its install script, its
//! commands and its home do with releases that the rehearsal's Sigstore signed.

#![cfg(unix)]

mod bundle;
mod complaints;
mod completions;
mod doctor;
mod install_options;
mod install_script;
#[cfg(target_os = "linux")]
mod kills;
mod life;
mod network;
mod own_commands;
mod owners;
mod person;
mod pins;
mod refusals;
mod renewal;
mod rescue;
mod rig;
mod stub;
mod trial;
mod trusted_root;
mod verify;
mod versions;
mod whats_new;
mod windows;
mod yank;
