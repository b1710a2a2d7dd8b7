//! See `fuzz::TARGETS`.

#![no_main]

fuzz::program!("signature");
