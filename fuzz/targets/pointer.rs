//! See `fuzz::TARGETS`.

#![no_main]

fuzz::program!("pointer", fuzz::mutation::json);
