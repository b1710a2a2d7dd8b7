//! See `fuzz::TARGETS`.

#![no_main]

fuzz::program!("trusted_root", fuzz::mutation::json);
