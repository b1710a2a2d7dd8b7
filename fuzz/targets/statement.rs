//! See `fuzz::TARGETS`.

#![no_main]

fuzz::program!("statement", fuzz::mutation::json);
