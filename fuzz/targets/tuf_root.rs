//! See `fuzz::TARGETS`.

#![no_main]

fuzz::program!("tuf_root", fuzz::mutation::json);
