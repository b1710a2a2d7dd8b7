//! See `fuzz::TARGETS`.

#![no_main]

fuzz::program!("public_key");
