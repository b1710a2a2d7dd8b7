//! `consume`: what a person does with a release, from a mirror, with the published bytes: a fresh
//! install; and, from the version before, an upgrade and the way back.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use release_plan::{Exit, Plan, Product};
use serde::Deserialize;

use super::say;
use crate::project::{self, Project};
use crate::shipment::Shipment;
use crate::{Failure, cli, process};

pub(super) fn run(arguments: &cli::Consume) -> Result<(), Failure> {
    let product = Project::here()?.product;
    let plan = project::read_plan(&product, &arguments.assets.plan.plan)?;
    let predecessor = project::read_plan(&product, &arguments.predecessor_plan)?;
    let shipment = Shipment::open(&plan, &arguments.assets.dir)?;
    let scratch = tempfile::tempdir()?;
    let person = |name: &str| Person {
        product: &product,
        arguments,
        home: scratch.path().join(name),
    };

    let newcomer = person("newcomer");
    newcomer.install(&arguments.assets.dir)?;
    newcomer.runs(&plan)?;
    let mut verify = newcomer.program();
    verify
        .arg("verify")
        .args(shipment.assets.iter().map(|(name, _)| shipment.path(name)));
    newcomer.finish(verify)?;
    say(format!(
        "a newcomer installed {} and verified every asset with it",
        plan.version
    ));

    let follower = person("follower");
    follower.install(&arguments.predecessor)?;
    follower.runs(&predecessor)?;
    let mut upgrade = follower.program();
    upgrade.args(["upgrade", "--mirror", &arguments.mirror]);
    upgrade.args(["--channel", &arguments.channel.to_string()]);
    follower.finish(upgrade)?;
    follower.runs(&plan)?;
    let mut rollback = follower.program();
    rollback.arg("rollback");
    follower.run(rollback)?;
    follower.runs(&predecessor)?;
    say(format!(
        "a follower upgraded from {} to {} and rolled back",
        predecessor.version, plan.version
    ));
    Ok(())
}

/// Somebody with a home of her own.
struct Person<'a> {
    product: &'a Product,
    arguments: &'a cli::Consume,
    home: PathBuf,
}

impl Person<'_> {
    /// Runs the install script of a release.
    fn install(&self, assets: &Path) -> Result<(), Failure> {
        std::fs::create_dir_all(&self.home)?;
        let mut command = self.command(OsStr::new("sh"));
        command
            .arg(assets.join("install.sh"))
            .args(["--mirror", &self.arguments.mirror, "--dir"])
            .arg(self.installation());
        self.finish(command)
    }

    fn installation(&self) -> PathBuf {
        self.home.join("installation")
    }

    /// The program on this person's PATH.
    fn program(&self) -> Command {
        let program = self.installation().join("bin").join(&self.product.name);
        self.command(program.as_os_str())
    }

    fn command(&self, program: &OsStr) -> Command {
        let mut command = Command::new(program);
        command
            .env("HOME", &self.home)
            .env_remove(self.product.variable("HOME"));
        command
    }

    /// Runs a command that is told whose keys to believe.
    fn finish(&self, mut command: Command) -> Result<(), Failure> {
        command
            .arg("--trusted-root")
            .arg(&self.arguments.trusted_root);
        self.run(command).map(drop)
    }

    fn run(&self, mut command: Command) -> Result<Vec<u8>, Failure> {
        let output = process::output(&mut command, process::NO_LIMIT)
            .map_err(|failure| Failure::new(Exit::Gate, failure))?;
        let words = String::from_utf8_lossy(&output.stderr);
        say(words.trim_end());
        if output.status.success() {
            return Ok(output.stdout);
        }
        let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        let message = format!(
            "{} {}: expected success, found {}",
            command.get_program().to_string_lossy(),
            arguments.join(" "),
            output.status
        );
        Err(Failure::new(Exit::Gate, message))
    }

    /// The program on PATH must be the plan's, down to commit and playbook.
    fn runs(&self, plan: &Plan) -> Result<(), Failure> {
        #[derive(Deserialize, PartialEq, Debug)]
        struct Told {
            version: String,
            commit: String,
            playbook_sha256: String,
        }
        let mut command = self.program();
        command.args(["--version", "--json"]);
        let told: Told = serde_json::from_slice(&self.run(command)?)?;
        let expected = Told {
            version: plan.version.to_string(),
            commit: plan.source.label(),
            playbook_sha256: plan.playbook_sha256.to_string(),
        };
        if told == expected {
            return Ok(());
        }
        let message = format!("expected the program on PATH to be {expected:?}, found {told:?}");
        Err(Failure::new(Exit::Gate, message))
    }
}
