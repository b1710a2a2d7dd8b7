//! `bench`: times a stage against the tools it stands in for, on this machine, in one run.

mod assemble;
mod check;
mod publish;
mod race;
mod upgrade;
mod verify;

use crate::Failure;
use crate::cli::{Bench, BenchedStage};

pub(super) fn run(arguments: &Bench) -> Result<(), Failure> {
    match &arguments.stage {
        BenchedStage::Check(arguments) => check::run(arguments),
        BenchedStage::Assemble(arguments) => assemble::run(arguments),
        BenchedStage::Verify(arguments) => verify::run(arguments),
        BenchedStage::Publish(arguments) => publish::run(arguments),
        BenchedStage::Upgrade(arguments) => upgrade::run(arguments),
    }
}
