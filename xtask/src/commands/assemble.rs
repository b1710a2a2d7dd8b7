//! `assemble`: makes every asset but the bundles, in a folder that appears when all are whole.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use release_plan::{
    Asset, AssetKind, AssetName, Checksums, Exit, Manifest, Plan, PlannedAsset, Target, Toolchain,
};

use super::build::Built;
use super::say;
use crate::archive::{self, Member};
use crate::failure::Exiting as _;
use crate::project::Project;
use crate::{Failure, bootstrap, cli, files};

pub(super) fn run(arguments: &cli::Assemble) -> Result<(), Failure> {
    let project = Project::here()?;
    let plan = project.take_plan(&arguments.plan.plan)?;
    check_replaceable(&arguments.out)?;
    let partial = beside(&arguments.out, ".partial");
    files::remove_folder(&partial)?;
    files::make_folder(&partial)?;
    let made = assemble(&project, &plan, &arguments.binaries, &partial);
    if made.is_err() {
        files::remove_folder(&partial)?;
    }
    made?;
    files::remove_folder(&arguments.out)?;
    files::rename(&partial, &arguments.out)?;
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

fn assemble(project: &Project, plan: &Plan, binaries: &Path, out: &Path) -> Result<(), Failure> {
    let mut assets = Vec::new();
    for planned in &plan.assets {
        if let (AssetKind::Archive, Some(target)) = (planned.kind, &planned.target) {
            assets.push(archive(project, plan, planned, target, binaries, out)?);
        }
    }
    for planned in &plan.assets {
        let bytes = match planned.kind {
            AssetKind::Archive => continue,
            AssetKind::Plan => plan.render(),
            AssetKind::BootstrapScript => script(project, plan, &planned.name, &assets)?,
        };
        let measured = files::write(&out.join(planned.name.as_str()), &bytes)?;
        assets.push(Asset::new(planned.clone(), measured));
    }
    let manifest = Manifest::new(plan, toolchain(project)?, assets)?;
    let measured = files::write(&out.join(AssetName::MANIFEST), &manifest.render())?;
    let mut checksums: Checksums = manifest
        .assets
        .iter()
        .map(|asset| (asset.name.clone(), asset.sha256))
        .collect();
    checksums.insert(AssetName::MANIFEST.parse()?, measured.sha256());
    files::write(
        &out.join(AssetName::CHECKSUMS),
        checksums.render().as_bytes(),
    )?;
    Ok(())
}

fn archive(
    project: &Project,
    plan: &Plan,
    planned: &PlannedAsset,
    target: &Target,
    binaries: &Path,
    out: &Path,
) -> Result<Asset, Failure> {
    if target.is_windows() {
        let message = format!("{target}: archives for Windows cannot be made yet");
        return Err(Failure::new(Exit::Input, message));
    }
    let program = target.executable(&plan.product);
    let folder = binaries.join(target.as_str());
    let file = folder.join(&program);
    let built = Built::read(&folder)?;
    let found = Built {
        plan_sha256: plan.digest(),
        program_sha256: files::measure(&file)?.sha256(),
    };
    if built != found {
        let message = format!(
            "{}: expected the program that `build` made by this plan, found another; build again",
            file.display()
        );
        return Err(Failure::new(Exit::Input, message));
    }
    let mut members = vec![Member {
        file,
        name: program,
        executable: true,
    }];
    for file in project.documents()? {
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        members.push(Member {
            name,
            file,
            executable: false,
        });
    }
    let root = target.archive_stem(&plan.product);
    let time = plan.source.committed_at;
    let measured = files::write_with(&out.join(planned.name.as_str()), |file| {
        archive::write_tar_gz(file, &root, members, time)
    })?;
    Ok(Asset::new(planned.clone(), measured))
}

fn script(
    project: &Project,
    plan: &Plan,
    name: &AssetName,
    assets: &[Asset],
) -> Result<Vec<u8>, Failure> {
    let template = files::read_text(&project.root.join("bootstrap").join(name.as_str()))?;
    let script = bootstrap::stamp(name.as_str(), &template, &project.product, plan, assets)?;
    Ok(script.into_bytes())
}

fn toolchain(project: &Project) -> Result<Toolchain, Failure> {
    let rustc = std::env::var_os("RUSTC").unwrap_or(OsString::from("rustc"));
    let output = Command::new(rustc)
        .arg("--version")
        .current_dir(&project.root)
        .output();
    let output = output.or_exit(Exit::Input)?;
    Ok(Toolchain {
        rustc: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    })
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
