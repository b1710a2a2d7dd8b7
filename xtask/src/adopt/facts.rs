//! What is known of a program that is to be released: from Cargo, from git, from a `product.yaml`
//! that is there, and from what the caller says, which only GitHub knows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand, Package, TargetKind};
use release_plan::{Changes, Exit, Identities, Product, Repository, sources};

use super::templates;
use crate::failure::Exiting as _;
use crate::git::Origin;
use crate::project::{DIST_FILE, LOCK_FILE, MANIFEST_FILE, PLAYBOOK_FOLDER, PRODUCT_FILE};
use crate::{Failure, files};

/// What the caller says.
pub(crate) struct Known<'a> {
    pub(crate) package: Option<&'a str>,
    pub(crate) summary: Option<&'a str>,
    pub(crate) repository: Option<&'a str>,
    pub(crate) repository_id: Option<u64>,
    pub(crate) owner_id: Option<u64>,
    pub(crate) default_branch: Option<&'a str>,
}

/// What is known.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The work tree.
    pub(crate) root: PathBuf,
    pub(crate) product: Product,
    /// The folder of the program's package below the root, with `/` between parts; empty for the
    /// root itself.
    pub(crate) package: String,
    /// The program's first source file, below that folder.
    pub(crate) main: String,
    /// Whether the workspace has the maintainer's command as a member.
    pub(crate) has_xtask: bool,
}

impl Facts {
    /// Gathers them in the work tree that `folder` lies in.
    ///
    /// # Errors
    /// When something is not known that has to be: with the flag or the line that tells it.
    pub(crate) fn gather(folder: &Path, known: &Known<'_>) -> Result<Self, Failure> {
        let origin = Origin::of(folder)?;
        let root = origin.root.clone();
        let metadata = metadata(&root)?;
        let there = root.join(PRODUCT_FILE);
        let there = if there.is_file() {
            let text = files::read_text(&there)?;
            Some(sources::product(PRODUCT_FILE, &text).or_exit(Exit::Input)?)
        } else {
            None
        };
        let named = known.package.or(there.as_ref().map(|there| &*there.name));
        let package = program(&metadata, named)?;
        if package.license.is_none() && package.license_file.is_none() {
            let manifest = &package.manifest_path;
            return Err(unknown(&format!(
                "{manifest}: expected `license`, which a bill of materials tells, found none"
            )));
        }
        let product = match there {
            Some(there) => agreeing(there, known)?,
            None => product(package, &origin, known)?,
        };
        let below = |path: &cargo_metadata::camino::Utf8Path, from: &Path| {
            let path = path.as_std_path().strip_prefix(from).ok()?;
            let parts: Option<Vec<_>> = path.iter().map(|part| part.to_str()).collect();
            Some(parts?.join("/"))
        };
        let folder = package.manifest_path.parent();
        let target = package.targets.iter().find(|target| is_program(target));
        let package_folder = folder.and_then(|folder| below(folder, &root));
        let main = target
            .zip(folder)
            .and_then(|(target, folder)| below(&target.src_path, folder.as_std_path()));
        let (Some(package), Some(main)) = (package_folder, main) else {
            let message = format!("{}: expected its sources below it", root.display());
            return Err(Failure::new(Exit::Input, message));
        };
        let xtask = templates::xtask_package(&product);
        let has_xtask = metadata
            .packages
            .iter()
            .any(|package| package.name == xtask);
        Ok(Self {
            root,
            product,
            package,
            main,
            has_xtask,
        })
    }
}

fn metadata(root: &Path) -> Result<Metadata, Failure> {
    if !root.join("Cargo.toml").is_file() {
        let message = format!(
            "{}: expected a Cargo.toml at the root of the work tree, found none",
            root.display()
        );
        return Err(Failure::new(Exit::Input, message));
    }
    let mut command = MetadataCommand::new();
    command.manifest_path(root.join("Cargo.toml")).no_deps();
    let metadata = command
        .exec()
        .map_err(|error| Failure::new(Exit::Input, format!("Cargo.toml: {error}")))?;
    if metadata.workspace_root.as_std_path() != root {
        let message = format!(
            "{}: expected a workspace of its own, found it in that of {}",
            root.display(),
            metadata.workspace_root
        );
        return Err(Failure::new(Exit::Input, message));
    }
    Ok(metadata)
}

fn is_program(target: &cargo_metadata::Target) -> bool {
    target.kind.contains(&TargetKind::Bin)
}

/// The package whose program is released: it has the package's name.
fn program<'a>(metadata: &'a Metadata, named: Option<&str>) -> Result<&'a Package, Failure> {
    let programs = metadata.packages.iter().filter(|package| {
        let mut targets = package.targets.iter();
        targets.any(|target| is_program(target) && *package.name == target.name)
    });
    let programs: Vec<&Package> = programs.collect();
    let found: Vec<&str> = programs.iter().map(|package| &**package.name).collect();
    let picked: Vec<&&Package> = match named {
        Some(name) => programs
            .iter()
            .filter(|package| *package.name == name)
            .collect(),
        None => programs.iter().collect(),
    };
    if let [one] = picked[..] {
        return Ok(one);
    }
    let found = match found[..] {
        [] => "none".to_owned(),
        _ => found.join(", "),
    };
    Err(unknown(&match named {
        Some(name) => format!(
            "Cargo.toml: expected a package {name} with a program of that name, found {found}"
        ),
        None => format!(
            "Cargo.toml: expected one package with a program of its name, found {found}; name one \
             with --package NAME"
        ),
    }))
}

/// A product made of what Cargo, git and the caller say.
fn product(package: &Package, origin: &Origin, known: &Known<'_>) -> Result<Product, Failure> {
    let manifest = &package.manifest_path;
    let summary = known.summary.or(package.description.as_deref());
    let summary = summary.ok_or_else(|| {
        unknown(&format!(
            "{manifest}: expected `description`, found none; write it, or say --summary TEXT"
        ))
    })?;
    let url = known
        .repository
        .or(package.repository.as_deref())
        .or(origin.url.as_deref());
    let url = url.map(repository_url).ok_or_else(|| {
        unknown(&format!(
            "{manifest}: expected `repository`, or a remote called origin, found neither; say \
             --repository https://github.com/OWNER/NAME"
        ))
    })?;
    let branch = known.default_branch.or(origin.default_branch.as_deref());
    let branch = branch.ok_or_else(|| {
        unknown("git: expected a branch that is checked out, found none; say --default-branch NAME")
    })?;
    let id = |id: Option<u64>, flag: &str, what: &str| {
        id.ok_or_else(|| {
            let api = url.replacen("https://github.com/", "https://api.github.com/repos/", 1);
            unknown(&format!(
                "expected {flag} NUMBER: only GitHub knows {what}; {api} has it"
            ))
        })
    };
    let own = templates::own()?;
    let mut product = Product {
        name: package.name.to_string(),
        summary: summary.trim().to_owned(),
        repository: Repository {
            id: id(
                known.repository_id,
                "--repository-id",
                "a repository's id, `id`",
            )?,
            owner_id: id(known.owner_id, "--owner-id", "its owner's, `owner.id`")?,
            url,
        },
        identities: Identities {
            default_branch: branch.to_owned(),
            ..own.identities
        },
        channels: own.channels,
        upgrades: own.upgrades,
        deprecations: Vec::new(),
        changes: Changes {
            behaviour: behaviour(package, &origin.root),
            ..Changes::default()
        },
        bootstrap_revision: 0,
    };
    if let Some((owner, name)) = product.repository.slug() {
        product.channels.url = format!("https://{owner}.github.io/{name}").to_lowercase();
    }
    product
        .check()
        .map_err(|error| unknown(&format!("{PRODUCT_FILE}: {error}")))?;
    Ok(product)
}

/// What decides what a program does, as far as Cargo and what is written here tell.
fn behaviour(package: &Package, root: &Path) -> Vec<String> {
    let folder = package.manifest_path.parent();
    let folder = folder.and_then(|folder| folder.strip_prefix(root).ok());
    let below = |name: &str| {
        folder
            .map_or(name.into(), |folder| folder.join(name))
            .to_string()
    };
    let others = [
        ".github/workflows",
        "bootstrap",
        DIST_FILE,
        LOCK_FILE,
        MANIFEST_FILE,
        PLAYBOOK_FOLDER,
        PRODUCT_FILE,
        "rust-toolchain.toml",
    ];
    let own = [below("build.rs"), below(MANIFEST_FILE), below("src")];
    let all: BTreeSet<_> = others.map(str::to_owned).into_iter().chain(own).collect();
    all.into_iter().collect()
}

/// A product that is there, unless the caller says otherwise.
fn agreeing(there: Product, known: &Known<'_>) -> Result<Product, Failure> {
    let repository = &there.repository;
    let says = |flag: &str, said: Option<String>, found: &dyn ToString| {
        let found = found.to_string();
        match said {
            Some(said) if said != found => Err(unknown(&format!(
                "{PRODUCT_FILE}: expected {said:?} as {flag} says, found {found:?}; edit the file \
                 or leave the flag out"
            ))),
            _ => Ok(()),
        }
    };
    let text = |said: Option<&str>| said.map(str::to_owned);
    let number = |said: Option<u64>| said.map(|said| said.to_string());
    says("--summary", text(known.summary), &there.summary)?;
    says(
        "--repository",
        known.repository.map(repository_url),
        &repository.url,
    )?;
    says(
        "--repository-id",
        number(known.repository_id),
        &repository.id,
    )?;
    says("--owner-id", number(known.owner_id), &repository.owner_id)?;
    says(
        "--default-branch",
        text(known.default_branch),
        &there.identities.default_branch,
    )?;
    Ok(there)
}

/// The address of a repository on GitHub as people open it, from any of the ways to write it.
fn repository_url(url: &str) -> String {
    let path = [
        "git@github.com:",
        "ssh://git@github.com/",
        "git://github.com/",
    ]
    .iter()
    .find_map(|form| url.strip_prefix(form));
    let url = path.map_or(url.to_owned(), |path| format!("https://github.com/{path}"));
    let url = url.trim_end_matches('/');
    url.strip_suffix(".git").unwrap_or(url).to_owned()
}

fn unknown(message: &str) -> Failure {
    Failure::new(Exit::Input, message)
}

#[cfg(test)]
mod tests {
    use super::repository_url;

    #[test]
    fn a_repository_is_known_however_its_address_is_written() {
        for url in [
            "https://github.com/example/lantern",
            "https://github.com/example/lantern.git",
            "https://github.com/example/lantern/",
            "git@github.com:example/lantern.git",
            "ssh://git@github.com/example/lantern.git",
        ] {
            assert_eq!(repository_url(url), "https://github.com/example/lantern");
        }
    }
}
