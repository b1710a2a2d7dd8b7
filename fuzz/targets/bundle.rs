//! See `fuzz::TARGETS`.

#![no_main]

fuzz::program!("bundle", fuzz::mutation::json);
