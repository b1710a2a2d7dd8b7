//! See `fuzz::TARGETS`.

#![no_main]

fuzz::program!("key_bundle", fuzz::mutation::json);
