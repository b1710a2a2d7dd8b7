//! The programs of a release, one for each target: how they are compiled, examined, run and packed.
//! Every file that decides about their bytes lies here.

mod archive;
mod headers;
mod leaks;
pub(crate) mod members;
mod runner;
