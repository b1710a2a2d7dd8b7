//! `consume`: what a person does with a release, from a mirror, with the published bytes: a fresh
//! install, by what the channels serve; and, from the version before, an upgrade and the way back.

use super::{block_on, say};
use crate::consumer::Consumer;
use crate::project::{self, Project};
use crate::shipment::Shipment;
use crate::{Failure, cli};

pub(super) fn run(arguments: &cli::Consume) -> Result<(), Failure> {
    let product = Project::product()?;
    let plan = project::read_plan(&product, &arguments.assets.plan.plan)?;
    let predecessor = project::read_plan(&product, &arguments.predecessor_plan)?;
    let shipment = Shipment::open(&plan, &arguments.assets.dir)?;
    let scratch = tempfile::tempdir()?;
    let person = |name: &str| Consumer {
        product: &product,
        mirror: &arguments.mirror,
        trusted_root: Some(&arguments.trusted_root),
        home: scratch.path().join(name),
    };

    let newcomer = person("newcomer");
    // What is served is the stub of the default channel, which has no pre-releases.
    let by = if arguments.channel == product.channels.default {
        newcomer.install_by(&block_on(newcomer.get_served())?)?;
        "what the channels serve"
    } else {
        newcomer.install(&arguments.assets.dir)?;
        "its own script"
    };
    newcomer.runs(&plan)?;
    newcomer.verify(&shipment)?;
    say(format!(
        "a newcomer installed {} by {by} and verified every asset with it",
        plan.version
    ));

    let follower = person("follower");
    follower.install(&arguments.predecessor)?;
    follower.runs(&predecessor)?;
    follower.upgrade(["--channel", &arguments.channel.to_string()])?;
    follower.runs(&plan)?;
    follower.roll_back()?;
    follower.runs(&predecessor)?;
    say(format!(
        "a follower upgraded from {} to {} and rolled back",
        predecessor.version, plan.version
    ));
    Ok(())
}
