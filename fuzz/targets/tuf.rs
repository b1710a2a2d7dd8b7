//! See `fuzz::TARGETS`.

#![no_main]

fuzz::program!("tuf", fuzz::mutation::json);
