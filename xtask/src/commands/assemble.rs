//! `assemble`: makes every asset but the bundles, in a folder that appears when all are whole.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use release_plan::{
    Asset, AssetKind, AssetName, BootstrapTag, Exit, Manifest, Measured, Plan, PlannedAsset,
    Target, Toolchain,
};

use super::build::target_of;
use super::say;
use crate::failure::Exiting as _;
use crate::programs::built::{self, Built};
use crate::programs::inspect;
use crate::project::Project;
use crate::{Failure, bootstrap, cli, dist, files, sbom};

pub(super) fn run(arguments: &cli::Assemble) -> Result<(), Failure> {
    let project = Project::here()?;
    let plan = project.take_plan(&arguments.plan.plan)?;
    check_replaceable(&arguments.out)?;
    // Without the slash that a person may have put at its end.
    let out: PathBuf = arguments.out.components().collect();
    let [partial, old] = [".partial", ".old"].map(|suffix| beside(&out, suffix));
    files::remove_folder(&partial)?;
    files::remove_folder(&old)?;
    files::make_folder(&partial)?;
    for folder in &arguments.from {
        built::archives_in(&plan, folder)?;
    }
    let made = assemble(&project, &plan, &arguments.from, &partial);
    if made.is_err() {
        files::remove_folder(&partial)?;
    }
    made?;
    if out.is_dir() {
        files::rename(&out, &old)?;
    }
    files::rename(&partial, &out)?;
    files::remove_folder(&old)?;
    let count = plan.assets.len() + 2;
    say(format!("{count} assets in {}", arguments.out.display()));
    Ok(())
}

/// A folder is replaced only where an earlier `assemble` made it: nothing of a person's is lost.
fn check_replaceable(out: &Path) -> Result<(), Failure> {
    let mut entries = match std::fs::read_dir(out) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(files::failed("read", out, &error)),
    };
    let made_here =
        out.join(AssetName::MANIFEST).is_file() && out.join(AssetName::CHECKSUMS).is_file();
    if made_here || entries.next().is_none() {
        return Ok(());
    }
    let message = format!(
        "--out {}: expected a new or empty folder, or one that `assemble` made, found other \
         files; name another folder",
        out.display()
    );
    Err(Failure::new(Exit::Input, message))
}

fn assemble(project: &Project, plan: &Plan, from: &[PathBuf], out: &Path) -> Result<(), Failure> {
    let mut assets = Vec::new();
    let mut toolchains = BTreeMap::new();
    let documents = project.documents()?;
    for planned in plan.archives() {
        let (asset, toolchain) = take_archive(project, plan, planned, &documents, from, out)?;
        toolchains.insert(target_of(planned).clone(), toolchain);
        assets.push(asset);
    }
    let archives = assets.clone();
    let mut derived = None;
    for planned in &plan.assets {
        let bytes = match planned.kind {
            AssetKind::Archive => continue,
            AssetKind::Plan => plan.render(),
            AssetKind::BootstrapScript => script(project, plan, &planned.name, &archives)?,
            AssetKind::Sbom => {
                sbom::sbom(&project.root, plan, &plan.targets()).or_exit(Exit::Input)?
            }
            AssetKind::HomebrewFormula | AssetKind::DistManifest => {
                let derived = match &derived {
                    Some(derived) => derived,
                    None => derived
                        .insert(dist::derive(&project.root, plan, &archives).or_exit(Exit::Input)?),
                };
                if planned.kind == AssetKind::HomebrewFormula {
                    derived.formula.clone()
                } else {
                    derived.manifest.clone()
                }
            }
            AssetKind::Other => unreachable!("a plan has no kind of asset that is not known here"),
        };
        let measured = files::write(&out.join(planned.name.as_str()), &bytes)?;
        assets.push(Asset::new(planned.clone(), measured));
    }
    seal(plan, toolchains, assets, out)
}

/// Writes `release.json` and `SHA256SUMS`, which say what the assets are.
pub(super) fn seal(
    plan: &Plan,
    toolchains: BTreeMap<Target, Toolchain>,
    assets: Vec<Asset>,
    out: &Path,
) -> Result<(), Failure> {
    let manifest = Manifest::new(plan, toolchains, assets)?;
    let measured = files::write(&out.join(AssetName::MANIFEST), &manifest.render())?;
    let checksums = manifest.checksums(measured.sha256()).render();
    files::write(&out.join(AssetName::CHECKSUMS), checksums.as_bytes())?;
    Ok(())
}

/// Takes an archive over from where `build` left it, once its record, its members and the program
/// in it are as they must be.
fn take_archive(
    project: &Project,
    plan: &Plan,
    planned: &PlannedAsset,
    documents: &[PathBuf],
    from: &[PathBuf],
    out: &Path,
) -> Result<(Asset, Toolchain), Failure> {
    let target = target_of(planned);
    // A folder that is given twice is still one place.
    let places = from.iter().filter_map(|folder| {
        let path = folder.join(planned.name.as_str());
        path.is_file().then(|| path.canonicalize().unwrap_or(path))
    });
    let places: Vec<PathBuf> = places.collect::<BTreeSet<_>>().into_iter().collect();
    let [path] = places.as_slice() else {
        let folders: Vec<String> = from
            .iter()
            .map(|folder| folder.display().to_string())
            .collect();
        let message = format!(
            "{}: expected it once in {}, found it {} times; build it with \
             `cargo xtask build --target {target}`",
            planned.name,
            folders.join(", "),
            places.len(),
        );
        return Err(Failure::new(Exit::Input, message));
    };
    let built = Built::read(path)?;
    built.check(plan, target, path)?;
    let bytes = files::read(path)?;
    let measured = Measured::of(&bytes);
    built.check_bytes(path, measured)?;
    inspect::archive(&project.root, plan, planned, documents, &bytes)?;
    files::write(&out.join(planned.name.as_str()), &bytes)?;
    Ok((Asset::new(planned.clone(), measured), built.toolchain))
}

fn script(
    project: &Project,
    plan: &Plan,
    name: &AssetName,
    assets: &[Asset],
) -> Result<Vec<u8>, Failure> {
    let template = files::read_text(&project.root.join(bootstrap::FOLDER).join(name.as_str()))?;
    let tag = BootstrapTag::own(plan.tag.clone());
    let script = bootstrap::stamp(name.as_str(), &template, &project.product, &tag, assets)?;
    Ok(script.into_bytes())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
