//! What of a release this machine can rehearse: the archives that it builds, those that were built
//! elsewhere, and what is left out, each with its reason.

use std::path::{self, PathBuf};

use release_plan::{AssetKind, AssetName, Exit, Plan, Target, Version};

use crate::failure::Exiting as _;
use crate::programs::compiler::{Builder, Compiler};
use crate::programs::{built, runner};
use crate::project::Project;
use crate::report::NotRehearsed;
use crate::tools::Tool;
use crate::{Failure, cli};

pub(super) struct Scope {
    /// Built here.
    pub(super) build: Vec<Target>,
    /// Built elsewhere, and where they lie.
    pub(super) from: Option<PathBuf>,
    /// Left out of the plan.
    pub(super) without: Vec<LeftOut>,
    /// The target whose program a person on this machine would use, where it can be built here.
    pub(super) native: Option<Target>,
}

pub(super) struct LeftOut {
    pub(super) name: AssetName,
    why: String,
}

impl Scope {
    /// Decides before anything is compiled.
    ///
    /// # Errors
    /// When a target that was asked for cannot be built here, or none can.
    pub(super) fn resolve(
        project: &Project,
        version: &Version,
        arguments: &cli::DryRun,
    ) -> Result<Self, Failure> {
        let plan = project.plan(version)?;
        let compilers = Compiler::all(&project.root)?;
        // Stages run at the root, this command where the person is.
        let from = arguments.from.as_deref().map(path::absolute).transpose()?;
        let prebuilt = match &from {
            Some(folder) => built::archives_in(&plan, folder)?,
            None => Vec::new(),
        };
        plan.archives_for(&arguments.target).or_exit(Exit::Input)?;
        let mut scope = Self {
            build: Vec::new(),
            from,
            without: Vec::new(),
            native: None,
        };
        fn refused(error: impl std::fmt::Display) -> Failure {
            Failure::new(Exit::Input, error)
        }
        for asset in &plan.assets {
            let tool = match (asset.kind, &plan.tools.cargo_cyclonedx) {
                (AssetKind::Sbom, Some(version)) => Some((Tool::CargoCyclonedx, version)),
                (AssetKind::HomebrewFormula | AssetKind::DistManifest, _) => {
                    Some((Tool::CargoDist, &plan.tools.cargo_dist))
                }
                _ => None,
            };
            let missing: Option<Failure> = match (&asset.target, tool) {
                (Some(_), _) if prebuilt.contains(asset) => None,
                (Some(target), _) => {
                    let picked = &arguments.target;
                    if !picked.is_empty() && !picked.contains(target) {
                        scope.leave_out(&asset.name, "not among the targets picked by --target");
                        continue;
                    }
                    let found = Builder::find(&compilers, target, &plan.tools);
                    if found.is_ok() {
                        scope.build.push(target.clone());
                    }
                    found.err().map(refused)
                }
                (None, Some((tool, version))) => tool.find(version).err().map(refused),
                (None, None) => None,
            };
            let Some(missing) = missing else {
                continue;
            };
            let asked = match &asset.target {
                Some(target) => arguments.all_targets || arguments.target.contains(target),
                None => arguments.strict,
            };
            if asked {
                return Err(missing);
            }
            scope.leave_out(&asset.name, missing);
        }
        let there = prebuilt.iter().filter_map(|asset| asset.target.as_ref());
        let mut there = there.chain(&scope.build);
        // Its predecessor must be built here, whoever built the version itself.
        scope.native = there
            .find(|target| {
                let known = scope.build.contains(target);
                let found = || Builder::find(&compilers, target, &plan.tools).is_ok();
                runner::is_native(target) && (known || found())
            })
            .cloned();
        if scope.build.is_empty() && prebuilt.is_empty() {
            let archives = plan.archives().map(|archive| &archive.name);
            let archives: Vec<_> = archives.collect();
            let is_archive = |left: &&LeftOut| archives.contains(&&left.name);
            let first = scope.without.iter().find(is_archive);
            let message = format!(
                "expected a target that this machine can build for, found none: {}",
                first.map(|left| left.why.as_str()).unwrap_or_default()
            );
            return Err(Failure::new(Exit::Input, message));
        }
        Ok(scope)
    }

    fn leave_out(&mut self, name: &AssetName, why: impl ToString) {
        self.without.push(LeftOut {
            name: name.clone(),
            why: why.to_string(),
        });
    }

    /// What a predecessor has no need of: all but the archive that a person upgrades from.
    pub(super) fn beside(native: &Target, plan: &Plan) -> Vec<AssetName> {
        let needed = |kind| matches!(kind, AssetKind::Plan | AssetKind::BootstrapScript);
        let whole = plan.whole();
        let beside = whole
            .assets
            .iter()
            .filter(|asset| !needed(asset.kind) && asset.target.as_ref() != Some(native));
        beside.map(|asset| asset.name.clone()).collect()
    }

    pub(super) fn not_rehearsed(&self) -> impl Iterator<Item = NotRehearsed> + '_ {
        self.without.iter().map(|left| NotRehearsed {
            what: left.name.to_string(),
            why: left.why.clone(),
        })
    }
}
