//! Somebody with a home of her own, who installs and runs a release as people do: by its own script
//! and its own program.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use release_plan::{AssetName, Exit, Limits, Plan, Product};
use serde::Deserialize;

use crate::failure::say;
use crate::shipment::Shipment;
use crate::{Failure, download, files, process, signing};

/// What makes a program tell what it is.
pub(crate) const TELL: [&str; 2] = ["--version", "--json"];

/// What a program told of itself must be what the plan says, down to commit and playbook.
pub(crate) fn check_told(told: &[u8], plan: &Plan) -> Result<(), Failure> {
    #[derive(Deserialize, PartialEq, Debug)]
    struct Told {
        version: String,
        commit: String,
        playbook_sha256: String,
    }
    let told: Told = serde_json::from_slice(told)?;
    let expected = Told {
        version: plan.version.to_string(),
        commit: plan.source.label(),
        playbook_sha256: plan.playbook_sha256.to_string(),
    };
    if told == expected {
        return Ok(());
    }
    let message = format!("expected the program to be {expected:?}, found {told:?}");
    Err(Failure::new(Exit::Gate, message))
}

/// A person. Nothing of hers is there before she installs something.
pub(crate) struct Consumer<'a> {
    pub(crate) product: &'a Product,
    /// Static tree to install and upgrade from.
    pub(crate) mirror: &'a str,
    /// Trusted root to believe; none for the public Sigstore's.
    pub(crate) trusted_root: Option<&'a Path>,
    pub(crate) home: PathBuf,
}

impl Consumer<'_> {
    /// Runs the install script of the release in a folder.
    pub(crate) fn install(&self, assets: &Path) -> Result<(), Failure> {
        self.install_by(&assets.join(AssetName::INSTALL_SH))
    }

    /// Gets what is served as the install script: the stub of the default channel.
    pub(crate) async fn get_served(&self) -> Result<PathBuf, Failure> {
        let url = format!("{}/{}", self.mirror, AssetName::INSTALL_SH);
        let stub = download::get(&signing::http_client()?, &url, Limits::WHOLE_FILE).await?;
        std::fs::create_dir_all(&self.home)?;
        let script = self.home.join(AssetName::STUB_SH);
        files::write(&script, &stub)?;
        Ok(script)
    }

    /// Runs an install script.
    pub(crate) fn install_by(&self, script: &Path) -> Result<(), Failure> {
        std::fs::create_dir_all(&self.home)?;
        let mut command = self.command(OsStr::new("sh"));
        command
            .arg(script)
            .args(["--mirror", self.mirror, "--dir"])
            .arg(self.installation());
        self.finish(command)
    }

    /// Upgrades by the program on PATH, as `asked`.
    pub(crate) fn upgrade(&self, asked: [&str; 2]) -> Result<(), Failure> {
        let mut upgrade = self.installed();
        upgrade
            .args(["upgrade", "--mirror", self.mirror])
            .args(asked);
        self.finish(upgrade)
    }

    /// Goes back to the version before.
    pub(crate) fn roll_back(&self) -> Result<(), Failure> {
        let mut rollback = self.installed();
        rollback.arg("rollback");
        self.run(rollback).map(drop)
    }

    /// Verifies every asset with the program on PATH.
    pub(crate) fn verify(&self, shipment: &Shipment) -> Result<(), Failure> {
        let mut verify = self.installed();
        let assets = shipment.assets.iter().map(|(name, _)| shipment.path(name));
        verify.arg("verify").args(assets);
        self.finish(verify)
    }

    /// The program on PATH must be the plan's, down to commit and playbook.
    pub(crate) fn runs(&self, plan: &Plan) -> Result<(), Failure> {
        let mut command = self.installed();
        command.args(TELL);
        check_told(&self.run(command)?, plan)
    }

    fn installation(&self) -> PathBuf {
        self.home.join("installation")
    }

    /// The program on this person's PATH.
    fn installed(&self) -> Command {
        let program = self.installation().join("bin").join(&self.product.name);
        self.command(program.as_os_str())
    }

    fn command(&self, program: &OsStr) -> Command {
        let mut command = Command::new(program);
        command
            .env("HOME", &self.home)
            // Else profiles of whoever runs this would be edited.
            .env_remove("ZDOTDIR")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove(self.product.variable("HOME"));
        command
    }

    /// Runs a command that is told whose keys to believe.
    fn finish(&self, mut command: Command) -> Result<(), Failure> {
        if let Some(root) = self.trusted_root {
            command.arg("--trusted-root").arg(root);
        }
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
}
