//! See `fuzz::TARGETS`.

#![no_main]

fuzz::program!("manifest", fuzz::mutation::json);
