//! `smoke`: the signed bytes of a release, tried on a machine of one of its targets before anybody
//! else gets them. What cannot be tried is said with its reason.

use std::path::{Path, PathBuf};

use release_plan::{AssetName, Exit, Plan, Product, Tag, Target};
use serde::Serialize;

use super::say;
use crate::consumer::{Consumer, TELL, check_told};
use crate::programs::{members, runner};
use crate::project::{self, Project};
use crate::shipment::Shipment;
use crate::{Failure, cli, files, report};

/// What was tried, and what was not.
#[derive(Debug, Serialize)]
struct Smoked {
    target: Target,
    tag: Tag,
    tried: Vec<String>,
    untried: Vec<String>,
}

/// The release that is tried, and where.
struct Smoke<'a> {
    product: &'a Product,
    plan: &'a Plan,
    target: &'a Target,
    assets: &'a Path,
    shipment: Shipment,
    trusted_root: Option<&'a Path>,
    scratch: &'a Path,
    /// Static tree that holds it.
    mirror: String,
}

pub(super) fn run(arguments: &cli::Smoke) -> Result<(), Failure> {
    let product = Project::product()?;
    let plan = project::read_plan(&product, &arguments.assets.plan.plan)?;
    let target = &arguments.target;
    // What installs itself needs a machine of its own; a program out of an archive needs none.
    if !target.is_windows() && !runner::is_native(target) {
        let message = format!("--target: expected a target of this machine, found {target}");
        return Err(Failure::new(Exit::Input, message));
    }
    let previous = previous(&product, arguments.previous.as_deref())?;
    let scratch = tempfile::tempdir()?;
    let tree = scratch.path().join("mirror");
    let smoke = Smoke {
        product: &product,
        plan: &plan,
        target,
        assets: &arguments.assets.dir,
        shipment: Shipment::open(&plan, &arguments.assets.dir)?,
        trusted_root: arguments.root.trusted_root.as_deref(),
        scratch: scratch.path(),
        mirror: format!("file://{}", tree.display()),
    };
    lay(&tree, &plan.tag, smoke.assets)?;
    let mut smoked = Smoked {
        target: target.clone(),
        tag: plan.tag.clone(),
        tried: Vec::new(),
        untried: Vec::new(),
    };
    if target.is_windows() {
        smoke.unpacked(&mut smoked)?;
    } else {
        smoke.installed(&mut smoked)?;
        match &previous {
            Some((folder, earlier)) if earlier.version < plan.version => {
                lay(&tree, &earlier.tag, folder)?;
                smoke.upgraded(folder, earlier, &mut smoked)?;
            }
            earlier => {
                let why = match earlier {
                    Some((_, earlier)) => format!("{} is not below it", earlier.tag),
                    None => "there is no earlier release".to_owned(),
                };
                let words = format!("upgrading to it and rolling back: {why}");
                smoked.untried.push(words);
            }
        }
        let words = "following a channel to it: no pointer names it before its promotion";
        smoked.untried.push(words.to_owned());
    }
    let shown = if arguments.json {
        format!("{}\n", serde_json::to_string_pretty(&smoked)?)
    } else {
        smoked.text()
    };
    report::print(&shown)?;
    say(format!("{} was smoked on {}", plan.tag, target.system()));
    Ok(())
}

/// The earlier release in a folder, with its plan; none in an empty one.
fn previous(product: &Product, folder: Option<&Path>) -> Result<Option<(PathBuf, Plan)>, Failure> {
    let Some(folder) = folder else {
        return Ok(None);
    };
    let entries = std::fs::read_dir(folder);
    let entries = entries.map_err(|error| files::failed("read", folder, &error))?;
    if entries.count() == 0 {
        return Ok(None);
    }
    let plan = project::read_plan(product, &folder.join(AssetName::PLAN))?;
    Ok(Some((folder.to_owned(), plan)))
}

/// Puts the assets of a release where a static tree has them.
fn lay(tree: &Path, tag: &Tag, assets: &Path) -> Result<(), Failure> {
    let place = tree.join("releases/download").join(tag.to_string());
    files::make_folder(&place)?;
    let entries = std::fs::read_dir(assets);
    for entry in entries.map_err(|error| files::failed("read", assets, &error))? {
        let entry = entry?;
        let to = place.join(entry.file_name());
        std::fs::copy(entry.path(), &to).map_err(|error| files::failed("write", &to, &error))?;
    }
    Ok(())
}

impl Smoke<'_> {
    fn person(&self, name: &str) -> Consumer<'_> {
        Consumer {
            product: self.product,
            mirror: &self.mirror,
            trusted_root: self.trusted_root,
            home: self.scratch.join(name),
        }
    }

    /// By the release's own script.
    fn installed(&self, smoked: &mut Smoked) -> Result<(), Failure> {
        let newcomer = self.person("newcomer");
        newcomer.install(self.assets)?;
        newcomer.runs(self.plan)?;
        newcomer.verify(&self.shipment)?;
        let tried = &mut smoked.tried;
        tried.push("installing it by its own install.sh".to_owned());
        tried.push("verifying every asset with the installed program".to_owned());
        Ok(())
    }

    /// From the release before, by name, and back.
    fn upgraded(&self, folder: &Path, earlier: &Plan, smoked: &mut Smoked) -> Result<(), Failure> {
        let follower = self.person("follower");
        follower.install(folder)?;
        follower.runs(earlier)?;
        follower.upgrade(["--version", &self.plan.version.to_string()])?;
        follower.runs(self.plan)?;
        follower.roll_back()?;
        follower.runs(earlier)?;
        let words = format!("upgrading from {} and rolling back", earlier.tag);
        smoked.tried.push(words);
        Ok(())
    }

    /// By hand, where there is no script yet that installs it.
    fn unpacked(&self, smoked: &mut Smoked) -> Result<(), Failure> {
        let archive = self.plan.archives_for(std::slice::from_ref(self.target))?;
        let archive = archive.first().map(|archive| &archive.name);
        let name = archive.ok_or_else(|| {
            let message = format!("expected an archive for {}, found none", self.target);
            Failure::new(Exit::Input, message)
        })?;
        let refused =
            |words: &dyn std::fmt::Display| Failure::new(Exit::Gate, format!("{name}: {words}"));
        let executable = self.target.executable(&self.product.name);
        let bytes = files::read(&self.shipment.path(name))?;
        let members = members::members(name, &bytes).map_err(|error| refused(&error))?;
        let member = members
            .iter()
            .find(|member| member.path == executable)
            .ok_or_else(|| refused(&format!("expected {executable} in it, found none")))?;
        let program = self.scratch.join(&executable);
        files::write(&program, &member.contents)?;
        let runner = runner::for_target(self.target).map_err(|why| {
            let message = format!("--target: {} cannot be run here: {why}", self.target);
            Failure::new(Exit::Input, message)
        })?;
        let run = |arguments: &[&str]| {
            let output = runner.output(&program, arguments)?;
            if output.status.success() {
                return Ok(output.stdout);
            }
            let words = String::from_utf8_lossy(&output.stderr);
            Err(refused(&format!("{}: {}", arguments[0], words.trim_end())))
        };
        check_told(&run(&TELL)?, self.plan)?;
        let mut arguments = vec!["verify".to_owned()];
        let absolute = |path: &Path| -> Result<String, Failure> {
            Ok(std::path::absolute(path)?.to_string_lossy().into_owned())
        };
        for (name, _) in &self.shipment.assets {
            arguments.push(absolute(&self.shipment.path(name))?);
        }
        if let Some(root) = self.trusted_root {
            arguments.extend(["--trusted-root".to_owned(), absolute(root)?]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run(&arguments)?;
        let tried = &mut smoked.tried;
        let how = runner.name();
        tried.push(format!("running the program out of its archive, {how}"));
        tried.push("verifying every asset with it".to_owned());
        let untried = &mut smoked.untried;
        untried.push("installing it: no script installs on Windows yet".to_owned());
        untried.push(
            "upgrading to it and rolling back: the program installs nothing there yet".to_owned(),
        );
        Ok(())
    }
}

impl Smoked {
    fn text(&self) -> String {
        let tried = self.tried.iter().map(|words| ("✓", words));
        let untried = self.untried.iter().map(|words| ("not smoked", words));
        let lines = tried.chain(untried);
        lines
            .map(|(verdict, words)| format!("{verdict:<11} {words}\n"))
            .collect()
    }
}
