//! The tree of a release, made of the tree before it: the version wherever it stands, the guide in
//! place of its fragments, and the digests of what is frozen. Nothing is written here.

use std::collections::BTreeMap;

use release_plan::changes::{Guide, NEXT, RELEASES};
use release_plan::{AssetName, Builtins, Exit, Sha256, Version};
use toml_edit::{DocumentMut, Item, value};

use crate::failure::Exiting as _;
use crate::gates::versions;
use crate::git::Tree;
use crate::project::{LOCK_FILE, MANIFEST_FILE, PLAYBOOK_FOLDER, PRODUCT_FILE, Project};
use crate::story::{Released, SUMS, Story, reviews_file};
use crate::{Failure, told};

/// A file that is other than before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    /// Below the root of the tree.
    pub(crate) path: String,
    /// What it held; none for a new one.
    pub(crate) old: Option<String>,
    /// What it holds; none for one that goes.
    pub(crate) new: Option<String>,
}

/// Every file of the tree that `version` is released from and that is other than in this one,
/// sorted by its path.
pub(crate) fn edits(
    project: &Project,
    tree: &Tree,
    story: &Story,
    released: &Released,
    version: &Version,
) -> Result<Vec<Edit>, Failure> {
    let mut texts = BTreeMap::new();
    if version != project.package_version() {
        raise(project, tree, version, &mut texts)?;
    }
    guide(project, tree, story, released, version, &mut texts)?;
    installed(project, tree, version, &mut texts)?;
    let mut edits = Vec::new();
    for (path, new) in texts {
        let old = tree.committed(&path)?;
        if old != new {
            edits.push(Edit { path, old, new });
        }
    }
    Ok(edits)
}

/// The contents that files are to have, by their paths; none for one that goes.
type Texts = BTreeMap<String, Option<String>>;

/// Writes the version wherever it stands.
fn raise(
    project: &Project,
    tree: &Tree,
    version: &Version,
    texts: &mut Texts,
) -> Result<(), Failure> {
    let text = |path: &str| {
        let text = tree.committed(path)?;
        text.ok_or_else(|| Failure::new(Exit::Input, format!("{path}: expected it committed")))
    };
    let mut manifests = Vec::new();
    for folder in project.folders() {
        let path = folder
            .join("Cargo.toml")
            .to_string_lossy()
            .replace('\\', "/");
        let manifest: DocumentMut = text(&path)?.parse()?;
        manifests.push((path, manifest));
    }
    let name = |manifest: &DocumentMut| {
        let name = manifest["package"]["name"].as_str();
        name.unwrap_or_default().to_owned()
    };
    let inherits = |manifest: &DocumentMut| {
        let says = &manifest["package"]["version"];
        says.get("workspace").and_then(Item::as_bool) == Some(true)
    };
    let products = &project.product.name;
    let own = |manifest: &DocumentMut| name(manifest) == *products;
    let shared = manifests.iter().find(|(_, manifest)| own(manifest));
    // Packages that share a version with the product are raised with it, and no others.
    let shared = shared.is_some_and(|(_, manifest)| inherits(manifest));
    let mut raised = Vec::new();
    for (path, mut manifest) in manifests {
        if shared && inherits(&manifest) {
            raised.push(name(&manifest));
        } else if !shared && own(&manifest) {
            raised.push(name(&manifest));
            manifest["package"]["version"] = value(version.to_string());
            texts.insert(path, Some(manifest.to_string()));
        }
    }
    if shared {
        let mut root: DocumentMut = text(MANIFEST_FILE)?.parse()?;
        root["workspace"]["package"]["version"] = value(version.to_string());
        texts.insert(MANIFEST_FILE.to_owned(), Some(root.to_string()));
    }
    let old = project.package_version();
    let mut lock = text(LOCK_FILE)?;
    for name in &raised {
        let entry = |version: &Version| format!("name = \"{name}\"\nversion = \"{version}\"\n");
        lock = lock.replacen(&entry(old), &entry(version), 1);
    }
    texts.insert(LOCK_FILE.to_owned(), Some(lock));
    let product = text(PRODUCT_FILE)?;
    let numbered = format!(
        "bootstrap_revision: {}\n",
        project.product.bootstrap_revision
    );
    texts.insert(
        PRODUCT_FILE.to_owned(),
        Some(product.replacen(&numbered, "bootstrap_revision: 0\n", 1)),
    );
    let playbook = project.playbook()?;
    let skills = playbook
        .files()
        .map(|(path, _)| format!("{PLAYBOOK_FOLDER}/{path}"));
    let documents = project.documents()?.into_iter().filter_map(|path| {
        let path = path.strip_prefix(&project.root).ok()?;
        Some(path.to_string_lossy().into_owned())
    });
    for path in skills.chain(documents) {
        let Some(before) = tree.committed(&path)? else {
            continue;
        };
        let after = versions::rewritten(&project.product, &before, version);
        texts.insert(path, Some(after));
    }
    Ok(())
}

/// Puts the digests of what this version installs into the history of the builtin manifest.
fn installed(
    project: &Project,
    tree: &Tree,
    version: &Version,
    texts: &mut Texts,
) -> Result<(), Failure> {
    let Some(json) = tree.committed(told::BUILTINS)? else {
        return Ok(());
    };
    let broken = |why| Failure::new(Exit::Input, format!("{}: {why}", told::BUILTINS));
    let builtins = Builtins::parse(&json).map_err(broken)?;
    let mut installed = builtins.installed();
    installed.retain(|name, _| !name.starts_with(told::PLAYBOOK));
    // The version may stand in a skill, and has been raised.
    for (path, bytes) in project.playbook()?.files() {
        let raised = texts.get(&format!("{PLAYBOOK_FOLDER}/{path}"));
        let raised = raised.and_then(|text| text.as_ref().map(String::as_bytes));
        let name = format!("{}{path}", told::PLAYBOOK);
        installed.insert(name, Sha256::of(raised.unwrap_or(bytes)));
    }
    let builtins = builtins.installing(&installed).released(version);
    texts.insert(told::BUILTINS.to_owned(), Some(builtins.render()));
    Ok(())
}

/// Puts the guide in the place of its fragments, and the reviews beside it.
fn guide(
    project: &Project,
    tree: &Tree,
    story: &Story,
    released: &Released,
    version: &Version,
    texts: &mut Texts,
) -> Result<(), Failure> {
    let guide = Guide::write(&project.product.name, version, &story.fragments());
    let guide = guide.ok_or_else(|| {
        let message = format!("{NEXT}: expected a fragment, found none: there is nothing to tell");
        Failure::new(Exit::Gate, message)
    })?;
    let mut frozen = vec![(Guide::file(version), guide)];
    let mut reviews = Vec::new();
    for slug in story.slugs() {
        let path = format!("{NEXT}/{}", slug.review());
        if let Some(review) = tree.committed(&path)? {
            reviews.push(format!("# {slug}\n\n{}\n", review.trim()));
        }
        // A pre-release tells of what the release will tell again.
        if version.pre.is_empty() {
            texts.insert(path, None);
            texts.insert(format!("{NEXT}/{}", slug.fragment()), None);
        }
    }
    if !reviews.is_empty() {
        frozen.push((reviews_file(version), reviews.join("\n")));
    }
    let mut sums = released.sums.clone();
    for (name, text) in frozen {
        let asset: AssetName = name.parse().or_exit(Exit::Input)?;
        sums.insert(asset, Sha256::of(text.as_bytes()));
        texts.insert(format!("{RELEASES}/{name}"), Some(text));
    }
    texts.insert(format!("{RELEASES}/{SUMS}"), Some(sums.render()));
    Ok(())
}
