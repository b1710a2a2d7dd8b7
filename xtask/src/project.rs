//! The project to be released: its files, its package and its tree, gathered once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cargo_metadata::{MetadataCommand, Package};
use playbook::Playbook;
use release_plan::sources::{self, DistWorkspace, ReleaseMetadata};
use release_plan::{
    Contents, Exit, Measured, PLAN_SCHEMA, Plan, Policy, Product, Source, Tag, Target, Tools,
    Version,
};

use crate::failure::Exiting as _;
use crate::git::{self, Tree};
use crate::{Failure, files};

pub(crate) const PRODUCT_FILE: &str = "release-plan/product.yaml";
pub(crate) const DIST_FILE: &str = "dist-workspace.toml";
pub(crate) const MANIFEST_FILE: &str = "Cargo.toml";
const TOOLCHAIN_FILE: &str = "rust-toolchain.toml";
pub(crate) const LOCK_FILE: &str = "Cargo.lock";
pub(crate) const PLAYBOOK_FOLDER: &str = "playbook/skills";
/// What of the tree goes out as it is, whether git tracks it or not.
const SHIPPED: [&str; 3] = ["README.md", "LICENSE*", PLAYBOOK_FOLDER];

/// A workspace with a product in it.
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    pub(crate) product: Product,
    dist: DistWorkspace,
    metadata: ReleaseMetadata,
    rust_toolchain: String,
    package: Package,
    /// Folders of the workspace's packages, below the root.
    folders: Vec<PathBuf>,
    /// The libraries that others may depend on, by the names of their packages.
    libraries: BTreeMap<String, Library>,
    /// Roots of all libraries, below the root, by the names that code has for them.
    crates: BTreeMap<String, String>,
    target_folder: PathBuf,
}

/// A library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Library {
    /// What code calls it.
    pub(crate) name: String,
    /// The file of its root, below the root of the tree.
    pub(crate) root: String,
}

impl Project {
    /// Reads the project that `folder` lies in: the nearest folder with a `dist-workspace.toml`.
    pub(crate) fn find(folder: &Path) -> Result<Self, Failure> {
        let root = Self::root_of(folder)?;
        let text = |file: &str| files::read_text(&root.join(file));
        let product = product_of(root)?;
        let dist = sources::dist_workspace(DIST_FILE, &text(DIST_FILE)?).or_exit(Exit::Input)?;
        let rust_toolchain =
            sources::rust_toolchain(TOOLCHAIN_FILE, &text(TOOLCHAIN_FILE)?).or_exit(Exit::Input)?;
        let metadata =
            sources::release_metadata(MANIFEST_FILE, &text(MANIFEST_FILE)?).or_exit(Exit::Input)?;
        let workspace = Workspace::read(root, &product.name)?;
        Ok(Self {
            root: root.to_owned(),
            product,
            dist,
            metadata,
            rust_toolchain,
            package: workspace.package,
            folders: workspace.folders,
            libraries: workspace.libraries,
            crates: workspace.crates,
            target_folder: workspace.target_folder,
        })
    }

    fn root_of(folder: &Path) -> Result<&Path, Failure> {
        Self::root(folder).ok_or_else(|| {
            let message = format!(
                "{}: expected a folder with {DIST_FILE}, or one below it",
                folder.display()
            );
            Failure::new(Exit::Input, message)
        })
    }

    /// The root of the project that `folder` lies in.
    pub(crate) fn root(folder: &Path) -> Option<&Path> {
        let mut above = folder.ancestors();
        above.find(|ancestor| ancestor.join(DIST_FILE).is_file())
    }

    /// The product of the project that the process was started in: for stages that handle finished
    /// assets, in jobs where nothing is compiled and cargo need not be.
    pub(crate) fn product() -> Result<Product, Failure> {
        let here = std::env::current_dir()?;
        product_of(Self::root_of(&here)?)
    }

    /// Reads the project that the process was started in.
    pub(crate) fn here() -> Result<Self, Failure> {
        Self::find(&std::env::current_dir()?)
    }

    /// The version that the package says it has.
    pub(crate) fn package_version(&self) -> &Version {
        &self.package.version
    }

    /// The folders of the workspace's packages, below the root.
    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// The libraries that are published, by the names of their packages.
    pub(crate) fn libraries(&self) -> &BTreeMap<String, Library> {
        &self.libraries
    }

    /// The roots of all libraries, below the root of the tree, by the names that code has for them.
    pub(crate) fn crates(&self) -> &BTreeMap<String, String> {
        &self.crates
    }

    /// Where cargo puts what it makes.
    pub(crate) fn target_folder(&self) -> &Path {
        &self.target_folder
    }

    /// The targets that a release has an archive for, sorted.
    pub(crate) fn targets(&self) -> &[Target] {
        &self.dist.targets
    }

    /// The tools that make a release.
    pub(crate) fn tools(&self) -> Tools {
        Tools {
            rust: self.rust_toolchain.clone(),
            zig: self.metadata.zig.clone(),
            cargo_zigbuild: self.metadata.cargo_zigbuild.clone(),
            cargo_dist: self.dist.dist_version.clone(),
            cargo_cyclonedx: self.metadata.cargo_cyclonedx.clone(),
        }
    }

    /// Where rehearsals leave what they made.
    pub(crate) fn rehearsals(&self) -> PathBuf {
        self.root.join("target/rehearsal")
    }

    /// What decides about the bytes that go out, whether git tracks it or not.
    pub(crate) fn watched(&self) -> Vec<String> {
        let found_by_cargo = ["build.rs", "src"];
        let sources = self.folders.iter().flat_map(|folder| {
            found_by_cargo.map(|name| folder.join(name).to_string_lossy().into_owned())
        });
        let asked_by_tools = [".cargo", "rust-toolchain"];
        let named = SHIPPED.into_iter().chain(asked_by_tools);
        named.map(str::to_owned).chain(sources).collect()
    }

    /// README and licences, which every archive carries, sorted by name.
    pub(crate) fn documents(&self) -> Result<Vec<PathBuf>, Failure> {
        let entries = std::fs::read_dir(&self.root)
            .map_err(|error| files::failed("read", &self.root, &error))?;
        let mut documents = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            let belongs = |name: &str| name == "README.md" || name.starts_with("LICENSE");
            if name.as_deref().is_some_and(belongs) && path.is_file() {
                documents.push(path);
            }
        }
        documents.sort();
        Ok(documents)
    }

    /// The playbook in this tree.
    pub(crate) fn playbook(&self) -> Result<Playbook, Failure> {
        Playbook::read(&self.root.join(PLAYBOOK_FOLDER)).or_exit(Exit::Input)
    }

    pub(crate) fn lock(&self) -> Result<Measured, Failure> {
        files::measure(&self.root.join(LOCK_FILE))
    }

    /// The plan to release this tree as `version`.
    pub(crate) fn plan(&self, version: &Version) -> Result<Plan, Failure> {
        let (tree, head) = git::open_head(&self.root)?;
        self.plan_of(&tree, head, version)
    }

    fn plan_of(&self, tree: &Tree, head: git::Head, version: &Version) -> Result<Plan, Failure> {
        let tag = Tag::of(version).or_exit(Exit::Input)?;
        let contents = Contents {
            targets: self.dist.targets.clone(),
            homebrew: self.dist.homebrew,
            sbom: self.metadata.cargo_cyclonedx.is_some(),
        };
        Ok(Plan {
            schema: PLAN_SCHEMA.to_owned(),
            product: self.product.name.clone(),
            repository: self.product.repository.url.clone(),
            version: version.clone(),
            identity: Policy::of_release(&self.product, &tag).identity,
            tag,
            package_version: self.package_version().clone(),
            source: Source {
                commit: head.commit,
                committed_at: head.committed_at,
                changes_sha256: tree.changes_sha256(&self.watched())?,
                lock_sha256: self.lock()?.sha256(),
            },
            tools: self.tools(),
            size_budget: self.metadata.size_budget,
            upgrades_from: self.product.upgrades.from.clone(),
            playbook_sha256: self.playbook()?.sha256(),
            assets: contents.assets(&self.product.name).or_exit(Exit::Input)?,
            left_out: Vec::new(),
        })
    }

    /// In what this tree differs from the one that was planned: the same tree and version give the
    /// same plan, byte for byte, but for what it was told to leave out.
    pub(crate) fn differences(&self, plan: &Plan) -> Result<Vec<&'static str>, Failure> {
        let now = self.plan(&plan.version)?;
        let plan = &plan.whole();
        if now == *plan {
            return Ok(Vec::new());
        }
        let (source, planned) = (&now.source, &plan.source);
        let differing: Vec<_> = [
            ("commit", source.commit != planned.commit),
            (
                "changed files",
                source.changes_sha256 != planned.changes_sha256,
            ),
            (LOCK_FILE, source.lock_sha256 != planned.lock_sha256),
            ("playbook", now.playbook_sha256 != plan.playbook_sha256),
            ("assets", now.assets != plan.assets),
            (
                "package version",
                now.package_version != plan.package_version,
            ),
            ("tools", now.tools != plan.tools),
        ]
        .into_iter()
        .filter_map(|(what, differs)| differs.then_some(what))
        .collect();
        Ok(if differing.is_empty() {
            vec!["product"]
        } else {
            differing
        })
    }

    /// Reads a plan and holds it against this tree.
    pub(crate) fn take_plan(&self, file: &Path) -> Result<Plan, Failure> {
        let plan = read_plan(&self.product, file)?;
        let differing = self.differences(&plan)?;
        if differing.is_empty() {
            return Ok(plan);
        }
        let message = format!(
            "{} is not a plan of this tree: {} differ (planned at commit {}); plan again with \
             `cargo xtask plan`",
            file.display(),
            differing.join(", "),
            plan.source.label(),
        );
        Err(Failure::new(Exit::Input, message))
    }
}

fn product_of(root: &Path) -> Result<Product, Failure> {
    let text = files::read_text(&root.join(PRODUCT_FILE))?;
    sources::product(PRODUCT_FILE, &text).or_exit(Exit::Input)
}

/// Reads a plan of `product` without holding it against a tree: for stages that only handle
/// finished assets.
pub(crate) fn read_plan(product: &Product, file: &Path) -> Result<Plan, Failure> {
    let refused =
        |message: String| Failure::new(Exit::Input, format!("{}: {message}", file.display()));
    if !file.is_file() {
        let found = "expected a plan, found none; make one with `cargo xtask plan`";
        return Err(refused(found.to_owned()));
    }
    let plan = Plan::parse(&files::read(file)?).map_err(|error| refused(error.to_string()))?;
    if plan.is_of(product) {
        return Ok(plan);
    }
    Err(refused(format!(
        "expected a plan of {} ({}), found one of {} ({})",
        product.name, product.repository.url, plan.product, plan.repository
    )))
}

/// What cargo says of the workspace.
struct Workspace {
    package: Package,
    folders: Vec<PathBuf>,
    libraries: BTreeMap<String, Library>,
    crates: BTreeMap<String, String>,
    target_folder: PathBuf,
}

impl Workspace {
    /// The workspace at `root`, in which the product is called `name`.
    fn read(root: &Path, name: &str) -> Result<Self, Failure> {
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .no_deps()
            .exec()
            .map_err(|error| Failure::new(Exit::Input, format!("Cargo.toml: {error}")))?;
        let folders = metadata.packages.iter().filter_map(|package| {
            let folder = package.manifest_path.parent()?;
            let folder = folder.strip_prefix(&metadata.workspace_root).ok()?;
            Some(folder.as_std_path().to_owned())
        });
        let folders = folders.collect();
        let root_of = |target: &cargo_metadata::Target| {
            let root = target.src_path.strip_prefix(&metadata.workspace_root);
            let root = root.ok()?.as_str().replace('\\', "/");
            target.is_lib().then_some(root)
        };
        let (mut libraries, mut crates) = (BTreeMap::new(), BTreeMap::new());
        for package in &metadata.packages {
            let registries = package.publish.as_ref();
            let published = registries.is_none_or(|registries| !registries.is_empty());
            for target in &package.targets {
                let Some(root) = root_of(target) else {
                    continue;
                };
                let name = target.name.replace('-', "_");
                crates.insert(name.clone(), root.clone());
                let library = published.then_some(Library { name, root });
                libraries.extend(library.map(|library| (package.name.to_string(), library)));
            }
        }
        let target_folder = metadata.target_directory.into();
        let mut packages = metadata.packages.into_iter();
        let package = packages
            .find(|package| package.name == name)
            .ok_or_else(|| {
                let message = format!(
                    "{PRODUCT_FILE}: name: expected a package of the workspace, found {name:?}"
                );
                Failure::new(Exit::Input, message)
            })?;
        Ok(Self {
            package,
            folders,
            libraries,
            crates,
            target_folder,
        })
    }
}
