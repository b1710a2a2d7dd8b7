//! The programs of a release, one for each target: how they are compiled, examined, run and packed.
//! Every file that decides about their bytes lies here.

pub(crate) mod archive;
pub(crate) mod built;
pub(crate) mod compile;
pub(crate) mod compiler;
pub(crate) mod configuration;
mod headers;
pub(crate) mod inspect;
mod leaks;
pub(crate) mod members;
pub(crate) mod runner;

pub(crate) use headers::Headers;
